//! What screening is told about the image and its scales, and how far it may be off.

use super::axis::LEVELS;
use super::thinning::{Fit, Fitted, Way};
use crate::image::Pixel;
use crate::scale_space::{AxisKernels, Scale};

/// Unit roundoff of `f32`.
const ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;

/// Mismatch beyond which a coarser grid leaves too much to exact arithmetic. Responses to atoms are
/// a few tenths.
const MOST_MISMATCH: f64 = 3e-3;

/// Steps of exact arithmetic that take as long as a coarser grid saves, per pixel and pixel of the
/// radius: measured with AVX-512, and no result depends on it.
const SAVED_STEPS: f64 = 0.1;

/// What exact arithmetic saves on a response whose neighbours in its row are asked for as well, of
/// all places where such crowds are: measured likewise.
const SHARE: f64 = 4.0;

/// The image's intensities in screening: less their middle, and scaled to [-1, 1].
#[derive(Clone, Copy)]
pub(in crate::scale_space) struct Normalization {
    pub middle: f64,
    pub factor: f64,
    /// Roundings of exact responses, in units of the second derivative's and the Gaussian's
    /// absolute weight, after scaling: that of a pass's result to the pixels' precision, and that
    /// of a step of its sums.
    pub exact: [f64; 2],
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
            exact: [T::ROUNDOFF, <f64 as Pixel>::ROUNDOFF]
                .map(|roundoff| roundoff * largest / half),
        })
    }
}

/// The kernels of one axis: half of each, outermost pair first, the centre last.
pub(super) struct Kernels {
    pub smooth: Vec<f32>,
    pub second: Vec<f32>,
}

impl Kernels {
    fn of([smooth, second]: [&[f64]; 2]) -> Self {
        let [smooth, second] =
            [smooth, second].map(|weights| weights.iter().map(|&w| w as f32).collect());
        Self { smooth, second }
    }

    pub(super) fn radius(&self) -> usize {
        radius(&self.second)
    }
}

/// How far a kernel reaches of which a half is given.
pub(super) fn radius(half: &[f32]) -> usize {
    half.len().saturating_sub(1)
}

/// How a scale is filtered.
pub(super) struct Filtering {
    pub way: Way,
    /// Of the rows' axis and the columns'.
    pub axes: [Kernels; 2],
    /// Bound on the difference to the exact response by rounding, scaled.
    rounding: f64,
    /// Bound on the same by other kernels than the exact ones.
    mismatch: Mismatch,
    /// What the response to ones is more than the exact one.
    bias: f64,
}

/// What other kernels than the exact ones leave of a scale's responses.
pub(super) enum Mismatch {
    /// Its bound where pixels are up to 1 from their middle.
    OfPixels(f64),
    /// The bound of each term where its second derivative is up to 1 from what it makes of that
    /// middle, the term with the derivative along the rows' axis first; and that derivative.
    OfSeconds([(f64, Second); 2]),
}

/// The second derivative along an axis, of which only a bound is wanted.
pub(super) struct Second {
    /// Half of the taps that stand for the exact ones where the axis is thinned, outermost pair
    /// first, the centre last.
    pub taps: Vec<f32>,
    /// What the taps make of ones.
    of_ones: f64,
    /// Bound on the difference to the exact one, for pixels up to 1 from 0.
    mismatch: f64,
    /// Bound on the rounding of what the taps make of a tile's pixels, which are up to 1 from 0.
    rounding: f64,
}

impl Second {
    fn of(fitted: &Fitted, way: Way) -> Self {
        let sums = Sums::of(&fitted.weights);
        Self {
            taps: fitted.weights.iter().map(|&w| w as f32).collect(),
            of_ones: sum(&fitted.weights),
            mismatch: fitted.mismatch,
            rounding: ROUNDOFF * (sums.rounded + (8.0 + way.roundings()) * sums.absolute),
        }
    }

    /// Bound on the exact one, less what it makes of the middle of the pixels, by the least and the
    /// largest that the taps make of them.
    ///
    /// What the taps make of thinned pixels is widened to all by means, of weights that are not
    /// negative and sum to 1: so no pixel has more.
    fn bound(&self, (low, high): (f32, f32), range: TileRange) -> f64 {
        let middle = self.of_ones * range.middle;
        let most = (f64::from(high) - middle).max(middle - f64::from(low));
        most + self.mismatch * range.half + self.rounding
    }
}

/// The middle of a tile's pixels, and how far they are from it.
#[derive(Clone, Copy)]
pub(super) struct TileRange {
    pub middle: f64,
    pub half: f64,
}

impl Filtering {
    /// The axes' second derivatives that the bound asks for.
    pub(super) fn seconds(&self) -> Option<[&Second; 2]> {
        match &self.mismatch {
            Mismatch::OfPixels(_) => None,
            Mismatch::OfSeconds(axes) => Some(axes.each_ref().map(|(_, second)| second)),
        }
    }

