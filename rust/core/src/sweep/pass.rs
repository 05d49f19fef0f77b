//! What is kept as the threshold falls, at one overlap.
//!
//! Candidates are inserted one by one, the strongest first, and what changes is followed through:
//!
//! * A kept candidate removes its victims, and a removed one no longer does. So a change of one
//!   changes others, all of which claim later; taken in claim order, each is settled once.
//! * Whether a candidate is crowded was decided on some evidence. A change within it makes the
//!   candidate stale, and only the stale ones are decided anew. One that is crowded stays so when
//!   another comes near, and one that is not when another is removed, so neither becomes stale.
//!
//! Where many candidates come at once, all of them are decided anew.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::crowding::{Crowding, Evidence};
use super::lists::NeighborLists;
use super::{CandidateSet, Counts, ids_of};
use crate::geometry::cells::squared_distance;
use crate::interrupt::Interrupted;
use crate::{Error, Result};

/// Following more than this share of all candidates one by one takes longer than deciding anew.
const MANY: f64 = 1.0 / 64.0;

/// So many are compared one by one; more are looked up by place.
const FEW_FAR: usize = 32;

pub(super) struct Pass<'a> {
    set: &'a CandidateSet,
    rule: &'a Crowding,
    lists: &'a NeighborLists,
    overlap: f64,
    /// How many were last asked about, and how many have been followed.
    n_above: usize,
    n_inserted: usize,
    inserted: Vec<bool>,
    kept: Vec<bool>,
    kept_before: Vec<bool>,
    /// By how many kept candidates each is removed.
    removers: Vec<u32>,
    /// Places in claim order of those to be settled.
    unsettled: BinaryHeap<Reverse<u32>>,
    counts: Counts,
    /// How many neighbours counted at the last decisions.
    needed: usize,
    crowded: Vec<bool>,
    /// How many of the stale were crowded, or a few more.
    doubtful: usize,
    /// How many entries of its list each decision rests on.
    depth: Vec<u8>,
    stale: Vec<u32>,
    far: Far,
    found: Vec<f64>,
    interrupted: Interrupted<'a>,
    /// Candidates to be gone through before the next question whether to stop.
    until_question: usize,
}

/// Candidates that are gone through between two such questions.
const CANDIDATES_BETWEEN_QUESTIONS: usize = 1 << 15;

impl<'a> Pass<'a> {
    pub(super) fn new(
        set: &'a CandidateSet,
        rule: &'a Crowding,
        lists: &'a NeighborLists,
        interrupted: Interrupted<'a>,
    ) -> Self {
        let len = set.len();
        Self {
            set,
            rule,
            lists,
            overlap: 1.0,
            n_above: 0,
            n_inserted: 0,
            inserted: vec![false; len],
            kept: vec![false; len],
            kept_before: vec![false; len],
            removers: vec![0; len],
            unsettled: BinaryHeap::new(),
            counts: Counts::default(),
            needed: 0,
            crowded: vec![false; len],
            doubtful: 0,
            depth: vec![0; len],
            stale: Vec::new(),
            far: Far::new(len),
            found: Vec::new(),
            interrupted,
            until_question: 0,
        }
    }

    /// Asks whether to stop, if enough has been done since the last question; `step` is how many
    /// candidates the work that follows goes through.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(super) fn check(&mut self, step: usize) -> Result<()> {
        if self.until_question > step {
            self.until_question -= step;
            return Ok(());
        }
        self.until_question = CANDIDATES_BETWEEN_QUESTIONS;
        if (self.interrupted)() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Empties the pass for another overlap.
    pub(super) fn restart(&mut self, overlap: f64) {
        self.overlap = overlap;
        self.n_above = 0;
        self.n_inserted = 0;
        self.inserted.fill(false);
        self.kept.fill(false);
        self.removers.fill(0);
        self.counts = Counts::default();
        self.needed = 0;
        self.crowded.fill(false);
        self.doubtful = 0;
        self.depth.fill(0);
        self.stale.clear();
        self.far.clear();
    }

