//! Each atom fitted by itself, in a window that holds little of its neighbours: for quick looks.

use crate::image::Pixel;
use crate::interrupt::Effort;
use crate::simd::{Available, Kernel, Lanes};
use crate::{Result, parallel};

use super::canvas::Canvas;
use super::covariance::{self, Residuals};
use super::joint::{Task, admit, mark_merged};
use super::model::{AMPLITUDE, COL, Model, ROW, TERMS};
use super::profile::{LANES, Padded, Profiles, Scratch, Tile};
use super::solve::{cholesky, substitute};
use super::system::block;
use super::{Fit, Fitted, Start, Status};

/// Atoms per task.
const CHUNK: usize = 32;
/// A profile reaches over the whole window, whatever becomes of its sigma.
const REACH: f64 = 12.0;
/// As in the joint fit.
const MOST_MOVE: f64 = 0.5;
const DAMPING: f64 = 1e-3;
const MOST_TRIES: usize = 6;

pub(super) fn fit<const P: usize, M: Model<P>, T: Pixel>(
    task: &Task<'_, T>,
    half: f64,
) -> Result<Fitted> {
    let (kept, refused) = admit(task);
    let kept: Vec<usize> = kept.into_iter().filter(|&i| !task.starts[i].is_ghost).collect();
    let chunks: Vec<&[usize]> = kept.chunks(CHUNK).collect();
    let parts = parallel::map(&chunks, task.effort.threads, |chunk| {
        task.effort.check()?;
        Ok(task.instruction_set.run(Chunk::<'_, P, M, T> {
            task,
            indices: chunk,
            half,
            model: std::marker::PhantomData,
        }))
    });
    let mut fits: Vec<Fit> = Vec::with_capacity(kept.len());
    for part in parts {
        fits.extend(part?);
    }
    let centres: Vec<[f64; 2]> = fits.iter().map(|fit| fit.centre).collect();
    mark_merged(&mut fits, &centres);
    let iterations = fits.iter().map(|fit| fit.iterations as usize).max().unwrap_or(0);
    let mut atoms: Vec<Fit> = task
        .starts
        .iter()
        .zip(&refused)
        .map(|(start, status)| Fit::refused(start, status.unwrap_or(Status::Ok)))
        .collect();
    for (&index, fit) in kept.iter().zip(fits) {
        atoms[index] = fit;
    }
    Ok(Fitted { atoms, iterations, autocorrelation: f64::NAN })
}

struct Chunk<'a, const P: usize, M, T: Pixel> {
    task: &'a Task<'a, T>,
    indices: &'a [usize],
    half: f64,
    model: std::marker::PhantomData<M>,
}

impl<const P: usize, M: Model<P>, T: Pixel> Kernel for Chunk<'_, P, M, T> {
    type Output = Vec<Fit>;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> Vec<Fit> {
        let mut patch = Patch::default();
        let mut scratch = Scratch::default();
        self.indices
            .iter()
            .map(|&index| {
                let start = &self.task.starts[index];
                patch.cut(self.task, start, self.half);
                patch.fit::<P, M, T>(self.task, start, &mut scratch)
            })
            .collect()
    }
}

/// The pixels of one window, and what is painted on them.
#[derive(Default)]
struct Patch {
    shape: [usize; 2],
    corner: [usize; 2],
    stride: usize,
    pixels: Vec<f64>,
    weights: Vec<f32>,
    residual: Vec<f32>,
    painted: Vec<f64>,
    mixed: Vec<f64>,
}

/// Sums of a patch at some parameters.
struct Cost {
    cost: f64,
    ground_gradient: f64,
}

/// Where the fit of one atom ended.
struct End<const P: usize> {
    atom: [f64; P],
    ground: f64,
    cost: f64,
    settled: bool,
    steps: usize,
}

