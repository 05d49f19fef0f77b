//! Each atom fitted by itself, in a window that holds little of its neighbours: for quick looks.

use std::marker::PhantomData;

use crate::image::Pixel;
use crate::simd::{Available, InstructionSet, Kernel, Lanes, Octet};
use crate::{Result, parallel};

use super::admission::{admit, mark_merged};
use super::covariance::{Noise, describe_one};
use super::joint::Task;
use super::model::{AMPLITUDE, Model};
use super::profile::{Frame, LANES, Profiles};
use super::region::Rect;
use super::seen::{Seen, Sums, see, sums_of_weights};
use super::sheet::Sheet;
use super::solve::{cholesky, inverse, substitute};
use super::sums::Rows;
use super::{Fit, Fitted, Start, Status, walk};

/// Atoms per task.
const CHUNK: usize = 32;
/// A profile reaches over the whole window, whatever becomes of its sigma.
const REACH: f64 = 12.0;

pub(super) fn fit<const P: usize, M: Model<P>, T: Pixel>(
    task: &Task<'_, T>,
    half: f64,
) -> Result<Fitted> {
    let (kept, refused) = admit(task);
    let kept: Vec<usize> = kept.into_iter().filter(|&i| !task.starts[i].is_ghost).collect();
    let chunks: Vec<&[usize]> = kept.chunks(CHUNK).collect();
    let parts = parallel::map_with(&chunks, task.effort.threads, Patch::default, |patch, chunk| {
        task.effort.check()?;
        let fits = chunk.iter().map(|&index| {
            let start = &task.starts[index];
            patch.cut(task, start, half);
            patch.fit::<P, M, T>(task, start)
        });
        Ok(fits.collect::<Vec<_>>())
    });
    let mut fits: Vec<Fit> = Vec::with_capacity(kept.len());
    for part in parts {
        fits.extend(part?);
    }
    mark_merged(&mut fits);
    let iterations = fits.iter().map(|fit| fit.iterations as usize).max().unwrap_or(0);
    let atoms = task.collect(&refused, &kept, fits);
    Ok(Fitted { atoms, iterations, autocorrelation: f64::NAN })
}

/// The pixels of one window, and what is painted on them.
#[derive(Default)]
struct Patch {
    pixels: Sheet,
    weights: Sheet,
    residual: Sheet,
    profiles: Profiles,
    mixed: Vec<f64>,
    rows: Rows,
    n_pixels: usize,
    low: f64,
    high: f64,
}

/// The cost at some parameters, and its slope by the background.
#[derive(Clone, Copy)]
struct Cost {
    cost: f64,
    ground: f64,
}

impl Patch {
    /// Copies the pixels around a start.
    fn cut<T: Pixel>(&mut self, task: &Task<'_, T>, start: &Start, half: f64) {
        let [rows, cols] = task.shape();
        let reach = (half * start.sigma).round().max(2.0);
        let range = |x: f64, len: usize| {
            let clamp = |x: f64| x.clamp(0.0, len as f64 - 1.0) as usize;
            let (first, last) = (clamp(x.round() - reach), clamp(x.round() + reach));
            (first, last + 1 - first)
        };
        let ((row, rows), (col, width)) = (range(start.row, rows), range(start.col, cols));
        let rect = Rect { row, rows, col, cols: width };
        for sheet in [&mut self.pixels, &mut self.weights, &mut self.residual] {
            sheet.lay(rect);
        }
        (self.n_pixels, self.low, self.high) = (0, f64::INFINITY, f64::NEG_INFINITY);
        for row in row..rect.end_row() {
            let pixels = &task.image.row(row)[col..rect.end_col()];
            let mask = task.mask.map(|mask| &mask[row * cols + col..][..width]);
            let (out, beyond) = self.pixels.row_mut(row);
            let (weights, without) = self.weights.row_mut(row);
            beyond.fill(0.0);
            without.fill(0.0);
            let (mut low, mut high) = (self.low, self.high);
            if let Some(mask) = mask {
                for (k, (pixel, &is_admitted)) in pixels.iter().zip(mask).enumerate() {
                    // A pixel that is not admitted may be anything, NaN as well.
                    let value = if is_admitted { pixel.to_f64() } else { 0.0 };
                    (out[k], weights[k]) = (value, f64::from(u8::from(is_admitted)));
                    if is_admitted {
                        self.n_pixels += 1;
                        (low, high) = (low.min(value), high.max(value));
                    }
                }
            } else {
                weights.fill(1.0);
                self.n_pixels += width;
                for (out, pixel) in out.iter_mut().zip(pixels) {
                    let value = pixel.to_f64();
                    *out = value;
                    low = if value < low { value } else { low };
                    high = if value > high { value } else { high };
                }
            }
            (self.low, self.high) = (low, high);
        }
    }