    /// Bound on the difference between a screened response and the exact one, scaled. The second
    /// derivatives of the pixels along each axis have the given least and largest values.
    pub(super) fn error(&self, range: TileRange, seconds: [(f32, f32); 2]) -> f32 {
        let mismatch = match &self.mismatch {
            Mismatch::OfPixels(bound) => bound * range.half,
            Mismatch::OfSeconds(axes) => axes
                .iter()
                .zip(seconds)
                .map(|((bound, second), values)| bound * second.bound(values, range))
                .sum(),
        };
        (1.01 * (self.rounding + mismatch)) as f32
    }
}

/// A scale as screening needs it.
pub(in crate::scale_space) struct ScreenScale {
    /// On the image's own pixels.
    pub(super) whole: Filtering,
    /// On a coarser grid, where that is less work and its error small.
    pub(super) thinned: Option<Filtering>,
    /// Minus the weight of the scale.
    pub(super) factor: f32,
    /// Response to what normalisation took off.
    offset: f64,
}

/// How a kernel's sum rounds.
#[derive(Clone, Copy)]
struct Sums {
    /// The sum of its absolute weights.
    absolute: f64,
    /// What is rounded on the way, in weights of absolute pixels.
    rounded: f64,
}

impl Sums {
    /// Of half a kernel, outermost pair first, the centre last.
    ///
    /// The centre is summed first, then the pairs. Each step rounds what the sum has come to by
    /// then, which is little of it for long: the outer pairs weigh next to nothing. The weights,
    /// the pairs' own sums and the products are rounded as well.
    fn of(weights: &[f64]) -> Self {
        let (center, pairs) = match weights.split_last() {
            Some((center, pairs)) => (center.abs(), pairs),
            None => (0.0, weights),
        };
        let (mut absolute, mut rounded) = (center, 0.0);
        for weight in pairs {
            absolute += 2.0 * weight.abs();
            rounded += absolute;
        }
        Self { absolute, rounded: rounded + 3.0 * absolute }
    }

    /// What is rounded by two kernels in turn.
    fn then(self, other: Self) -> f64 {
        self.rounded * other.absolute + self.absolute * other.rounded
    }
}

/// Half kernels of both axes, the Gaussian's and its second derivative's.
type Halves<'a> = [[&'a [f64]; 2]; 2];

/// Absolute weight and rounding of the two terms of a response, and their sum over constant pixels.
struct Terms {
    gain: f64,
    rounded: f64,
    of_ones: f64,
}

impl Terms {
    fn of([rows, cols]: Halves<'_>) -> Self {
        let mut terms = Self { gain: 0.0, rounded: 0.0, of_ones: 0.0 };
        for (one, other) in [(rows[1], cols[0]), (rows[0], cols[1])] {
            let (a, b) = (Sums::of(one), Sums::of(other));
            terms.gain += a.absolute * b.absolute;
            terms.rounded += a.then(b);
            terms.of_ones += sum(one) * sum(other);
        }
        terms
    }
}

/// The sum of a whole kernel.
fn sum(weights: &[f64]) -> f64 {
    2.0 * weights.iter().sum::<f64>() - weights.last().copied().unwrap_or(0.0)
}

impl ScreenScale {
    pub(in crate::scale_space) fn new(scale: &Scale, normalization: Normalization) -> Self {
        let axes = [&scale.vertical, &scale.horizontal];
        let weight = scale.weight;
        let halves = axes.map(|axis| [axis.smooth().weights(), axis.second().weights()]);
        let exact = Terms::of(halves);
        let offset = -weight * normalization.factor * normalization.middle * exact.of_ones;
        // Besides the sums, the pixels, each term, their sum, its product with the factor and the
        // response are rounded; exact arithmetic rounds the results of passes instead, and the
        // steps of its sums in double precision. The factor of the whole bound covers the
        // quadratic terms.
        let [result, step] = normalization.exact;
        let of_exact =
            weight * (8.0 * result * exact.gain + step * (exact.rounded + 8.0 * exact.gain));
        let rounding = |terms: &Terms, more: f64| {
            let screened = weight * (terms.rounded + (8.0 + more) * terms.gain);
            ROUNDOFF * (screened + (2.0 + more) * offset.abs()) + of_exact
        };
        let whole = Filtering {
            way: Way::Own,
            axes: halves.map(Kernels::of),
            rounding: rounding(&exact, 0.0),
            mismatch: Mismatch::OfPixels(0.0),
            bias: 0.0,
        };
        let thinned = || {
            let way = Way::of(axes.map(AxisKernels::radius).into_iter().min()?);
            if way == Way::Own {
                return None;
            }
            let fitted = |axis: &AxisKernels| {
                let fit = Fit::new(axis.radius(), way.level());
                [fit.of(axis.smooth()), fit.of(axis.second())]
            };
            let rows = fitted(axes[0]);
            let others = (axes[0] != axes[1]).then(|| fitted(axes[1]));
            let fits = [&rows, others.as_ref().unwrap_or(&rows)];
            let mismatch = match way {
                Way::Slim(_) => {
                    let [rows, cols] = fits;
                    let by_second = |second: &Fitted, smooth: &Fitted| {
                        (weight * smooth.mismatch, Second::of(second, way))
                    };
                    Mismatch::OfSeconds([
                        by_second(&rows[1], &cols[0]),
                        by_second(&cols[1], &rows[0]),
                    ])
                }
                _ => Mismatch::OfPixels(weight * mismatch(fits, halves)),
            };
            if matches!(mismatch, Mismatch::OfPixels(bound) if bound >= MOST_MISMATCH) {
                return None;
            }
            let summed: [[&[f64]; 2]; 2] = std::array::from_fn(|axis| match way {
                Way::Slim(_) => [&*fits[axis][0].weights, halves[axis][1]],
                _ => fits[axis].each_ref().map(|fitted| &*fitted.weights),
            });
            let terms = Terms::of(summed);
            Some(Filtering {
                way,
                axes: summed.map(Kernels::of),
                rounding: rounding(&terms, way.roundings()),
                mismatch,
                bias: -weight * (terms.of_ones - exact.of_ones),
            })
        };
        let thinned = thinned();
        Self { thinned, whole, factor: -weight as f32, offset }
    }

