//! Candidates that answer at any threshold and overlap.
//!
//! For a fixed image and ladder of sigmas the candidates do not depend on the threshold and the
//! overlap, so what does not depend on these either is computed once: which candidates overlap and
//! who removes whom, and which are nearest to one another. A question at one setting then takes
//! microseconds, and a sweep over all settings is exact:
//!
//! | | which candidates | how |
//! |---|---|---|
//! | [`CandidateSet::kept`] | those that pruning keeps at a setting | one pass in claim order |
//! | [`CandidateSet::evaluate`] | their number, and how many are crowded | lists of neighbours |
//! | [`CandidateSet::grid`] | the same for all of many settings | a pass per overlap |
//! | [`CandidateSet::kept_counts`] | the first number alone for many settings | spans of thresholds |
//! | [`CandidateSet::front`] | the settings that no other dominates | a pass per overlap |
//!
//! Results equal those of [`crate::prune::by_scale`] on the candidates above the threshold and of
//! [`crate::neighbors::distance_sums`] on the survivors, to the bit.

mod claims;
mod crowding;
mod curves;
mod error;
mod front;
mod lists;
mod pass;
#[cfg(test)]
mod tests;

pub use crowding::Crowding;
pub use error::SweepError;
pub use front::{Setting, ThresholdRange};

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use crate::blob::{Blob, check_blobs};
use crate::geometry::cells::Cells;
use crate::interrupt::{Effort, Interrupted};
use crate::prune::claim_order;
use crate::{memory, parallel};
use claims::{Claims, Numbered};
use crowding::Places;
use lists::{MAX_CANDIDATES, NeighborLists};
use pass::Pass;

/// What memory is for.
const SETTINGS: &str = "a pair of counts for every threshold with every overlap";

/// How many candidates are kept, and how many of these are crowded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Number of kept candidates.
    pub kept: usize,
    /// Number of kept candidates that are closer to their neighbours than is allowed.
    pub crowded: usize,
}

/// Candidates, the strongest response first, with all that settings share.
///
/// Within, candidates are numbered by place, so that neighbours are close in memory.
///
/// Memory: 12 bytes for each of up to 32 neighbours of each of at most 2^21 candidates, so 800 MB
/// at most, and 12 bytes for each of at most 2^25 overlapping pairs, so 400 MB at most; a thousand
/// candidates take less than half a megabyte.
#[derive(Debug)]
pub struct CandidateSet {
    /// Falling.
    responses: Vec<f64>,
    /// The number of each candidate, by index.
    numbers: Vec<u32>,
    /// The index of each candidate, by number.
    indices: Vec<u32>,
    points: Vec<[f64; 2]>,
    cells: Cells,
    claims: Claims,
    /// Distance of each to the nearest other, rounded down.
    nearest: Vec<f32>,
    /// Lists of all that are nearer than this to another: made for the first question, and anew
    /// where a later one asks about others.
    lists: Mutex<Option<(f32, Arc<NeighborLists>)>>,
}

impl CandidateSet {
    /// A set of the given candidates, the strongest response first.
    ///
    /// # Errors
    /// [`crate::Error::Blob`] for a blob that is not finite, [`SweepError::ResponseCount`],
    /// [`SweepError::Response`] for responses that rise, [`SweepError::TooManyCandidates`] and
    /// [`SweepError::TooManyPairs`] where memory would not be bounded,
    /// [`crate::Error::Interrupted`].
    pub fn new(
        blobs: &[Blob<f64>],
        responses: &[f64],
        effort: Effort<'_>,
    ) -> Result<Self, SweepError> {
        Self::bounded(blobs, responses, claims::MAX_PAIRS, effort)
    }

    fn bounded(
        blobs: &[Blob<f64>],
        responses: &[f64],
        max_pairs: usize,
        effort: Effort<'_>,
    ) -> Result<Self, SweepError> {
        check(blobs, responses)?;
        let points: Vec<[f64; 2]> = blobs.iter().map(|blob| [blob.row, blob.col]).collect();
        let (cells, indices) = Cells::new(&points);
        let mut numbers = vec![0; indices.len()];
        for (number, &index) in indices.iter().enumerate() {
            numbers[index as usize] = number as u32;
        }
        let by_number = |index: &u32| *index as usize;
        let points: Vec<[f64; 2]> = indices.iter().map(|i| points[by_number(i)]).collect();
        let candidates = Numbered {
            blobs: &indices.iter().map(|i| blobs[by_number(i)]).collect::<Vec<_>>(),
            order: claim_order(blobs, responses).iter().map(|i| numbers[by_number(i)]).collect(),
        };
        let claims = Claims::new(candidates, &cells, max_pairs, effort)?;
        let nearest = lists::nearest_distances(&points, &cells, effort)?;
        let (responses, lists) = (responses.to_vec(), Mutex::new(None));
        Ok(Self { responses, numbers, indices, points, cells, claims, nearest, lists })
    }

