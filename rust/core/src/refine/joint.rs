//! All atoms fitted together: Levenberg-Marquardt over the whole image.

use std::ops::Range;

use crate::Result;
use crate::geometry::cells::{Cells, squared_distance};
use crate::image::{Image, Pixel};
use crate::interrupt::Effort;
use crate::simd::InstructionSet;

use super::assembled::Assembled;
use super::background::Background;
use super::canvas::{Canvas, Members, Picture};
use super::covariance::{self, Residuals};
use super::mask;
use super::model::{AMPLITUDE, COL, Model, ROW, SHAPE, TERMS};
use super::profile::{Profiles, Window};
use super::solve::conjugate_gradients;
use super::system::{System, blocks};
use super::{Fit, Fitted, Likelihood, Options, Start, Status};

/// Starts closer than this share of their sigma are one atom, given twice.
const SAME: f64 = 0.5;
/// Fitted centres closer than this share of their sigma cannot be told apart.
const MERGED: f64 = 1.0;
/// A step moves an atom by at most this share of its sigma along each axis.
const MOST_MOVE: f64 = 0.5;
/// Where Poisson's variance vanishes, this share of the brightest model's stands for it.
const LEAST_VARIANCE: f64 = 0.015;
/// Damping at the start, and factors after a step that helped or did not.
const DAMPING: f64 = 1e-3;
const LESS_DAMPING: f64 = 0.1;
const MORE_DAMPING: f64 = 10.0;
const LEAST_DAMPING: f64 = 1e-9;
/// Damping below this hardly changes a step, so that a step that failed is tried with more.
const FELT_DAMPING: f64 = 1e-4;
/// How often a step is tried again with more damping before it is given up.
const MOST_TRIES: usize = 8;
/// How exactly a step is solved for, and heights at the start, for which one solution must do.
const STEP_TOLERANCE: f64 = 1e-2;
const HEIGHT_TOLERANCE: f64 = 1e-3;
const MOST_CONJUGATE_STEPS: usize = 60;
/// Height and sigma of all atoms and the background are nearly degenerate together and settle last,
/// while centres have long been where they stay: sigmas may change by this many tolerances.
const SIGMA_TOLERANCE: f64 = 10.0;
/// Where one atom in so many is left, the others stay as they are, and it has so many steps more.
const FEW: usize = 20;
const LAST_STEPS: usize = 8;

/// What is to be fitted to what.
pub(super) struct Task<'a, T: Pixel> {
    pub image: &'a Image<T>,
    pub mask: Option<&'a [bool]>,
    pub starts: &'a [Start],
    pub options: Options,
    pub effort: Effort<'a>,
    pub instruction_set: InstructionSet,
}

impl<T: Pixel> Task<'_, T> {
    pub(super) fn shape(&self) -> [usize; 2] {
        [self.image.rows(), self.image.cols()]
    }
}

/// Sorts out starts that cannot be fitted; gives the rest so that neighbours follow one another.
pub(super) fn admit<T: Pixel>(task: &Task<'_, T>) -> (Vec<usize>, Vec<Option<Status>>) {
    let [rows, cols] = task.shape();
    let starts = task.starts;
    let outside = |start: &Start| {
        let beyond = |x: f64, len: usize| !(-0.5..=len as f64 - 0.5).contains(&x);
        !start.is_ghost && (beyond(start.row, rows) || beyond(start.col, cols))
    };
    let mut refused: Vec<Option<Status>> =
        starts.iter().map(|start| outside(start).then_some(Status::OutsideFrame)).collect();
    let points: Vec<[f64; 2]> = starts.iter().map(|start| [start.row, start.col]).collect();
    let widest = starts.iter().map(|start| start.sigma).fold(0.0, f64::max);
    if !points.is_empty() {
        let (cells, order) = Cells::new(&points);
        for index in 0..points.len() {
            let twin = cells.around(points[index], SAME * widest).spans().flatten().any(|number| {
                let other = order[number] as usize;
                let limit = SAME * starts[other].sigma.min(starts[index].sigma);
                other < index
                    && refused[other].is_none()
                    && squared_distance(points[index], points[other]) < limit * limit
            });
            if twin && refused[index].is_none() {
                refused[index] = Some(Status::Merged);
            }
        }
    }
    let mut kept: Vec<usize> = (0..starts.len()).filter(|&i| refused[i].is_none()).collect();
    let strip = |start: &Start| (start.row / 32.0).floor() as i64;
    kept.sort_by(|&a, &b| {
        let (a, b) = (&starts[a], &starts[b]);
        strip(a).cmp(&strip(b)).then(a.col.total_cmp(&b.col))
    });
    (kept, refused)
}

