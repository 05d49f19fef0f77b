//! What the residual around an atom says of it.

use crate::simd::{Available, Kernel, Lanes, Octet};

use super::model::{Model, TERMS};
use super::profile::{LANES, Profile, Profiles};
use super::region::Rect;
use super::residual::weighted_square;
use super::sheet::Sheet;
use super::sums::MOMENTS;

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

/// Sums over the window of an atom.
pub(super) struct Sums {
    /// Of the residual times the profile times monomials.
    pub off: [f64; TERMS],
    /// Weighted squares of the residual near the centre, and near where that was before.
    pub around: [f64; 2],
    /// Of weights times the profile and times its square; None stands for integrals.
    pub weights: Option<([f64; TERMS], [f64; MOMENTS])>,
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
}

impl Kernel for Summing<'_> {
    type Output = Vec<Sums>;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> Vec<Sums> {
        let Self { profiles, first, residual, weights, has_law, whole, smooth, near } = self;
        let mut all = Vec::with_capacity(near.len());
        for (index, ((near, &is_whole), &is_smooth)) in
            near.iter().zip(whole).zip(smooth).enumerate()
        {
            let profile = profiles.of(first + index);
            let by = weights.filter(|_| has_law);
            let around = squares_on(available, &near[0], residual, by);
            let is_same = near[1] == near[0];
            let before =
                if is_same { around } else { squares_on(available, &near[1], residual, by) };
            let off = profile.moments(available, residual);
            let weights = if is_whole && is_smooth {
                None
            } else {
                Some(sums_of_weights(available, &profile, weights.filter(|_| !is_whole)))
            };
            all.push(Sums { off, around: [around, before], weights });
        }
        all
    }
}

/// Sums over the window of an atom of weights, of which `None` are all 1, times the profile and
/// times its square.
#[inline(always)]
pub(super) fn sums_of_weights<V: Lanes>(
    available: Available<V>,
    profile: &Profile<'_>,
    weights: Option<&Sheet>,
) -> ([f64; TERMS], [f64; MOMENTS]) {
    let ones;
    let weights = match (weights, profile.sums_of_ones()) {
        (Some(weights), _) => weights,
        (None, Some(sums)) => return sums,
        (None, None) => {
            ones = ones_on(profile.frame.rect);
            &ones
        }
    };
    (profile.moments(available, weights), profile.squared_moments(available, weights))
}

/// What the sums over its window say of an atom.
#[inline(always)]
pub(super) fn see<const P: usize, M: Model<P>>(atom: &[f64; P], sums: &Sums) -> Seen<P> {
    let jacobian = M::jacobian(atom);
    let dot = |polynomial: &[f64; TERMS], moments: &[f64; TERMS]| -> f64 {
        polynomial.iter().zip(moments).map(|(k, m)| k * m).sum()
    };
    let gradient = std::array::from_fn(|p| dot(&jacobian[p], &sums.off));
    let [around, around_before] = sums.around;
    let Some((seen, squared)) = &sums.weights else {
        let own = M::pair_block(atom, atom);
        let constant = M::integrals(atom);
        return Seen { gradient, own, constant, weight: 1.0, around, around_before };
    };
    let [a, b, c] = M::precision(atom);
    let whole = std::f64::consts::PI / (a * c - b * b).max(f64::MIN_POSITIVE).sqrt();
    Seen {
        gradient,
        own: M::block(&jacobian, squared),
        constant: std::array::from_fn(|p| dot(&jacobian[p], seen)),
        weight: squared[0] / whole,
        around,
        around_before,
    }
}

/// A sheet of ones.
fn ones_on(rect: Rect) -> Sheet {
    let mut sheet = Sheet::default();
    sheet.lay(rect);
    sheet.fill(1.0);
    sheet
}

/// Weighted squares of the residual on a part of a sheet.
#[inline(always)]
fn squares_on<V: Lanes>(
    available: Available<V>,
    rect: &Rect,
    residual: &Sheet,
    weights: Option<&Sheet>,
) -> f64 {
    // Sheets have columns beyond their own, so that whole vectors may be read. Of the last vector of
    // a row those lanes count that are on the part.
    let len = rect.cols.next_multiple_of(LANES);
    let rest = rect.cols % LANES;
    let last: [f64; LANES] =
        std::array::from_fn(|lane| if rest == 0 || lane < rest { 1.0 } else { 0.0 });
    let last = Octet::load(available, &last);
    let mut sum = Octet::splat(available, 0.0);
    for row in rect.row..rect.end_row() {
        let (values, _) = residual.line(row, rect.col, len).as_chunks::<LANES>();
        let Some((end, whole)) = values.split_last() else { break };
        if let Some(weights) = weights {
            let (weights, _) = weights.line(row, rect.col, len).as_chunks::<LANES>();
            let squares = |values: &[f64; LANES], weights: &[f64; LANES]| {
                let squares = std::array::from_fn(|i| weighted_square(values[i], weights[i]));
                Octet::load(available, &squares)
            };
            for (values, weights) in whole.iter().zip(weights) {
                sum = sum + squares(values, weights);
            }
            sum = sum + last * squares(end, &weights[whole.len()]);
        } else {
            for values in whole {
                let values = Octet::load(available, values);
                sum = sum + values * values;
            }
            let end = Octet::load(available, end);
            sum = sum + last * (end * end);
        }
    }
    sum.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::InstructionSet;

    struct Squares<'a>(&'a Rect, &'a Sheet, Option<&'a Sheet>);

    impl Kernel for Squares<'_> {
        type Output = f64;

        #[inline(always)]
        fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> f64 {
            squares_on(available, self.0, self.1, self.2)
        }
    }

    #[test]
    fn squares_are_those_of_the_part_alone() {
        let whole = Rect { row: 2, rows: 9, col: 5, cols: 31 };
        let (mut values, mut weights) = (Sheet::default(), Sheet::default());
        values.lay(whole);
        weights.lay(whole);
        for row in whole.row..whole.end_row() {
            for col in whole.col..whole.end_col() {
                values.line_mut(row, col, 1)[0] = (row * 7 + col * 3) as f64 % 5.0 - 2.0;
                weights.line_mut(row, col, 1)[0] = 0.25 * (1 + (row + col) % 4) as f64;
            }
        }
        for cols in 0..=18 {
            let part = Rect { row: 4, rows: 5, col: 9, cols };
            let (mut plain, mut weighted) = (0.0, 0.0);
            for row in part.row..part.end_row() {
                for col in part.col..part.end_col() {
                    let value = values.line(row, col, 1)[0];
                    plain += value * value;
                    weighted += value * value / weights.line(row, col, 1)[0];
                }
            }
            for set in InstructionSet::available() {
                let (one, other) = (
                    set.run(Squares(&part, &values, None)),
                    set.run(Squares(&part, &values, Some(&weights))),
                );
                assert!((one - plain).abs() < 1e-12);
                assert!((other - weighted).abs() < 1e-12);
            }
        }
    }
}
