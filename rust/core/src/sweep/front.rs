//! The settings that no other dominates.

use std::num::NonZeroUsize;

use super::pass::Pass;
use super::{CandidateSet, Counts, Crowding, SETTINGS, SweepError};
use crate::interrupt::Effort;
use crate::{memory, parallel};

/// Overlaps that differ by less are one: no setting between them would survive rounding.
const NARROWEST: f64 = 1e-9;

/// Candidates that are gone through when one is inserted and followed, or about.
const FOLLOWED: usize = 256;

/// The least number of overlaps per task: the front of some says which settings of the next need no
/// look.
const PER_TASK: usize = 8;

/// Thresholds from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThresholdRange {
    low: f64,
    high: f64,
}

impl ThresholdRange {
    /// The thresholds from `low`, above 0, to `high`.
    ///
    /// # Errors
    /// [`SweepError::Range`] if they are not finite, do not rise or begin at 0 or below.
    pub fn new(low: f64, high: f64) -> Result<Self, SweepError> {
        // Thresholds are compared by their logarithm.
        if low > 0.0 && low <= high && high < f64::INFINITY {
            return Ok(Self { low, high });
        }
        Err(SweepError::Range { name: "threshold range", low, high, least: f64::MIN_POSITIVE })
    }
}

/// A setting of the front and what it gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// The middle, of its logarithm, of the thresholds that keep the same.
    pub threshold: f64,
    /// The overlap.
    pub overlap: f64,
    /// What is found with it.
    pub counts: Counts,
    /// Ratio of the greatest to the least of the thresholds that keep the same, as a logarithm.
    width: f64,
}

impl Setting {
    /// Whether it is the one to stand for both: the wider, then the one at the lower overlap, then
    /// at the higher threshold.
    fn is_better_than(&self, other: &Self) -> bool {
        let by_width = self.width.total_cmp(&other.width);
        let by_overlap = other.overlap.total_cmp(&self.overlap);
        let by_threshold = self.threshold.total_cmp(&other.threshold);
        by_width.then(by_overlap).then(by_threshold).is_gt()
    }
}

impl CandidateSet {
    /// One overlap for each way in which overlaps from `low` to `high` can prune, rising.
    ///
    /// Pruning is the same from one overlap of a pair up to the next; the middle between them is
    /// taken, where rounding decides nothing. Overlaps of pairs that differ by less than 1e-9
    /// count as one. With `at_most`, that many are chosen evenly by rank: the middle ones of that
    /// many equal parts.
    ///
    /// # Errors
    /// [`SweepError::Range`] if the range does not rise or goes below 0.
    pub fn overlaps_within(
        &self,
        low: f64,
        high: f64,
        at_most: Option<NonZeroUsize>,
    ) -> Result<Vec<f64>, SweepError> {
        if !(0.0 <= low && low <= high && high < f64::INFINITY) {
            return Err(SweepError::Range { name: "overlap range", low, high, least: 0.0 });
        }
        let mut ends = vec![low];
        let mut last = low;
        for overlap in self.overlap_breakpoints() {
            if overlap > last + NARROWEST && overlap <= high {
                ends.push(overlap);
            }
            if overlap > low {
                last = overlap;
            }
        }
        let nexts = ends.iter().skip(1).copied().chain([high]);
        let middles: Vec<f64> =
            ends.iter().zip(nexts).map(|(&start, next)| f64::midpoint(start, next)).collect();
        let Some(parts) = at_most.map(NonZeroUsize::get).filter(|&n| n < middles.len()) else {
            return Ok(middles);
        };
        Ok((0..parts).map(|part| middles[(2 * part + 1) * middles.len() / (2 * parts)]).collect())
    }

    /// The Pareto front over thresholds of a range and the given overlaps: of
    /// `|kept - n_expected| / n_expected` and `crowded / n_expected`, both to be small.
    ///
    /// Each pair of counts that is not dominated stands once, sorted by the number of crowded,
    /// then of kept. Of all settings that give it, the most stable one stands for it: at each
    /// overlap the thresholds fall into intervals that keep the same candidates, cut at the ends
    /// of the range; the interval that is widest on a logarithmic scale is taken and its middle on
    /// that scale is the threshold. Among equally wide ones the lower overlap is taken, then the
    /// higher threshold. The result does not depend on the number of threads.
    ///
    /// # Errors
    /// [`SweepError::Overlap`] for an overlap below 0 or NaN,
    /// [`SweepError::ExpectedCount`], [`crate::Error::Interrupted`].
    pub fn front(
        &self,
        overlaps: &[f64],
        thresholds: ThresholdRange,
        rule: &Crowding,
        n_expected: f64,
        effort: Effort<'_>,
    ) -> Result<Vec<Setting>, SweepError> {
        Ok(self.front_and_grid(overlaps, thresholds, &[], rule, n_expected, effort)?.0)
    }

