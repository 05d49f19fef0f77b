//! The Laplacian of Gaussian of an image, by separable passes.
//!
//! Every pass sums in `f64` in a fixed order, the centre first, then the pairs from the outermost
//! inwards, multiplication and addition rounded apart, and rounds its result to the pixel type.
//! These are the rounding steps of `scipy.ndimage.gaussian_laplace`, so results agree to the bit.

use super::kernel::{HalfKernel, Scale};
use crate::Result;
use crate::image::{Pixel, Plane, reflect};
use crate::interrupt::Effort;
use crate::memory::filled;

/// Minus the Laplacian of Gaussian times the scale's weight: bright blobs are positive maxima.
///
/// # Errors
/// [`crate::Error::Memory`], [`crate::Error::Interrupted`].
pub(super) fn response<T: Pixel>(
    image: &Plane<T>,
    scale: &Scale,
    effort: Effort<'_>,
) -> Result<Plane<T>> {
    let mut curved_vertically = Plane::zeros_like(image)?;
    let mut curved_horizontally = Plane::zeros_like(image)?;
    let mut between = Plane::zeros_like(image)?;
    correlate_vertically(image, scale.vertical.second(), &mut between, effort)?;
    correlate_horizontally(&between, scale.horizontal.smooth(), &mut curved_vertically, effort)?;
    correlate_vertically(image, scale.vertical.smooth(), &mut between, effort)?;
    correlate_horizontally(&between, scale.horizontal.second(), &mut curved_horizontally, effort)?;

    let weight = T::from_f64(scale.weight).to_f64();
    for row in 0..image.rows() {
        let out = curved_vertically.row_mut(row);
        for (a, b) in out.iter_mut().zip(curved_horizontally.row(row)) {
            // A product or sum of two f32 is exact enough in f64 for the second rounding, to
            // f32, to be the only one that counts.
            let laplacian = T::from_f64(a.to_f64() + b.to_f64()).to_f64();
            *a = T::from_f64(-laplacian * weight);
        }
    }
    Ok(curved_vertically)
}

fn correlate_vertically<T: Pixel>(
    image: &Plane<T>,
    kernel: &HalfKernel,
    out: &mut Plane<T>,
    effort: Effort<'_>,
) -> Result<()> {
    let mut sums = filled(0.0_f64, image.cols(), "a row of sums")?;
    for row in 0..image.rows() {
        effort.check()?;
        for (sum, x) in sums.iter_mut().zip(image.row(row)) {
            *sum = x.to_f64() * kernel.center();
        }
        for (index, weight) in kernel.pairs().iter().enumerate() {
            let distance = (kernel.radius() - index) as isize;
            let above = image.row(reflect(row as isize - distance, image.rows()));
            let below = image.row(reflect(row as isize + distance, image.rows()));
            for ((sum, a), b) in sums.iter_mut().zip(above).zip(below) {
                *sum += (a.to_f64() + b.to_f64()) * weight;
            }
        }
        for (out, sum) in out.row_mut(row).iter_mut().zip(&sums) {
            *out = T::from_f64(*sum);
        }
    }
    Ok(())
}