/// Parameters of all atoms and of the background.
#[derive(Clone)]
struct State<const P: usize> {
    atoms: Vec<[f64; P]>,
    ground: Vec<f64>,
}

/// The residual at some parameters.
struct Residual<'a, T: Pixel, const P: usize> {
    image: &'a Image<T>,
    weights: &'a [f32],
    stride: usize,
    state: &'a State<P>,
}

fn height<const P: usize>(atom: &[f64; P]) -> [f64; TERMS] {
    let mut polynomial = [0.0; TERMS];
    polynomial[0] = atom[AMPLITUDE];
    polynomial
}

impl<T: Pixel, const P: usize> Picture for Residual<'_, T, P> {
    fn polynomial(&self, atom: usize) -> Option<[f64; TERMS]> {
        Some(height(&self.state.atoms[atom]))
    }

    fn background(&self) -> Option<&[f64]> {
        Some(&self.state.ground)
    }

    #[inline(always)]
    fn keep(&self, row: usize, col: usize, painted: &[f64], out: &mut [f32]) -> f64 {
        let pixels = &self.image.row(row)[col..col + painted.len()];
        let weights = &self.weights[row * self.stride + col..][..painted.len()];
        let mut sum = 0.0;
        for (((out, painted), pixel), weight) in
            out.iter_mut().zip(painted).zip(pixels).zip(weights)
        {
            let weight = f64::from(*weight);
            // A pixel without weight may be anything, NaN as well.
            let off = if weight > 0.0 { pixel.to_f64() - painted } else { 0.0 };
            *out = (weight * off) as f32;
            sum += weight * off * off;
        }
        sum
    }
}

/// Weights by Poisson's law at some parameters.
struct Reweighing<'a, const P: usize> {
    admitted: &'a [f32],
    stride: usize,
    state: &'a State<P>,
    least: f64,
}

impl<const P: usize> Picture for Reweighing<'_, P> {
    fn polynomial(&self, atom: usize) -> Option<[f64; TERMS]> {
        Some(height(&self.state.atoms[atom]))
    }

    fn background(&self) -> Option<&[f64]> {
        Some(&self.state.ground)
    }

    #[inline(always)]
    fn keep(&self, row: usize, col: usize, painted: &[f64], out: &mut [f32]) -> f64 {
        let admitted = &self.admitted[row * self.stride + col..][..painted.len()];
        for ((out, painted), admitted) in out.iter_mut().zip(painted).zip(admitted) {
            *out = (f64::from(*admitted) / (painted.max(0.0) + self.least)) as f32;
        }
        0.0
    }
}

/// A fit under way.
struct Joint<'a, T: Pixel, const P: usize> {
    task: &'a Task<'a, T>,
    starts: Vec<Start>,
    owner: Vec<u32>,
    canvas: Canvas<'a>,
    ground: Background,
    admitted: Vec<f32>,
    weights: Vec<f32>,
    residual: Vec<f32>,
    buffer: Vec<f32>,
    state: State<P>,
    damping: Vec<f64>,
    /// Parameters that have not reached the end of what they may be.
    movable: Vec<[bool; P]>,
    /// The cost at the present state, if the residual is that of this state.
    cost: Option<f64>,
}

