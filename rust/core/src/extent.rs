//! The range of pixels.

use crate::image::{Pixel, threads_for};
use crate::interrupt::Effort;
use crate::source::Source;
use crate::{Result, parallel};

/// The least and the largest of some pixels, and whether all are finite.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent<T> {
    pub low: T,
    pub high: T,
    pub is_finite: bool,
}

impl<T: Pixel> Extent<T> {
    /// Of at least one pixel. The range means nothing if one is not finite.
    #[inline(always)]
    pub(crate) fn of(pixels: &[T]) -> Self {
        // Lanes do not wait for one another.
        const LANES: usize = 16;
        let first = pixels[0];
        let (mut lows, mut highs) = ([first; LANES], [first; LANES]);
        // A product with 0 is 0, or NaN if the pixel is infinite or NaN, which stays in a sum.
        let mut zeros = [T::default(); LANES];
        let (chunks, rest) = pixels.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                let x = chunk[lane];
                lows[lane] = lesser(x, lows[lane]);
                highs[lane] = greater(x, highs[lane]);
                zeros[lane] = zeros[lane].plus_none_of(x);
            }
        }
        let mut whole = Self { low: first, high: first, is_finite: true };
        for lane in 0..LANES {
            whole.low = lesser(lows[lane], whole.low);
            whole.high = greater(highs[lane], whole.high);
            whole.is_finite &= zeros[lane] == T::default();
        }
        for &x in rest {
            whole.low = lesser(x, whole.low);
            whole.high = greater(x, whole.high);
            whole.is_finite &= x.to_f64().is_finite();
        }
        whole
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            low: lesser(other.low, self.low),
            high: greater(other.high, self.high),
            is_finite: self.is_finite && other.is_finite,
        }
    }
}

fn lesser<T: PartialOrd>(a: T, b: T) -> T {
    if a < b { a } else { b }
}

fn greater<T: PartialOrd>(a: T, b: T) -> T {
    if a > b { a } else { b }
}

/// The range of pixels that are not copied; of none it means nothing.
///
/// # Errors
/// [`Error::Interrupted`].
pub(crate) fn extent<T: Pixel>(source: &impl Source<T>, effort: Effort<'_>) -> Result<Extent<T>> {
    let [rows, cols] = source.shape();
    let rows: Vec<usize> = (0..rows).collect();
    let parts = parallel::map_with(
        &rows,
        threads_for(rows.len() * cols, effort),
        Vec::new,
        |buffer: &mut Vec<T>, &row| {
            effort.check()?;
            buffer.clear();
            buffer.extend((0..cols).map(source.pixels_of(row)));
            Ok(buffer.first().map(|_| Extent::of(buffer)))
        },
    );
    let mut whole = None;
    for part in parts {
        let part: Option<Extent<T>> = part?;
        whole = match (whole, part) {
            (Some(whole), Some(part)) => Some(Extent::with(whole, part)),
            (whole, part) => whole.or(part),
        };
    }
    Ok(whole.unwrap_or(Extent { low: T::default(), high: T::default(), is_finite: false }))
}
