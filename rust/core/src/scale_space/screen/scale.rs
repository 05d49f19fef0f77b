//! What screening is told about the image and its scales, and how far it may be off.

use super::halving::{self, Fitted};
use crate::image::Pixel;
use crate::scale_space::Scale;

/// Unit roundoff of `f32`.
const ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;

/// Mismatch beyond which halved columns leave too much to exact arithmetic. Responses to atoms are
/// a few tenths.
const MOST_MISMATCH: f64 = 2e-3;

/// Steps of exact arithmetic that take as long as half the columns save, per pixel and pixel of
/// the radius: measured with AVX-512, and no result depends on it.
const SAVED_STEPS: f64 = 0.1;

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
    /// That of an image of this range; a constant one has none.
    pub(in crate::scale_space) fn of<T: Pixel>((low, high): (T, T)) -> Option<Self> {
        let (low, high) = (low.to_f64(), high.to_f64());
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

/// Kernels along the rows of the tile: half of each, outermost pair first, the centre last.
pub(super) struct Phase {
    pub smooth: Vec<f32>,
    pub second: Vec<f32>,
    /// Whether outputs lie between two columns that are read; the centre's weight is zero then.
    pub between: bool,
    /// What the response to ones is more than the exact one.
    bias: f64,
}

/// How a scale is filtered along the rows.
pub(super) struct Across {
    /// Kernels for the columns that are read and those between, in turn.
    pub phases: Vec<Phase>,
    /// How many of the columns that are read the kernels reach to each side.
    pub reach: usize,
    /// Bound on the difference to the exact response by rounding, scaled.
    rounding: f64,
    /// Bound on the same by other kernels than the exact ones, for pixels up to 1 from 0.
    mismatch: f64,
}

/// The middle of a tile's pixels, and how far they are from it.
#[derive(Clone, Copy)]
pub(super) struct TileRange {
    pub middle: f64,
    pub half: f64,
}

impl Across {
    /// Bound on the difference between a screened response and the exact one, scaled.
    pub(super) fn error(&self, range: TileRange) -> f32 {
        (1.01 * (self.rounding + self.mismatch * range.half)) as f32
    }
}

/// A scale as screening needs it.
pub(in crate::scale_space) struct ScreenScale {
    pub(super) vertical_smooth: Vec<f32>,
    pub(super) vertical_second: Vec<f32>,
    /// With all columns.
    pub(super) whole: Across,
    /// With half of the columns, where that is less work and its error small.
    pub(super) halved: Option<Across>,
    /// Minus the weight of the scale.
    pub(super) factor: f32,
    /// Response to what normalisation took off.
    offset: f64,
}

impl ScreenScale {
    pub(in crate::scale_space) fn new(scale: &Scale, normalization: Normalization) -> Self {
        let (v, h) = (&scale.vertical, &scale.horizontal);
        let response_to_one = -scale.weight
            * (v.second().sum() * h.smooth().sum() + v.smooth().sum() * h.second().sum());
        let offset = normalization.factor * normalization.middle * response_to_one;
        // The response to the worst pixels, of kernels along the rows with these absolute weights.
        let gain = |smooth: f64, second: f64| {
            scale.weight * (v.second().absolute_sum() * smooth + v.smooth().absolute_sum() * second)
        };
        let exact_gain = gain(h.smooth().absolute_sum(), h.second().absolute_sum());
        // A sum of n products is off by at most n + 2 roundoffs of its absolute terms, the
        // pairs' sum and the weight's rounding included. There are two passes, the rounding of
        // the pixels and a few operations to combine the terms. The exact side has the same count
        // in its own precision, of the terms before normalisation. The factor of the whole covers
        // the quadratic terms.
        let steps = (v.radius() + h.radius() + 16) as f64;
        let rounding = |gain: f64, steps: f64| {
            ROUNDOFF * (gain * steps + 2.0 * offset.abs())
                + normalization.exact_error * exact_gain * steps
        };
        let whole = Across {
            phases: vec![Phase {
                smooth: single(h.smooth().weights()),
                second: single(h.second().weights()),
                between: false,
                bias: 0.0,
            }],
            reach: h.radius(),
            rounding: rounding(exact_gain, steps),
            mismatch: 0.0,
        };
        let halved = halving::fitted(h).map(|fits| {
            let worst = |of: fn(&Fitted) -> f64| {
                let gains = fits.iter().map(|(smooth, second)| gain(of(smooth), of(second)));
                gains.fold(0.0, f64::max)
            };
            Across {
                reach: halving::reach(h.radius()),
                // There is a third pass.
                rounding: rounding(worst(Fitted::absolute_sum), steps + halving::REACH as f64),
                mismatch: worst(|fit| fit.mismatch),
                phases: fits
                    .iter()
                    .enumerate()
                    .map(|(index, (smooth, second))| Phase {
                        smooth: single(&smooth.weights),
                        second: single(&second.weights),
                        between: index > 0,
                        bias: -scale.weight
                            * (v.second().sum() * smooth.bias + v.smooth().sum() * second.bias),
                    })
                    .collect(),
            }
        });
        Self {
            vertical_smooth: single(v.smooth().weights()),
            vertical_second: single(v.second().weights()),
            whole,
            halved: halved.filter(|halved| halved.mismatch < MOST_MISMATCH),
            factor: -scale.weight as f32,
            offset,
        }
    }

    /// Whether `f32` holds all of its numbers; images whose contrast is next to nothing beside
    /// their intensities have others.
    pub(in crate::scale_space) fn is_finite(&self) -> bool {
        let worst = TileRange { middle: 1.0, half: 1.0 };
        let across = std::iter::once(&self.whole).chain(&self.halved);
        across.into_iter().all(|across| {
            across.error(worst).is_finite()
                && across.phases.iter().all(|phase| self.offset(phase, worst.middle).is_finite())
        }) && self.factor.is_finite()
    }

    /// How it is filtered along the rows, with half the columns if wanted and possible.
    pub(super) fn across(&self, halve: bool) -> &Across {
        self.halved.as_ref().filter(|_| halve).unwrap_or(&self.whole)
    }

    /// What a phase's responses lack, of a tile whose pixels have this middle.
    pub(super) fn offset(&self, phase: &Phase, middle: f64) -> f32 {
        (self.offset - middle * phase.bias) as f32
    }

    pub(super) fn vertical_radius(&self) -> usize {
        self.vertical_smooth.len() - 1
    }

    /// Steps of exact arithmetic that one response takes.
    pub(in crate::scale_space) fn exact_steps(&self) -> f64 {
        ((self.vertical_radius() + 1) * (2 * self.whole.reach + 1)) as f64
    }

    /// Steps of exact arithmetic that take as long as half the columns save, per pixel.
    pub(in crate::scale_space) fn saved_steps(&self) -> f64 {
        if self.halved.is_some() { SAVED_STEPS * self.whole.reach as f64 } else { 0.0 }
    }
}

fn single(weights: &[f64]) -> Vec<f32> {
    weights.iter().map(|&w| w as f32).collect()
}

/// How far the kernels of some scales reach.
#[derive(Clone, Copy)]
pub(in crate::scale_space) struct Reach {
    /// In rows.
    pub vertical: usize,
    /// In columns.
    pub horizontal: usize,
    /// In columns that are kept where half of them are; nothing if no scale has them halved.
    pub halved: Option<usize>,
}

impl Reach {
    pub(in crate::scale_space) fn of(scales: &[ScreenScale]) -> Self {
        let most = |of: fn(&ScreenScale) -> usize| scales.iter().map(of).max().unwrap_or(0);
        let halved = scales.iter().filter_map(|scale| scale.halved.as_ref()).map(|a| a.reach).max();
        let whole = most(|scale| scale.whole.reach);
        Self {
            vertical: most(ScreenScale::vertical_radius),
            horizontal: halved.map_or(whole, |reach| whole.max(2 * reach + halving::REACH)),
            halved,
        }
    }
}
