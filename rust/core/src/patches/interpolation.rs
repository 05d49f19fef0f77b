//! Cubic convolution along one axis.

use super::Sample;

/// Pixels that an interpolated value depends on.
pub(super) const TAPS: usize = 4;

/// What the four pixels around a place weigh: one before the last whole pixel, it, two after it.
///
/// Keys, IEEE Transactions on Acoustics, Speech, and Signal Processing 29, 1153 (1981), eq. 15.
/// The place of a window's pixels between the image's is the same for all of them, so weights are
/// computed once an axis. Linear weights would be cheaper but halve the variance of white noise
/// midway between pixels, per axis, where these leave 0.64 of it: windows would differ by where
/// atoms happen to lie on the grid.
pub(super) struct Weights<T>([T; TAPS]);

impl<T: Sample> Weights<T> {
    /// For a place this share of a pixel, in [0, 1), after the last whole one.
    #[inline(always)]
    pub(super) fn new(t: f64) -> Self {
        let outer = |t: f64| ((2.0 - t) * t - 1.0) * t / 2.0;
        let inner = |t: f64| (3.0 * t - 5.0) * t * t / 2.0 + 1.0;
        Self([outer(t), inner(t), inner(1.0 - t), outer(1.0 - t)].map(T::from_f64))
    }

    /// Weighs four rows of pixels.
    #[inline(always)]
    pub(super) fn combine(&self, [a, b, c, d]: [&[T]; TAPS], out: &mut [T]) {
        let [wa, wb, wc, wd] = self.0;
        for ((((out, &a), &b), &c), &d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *out = (wa * a + wb * b) + (wc * c + wd * d);
        }
    }
}
