//! How many candidates are kept as the threshold falls.

use std::ops::Range;

use super::{CandidateSet, SETTINGS, SweepError};
use crate::interrupt::Effort;
use crate::{memory, parallel};

/// What memory is for.
const CURVES: &str = "the number of kept candidates against the threshold, for each overlap,";

impl CandidateSet {
    /// How many candidates are kept at every threshold with every overlap: all overlaps of the
    /// first threshold, then those of the second, and so on.
    ///
    /// It is [`CandidateSet::grid`] without the crowded ones, for a small part of its time.
    ///
    /// # Errors
    /// [`SweepError::Overlap`] for an overlap below 0 or NaN;
    /// [`crate::Error::Memory`]; [`crate::Error::Interrupted`] on request.
    pub fn kept_counts(
        &self,
        thresholds: &[f64],
        overlaps: &[f64],
        effort: Effort<'_>,
    ) -> Result<Vec<usize>, SweepError> {
        super::check_overlaps(overlaps)?;
        let n_settings = thresholds.len().saturating_mul(overlaps.len());
        let mut counts = memory::room(n_settings, SETTINGS)?;
        let (alike, class_of) = self.alike(overlaps);
        memory::check_room::<usize>(alike.len().saturating_mul(self.len() + 1), CURVES)?;
        let curves = parallel::map_with(
            &alike,
            effort.threads,
            || Tenures::new(self),
            |tenures, &overlap| {
                effort.check()?;
                tenures.curve(overlap)
            },
        );
        let curves: Vec<Vec<usize>> = curves.into_iter().collect::<crate::Result<_>>()?;
        let count = |above: usize| class_of.iter().map(move |&class| (class, above));
        for &threshold in thresholds {
            effort.check()?;
            counts.extend(count(self.n_above(threshold)).map(|(class, n)| curves[class][n]));
        }
        Ok(counts)
    }
}

/// During which numbers of candidates, the strongest ones, each is kept.
///
/// A candidate is kept from its own coming on, but for as long as one is that removes it. Those
/// that remove it claim earlier, so that in the order of claims nothing is settled twice.
struct Tenures<'a> {
    set: &'a CandidateSet,
    /// Of those that somebody removes, in rising order.
    kept: Vec<Vec<Range<usize>>>,
    is_victim: Vec<bool>,
    spare: Vec<Range<usize>>,
}

impl<'a> Tenures<'a> {
    fn new(set: &'a CandidateSet) -> Self {
        let (kept, is_victim) = (vec![Vec::new(); set.len()], vec![false; set.len()]);
        Self { set, kept, is_victim, spare: Vec::new() }
    }

    /// How many are kept among the strongest so many, from none to all.
    fn curve(&mut self, overlap: f64) -> crate::Result<Vec<usize>> {
        let claims = &self.set.claims;
        self.is_victim.fill(false);
        for &id in &claims.claimants {
            let victims = claims.victims(id as usize, overlap);
            if victims.is_empty() {
                continue;
            }
            let own = std::mem::take(&mut self.kept[id as usize]);
            let always = [self.tenure(id as usize)];
            let kept = if self.is_victim[id as usize] { &own[..] } else { &always };
            for &victim in victims {
                self.remove(victim as usize, kept);
            }
            self.kept[id as usize] = own;
        }
        let mut come = memory::filled(0_usize, self.set.len() + 2, CURVES)?;
        let mut gone = memory::filled(0_usize, self.set.len() + 2, CURVES)?;
        for id in 0..self.set.len() {
            let always = [self.tenure(id)];
            for span in if self.is_victim[id] { &self.kept[id][..] } else { &always } {
                come[span.start] += 1;
                gone[span.end] += 1;
            }
        }
        let mut n_kept = 0;
        let numbers = come.iter().zip(gone).take(self.set.len() + 1);
        let change = |(come, gone): (&usize, usize)| {
            n_kept = n_kept + come - gone;
            n_kept
        };
        Ok(numbers.map(change).collect())
    }

    /// From how many candidates on it is one of them.
    fn tenure(&self, id: usize) -> Range<usize> {
        self.set.indices[id] as usize + 1..self.set.len() + 1
    }

    /// Takes from a victim the time during which another is kept.
    fn remove(&mut self, victim: usize, claimed: &[Range<usize>]) {
        let tenure = self.tenure(victim);
        let kept = &mut self.kept[victim];
        if !self.is_victim[victim] {
            self.is_victim[victim] = true;
            kept.clear();
            kept.push(tenure);
        }
        self.spare.clear();
        for span in kept.iter() {
            let mut start = span.start;
            let within = claimed.iter().filter(|other| other.start < span.end);
            for other in within.filter(|other| other.end > span.start) {
                if start < other.start {
                    self.spare.push(start..other.start);
                }
                start = start.max(other.end);
            }
            if start < span.end {
                self.spare.push(start..span.end);
            }
        }
        std::mem::swap(kept, &mut self.spare);
    }
}