    /// [`Self::front`] and [`Self::grid`], some thresholds with all overlaps: both follow what is
    /// kept as the threshold falls, so that together they take little more than the front alone.
    ///
    /// # Errors
    /// [`SweepError::Overlap`] for an overlap below 0 or NaN,
    /// [`SweepError::ExpectedCount`], [`crate::Error::Memory`], [`crate::Error::Interrupted`].
    pub fn front_and_grid(
        &self,
        overlaps: &[f64],
        thresholds: ThresholdRange,
        rows: &[f64],
        rule: &Crowding,
        n_expected: f64,
        effort: Effort<'_>,
    ) -> Result<(Vec<Setting>, Vec<Counts>), SweepError> {
        super::check_overlaps(overlaps)?;
        if !(n_expected > 0.0 && n_expected < f64::INFINITY) {
            return Err(SweepError::ExpectedCount(n_expected));
        }
        let n_settings = rows.len().saturating_mul(overlaps.len());
        let mut grid = memory::room(n_settings, SETTINGS)?;
        // Of overlaps that prune alike the lowest would be taken.
        let (alike, class_of) = self.alike(overlaps);
        memory::check_room::<Counts>(rows.len().saturating_mul(alike.len()), SETTINGS)?;
        let per_task = alike.len().div_ceil(effort.threads.get()).max(PER_TASK);
        let tasks: Vec<&[f64]> = alike.chunks(per_task).collect();
        let rows = Rows::new(rows.iter().map(|&threshold| self.n_above(threshold)).collect());
        let lists = self.lists_for(rule, effort)?;
        let found: Vec<crate::Result<Part>> = parallel::map_with(
            &tasks,
            effort.threads,
            || Pass::new(self, rule, &lists, effort.interrupted),
            |pass, overlaps| {
                let mut front = Front { n_expected, settings: Vec::new() };
                let mut columns = Vec::with_capacity(overlaps.len());
                for &overlap in *overlaps {
                    pass.restart(overlap);
                    columns
                        .push(self.offer_intervals(pass, overlap, thresholds, &rows, &mut front)?);
                }
                Ok((front.settings, columns))
            },
        );
        let mut front = Front { n_expected, settings: Vec::new() };
        let mut columns: Vec<Vec<Counts>> = Vec::with_capacity(alike.len());
        for part in found {
            let (settings, some) = part?;
            for setting in settings {
                front.offer(setting);
            }
            columns.extend(some);
        }
        front.settings.sort_by_key(|setting| (setting.counts.crowded, setting.counts.kept));
        for (row, _) in rows.above.iter().enumerate() {
            effort.check()?;
            grid.extend(class_of.iter().map(|&class| columns[class][row]));
        }
        effort.check()?;
        Ok((front.settings, grid))
    }

    /// Offers the front each interval of thresholds that keeps the same, and counts what the rows
    /// of a grid keep.
    fn offer_intervals(
        &self,
        pass: &mut Pass<'_>,
        overlap: f64,
        thresholds: ThresholdRange,
        rows: &Rows,
        front: &mut Front,
    ) -> crate::Result<Vec<Counts>> {
        let ThresholdRange { low, high } = thresholds;
        let mut column = memory::filled(Counts::default(), rows.above.len(), SETTINGS)?;
        let mut left = rows.rising.iter().map(|&row| (rows.above[row], row)).peekable();
        let mut n_above = self.n_above(high);
        while let Some((above, row)) = left.next_if(|&(above, _)| above < n_above) {
            pass.check(self.len().max(FOLLOWED))?;
            pass.insert_up_to(above);
            column[row] = pass.counts()?;
        }
        pass.insert_up_to(n_above);
        let mut upper = high;
        // Counted only where no setting of the front is known to be better: to insert candidates
        // takes a part of the time that it takes to decide which are crowded.
        let mut counts = pass.counts_if(|least| front.may_admit(least))?;
        while let Some((_, row)) = left.next_if(|&(above, _)| above == n_above) {
            column[row] = pass.counts()?;
            counts = Some(column[row]);
        }
        while let Some(&response) = self.responses.get(n_above).filter(|&&next| next > low) {
            let equals = self.responses[n_above..].iter().take_while(|&&next| next == response);
            n_above += equals.count();
            pass.check(FOLLOWED)?;
            if pass.insert_up_to(n_above) {
                if let Some(counts) = counts {
                    front.offer(interval(response, upper, overlap, counts));
                }
                upper = response;
                counts = pass.counts_if(|least| front.may_admit(least))?;
            }
            while let Some((_, row)) = left.next_if(|&(above, _)| above == n_above) {
                column[row] = pass.counts()?;
                counts = Some(column[row]);
            }
        }
        if let Some(counts) = counts {
            front.offer(interval(low, upper, overlap, counts));
        }
        for (above, row) in left {
            pass.check(self.len().max(FOLLOWED))?;
            pass.insert_up_to(above);
            column[row] = pass.counts()?;
        }
        Ok(column)
    }
}