fn correlate_horizontally<T: Pixel>(
    image: &Plane<T>,
    kernel: &HalfKernel,
    out: &mut Plane<T>,
    effort: Effort<'_>,
) -> Result<()> {
    let (cols, radius) = (image.cols(), kernel.radius());
    let sources: Vec<usize> =
        (0..cols + 2 * radius).map(|col| reflect(col as isize - radius as isize, cols)).collect();
    let mut padded = filled(0.0_f64, sources.len(), "a row as far as the kernel reaches")?;
    let mut sums = filled(0.0_f64, cols, "a row of sums")?;
    for row in 0..image.rows() {
        effort.check()?;
        let pixels = image.row(row);
        for (value, &source) in padded.iter_mut().zip(&sources) {
            *value = pixels[source].to_f64();
        }
        for (sum, x) in sums.iter_mut().zip(&padded[radius..]) {
            *sum = x * kernel.center();
        }
        for (index, weight) in kernel.pairs().iter().enumerate() {
            let (left, right) = (&padded[index..], &padded[2 * radius - index..]);
            for ((sum, a), b) in sums.iter_mut().zip(left).zip(right) {
                *sum += (a + b) * weight;
            }
        }
        for (out, sum) in out.row_mut(row).iter_mut().zip(&sums) {
            *out = T::from_f64(*sum);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::image::Image;
    use proptest::prelude::*;

    fn whole<T: Pixel>(image: &Image<T>, scale: &Scale) -> Plane<T> {
        response(image, scale, Effort::of(NonZeroUsize::MIN)).unwrap()
    }

    /// The definition: every tap of the 2-D kernel, the image reflected at its edges.
    fn slow_twin(image: &Image<f64>, scale: &Scale) -> Vec<f64> {
        let tap = |kernel: &HalfKernel, distance: isize| {
            let index = kernel.radius() - distance.unsigned_abs();
            *kernel.pairs().get(index).unwrap_or(&kernel.center())
        };
        let (v, h) = (&scale.vertical, &scale.horizontal);
        let (reach_v, reach_h) = (v.smooth().radius() as isize, h.smooth().radius() as isize);
        let mut out = Vec::new();
        for row in 0..image.rows() as isize {
            for col in 0..image.cols() as isize {
                let mut sum = 0.0;
                for dr in -reach_v..=reach_v {
                    for dc in -reach_h..=reach_h {
                        let pixel = image.row(reflect(row + dr, image.rows()))
                            [reflect(col + dc, image.cols())];
                        sum += pixel
                            * (tap(v.second(), dr) * tap(h.smooth(), dc)
                                + tap(v.smooth(), dr) * tap(h.second(), dc));
                    }
                }
                out.push(-sum * scale.weight);
            }
        }
        out
    }

    fn image_and_sigma() -> impl Strategy<Value = (Image<f64>, f64)> {
        (1_usize..12, 1_usize..12, 0.3_f64..3.0).prop_flat_map(|(rows, cols, sigma)| {
            proptest::collection::vec(-1.0_f64..1.0, rows * cols)
                .prop_map(move |pixels| (Image::new(rows, cols, pixels).unwrap(), sigma))
        })
    }

    proptest! {
        #[test]
        fn separable_passes_give_the_definition((image, sigma) in image_and_sigma()) {
            let scale = Scale::isotropic(sigma).unwrap();
            let fast = whole(&image, &scale);
            for (a, b) in fast.pixels().iter().zip(slow_twin(&image, &scale)) {
                prop_assert!((a - b).abs() <= 1e-11, "{a} {b}");
            }
        }

        #[test]
        fn float32_differs_by_rounding_only((image, sigma) in image_and_sigma()) {
            let scale = Scale::isotropic(sigma).unwrap();
            let pixels = image.pixels().iter().map(|&x| x as f32).collect();
            let single = Image::new(image.rows(), image.cols(), pixels).unwrap();
            let exact = whole(&image, &scale);
            for (a, b) in whole(&single, &scale).pixels().iter().zip(exact.pixels()) {
                prop_assert!((f64::from(*a) - b).abs() <= 1e-5, "{a} {b}");
            }
        }
    }

    #[test]
    fn a_gaussian_blob_responds_most_at_its_centre_with_half_its_height() {
        // For a Gaussian of height 1 and width s, the response at sigma = s is 1/2 in theory.
        let pixels = (0..41 * 41)
            .map(|i| {
                let (dr, dc) = (f64::from(i / 41) - 20.0, f64::from(i % 41) - 20.0);
                (-(dr * dr + dc * dc) / (2.0 * 9.0)).exp()
            })
            .collect();
        let image = Image::new(41, 41, pixels).unwrap();
        let out = whole(&image, &Scale::isotropic(3.0).unwrap());
        let peak = out.pixels().iter().copied().fold(f64::MIN, f64::max);
        assert!((out.row(20)[20] - peak).abs() < 1e-15);
        assert!((peak - 0.5).abs() < 2e-3, "{peak}");
    }
}
