//! Scale-space maxima of the Laplacian of Gaussian.
//!
//! Two ways lead to the same bits:
//!
//! * `screen` filters tiles in `f32` on vectors, with a bound on its error, and names the voxels
//!   that may be maxima; `exact` computes the few responses that decide. `search` puts both
//!   together.
//! * `plain` filters whole planes in the image's precision and compares every voxel. It is the
//!   definition that the other way is tested against, and what is left for images whose plateaus
//!   leave nothing to screen out.

mod exact;
mod filter;
mod kernel;
mod parts;
mod plain;
mod screen;
mod search;

use std::ops::Range;

pub use kernel::{AxisKernels, HalfKernel, Scale};

use crate::blob::Candidate;
use crate::image::{Image, Pixel};
use crate::interrupt::Effort;
use crate::simd::InstructionSet;
use crate::source::{Pixels, Source};
use crate::{Error, Result};
use search::Found;

/// Which maxima count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Query {
    /// Their response is above this; above the least response of the scale space if it is none.
    pub threshold: Option<f64>,
    /// They lie no nearer to the image's edges than so many rows and columns.
    pub border: (usize, usize),
}

/// What to compute with; no result depends on it.
#[derive(Clone, Copy)]
pub struct Resources<'a> {
    /// Threads, and whether to stop.
    pub effort: Effort<'a>,
    /// Instruction set of the vectors.
    pub instruction_set: InstructionSet,
}

/// Finds the maxima of the scale space over (row, column, scale).
///
/// A voxel is a candidate if its response is at least that of each of its neighbours in the
/// 3 x 3 x 3 box around it, cut at the image's and the ladder's ends, and above the threshold. So
/// every voxel of a flat maximum is a candidate, and the first and last scale can hold maxima. A
/// scale space of more than one voxel that is constant has none.
///
/// Candidates come strongest first; equal responses by row, column, scale.
///
/// # Errors
/// [`Error::EmptyLadder`] if there is no scale, [`Error::Overflow`] if a response is beyond the
/// largest number of the pixels' type, [`Error::Memory`], [`Error::Interrupted`] if `resources`
/// say so.
pub fn find_candidates<T: Pixel>(
    image: &Image<T>,
    ladder: &[Scale],
    query: Query,
    resources: Resources<'_>,
) -> Result<Vec<Candidate>> {
    let all = 0..ladder.len();
    let found =
        find_candidates_of_parts(image, ladder, std::slice::from_ref(&all), query, resources)?;
    Ok(found.into_iter().next().unwrap_or_default())
}

/// Finds what [`find_candidates`] finds for each of some parts of a ladder, as if it were all of
/// it: scales are counted from the part's first. The parts share one scale space.
///
/// # Errors
/// [`Error::EmptyLadder`] if a part has no scale, [`Error::Part`] if one ends beyond the ladder,
/// others as for [`find_candidates`].
pub fn find_candidates_of_parts<T: Pixel>(
    image: &Image<T>,
    ladder: &[Scale],
    parts: &[Range<usize>],
    query: Query,
    resources: Resources<'_>,
) -> Result<Vec<Vec<Candidate>>> {
    let Some(task) = Task::new(ladder, parts, [image.rows(), image.cols()])? else {
        return Ok(Vec::new());
    };
    match search::find_candidates(image, task.scales(), &task.parts, query, resources)? {
        Found::Candidates(of_parts) => Ok(of_parts),
        Found::LeftToThePlainWay => task.plainly(image, query, resources),
    }
}

/// Bytes of an image's copy beyond which every tile is copied by itself. The memory of a smaller
/// copy is kept from call to call, and it takes less time than copies of tiles and of what is around
/// them.
const MOST_COPIED: usize = 4 << 20;

