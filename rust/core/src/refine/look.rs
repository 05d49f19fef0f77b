//! A look at the pixels: what the model leaves of the image, and what that says about each atom.

use std::ops::Range;

use crate::image::{Image, Pixel};
use crate::interrupt::Effort;
use crate::simd::{Available, InstructionSet, Kernel, Lanes};
use crate::{Result, parallel};

use super::Options;
use super::background::Background;
use super::mask::Admitted;
use super::model::{AMPLITUDE, Model, TERMS};
use super::overlap::{pair_block, with_plane};
use super::profile::{Frame, LANES, Profile, Profiles};
use super::region::{Lookup, Rect, Region};
use super::sheet::Sheet;
use super::sums::{MOMENTS, block};

/// Peaks as wide as this, in pixels, are summed up by integrals.
const SMOOTH: f64 = 1.0;
/// Pixels within this many sigmas along each axis tell whether a step was good for an atom.
const AROUND: f64 = 2.5;

/// What is fitted.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a, T: Pixel> {
    pub image: &'a Image<T>,
    pub admitted: &'a Admitted,
    pub ground: &'a Background,
    pub options: Options,
    /// Variance of a pixel by Poisson's law where the model is 0; None weighs all pixels alike.
    pub floor: Option<f64>,
    pub effort: Effort<'a>,
    pub instruction_set: InstructionSet,
}

/// Parameters of all atoms and of the background.
#[derive(Clone)]
pub(super) struct State<const P: usize> {
    pub atoms: Vec<[f64; P]>,
    pub ground: Vec<f64>,
}

/// What is seen of one atom.
#[derive(Clone, Copy)]
pub(super) struct Seen<const P: usize> {
    pub gradient: [f64; P],
    /// Its own block of H.
    pub own: [[f64; P]; P],
    /// Its block of H with a constant background.
    pub constant: [f64; P],
    /// Mean weight of the pixels of its squared profile.
    pub weight: f64,
    /// Weighted squares of the residual near its centre, and near where that was before.
    pub around: f64,
    pub around_before: f64,
}

/// What is seen of all.
pub(super) struct Look<const P: usize> {
    pub cost: f64,
    /// Weighted squares of the residual.
    pub squares: f64,
    pub atoms: Vec<Seen<P>>,
    pub ground: Vec<f64>,
    /// Sums of weights times squared shares of the background's nodes.
    pub ground_diagonal: Vec<f64>,
}

/// Working memory of a thread: residuals times their weights, weights, and the profiles of atoms.
#[derive(Default)]
pub(super) struct Desk {
    pub residual: Sheet,
    pub weights: Sheet,
    pub profiles: Profiles,
    pub mixed: Vec<f64>,
    reaching: Vec<u32>,
    heights: Vec<f64>,
    /// Which profile is the first of the region's own atoms.
    pub first: usize,
    /// Whether all pixels weigh the same and are fitted.
    pub is_plain: bool,
}

/// Sums over a region's own pixels.
#[derive(Clone, Copy, Default)]
pub(super) struct Totals {
    pub cost: f64,
    pub squares: f64,
}

/// Where atoms are, and who reaches where.
pub(super) struct Places {
    pub windows: Vec<Frame>,
    pub lookup: Lookup,
}