pub(super) fn fit<const P: usize, M: Model<P>, T: Pixel>(task: &Task<'_, T>) -> Result<Fitted> {
    let (kept, refused) = admit(task);
    let mut joint = Joint::<T, P>::new::<M>(task, &kept)?;
    let (iterations, settled) = joint.run::<M>()?;
    let fits = joint.describe::<M>(&settled, iterations)?;
    let mut atoms: Vec<Fit> = task
        .starts
        .iter()
        .zip(&refused)
        .map(|(start, status)| Fit::refused(start, status.unwrap_or(Status::Ok)))
        .collect();
    let (fits, autocorrelation) = fits;
    for (&index, fit) in kept.iter().zip(fits) {
        atoms[index] = fit;
    }
    Ok(Fitted { atoms, iterations, autocorrelation })
}

impl<'a, T: Pixel, const P: usize> Joint<'a, T, P> {
    fn new<M: Model<P>>(task: &'a Task<'a, T>, kept: &[usize]) -> Result<Self> {
        let starts: Vec<Start> = kept.iter().map(|&index| task.starts[index]).collect();
        let [rows, cols] = task.shape();
        let canvas = Canvas::new(rows, cols, task.effort, task.instruction_set);
        let admitted = mask::weights(&canvas, task.mask, &starts, task.options)?;
        let ground = Background::new([rows, cols], task.options.background_step);
        let mut first = std::collections::BTreeMap::new();
        let owner = (0..starts.len() as u32)
            .map(|index| {
                let start = &starts[index as usize];
                if task.options.share_shape && !start.is_ghost {
                    *first.entry(start.kind).or_insert(index)
                } else {
                    index
                }
            })
            .collect();
        let atoms = starts.iter().map(|s| M::start(s.row, s.col, 0.0, s.sigma)).collect();
        let state = State { atoms, ground: vec![0.0; ground.len()] };
        let mut weights = canvas.blank()?;
        weights.copy_from_slice(&admitted);
        let (residual, buffer) = (canvas.blank()?, canvas.blank()?);
        let damping = vec![DAMPING; starts.len()];
        let movable = vec![[true; P]; starts.len()];
        Ok(Self {
            task,
            starts,
            owner,
            canvas,
            ground,
            admitted,
            weights,
            residual,
            buffer,
            state,
            damping,
            movable,
            cost: None,
        })
    }

    fn profiles<M: Model<P>>(&self, state: &State<P>) -> (Profiles, Members) {
        let shape = [self.canvas.rows, self.canvas.cols];
        let profiles = Profiles::new::<P, M>(&state.atoms, shape, self.task.options.reach);
        let members = Members::new(&profiles, self.canvas.rows);
        (profiles, members)
    }

    /// Paints the residual at `state` into `out` and returns the cost.
    fn paint_residual(
        &self,
        state: &State<P>,
        profiles: &Profiles,
        members: &Members,
        out: &mut [f32],
    ) -> Result<f64> {
        let picture = Residual {
            image: self.task.image,
            weights: &self.weights,
            stride: self.canvas.stride,
            state,
        };
        self.canvas.paint(profiles, members, &self.ground, &picture, out)
    }

    /// Steps until all atoms have settled; returns the number of steps, and which have settled after
    /// how many.
    fn run<M: Model<P>>(&mut self) -> Result<(usize, Vec<Option<u32>>)> {
        let n = self.starts.len();
        let mut settled = vec![None; n];
        if n == 0 {
            return Ok((0, settled));
        }
        self.find_heights::<M>()?;
        let mut free: Vec<bool> = self.starts.iter().map(|start| !start.is_ghost).collect();
        let (mut steps, mut last) = (0, None);
        while steps < self.task.options.max_iter {
            let before = self.state.clone();
            let (is_better, tries) = self.step::<M>(&free, self.task.options.max_iter - steps)?;
            steps += tries;
            if !is_better {
                // No step makes it better: rounding has taken over.
                for (settled, &free) in settled.iter_mut().zip(&free) {
                    if free {
                        settled.get_or_insert(steps as u32);
                    }
                }
                break;
            }
            if self.starts.iter().any(|start| start.is_ghost) {
                self.follow_kinds::<M>();
                self.cost = None;
            }
            let mut all = true;
            for atom in 0..n {
                if !free[atom] {
                    continue;
                }
                let (now, was) = (&self.state.atoms[atom], &before.atoms[atom]);
                let moved = (now[ROW] - was[ROW]).abs().max((now[COL] - was[COL]).abs());
                let grown = (M::sigma(now) - M::sigma(was)).abs() / SIGMA_TOLERANCE;
                if moved.max(grown) < self.task.options.tolerance {
                    settled[atom].get_or_insert(steps as u32);
                } else {
                    settled[atom] = None;
                    all = false;
                }
            }
            if all {
                break;
            }
            // Few atoms that wander are not to hold up the others, which stay for the while.
            let left = (0..n).filter(|&i| free[i] && settled[i].is_none()).count();
            if self.task.options.share_shape || left * FEW > n {
                continue;
            }
            if steps >= *last.get_or_insert(steps + LAST_STEPS) {
                break;
            }
            for atom in 0..n {
                free[atom] = !self.starts[atom].is_ghost && settled[atom].is_none();
            }
        }
        Ok((steps, settled))
    }