/// Finds what [`find_candidates_of_parts`] finds in an image that lies elsewhere. A large one is
/// never copied as a whole, unless it is one that takes the plain way.
///
/// # Errors
/// As for [`find_candidates_of_parts`] and [`Image::gathered`].
pub fn find_candidates_in<T: Pixel, S: Source<T>>(
    pixels: &Pixels<'_, S, T>,
    ladder: &[Scale],
    parts: &[Range<usize>],
    query: Query,
    resources: Resources<'_>,
) -> Result<Vec<Vec<Candidate>>> {
    find_candidates_copying(pixels, MOST_COPIED, (ladder, parts), query, resources)
}

/// As [`find_candidates_in`]; an image of up to so many bytes is copied as a whole.
fn find_candidates_copying<T: Pixel, S: Source<T>>(
    pixels: &Pixels<'_, S, T>,
    bytes: usize,
    (ladder, parts): (&[Scale], &[Range<usize>]),
    query: Query,
    resources: Resources<'_>,
) -> Result<Vec<Vec<Candidate>>> {
    let effort = resources.effort;
    let shape = pixels.source.shape();
    let Some(task) = Task::new(ladder, parts, shape)? else { return Ok(Vec::new()) };
    let is_small = shape[0].saturating_mul(shape[1]).saturating_mul(size_of::<T>()) <= bytes;
    if !is_small && let Some(range) = pixels.range(effort)? {
        let of = (task.scales(), &*task.parts);
        return match search::find_candidates_by_tiles(pixels, range, of, query, resources)? {
            Found::Candidates(of_parts) => Ok(of_parts),
            Found::LeftToThePlainWay => task.plainly(&pixels.copied(effort)?, query, resources),
        };
    }
    // Of pixels that are not finite the copy tells which.
    let memory = T::kept().take().unwrap_or_default();
    let image = pixels.part([0..shape[0], 0..shape[1]], memory, effort)?;
    let found = find_candidates_of_parts(&image, ladder, parts, query, resources);
    T::kept().keep_memory(image.into_memory());
    found
}

/// The scales that parts of a ladder share, and these parts of them.
struct Task<'a> {
    ladder: &'a [Scale],
    folded: Option<Vec<Scale>>,
    shared: Range<usize>,
    parts: Vec<Range<usize>>,
}

impl<'a> Task<'a> {
    /// For an image of this shape; None without a part.
    fn new(
        ladder: &'a [Scale],
        parts: &[Range<usize>],
        [rows, cols]: [usize; 2],
    ) -> Result<Option<Self>> {
        if parts.iter().any(Range::is_empty) {
            return Err(Error::EmptyLadder);
        }
        if let Some(part) = parts.iter().find(|part| part.end > ladder.len()) {
            return Err(Error::Part { end: part.end, len: ladder.len() });
        }
        let Some(shared) = shared_by(parts) else { return Ok(None) };
        let parts = parts.iter().map(|p| p.start - shared.start..p.end - shared.start).collect();
        let folded = kernel::folded(ladder, rows, cols)?;
        Ok(Some(Self { ladder, folded, shared, parts }))
    }

    fn scales(&self) -> &[Scale] {
        &self.folded.as_deref().unwrap_or(self.ladder)[self.shared.clone()]
    }

    /// What the plain way finds.
    fn plainly<T: Pixel>(
        &self,
        image: &Image<T>,
        query: Query,
        resources: Resources<'_>,
    ) -> Result<Vec<Vec<Candidate>>> {
        let of = |part: &Range<usize>| {
            plain::find_candidates(image, &self.scales()[part.clone()], query, resources)
        };
        self.parts.iter().map(of).collect()
    }
}