    /// The counts among the strongest so many, which must not fall from one question to the next.
    pub(super) fn counts_among(&mut self, n_above: usize) -> Result<Counts> {
        let step = n_above.saturating_sub(self.n_above);
        self.n_above = n_above;
        if self.is_many(step) {
            // The next step is likely to be as large: nothing is noted for it.
            let (overlap, interrupted) = (self.overlap, self.interrupted);
            return self.set.counts_of(n_above, overlap, self.rule, self.lists, interrupted);
        }
        self.insert_up_to(n_above);
        self.counts()
    }

    fn is_many(&self, n_candidates: usize) -> bool {
        n_candidates as f64 > MANY * self.set.len() as f64
    }

    /// Inserts the strongest candidates up to this number; whether that changes what is kept.
    pub(super) fn insert_up_to(&mut self, n_above: usize) -> bool {
        let inserted = self.n_inserted..n_above;
        self.n_inserted = self.n_inserted.max(n_above);
        if self.is_many(inserted.len()) {
            return self.start_with(n_above);
        }
        let mut changed = false;
        for index in inserted {
            changed |= self.insert(self.set.numbers[index] as usize);
        }
        changed
    }

    /// Keeps anew what is kept of the strongest so many; whether that is another choice.
    fn start_with(&mut self, n_above: usize) -> bool {
        let claims = &self.set.claims;
        std::mem::swap(&mut self.kept, &mut self.kept_before);
        let is_above = |&index: &u32| (index as usize) < n_above;
        self.inserted.clear();
        self.inserted.extend(self.set.indices.iter().map(is_above));
        self.kept.clone_from(&self.inserted);
        self.removers.fill(0);
        for &id in &claims.claimants {
            if self.kept[id as usize] {
                for &victim in claims.victims(id as usize, self.overlap) {
                    self.kept[victim as usize] = false;
                    self.removers[victim as usize] += 1;
                }
            }
        }
        self.stale = ids_of(&self.kept);
        self.counts = Counts { kept: self.stale.len(), crowded: 0 };
        self.needed = self.rule.among(self.counts.kept).needed;
        self.crowded.fill(false);
        self.doubtful = 0;
        self.depth.fill(0);
        self.far.clear();
        self.kept != self.kept_before
    }

    /// The counts among the candidates inserted so far, where they are `wanted` once it is known
    /// how many are kept, and how many of these are crowded at least.
    pub(super) fn counts_if(
        &mut self,
        wanted: impl FnOnce(Counts) -> bool,
    ) -> Result<Option<Counts>> {
        let Counts { kept, crowded } = self.counts;
        let is_known = self.rule.among(kept).needed == self.needed;
        let crowded = if is_known { crowded.saturating_sub(self.doubtful) } else { 0 };
        if wanted(Counts { kept, crowded }) { self.counts().map(Some) } else { Ok(None) }
    }

    /// The counts among the candidates inserted so far.
    pub(super) fn counts(&mut self) -> Result<Counts> {
        let question = self.rule.among(self.counts.kept);
        if question.needed != self.needed {
            // Only while no more are kept than count as neighbours.
            self.needed = question.needed;
            let kept = (0..self.kept.len()).filter(|&id| self.kept[id]);
            self.stale.extend(kept.map(|id| id as u32));
        }
        let places = self.set.places(self.lists);
        let cost = CANDIDATES_BETWEEN_QUESTIONS / question.decisions_between_questions();
        while let Some(id) = self.stale.pop() {
            let id = id as usize;
            if !self.kept[id] {
                continue;
            }
            self.check(cost)?;
            let decision = places.decide(id, &self.kept, &question, &mut self.found);
            self.counts.crowded -= usize::from(self.crowded[id]);
            self.counts.crowded += usize::from(decision.crowded);
            self.crowded[id] = decision.crowded;
            match decision.evidence {
                Evidence::List(depth) => {
                    self.depth[id] = depth;
                    self.far.forget(id);
                }
                Evidence::Within(squared) => {
                    self.depth[id] = 0;
                    self.far.note(id, squared);
                }
            }
        }
        self.doubtful = 0;
        Ok(self.counts)
    }

    fn insert(&mut self, id: usize) -> bool {
        self.inserted[id] = true;
        if self.removers[id] > 0 {
            return false;
        }
        self.unsettled.push(Reverse(self.set.claims.rank[id]));
        while let Some(Reverse(rank)) = self.unsettled.pop() {
            let id = self.set.claims.order[rank as usize] as usize;
            let kept = self.removers[id] == 0;
            if kept != self.kept[id] {
                self.change(id, kept);
            }
        }
        true
    }