/// The front of some overlaps, and for each of them a column of a grid.
type Part = (Vec<Setting>, Vec<Vec<Counts>>);

/// The rows of a grid.
struct Rows {
    /// How many candidates respond above the threshold of each.
    above: Vec<usize>,
    /// The rows by that number, rising.
    rising: Vec<usize>,
}

impl Rows {
    fn new(above: Vec<usize>) -> Self {
        let mut rising: Vec<usize> = (0..above.len()).collect();
        rising.sort_unstable_by_key(|&row| above[row]);
        Self { above, rising }
    }
}

/// The thresholds from `lower`, included, to `upper`.
fn interval(lower: f64, upper: f64, overlap: f64, counts: Counts) -> Setting {
    let middle = lower.sqrt() * upper.sqrt();
    // Between neighbouring floats there is no middle, and the upper end is not included.
    let threshold = if lower < middle && middle < upper { middle } else { lower };
    Setting { threshold, overlap, counts, width: upper.ln() - lower.ln() }
}

/// Settings of which none dominates another, the number of crowded rising.
struct Front {
    n_expected: f64,
    settings: Vec<Setting>,
}

impl Front {
    /// Adds a setting unless another is better, and drops those that it betters.
    fn offer(&mut self, setting: Setting) {
        let crowded = setting.counts.crowded;
        let loss = self.loss(setting.counts);
        let end = self.settings.partition_point(|other| other.counts.crowded <= crowded);
        if let Some(last) = end.checked_sub(1).map(|i| self.settings[i]) {
            let least = self.loss(last.counts);
            if least < loss || (least == loss && last.counts.crowded < crowded) {
                return;
            }
            if least == loss {
                self.offer_equal(setting, end);
                return;
            }
        }
        let start = self.settings.partition_point(|other| other.counts.crowded < crowded);
        let worse =
            self.settings[start..].iter().take_while(|other| self.loss(other.counts) >= loss);
        let worse = worse.count();
        self.settings.splice(start..start + worse, [setting]);
    }

    /// Whether a setting can be on the front that keeps so many, at least so many of them crowded.
    fn may_admit(&self, least: Counts) -> bool {
        let end = self.settings.partition_point(|other| other.counts.crowded <= least.crowded);
        let Some(best) = end.checked_sub(1).map(|i| self.settings[i]) else { return true };
        let (loss, known) = (self.loss(least), self.loss(best.counts));
        loss < known || (loss == known && best.counts.crowded == least.crowded)
    }

    /// Adds a setting as good as the one before `end`: the same counts stand once, others, as far
    /// from the expected count on the other side, beside them.
    fn offer_equal(&mut self, setting: Setting, end: usize) {
        let crowded = setting.counts.crowded;
        let equals = self.settings[..end].iter_mut().rev();
        let mut equals = equals.take_while(|other| other.counts.crowded == crowded);
        match equals.find(|other| other.counts == setting.counts) {
            Some(same) if setting.is_better_than(same) => *same = setting,
            Some(_) => {}
            None => self.settings.insert(end, setting),
        }
    }

    /// The magnitude of QC, rounded as it is reported.
    fn loss(&self, counts: Counts) -> f64 {
        ((counts.kept as f64 - self.n_expected) / self.n_expected).abs()
    }
}