    /// Whether `f32` holds all of its numbers; images whose contrast is next to nothing beside
    /// their intensities have others.
    pub(in crate::scale_space) fn is_finite(&self) -> bool {
        let worst = TileRange { middle: 1.0, half: 1.0 };
        std::iter::once(&self.whole).chain(&self.thinned).all(|filtering| {
            filtering.error(worst, [(-1.0, 1.0); 2]).is_finite()
                && self.offset(filtering, worst.middle).is_finite()
        }) && self.factor.is_finite()
    }

    /// How it is filtered, on a coarser grid if wanted and possible.
    pub(super) fn filtering(&self, thin: bool) -> &Filtering {
        self.thinned.as_ref().filter(|_| thin).unwrap_or(&self.whole)
    }

    /// What the responses lack, of a tile whose pixels have this middle.
    pub(super) fn offset(&self, filtering: &Filtering, middle: f64) -> f32 {
        (self.offset - middle * filtering.bias) as f32
    }

    /// Steps of exact arithmetic that one response takes.
    pub(in crate::scale_space) fn exact_steps(&self) -> f64 {
        let [rows, cols] = &self.whole.axes;
        ((rows.radius() + 1) * (2 * cols.radius() + 1)) as f64
    }

    /// Steps of exact arithmetic that a response takes among others beside it.
    pub(in crate::scale_space) fn rival_steps(&self) -> f64 {
        self.exact_steps() / SHARE
    }

    /// Steps of exact arithmetic that take as long as a coarser grid saves, per pixel.
    pub(in crate::scale_space) fn saved_steps(&self) -> f64 {
        if self.thinned.is_some() { SAVED_STEPS * self.whole.axes[1].radius() as f64 } else { 0.0 }
    }
}

/// Bound on the difference between the response of fitted kernels and the exact one, by the
/// fits' mismatch on each axis.
fn mismatch([rows, cols]: [&[Fitted; 2]; 2], [exact_rows, exact_cols]: Halves<'_>) -> f64 {
    let absolute = |weights: &[f64]| Sums::of(weights).absolute;
    [(1, 0), (0, 1)]
        .into_iter()
        .map(|(row, col)| {
            let (by_row, by_col) = (rows[row].mismatch, cols[col].mismatch);
            by_row * (absolute(exact_cols[col]) + by_col) + absolute(exact_rows[row]) * by_col
        })
        .sum()
}

/// How far the widest kernels reach on each grid, along the rows' axis and the columns'; nothing
/// where no scale is filtered.
#[derive(Clone, Copy, Default)]
pub(in crate::scale_space) struct Reach {
    /// On the image's own pixels.
    pub(super) own: [usize; 2],
    /// On half of the rows and columns.
    pub(super) half: Option<[usize; 2]>,
    /// On grids that are coarser along one axis, by how often they are thinned: of the kernels
    /// along that axis.
    pub(super) slim: [Option<[usize; 2]>; LEVELS],
}

impl Reach {
    pub(in crate::scale_space) fn of(scales: &[ScreenScale]) -> Self {
        let mut reach = Self::default();
        for filtering in scales.iter().flat_map(|s| std::iter::once(&s.whole).chain(&s.thinned)) {
            let widest = match filtering.way {
                Way::Own => &mut reach.own,
                Way::Half => reach.half.get_or_insert_default(),
                Way::Slim(level) => reach.slim[level].get_or_insert_default(),
            };
            for (widest, kernels) in widest.iter_mut().zip(&filtering.axes) {
                *widest = radius(&kernels.smooth).max(*widest);
            }
        }
        reach
    }

    /// How far the widest kernels reach on the image's own pixels.
    pub(in crate::scale_space) fn widest(&self) -> [usize; 2] {
        self.own
    }
}
