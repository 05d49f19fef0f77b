//! A separable filter of points alone, or of an image seen at points alone.
//!
//! What is computed grows with the number of points, not with the image. Beyond the frame
//! everything is 0.

use crate::interrupt::Effort;
use crate::source::Source;
use crate::{Result, memory};

/// Row and column of a pixel, which may lie outside of the frame.
pub type Place = [i64; 2];

/// What memory is for.
const FILTERED: &str = "the filtered points";
const BAND: &str = "the rows around a point";

/// Filters an image that is 0 but at some points; equal places add up.
///
/// The kernel, along either axis, is centred on its element `kernel.len() / 2`.
///
/// # Errors
/// [`crate::Error::Memory`], [`crate::Error::Interrupted`].
pub fn spread(
    points: &[Place],
    heights: &[f64],
    kernel: &[f64],
    [rows, cols]: [usize; 2],
    effort: Effort<'_>,
) -> Result<Vec<f64>> {
    let mut image = memory::filled(0.0, rows.saturating_mul(cols), FILTERED)?;
    let mut last = None;
    // Row by row, so that points that follow one another share rows of the image.
    for index in by_row(points)? {
        let Some(&height) = heights.get(index) else { continue };
        if last.replace(points[index][0]) != Some(points[index][0]) {
            effort.check()?;
        }
        let [down, along] = [rows, cols].map(|size| size as i64);
        let (first_row, of_rows) = covered(points[index][0], down, kernel);
        let (first_col, of_cols) = covered(points[index][1], along, kernel);
        for (row, weight) in (first_row..).zip(of_rows) {
            let weight = height * weight;
            let pixels = &mut image[row * cols + first_col..][..of_cols.len()];
            for (pixel, other) in pixels.iter_mut().zip(of_cols) {
                *pixel += weight * other;
            }
        }
    }
    Ok(image)
}

/// Filters an image, and gives what is at some points. With `side`, the mean of the square of that
/// side around each pixel, an odd number of pixels, is taken from it before; at the frame the image
/// is mirrored for that.
///
/// # Errors
/// [`crate::Error::Memory`], [`crate::Error::Interrupted`].
pub fn gather(
    source: &impl Source<f64>,
    points: &[Place],
    kernel: &[f64],
    side: Option<usize>,
    effort: Effort<'_>,
) -> Result<Vec<f64>> {
    let [rows, cols] = source.shape();
    let mut found = memory::filled(0.0, points.len(), FILTERED)?;
    let mut reader = Reader::new(source, side)?;
    // The rows that kernels around a point cover, one after another, the oldest overwritten.
    let n_held = kernel.len().min(rows).max(1);
    let mut held = memory::filled(0.0, n_held.saturating_mul(cols), BAND)?;
    let mut sums = vec![0.0; kernel.len()];
    let mut n_read = 0;
    for index in by_row(points)? {
        let [down, along] = [rows, cols].map(|size| size as i64);
        let (first_row, of_rows) = covered(points[index][0], down, kernel);
        let (first_col, of_cols) = covered(points[index][1], along, kernel);
        while n_read < first_row + of_rows.len() {
            effort.check()?;
            reader.read(n_read, &mut held[n_read % n_held * cols..][..cols]);
            n_read += 1;
        }
        let sums = &mut sums[..of_cols.len()];
        sums.fill(0.0);
        for (row, weight) in (first_row..).zip(of_rows) {
            let pixels = &held[row % n_held * cols + first_col..][..of_cols.len()];
            for (sum, pixel) in sums.iter_mut().zip(pixels) {
                *sum += weight * pixel;
            }
        }
        found[index] = sums.iter().zip(of_cols).map(|(sum, weight)| sum * weight).sum();
    }
    Ok(found)
}

/// Indices of points by their row, rising.
fn by_row(points: &[Place]) -> Result<Vec<usize>> {
    let mut order = memory::room(points.len(), FILTERED)?;
    order.extend(0..points.len());
    order.sort_by_key(|&index| points[index][0]);
    Ok(order)
}

