//! The sweep against pruning and summing distances anew at every setting.

use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::*;
use crate::Error;
use crate::interrupt::never;
use crate::neighbors::distance_sums;
use crate::prune::by_scale;
use crate::simd::InstructionSet;

type Candidates = (Vec<Blob<f64>>, Vec<f64>);

/// On a lattice there are many ties and chains, and more candidates at a place than a list holds;
/// with few responses there are candidates that no threshold separates.
fn candidates() -> impl Strategy<Value = Candidates> {
    let lattice = (0_u8..16, 0_u8..16).prop_map(|(row, col)| (f64::from(row), f64::from(col)));
    let crowd = (0_u8..4, 0_u8..40).prop_map(|(row, col)| (f64::from(row), f64::from(col)));
    let anywhere = (0.0_f64..40.0, 0.0_f64..40.0);
    let place = prop_oneof![lattice, crowd, anywhere];
    let sigma = (1_u8..6).prop_map(|step| 0.7 * f64::from(step));
    let sigmas = prop_oneof![
        9 => sigma.clone().prop_map(|sigma| (sigma, sigma)),
        1 => (sigma.clone(), sigma),
    ];
    let response = prop_oneof![(1_u8..8).prop_map(|r| 0.1 * f64::from(r)), 0.01_f64..1.0];
    proptest::collection::vec((place, sigmas, response), 0..160).prop_map(|mut candidates| {
        candidates.sort_by(|a, b| b.2.total_cmp(&a.2));
        let blob = |((row, col), (sigma_row, sigma_col), _): &(_, _, f64)| Blob {
            row: *row,
            col: *col,
            sigma_row: *sigma_row,
            sigma_col: *sigma_col,
        };
        (candidates.iter().map(blob).collect(), candidates.iter().map(|c| c.2).collect())
    })
}

fn rule() -> impl Strategy<Value = (usize, f64)> {
    (1_usize..9, prop_oneof![0.0_f64..20.0, 0.0_f64..300.0])
}

fn overlaps() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(prop_oneof![0.0_f64..1.1, Just(0.0), Just(1.0)], 1..5)
}

fn set_of((blobs, responses): &Candidates) -> CandidateSet {
    CandidateSet::new(blobs, responses, on(2)).unwrap()
}

fn on(threads: usize) -> Effort<'static> {
    Effort::of(NonZeroUsize::new(threads).unwrap())
}

/// Thresholds at, just below and between responses.
fn thresholds_of(responses: &[f64]) -> Vec<f64> {
    let between = responses.windows(2).map(|pair| f64::midpoint(pair[0], pair[1]));
    let around = responses.iter().flat_map(|&r| [r, r.next_down()]);
    between.chain(around).chain([0.0, 2.0, f64::NAN]).collect()
}

fn slow_kept((blobs, responses): &Candidates, threshold: f64, overlap: f64) -> Vec<usize> {
    let above = responses.iter().filter(|&&response| response > threshold).count();
    let kept = by_scale(&blobs[..above], &responses[..above], overlap, on(1)).unwrap();
    (0..above).filter(|&index| kept[index]).collect()
}

fn slow_counts(candidates: &Candidates, kept: &[usize], (n, limit): (usize, f64)) -> Counts {
    let points: Vec<[f64; 2]> =
        kept.iter().map(|&i| [candidates.0[i].row, candidates.0[i].col]).collect();
    let sums = distance_sums(&points, n, on(1), InstructionSet::widest()).unwrap();
    Counts { kept: kept.len(), crowded: sums.into_iter().filter(|&sum| sum < limit).count() }
}