    /// Paints the residual.
    fn paint<const P: usize, M: Model<P>>(
        &mut self,
        atom: &[f64; P],
        ground: f64,
        set: InstructionSet,
    ) -> Cost {
        let frame = frame::<P, M>(atom, self.pixels.rect);
        self.profiles.fill::<P, M>([(atom, frame)].into_iter());
        set.run(Painting { patch: self, height: atom[AMPLITUDE], ground })
    }

    fn see<const P: usize, M: Model<P>>(
        &mut self,
        atom: &[f64; P],
        set: InstructionSet,
    ) -> Seen<P> {
        set.run(Seeing::<P, M> { patch: self, atom, model: PhantomData })
    }

    /// Weights of the pixels; None where all are 1.
    fn weights(&self) -> Option<&Sheet> {
        let Rect { rows, cols, .. } = self.pixels.rect;
        (self.n_pixels < rows * cols).then_some(&self.weights)
    }

    fn fit<const P: usize, M: Model<P>, T: Pixel>(
        &mut self,
        task: &Task<'_, T>,
        start: &Start,
    ) -> Fit {
        if self.n_pixels < P + 2 {
            return Fit::refused(start, Status::TooFewPixels);
        }
        let (n_pixels, set) = (self.n_pixels as f64, task.instruction_set);
        let mut atom = M::start(start.row, start.col, self.high - self.low, start.sigma);
        let mut ground = self.low;
        let (mut damping, mut before) = (walk::DAMPING, f64::INFINITY);
        let mut cost = self.paint::<P, M>(&atom, ground, set);
        let (mut is_settled, mut steps) = (false, 0);
        let mut is_painted = true;
        while steps < task.options.max_iter && !is_settled {
            steps += 1;
            if !is_painted {
                cost = self.paint::<P, M>(&atom, ground, set);
                is_painted = true;
            }
            let seen = self.see::<P, M>(&atom, set);
            let mut is_better = false;
            for _ in 0..walk::MOST_TRIES {
                let Some((change, by)) = bordered(&seen, n_pixels, cost.ground, damping) else {
                    damping = walk::more_damping(damping);
                    continue;
                };
                let tried = walk::moved::<P, M>(&atom, &change, start, start.sigma);
                let tried_cost = self.paint::<P, M>(&tried, ground + by, set);
                is_painted = false;
                if tried_cost.cost <= cost.cost * (1.0 + walk::ROUNDING) {
                    let length = walk::length::<P, M>(&tried, &atom);
                    is_settled = walk::is_settled(length, before, task.options.tolerance);
                    (before, atom, ground, cost) = (length, tried, ground + by, tried_cost);
                    damping = walk::less_damping(damping);
                    (is_better, is_painted) = (true, true);
                    break;
                }
                damping = walk::more_damping(damping);
            }
            is_settled |= !is_better;
        }
        if !is_painted {
            cost = self.paint::<P, M>(&atom, ground, set);
        }
        let noise = Noise {
            dispersion: cost.cost / self.n_pixels.saturating_sub(P + 1).max(1) as f64,
            brightest: self.low.abs().max(self.high.abs()),
        };
        let seen = self.see::<P, M>(&atom, set);
        let covariance = inverse(&without_ground(&seen, n_pixels));
        let mut fit = set.run(Describing::<P, M> {
            patch: self,
            atom: &atom,
            covariance: covariance.as_ref(),
            model: PhantomData,
        });
        noise.judge(&mut fit, true);
        fit.background = ground;
        fit.iterations = steps as u32;
        let of = (&atom, start, start.sigma);
        fit.status = walk::status::<P, M>(&fit, task.shape(), of, is_settled);
        fit
    }
}

/// Paints the residual of a peak, whose profile is there, and a constant.
struct Painting<'p> {
    patch: &'p mut Patch,
    height: f64,
    ground: f64,
}

