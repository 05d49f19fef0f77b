//! Which of several points no other dominates.

use std::cmp::Ordering::{self, Equal};

use crate::Result;
use crate::interrupt::Effort;

/// Points between two questions whether to stop.
const POINTS_BETWEEN_QUESTIONS: usize = 1 << 16;

/// Tells which points no other dominates: is nowhere larger than, and somewhere smaller.
///
/// `losses` holds `n_objectives` numbers of one point after the other. Equal points do not dominate
/// one another: all of them are on the front, or none. A point with a number that is not finite is
/// not on the front and dominates nothing.
///
/// In lexicographic order a point can be dominated only by an earlier one. With up to three
/// objectives that takes n log n steps, with more as many as there are pairs of a point and one
/// of the front.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn non_dominated(losses: &[f64], n_objectives: usize, effort: Effort<'_>) -> Result<Vec<bool>> {
    let n_points = losses.len().checked_div(n_objectives).unwrap_or(0);
    let point = |index: u32| {
        let start = index as usize * n_objectives;
        &losses[start..start + n_objectives]
    };
    let is_finite = |&index: &u32| point(index).iter().all(|loss| loss.is_finite());
    let mut order: Vec<u32> = (0..n_points as u32).filter(is_finite).collect();
    order.sort_unstable_by(|&a, &b| {
        let numbers = point(a).iter().zip(point(b));
        // By value: zeros of either sign are equal.
        numbers.map(|(a, b)| (a + 0.0).total_cmp(&(b + 0.0))).fold(Equal, Ordering::then)
    });
    let mut mask = vec![false; n_points];
    if n_objectives > 3 {
        let mut front: Vec<u32> = Vec::new();
        let mut until_question = 0;
        for &index in &order {
            if until_question < front.len() {
                until_question = POINTS_BETWEEN_QUESTIONS;
                effort.check()?;
            }
            until_question = until_question.saturating_sub(front.len());
            let own = point(index);
            let is_dominated = front.iter().any(|&other| {
                let other = point(other);
                other != own && other.iter().zip(own).all(|(other, own)| other <= own)
            });
            if !is_dominated {
                front.push(index);
                mask[index as usize] = true;
            }
        }
        return Ok(mask);
    }
    effort.check()?;
    let mut stairs = Stairs::default();
    let mut earlier: Option<(&[f64], bool)> = None;
    for &index in &order {
        let own = point(index);
        let is_on_front = match earlier {
            Some((same, verdict)) if same == own => verdict,
            _ => {
                let rest = |place: usize| own.get(place).copied().unwrap_or(0.0);
                stairs.step(rest(1), rest(2))
            }
        };
        earlier = Some((own, is_on_front));
        mask[index as usize] = is_on_front;
    }
    Ok(mask)
}

/// What earlier points leave of the second and third objective: the seconds rise, the thirds fall.
#[derive(Default)]
struct Stairs(Vec<(f64, f64)>);

impl Stairs {
    /// Whether no step is as small in both; the point then becomes one, and takes the place of
    /// those that it makes superfluous.
    fn step(&mut self, second: f64, third: f64) -> bool {
        let end = self.0.partition_point(|step| step.0 <= second);
        // Of the steps no larger in the second objective the last is the least in the third.
        if end.checked_sub(1).is_some_and(|last| self.0[last].1 <= third) {
            return false;
        }
        let first = self.0.partition_point(|step| step.0 < second);
        let worse = self.0[end..].iter().take_while(|step| step.1 >= third).count();
        self.0.splice(first..end + worse, [(second, third)]);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroUsize;

    fn by_definition(losses: &[f64], n_objectives: usize) -> Vec<bool> {
        let points: Vec<&[f64]> = losses.chunks(n_objectives).collect();
        let is_finite = |point: &[f64]| point.iter().all(|loss| loss.is_finite());
        let dominates = |other: &[f64], own: &[f64]| {
            is_finite(other)
                && other.iter().zip(own).all(|(other, own)| other <= own)
                && other.iter().zip(own).any(|(other, own)| other < own)
        };
        let is_on_front =
            |own: &&[f64]| is_finite(own) && !points.iter().any(|other| dominates(other, own));
        points.iter().map(is_on_front).collect()
    }

    fn front(losses: &[f64], n_objectives: usize) -> Vec<bool> {
        non_dominated(losses, n_objectives, Effort::of(NonZeroUsize::MIN)).unwrap()
    }

    proptest! {
        #[test]
        fn the_front_is_that_of_the_definition(
            few in proptest::collection::vec(0_u8..7, 0..120),
            many in proptest::collection::vec(-1e3_f64..1e3, 0..120),
            n_objectives in 1_usize..6,
        ) {
            let values = [0.0, -0.0, 1.0, 2.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
            let few: Vec<f64> = few.iter().map(|&i| values[usize::from(i)]).collect();
            for losses in [few, many] {
                let losses = &losses[..losses.len() / n_objectives * n_objectives];
                prop_assert_eq!(front(losses, n_objectives), by_definition(losses, n_objectives));
            }
        }
    }

    #[test]
    fn no_points_and_no_objectives() {
        assert!(front(&[], 2).is_empty());
        assert!(front(&[], 0).is_empty());
    }

    #[test]
    fn the_answer_to_the_question_whether_to_stop_is_heeded() {
        let stop = || true;
        let effort = Effort { threads: NonZeroUsize::MIN, interrupted: &stop };
        for n_objectives in 1..6 {
            let losses = vec![0.0; 600_000 / n_objectives * n_objectives];
            assert_eq!(
                non_dominated(&losses, n_objectives, effort),
                Err(crate::Error::Interrupted)
            );
        }
    }
}