/// The front by its definition: all intervals of all overlaps, compared with one another.
fn slow_front(
    candidates: &Candidates,
    overlaps: &[f64],
    (low, high): (f64, f64),
    rule: (usize, f64),
    n_expected: f64,
) -> Vec<(Counts, f64, f64)> {
    let mut cuts: Vec<f64> = candidates.1.clone();
    cuts.retain(|&response| low < response && response <= high);
    cuts.dedup();
    cuts.push(low);
    // (counts, width, overlap, lower, upper) of each interval.
    let mut intervals: Vec<(Counts, f64, f64, f64, f64)> = Vec::new();
    for &overlap in overlaps {
        let mut last: Option<(Vec<usize>, f64)> = None;
        let mut upper = high;
        for &lower in &cuts {
            let kept = slow_kept(candidates, lower, overlap);
            match &mut last {
                Some((same, end)) if *same == kept => {
                    let interval = intervals.last_mut().unwrap();
                    *interval = (interval.0, end.ln() - lower.ln(), overlap, lower, *end);
                }
                _ => {
                    let counts = slow_counts(candidates, &kept, rule);
                    intervals.push((counts, upper.ln() - lower.ln(), overlap, lower, upper));
                    last = Some((kept, upper));
                }
            }
            upper = lower;
        }
    }
    let losses = |counts: Counts| {
        let distance = (counts.kept as f64 - n_expected) / n_expected;
        (distance.abs(), counts.crowded)
    };
    let is_on_front = |counts: Counts| {
        let (distance, crowded) = losses(counts);
        !intervals
            .iter()
            .map(|interval| losses(interval.0))
            .any(|(d, c)| d <= distance && c <= crowded && (d < distance || c < crowded))
    };
    let mut on_front: Vec<Counts> =
        intervals.iter().map(|interval| interval.0).filter(|&c| is_on_front(c)).collect();
    on_front.sort_by_key(|counts| (counts.crowded, counts.kept));
    on_front.dedup();
    let best = |counts: Counts| {
        let same = intervals.iter().filter(|interval| interval.0 == counts);
        let best = same
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.2.total_cmp(&a.2)).then(a.3.total_cmp(&b.3)));
        let &(_, _, overlap, lower, upper) = best.unwrap();
        let middle = lower.sqrt() * upper.sqrt();
        (counts, overlap, if lower < middle && middle < upper { middle } else { lower })
    };
    on_front.into_iter().map(best).collect()
}