impl<T: Pixel> Scene<'_, T> {
    pub(super) fn shape(&self) -> [usize; 2] {
        [self.image.rows(), self.image.cols()]
    }

    /// Whether all pixels within the reach of a peak weigh the same and are fitted.
    #[inline(always)]
    pub(super) fn is_whole(&self, profile: &Profile<'_>) -> bool {
        self.floor.is_none()
            && profile.frame.is_complete
            && self.admitted.is_whole(profile.frame.rect)
    }

    pub(super) fn places<const P: usize, M: Model<P>>(
        &self,
        atoms: &[[f64; P]],
        regions: &[Region],
    ) -> Places {
        let (shape, reach) = (self.shape(), self.options.reach);
        let windows: Vec<Frame> =
            atoms.iter().map(|atom| Frame::new::<P, M>(atom, shape, reach)).collect();
        let lookup = Lookup::new(regions, &windows);
        Places { windows, lookup }
    }

    /// Looks at all regions. The result does not depend on the number of threads: each region has
    /// sums of its own, which are added in a fixed order.
    pub(super) fn look<const P: usize, M: Model<P>>(
        &self,
        state: &State<P>,
        before: &State<P>,
        regions: &[Region],
        with_ground: bool,
    ) -> Result<Look<P>> {
        let places = self.places::<P, M>(&state.atoms, regions);
        let indices: Vec<usize> = (0..regions.len()).collect();
        let parts =
            parallel::map_with(&indices, self.effort.threads, Desk::default, |desk, &index| {
                if (self.effort.interrupted)() {
                    return None;
                }
                let region = &regions[index];
                let outer = places.lookup.outer(index, region);
                Some(self.look_at::<P, M>(
                    [state, before],
                    &places,
                    (region, outer),
                    desk,
                    with_ground,
                ))
            });
        self.effort.check()?;
        let nodes = if with_ground { state.ground.len() } else { 0 };
        let mut look = Look {
            cost: 0.0,
            squares: 0.0,
            atoms: Vec::with_capacity(regions.last().map_or(0, |region| region.home.end)),
            ground: vec![0.0; nodes],
            ground_diagonal: vec![0.0; nodes],
        };
        for part in parts.into_iter().flatten() {
            look.cost += part.totals.cost;
            look.squares += part.totals.squares;
            look.atoms.extend(part.atoms);
            for (node, sum) in part.ground {
                look.ground[node] += sum;
            }
            for (node, sum) in part.diagonal {
                look.ground_diagonal[node] += sum;
            }
        }
        Ok(look)
    }

    /// Paints the residual, and its weights unless these are all 1, on a rectangle; sums are over
    /// `core`.
    pub(super) fn paint<const P: usize, M: Model<P>>(
        &self,
        state: &State<P>,
        places: &Places,
        (core, outer, home): (&Rect, Rect, &Range<usize>),
        desk: &mut Desk,
    ) -> Totals {
        places.lookup.reaching(&outer, home, &places.windows, &mut desk.reaching);
        desk.first = desk.reaching.partition_point(|&atom| (atom as usize) < home.start);
        desk.heights.clear();
        desk.heights
            .extend(desk.reaching.iter().map(|&atom| state.atoms[atom as usize][AMPLITUDE]));
        desk.profiles.fill::<P, M>(
            desk.reaching
                .iter()
                .map(|&atom| (&state.atoms[atom as usize], places.windows[atom as usize])),
        );
        desk.residual.lay(outer);
        self.ground.on(&outer).fill(&state.ground, &mut desk.residual);
        self.instruction_set.run(Painting(&mut *desk));
        desk.is_plain = self.floor.is_none() && self.admitted.is_whole(outer);
        if !desk.is_plain {
            desk.weights.lay(outer);
        }
        self.instruction_set.run(Subtracting { scene: self, core, desk })
    }
}

/// Adds all peaks to the sheet: this and what follows is compiled for each instruction set, the
/// vectors are the compiler's.
struct Painting<'d>(&'d mut Desk);

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
struct Subtracting<'a, 'd, T: Pixel> {
    scene: &'a Scene<'a, T>,
    core: &'a Rect,
    desk: &'d mut Desk,
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
                    *weight = f64::from(*admitted);
                    *value = if *admitted > 0 { pixel.to_f64() - *value } else { 0.0 };
                }
                if is_core {
                    totals.squares += squares(&line[before..after]);
                }
                continue;
            };
            for (((value, pixel), admitted), weight) in all {
                *weight = f64::from(*admitted) * floor / (value.max(0.0) + floor);
                let off = if *admitted > 0 { pixel.to_f64() - *value } else { 0.0 };
                *value = off * *weight;
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
    let square = |value: f64, weight: f64| {
        // Where the weight is 0, so is the residual.
        value * value / weight.max(f64::MIN_POSITIVE)
    };
    for (values, weights) in chunks.iter().zip(weights) {
        for lane in 0..LANES {
            lanes[lane] += square(values[lane], weights[lane]);
        }
    }
    for ((lane, &value), &weight) in lanes.iter_mut().zip(rest).zip(last) {
        *lane += square(value, weight);
    }
    lanes.iter().sum()
}

struct Part<const P: usize> {
    totals: Totals,
    atoms: Vec<Seen<P>>,
    ground: Vec<(usize, f64)>,
    diagonal: Vec<(usize, f64)>,
}

impl<T: Pixel> Scene<'_, T> {
    /// Looks at one region.
    fn look_at<const P: usize, M: Model<P>>(
        &self,
        [state, before]: [&State<P>; 2],
        places: &Places,
        (region, outer): (&Region, Rect),
        desk: &mut Desk,
        with_ground: bool,
    ) -> Part<P> {
        let Region { core, home } = region;
        let totals = self.paint::<P, M>(state, places, (core, outer, home), desk);
        let whole: Vec<bool> = (desk.first..desk.first + home.len())
            .map(|index| self.is_whole(&desk.profiles.of(index)))
            .collect();
        let near = |atom: usize| {
            [state, before].map(|state| {
                let near = Frame::new::<P, M>(&state.atoms[atom], self.shape(), AROUND);
                near.rect.within(&outer)
            })
        };
        let sums = self.instruction_set.run(Summing {
            profiles: &desk.profiles,
            first: desk.first,
            residual: &desk.residual,
            weights: (!desk.is_plain).then_some(&desk.weights),
            has_law: self.floor.is_some(),
            whole: &whole,
            near: &home.clone().map(near).collect::<Vec<_>>(),
            smooth: &home
                .clone()
                .map(|atom| M::sigma(&state.atoms[atom]) >= SMOOTH)
                .collect::<Vec<_>>(),
            mixed: &mut desk.mixed,
        });
        let atoms =
            home.clone().zip(&sums).map(|(atom, sums)| see::<P, M>(&state.atoms[atom], sums));
        let atoms = atoms.collect();
        let (mut ground, mut diagonal) = (Vec::new(), Vec::new());
        if with_ground {
            let patch = self.ground.on(core);
            ground = patch.project::<1>(|row| desk.residual.line(row, core.col, core.cols));
            if desk.is_plain {
                let ones = vec![1.0; core.cols];
                diagonal = patch.project::<2>(|_| &ones);
            } else {
                diagonal = patch.project::<2>(|row| desk.weights.line(row, core.col, core.cols));
            }
        }
        Part { totals, atoms, ground, diagonal }
    }
}