/// The least part that holds all others.
fn shared_by(parts: &[Range<usize>]) -> Option<Range<usize>> {
    let start = parts.iter().map(|part| part.start).min()?;
    let end = parts.iter().map(|part| part.end).max()?;
    Some(start..end)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::image::Plane;
    use crate::source::Scaling;
    use proptest::prelude::*;

    /// The definition of a candidate, voxel by voxel over the whole cube.
    fn slow_twin(
        image: &Image<f64>,
        ladder: &[Scale],
        threshold: f64,
        border: (usize, usize),
    ) -> Vec<Candidate> {
        let planes: Vec<Plane<f64>> =
            ladder.iter().map(|s| filter::response(image, s, alone().effort).unwrap()).collect();
        let shape = [image.rows(), image.cols(), planes.len()].map(|n| n as isize);
        let at = |v: [isize; 3]| planes[v[2] as usize].row(v[0] as usize)[v[1] as usize];
        let inside = |v: &[isize; 3]| (0..3).all(|axis| (0..shape[axis]).contains(&v[axis]));
        let mut found = Vec::new();
        for row in border.0 as isize..shape[0] - border.0 as isize {
            for col in border.1 as isize..shape[1] - border.1 as isize {
                for scale in 0..shape[2] {
                    let offsets = (0..27).map(|i| [i / 9 - 1, i / 3 % 3 - 1, i % 3 - 1]);
                    let box_max = offsets
                        .map(|[a, b, c]| [row + a, col + b, scale + c])
                        .filter(inside)
                        .map(at)
                        .fold(f64::MIN, f64::max);
                    let response = at([row, col, scale]);
                    if response >= box_max && response > threshold {
                        let [row, col, scale] = [row, col, scale].map(|i| i as u32);
                        found.push(Candidate { row, col, scale, response });
                    }
                }
            }
        }
        found.sort_by(|a, b| b.response.partial_cmp(&a.response).unwrap());
        found
    }

    proptest! {
        #[test]
        fn candidates_are_those_of_the_definition(
            rows in 1_usize..14,
            cols in 1_usize..14,
            // Few grey levels make plateaus and ties.
            levels in proptest::collection::vec(0_u8..4, 14 * 14),
            sigmas in proptest::collection::vec(0.4_f64..3.0, 1..5),
            threshold in -0.2_f64..0.5,
            border in (0_usize..4, 0_usize..4),
            threads in 1_usize..4,
        ) {
            let pixels: Vec<f64> = levels[..rows * cols].iter().map(|&x| f64::from(x)).collect();
            let image = Image::new(rows, cols, pixels).unwrap();
            let ladder: Vec<Scale> =
                sigmas.iter().map(|&s| Scale::isotropic(s).unwrap()).collect();
            let query = Query { threshold: Some(threshold), border };
            let responses: Vec<f64> = ladder
                .iter()
                .map(|scale| filter::response(&image, scale, alone().effort).unwrap())
                .flat_map(|plane: Plane<f64>| (0..rows).flat_map(|row| plane.row(row).to_vec()).collect::<Vec<_>>())
                .collect();
            // Of an image of zeros every scale is as constant as a single one.
            let constant = responses.iter().all(|&response| response == responses[0]);
            let expected = if constant && responses.len() > 1 {
                Vec::new()
            } else {
                slow_twin(&image, &ladder, threshold, border)
            };
            for instruction_set in InstructionSet::available() {
                let threads = NonZeroUsize::new(threads).unwrap();
                let resources = with(threads, instruction_set);
                let found = find_candidates(&image, &ladder, query, resources).unwrap();
                prop_assert_eq!(&found, &expected);
            }
            let threads = NonZeroUsize::new(threads).unwrap();
            prop_assert_eq!(plain::find_candidates(&image, &ladder, query, with(threads, InstructionSet::Baseline)), Ok(expected));
        }
    }

    proptest! {
        #[test]
        fn parts_are_ladders_of_their_own(
            rows in 1_usize..40,
            cols in 1_usize..40,
            levels in proptest::collection::vec(0_u8..6, 40 * 40),
            sigmas in proptest::collection::vec(0.4_f64..5.0, 1..7),
            bounds in proptest::collection::vec((0_usize..7, 0_usize..7), 0..6),
            threshold in -0.2_f64..0.5,
            threads in 1_usize..4,
        ) {
            // Tiles whose screening is never given up have many levels, others have few.
            let pixel = |i: usize| f64::from(levels[i]) + 1e-3 * (i as f64).sin();
            let image = Image::new(rows, cols, (0..rows * cols).map(pixel).collect()).unwrap();
            let ladder: Vec<Scale> =
                sigmas.iter().map(|&s| Scale::isotropic(s).unwrap()).collect();
            let parts: Vec<Range<usize>> = bounds
                .iter()
                .map(|&(a, b)| (a % ladder.len(), b % ladder.len()))
                .map(|(a, b)| a.min(b)..a.max(b) + 1)
                .collect();
            let query = above(threshold);
            for instruction_set in InstructionSet::available() {
                let resources = with(NonZeroUsize::new(threads).unwrap(), instruction_set);
                let found = find_candidates_of_parts(&image, &ladder, &parts, query, resources);
                let expected: Result<Vec<_>> = parts
                    .iter()
                    .map(|part| find_candidates(&image, &ladder[part.clone()], query, resources))
                    .collect();
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn parts_of_a_larger_image_are_ladders_of_their_own() {
        let image = lattice(260, 300, 0.3);
        let ladder: Vec<Scale> =
            (0..9).map(|i| Scale::isotropic(1.0 + 0.75 * f64::from(i)).unwrap()).collect();
        let parts = [0..9, 0..5, 2..9, 4..5, 3..7, 6..9];
        let query = Query { threshold: Some(0.01), border: (1, 2) };
        let found = find_candidates_of_parts(&image, &ladder, &parts, query, alone()).unwrap();
        for (part, found) in parts.into_iter().zip(found) {
            let plain = plain::find_candidates(&image, &ladder[part], query, alone()).unwrap();
            assert!(plain.len() > 50);
            assert_eq!(found, plain);
        }
    }

    proptest! {
        #[test]
        fn tiles_hold_all_that_is_read(
            // Several tiles along one axis.
            (rows, cols) in prop_oneof![
                (1_usize..400, 1_usize..60), (1_usize..60, 1_usize..400), (170_usize..200, 340_usize..390)
            ],
            noise in 0.0_f64..0.4,
            sigmas in proptest::collection::vec(0.5_f64..6.0, 1..4),
            limits in proptest::option::of((-0.5_f64..0.5, 0.5_f64..2.0, any::<bool>())),
            threads in 1_usize..4,
        ) {
            let image = lattice(rows, cols, noise);
            let ladder: Vec<Scale> =
                sigmas.iter().map(|&s| Scale::isotropic(s).unwrap()).collect();
            let parts = [0..ladder.len(), 0..1];
            let scaling =
                limits.map(|(zero, span, is_inverted)| Scaling { zero, span, is_inverted });
            let pixels = &Pixels { source: &image, scaling };
            let resources = with(NonZeroUsize::new(threads).unwrap(), InstructionSet::widest());
            let query = Query { threshold: Some(0.02), border: (2, 1) };
            let whole = pixels.copied(resources.effort).unwrap();
            let plain = |part: &Range<usize>| {
                plain::find_candidates(&whole, &ladder[part.clone()], query, resources)
            };
            let expected: Result<Vec<_>> = parts.iter().map(plain).collect();
            for bytes in [0, usize::MAX] {
                let of = (&ladder[..], &parts[..]);
                let found = find_candidates_copying(pixels, bytes, of, query, resources);
                prop_assert_eq!(&found, &expected);
            }
        }
    }

    #[test]
    fn a_pixel_that_is_not_finite_is_named_whatever_is_copied() {
        let image = lattice(300, 40, 0.1);
        let scaling = Some(Scaling { zero: image.row(217)[3], span: 0.0, is_inverted: false });
        let pixels = &Pixels { source: &image, scaling };
        let ladder = [Scale::isotropic(1.0).unwrap()];
        for bytes in [0, usize::MAX] {
            let of = (&ladder[..], std::slice::from_ref(&(0..1)));
            let found = find_candidates_copying(pixels, bytes, of, above(0.1), alone());
            let is_named = matches!(found, Err(Error::PixelNotFinite { row: 0, col: 0, .. }));
            assert!(is_named, "{found:?}");
        }
    }

    #[test]
    fn parts_beyond_the_ladder_are_refused() {
        let image = lattice(20, 20, 0.3);
        let ladder = [Scale::isotropic(1.0).unwrap()];
        let found = |parts: &[Range<usize>]| {
            find_candidates_of_parts(&image, &ladder, parts, above(0.0), alone())
        };
        assert_eq!(found(&[0..1, 0..2]), Err(Error::Part { end: 2, len: 1 }));
        assert_eq!(found(&[0..1, 1..1]), Err(Error::EmptyLadder));
        assert_eq!(found(&[]), Ok(Vec::new()));
    }

    fn with(threads: NonZeroUsize, instruction_set: InstructionSet) -> Resources<'static> {
        Resources { effort: Effort::of(threads), instruction_set }
    }

    fn alone() -> Resources<'static> {
        with(NonZeroUsize::MIN, InstructionSet::widest())
    }

    #[test]
    fn work_is_given_up_on_request() {
        let image = lattice(300, 300, 0.1);
        let ladder = [Scale::isotropic(1.0).unwrap(), Scale::isotropic(2.0).unwrap()];
        // From the first question on, or while tiles are under way; plateaus go the plain way.
        let flat = Image::new(300, 300, vec![0.0_f64; 90_000]).unwrap();
        for (image, calls) in [(&image, 0), (&image, 3), (&flat, 0), (&flat, 1)] {
            let asked = std::sync::atomic::AtomicUsize::new(0);
            let interrupted = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= calls;
            for threads in [1, 2] {
                let threads = NonZeroUsize::new(threads).unwrap();
                let effort = Effort { threads, interrupted: &interrupted };
                let resources = Resources { effort, instruction_set: InstructionSet::widest() };
                let found = find_candidates(image, &ladder, above(0.01), resources);
                assert_eq!(found, Err(Error::Interrupted));
            }
        }
    }

    fn above(threshold: f64) -> Query {
        Query { threshold: Some(threshold), border: (0, 0) }
    }

    /// A lattice with noise: a linear congruential generator's, summed to something bell-shaped.
    fn lattice(rows: usize, cols: usize, noise: f64) -> Image<f64> {
        let mut state = 1_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5
        };
        let pixels = (0..rows * cols).map(|i| {
            let (row, col) = ((i / cols) as f64, (i % cols) as f64);
            let (x, y) = (0.99 * col + 0.12 * row, 0.99 * row - 0.12 * col);
            let noise = noise * (random() + random() + random());
            0.5 + 0.25 * (x / 1.9).cos() + 0.25 * (y / 1.9).cos() + noise
        });
        Image::new(rows, cols, pixels.collect()).unwrap()
    }

    #[test]
    fn every_instruction_set_and_number_of_threads_gives_the_bits_of_the_plain_way() {
        let ladder: Vec<Scale> =
            (0..6).map(|i| Scale::isotropic(1.0 + f64::from(i)).unwrap()).collect();
        for (rows, cols, pedestal) in [(300, 270, 0.0), (97, 530, 100.0), (40, 33, -3.0)] {
            let image = lattice(rows, cols, 0.2);
            let pixels: Vec<f64> = image.pixels().iter().map(|x| x + pedestal).collect();
            let single = pixels.iter().map(|&x| x as f32).collect();
            let single = Image::new(rows, cols, single).unwrap();
            let double = Image::new(rows, cols, pixels).unwrap();
            let query = Query { threshold: Some(0.03), border: (0, 3) };
            let plain_double = plain::find_candidates(&double, &ladder, query, alone()).unwrap();
            let plain_single = plain::find_candidates(&single, &ladder, query, alone()).unwrap();
            assert!(plain_double.len() > 5);
            for instruction_set in InstructionSet::available() {
                for threads in [1, 2, 7] {
                    let threads = NonZeroUsize::new(threads).unwrap();
                    let resources = with(threads, instruction_set);
                    let all = std::slice::from_ref(&(0..6));
                    let found = search::find_candidates(&double, &ladder, all, query, resources);
                    assert_eq!(found, Ok(Found::Candidates(vec![plain_double.clone()])));
                    let found = search::find_candidates(&single, &ladder, all, query, resources);
                    assert_eq!(found, Ok(Found::Candidates(vec![plain_single.clone()])));
                }
            }
        }
    }

    #[test]
    fn faint_atoms_beside_a_bright_pixel_are_found() {
        // The pixel makes all else hardly differ, on the scale of the image's range.
        let faint = lattice(250, 300, 0.01);
        let ladder: Vec<Scale> =
            (3..8).map(|sigma| Scale::isotropic(f64::from(sigma)).unwrap()).collect();
        for contrast in [1e-2, 1e-4, 1e-6] {
            let mut pixels: Vec<f64> = faint.pixels().iter().map(|x| x * contrast).collect();
            pixels[100 * 300 + 120] = 1.0;
            let image = Image::new(250, 300, pixels).unwrap();
            let query = above(0.05 * contrast);
            let plain = plain::find_candidates(&image, &ladder, query, alone()).unwrap();
            assert!(plain.len() > 20);
            for instruction_set in InstructionSet::available() {
                let resources = with(NonZeroUsize::MIN, instruction_set);
                let found = find_candidates(&image, &ladder, query, resources).unwrap();
                assert_eq!(found, plain);
            }
        }
    }

    #[test]
    fn small_tiles_are_screened_within_their_buffers() {
        // Small enough for Miri; the second kernel is wide enough for half the columns.
        let image = lattice(9, 21, 0.3);
        let ladder = [Scale::isotropic(0.8).unwrap(), Scale::isotropic(3.5).unwrap()];
        let plain = plain::find_candidates(&image, &ladder, above(0.05), alone()).unwrap();
        assert!(!plain.is_empty());
        assert_eq!(find_candidates(&image, &ladder, above(0.05), alone()).unwrap(), plain);
    }

    #[test]
    fn large_sigmas_reach_over_the_whole_image() {
        let image = lattice(60, 80, 0.3);
        let ladder = [Scale::isotropic(20.0).unwrap(), Scale::isotropic(50.0).unwrap()];
        let plain = plain::find_candidates(&image, &ladder, above(1e-4), alone()).unwrap();
        assert_eq!(find_candidates(&image, &ladder, above(1e-4), alone()).unwrap(), plain);
    }

    #[test]
    fn wide_plateaus_are_left_to_the_plain_way() {
        let mut pixels = vec![0.0_f64; 100 * 100];
        pixels[50 * 100 + 50] = 1.0;
        let image = Image::new(100, 100, pixels).unwrap();
        let ladder = [Scale::isotropic(1.0).unwrap(), Scale::isotropic(2.0).unwrap()];
        let all = std::slice::from_ref(&(0..2));
        let found = search::find_candidates(&image, &ladder, all, above(-1.0), alone());
        assert_eq!(found, Ok(Found::LeftToThePlainWay));
        let found = find_candidates(&image, &ladder, above(-1.0), alone()).unwrap();
        // The zeros out of the peak's reach are flat maxima, all of them.
        assert!(found.len() > 5000);
        assert_eq!((found[0].row, found[0].col), (50, 50));
    }

    #[test]
    fn without_a_threshold_everything_above_the_least_response_counts() {
        let image = lattice(30, 30, 0.1);
        let ladder = [Scale::isotropic(1.5).unwrap()];
        let all = Query { threshold: None, border: (0, 0) };
        let found = find_candidates(&image, &ladder, all, alone()).unwrap();
        assert_eq!(found, slow_twin(&image, &ladder, f64::MIN, (0, 0)));
    }

    #[test]
    fn a_constant_scale_space_has_no_maximum() {
        let image = Image::new(5, 5, vec![0.0_f64; 25]).unwrap();
        let ladder = [Scale::isotropic(1.0).unwrap()];
        assert_eq!(find_candidates(&image, &ladder, above(-1.0), alone()).unwrap(), []);
        let unfiltered = [Scale::isotropic(0.0).unwrap()];
        let image = lattice(5, 5, 1.0);
        assert_eq!(find_candidates(&image, &unfiltered, above(-1.0), alone()).unwrap(), []);
    }

    #[test]
    fn a_single_voxel_is_compared_with_the_threshold_only() {
        let image = Image::new(1, 1, vec![1.0_f64]).unwrap();
        let ladder = [Scale::isotropic(1.0).unwrap()];
        assert_eq!(find_candidates(&image, &ladder, above(-1.0), alone()).unwrap().len(), 1);
    }

    #[test]
    fn an_empty_ladder_is_refused() {
        let image = Image::new(1, 1, vec![1.0_f64]).unwrap();
        let error = find_candidates(&image, &[], above(0.0), alone()).unwrap_err();
        assert_eq!(error, Error::EmptyLadder);
    }

    #[test]
    fn constant_images_have_the_candidates_of_the_definition() {
        for (value, threshold) in [(0.0, -1.0), (3.0, 0.0), (3.0, -1e9), (-2.0, -1e9)] {
            let image = Image::new(6, 7, vec![value; 42]).unwrap();
            for sigmas in [vec![1.0, 1.5, 2.0], vec![2.0, 1.0, 2.0], vec![1.0]] {
                let ladder: Vec<Scale> =
                    sigmas.into_iter().map(|s| Scale::isotropic(s).unwrap()).collect();
                let query = Query { threshold: Some(threshold), border: (1, 2) };
                let found = find_candidates(&image, &ladder, query, alone()).unwrap();
                let responses: Vec<f64> = ladder
                    .iter()
                    .map(|s| filter::response(&image, s, alone().effort).unwrap().pixels()[0])
                    .collect();
                let is_constant = responses.iter().all(|&r| r == responses[0]);
                let expected = if is_constant {
                    Vec::new()
                } else {
                    slow_twin(&image, &ladder, threshold, (1, 2))
                };
                assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn responses_beyond_the_largest_number_are_an_error() {
        let pixels = |scale: f64| lattice(30, 30, 0.1).pixels().iter().map(|x| x * scale).collect();
        let ladder = [1.0, 3.0].map(|sigma| Scale::isotropic(sigma).unwrap());
        let image = Image::new(30, 30, pixels(1.1e308)).unwrap();
        let largest = image.range().1.max(-image.range().0);
        for threshold in [Some(0.0), None] {
            let query = Query { threshold, border: (0, 0) };
            let error = find_candidates(&image, &ladder, query, alone()).unwrap_err();
            assert_eq!(error, Error::Overflow { largest, scale: 0 });
        }
        // Near the end, but within it.
        let image = Image::new(30, 30, pixels(1e307)).unwrap();
        let small = Image::new(30, 30, pixels(1.0)).unwrap();
        let found = |image: &Image<f64>, threshold: f64| {
            let found = find_candidates(image, &ladder, above(threshold), alone()).unwrap();
            found.into_iter().map(|c| (c.row, c.col, c.scale)).collect::<Vec<_>>()
        };
        assert!(!found(&small, 0.05).is_empty());
        assert_eq!(found(&image, 0.05e307), found(&small, 0.05));
    }

    #[test]
    fn kernels_far_wider_than_the_image_are_folded_into_it() {
        let image = lattice(60, 80, 0.3);
        let ladder = [1.0, 300.0, 2_000.0].map(|sigma| Scale::isotropic(sigma).unwrap());
        assert!(kernel::folded(&ladder[..1], 60, 80).unwrap().is_none());
        let folded = kernel::folded(&ladder, 60, 80).unwrap().unwrap();
        assert!(folded.iter().all(|s| s.vertical.radius() <= 60 && s.horizontal.radius() <= 80));
        for (whole, folded) in ladder.iter().zip(&folded) {
            let [whole, folded] =
                [whole, folded].map(|s| filter::response(&image, s, alone().effort).unwrap());
            for (a, b) in whole.pixels().iter().zip(folded.pixels()) {
                assert!((a - b).abs() < 1e-9, "{a} {b}");
            }
        }
        let found = find_candidates(&image, &ladder, above(0.05), alone()).unwrap();
        assert!(found.len() > 50);
    }
}
