//! What screening is told about the image and its scales, and how far it may be off.

use crate::image::{Image, Pixel};
use crate::scale_space::{HalfKernel, Scale};

/// Unit roundoff of `f32`.
const ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;

/// The image's intensities in screening: less their middle, and scaled to [-1, 1].
#[derive(Clone, Copy)]
pub(in crate::scale_space) struct Normalization {
    pub middle: f64,
    pub factor: f64,
    /// Bound on the rounding error of exact responses, in units of the second derivative's and
    /// the Gaussian's absolute weight, after scaling.
    pub exact_error: f64,
}

impl Normalization {
    /// That of an image; a constant one has none.
    pub(in crate::scale_space) fn of<T: Pixel>(image: &Image<T>) -> Option<Self> {
        let (low, high) = image.pixels().iter().fold((f64::MAX, f64::MIN), |(low, high), x| {
            let x = x.to_f64();
            (if x < low { x } else { low }, if x > high { x } else { high })
        });
        let middle = f64::midpoint(low, high);
        let half = high - middle;
        let largest = low.abs().max(high.abs());
        // The reciprocal of a subnormal is infinite.
        (half >= f64::MIN_POSITIVE).then(|| Self {
            middle,
            factor: 1.0 / half,
            exact_error: T::ROUNDOFF * largest / half,
        })
    }
}

/// A scale as screening needs it.
pub(in crate::scale_space) struct ScreenScale {
    pub(super) vertical_smooth: Vec<f32>,
    pub(super) vertical_second: Vec<f32>,
    pub(super) horizontal_smooth: Vec<f32>,
    pub(super) horizontal_second: Vec<f32>,
    /// Minus the weight of the scale.
    pub(super) factor: f32,
    /// Response to what normalisation took off.
    pub(super) offset: f32,
    /// Bound on the difference between a screened response and the exact one, scaled.
    pub error: f32,
}

impl ScreenScale {
    pub(in crate::scale_space) fn new(scale: &Scale, normalization: Normalization) -> Self {
        let single = |kernel: &HalfKernel| kernel.weights().iter().map(|&w| w as f32).collect();
        let sum = |kernel: &HalfKernel| 2.0 * kernel.pairs().iter().sum::<f64>() + kernel.center();
        let absolute = |kernel: &HalfKernel| {
            2.0 * kernel.pairs().iter().map(|w| w.abs()).sum::<f64>() + kernel.center().abs()
        };
        let (v, h) = (&scale.vertical, &scale.horizontal);
        let response_to_one =
            -scale.weight * (sum(v.second()) * sum(h.smooth()) + sum(v.smooth()) * sum(h.second()));
        let offset = normalization.factor * normalization.middle * response_to_one;
        let gain = scale.weight
            * (absolute(v.second()) * absolute(h.smooth())
                + absolute(v.smooth()) * absolute(h.second()));
        // A sum of n products is off by at most n + 2 roundoffs of its absolute terms, the
        // pairs' sum and the weight's rounding included. There are two passes, the rounding of
        // the pixels and a few operations to combine the terms. The exact side has the same count
        // in its own precision, of the terms before normalisation. The factor below covers the
        // quadratic terms.
        let steps = (v.radius() + h.radius() + 16) as f64;
        let screened = ROUNDOFF * (gain * steps + 2.0 * offset.abs());
        let exact = normalization.exact_error * gain * steps;
        Self {
            vertical_smooth: single(v.smooth()),
            vertical_second: single(v.second()),
            horizontal_smooth: single(h.smooth()),
            horizontal_second: single(h.second()),
            factor: -scale.weight as f32,
            offset: offset as f32,
            error: (1.01 * (screened + exact)) as f32,
        }
    }

    pub(super) fn vertical_radius(&self) -> usize {
        self.vertical_smooth.len() - 1
    }

    pub(super) fn horizontal_radius(&self) -> usize {
        self.horizontal_smooth.len() - 1
    }
}
