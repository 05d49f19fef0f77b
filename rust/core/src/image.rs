//! An image and the arithmetic of its pixels.

use std::borrow::Cow;

use crate::{Error, Result};

/// A pixel type: the precision in which filtered values are stored.
///
/// Sums run in `f64` whatever the pixel is; each finished pass is rounded to the pixel.
pub trait Pixel: Copy + PartialOrd + Default + Send + Sync + std::fmt::Debug + 'static {
    /// Largest relative error of rounding to this type.
    const ROUNDOFF: f64;
    /// The value as a double, exactly.
    fn to_f64(self) -> f64;
    /// The nearest value of this type.
    fn from_f64(value: f64) -> Self;
}

impl Pixel for f64 {
    const ROUNDOFF: f64 = f64::EPSILON / 2.0;

    fn to_f64(self) -> f64 {
        self
    }
    fn from_f64(value: f64) -> Self {
        value
    }
}

impl Pixel for f32 {
    const ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;

    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn from_f64(value: f64) -> Self {
        value as Self
    }
}

/// An image, row after row; its pixels are its own or borrowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Image<'a, T: Pixel> {
    rows: usize,
    cols: usize,
    pixels: Cow<'a, [T]>,
}

impl<'a, T: Pixel> Image<'a, T> {
    /// Takes the pixels of an image, row after row.
    ///
    /// # Errors
    /// [`Error::ImageShape`] if they do not fill the shape or the shape is empty.
    pub fn new(rows: usize, cols: usize, pixels: Vec<T>) -> Result<Self> {
        Self::of(rows, cols, Cow::Owned(pixels))
    }

    /// As [`Self::new`], of pixels that stay where they are.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn borrowed(rows: usize, cols: usize, pixels: &'a [T]) -> Result<Self> {
        Self::of(rows, cols, Cow::Borrowed(pixels))
    }

    fn of(rows: usize, cols: usize, pixels: Cow<'a, [T]>) -> Result<Self> {
        let len = pixels.len();
        if len == 0 || rows.checked_mul(cols) != Some(len) {
            return Err(Error::ImageShape { rows, cols, len });
        }
        Ok(Self { rows, cols, pixels })
    }

    /// An image of the same shape, all pixels zero.
    #[must_use]
    pub fn zeros_like(&self) -> Image<'static, T> {
        let pixels = vec![T::default(); self.pixels.len()].into();
        Image { rows: self.rows, cols: self.cols, pixels }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// One row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[T] {
        &self.pixels[row * self.cols..(row + 1) * self.cols]
    }

    /// One row, to write; borrowed pixels are copied first.
    pub fn row_mut(&mut self, row: usize) -> &mut [T] {
        &mut self.pixels.to_mut()[row * self.cols..(row + 1) * self.cols]
    }

    /// All pixels, row after row.
    #[must_use]
    pub fn pixels(&self) -> &[T] {
        &self.pixels
    }

    /// The least and the largest pixel; pixels are taken to be finite.
    #[must_use]
    pub fn range(&self) -> (T, T) {
        // Lanes do not wait for one another.
        const LANES: usize = 16;
        let lesser = |a: T, b: T| if a < b { a } else { b };
        let greater = |a: T, b: T| if a > b { a } else { b };
        let (mut lows, mut highs) = ([self.pixels[0]; LANES], [self.pixels[0]; LANES]);
        let (chunks, rest) = self.pixels.as_chunks::<LANES>();
        for chunk in chunks {
            for ((low, high), &x) in lows.iter_mut().zip(&mut highs).zip(chunk) {
                *low = lesser(x, *low);
                *high = greater(x, *high);
            }
        }
        let fold = |lanes: [T; LANES], of: fn(T, T) -> T| {
            lanes.into_iter().chain(rest.iter().copied()).fold(lanes[0], of)
        };
        (fold(lows, lesser), fold(highs, greater))
    }
}

/// Index of the pixel that half-sample symmetric reflection (`d c b a | a b c d | d c b a`) puts
/// at `index`, for any distance outside `0..len`.
#[must_use]
pub fn reflect(index: isize, len: usize) -> usize {
    // Most are inside, and a division takes longer than what a pixel is wanted for.
    if (0..len as isize).contains(&index) {
        return index as usize;
    }
    let period = 2 * len as isize;
    let folded = index.rem_euclid(period) as usize;
    if folded < len { folded } else { 2 * len - 1 - folded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reflection_repeats_the_edge_and_goes_on_for_ever() {
        let letters: Vec<usize> = (-7..8).map(|i| reflect(i, 3)).collect();
        assert_eq!(letters, [0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]);
        assert!((-5..5).all(|i| reflect(i, 1) == 0));
    }

    #[test]
    fn pixels_must_fill_the_shape() {
        assert!(Image::new(2, 3, vec![0.0_f64; 6]).is_ok());
        for (rows, cols, len) in [(2, 3, 5), (0, 3, 0), (usize::MAX, 2, 6)] {
            let error = Image::new(rows, cols, vec![0.0_f64; len]).unwrap_err();
            assert_eq!(error, Error::ImageShape { rows, cols, len });
        }
    }
}