/// The first pixel along an axis that a kernel around a place covers, and its weights from there to
/// the last one: none where it covers no pixel.
fn covered(place: i64, size: i64, kernel: &[f64]) -> (usize, &[f64]) {
    let start = place.saturating_sub((kernel.len() / 2) as i64);
    let end = start.saturating_add(kernel.len() as i64);
    let (first, last) = (start.clamp(0, size), end.clamp(0, size));
    if first >= last {
        return (0, &[]);
    }
    (first as usize, &kernel[(first - start) as usize..(last - start) as usize])
}

/// Reads rows of an image one after another, less the mean around each pixel if that is wanted.
struct Reader<'a, S> {
    source: &'a S,
    side: Option<usize>,
    /// Sums of the rows around the last one that was read, by column.
    down: Vec<f64>,
    line: Vec<f64>,
}

impl<'a, S: Source<f64>> Reader<'a, S> {
    fn new(source: &'a S, side: Option<usize>) -> Result<Self> {
        let cols = if side.is_some() { source.shape()[1] } else { 0 };
        let down = memory::filled(0.0, cols, BAND)?;
        let line = memory::filled(0.0, cols, BAND)?;
        Ok(Self { source, side, down, line })
    }

    /// Reads a row, the one after the last.
    fn read(&mut self, row: usize, into: &mut [f64]) {
        let pixels = self.source.pixels_of(row);
        for (col, pixel) in into.iter_mut().enumerate() {
            *pixel = pixels(col);
        }
        let Some(side) = self.side else { return };
        let (half, [rows, cols]) = ((side / 2) as i64, self.source.shape());
        let row = row as i64;
        if row == 0 {
            let (n_whole, rest) = window(side, rows);
            for other in 0..rows {
                self.add(other, 2.0 * n_whole);
            }
            for other in rest {
                self.add(mirrored(other, rows), 1.0);
            }
        } else {
            self.add(mirrored(row + half, rows), 1.0);
            self.add(mirrored(row - half - 1, rows), -1.0);
        }
        let area = side as f64 * side as f64;
        let (n_whole, rest) = window(side, cols);
        let mut sum: f64 = rest.map(|col| self.down[mirrored(col, cols)]).sum();
        if n_whole > 0.0 {
            sum += 2.0 * n_whole * self.down.iter().sum::<f64>();
        }
        let cols_of = |col: i64| mirrored(col, cols);
        for (col, line) in (0..).zip(&mut self.line) {
            *line = self.down[cols_of(col + half + 1)] - self.down[cols_of(col - half)];
        }
        for (pixel, step) in into.iter_mut().zip(&self.line) {
            *pixel -= sum / area;
            sum += step;
        }
    }

    fn add(&mut self, row: usize, sign: f64) {
        let pixels = self.source.pixels_of(row);
        for (col, sum) in self.down.iter_mut().enumerate() {
            *sum += sign * pixels(col);
        }
    }
}

/// How often a window around the first pixel holds the whole image and its mirror image, and which
/// pixels beside these.
fn window(side: usize, size: usize) -> (f64, std::ops::Range<i64>) {
    let first = -((side / 2) as i64);
    ((side / (2 * size)) as f64, first..first + (side % (2 * size)) as i64)
}