impl Patch {
    /// Copies the pixels around a start.
    fn cut<T: Pixel>(&mut self, task: &Task<'_, T>, start: &Start, half: f64) {
        let [rows, cols] = task.shape();
        let reach = (half * start.sigma).round().max(2.0) as isize;
        let range = |x: f64, len: usize| {
            let middle = x.round() as isize;
            let first = (middle - reach).clamp(0, len as isize - 1) as usize;
            first..(middle + reach).clamp(0, len as isize - 1) as usize + 1
        };
        let (rows_of, cols_of) = (range(start.row, rows), range(start.col, cols));
        self.shape = [rows_of.len(), cols_of.len()];
        self.corner = [rows_of.start, cols_of.start];
        self.stride = self.shape[1].next_multiple_of(LANES) + LANES;
        let len = self.shape[0] * self.stride;
        self.pixels.clear();
        self.pixels.resize(len, 0.0);
        self.weights.clear();
        self.weights.resize(len, 0.0);
        self.residual.clear();
        self.residual.resize(len, 0.0);
        self.painted.resize(len, 0.0);
        for (line, row) in rows_of.enumerate() {
            for (k, col) in cols_of.clone().enumerate() {
                if task.mask.is_none_or(|mask| mask[row * cols + col]) {
                    let at = line * self.stride + k;
                    self.pixels[at] = task.image.row(row)[col].to_f64();
                    self.weights[at] = 1.0;
                }
            }
        }
    }

    /// Paints the residual.
    #[inline(always)]
    fn paint<const P: usize>(&mut self, profiles: &Profiles, height: f64, ground: f64) -> Cost {
        self.painted.fill(ground);
        let mut polynomial = [0.0; TERMS];
        polynomial[0] = height;
        let mut tile = Tile {
            row: 0,
            rows: self.shape[0],
            col: 0,
            cols: self.stride,
            out: &mut self.painted[..self.shape[0] * self.stride],
            mixed: &mut self.mixed,
        };
        profiles.of(0).add(&polynomial, &mut tile);
        let (mut cost, mut sum) = (0.0, 0.0);
        for (((out, pixel), painted), weight) in
            self.residual.iter_mut().zip(&self.pixels).zip(&self.painted).zip(&self.weights)
        {
            let off = f64::from(*weight) * (pixel - painted);
            *out = off as f32;
            cost += off * off;
            sum += off;
        }
        Cost { cost, ground_gradient: sum }
    }

