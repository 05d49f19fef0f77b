//! Fits of scenes whose truth is known.

use std::num::NonZeroUsize;

use super::*;

const SIDE: usize = 110;
const SIGMA: f64 = 2.2;

const OPTIONS: Options = Options {
    shape: Shape::Isotropic,
    likelihood: Likelihood::Gaussian,
    reach: 5.0,
    background_step: f64::INFINITY,
    share_shape: false,
    edge: None,
    window: None,
    max_iter: 40,
    tolerance: 1e-5,
};

/// Peaks near the nodes of a grid without noise, true centres, and starts that are off by up to
/// 1.5 pixels along each axis.
fn scene() -> (Image<f64>, Vec<[f64; 2]>, Vec<Start>) {
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5
    };
    let (mut truth, mut starts) = (Vec::new(), Vec::new());
    let mut pixels = vec![0.2; SIDE * SIDE];
    for node in 0..49 {
        let place = |index: usize| 14.0 + 13.0 * index as f64;
        let [row, col] = [place(node / 7) + random(), place(node % 7) + random()];
        let height = 1.0 + 0.3 * random();
        for (at, pixel) in pixels.iter_mut().enumerate() {
            let (x, y) = ((at / SIDE) as f64 - row, (at % SIDE) as f64 - col);
            *pixel += height * (-(x * x + y * y) / (2.0 * SIGMA * SIGMA)).exp();
        }
        truth.push([row, col]);
        let (row, col) = (row + 3.0 * random(), col + 3.0 * random());
        starts.push(Start { row, col, sigma: 2.5, kind: 0, limit: 5.0, is_ghost: false });
    }
    (Image::new(SIDE, SIDE, pixels).unwrap(), truth, starts)
}

fn threads(n: usize) -> Effort<'static> {
    Effort::of(NonZeroUsize::new(n).unwrap())
}

#[test]
fn exact_peaks_are_found_exactly() {
    let (image, truth, starts) = scene();
    for shape in [Shape::Isotropic, Shape::Elliptical] {
        for share_shape in [false, true] {
            let options = Options { shape, share_shape, ..OPTIONS };
            let set = InstructionSet::widest();
            let fitted = fit(&image, None, &starts, options, threads(1), set).unwrap();
            for (fit, truth) in fitted.atoms.iter().zip(&truth) {
                assert_eq!(fit.status, Status::Ok);
                let off = (fit.centre[0] - truth[0]).hypot(fit.centre[1] - truth[1]);
                assert!(off < 1e-4, "{shape:?} {share_shape} {off}");
                assert!((fit.sigma - SIGMA).abs() < 1e-3);
            }
        }
    }
}

#[test]
fn neither_threads_nor_instructions_change_a_bit() {
    let (image, _, starts) = scene();
    for options in [
        OPTIONS,
        Options { shape: Shape::Elliptical, ..OPTIONS },
        Options { window: Some(2.0), ..OPTIONS },
        Options { likelihood: Likelihood::Poisson, background_step: 30.0, ..OPTIONS },
    ] {
        let one = fit(&image, None, &starts, options, threads(1), InstructionSet::Baseline);
        let one = format!("{:?}", one.unwrap());
        for set in InstructionSet::available() {
            let other = fit(&image, None, &starts, options, threads(3), set).unwrap();
            assert_eq!(format!("{other:?}"), one, "{set:?}");
        }
    }
}

#[test]
fn starts_that_cannot_be_are_named() {
    let (image, _, mut starts) = scene();
    starts[3].sigma = 0.0;
    let set = InstructionSet::Baseline;
    let error = fit(&image, None, &starts, OPTIONS, threads(1), set).unwrap_err();
    assert!(matches!(error, Error::Start { index: 3, .. }));
    let error = fit(&image, Some(&[true]), &starts[..1], OPTIONS, threads(1), set).unwrap_err();
    assert_eq!(error, Error::MaskShape { len: 1, pixels: SIDE * SIDE });
}

#[test]
fn work_is_given_up_on_request() {
    let (image, _, starts) = scene();
    let effort = Effort { threads: NonZeroUsize::MIN, interrupted: &|| true };
    let set = InstructionSet::Baseline;
    for options in [OPTIONS, Options { window: Some(2.0), ..OPTIONS }] {
        assert_eq!(
            fit(&image, None, &starts, options, effort, set).unwrap_err(),
            Error::Interrupted
        );
    }
}
