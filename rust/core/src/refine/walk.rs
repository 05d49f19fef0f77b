//! How far a step may lead an atom, and how its fit has ended: the same for joint and single fits.

use super::model::{AMPLITUDE, COL, Model, ROW, SHAPE};
use super::{Fit, Start, Status};

/// A step moves an atom by at most this share of its sigma along each axis.
const MOST_MOVE: f64 = 0.5;
/// Damping at the start, and factors after a step that helped or did not.
pub(super) const DAMPING: f64 = 1e-3;
const LESS_DAMPING: f64 = 0.1;
const MORE_DAMPING: f64 = 10.0;
const LEAST_DAMPING: f64 = 1e-9;
/// Damping below this hardly changes a step, so that a step that failed is tried with more.
const FELT_DAMPING: f64 = 1e-3;
/// How often a step is tried again with more damping before it is given up.
pub(super) const MOST_TRIES: usize = 6;
/// What a cost may rise by without being called worse: rounding.
pub(super) const ROUNDING: f64 = 1e-9;
/// Height, sigma and background are nearly degenerate and settle last, while centres have long
/// been where they stay: sigmas may change by this many tolerances.
const SIGMA_TOLERANCE: f64 = 10.0;
/// Steps that shrink at least by this factor from one to the next add up to little more.
const FAST: f64 = 0.5;

/// Damping after a step that made the fit better.
pub(super) fn less_damping(damping: f64) -> f64 {
    (damping * LESS_DAMPING).max(LEAST_DAMPING)
}

/// Damping after a step that did not.
pub(super) fn more_damping(damping: f64) -> f64 {
    damping.max(FELT_DAMPING) * MORE_DAMPING
}

/// Where a step leads an atom, by no more than it may. `bound` is the sigma that its shape began
/// with.
pub(super) fn moved<const P: usize, M: Model<P>>(
    atom: &[f64; P],
    change: &[f64; P],
    start: &Start,
    bound: f64,
) -> [f64; P] {
    let mut moved = *atom;
    let most = MOST_MOVE * M::sigma(atom);
    let length = change[ROW].abs().max(change[COL].abs());
    let share = if length > most { most / length } else { 1.0 };
    let within = |x: f64, middle: f64| x.clamp(middle - start.limit, middle + start.limit);
    moved[ROW] = within(atom[ROW] + share * change[ROW], start.row);
    moved[COL] = within(atom[COL] + share * change[COL], start.col);
    moved[AMPLITUDE] += change[AMPLITUDE];
    if change[SHAPE..].iter().any(|&change| change != 0.0) {
        M::reshape(&mut moved, change, bound);
    }
    moved
}

/// How far a step has led, in pixels: of the centre, or of sigma in units of what it may change by.
pub(super) fn length<const P: usize, M: Model<P>>(now: &[f64; P], was: &[f64; P]) -> f64 {
    let moved = (now[ROW] - was[ROW]).abs().max((now[COL] - was[COL]).abs());
    moved.max((M::sigma(now) - M::sigma(was)).abs() / SIGMA_TOLERANCE)
}

/// Whether all further steps together are shorter than the tolerance, to judge by the last two.
pub(super) fn is_settled(length: f64, before: f64, tolerance: f64) -> bool {
    let ratio = length / before;
    let is_fast = before.is_finite() && ratio < FAST;
    length < tolerance || (is_fast && length * ratio / (1.0 - ratio) < tolerance)
}

/// Whether an atom is as far from its start as it may be.
pub(super) fn is_at_limit<const P: usize>(atom: &[f64; P], start: &Start) -> bool {
    let off = (atom[ROW] - start.row).abs().max((atom[COL] - start.col).abs());
    off >= start.limit * (1.0 - 1e-9)
}

/// Whether a coordinate is on a pixel of an axis of this length.
pub(super) fn is_inside(x: f64, len: usize) -> bool {
    (-0.5..=len as f64 - 0.5).contains(&x)
}

/// How the fit of an atom has ended that nothing else is wrong with; start and atom in the same
/// coordinates, the fit in those of the image.
pub(super) fn status<const P: usize, M: Model<P>>(
    fit: &Fit,
    [rows, cols]: [usize; 2],
    (atom, start, bound): (&[f64; P], &Start, f64),
    has_settled: bool,
) -> Status {
    if fit.status != Status::Ok {
        fit.status
    } else if !is_inside(fit.centre[0], rows) || !is_inside(fit.centre[1], cols) {
        Status::OutsideFrame
    } else if is_at_limit(atom, start) {
        Status::MovedTooFar
    } else if M::is_at_bound(atom, bound) {
        Status::SigmaAtBound
    } else if has_settled {
        Status::Ok
    } else {
        Status::NotConverged
    }
}