    /// Heights and background for centres and shapes as they are: a linear problem.
    fn find_heights<M: Model<P>>(&mut self) -> Result<()> {
        let (profiles, members) = self.profiles::<M>(&self.state);
        let mut height = [false; P];
        height[AMPLITUDE] = true;
        let movable = vec![height; self.starts.len()];
        let free: Vec<bool> = self.starts.iter().map(|start| !start.is_ghost).collect();
        let heights = Solve { free: &free, movable: &movable, tolerance: HEIGHT_TOLERANCE };
        let (step, _) = self.solve::<M>(&profiles, &members, &heights, None)?;
        for (atom, step) in self.state.atoms.iter_mut().zip(step.chunks_exact(P)) {
            atom[AMPLITUDE] += step[AMPLITUDE];
        }
        let n = self.starts.len();
        for (node, step) in self.state.ground.iter_mut().zip(&step[n * P..]) {
            *node += step;
        }
        self.follow_kinds::<M>();
        self.cost = None;
        Ok(())
    }

    /// Ghosts take the mean height and shape of their kind.
    fn follow_kinds<M: Model<P>>(&mut self) {
        if !self.starts.iter().any(|start| start.is_ghost) {
            return;
        }
        let mut means = std::collections::BTreeMap::<u32, ([f64; P], f64)>::new();
        for (start, atom) in self.starts.iter().zip(&self.state.atoms) {
            if !start.is_ghost {
                let (sum, count) = means.entry(start.kind).or_insert(([0.0; P], 0.0));
                for p in AMPLITUDE..P {
                    sum[p] += atom[p];
                }
                *count += 1.0;
            }
        }
        for (start, atom) in self.starts.iter().zip(&mut self.state.atoms) {
            if start.is_ghost
                && let Some((sum, count)) = means.get(&start.kind)
            {
                for p in AMPLITUDE..P {
                    atom[p] = sum[p] / count;
                }
            }
        }
    }

