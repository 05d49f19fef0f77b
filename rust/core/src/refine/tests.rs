//! Fits of scenes whose truth is known.

use std::num::NonZeroUsize;

use super::*;

fn scene(n: usize, pitch: f64) -> (Image<'static, f64>, Vec<Start>) {
    let mut starts = Vec::new();
    let mut pixels = vec![0.2; n * n];
    let mut row = pitch;
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5
    };
    while row < n as f64 - pitch {
        let mut col = pitch;
        while col < n as f64 - pitch {
            let (r, c) = (row + random(), col + random());
            let height = 1.0 + 0.3 * random();
            for i in 0..n {
                for j in 0..n {
                    let (x, y) = (i as f64 - r, j as f64 - c);
                    pixels[i * n + j] += height * (-(x * x + y * y) / 2.0 / 4.84).exp();
                }
            }
            starts.push(Start {
                row: r + 3.0 * random(),
                col: c + 3.0 * random(),
                sigma: 2.5,
                kind: 0,
                limit: 5.0,
                is_ghost: false,
            });
            col += pitch;
        }
        row += pitch;
    }
    (Image::new(n, n, pixels).unwrap(), starts)
}

#[test]
fn debug_fit() {
    let (image, starts) = scene(96, 13.0);
    let options = Options {
        shape: Shape::Isotropic,
        likelihood: Likelihood::Gaussian,
        reach: 5.0,
        background_step: f64::INFINITY,
        share_shape: false,
        edge: Some(6.5),
        window: None,
        max_iter: 40,
        tolerance: 1e-3,
    };
    let effort = Effort::of(NonZeroUsize::MIN);
    let fitted =
        fit(&image, None, &starts, options, effort, InstructionSet::widest()).unwrap();
    println!("{} {:?}", fitted.iterations, &fitted.atoms[..3]);
}
