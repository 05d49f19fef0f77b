//! What a model leaves of the image, and what that costs.

use crate::image::Pixel;
use crate::simd::{Available, Kernel, Lanes};

use super::look::{Desk, Scene};
use super::profile::LANES;
use super::region::Rect;

/// Sums over a region's own pixels.
#[derive(Clone, Copy, Default)]
pub(super) struct Totals {
    pub cost: f64,
    pub squares: f64,
}

/// Adds all peaks to the sheet: this and what follows is compiled for each instruction set, the
/// vectors are the compiler's.
pub(super) struct Painting<'d>(pub &'d mut Desk);

impl Kernel for Painting<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) {
        let Desk { residual, profiles, mixed, heights, .. } = self.0;
        for (index, &height) in heights.iter().enumerate() {
            profiles.of(index).add(height, residual, mixed);
        }
    }
}

/// Turns what is painted into residuals times their weights.
pub(super) struct Subtracting<'a, 'd, T: Pixel> {
    pub scene: &'a Scene<'a, T>,
    /// The pixels that the totals are over.
    pub core: &'a Rect,
    pub desk: &'d mut Desk,
}

impl<T: Pixel> Kernel for Subtracting<'_, '_, T> {
    type Output = Totals;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> Totals {
        let Self { scene, core, desk } = self;
        let Desk { residual, weights, is_plain, .. } = desk;
        let outer = residual.rect;
        let mut totals = Totals::default();
        let (before, after) = (core.col - outer.col, core.end_col() - outer.col);
        for row in outer.row..outer.end_row() {
            let (line, beyond) = residual.row_mut(row);
            beyond.fill(0.0);
            let pixels = &scene.image.row(row)[outer.col..outer.end_col()];
            let is_core = core.row <= row && row < core.end_row();
            if *is_plain {
                for (value, pixel) in line.iter_mut().zip(pixels) {
                    *value = pixel.to_f64() - *value;
                }
                if is_core {
                    totals.squares += squares(&line[before..after]);
                }
                continue;
            }
            let admitted = &scene.admitted.row(row)[outer.col..outer.end_col()];
            let (weights, beyond) = weights.row_mut(row);
            beyond.fill(0.0);
            if let (Some(floor), true) = (scene.floor, is_core) {
                totals.cost += deviance(
                    &line[before..after],
                    &pixels[before..after],
                    &admitted[before..after],
                    floor,
                );
            }
            let all = line.iter_mut().zip(pixels).zip(admitted).zip(weights.iter_mut());
            // A pixel without weight may be anything, NaN as well.
            let Some(floor) = scene.floor else {
                for (((value, pixel), admitted), weight) in all {
                    // Read in any case: vectors that are read in part are slow.
                    let off = pixel.to_f64() - *value;
                    *weight = f64::from(*admitted);
                    *value = if *admitted > 0 { off } else { 0.0 };
                }
                if is_core {
                    totals.squares += squares(&line[before..after]);
                }
                continue;
            };
            for (((value, pixel), admitted), weight) in all {
                *weight = f64::from(*admitted) * floor / (value.max(0.0) + floor);
                let off = pixel.to_f64() - *value;
                *value = if *admitted > 0 { off * *weight } else { 0.0 };
            }
            if is_core {
                totals.squares += weighted_squares(&line[before..after], &weights[before..after]);
            }
        }
        if scene.floor.is_none() {
            totals.cost = totals.squares;
        }
        totals
    }
}

/// Poisson's deviance but for a constant: its derivative by the model is -2 w (pixel - model), with
/// the weight w = floor / (max(model, 0) + floor).
#[inline(always)]
fn deviance<T: Pixel>(model: &[f64], pixels: &[T], admitted: &[u8], floor: f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (models, rest) = model.as_chunks::<LANES>();
    let mut term = |lane: usize, model: f64, pixel: T, admitted: u8| {
        let pixel = if admitted > 0 { pixel.to_f64() } else { model };
        let positive = model.max(0.0);
        let negative = model.min(0.0);
        let law = positive - (pixel + floor) * logarithm((positive + floor) / floor);
        // Below 0 the variance is constant.
        let below = negative * (0.5 * negative - pixel) / floor;
        lanes[lane] += f64::from(admitted) * 2.0 * floor * (law + below);
    };
    let mut at = 0;
    for models in models {
        for lane in 0..LANES {
            term(lane, models[lane], pixels[at + lane], admitted[at + lane]);
        }
        at += LANES;
    }
    for (lane, &model) in rest.iter().enumerate() {
        term(lane, model, pixels[at + lane], admitted[at + lane]);
    }
    lanes.iter().sum()
}

/// The natural logarithm of a normal number of 1 or more, by sums and products alone, which the
/// compiler makes vectors of: its error is below 1e-13 of it.
#[inline(always)]
fn logarithm(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    let mantissa = f64::from_bits((bits & MANTISSA) | 1.0_f64.to_bits());
    // The exponent as a double: its bits put into the last places of 2^52.
    let exponent = f64::from_bits((bits >> 52) | 4_503_599_627_370_496.0_f64.to_bits())
        - (4_503_599_627_370_496.0 + 1023.0);
    let is_large = mantissa > std::f64::consts::SQRT_2;
    let (mantissa, exponent) = (
        if is_large { 0.5 * mantissa } else { mantissa },
        if is_large { exponent + 1.0 } else { exponent },
    );
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let q = s * s;
    let mut series = 1.0 / 17.0;
    for odd in [15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        series = series * q + 1.0 / odd;
    }
    exponent * std::f64::consts::LN_2 + 2.0 * s * series
}

/// Sum of squares.
#[inline(always)]
pub(super) fn squares(values: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] += chunk[lane] * chunk[lane];
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += value * value;
    }
    lanes.iter().sum()
}

/// Sum of the squares of residuals that were multiplied by their weights, divided by these.
#[inline(always)]
pub(super) fn weighted_squares(values: &[f64], weights: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let ((chunks, rest), (weights, last)) =
        (values.as_chunks::<LANES>(), weights.as_chunks::<LANES>());
    for (values, weights) in chunks.iter().zip(weights) {
        for lane in 0..LANES {
            lanes[lane] += weighted_square(values[lane], weights[lane]);
        }
    }
    for ((lane, &value), &weight) in lanes.iter_mut().zip(rest).zip(last) {
        *lane += weighted_square(value, weight);
    }
    lanes.iter().sum()
}

/// The square of a residual that was multiplied by its weight, divided by this.
#[inline(always)]
pub(super) fn weighted_square(value: f64, weight: f64) -> f64 {
    // Where the weight is 0, so is the residual.
    value * value / weight.max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn logarithms_are_those_of_the_library(exponent in 0.0_f64..300.0) {
            let x = 10.0_f64.powf(exponent);
            prop_assert!((logarithm(x) - x.ln()).abs() <= 2e-13 * x.ln().max(1e-3));
        }

        #[test]
        fn deviance_falls_where_the_weighted_residual_points(
            model in -3.0_f64..9.0, pixel in -2.0_f64..9.0, floor in 0.1_f64..2.0,
        ) {
            let at = |model: f64| deviance(&[model], &[pixel], &[1], floor);
            let slope = (at(model + 1e-5) - at(model - 1e-5)) / 2e-5;
            let weight = floor / (model.max(0.0) + floor);
            prop_assert!((slope + 2.0 * weight * (pixel - model)).abs() < 1e-4);
            prop_assert_eq!(deviance(&[model], &[f64::NAN], &[0], floor), 0.0);
        }
    }
}
