use super::*;
use proptest::prelude::*;

fn distance_sums(points: &[[f64; 2]], n_neighbors: usize, effort: Effort<'_>) -> Result<Vec<f64>> {
    super::distance_sums(points, n_neighbors, effort, InstructionSet::widest())
}

/// By the definition, at one point.
fn slow_sum(points: &[[f64; 2]], at: usize, n_neighbors: usize) -> f64 {
    let squared_distance = |[row, col]: [f64; 2]| {
        let (rows, cols) = (row - points[at][0], col - points[at][1]);
        rows * rows + cols * cols
    };
    let others = points.iter().enumerate().filter(|&(other, _)| other != at);
    let mut squared: Vec<f64> = others.map(|(_, &other)| squared_distance(other)).collect();
    squared.sort_by(f64::total_cmp);
    squared.iter().take(n_neighbors).map(|squared| squared.sqrt()).sum()
}

fn slow_twin(points: &[[f64; 2]], n_neighbors: usize) -> Vec<f64> {
    (0..points.len()).map(|at| slow_sum(points, at, n_neighbors)).collect()
}

fn on(threads: usize) -> Effort<'static> {
    Effort::of(NonZeroUsize::new(threads).unwrap())
}

/// The same numbers from 0 to 1 at every call.
fn numbers() -> impl FnMut() -> f64 {
    let mut state = 88_172_645_463_325_252_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn scattered(n: usize) -> Vec<[f64; 2]> {
    let mut next = numbers();
    (0..n).map(|_| [next(), next()]).collect()
}

proptest! {
    #[test]
    fn sums_are_those_of_the_definition(
        scattered in proptest::collection::vec((-1e3_f64..1e3, -1e3_f64..1e3), 0..60),
        // A coarse lattice makes duplicates, lines and equal distances.
        gridded in proptest::collection::vec((0_u8..6, 0_u8..3), 0..60),
        // Far from one another and from the others, by any order of magnitude.
        far in proptest::collection::vec((-1e3_f64..1e3, -150_i32..150), 0..20),
        n_neighbors in prop_oneof![1_usize..10, 10_usize..70],
        threads in 1_usize..4,
    ) {
        let far = far.into_iter().map(|(x, power)| (x, x * 10.0_f64.powi(power)));
        let gridded = gridded.into_iter().map(|(row, col)| (row.into(), col.into()));
        let points: Vec<[f64; 2]> =
            scattered.into_iter().chain(gridded).chain(far).map(|(row, col)| [row, col]).collect();
        let expected = slow_twin(&points, n_neighbors);
        for set in InstructionSet::available() {
            let sums = super::distance_sums(&points, n_neighbors, on(threads), set).unwrap();
            prop_assert_eq!(&sums, &expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_grid_and_the_tree_agree(
        offset in prop_oneof![Just(0.0), -1e3_f64..1e3, -1e13_f64..1e13],
        stretch in prop_oneof![Just(1.0), 1e-4_f64..1e4],
        pitch in prop_oneof![Just(0.0), 1e-3_f64..0.2],
        n_points in 300_usize..900,
        n_neighbors in 1_usize..40,
    ) {
        let snap = |x: f64| if pitch > 0.0 { (x / pitch).round() * pitch } else { x };
        let points: Vec<[f64; 2]> = scattered(n_points)
            .into_iter()
            .map(|[row, col]| [snap(row) + offset, stretch * snap(col)])
            .collect();
        let pool = Pool::new(n_neighbors).unwrap();
        let work = Work { points: &points, effort: on(2), instruction_set: InstructionSet::widest() };
        let by_tree = work.sums_by(&Tree::new(&points, on(2)), &pool).unwrap();
        if let Some(grid) = Grid::new(&points, n_neighbors) {
            prop_assert_eq!(&work.sums_by(&grid, &pool).unwrap(), &by_tree);
        }
        prop_assert_eq!(&distance_sums(&points, n_neighbors, on(1)).unwrap(), &by_tree);
    }
}

#[test]
fn a_square_lattice_has_four_neighbours_at_its_pitch() {
    let points: Vec<[f64; 2]> =
        (0..100).map(|i| [f64::from(i / 10) * 3.0, f64::from(i % 10) * 3.0]).collect();
    let sums = distance_sums(&points, 4, on(2)).unwrap();
    assert!((sums[55] - 12.0).abs() < 1e-12);
    // In the corner: two at the pitch, one on the diagonal, one two pitches away.
    assert!((sums[0] - (3.0 + 3.0 + 18.0_f64.sqrt() + 6.0)).abs() < 1e-12);
}

#[test]
fn fewer_points_than_neighbours() {
    assert!(distance_sums(&[], 4, on(1)).unwrap().is_empty());
    assert_eq!(distance_sums(&[[1.0, 2.0]], 4, on(1)).unwrap(), [0.0]);
    assert_eq!(distance_sums(&[[0.0, 0.0], [3.0, 4.0]], 4, on(1)).unwrap(), [5.0, 5.0]);
}

#[test]
fn squares_beyond_the_range_of_floats_are_infinite_or_zero() {
    let far = [[1e200, 0.0], [0.0, -1e200], [f64::MAX, 0.0], [f64::MIN, 0.0]];
    let near = [[5e-324, 0.0], [0.0, 1e-200], [0.0, 0.0], [0.0, -0.0]];
    let repeated = |points: [[f64; 2]; 4], times: usize| points.repeat(times);
    for n_neighbors in [1, 2, 4, 8, 40] {
        for points in [repeated(far, 1), repeated(near, 1), repeated(far, 20), repeated(near, 20)] {
            let sums = distance_sums(&points, n_neighbors, on(1)).unwrap();
            assert_eq!(sums, slow_twin(&points, n_neighbors));
        }
    }
}

/// Quadratic time would take minutes for each.
#[test]
fn any_distribution_is_exact_and_fast() {
    const N: usize = 50_000;
    let mut next = numbers();
    let mut circle = move || {
        let (sin, cos) = (next() * std::f64::consts::TAU).sin_cos();
        [sin, cos]
    };
    let even = scattered(N);
    let of_even = |change: &dyn Fn(usize, [f64; 2]) -> [f64; 2]| -> Vec<[f64; 2]> {
        even.iter().enumerate().map(|(i, &point)| change(i, point)).collect()
    };
    let far = |i: usize| if i == N / 2 { 1e12 } else { 0.0 };
    let site = |i: usize| [(i % 97 * 7919 % 1000) as f64, (i % 97 * 104_729 % 1000) as f64];
    let distributions = [
        ("even", even.clone()),
        ("one place", vec![[1.0, 1.0]; N]),
        ("few places", of_even(&|i, _| site(i))),
        ("one cluster and one point far away", of_even(&|i, [r, c]| [r + far(i), c])),
        ("clumps", of_even(&|i, [r, c]| [site(i)[0] + 1e-3 * r, site(i)[1] + 1e-6 * c])),
        ("two densities", of_even(&|i, p| if i % 2 == 0 { p } else { p.map(|x| x * 1e-3) })),
        // Points that are alone in their row of cells, beside full rows.
        ("stripes", of_even(&|i, [r, c]| [if i % 50 == 0 { r } else { (r * 10.0).round() }, c])),
        ("row", of_even(&|_, [r, _]| [0.0, r])),
        ("column", of_even(&|_, [r, _]| [r, 0.0])),
        ("diagonal", of_even(&|_, [r, _]| [r, 3.0 * r])),
        ("circle", (0..N).map(|_| circle()).collect()),
        (
            "all magnitudes",
            of_even(&|_, [r, c]| [c, c + 0.5].map(|x| x * (600.0 * (r - 0.5)).exp())),
        ),
        ("far from the origin", of_even(&|_, p| p.map(|x| x + 1e12))),
    ];
    for (name, points) in distributions {
        let sums = distance_sums(&points, 4, on(2)).unwrap();
        for at in (0..N).step_by(N / 5) {
            assert_eq!(sums[at], slow_sum(&points, at, 4), "{name}, point {at}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let even = scattered(20_000);
    let uneven: Vec<[f64; 2]> = even.iter().map(|p| p.map(|x| x.powi(20))).collect();
    for points in [even, uneven] {
        let sums = distance_sums(&points, 4, on(1)).unwrap();
        for threads in [2, 3, 7] {
            assert_eq!(distance_sums(&points, 4, on(threads)).unwrap(), sums);
        }
    }
}

#[test]
fn work_is_given_up_on_request() {
    let even = scattered(20_000);
    let uneven: Vec<[f64; 2]> = even.iter().map(|p| p.map(|x| x.powi(20))).collect();
    for points in [even, uneven] {
        for questions in [0, 1, 5] {
            let asked = std::sync::atomic::AtomicUsize::new(0);
            let interrupted =
                || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= questions;
            for threads in [1, 2] {
                let sums =
                    distance_sums(&points, 4, Effort { interrupted: &interrupted, ..on(threads) });
                assert_eq!(sums, Err(Error::Interrupted));
            }
        }
    }
}

#[test]
fn bad_input_is_refused() {
    assert_eq!(distance_sums(&[], 0, on(1)), Err(Error::NeighborCount(0)));
    let error = distance_sums(&[[0.0, 0.0], [f64::INFINITY, 2.0]], 4, on(1)).unwrap_err();
    assert_eq!(error, Error::PointNotFinite { index: 1, row: f64::INFINITY, col: 2.0 });
}
