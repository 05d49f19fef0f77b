//! Windows against their definition, pixel by pixel.

use std::num::NonZeroUsize;

use super::*;
use proptest::prelude::*;

fn on(threads: usize) -> Effort<'static> {
    Effort::of(NonZeroUsize::new(threads).unwrap())
}

fn patches<T: Sample>(
    image: &Image<T>,
    points: &[[f64; 2]],
    windows: Windows,
    threads: usize,
) -> (Vec<f32>, Vec<bool>) {
    let plan = Plan::new([image.rows(), image.cols()], points, windows).unwrap();
    let mut out = vec![f32::NAN; plan.len() * windows.size * windows.size];
    plan.cut(image, &mut out, on(threads)).unwrap();
    (out, plan.kept().to_vec())
}

/// Keys' kernel as a function of distance.
fn kernel(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        1.5 * x.powi(3) - 2.5 * x.powi(2) + 1.0
    } else if x < 2.0 {
        -0.5 * x.powi(3) + 2.5 * x.powi(2) - 4.0 * x + 2.0
    } else {
        0.0
    }
}

/// The image at any place: the kernel's sum over all pixels that it reaches.
fn slow_sample(image: &Image<f64>, place: [f64; 2]) -> f64 {
    let [row, col] = place.map(|x| x.floor() as isize);
    let mut sum = 0.0;
    for r in row - 2..row + 4 {
        for c in col - 2..col + 4 {
            let pixel = image.row(reflect(r, image.rows()))[reflect(c, image.cols())];
            sum += kernel(place[0] - r as f64) * kernel(place[1] - c as f64) * pixel;
        }
    }
    sum
}

fn slow_patch(image: &Image<f64>, point: [f64; 2], windows: Windows) -> Option<Vec<f64>> {
    let shape = [image.rows(), image.cols()];
    let to_start = (windows.size as f64 - 1.0) / 2.0;
    let start = point.map(|x| {
        let start = x - to_start;
        if windows.subpixel { start } else { (start + 0.5).floor() }
    });
    for axis in 0..2 {
        let last = shape[axis] as f64 - 1.0;
        let end = start[axis] + windows.size as f64 - 1.0;
        if point[axis] < -0.5 || point[axis] >= last + 0.5 {
            return None;
        }
        if windows.border == Border::Drop && (start[axis] < 0.0 || end > last) {
            return None;
        }
    }
    let places = (0..windows.size * windows.size)
        .map(|i| [start[0] + (i / windows.size) as f64, start[1] + (i % windows.size) as f64]);
    let mut pixels: Vec<f64> = places.map(|place| slow_sample(image, place)).collect();
    let count = pixels.len() as f64;
    let mean = pixels.iter().sum::<f64>() / count;
    let variance = pixels.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    for x in &mut pixels {
        match windows.normalization {
            Normalization::None => {}
            Normalization::Mean => *x -= mean,
            Normalization::ZScore if variance.sqrt() <= 1e-12 * mean.abs() => *x = 0.0,
            Normalization::ZScore => *x = (*x - mean) / variance.sqrt(),
        }
    }
    Some(pixels)
}

fn any_windows() -> impl Strategy<Value = Windows> {
    let borders = prop_oneof![Just(Border::Drop), Just(Border::Reflect)];
    let normalizations = prop_oneof![
        Just(Normalization::None),
        Just(Normalization::Mean),
        Just(Normalization::ZScore)
    ];
    (1_usize..9, any::<bool>(), borders, normalizations).prop_map(
        |(size, subpixel, border, normalization)| Windows { size, subpixel, border, normalization },
    )
}