    /// Solves for a step at the present parameters, and gives their cost; the residual is left in
    /// `self.residual`.
    fn solve<M: Model<P>>(
        &mut self,
        profiles: &Profiles,
        members: &Members,
        what: &Solve<'_, P>,
        damping: Option<&[f64]>,
    ) -> Result<(Vec<f64>, f64)> {
        let cost = if let Some(cost) = self.cost {
            cost
        } else {
            let mut residual = std::mem::take(&mut self.residual);
            let painted = self.paint_residual(&self.state, profiles, members, &mut residual);
            self.residual = residual;
            painted?
        };
        self.cost = Some(cost);
        let jacobians: Vec<_> = self.state.atoms.iter().map(M::jacobian).collect();
        let blocks = blocks::<P, M>(&self.canvas, profiles, &jacobians, &self.weights, what.free)?;
        let ground_diagonal =
            self.ground.project::<2>(&self.canvas, self.canvas.padded(&self.weights));
        let none = vec![0.0; self.starts.len()];
        // Pixels of one weight, round peaks and one background: blocks of pairs say it all.
        let is_simple = self.task.options.likelihood == Likelihood::Gaussian
            && !M::CROSS
            && self.ground.len() == 1;
        let assembled = is_simple
            .then(|| {
                let atoms = &self.state.atoms;
                let weights = &self.weights;
                Assembled::new::<M>(&self.canvas, profiles, atoms, &jacobians, weights, what.free)
            })
            .transpose()?;
        let mut system = System {
            canvas: &self.canvas,
            profiles,
            members,
            ground: &self.ground,
            weights: &self.weights,
            jacobians: &jacobians,
            free: what.free,
            owner: &self.owner,
            blocks: &blocks,
            ground_diagonal: &ground_diagonal,
            damping: damping.unwrap_or(&none),
            movable: what.movable,
            assembled: assembled.as_ref(),
            factors: Vec::new(),
            canvas_buffer: &mut self.buffer,
        };
        system.factorise();
        let mut gradient = vec![0.0; self.starts.len() * P + self.ground.len()];
        system.project(&self.residual, &mut gradient)?;
        let step =
            conjugate_gradients(&mut system, &gradient, what.tolerance, MOST_CONJUGATE_STEPS)?;
        Ok((step, cost))
    }

    /// Takes one step that makes the cost smaller, if one of up to `most` tries does; tells whether,
    /// and how many tries it took.
    fn step<M: Model<P>>(&mut self, free: &[bool], most: usize) -> Result<(bool, usize)> {
        let (profiles, members) = self.profiles::<M>(&self.state);
        if self.task.options.likelihood == Likelihood::Poisson {
            self.reweigh(&profiles, &members)?;
        }
        let most = MOST_TRIES.min(most);
        for tries in 1..=most {
            let (movable, damping) = (self.movable.clone(), self.damping.clone());
            let what = Solve { free, movable: &movable, tolerance: STEP_TOLERANCE };
            let (step, cost) = self.solve::<M>(&profiles, &members, &what, Some(&damping))?;
            let mut tried = self.moved::<M>(&step, free);
            if let Some(cost) = self.better::<M>(&tried, cost)? {
                self.accept::<M>(tried, cost, free);
                return Ok((true, tries));
            }
            // Those around whom it became worse stay where they were.
            let offenders = self.offenders(&profiles, free);
            let n_free = free.iter().filter(|&&free| free).count();
            if !offenders.is_empty() && offenders.len() * 2 < n_free {
                for &atom in &offenders {
                    tried.atoms[atom] = self.state.atoms[atom];
                    self.damping[atom] = self.damping[atom].max(FELT_DAMPING) * MORE_DAMPING;
                }
                if let Some(cost) = self.better::<M>(&tried, cost)? {
                    self.accept::<M>(tried, cost, free);
                    return Ok((true, tries));
                }
            }
            for damping in &mut self.damping {
                *damping = damping.max(FELT_DAMPING) * MORE_DAMPING;
            }
        }
        Ok((false, most))
    }

    fn accept<M: Model<P>>(&mut self, tried: State<P>, cost: f64, free: &[bool]) {
        self.state = tried;
        std::mem::swap(&mut self.residual, &mut self.buffer);
        self.cost = Some(cost);
        for atom in 0..self.starts.len() {
            if !free[atom] {
                continue;
            }
            self.damping[atom] = (self.damping[atom] * LESS_DAMPING).max(LEAST_DAMPING);
            // What has come to the end of where it may go stays there: were it to push on, each
            // step would count on a change that is not made.
            let (start, parameters) = (&self.starts[atom], &self.state.atoms[atom]);
            if is_at_limit(parameters, start) {
                self.movable[atom][ROW] = false;
                self.movable[atom][COL] = false;
            }
            let is_own = self.owner[atom] as usize == atom && !self.task.options.share_shape;
            if is_own && M::is_at_bound(parameters, start.sigma) {
                self.movable[atom][SHAPE..].fill(false);
            }
        }
    }

