//! An axis of a tile on grids that are coarser along it.

use super::thinning::{REACH, WIDENED_FROM};

/// Levels of thinning, the image's own pixels included: each has half the pixels of the one before.
pub(super) const LEVELS: usize = 4;

/// What lies where along an axis on one level. All counts are of this level's own pixels.
#[derive(Clone, Copy, Default)]
pub(super) struct Level {
    /// Places that have responses.
    pub responses: usize,
    /// How many of them lie before the first of the image's own: as many as it takes to widen
    /// them, in pairs.
    pub lead: usize,
    /// Pixels before the first response of the image's own.
    pub before: usize,
    /// Pixels from there on.
    pub after: usize,
}

impl Level {
    pub(super) fn pixels(&self) -> usize {
        self.before + self.after
    }

    /// Pixels before the first response.
    pub(super) fn first(&self) -> usize {
        self.before - self.lead
    }
}

/// An axis of a tile, level by level.
#[derive(Clone, Copy)]
pub(super) struct Axis([Level; LEVELS]);

impl Axis {
    /// Of so many responses of the image's own, with kernels that reach so far on each level; none
    /// where nothing is filtered. Levels beyond the last of them are left empty.
    pub(super) fn new(responses: usize, reach: [Option<usize>; LEVELS]) -> Self {
        let count = 1 + reach.iter().rposition(Option::is_some).unwrap_or(0);
        let mut levels = [Level::default(); LEVELS];
        levels[0].responses = responses;
        for index in 1..count {
            let finer = levels[index - 1];
            let lead = WIDENED_FROM / 2 + finer.lead / 2;
            // Of a level that is thinned once more, the first response lies at a pixel that is
            // kept.
            let odd = if index + 1 < count { lead % 2 } else { 0 };
            levels[index].lead = lead + odd;
            levels[index].responses = finer.responses.div_ceil(2) + WIDENED_FROM - 1 + odd;
        }
        for index in (0..count).rev() {
            let coarser = levels.get(index + 1).filter(|_| index + 1 < count).copied();
            let level = &mut levels[index];
            if let Some(reach) = reach[index] {
                level.before = level.lead + reach;
                level.after = level.responses - level.lead + reach;
            }
            if let Some(coarser) = coarser {
                level.before = level.before.max(2 * coarser.before + REACH);
                level.after = level.after.max(2 * (coarser.after - 1) + REACH + 1);
            }
        }
        Self(levels)
    }

    pub(super) fn level(&self, index: usize) -> &Level {
        &self.0[index]
    }

    /// The first pixel that is read where this level is thinned to the next.
    pub(super) fn thinned_from(&self, index: usize) -> usize {
        self.0[index].before - REACH - 2 * self.0[index + 1].before
    }

    /// The first response of the next level that is read where these are widened from them.
    pub(super) fn widened_from(&self, index: usize) -> usize {
        self.0[index + 1].lead - WIDENED_FROM / 2 - self.0[index].lead / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn levels_hold_what_finer_and_coarser_ones_read_of_them(
            responses in 1_usize..300,
            own in 0_usize..130,
            coarser in proptest::collection::vec(proptest::option::of(3_usize..40), LEVELS - 1),
        ) {
            let mut reach = [Some(own), None, None, None];
            reach[1..].copy_from_slice(&coarser);
            let count = 1 + reach.iter().rposition(Option::is_some).unwrap();
            let axis = Axis::new(responses, reach);
            prop_assert!(axis.level(0).lead == 0 && axis.level(0).responses == responses);
            for index in 0..count {
                let level = axis.level(index);
                let reach = reach[index].unwrap_or(0);
                prop_assert!(level.first() >= reach);
                prop_assert!(level.pixels() >= level.first() + level.responses + reach);
                if index + 1 == count {
                    continue;
                }
                let coarser = axis.level(index + 1);
                // Pixels: those that are kept lie at even distances from the first response of
                // the image's own, and all that are smoothed for them are there.
                let from = axis.thinned_from(index);
                prop_assert_eq!(from + REACH + 2 * coarser.before, level.before);
                prop_assert!(from + 2 * (coarser.pixels() - 1) + 2 * REACH < level.pixels());
                // Responses likewise: the middle one of the first five is the first of these.
                prop_assert_eq!(level.lead % 2, 0);
                let middle = axis.widened_from(index) + WIDENED_FROM / 2;
                prop_assert_eq!(2 * (coarser.lead - middle), level.lead);
                let pairs = level.responses.div_ceil(2);
                prop_assert!(axis.widened_from(index) + pairs + WIDENED_FROM - 1 <= coarser.responses);
            }
        }
    }
}
