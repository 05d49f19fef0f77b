//! Times of the kernels, each on every instruction set that it is compiled for.
//!
//! `cargo bench -p logstar-core --bench kernels` measures, `cargo test` with the same arguments
//! runs everything once on small inputs.

#![allow(missing_docs, reason = "the groups are functions that a macro makes public")]

use std::hint::black_box;
use std::num::NonZeroUsize;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use logstar_core::blob::{Blob, Candidate};
use logstar_core::image::{Image, Pixel};
use logstar_core::interrupt::{Effort, never};
use logstar_core::scale_space::{Query, Resources, Scale, find_candidates};
use logstar_core::simd::InstructionSet;
use logstar_core::sweep::{CandidateSet, Crowding, ThresholdRange};
use logstar_core::{neighbors, order, prune, skimage};

const PITCH: f64 = 12.0;

/// Whether this is a trial run: Cargo asks for measurements by an argument.
fn is_trial() -> bool {
    !std::env::args().any(|argument| argument == "--bench")
}

/// The size, or a small one for a trial.
fn sized(size: usize, small: usize) -> usize {
    if is_trial() { small } else { size }
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

/// A rotated lattice of atoms of about 3.4 pixels, and noise.
fn scene<T: Pixel>(size: usize) -> Image<T> {
    let mut next = numbers();
    let wave = 2.0 * std::f64::consts::PI / PITCH;
    let pixels = (0..size * size).map(|i| {
        let (row, col) = ((i / size) as f64, (i % size) as f64);
        let (x, y) = (0.993 * col + 0.122 * row, 0.993 * row - 0.122 * col);
        let noise = next() + next() + next() - 1.5;
        T::from_f64(0.5 + 0.25 * ((x * wave).cos() + (y * wave).cos()) + 0.1 * noise)
    });
    let Ok(image) = Image::new(size, size, pixels.collect()) else { unreachable!("it is square") };
    image
}

fn ladder(largest: f64) -> Vec<Scale> {
    let step = |i: u32| 1.0 + (largest - 1.0) * f64::from(i) / 9.0;
    (0..10).filter_map(|i| Scale::isotropic(step(i)).ok()).collect()
}

fn candidates<T: Pixel>(
    image: &Image<T>,
    scales: &[Scale],
    threshold: f64,
    instruction_set: InstructionSet,
) -> Vec<Candidate> {
    let resources = Resources { effort: Effort::of(NonZeroUsize::MIN), instruction_set };
    let query = Query { threshold: Some(threshold), border: (0, 0) };
    find_candidates(image, scales, query, resources).unwrap_or_default()
}

fn scale_space(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scale_space");
    for (size, largest, threshold) in [(256, 6.0, 0.03), (1024, 6.0, 0.03), (256, 30.0, 0.005)] {
        let scales = ladder(largest);
        // Named by its size in earnest: names must differ.
        let case = format!("{size} px, sigma 1 to {largest}");
        let size = sized(size, 40);
        let (double, single) = (scene::<f64>(size), scene::<f32>(size));
        group.throughput(Throughput::Elements((size * size) as u64));
        for set in InstructionSet::available() {
            let id = |pixel| BenchmarkId::new(format!("{pixel} {}", set.name()), &case);
            group.bench_function(id("f64"), |bencher| {
                bencher.iter(|| candidates(&double, &scales, threshold, set));
            });
            group.bench_function(id("f32"), |bencher| {
                bencher.iter(|| candidates(&single, &scales, threshold, set));
            });
        }
    }
    let image = scene::<f64>(sized(1024, 40));
    let ranks = [image.pixels().len() / 1000, image.pixels().len() - 1];
    group.throughput(Throughput::Elements(image.pixels().len() as u64));
    group.bench_function("order statistics", |bencher| {
        bencher.iter(|| {
            let effort = Effort::of(NonZeroUsize::MIN);
            order::order_statistics(&image, &ranks, effort, InstructionSet::widest())
        });
    });
    group.finish();
}

/// Candidates of the scene at a low threshold: atoms, and several times as many of noise.
fn found(size: usize) -> (Vec<Blob<f64>>, Vec<f64>) {
    let step = |scale: u32| 1.0 + 5.0 * f64::from(scale) / 9.0;
    let found = candidates(&scene::<f64>(size), &ladder(6.0), 0.005, InstructionSet::widest());
    let blob = |candidate: &Candidate| Blob {
        row: f64::from(candidate.row),
        col: f64::from(candidate.col),
        sigma_row: step(candidate.scale),
        sigma_col: step(candidate.scale),
    };
    (found.iter().map(blob).collect(), found.iter().map(|candidate| candidate.response).collect())
}

/// A blob on every pixel, as plateaus give them.
fn plateau(side: usize) -> (Vec<Blob<f64>>, Vec<f64>) {
    let blob = |i: usize| Blob {
        row: (i / side) as f64,
        col: (i % side) as f64,
        sigma_row: 6.0,
        sigma_col: 6.0,
    };
    ((0..side * side).map(blob).collect(), vec![1.0; side * side])
}

fn pruning(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prune");
    let effort = Effort::of(NonZeroUsize::MIN);
    let cases = [("scene", found(sized(1024, 60))), ("plateau", plateau(sized(256, 20)))];
    for (name, (blobs, responses)) in cases {
        group.throughput(Throughput::Elements(blobs.len() as u64));
        group.bench_function(BenchmarkId::new("by scale", name), |bencher| {
            bencher.iter(|| prune::by_scale(&blobs, &responses, 0.5, effort));
        });
        group.bench_function(BenchmarkId::new("compatible", name), |bencher| {
            bencher.iter(|| skimage::compatible(&blobs, 0.5, effort));
        });
    }
    group.finish();
}

/// Points on which a grid is at its best, and points that are there to break it.
fn points(n: usize) -> Vec<(&'static str, Vec<[f64; 2]>)> {
    let mut next = numbers();
    let side = n.isqrt();
    let width = PITCH * side as f64;
    let lattice = (0..n).map(|i| [(i / side) as f64, (i % side) as f64]);
    let lattice = lattice.map(|p| p.map(|x| PITCH * (x + 0.1 * next()))).collect();
    let even: Vec<[f64; 2]> = (0..n).map(|_| [width * next(), width * next()]).collect();
    let cluster = |(i, p): (usize, &[f64; 2])| {
        let near = even[i % 100];
        [1e3 * near[0] + p[0] / width, 1e3 * near[1] + p[1] / width]
    };
    vec![
        ("lattice", lattice),
        ("clusters", even.iter().enumerate().map(cluster).collect()),
        ("line", even.iter().map(|p| [0.6 * p[0], 0.8 * p[0]]).collect()),
        ("duplicates", (0..n).map(|i| even[i % (n / 8 + 1)]).collect()),
        ("one place", vec![[1.0, 2.0]; n]),
        ("uniform", even),
    ]
}

fn distance_sums(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("distance_sums");
    let effort = Effort::of(NonZeroUsize::MIN);
    let n = sized(20_000, 500);
    group.throughput(Throughput::Elements(n as u64));
    for (name, points) in points(n) {
        for (n_neighbors, set) in [4, 16, 32]
            .into_iter()
            .flat_map(|k| InstructionSet::available().into_iter().map(move |set| (k, set)))
        {
            let case = format!("{n_neighbors} neighbours, {}", set.name());
            group.bench_function(BenchmarkId::new(name, case), |bencher| {
                bencher.iter(|| neighbors::distance_sums(&points, n_neighbors, effort, set));
            });
        }
    }
    group.finish();
}

fn sweep(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sweep");
    let effort = Effort::of(NonZeroUsize::MIN);
    for size in [sized(256, 40), sized(1024, 60)] {
        let (blobs, responses) = found(size);
        let id = |name: &str| BenchmarkId::new(name, format!("{} candidates", blobs.len()));
        group.bench_function(id("set-up"), |bencher| {
            bencher.iter(|| CandidateSet::new(&blobs, &responses, effort));
        });
        let (Ok(set), Ok(rule), Ok(range)) = (
            CandidateSet::new(&blobs, &responses, effort),
            Crowding::new(4, 3.5 * PITCH),
            ThresholdRange::new(0.005, 0.5),
        ) else {
            unreachable!("the scene has candidates, and the rule and the range are sound");
        };
        group.bench_function(id("evaluation"), |bencher| {
            bencher.iter(|| set.evaluate(black_box(0.03), black_box(0.5), &rule, &never));
        });
        let thresholds: Vec<f64> = (0..64).map(|i| 0.005 + 0.005 * f64::from(i)).collect();
        let overlaps: Vec<f64> = (0..64).map(|i| f64::from(i) / 64.0).collect();
        group.bench_function(id("grid of 64 x 64"), |bencher| {
            bencher.iter(|| set.grid(&thresholds, &overlaps, &rule, effort));
        });
        let n_expected = (size as f64 / PITCH).powi(2);
        group.bench_function(id("front over 64 overlaps"), |bencher| {
            bencher.iter_batched(
                || set.overlaps_within(0.0, 1.0, NonZeroUsize::new(64)).unwrap_or_default(),
                |overlaps| set.front(&overlaps, range, &rule, n_expected, effort),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group! {
    name = kernels;
    config = Criterion::default().sample_size(20);
    targets = scale_space, pruning, distance_sums, sweep
}
criterion_main!(kernels);