    /// The cost at `tried` if it is not above `cost`; its residual is left in the buffer.
    fn better<M: Model<P>>(&mut self, tried: &State<P>, cost: f64) -> Result<Option<f64>> {
        let (profiles, members) = self.profiles::<M>(tried);
        let mut buffer = std::mem::take(&mut self.buffer);
        let painted = self.paint_residual(tried, &profiles, &members, &mut buffer);
        self.buffer = buffer;
        painted.map(|tried| (tried <= cost * (1.0 + 1e-9)).then_some(tried))
    }

    /// Where a step leads, each atom by no more than it may.
    fn moved<M: Model<P>>(&self, step: &[f64], free: &[bool]) -> State<P> {
        let mut state = self.state.clone();
        let n = self.starts.len();
        for atom in 0..n {
            if !free[atom] {
                continue;
            }
            let (start, owner) = (&self.starts[atom], self.owner[atom] as usize);
            let change: [f64; P] =
                std::array::from_fn(|p| step[if p < SHAPE { atom } else { owner } * P + p]);
            let parameters = &mut state.atoms[atom];
            let most = MOST_MOVE * M::sigma(parameters);
            let length = change[ROW].abs().max(change[COL].abs());
            let share = if length > most { most / length } else { 1.0 };
            let within = |x: f64, middle: f64| x.clamp(middle - start.limit, middle + start.limit);
            parameters[ROW] = within(parameters[ROW] + share * change[ROW], start.row);
            parameters[COL] = within(parameters[COL] + share * change[COL], start.col);
            parameters[AMPLITUDE] += change[AMPLITUDE];
            M::reshape(parameters, &change, self.starts[owner].sigma);
        }
        for (node, step) in state.ground.iter_mut().zip(&step[n * P..]) {
            *node += step;
        }
        state
    }

    /// Free atoms around whom the buffer's residual is larger than the present one.
    fn offenders(&self, profiles: &Profiles, free: &[bool]) -> Vec<usize> {
        let stride = self.canvas.stride;
        let inner = |window: Window| -> (Range<usize>, Range<usize>) {
            (window.row..window.row + window.rows, window.col..window.col + window.cols)
        };
        (0..self.starts.len())
            .filter(|&atom| {
                let (rows, cols) = inner(profiles.windows[atom]);
                let change: f64 = rows
                    .map(|row| {
                        let line = row * stride + cols.start..row * stride + cols.end;
                        squares(&self.buffer[line.clone()], &self.weights[line.clone()])
                            - squares(&self.residual[line.clone()], &self.weights[line])
                    })
                    .sum();
                free[atom] && change > 0.0
            })
            .collect()
    }

    fn reweigh(&mut self, profiles: &Profiles, members: &Members) -> Result<()> {
        let ground = self.state.ground.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let highest = self.state.atoms.iter().map(|atom| atom[AMPLITUDE]).fold(0.0, f64::max);
        let least = LEAST_VARIANCE * (highest + ground.max(0.0)).max(f64::MIN_POSITIVE);
        let picture = Reweighing {
            admitted: &self.admitted,
            stride: self.canvas.stride,
            state: &self.state,
            least,
        };
        self.canvas.paint(profiles, members, &self.ground, &picture, &mut self.weights)?;
        self.cost = None;
        // Weights near 1, whatever the image's unit.
        for weight in &mut self.weights {
            *weight *= least as f32;
        }
        Ok(())
    }