    /// Whether all is made that questions by a rule need, so that the next one takes no memory to
    /// speak of.
    #[must_use]
    pub fn is_ready_for(&self, rule: &Crowding) -> bool {
        let known = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().is_some_and(|&(reach, _)| reach >= rule.far_enough())
    }

    /// The lists of all that can be crowded by a rule.
    fn lists_for(&self, rule: &Crowding, effort: Effort<'_>) -> crate::Result<Arc<NeighborLists>> {
        let near = rule.far_enough();
        let known = self.lists.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, lists)) = known.filter(|&(reach, _)| reach >= near) {
            return Ok(lists);
        }
        // Made without the lock: whoever asks whether to stop may wait for somebody that waits for
        // the lock.
        let several_per_atom = self.claims.overlaps().len() > self.points.len() / 4;
        let length = if several_per_atom { lists::LONG } else { lists::SHORT };
        let is_near = |&id: &u32| self.nearest[id as usize] < near;
        let all = 0..self.points.len() as u32;
        let n_near = all.clone().filter(is_near).count();
        // Where nearly all have a list, it is quicker found if the others have one as well.
        let owners: Vec<u32> =
            if n_near > all.len() / 2 { all.collect() } else { all.filter(is_near).collect() };
        let lists = NeighborLists::new(&self.points, &self.cells, owners, length, effort)?;
        let lists = Arc::new(lists);
        let mut known = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((near, Arc::clone(&lists)));
        Ok(lists)
    }

    /// Number of candidates.
    #[must_use]
    pub fn len(&self) -> usize {
        self.responses.len()
    }

    /// Whether there is no candidate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.responses.is_empty()
    }

    /// Indices, rising, of the candidates above the threshold that pruning keeps.
    ///
    /// # Errors
    /// [`SweepError::Overlap`] for an overlap below 0 or NaN.
    pub fn kept(&self, threshold: f64, overlap: f64) -> Result<Vec<usize>, SweepError> {
        check_overlaps(&[overlap])?;
        let above = self.n_above(threshold);
        let kept = self.kept_of(above, overlap);
        Ok((0..above).filter(|&index| kept[self.numbers[index] as usize]).collect())
    }

    /// How many candidates are kept at a setting, and how many of these are crowded.
    ///
    /// # Errors
    /// [`SweepError::Overlap`] for an overlap below 0 or NaN,
    /// [`crate::Error::Interrupted`].
    pub fn evaluate(
        &self,
        threshold: f64,
        overlap: f64,
        rule: &Crowding,
        interrupted: Interrupted<'_>,
    ) -> Result<Counts, SweepError> {
        check_overlaps(&[overlap])?;
        let alone = Effort { threads: NonZeroUsize::MIN, interrupted };
        let lists = self.lists_for(rule, alone)?;
        Ok(self.counts_of(self.n_above(threshold), overlap, rule, &lists, interrupted)?)
    }

    fn counts_of(
        &self,
        n_above: usize,
        overlap: f64,
        rule: &Crowding,
        lists: &NeighborLists,
        interrupted: Interrupted<'_>,
    ) -> crate::Result<Counts> {
        let kept = self.kept_of(n_above, overlap);
        let n_kept = kept.iter().map(|&kept| usize::from(kept)).sum();
        let (places, question) = (self.places(lists), rule.among(n_kept));
        let mut found = Vec::new();
        let mut crowded = 0;
        let at_a_time = question.decisions_between_questions();
        let check = || if interrupted() { Err(crate::Error::Interrupted) } else { Ok(()) };
        if question.lacks_neighbors {
            for ids in ids_of(&kept).chunks(at_a_time) {
                check()?;
                for &id in ids {
                    let decision = places.decide(id as usize, &kept, &question, &mut found);
                    crowded += usize::from(decision.crowded);
                }
            }
            return Ok(Counts { kept: n_kept, crowded });
        }
        // What has no list has no other near, and is not crowded by as many neighbours as count.
        let owners = if lists.owners.len() == kept.len() {
            ids_of(&kept)
        } else {
            places_of(lists.owners.iter().map(|&id| kept[id as usize]))
        };
        for owners in owners.chunks(at_a_time) {
            check()?;
            for &owner in owners {
                let (owner, list) = (owner as usize, lists.of_owner(owner as usize));
                let id = lists.owners[owner] as usize;
                let decision = places.decide_near(id, list, &kept, &question, &mut found);
                crowded += usize::from(decision.crowded);
            }
        }
        Ok(Counts { kept: n_kept, crowded })
    }

    /// [`Self::evaluate`] for every threshold with every overlap: all overlaps of the first
    /// threshold, then those of the second, and so on.
    ///
    /// # Errors
    /// [`SweepError::Overlap`] for an overlap below 0 or NaN,
    /// [`crate::Error::Memory`], [`crate::Error::Interrupted`].
    pub fn grid(
        &self,
        thresholds: &[f64],
        overlaps: &[f64],
        rule: &Crowding,
        effort: Effort<'_>,
    ) -> Result<Vec<Counts>, SweepError> {
        check_overlaps(overlaps)?;
        let n_settings = thresholds.len().saturating_mul(overlaps.len());
        let mut counts = memory::room(n_settings, SETTINGS)?;
        let (alike, class_of) = self.alike(overlaps);
        memory::check_room::<Counts>(thresholds.len().saturating_mul(alike.len()), SETTINGS)?;
        let above: Vec<usize> = thresholds.iter().map(|&t| self.n_above(t)).collect();
        let mut rising: Vec<usize> = (0..above.len()).collect();
        rising.sort_unstable_by_key(|&row| above[row]);
        let lists = self.lists_for(rule, effort)?;
        let columns = parallel::map_with(
            &alike,
            effort.threads,
            || Pass::new(self, rule, &lists, effort.interrupted),
            |pass, &overlap| {
                pass.restart(overlap);
                let mut column = memory::filled(Counts::default(), above.len(), SETTINGS)?;
                for &row in &rising {
                    pass.check(self.len().max(256))?;
                    column[row] = pass.counts_among(above[row])?;
                }
                Ok(column)
            },
        );
        let columns: Vec<Vec<Counts>> = columns.into_iter().collect::<crate::Result<_>>()?;
        for (row, _) in above.iter().enumerate() {
            effort.check()?;
            counts.extend(class_of.iter().map(|&class| columns[class][row]));
        }
        Ok(counts)
    }

    /// The overlaps of the pairs, each once, rising: the overlaps at which what is kept can change.
    #[must_use]
    pub fn overlap_breakpoints(&self) -> Vec<f64> {
        let mut overlaps = self.claims.overlaps().to_vec();
        overlaps.sort_unstable_by(f64::total_cmp);
        overlaps.dedup();
        overlaps
    }

    /// How many candidates respond above the threshold.
    fn n_above(&self, threshold: f64) -> usize {
        self.responses.partition_point(|&response| response > threshold)
    }

    /// For each number whether the candidate is kept among the strongest so many.
    fn kept_of(&self, n_above: usize, overlap: f64) -> Vec<bool> {
        let mut kept: Vec<bool> =
            self.indices.iter().map(|&index| (index as usize) < n_above).collect();
        for &id in &self.claims.claimants {
            if kept[id as usize] {
                for &victim in self.claims.victims(id as usize, overlap) {
                    kept[victim as usize] = false;
                }
            }
        }
        kept
    }

    /// The least overlap of each lot that prunes alike, rising, and for each overlap its lot.
    fn alike(&self, overlaps: &[f64]) -> (Vec<f64>, Vec<usize>) {
        let mut rising = overlaps.to_vec();
        rising.sort_unstable_by(f64::total_cmp);
        // Whether a pair is pruned at each of these, but not any more at the next.
        let mut differs = vec![false; rising.len() + 1];
        for &pair in self.claims.overlaps() {
            differs[rising.partition_point(|&overlap| overlap < pair)] = true;
        }
        let mut alike: Vec<f64> = Vec::new();
        for (place, &overlap) in rising.iter().enumerate() {
            if place == 0 || differs[place] {
                alike.push(overlap);
            }
        }
        let class_of = overlaps.iter().map(|overlap| alike.partition_point(|o| o <= overlap) - 1);
        let class_of = class_of.collect();
        (alike, class_of)
    }

    fn places<'a>(&'a self, lists: &'a NeighborLists) -> Places<'a> {
        let Self { points, cells, nearest, .. } = self;
        Places { points, cells, nearest, lists }
    }
}