proptest! {
    #[test]
    fn windows_are_those_of_the_definition(
        windows in any_windows(),
        rows in 8_usize..14,
        cols in 8_usize..14,
        pixels in proptest::collection::vec(-3.0_f64..9.0, 14 * 14),
        points in proptest::collection::vec([-1.0_f64..14.0, -1.0_f64..14.0], 0..12),
        on_grid in any::<bool>(),
        threads in 1_usize..4,
    ) {
        let image = Image::new(rows, cols, pixels[..rows * cols].to_vec()).unwrap();
        // Halves are where rounding and the places of even windows are decided.
        let points: Vec<[f64; 2]> = points
            .into_iter()
            .map(|p| p.map(|x| if on_grid { (2.0 * x).round() / 2.0 } else { x }))
            .collect();
        let (found, kept) = patches(&image, &points, windows, threads);
        let expected: Vec<Option<Vec<f64>>> =
            points.iter().map(|&point| slow_patch(&image, point, windows)).collect();
        let expected_kept: Vec<bool> = expected.iter().map(Option::is_some).collect();
        prop_assert_eq!(kept, expected_kept);
        let expected: Vec<f64> = expected.into_iter().flatten().flatten().collect();
        prop_assert_eq!(found.len(), expected.len());
        for (&a, &b) in found.iter().zip(&expected) {
            prop_assert!((f64::from(a) - b).abs() <= 1e-5 * (1.0 + b.abs()), "{a} {b}");
        }
        // In single precision, to its rounding; the same to the bit on any number of threads.
        let pixels: Vec<f32> = image.pixels().iter().map(|&x| x as f32).collect();
        let single = Image::new(rows, cols, pixels).unwrap();
        let (found, _) = patches(&single, &points, windows, threads);
        prop_assert_eq!(&found, &patches(&single, &points, windows, 1).0);
        if windows.normalization != Normalization::ZScore {
            for (&a, &b) in found.iter().zip(&expected) {
                prop_assert!((f64::from(a) - b).abs() <= 1e-4, "{a} {b}");
            }
        }
    }

    #[test]
    fn quadratic_intensities_are_interpolated_exactly(
        c in proptest::array::uniform6(-1.0_f64..1.0),
        point in [6.0_f64..13.0, 6.0_f64..13.0],
    ) {
        let at = |r: f64, q: f64| c[0] + c[1] * r + c[2] * q + c[3] * r * r + c[4] * r * q + c[5] * q * q;
        let pixels = (0..400).map(|i| at(f64::from(i / 20), f64::from(i % 20))).collect();
        let image = Image::new(20, 20, pixels).unwrap();
        let windows = Windows {
            size: 4,
            subpixel: true,
            border: Border::Drop,
            normalization: Normalization::None,
        };
        let (found, _) = patches(&image, &[point], windows, 1);
        for (i, &value) in found.iter().enumerate() {
            let place = [point[0] - 1.5 + (i / 4) as f64, point[1] - 1.5 + (i % 4) as f64];
            let expected = at(place[0], place[1]);
            prop_assert!((f64::from(value) - expected).abs() < 1e-6 * (1.0 + expected.abs()) );
        }
    }
}

#[test]
fn constant_windows_become_zero_whatever_their_offset() {
    let windows = Windows {
        size: 7,
        subpixel: true,
        border: Border::Reflect,
        normalization: Normalization::ZScore,
    };
    let points: Vec<[f64; 2]> =
        (0..40).map(|i| [f64::from(i) * 0.23, f64::from(i) * 0.19]).collect();
    for value in [0.0, 0.1, -7.3, 1e6, 1e30] {
        let double = Image::new(10, 10, vec![value; 100]).unwrap();
        assert!(patches(&double, &points, windows, 1).0.iter().all(|&x| x == 0.0));
        let single = Image::new(10, 10, vec![value as f32; 100]).unwrap();
        assert!(patches(&single, &points, windows, 1).0.iter().all(|&x| x == 0.0));
    }
}

#[test]
fn a_great_offset_does_not_hide_contrast_in_double_precision() {
    let pixels = (0..100).map(|i| 1e9 + f64::from(i % 7)).collect();
    let image = Image::new(10, 10, pixels).unwrap();
    let windows = Windows {
        size: 5,
        subpixel: false,
        border: Border::Drop,
        normalization: Normalization::Mean,
    };
    let (found, _) = patches(&image, &[[4.0, 5.0]], windows, 1);
    let expected = slow_patch(&image, [4.0, 5.0], windows).unwrap();
    for (&a, &b) in found.iter().zip(&expected) {
        assert!((f64::from(a) - b).abs() < 1e-6);
    }
}

#[test]
fn bad_input_is_refused() {
    let windows = Windows {
        size: 5,
        subpixel: false,
        border: Border::Drop,
        normalization: Normalization::None,
    };
    for size in [0, 5] {
        let error = Plan::new([4, 9], &[], Windows { size, ..windows }).unwrap_err();
        assert_eq!(error, Error::WindowSize { size, rows: 4, cols: 9 });
    }
    let error = Plan::new([9, 9], &[[1.0, 1.0], [2.0, f64::INFINITY]], windows).unwrap_err();
    assert_eq!(error, Error::PointNotFinite { index: 1, row: 2.0, col: f64::INFINITY });
    let plan = Plan::new([9, 9], &[[4.0, 4.0]], windows).unwrap();
    let image = Image::new(9, 8, vec![0.0_f32; 72]).unwrap();
    let error = plan.cut(&image, &mut [0.0; 25], on(1)).unwrap_err();
    assert_eq!(error, Error::PatchesShape { rows: 9, cols: 8, len: 25 });
    let image = Image::new(9, 9, vec![0.0_f32; 81]).unwrap();
    let error = plan.cut(&image, &mut [0.0; 24], on(1)).unwrap_err();
    assert_eq!(error, Error::PatchesShape { rows: 9, cols: 9, len: 24 });
}
