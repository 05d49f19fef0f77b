//! Points that are looked up together.

use super::nearest::{Lanes, Nearest, any_below, greater, lesser};

/// A point and where it stands in the input.
#[derive(Clone, Copy, Default)]
pub(super) struct Site {
    pub place: [f64; 2],
    pub index: usize,
}

/// A rectangle with its edges: its least and its greatest point.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub low: [f64; 2],
    pub high: [f64; 2],
}

impl Bounds {
    /// What holds all places.
    pub(super) const EVERYWHERE: Self =
        Self { low: [f64::NEG_INFINITY; 2], high: [f64::INFINITY; 2] };

    /// The least that holds these places.
    pub(super) fn around<'a>(places: impl Iterator<Item = &'a [f64; 2]>) -> Self {
        let none = Self { low: [f64::INFINITY; 2], high: [f64::NEG_INFINITY; 2] };
        places.fold(none, |Self { low, high }, place| Self {
            low: std::array::from_fn(|axis| lesser(low[axis], place[axis])),
            high: std::array::from_fn(|axis| greater(high[axis], place[axis])),
        })
    }
}

/// Up to [`LANES`](super::nearest::LANES) points close to one another.
pub(super) struct Batch<'a> {
    sites: &'a [Site],
    /// By axis; the last point stands in for missing ones.
    place: [Lanes; 2],
}

impl<'a> Batch<'a> {
    /// From 1 point to as many as there are lanes.
    #[inline(always)]
    pub(super) fn new(sites: &'a [Site]) -> Self {
        let last = sites.len() - 1;
        let along = |axis: usize| std::array::from_fn(|lane| sites[lane.min(last)].place[axis]);
        Self { sites, place: [along(0), along(1)] }
    }

    /// Offers the points' distances among one another.
    #[inline(always)]
    pub(super) fn meet_itself<N: Nearest>(&self, nearest: &mut N) {
        for (own, site) in self.sites.iter().enumerate() {
            let squared = self.squared_distances(site.place);
            let to_others = |lane| if lane == own { f64::INFINITY } else { squared[lane] };
            nearest.offer(std::array::from_fn(to_others));
        }
    }

    /// Offers the distances to others.
    #[inline(always)]
    pub(super) fn meet<N: Nearest>(&self, others: &[Site], nearest: &mut N) {
        for other in others {
            nearest.offer(self.squared_distances(other.place));
        }
    }

    /// Whether a place within these bounds may change any sum.
    ///
    /// Exact in spite of rounding: subtraction, squaring and addition round monotonically, so no
    /// place within is computed to be closer than the bounds are.
    #[inline(always)]
    pub(super) fn may_gain<N: Nearest>(&self, bounds: &Bounds, nearest: &N) -> bool {
        let gap = |axis: usize, lane: usize| {
            let x = self.place[axis][lane];
            greater(greater(bounds.low[axis] - x, x - bounds.high[axis]), 0.0)
        };
        let squared = |lane| squared_length(gap(0, lane), gap(1, lane));
        any_below(std::array::from_fn(squared), nearest.limit())
    }

    /// Whether a place may change any sum that is not strictly within these bounds, which hold the
    /// batch; exact as [`Self::may_gain`] is.
    #[inline(always)]
    pub(super) fn may_gain_outside<N: Nearest>(&self, bounds: &Bounds, nearest: &N) -> bool {
        let gap = |axis: usize, lane: usize| {
            let x = self.place[axis][lane];
            lesser(x - bounds.low[axis], bounds.high[axis] - x)
        };
        let squared = |lane| {
            let gap = greater(lesser(gap(0, lane), gap(1, lane)), 0.0);
            gap * gap
        };
        any_below(std::array::from_fn(squared), nearest.limit())
    }

    #[inline(always)]
    fn squared_distances(&self, [row, col]: [f64; 2]) -> Lanes {
        std::array::from_fn(|lane| {
            squared_length(row - self.place[0][lane], col - self.place[1][lane])
        })
    }
}

/// Rounded as in the definition: the order of the two lengths does not matter, fusing the product
/// and the sum would.
#[inline(always)]
fn squared_length(rows: f64, cols: f64) -> f64 {
    rows * rows + cols * cols
}
