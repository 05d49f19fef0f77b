//! Whether a kept candidate is closer to its neighbours than is allowed.

use super::SweepError;
use super::lists::{FARTHEST, Neighbor, NeighborLists, farther};
use crate::Error;
use crate::geometry::cells::{Cells, squared_distance};

/// When a candidate is crowded: its distances to its `n_neighbors` nearest kept others, summed
/// from the nearest outwards, come to less than `distance_sum`. Where there are fewer others,
/// those there are count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crowding {
    n_neighbors: usize,
    distance_sum: f64,
    /// A lower bound of the sum that reaches this far settles that it is not less than
    /// `distance_sum`, however the bound and the sum are rounded.
    settled: f64,
}

impl Crowding {
    /// The rule for so many neighbours and this least sum.
    ///
    /// # Errors
    /// [`Error::NeighborCount`] for no neighbours, [`SweepError::DistanceSum`] for NaN.
    pub fn new(n_neighbors: usize, distance_sum: f64) -> Result<Self, SweepError> {
        if n_neighbors == 0 {
            return Err(Error::NeighborCount(n_neighbors).into());
        }
        if distance_sum.is_nan() {
            return Err(SweepError::DistanceSum(distance_sum));
        }
        // Each addition of the sum errs by at most half an epsilon; the rest is for the bound's.
        let slack = (n_neighbors as f64 + 8.0) * f64::EPSILON;
        let settled = distance_sum + distance_sum.abs() * slack;
        Ok(Self { n_neighbors, distance_sum, settled })
    }

    /// The question to each of so many kept candidates.
    pub(super) fn among(&self, n_kept: usize) -> Question {
        let needed = self.n_neighbors.min(n_kept.saturating_sub(1));
        let Self { distance_sum, settled, .. } = *self;
        let lacks_neighbors = needed < self.n_neighbors;
        Question { needed, lacks_neighbors, distance_sum, settled, enough: self.enough(needed) }
    }

    /// How far so many neighbours need to be for a candidate not to be crowded.
    fn enough(&self, needed: usize) -> f32 {
        rounded_up(self.settled / needed as f64)
    }

    /// How far the nearest other needs to be for a candidate not to be crowded, whatever is kept:
    /// as long as enough are kept for all the neighbours that are to count.
    pub(super) fn far_enough(&self) -> f32 {
        self.enough(self.n_neighbors)
    }
}

/// Whether a candidate is crowded when a certain number of neighbours count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub needed: usize,
    /// Whether fewer neighbours count than the rule says, as no more are kept.
    pub lacks_neighbors: bool,
    distance_sum: f64,
    settled: f64,
    /// If all neighbours are this far, it is not.
    enough: f32,
}

impl Question {
    /// Decisions after which to ask whether to stop: where many neighbours count, each is a search
    /// among all candidates.
    pub(super) fn decisions_between_questions(&self) -> usize {
        if self.needed > super::lists::LONG { 16 } else { 1 << 15 }
    }
}

fn rounded_up(value: f64) -> f32 {
    let nearest = value as f32;
    if f64::from(nearest) < value { nearest.next_up() } else { nearest }
}

/// What was decided, and what would have to change for the decision to change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Decision {
    pub crowded: bool,
    pub evidence: Evidence,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Evidence {
    /// Which of the first so many of the list are kept.
    List(u8),
    /// Which candidates up to this squared distance are kept.
    Within(f64),
}

/// Where candidates are and who is near them.
pub(super) struct Places<'a> {
    pub points: &'a [[f64; 2]],
    pub cells: &'a Cells,
    /// Distance of each to the nearest other, rounded down.
    pub nearest: &'a [f32],
    pub lists: &'a NeighborLists,
}