fn check_overlaps(overlaps: &[f64]) -> Result<(), SweepError> {
    match overlaps.iter().find(|&&overlap| overlap.is_nan() || overlap < 0.0) {
        Some(&overlap) => Err(SweepError::Overlap(overlap)),
        None => Ok(()),
    }
}

/// The numbers of those that are kept.
fn ids_of(kept: &[bool]) -> Vec<u32> {
    places_of(kept.iter().copied())
}

/// At which places something is true, without a branch that each of them could surprise.
fn places_of(is_true: impl ExactSizeIterator<Item = bool>) -> Vec<u32> {
    let mut places = vec![0; is_true.len()];
    let mut n_found = 0;
    for (place, is_true) in is_true.enumerate() {
        places[n_found] = place as u32;
        n_found += usize::from(is_true);
    }
    places.truncate(n_found);
    places
}

fn check(blobs: &[Blob<f64>], responses: &[f64]) -> Result<(), SweepError> {
    check_blobs(blobs)?;
    if responses.len() != blobs.len() {
        let (blobs, responses) = (blobs.len(), responses.len());
        return Err(SweepError::ResponseCount { blobs, responses });
    }
    let mut last = f64::MAX;
    for (index, &value) in responses.iter().enumerate() {
        if !(value.is_finite() && value <= last) {
            return Err(SweepError::Response { index, value });
        }
        last = value;
    }
    if blobs.len() > MAX_CANDIDATES {
        let (candidates, limit) = (blobs.len(), MAX_CANDIDATES);
        return Err(SweepError::TooManyCandidates { candidates, limit });
    }
    Ok(())
}