    fn change(&mut self, id: usize, kept: bool) {
        self.kept[id] = kept;
        for &victim in self.set.claims.victims(id, self.overlap) {
            let removers = &mut self.removers[victim as usize];
            *removers = if kept { *removers + 1 } else { *removers - 1 };
            if self.inserted[victim as usize] {
                self.unsettled.push(Reverse(self.set.claims.rank[victim as usize]));
            }
        }
        for (other, place) in self.lists.lists_with(id) {
            if self.depth[other] > place && self.crowded[other] != kept {
                self.depth[other] = 0;
                self.doubtful += usize::from(!kept);
                self.stale.push(other as u32);
            }
        }
        let crowded = &self.crowded;
        let spoiled =
            self.far.spoil_around(id, self.set, |other| crowded[other] != kept, &mut self.stale);
        self.doubtful += if kept { 0 } else { spoiled };
        if kept {
            self.counts.kept += 1;
            self.stale.push(id as u32);
        } else {
            self.counts.kept -= 1;
            self.counts.crowded -= usize::from(self.crowded[id]);
            self.crowded[id] = false;
            self.depth[id] = 0;
            self.far.forget(id);
        }
    }
}

/// Decisions whose evidence reaches beyond the lists: few, unless there are many candidates per
/// atom.
struct Far {
    /// Squared distance that the evidence reaches, or nothing.
    squared: Vec<Option<f64>>,
    /// Candidates with such a decision, and some that had one.
    listed: Vec<u32>,
    is_listed: Vec<bool>,
    /// No evidence reaches farther than the root of this.
    farthest: f64,
    /// Changes until the list is tidied.
    changes_left: usize,
}

impl Far {
    fn new(len: usize) -> Self {
        let (squared, is_listed) = (vec![None; len], vec![false; len]);
        Self { squared, listed: Vec::new(), is_listed, farthest: 0.0, changes_left: 0 }
    }

    fn clear(&mut self) {
        for id in self.listed.drain(..) {
            self.squared[id as usize] = None;
            self.is_listed[id as usize] = false;
        }
        self.farthest = 0.0;
    }

    fn note(&mut self, id: usize, squared: f64) {
        self.squared[id] = Some(squared);
        self.farthest = self.farthest.max(squared);
        if !self.is_listed[id] {
            self.is_listed[id] = true;
            self.listed.push(id as u32);
        }
    }

    fn forget(&mut self, id: usize) {
        self.squared[id] = None;
    }

    /// Makes those of the decisions that `may_change` stale whose evidence a change at this
    /// candidate touches, and tells how many.
    fn spoil_around(
        &mut self,
        id: usize,
        set: &CandidateSet,
        may_change: impl Fn(usize) -> bool,
        stale: &mut Vec<u32>,
    ) -> usize {
        if self.listed.is_empty() {
            return 0;
        }
        let (point, n_before) = (set.points[id], stale.len());
        let mut spoil = |other: usize| {
            let reach = self.squared[other];
            let is_touched = |reach| squared_distance(point, set.points[other]) <= reach;
            if reach.is_some_and(is_touched) && may_change(other) {
                self.squared[other] = None;
                stale.push(other as u32);
            }
        };
        if self.listed.len() <= FEW_FAR {
            self.listed.iter().for_each(|&other| spoil(other as usize));
        } else {
            // The margin covers the rounding of the root.
            let radius = 1.000_001 * self.farthest.sqrt();
            set.cells.around(point, radius).spans().flatten().for_each(spoil);
        }
        self.tidy();
        stale.len() - n_before
    }

    /// Drops those without a decision now and then, so that the work stays in proportion.
    fn tidy(&mut self) {
        if self.changes_left > 0 {
            self.changes_left -= 1;
            return;
        }
        let Self { squared, listed, is_listed, farthest, changes_left } = self;
        *farthest = 0.0;
        listed.retain(|&id| {
            let id = id as usize;
            is_listed[id] = squared[id].is_some();
            *farthest = farthest.max(squared[id].unwrap_or(0.0));
            is_listed[id]
        });
        *changes_left = listed.len();
    }
}
