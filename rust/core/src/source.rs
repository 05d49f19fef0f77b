//! Pixels in memory that is not the core's: read once, row by row, and scaled on the way.

use std::ops::Range;

use crate::Result;
use crate::extent::{Extent, extent};
use crate::image::{Image, Pixel};
use crate::interrupt::Effort;

/// Where pixels lie. Others may write to them meanwhile: each reading may give another value.
pub trait Source<T: Pixel>: Sync {
    /// Number of rows and columns.
    fn shape(&self) -> [usize; 2];

    /// What gives the pixels of a row by their column.
    fn pixels_of(&self, row: usize) -> impl Fn(usize) -> T;
}

impl<T: Pixel> Source<T> for Image<T> {
    fn shape(&self) -> [usize; 2] {
        [self.rows(), self.cols()]
    }

    fn pixels_of(&self, row: usize) -> impl Fn(usize) -> T {
        let pixels = self.row(row);
        move |col| pixels[col]
    }
}

/// What is made of intensities before they are looked at: 0 of one and 1 of another. Differences
/// and quotients are rounded to the pixels' precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling<T> {
    /// Becomes 0.
    pub zero: T,
    /// As far from it is what becomes 1.
    pub span: T,
    /// Whether that lies below, so that what is dark becomes bright.
    pub is_inverted: bool,
}

impl<T: Pixel> Scaling<T> {
    /// Makes 0 of one intensity and 1 of another, below it or above.
    #[must_use]
    pub fn between(zero: f64, one: f64) -> Self {
        let is_inverted = one < zero;
        let span = if is_inverted { zero - one } else { one - zero };
        Self { zero: T::from_f64(zero), span: T::from_f64(span), is_inverted }
    }

    /// One intensity, scaled.
    #[inline(always)]
    #[must_use]
    pub fn of(self, pixel: T) -> T {
        (if self.is_inverted { self.zero - pixel } else { pixel - self.zero }) / self.span
    }

    /// Scales all.
    pub(crate) fn apply(self, pixels: &mut [T]) {
        let Self { zero, span, is_inverted } = self;
        if is_inverted {
            for pixel in pixels {
                *pixel = (zero - *pixel) / span;
            }
        } else {
            for pixel in pixels {
                *pixel = (*pixel - zero) / span;
            }
        }
    }
}

/// An image that is not copied yet, or not as a whole.
pub struct Pixels<'a, S, T> {
    /// Where its pixels lie.
    pub source: &'a S,
    /// What is made of them; None leaves them as they are.
    pub scaling: Option<Scaling<T>>,
}

impl<T: Pixel, S: Source<T>> Pixels<'_, S, T> {
    /// A copy of all.
    ///
    /// # Errors
    /// Those of [`Image::gathered`].
    pub fn copied(&self, effort: Effort<'_>) -> Result<Image<T>> {
        Image::gathered(self.source, self.scaling, effort)
    }

    /// A copy of some rows and columns in memory that may be had already, which stands for them in
    /// the whole.
    pub(crate) fn part(
        &self,
        held: [Range<usize>; 2],
        memory: Vec<T>,
        effort: Effort<'_>,
    ) -> Result<Image<T>> {
        Image::gathered_into(memory, self.source, held, self.scaling, effort)
    }

    /// The least and the largest pixel, if all are finite.
    pub(crate) fn range(&self, effort: Effort<'_>) -> Result<Option<(T, T)>> {
        let Extent { low, high, is_finite } = extent(self.source, effort)?;
        // Rounding keeps the order of two numbers.
        let (low, high) = self.scaling.map_or((low, high), |scaling| {
            let (low, high) = (scaling.of(low), scaling.of(high));
            if scaling.is_inverted { (high, low) } else { (low, high) }
        });
        let stays_finite = low.to_f64().is_finite() && high.to_f64().is_finite();
        Ok((is_finite && stays_finite).then_some((low, high)))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_are_scaled_as_each_pixel_alone(
            rows in 1_usize..9,
            cols in 1_usize..70,
            pixels in proptest::collection::vec(-5.0_f64..5.0, 9 * 70),
            limits in proptest::option::of((-4.0_f64..4.0, 0.1_f64..3.0, any::<bool>())),
            first in (0_usize..9, 0_usize..70),
            threads in 1_usize..3,
        ) {
            let (first, left) = (first.0 % rows, first.1 % cols);
            let image = Image::new(rows, cols, pixels[..rows * cols].to_vec()).unwrap();
            let scaling =
                limits.map(|(zero, span, is_inverted)| Scaling { zero, span, is_inverted });
            let effort = Effort::of(NonZeroUsize::new(threads).unwrap());
            let whole = Pixels { source: &image, scaling };
            let part = whole.part([first..rows, left..cols], vec![9.0; 11], effort).unwrap();
            let (mut low, mut high) = (f64::MAX, f64::MIN);
            for row in 0..rows {
                for col in 0..cols {
                    let raw = image.row(row)[col];
                    let expected = match limits {
                        None => raw,
                        Some((high, span, true)) => (high - raw) / span,
                        Some((low, span, false)) => (raw - low) / span,
                    };
                    (low, high) = (low.min(expected), high.max(expected));
                    if row >= first && col >= left {
                        prop_assert_eq!(part.row(row)[col - left], expected);
                    }
                }
            }
            prop_assert_eq!((part.rows(), part.cols(), part.held_cols()), (rows, cols, left..cols));
            prop_assert_eq!(whole.range(effort).unwrap(), Some((low, high)));
        }
    }

    #[test]
    fn pixels_that_do_not_stay_finite_have_no_range() {
        let image = Image::new(1, 2, vec![1e300, -1e300]).unwrap();
        let scaling = Some(Scaling { zero: 0.0, span: 1e-300, is_inverted: false });
        let effort = Effort::of(NonZeroUsize::MIN);
        assert_eq!(Pixels { source: &image, scaling }.range(effort), Ok(None));
        assert!(Pixels { source: &image, scaling }.copied(effort).is_err());
    }
}
