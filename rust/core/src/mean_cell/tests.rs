use super::*;
use proptest::prelude::*;

use std::num::NonZeroUsize;

const ALONE: Effort<'static> =
    Effort { threads: NonZeroUsize::MIN, interrupted: &crate::interrupt::never };

/// By the definition, pixel by pixel.
fn slow_twin(image: &Image<f32>, mask: Option<&[bool]>, grid: Grid<'_>, cell: Cell) -> Sums {
    let [n_u, n_v] = cell.bins;
    let mut sums = Sums {
        total: vec![0.0; n_u * n_v],
        weight: vec![0.0; n_u * n_v],
        squares: 0.0,
        squared_weights: 0.0,
    };
    let at = |values: &[f64], pixel: [usize; 2]| {
        let [(top, down), (left, right)] = [0, 1].map(|axis| {
            let last = (grid.shape[axis] - 1) as f64;
            let place = (pixel[axis] as f64 + 0.5) / grid.spacing[axis] - 0.5;
            let place = place.max(0.0).min(last);
            (place.floor(), place - place.floor())
        });
        let value = |row: f64, col: f64| {
            let row = (row as usize).min(grid.shape[0] - 1);
            values[row * grid.shape[1] + (col as usize).min(grid.shape[1] - 1)]
        };
        (1.0 - down) * ((1.0 - right) * value(top, left) + right * value(top, left + 1.0))
            + down * ((1.0 - right) * value(top + 1.0, left) + right * value(top + 1.0, left + 1.0))
    };
    for row in 0..image.rows() {
        for col in 0..image.cols() {
            let pixel = [row, col];
            let value = f64::from(image.row(row)[col]);
            let amplitude = at(grid.amplitude, pixel);
            let is_used = mask.is_none_or(|mask| mask[row * image.cols() + col]);
            let weight = if is_used { amplitude * amplitude } else { 0.0 };
            let place = [0, 1].map(|axis| {
                let [down, along] = cell.gradients[axis];
                let fraction =
                    down * row as f64 + along * col as f64 + at(grid.fractions[axis], pixel);
                fraction.rem_euclid(1.0) * cell.bins[axis] as f64
            });
            for (u, v) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let share = |place: f64, step: usize| {
                    let part = place - place.floor();
                    if step == 0 { 1.0 - part } else { part }
                };
                let index = (place[0] as usize + u) % n_u * n_v + (place[1] as usize + v) % n_v;
                let share = weight * share(place[0], u) * share(place[1], v);
                sums.total[index] += share * value;
                sums.weight[index] += share;
            }
            sums.squares += weight * value * value;
            sums.squared_weights += weight * weight;
        }
    }
    sums
}

/// Numbers from -1 to 1 that follow from a seed.
fn numbers(seed: u64) -> impl FnMut() -> f64 {
    let mut state = 0x0139_408d_cbbf_7a44_u64 ^ (seed << 17);
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

fn many(n: usize, next: &mut impl FnMut() -> f64) -> Vec<f64> {
    (0..n).map(|_| next()).collect()
}

fn assert_close(fast: &[f64], slow: &[f64]) {
    let scale = slow.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
    for (fast, slow) in fast.iter().zip(slow) {
        assert!((fast - slow).abs() <= 1e-9 * scale, "{fast} is not {slow}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    #[test]
    fn equals_the_slow_twin(
        seed in 0_u64..1_000_000,
        rows in 1_usize..24,
        cols in 1_usize..40,
        points in [1_usize..6, 1..7],
        bins in [1_usize..20, 1..20],
        steepness in 0.01_f64..2.5,
        with_mask in any::<bool>(),
    ) {
        let mut next = numbers(seed);
        let pixels = (0..rows * cols).map(|_| next() as f32).collect();
        let image = Image::new(rows, cols, pixels).unwrap();
        let mask: Vec<bool> = (0..rows * cols).map(|_| next() > -0.3).collect();
        let n = points[0] * points[1];
        let (first, second, amplitude) = (many(n, &mut next), many(n, &mut next), many(n, &mut next));
        let grid = Grid {
            shape: points,
            spacing: [rows as f64 / points[0] as f64, cols as f64 / points[1] as f64],
            fractions: [&first, &second],
            amplitude: &amplitude,
        };
        let gradients = [0, 1].map(|_| [next() * steepness, next() * steepness]);
        let cell = Cell { gradients, bins };
        let mask = with_mask.then_some(mask.as_slice());
        let fast = fold(&image, mask, grid, cell, ALONE).unwrap();
        let slow = slow_twin(&image, mask, grid, cell);
        assert_close(&fast.total, &slow.total);
        assert_close(&fast.weight, &slow.weight);
        assert_close(&[fast.squares, fast.squared_weights], &[slow.squares, slow.squared_weights]);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let image = Image::new(2, 3, vec![1.0_f32; 6]).unwrap();
    let values = [0.0; 4];
    let grid = Grid {
        shape: [2, 2],
        spacing: [1.0, 1.5],
        fractions: [&values, &values],
        amplitude: &values,
    };
    let cell = Cell { gradients: [[0.1, 0.2], [0.3, 0.4]], bins: [4, 5] };
    let error = |mask, grid, cell| fold(&image, mask, grid, cell, ALONE).unwrap_err();
    assert_eq!(error(Some(&[true; 5]), grid, cell), Error::MaskShape { len: 5, pixels: 6 });
    let short = Grid { amplitude: &values[..3], ..grid };
    assert_eq!(error(None, short, cell), Error::GridShape { rows: 2, cols: 2, len: 3 });
    let empty = Grid { shape: [0, 0], fractions: [&[], &[]], amplitude: &[], ..grid };
    assert_eq!(error(None, empty, cell), Error::GridShape { rows: 0, cols: 0, len: 0 });
    let none = Cell { bins: [0, 5], ..cell };
    assert_eq!(error(None, grid, none), Error::NoBins { rows: 0, cols: 5 });
    let huge = Cell { bins: [usize::MAX, usize::MAX], ..cell };
    assert!(matches!(error(None, grid, huge), Error::Memory { .. }));
}

#[test]
fn what_is_not_finite_does_no_harm() {
    let image = Image::new(3, 4, vec![1.0_f32; 12]).unwrap();
    for bad in [f64::NAN, f64::INFINITY, 1e300] {
        let (values, ones) = ([bad; 4], [1.0; 4]);
        let grid = Grid {
            shape: [2, 2],
            spacing: [1.5, 2.0],
            fractions: [&values, &ones],
            amplitude: &ones,
        };
        let cell = Cell { gradients: [[bad, 0.2], [0.3, bad]], bins: [4, 5] };
        assert!(fold(&image, None, grid, cell, ALONE).is_ok());
    }
}

#[test]
fn work_is_given_up_on_request() {
    let image = Image::new(3, 4, vec![1.0_f32; 12]).unwrap();
    let values = [0.5; 1];
    let grid = Grid {
        shape: [1, 1],
        spacing: [3.0, 4.0],
        fractions: [&values, &values],
        amplitude: &values,
    };
    let cell = Cell { gradients: [[0.1, 0.2], [0.3, 0.4]], bins: [4, 5] };
    let effort = Effort { interrupted: &|| true, ..ALONE };
    assert_eq!(fold(&image, None, grid, cell, effort), Err(Error::Interrupted));
}