/// The pixel that stands for one beyond the frame, where the image is mirrored at its outer edge.
fn mirrored(place: i64, size: usize) -> usize {
    if 0 <= place && (place as usize) < size {
        return place as usize;
    }
    let period = 2 * size as i64;
    let within = place.rem_euclid(period);
    (if within < size as i64 { within } else { period - 1 - within }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::image::Image;
    use proptest::prelude::*;
    use std::num::NonZeroUsize;

    fn alone() -> Effort<'static> {
        Effort::of(NonZeroUsize::MIN)
    }

    fn weight(kernel: &[f64], from: i64, to: usize) -> f64 {
        usize::try_from(to as i64 - from + (kernel.len() / 2) as i64)
            .ok()
            .and_then(|place| kernel.get(place))
            .copied()
            .unwrap_or(0.0)
    }

    fn less_mean(pixels: &[f64], [rows, cols]: [usize; 2], side: usize) -> Vec<f64> {
        let half = (side / 2) as i64;
        let mut flat = Vec::new();
        for row in 0..rows as i64 {
            for col in 0..cols as i64 {
                let mut sum = 0.0;
                for r in row - half..=row + half {
                    for c in col - half..=col + half {
                        sum += pixels[mirrored(r, rows) * cols + mirrored(c, cols)];
                    }
                }
                let own = pixels[row as usize * cols + col as usize];
                flat.push(own - sum / (side * side) as f64);
            }
        }
        flat
    }

    proptest! {
        #[test]
        fn filters_are_those_of_the_definition(
            shape in (1_usize..14, 1_usize..14),
            places in proptest::collection::vec((-4_i64..18, -4_i64..18, -2.0_f64..2.0), 0..20),
            kernel in proptest::collection::vec(-1.0_f64..1.0, 0..8),
            half in proptest::option::of(prop_oneof![0_usize..9, 20_usize..60]),
            seed in proptest::collection::vec(-5.0_f64..5.0, 196),
        ) {
            let (rows, cols) = shape;
            let pixels = &seed[..rows * cols];
            let points: Vec<Place> = places.iter().map(|&(row, col, _)| [row, col]).collect();
            let heights: Vec<f64> = places.iter().map(|place| place.2).collect();
            let side = half.map(|half| 2 * half + 1);
            let image = Image::new(rows, cols, pixels.to_vec()).unwrap();
            let seen = side.map_or(pixels.to_vec(), |side| less_mean(pixels, [rows, cols], side));

            let spread = spread(&points, &heights, &kernel, [rows, cols], alone()).unwrap();
            let gathered = gather(&image, &points, &kernel, side, alone()).unwrap();
            let mut expected = vec![0.0; points.len()];
            for row in 0..rows {
                for col in 0..cols {
                    let at = row * cols + col;
                    let mut sum = 0.0;
                    for (point, (place, height)) in points.iter().zip(&heights).enumerate() {
                        let weight = weight(&kernel, place[0], row) * weight(&kernel, place[1], col);
                        sum += height * weight;
                        expected[point] += weight * seen[at];
                    }
                    prop_assert!((spread[at] - sum).abs() < 1e-12);
                }
            }
            for (found, expected) in gathered.iter().zip(&expected) {
                prop_assert!((found - expected).abs() < 1e-10);
            }
        }
    }

    #[test]
    fn places_far_outside_are_seen_by_nobody() {
        let image = Image::new(3, 3, vec![1.0; 9]).unwrap();
        for far in [i64::MIN, i64::MAX] {
            let points = [[far, 1], [1, far], [far, far]];
            assert_eq!(gather(&image, &points, &[1.0; 3], None, alone()), Ok(vec![0.0; 3]));
            assert_eq!(spread(&points, &[1.0; 3], &[1.0; 3], [3, 3], alone()), Ok(vec![0.0; 9]));
        }
    }

    #[test]
    fn the_answer_to_the_question_whether_to_stop_is_heeded() {
        let stop = || true;
        let effort = Effort { threads: NonZeroUsize::MIN, interrupted: &stop };
        let image = Image::new(3, 3, vec![1.0; 9]).unwrap();
        let stopped = Err(Error::Interrupted);
        assert_eq!(gather(&image, &[[1, 1]], &[1.0; 3], None, effort), stopped);
        assert_eq!(spread(&[[1, 1]], &[1.0], &[1.0; 3], [3, 3], effort), stopped);
    }
}