impl Places<'_> {
    /// Decides on a kept candidate.
    #[inline(always)]
    pub(super) fn decide(
        &self,
        id: usize,
        kept: &[bool],
        question: &Question,
        found: &mut Vec<f64>,
    ) -> Decision {
        if self.nearest[id] >= question.enough && question.needed > 0 {
            return Decision { crowded: false, evidence: Evidence::List(0) };
        }
        self.decide_near(id, self.lists.of(id), kept, question, found)
    }

    /// Decides on a kept candidate that may have another one near, by its list. Inlined, as most decisions end
    /// within two or three entries.
    #[inline(always)]
    pub(super) fn decide_near(
        &self,
        id: usize,
        list: &[Neighbor],
        kept: &[bool],
        question: &Question,
        found: &mut Vec<f64>,
    ) -> Decision {
        // Where a setting is good, no kept one is so near that anything must be summed.
        for (place, neighbor) in list.iter().enumerate() {
            if neighbor.at_least >= question.enough && question.needed > 0 {
                return Decision { crowded: false, evidence: Evidence::List(place as u8) };
            }
            if kept[neighbor.id as usize] {
                break;
            }
        }
        self.sum_up(id, kept, question, found)
    }

    /// Decides by bounds of the sum, which leave next to nothing open.
    ///
    /// The list is read only as far as needed: every further neighbour is at least as far as the
    /// next entry, kept or not, and so bounds the sum from below.
    #[inline(never)]
    fn sum_up(
        &self,
        id: usize,
        kept: &[bool],
        question: &Question,
        found: &mut Vec<f64>,
    ) -> Decision {
        let on_list = |crowded, depth| Decision { crowded, evidence: Evidence::List(depth) };
        let Question { needed, distance_sum, settled, .. } = *question;
        if needed == 0 {
            return on_list(0.0 < distance_sum, 0);
        }
        let list = self.lists.of(id);
        let (mut sum, mut missing, mut at_least) = (0.0, needed as f64, 0.0);
        for (place, neighbor) in list.iter().enumerate() {
            at_least = f64::from(neighbor.at_least);
            if sum + missing * at_least >= settled {
                return on_list(false, place as u8);
            }
            // Which are kept no branch could predict.
            let counts = f64::from(u8::from(kept[neighbor.id as usize]));
            sum += counts * at_least;
            missing -= counts;
            if missing == 0.0 {
                if sum < FARTHEST && farther(sum) < distance_sum {
                    return on_list(true, place as u8 + 1);
                }
                return self.sum_exactly(id, kept, question, place, found);
            }
        }
        if sum + missing * at_least >= settled {
            return on_list(false, list.len() as u8);
        }
        self.search(id, kept, question, found)
    }

    /// Decides by the sum to the kept ones of a list, the last of which that counts is at this
    /// place, or as far as that one.
    #[cold]
    fn sum_exactly(
        &self,
        id: usize,
        kept: &[bool],
        question: &Question,
        last: usize,
        found: &mut Vec<f64>,
    ) -> Decision {
        let (point, list) = (self.points[id], self.lists.of(id));
        let equals = list[last..].iter().take_while(|other| other.at_least == list[last].at_least);
        let end = last + equals.count();
        if end == list.len() && end < self.points.len() - 1 {
            // One that is on no list may be the nearer.
            return self.search(id, kept, question, found);
        }
        found.clear();
        let others = list[..end].iter().map(|neighbor| neighbor.id as usize);
        let kept = others.filter(|&other| kept[other]);
        found.extend(kept.map(|other| squared_distance(point, self.points[other])));
        found.sort_unstable_by(f64::total_cmp);
        let sum: f64 = found[..question.needed].iter().map(|squared| squared.sqrt()).sum();
        let crowded = sum < question.distance_sum;
        Decision { crowded, evidence: Evidence::List(end as u8) }
    }

    /// Decides without the list, by looking farther and farther.
    #[cold]
    fn search(
        &self,
        id: usize,
        kept: &[bool],
        question: &Question,
        found: &mut Vec<f64>,
    ) -> Decision {
        let needed = question.needed;
        let point = self.points[id];
        let listed = self.lists.of(id).last().map_or(0.0, |last| f64::from(last.at_least));
        let mut radius = 1.5 * listed.max(self.cells.side());
        loop {
            let window = self.cells.around(point, radius);
            let everything = window.is_all();
            let limit = if everything { f64::INFINITY } else { radius * radius };
            found.clear();
            for span in window.spans() {
                let near = kept[span.clone()].iter().zip(span);
                for (_, other) in near.filter(|&(&kept, other)| kept && other != id) {
                    let squared = squared_distance(point, self.points[other]);
                    if squared <= limit {
                        found.push(squared);
                    }
                }
            }
            if found.len() > needed {
                found.select_nth_unstable_by(needed, f64::total_cmp);
                found.truncate(needed);
            }
            let complete = found.len() == needed;
            if complete || everything {
                found.sort_unstable_by(f64::total_cmp);
                let sum: f64 = found.iter().map(|squared| squared.sqrt()).sum();
                let farthest = found.last().copied().unwrap_or(0.0);
                return Decision {
                    crowded: sum < question.distance_sum,
                    evidence: Evidence::Within(farthest),
                };
            }
            let missing = (needed - found.len()) as f64;
            let bound = found.iter().map(|squared| squared.sqrt()).sum::<f64>() + missing * radius;
            if bound >= question.settled {
                return Decision { crowded: false, evidence: Evidence::Within(limit) };
            }
            radius *= 1.5;
        }
    }
}
