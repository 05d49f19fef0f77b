//! What is done to the intensities of a window.

use crate::image::Pixel;

/// What is done to the intensities of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalization {
    /// Nothing.
    None,
    /// Their mean is subtracted.
    Mean,
    /// Their mean is subtracted, and they are divided by their standard deviation (that of the
    /// pixels, not of a sample). A window that is constant becomes 0: one whose standard deviation
    /// is at most 16 times what rounding makes of its mean.
    ZScore,
}

/// Sums that are added up side by side: one sum would wait for each addition.
const LANES: usize = 8;

/// Rounding errors of the largest weights' products and their sums over two axes, generously.
const CONSTANT: f64 = 32.0;

impl Normalization {
    /// Writes the normalised window in single precision; sums are in double precision.
    #[inline(always)]
    pub(super) fn apply<T: Pixel>(self, window: &[T], out: &mut [f32]) {
        if self == Self::None {
            for (out, pixel) in out.iter_mut().zip(window) {
                *out = pixel.to_f64() as f32;
            }
            return;
        }
        let count = window.len() as f64;
        let mean = sum(window, |x| x) / count;
        let factor = if self == Self::ZScore {
            let deviation = (sum(window, |x| (x - mean) * (x - mean)) / count).sqrt();
            let is_constant = deviation <= CONSTANT * T::ROUNDOFF * mean.abs();
            if is_constant { 0.0 } else { deviation.recip() }
        } else {
            1.0
        };
        for (out, pixel) in out.iter_mut().zip(window) {
            *out = ((pixel.to_f64() - mean) * factor) as f32;
        }
    }
}

#[inline(always)]
fn sum<T: Pixel>(window: &[T], of: impl Fn(f64) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    let (chunks, rest) = window.as_chunks::<LANES>();
    for chunk in chunks {
        for (sum, pixel) in sums.iter_mut().zip(chunk) {
            *sum += of(pixel.to_f64());
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|pixel| of(pixel.to_f64())).sum::<f64>()
}