proptest! {
    // A case asks about hundreds of settings.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn single_settings_are_those_of_pruning_anew(
        candidates in candidates(),
        overlaps in overlaps(),
        rule in rule(),
    ) {
        let set = set_of(&candidates);
        let crowding = Crowding::new(rule.0, rule.1).unwrap();
        let thresholds = thresholds_of(&candidates.1);
        for &threshold in thresholds.iter().step_by(1 + thresholds.len() / 24) {
            for &overlap in &overlaps {
                let kept = slow_kept(&candidates, threshold, overlap);
                prop_assert_eq!(&set.kept(threshold, overlap).unwrap(), &kept);
                let counts = set.evaluate(threshold, overlap, &crowding, &never).unwrap();
                prop_assert_eq!(counts, slow_counts(&candidates, &kept, rule));
            }
        }
    }

    #[test]
    fn a_grid_is_its_single_settings(
        candidates in candidates(),
        overlaps in overlaps(),
        rule in rule(),
        threads in 1_usize..4,
    ) {
        let set = set_of(&candidates);
        let crowding = Crowding::new(rule.0, rule.1).unwrap();
        let thresholds = thresholds_of(&candidates.1);
        let grid = set.grid(&thresholds, &overlaps, &crowding, on(threads)).unwrap();
        prop_assert_eq!(grid.len(), thresholds.len() * overlaps.len());
        let kept = set.kept_counts(&thresholds, &overlaps, on(threads)).unwrap();
        prop_assert!(kept.into_iter().eq(grid.iter().map(|counts| counts.kept)));
        let mut cells = grid.into_iter();
        for &threshold in &thresholds {
            for &overlap in &overlaps {
                let counts = set.evaluate(threshold, overlap, &crowding, &never).unwrap();
                prop_assert_eq!(cells.next(), Some(counts));
            }
        }
    }

    #[test]
    fn overlaps_of_pairs_are_where_pruning_changes(candidates in candidates()) {
        let set = set_of(&candidates);
        let breakpoints = set.overlap_breakpoints();
        prop_assert!(breakpoints.is_sorted_by(|a, b| a < b));
        let mut before = set.kept(0.0, 0.0).unwrap();
        for pair in breakpoints.windows(2) {
            before.clone_from(&set.kept(0.0, pair[0]).unwrap());
            prop_assert_eq!(&before, &set.kept(0.0, pair[1].next_down()).unwrap());
        }
        let all = set.overlaps_within(0.0, 1.0, None).unwrap();
        prop_assert!(all.len() <= breakpoints.len() + 1);
        prop_assert!(all.is_sorted());
        let some = set.overlaps_within(0.0, 1.0, NonZeroUsize::new(3)).unwrap();
        prop_assert_eq!(some.len(), all.len().min(3));
        prop_assert!(some.iter().all(|overlap| all.contains(overlap)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_front_is_that_of_all_settings(
        candidates in candidates(),
        overlaps in overlaps(),
        rule in rule(),
        range in (0.005_f64..0.9, 0.0_f64..1.0),
        n_expected in prop_oneof![(1_u8..60).prop_map(f64::from), 0.5_f64..80.0],
    ) {
        let set = set_of(&candidates);
        let crowding = Crowding::new(rule.0, rule.1).unwrap();
        let (low, high) = (range.0, range.0 + range.1);
        let thresholds = ThresholdRange::new(low, high).unwrap();
        let front = |threads| {
            set.front(&overlaps, thresholds, &crowding, n_expected, on(threads)).unwrap()
        };
        let settings = front(1);
        prop_assert_eq!(&settings, &front(3));
        let at = thresholds_of(&candidates.1);
        for threads in [1, 3] {
            let asked = (&overlaps, thresholds, &at, &crowding, n_expected);
            let effort = on(threads);
            let both = set.front_and_grid(asked.0, asked.1, asked.2, asked.3, asked.4, effort);
            let (same, counts) = both.unwrap();
            prop_assert_eq!(&settings, &same);
            prop_assert_eq!(counts, set.grid(&at, &overlaps, &crowding, effort).unwrap());
        }
        let rows: Vec<_> = settings.iter().map(|s| (s.counts, s.overlap, s.threshold)).collect();
        let expected = slow_front(&candidates, &overlaps, (low, high), rule, n_expected);
        prop_assert_eq!(rows, expected);
        for setting in settings {
            let counts = set.evaluate(setting.threshold, setting.overlap, &crowding, &never).unwrap();
            prop_assert_eq!(counts, setting.counts);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn sums_at_the_limit_and_next_to_it_are_told_apart(
        candidates in candidates(),
        n_neighbors in 1_usize..7,
        overlap in 0.0_f64..1.0,
    ) {
        let set = set_of(&candidates);
        let kept = slow_kept(&candidates, 0.0, overlap);
        let points: Vec<[f64; 2]> =
            kept.iter().map(|&i| [candidates.0[i].row, candidates.0[i].col]).collect();
        let sums = distance_sums(&points, n_neighbors, on(1), InstructionSet::widest()).unwrap();
        for sum in sums.into_iter().step_by(5).filter(|&sum| sum > 0.0) {
            for limit in [sum.next_down(), sum, sum.next_up()] {
                let crowding = Crowding::new(n_neighbors, limit).unwrap();
                let counts = set.evaluate(0.0, overlap, &crowding, &never).unwrap();
                prop_assert_eq!(counts, slow_counts(&candidates, &kept, (n_neighbors, limit)));
            }
        }
    }
}

#[test]
fn many_candidates_per_atom_exhaust_the_lists() {
    // Forty candidates around each of the places of a wide lattice, and few of them kept.
    let candidates: Vec<(Blob<f64>, f64)> = (0..3600_u32)
        .map(|i| {
            let (cell, within) = (i / 40, i % 40);
            let row = f64::from(cell / 10) * 30.0 + f64::from(within / 7);
            let col = f64::from(cell % 10) * 30.0 + f64::from(within % 7);
            let sigma = 1.0 + f64::from(within % 5);
            let response = 1.0 / (1.0 + f64::from((i * 7919) % 3600));
            (Blob { row, col, sigma_row: sigma, sigma_col: sigma }, response)
        })
        .collect();
    let mut candidates = candidates;
    candidates.sort_by(|a, b| b.1.total_cmp(&a.1));
    let candidates: Candidates = candidates.into_iter().unzip();
    let set = set_of(&candidates);
    let thresholds: Vec<f64> = set.responses.iter().copied().step_by(397).collect();
    let overlaps = [0.0, 0.1, 0.5, 0.9];
    for rule in [(4, 110.0), (4, 1e4), (2, 40.0), (40, 3000.0), (90, 1e9)] {
        let crowding = Crowding::new(rule.0, rule.1).unwrap();
        let grid = set.grid(&thresholds, &overlaps, &crowding, on(2)).unwrap();
        for (cell, counts) in grid.into_iter().enumerate() {
            let (threshold, overlap) = (thresholds[cell / 4], overlaps[cell % 4]);
            let kept = slow_kept(&candidates, threshold, overlap);
            assert_eq!(counts, slow_counts(&candidates, &kept, rule));
            assert_eq!(counts, set.evaluate(threshold, overlap, &crowding, &never).unwrap());
        }
    }
}

#[test]
fn nothing_and_a_single_candidate() {
    let rule = Crowding::new(4, 1.0).unwrap();
    let range = ThresholdRange::new(0.1, 0.4).unwrap();
    let none = set_of(&(Vec::new(), Vec::new()));
    assert!(none.is_empty());
    assert_eq!(none.evaluate(0.1, 0.5, &rule, &never).unwrap(), Counts::default());
    let front = none.front(&[0.5], range, &rule, 2.0, on(1)).unwrap();
    assert_eq!((front.len(), front[0].counts), (1, Counts::default()));
    let blob = Blob { row: 3.0, col: 4.0, sigma_row: 1.0, sigma_col: 1.0 };
    let one = set_of(&(vec![blob], vec![0.2]));
    // Alone it has the sum 0.
    assert_eq!(one.evaluate(0.1, 0.5, &rule, &never).unwrap(), Counts { kept: 1, crowded: 1 });
    let front = one.front(&[0.5], range, &rule, 1.0, on(1)).unwrap();
    assert_eq!(front.len(), 2);
    assert!((front[0].threshold - (0.2_f64 * 0.4).sqrt()).abs() < 1e-15);
    assert!((front[1].threshold - (0.1_f64 * 0.2).sqrt()).abs() < 1e-15);
}

#[test]
fn what_cannot_be_is_refused() {
    let blob = Blob { row: 0.0, col: 0.0, sigma_row: 1.0, sigma_col: 1.0 };
    let new = |blobs: &[Blob<f64>], responses: &[f64]| {
        CandidateSet::new(blobs, responses, on(1)).map(|set| set.len())
    };
    let bad = Blob { row: f64::NAN, ..blob };
    assert_eq!(new(&[bad], &[1.0]), Err(Error::Blob { index: 0 }.into()));
    let counts = SweepError::ResponseCount { blobs: 1, responses: 0 };
    assert_eq!(new(&[blob], &[]), Err(counts));
    let rising = SweepError::Response { index: 1, value: 2.0 };
    assert_eq!(new(&[blob, blob], &[1.0, 2.0]), Err(rising));
    assert!(new(&[blob], &[f64::NAN]).is_err());
    let pairs = CandidateSet::bounded(&[blob; 20], &[1.0; 20], 100, on(2)).map(|s| s.len());
    assert_eq!(pairs, Err(SweepError::TooManyPairs { candidates: 20, limit: 100 }));

    let set = CandidateSet::new(&[blob], &[1.0], on(1)).unwrap();
    let rule = Crowding::new(4, 1.0).unwrap();
    let overlap = SweepError::Overlap(-0.1);
    assert_eq!(set.kept(0.0, -0.1), Err(overlap.clone()));
    assert_eq!(set.evaluate(0.0, -0.1, &rule, &never), Err(overlap.clone()));
    assert_eq!(set.grid(&[0.0], &[0.5, -0.1], &rule, on(1)), Err(overlap.clone()));
    assert_eq!(set.kept_counts(&[0.0], &[0.5, -0.1], on(1)), Err(overlap.clone()));
    assert!(set.kept(0.0, f64::NAN).is_err());
    let range = ThresholdRange::new(0.1, 1.0).unwrap();
    assert_eq!(set.front(&[-0.1], range, &rule, 1.0, on(1)), Err(overlap));
    let count = SweepError::ExpectedCount(0.0);
    assert_eq!(set.front(&[0.5], range, &rule, 0.0, on(1)), Err(count));
    assert!(set.overlaps_within(-0.1, 1.0, None).is_err());
    assert!(set.overlaps_within(0.9, 0.8, None).is_err());
    assert!(ThresholdRange::new(0.0, 1.0).is_err());
    assert!(ThresholdRange::new(0.1, f64::INFINITY).is_err());
    assert_eq!(Crowding::new(0, 1.0), Err(Error::NeighborCount(0).into()));
    assert!(Crowding::new(4, f64::NAN).is_err());
}
