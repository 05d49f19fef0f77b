//! Gaussian peaks fitted to an image: positions at the Cramér-Rao bound, with their errors.
//!
//! The image is taken for a background `b` and a sum of peaks, one for each atom,
//!
//! ```text
//! m(p) = b(p) + sum over i of A_i exp(-(a_i x² + 2 b_i x y + c_i y²) / 2)
//! ```
//!
//! with x and y the distances of a pixel from the atom's centre along rows and columns. All
//! parameters of all atoms are fitted together to all pixels by least squares (Levenberg-Marquardt):
//! peaks overlap, and a fit to one of them in a window of its own is biased by its neighbours.
//!
//! | symbol | in the code |
//! |---|---|
//! | J, derivatives of the model by the parameters | a profile times a polynomial of `model` |
//! | w, weight of a pixel: 0 where masked, 1, or proportional to 1 / variance | `weights` |
//! | r = w (image - m) | `residual` |
//! | g = Jᵀ r | `gradient` |
//! | H = Jᵀ w J | `equations` |
//! | lambda, damping of each atom | `damping` |
//!
//! A step looks at the image tile by tile (`look`): in working memory that fits a core's cache all
//! peaks that reach there are painted, and what they leave (`residual`) gives g and the blocks of H
//! that belong to single atoms (`seen`). Blocks of pairs are integrals of Gaussians (`overlap`). The step solves
//! `(H + lambda diag H) step = g` by conjugate gradients, preconditioned by the blocks of single
//! atoms. When few atoms are left that still move, these go on by themselves, in the small parts of
//! the image around them (`joint`).
//!
//! Results do not depend on the number of threads: each tile of the image and each atom has sums of
//! its own, which are added in a fixed order. No fused multiply-add is used, so that all instruction
//! sets give the same bits.

#![allow(clippy::needless_range_loop, reason = "matrices read best by their indices")]
#![allow(clippy::neg_cmp_op_on_partial_ord, reason = "what is NaN is to fail the test")]

mod admission;
mod background;
mod blocks;
mod covariance;
mod equations;
mod joint;
mod levenberg;
mod look;
mod mask;
mod model;
mod overlap;
mod profile;
mod region;
mod residual;
mod seen;
mod sheet;
mod solve;
mod sums;
#[cfg(test)]
mod tests;
mod walk;
mod window;

use crate::image::{Image, Pixel};
use crate::interrupt::Effort;
use crate::simd::InstructionSet;
use crate::{Error, Result};

/// Where the fit of an atom begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    /// Row of the centre, in pixels.
    pub row: f64,
    /// Column of the centre, in pixels.
    pub col: f64,
    /// Standard deviation of the peak, in pixels.
    pub sigma: f64,
    /// Number of its kind: peaks of one kind may share their shape.
    pub kind: u32,
    /// How far it may move along each axis, in pixels.
    pub limit: f64,
    /// A column beyond the frame, of which the tail is seen: it stays where it is, and has the mean
    /// amplitude and shape of its kind.
    pub is_ghost: bool,
}

/// What the noise of a pixel is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likelihood {
    /// The same everywhere.
    Gaussian,
    /// Its variance is proportional to the intensity.
    Poisson,
}

/// Which family of peaks is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Round ones.
    Isotropic,
    /// Ellipses of any direction.
    Elliptical,
}

/// How to fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// The family of peaks.
    pub shape: Shape,
    /// The noise.
    pub likelihood: Likelihood,
    /// How far a peak is taken to reach, in sigmas.
    pub reach: f64,
    /// Distance of the background's nodes in pixels; infinite for a constant.
    pub background_step: f64,
    /// Whether peaks of one kind share their shape.
    pub share_shape: bool,
    /// Leave out pixels that columns beyond the frame may shine on: within 2.5 sigmas of the frame
    /// and further than this from every atom, in pixels.
    pub edge: Option<f64>,
    /// Half width in sigmas of the window that an atom is fitted in by itself; None fits all
    /// together.
    pub window: Option<f64>,
    /// The most steps that are tried.
    pub max_iter: usize,
    /// Atoms that move less in a step, in pixels, have converged.
    pub tolerance: f64,
}

/// How the fit of an atom ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// It converged.
    Ok,
    /// The steps ran out.
    NotConverged,
    /// It went as far as it may.
    MovedTooFar,
    /// Too little of it is on pixels that are not masked.
    TooFewPixels,
    /// Its amplitude is not above three of its standard deviations.
    NotSignificant,
    /// Its sigma is as far from its start as it may be.
    SigmaAtBound,
    /// Its centre is, or went, outside the frame.
    OutsideFrame,
    /// It is closer to another atom than both can be told apart.
    Merged,
}

/// A fitted peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// How the fit ended.
    pub status: Status,
    /// Row and column of the centre, in pixels.
    pub centre: [f64; 2],
    /// Sigma of the round peak with as large an area.
    pub sigma: f64,
    /// Height above the background.
    pub amplitude: f64,
    /// The coefficients a, b and c of the exponent.
    pub precision: [f64; 3],
    /// Background at the centre.
    pub background: f64,
    /// Root mean square of the residual over its window, in units of the image.
    pub residual: f64,
    /// Steps until it converged.
    pub iterations: u32,
    /// Covariance of row, column, sigma and amplitude, if the noise of pixels is independent and as
    /// assumed. NaN where it cannot be told.
    pub covariance: [[f64; 4]; 4],
    /// Variances of the same by the residuals themselves, which pixels of a scan line may share.
    pub robust: [f64; 4],
}

/// All fitted peaks, and the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// In the order of the starts.
    pub atoms: Vec<Fit>,
    /// Steps of the whole.
    pub iterations: usize,
    /// Mean product of residuals of neighbouring columns by their mean square: 0 for white noise.
    pub autocorrelation: f64,
}

/// Fits a peak to each atom; `mask` tells which pixels to look at.
///
/// # Errors
/// [`Error::PointNotFinite`] for a start that is not finite or has no sigma above 0;
/// [`Error::MaskShape`]; [`Error::Interrupted`].
pub fn fit<T: Pixel>(
    image: &Image<T>,
    mask: Option<&[bool]>,
    starts: &[Start],
    options: Options,
    effort: Effort<'_>,
    instruction_set: InstructionSet,
) -> Result<Fitted> {
    for (index, start) in starts.iter().enumerate() {
        let Start { row, col, sigma, limit, .. } = *start;
        if ![row, col, sigma, limit].iter().all(|x| x.is_finite()) || sigma <= 0.0 || limit < 0.0 {
            return Err(Error::Start { index, row, col, sigma });
        }
    }
    if let Some(mask) = mask {
        let len = image.rows() * image.cols();
        if mask.len() != len {
            return Err(Error::MaskShape { len: mask.len(), pixels: len });
        }
    }
    let task = &joint::Task { image, mask, starts, options, effort, instruction_set };
    match (options.window, options.shape) {
        (None, Shape::Isotropic) => joint::fit::<4, model::Isotropic, T>(task),
        (None, Shape::Elliptical) => joint::fit::<6, model::Elliptical, T>(task),
        (Some(half), Shape::Isotropic) => window::fit::<4, model::Isotropic, T>(task, half),
        (Some(half), Shape::Elliptical) => window::fit::<6, model::Elliptical, T>(task, half),
    }
}