    #[inline(always)]
    fn fit<const P: usize, M: Model<P>, T: Pixel>(
        &mut self,
        task: &Task<'_, T>,
        start: &Start,
        scratch: &mut Scratch,
    ) -> Fit {
        let n_pixels = self.weights.iter().filter(|&&weight| weight > 0.0).count();
        if n_pixels < P + 2 {
            return Fit::refused(start, Status::TooFewPixels);
        }
        let local = [start.row - self.corner[0] as f64, start.col - self.corner[1] as f64];
        let (low, high) = self
            .pixels
            .iter()
            .zip(&self.weights)
            .filter(|(_, weight)| **weight > 0.0)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (&pixel, _)| {
                (low.min(pixel), high.max(pixel))
            });
        let mut atom = M::start(local[0], local[1], high - low, start.sigma);
        let mut ground = low;
        let mut damping = DAMPING;
        let mut profiles = Profiles::new::<P, M>(&[atom], self.shape, REACH);
        let mut cost = self.paint::<P>(&profiles, atom[AMPLITUDE], ground);
        let mut settled = false;
        let mut steps = 0;
        while steps < task.options.max_iter && !settled {
            steps += 1;
            let jacobian = M::jacobian(&atom);
            let profile = profiles.of(0);
            let weights = Padded { values: &self.weights, stride: self.stride };
            let residual = Padded { values: &self.residual, stride: self.stride };
            let seen = profile.moments(weights, scratch);
            let off = profile.moments(residual, scratch);
            let own = block(&jacobian, &profile.squared_moments(weights, scratch));
            let dot = |polynomial: &[f64; TERMS], moments: &[f64; TERMS]| -> f64 {
                polynomial.iter().zip(moments).map(|(k, m)| k * m).sum()
            };
            let gradient: [f64; P] = std::array::from_fn(|p| dot(&jacobian[p], &off));
            let cross: [f64; P] = std::array::from_fn(|p| dot(&jacobian[p], &seen));
            let mut better = false;
            for _ in 0..MOST_TRIES {
                let Some((change, ground_change)) = bordered(
                    &own,
                    &cross,
                    n_pixels as f64,
                    &gradient,
                    cost.ground_gradient,
                    damping,
                ) else {
                    damping *= 10.0;
                    continue;
                };
                let mut tried = atom;
                let most = MOST_MOVE * M::sigma(&atom);
                let within =
                    |x: f64, middle: f64| x.clamp(middle - start.limit, middle + start.limit);
                tried[ROW] = within(atom[ROW] + change[ROW].clamp(-most, most), local[0]);
                tried[COL] = within(atom[COL] + change[COL].clamp(-most, most), local[1]);
                tried[AMPLITUDE] += change[AMPLITUDE];
                M::reshape(&mut tried, &change, start.sigma);
                let tried_profiles = Profiles::new::<P, M>(&[tried], self.shape, REACH);
                let before = std::mem::take(&mut self.residual);
                self.residual.clone_from(&before);
                let tried_cost =
                    self.paint::<P>(&tried_profiles, tried[AMPLITUDE], ground + ground_change);
                if tried_cost.cost <= cost.cost * (1.0 + 1e-9) {
                    let moved = (tried[ROW] - atom[ROW])
                        .abs()
                        .max((tried[COL] - atom[COL]).abs())
                        .max((M::sigma(&tried) - M::sigma(&atom)).abs());
                    settled = moved < task.options.tolerance;
                    (atom, ground, cost, profiles) =
                        (tried, ground + ground_change, tried_cost, tried_profiles);
                    damping = (damping * 0.1).max(1e-9);
                    better = true;
                    break;
                }
                self.residual = before;
                damping *= 10.0;
            }
            if !better {
                settled = true;
            }
        }
        let end = End { atom, ground, cost: cost.cost, settled, steps };
        self.describe::<P, M, T>(task, start, &profiles, &end, scratch)
    }

    /// Describes the atom that was found.
    #[inline(always)]
    fn describe<const P: usize, M: Model<P>, T: Pixel>(
        &self,
        task: &Task<'_, T>,
        start: &Start,
        profiles: &Profiles,
        end: &End<P>,
        scratch: &mut Scratch,
    ) -> Fit {
        let End { atom, ground, cost, settled, steps } = end;
        let brightest = self.pixels.iter().fold(0.0, |most: f64, pixel| most.max(pixel.abs()));
        let n_pixels = self.weights.iter().filter(|&&weight| weight > 0.0).count();
        let local = [start.row - self.corner[0] as f64, start.col - self.corner[1] as f64];
        let left = n_pixels.saturating_sub(P + 1).max(1);
        let canvas = Canvas {
            rows: self.shape[0],
            cols: self.shape[1],
            stride: self.stride,
            effort: Effort::of(std::num::NonZeroUsize::MIN),
            instruction_set: task.instruction_set,
        };
        let residuals = Residuals {
            canvas: &canvas,
            residual: &self.residual,
            weights: &self.weights,
            dispersion: cost / left as f64,
            brightest,
        };
        let mut fit = covariance::describe_alone::<P, M>(&residuals, profiles, atom, scratch);
        fit.centre = [atom[ROW] + self.corner[0] as f64, atom[COL] + self.corner[1] as f64];
        fit.background = *ground;
        fit.iterations = *steps as u32;
        let [rows, cols] = task.shape();
        let inside = |x: f64, len: usize| (-0.5..=len as f64 - 0.5).contains(&x);
        let at_limit = |x: f64, from: f64| (x - from).abs() >= start.limit * (1.0 - 1e-9);
        if fit.status == Status::Ok {
            fit.status = if !inside(fit.centre[0], rows) || !inside(fit.centre[1], cols) {
                Status::OutsideFrame
            } else if at_limit(atom[ROW], local[0]) || at_limit(atom[COL], local[1]) {
                Status::MovedTooFar
            } else if M::is_at_bound(atom, start.sigma) {
                Status::SigmaAtBound
            } else if *settled {
                Status::Ok
            } else {
                Status::NotConverged
            };
        }
        fit
    }
}

/// Solves the damped normal equations of an atom and a constant background.
fn bordered<const P: usize>(
    own: &[[f64; P]; P],
    cross: &[f64; P],
    n_pixels: f64,
    gradient: &[f64; P],
    ground_gradient: f64,
    damping: f64,
) -> Option<([f64; P], f64)> {
    // The background is eliminated first: it is well determined by itself.
    let mut rest = *own;
    let mut right = *gradient;
    for p in 0..P {
        for q in 0..P {
            rest[p][q] -= cross[p] * cross[q] / n_pixels;
        }
        right[p] -= cross[p] * ground_gradient / n_pixels;
    }
    for p in 0..P {
        rest[p][p] += damping * own[p][p] + f64::MIN_POSITIVE;
    }
    let change = substitute(&cholesky(&rest)?, &right);
    let explained: f64 = cross.iter().zip(change).map(|(c, x)| c * x).sum();
    Some((change, (ground_gradient - explained) / n_pixels))
}