/// Sums over the window of an atom.
pub(super) struct Sums {
    /// Of the residual times the profile times monomials.
    off: [f64; TERMS],
    /// Weighted squares of the residual near the centre, and near where that was before.
    around: [f64; 2],
    /// Of weights times the profile and times its square; None stands for integrals.
    weights: Option<([f64; TERMS], [f64; MOMENTS])>,
}

/// Sums over the windows of some atoms.
pub(super) struct Summing<'a> {
    pub profiles: &'a Profiles,
    /// The first of the profiles that are summed over.
    pub first: usize,
    pub residual: &'a Sheet,
    /// None where all are 1.
    pub weights: Option<&'a Sheet>,
    /// Whether weights follow Poisson's law, else they are 0 or 1.
    pub has_law: bool,
    /// For each atom whether its weights are 1 on all of its window, which the image's frame does
    /// not cut.
    pub whole: &'a [bool],
    /// Which peaks are wide enough for integrals to stand for sums.
    pub smooth: &'a [bool],
    /// Pixels near the centres, now and before.
    pub near: &'a [[Rect; 2]],
    pub mixed: &'a mut Vec<f64>,
}

impl Kernel for Summing<'_> {
    type Output = Vec<Sums>;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> Vec<Sums> {
        let Self { profiles, first, residual, weights, has_law, whole, smooth, near, mixed } = self;
        let mut all = Vec::with_capacity(near.len());
        for (index, ((near, &is_whole), &is_smooth)) in
            near.iter().zip(whole).zip(smooth).enumerate()
        {
            let profile = profiles.of(first + index);
            let off = profile.moments(residual, mixed);
            let by = weights.filter(|_| has_law);
            let around = near.map(|near| squares_on(&near, residual, by));
            let weights = if is_whole && is_smooth {
                None
            } else {
                let ones;
                let weights = if let Some(weights) = weights {
                    weights
                } else {
                    ones = ones_on(profile.frame.rect);
                    &ones
                };
                let seen = profile.moments(weights, mixed);
                Some((seen, profile.squared_moments(weights, mixed)))
            };
            all.push(Sums { off, around, weights });
        }
        all
    }
}

/// What the sums over its window say of an atom.
pub(super) fn see<const P: usize, M: Model<P>>(atom: &[f64; P], sums: &Sums) -> Seen<P> {
    let jacobian = M::jacobian(atom);
    let dot = |polynomial: &[f64; TERMS], moments: &[f64; TERMS]| -> f64 {
        polynomial.iter().zip(moments).map(|(k, m)| k * m).sum()
    };
    let gradient = std::array::from_fn(|p| dot(&jacobian[p], &sums.off));
    let [around, around_before] = sums.around;
    let Some((seen, squared)) = &sums.weights else {
        let own = pair_block::<P, M>((atom, &jacobian), (atom, &jacobian));
        let constant = with_plane::<P, M>(atom, &jacobian).map(|[one, ..]| one);
        return Seen { gradient, own, constant, weight: 1.0, around, around_before };
    };
    let [a, b, c] = M::precision(atom);
    let whole = std::f64::consts::PI / (a * c - b * b).max(f64::MIN_POSITIVE).sqrt();
    Seen {
        gradient,
        own: block(&jacobian, squared),
        constant: std::array::from_fn(|p| dot(&jacobian[p], seen)),
        weight: squared[0] / whole,
        around,
        around_before,
    }
}

/// A sheet of ones.
pub(super) fn ones_on(rect: Rect) -> Sheet {
    let mut sheet = Sheet::default();
    sheet.lay(rect);
    sheet.fill(1.0);
    sheet
}

/// Weighted squares of the residual on a part of a sheet.
#[inline(always)]
fn squares_on(rect: &Rect, residual: &Sheet, weights: Option<&Sheet>) -> f64 {
    let mut sum = 0.0;
    for row in rect.row..rect.end_row() {
        let line = residual.line(row, rect.col, rect.cols);
        sum += match weights {
            None => squares(line),
            Some(weights) => weighted_squares(line, weights.line(row, rect.col, rect.cols)),
        };
    }
    sum
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
