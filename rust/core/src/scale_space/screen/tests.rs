//! The bound on the error of screened responses, against the exact ones.

use super::thinning::Way;
use super::*;
use crate::interrupt::Effort;
use crate::scale_space::{Scale, filter as exact, kernel};
use crate::simd::InstructionSet;
use proptest::prelude::*;

/// The responses of one scale on a tile that is the whole image, and their bound.
struct Responses<'a> {
    image: &'a Image<f64>,
    scale: &'a Scale,
    thin: bool,
    /// How many of the other scales there are besides.
    n_others: usize,
}

/// Standard deviations of scales on each coarser grid.
const OTHERS: [f64; 3] = [4.0, 7.0, 13.5];

impl Kernel for Responses<'_> {
    type Output = (Vec<f64>, f64);

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> (Vec<f64>, f64) {
        let Self { image, scale, thin, .. } = self;
        let (rows, cols) = (image.rows(), image.cols());
        let normalization = Normalization::of(image.range()).unwrap();
        // Some on each grid besides, so that all of them are there.
        let others = OTHERS.map(|sigma| Scale::isotropic(sigma).unwrap());
        let mut screened = vec![ScreenScale::new(scale, normalization)];
        screened.extend(others.iter().map(|other| ScreenScale::new(other, normalization)));
        let reach = Reach::of(&screened[..=self.n_others]);
        let mut buffers = Lease::new(rows, cols, reach).unwrap();
        let grids = Grids::new(rows, cols, reach);
        let block = Block { row: 0, col: 0, rows, cols };
        let range = gather(available, image, normalization, block, grids.own(), &mut buffers);
        assert!(grids::thin(available, &grids, &mut buffers));
        assert!(one_axis::thin(available, &grids, &mut buffers));
        let filtering = screened[0].filtering(thin);
        let error = error::<V, OUTPUTS>(available, filtering, &grids, range, &buffers).unwrap();
        assert!(filter::<V, OUTPUTS>(
            available,
            &screened[0],
            filtering,
            &grids,
            range.middle,
            1,
            &mut buffers,
        ));
        // The tile's first row and column are the pixel around the block.
        let responses = buffers.responses[1].get();
        let at = |place: usize| {
            responses[(place % cols + 1) * grids.own().place_stride + place / cols + 1]
        };
        let responses = (0..rows * cols).map(|place| f64::from(at(place)) / normalization.factor);
        (responses.collect(), f64::from(error) / normalization.factor)
    }
}

/// Largest difference of screened responses to the exact ones, as a share of its bound.
fn share_of_bound(image: &Image<f64>, scale: &Scale, thin: bool, n_others: usize) -> f64 {
    let plane = exact::response(image, scale, Effort::of(std::num::NonZeroUsize::MIN)).unwrap();
    let sets = InstructionSet::available().into_iter();
    sets.map(|set| {
        let (responses, bound) = set.run(Responses { image, scale, thin, n_others });
        let off = responses.iter().zip(plane.pixels()).map(|(a, b)| (a - b).abs());
        off.fold(0.0, f64::max) / bound
    })
    .fold(0.0, f64::max)
}

fn anisotropic([vertical, horizontal]: [f64; 2]) -> Scale {
    let [vertical, horizontal] =
        [vertical, horizontal].map(|sigma| kernel::AxisKernels::gaussian(sigma).unwrap());
    Scale { vertical, horizontal, weight: 9.0 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn screened_responses_are_within_the_bound_of_the_exact_ones(
        rows in 1_usize..50,
        cols in 1_usize..50,
        pixels in proptest::collection::vec(prop_oneof![Just(0.0), Just(1.0), -1.0_f64..2.0], 2500),
        sigmas in [0.6_f64..18.0, 0.6_f64..18.0],
        pedestal in prop_oneof![Just(0.0), Just(1e3), Just(-50.0)],
        n_others in 0..=OTHERS.len(),
    ) {
        let mut pixels = pixels[..rows * cols].to_vec();
        for pixel in &mut pixels {
            *pixel += pedestal;
        }
        // A constant image is not screened.
        pixels[0] += 5.0;
        let image = Image::new(rows, cols, pixels).unwrap();
        for scale in [Scale::isotropic(sigmas[0]).unwrap(), anisotropic(sigmas)] {
            for thin in [false, true] {
                let share = share_of_bound(&image, &scale, thin, n_others);
                prop_assert!(rows * cols == 1 || share <= 1.0, "{share}");
            }
        }
    }
}

#[test]
fn the_bound_holds_where_pixels_are_worst_for_the_kernel() {
    // Stripes of the signs of what the fit leaves are what a bound of absolute sums is about: these
    // periods lie around the finest that coarser grids hold, and the ends of kernels.
    for (sigma, way) in [
        (3.4, Way::Half),
        (5.0, Way::Half),
        (6.4, Way::Slim(2)),
        (10.5, Way::Slim(2)),
        (13.1, Way::Slim(3)),
        (20.0, Way::Slim(3)),
    ] {
        let scale = Scale::isotropic(sigma).unwrap();
        let normalization = Normalization { middle: 0.0, factor: 1.0, exact: [0.0; 2] };
        let screened = ScreenScale::new(&scale, normalization);
        assert_eq!(screened.filtering(true).way, way);
        let mut most: f64 = 0.0;
        for half in 1..8 {
            let stripe = |place: usize| if (place / half).is_multiple_of(2) { 1.0 } else { -1.0 };
            for by_row in [false, true] {
                let pixel = |i: usize| stripe(i % 96) * if by_row { stripe(i / 96) } else { 1.0 };
                let image = Image::new(96, 96, (0..96 * 96).map(pixel).collect()).unwrap();
                most = most.max(share_of_bound(&image, &scale, true, half % 4));
            }
        }
        assert!(most <= 1.0, "{sigma} {most}");
        // Nor is it far from what happens.
        assert!(most > 0.01, "{sigma} {most}");
    }
}