    /// Describes what was found.
    fn describe<M: Model<P>>(
        &mut self,
        settled: &[Option<u32>],
        steps: usize,
    ) -> Result<(Vec<Fit>, f64)> {
        let (profiles, members) = self.profiles::<M>(&self.state);
        let mut residual = std::mem::take(&mut self.residual);
        let cost = self.paint_residual(&self.state, &profiles, &members, &mut residual)?;
        let n_free = self.starts.iter().filter(|start| !start.is_ghost).count();
        let n_pixels = self.weights.iter().filter(|&&weight| weight > 0.0).count();
        let left = n_pixels.saturating_sub(P * n_free + self.ground.len()).max(1);
        let residuals = Residuals {
            canvas: &self.canvas,
            residual: &residual,
            weights: &self.weights,
            dispersion: cost / left as f64,
            brightest: brightest(self.task.image),
        };
        let mut fits = covariance::describe::<P, M>(&residuals, &profiles, &self.state.atoms)?;
        let autocorrelation = residuals.autocorrelation();
        let centres: Vec<[f64; 2]> = fits.iter().map(|fit| fit.centre).collect();
        for (atom, fit) in fits.iter_mut().enumerate() {
            let start = &self.starts[atom];
            let parameters = &self.state.atoms[atom];
            let inside = |x: f64, len: usize| (-0.5..=len as f64 - 0.5).contains(&x);
            let pixel = |x: f64, len: usize| x.round().clamp(0.0, len as f64 - 1.0) as usize;
            let (rows, cols) = (self.canvas.rows, self.canvas.cols);
            let [row, col] = fit.centre;
            fit.background = self.ground.at(&self.state.ground, pixel(row, rows), pixel(col, cols));
            fit.iterations = settled[atom].unwrap_or(steps as u32);
            let bound = self.starts[self.owner[atom] as usize].sigma;
            if fit.status == Status::Ok {
                fit.status = if !inside(row, rows) || !inside(col, cols) {
                    Status::OutsideFrame
                } else if is_at_limit(parameters, start) {
                    Status::MovedTooFar
                } else if M::is_at_bound(parameters, bound) {
                    Status::SigmaAtBound
                } else if settled[atom].is_none() {
                    Status::NotConverged
                } else {
                    Status::Ok
                };
            }
        }
        mark_merged(&mut fits, &centres);
        Ok((fits, autocorrelation))
    }
}

/// The largest magnitude of a pixel; NaN is none.
pub(super) fn brightest<T: Pixel>(image: &Image<T>) -> f64 {
    image.pixels().iter().fold(0.0, |most: f64, pixel| most.max(pixel.to_f64().abs()))
}

/// Whether an atom is as far from its start as it may be.
fn is_at_limit<const P: usize>(atom: &[f64; P], start: &Start) -> bool {
    let off = (atom[ROW] - start.row).abs().max((atom[COL] - start.col).abs());
    off >= start.limit * (1.0 - 1e-9)
}

/// What is solved for: atoms and parameters that may change, and how exactly.
struct Solve<'a, const P: usize> {
    free: &'a [bool],
    movable: &'a [[bool; P]],
    tolerance: f64,
}

/// The sum of squares of residuals that were multiplied by their weights.
fn squares(residual: &[f32], weights: &[f32]) -> f64 {
    residual
        .iter()
        .zip(weights)
        .map(|(&r, &w)| if w > 0.0 { f64::from(r) * f64::from(r) / f64::from(w) } else { 0.0 })
        .sum()
}

/// Marks both of two atoms that cannot be told apart.
pub(super) fn mark_merged(fits: &mut [Fit], centres: &[[f64; 2]]) {
    if centres.is_empty() {
        return;
    }
    let (cells, order) = Cells::new(centres);
    let widest = fits.iter().map(|fit| fit.sigma).fold(0.0, f64::max);
    let merged: Vec<bool> = (0..fits.len())
        .map(|index| {
            cells.around(centres[index], MERGED * widest).spans().flatten().any(|number| {
                let other = order[number] as usize;
                let limit = MERGED * fits[index].sigma.min(fits[other].sigma);
                other != index && squared_distance(centres[index], centres[other]) < limit * limit
            })
        })
        .collect();
    for (fit, merged) in fits.iter_mut().zip(merged) {
        if merged && fit.status == Status::Ok {
            fit.status = Status::Merged;
        }
    }
}

impl Fit {
    /// An atom that was not fitted.
    pub(super) fn refused(start: &Start, status: Status) -> Self {
        let a = 1.0 / (start.sigma * start.sigma);
        Self {
            status,
            centre: [start.row, start.col],
            sigma: start.sigma,
            amplitude: f64::NAN,
            precision: [a, 0.0, a],
            background: f64::NAN,
            residual: f64::NAN,
            iterations: 0,
            covariance: [[f64::NAN; 4]; 4],
            robust: [f64::NAN; 4],
        }
    }
}