impl Kernel for Painting<'_> {
    type Output = Cost;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> Cost {
        let Self { patch, height, ground } = self;
        let Patch { pixels, weights, residual, profiles, mixed, .. } = patch;
        let rect = pixels.rect;
        let profile = profiles.of(0);
        let [mut squares, mut sum] = [Octet::splat(available, 0.0); 2];
        // The sheets hold 0 beyond their columns, weights as well: loops need no remainder.
        let len = rect.cols.next_multiple_of(LANES);
        let is_product = profile.cross.is_none() && profile.frame.rect == rect;
        if !is_product {
            residual.fill(ground);
            profile.add(height, residual, mixed);
        }
        let (ground, minus) = (Octet::splat(available, ground), Octet::splat(available, -1.0));
        for row in rect.row..rect.end_row() {
            let (line, _) = residual.line_mut(row, rect.col, len).as_chunks_mut::<LANES>();
            let (pixels, _) = pixels.line(row, rect.col, len).as_chunks::<LANES>();
            let (weights, _) = weights.line(row, rect.col, len).as_chunks::<LANES>();
            let height = if is_product { profile.rows[row - rect.row] * height } else { 0.0 };
            let height = Octet::splat(available, height);
            let (cols, _) = profile.cols.as_chunks::<LANES>();
            for (n, line) in line.iter_mut().enumerate() {
                let model = if is_product {
                    ground + height * Octet::load(available, &cols[n])
                } else {
                    Octet::load(available, line)
                };
                let off = Octet::load(available, &pixels[n]) + minus * model;
                let off = Octet::load(available, &weights[n]) * off;
                off.store(line);
                squares = squares + off * off;
                sum = sum + off;
            }
        }
        Cost { cost: squares.sum(), ground: sum.sum() }
    }
}

/// Sums up what the residual says of a peak, whose profile is there.
struct Seeing<'p, const P: usize, M> {
    patch: &'p Patch,
    atom: &'p [f64; P],
    model: PhantomData<M>,
}

impl<const P: usize, M: Model<P>> Kernel for Seeing<'_, P, M> {
    type Output = Seen<P>;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> Seen<P> {
        let profile = self.patch.profiles.of(0);
        let off = profile.moments(available, &self.patch.residual);
        let weights = Some(sums_of_weights(available, &profile, self.patch.weights()));
        see::<P, M>(self.atom, &Sums { off, around: [0.0; 2], weights })
    }
}

/// Describes the fit of a peak, whose profile is there, by the rows of its residual.
struct Describing<'p, const P: usize, M> {
    patch: &'p mut Patch,
    atom: &'p [f64; P],
    covariance: Option<&'p [[f64; P]; P]>,
    model: PhantomData<M>,
}

impl<const P: usize, M: Model<P>> Kernel for Describing<'_, P, M> {
    type Output = Fit;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> Fit {
        let mut rows = std::mem::take(&mut self.patch.rows);
        let patch = &*self.patch;
        rows.sum(available, &patch.profiles.of(0), &patch.residual, patch.weights(), false);
        let fit = describe_one::<P, M>(self.atom, self.covariance, &rows);
        self.patch.rows = rows;
        fit
    }
}

/// The part of a window that a profile is not negligible on: nearly always the whole.
fn frame<const P: usize, M: Model<P>>(atom: &[f64; P], rect: Rect) -> Frame {
    // In coordinates that begin at the corner of the window.
    let mut local = *atom;
    local[0] -= rect.row as f64;
    local[1] -= rect.col as f64;
    let mut frame = Frame::new::<P, M>(&local, [rect.rows, rect.cols], REACH);
    frame.rect.row += rect.row;
    frame.rect.col += rect.col;
    frame
}

/// An atom's block of H less what a constant background explains.
fn without_ground<const P: usize>(seen: &Seen<P>, n_pixels: f64) -> [[f64; P]; P] {
    let mut rest = seen.own;
    for p in 0..P {
        for q in 0..P {
            rest[p][q] -= seen.constant[p] * seen.constant[q] / n_pixels;
        }
    }
    rest
}

/// Solves the damped normal equations of an atom and a constant background.
fn bordered<const P: usize>(
    seen: &Seen<P>,
    n_pixels: f64,
    ground_gradient: f64,
    damping: f64,
) -> Option<([f64; P], f64)> {
    // The background is eliminated first: it is well determined by itself.
    let mut rest = without_ground(seen, n_pixels);
    let mut right = seen.gradient;
    for p in 0..P {
        right[p] -= seen.constant[p] * ground_gradient / n_pixels;
        rest[p][p] += damping * seen.own[p][p] + f64::MIN_POSITIVE;
    }
    let change = substitute(&cholesky(&rest)?, &right);
    let explained: f64 = seen.constant.iter().zip(change).map(|(c, x)| c * x).sum();
    Some((change, (ground_gradient - explained) / n_pixels))
}
