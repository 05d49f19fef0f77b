//! All atoms fitted together; the few that take longest, by themselves.

use crate::Result;
use crate::geometry::cells::{Cells, squared_distance};
use crate::image::{Image, Pixel};
use crate::interrupt::Effort;
use crate::parallel;
use crate::simd::InstructionSet;

use super::admission::{admit, mark_merged};
use super::background::Background;
use super::covariance;
use super::levenberg::Walk;
use super::look::{Scene, State};
use super::mask::Admitted;
use super::model::{AMPLITUDE, COL, Model, ROW, SHAPE};
use super::profile::Frame;
use super::region::{Rect, tiles};
use super::{Fit, Fitted, Likelihood, Options, Start, Status, walk};

/// Where Poisson's variance vanishes, this share of that of a bright atom stands for it. Bright is
/// the height that one atom in ten exceeds: a single hot pixel is not to decide.
const LEAST_VARIANCE: f64 = 0.015;
const BRIGHT: f64 = 0.9;
/// So many times as far below 0 as the median of pixels there is hardly any, if they are half of a
/// normal distribution: it is three of its standard deviations.
const BELOW_ZERO: f64 = 4.5;
/// A smaller share of pixels below 0 are dead ones.
const FEW_BELOW: f64 = 0.01;
/// Pixels that are looked at for those below 0.
const SAMPLE: usize = 1 << 16;
/// Where one atom in this many is left, the others stay as they are meanwhile.
const FEW: usize = 20;
/// They have this many steps more.
const LAST_STEPS: u32 = 10;
/// Atoms within this many sigmas of one another are fitted together.
const TOGETHER: f64 = 6.5;
/// Neighbours of those that are left, within this many sigmas, are fitted with them.
const BESIDE: f64 = 4.0;
/// Where all of them stay within this share of their sigmas and heights, nobody else feels it: two
/// peaks as far apart as that overlap by 2 % of their squares.
const UNFELT: f64 = 0.02;

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

    /// The fits in the order of the starts, of which those of these indices were fitted.
    pub(super) fn collect(
        &self,
        refused: &[Option<Status>],
        indices: &[usize],
        fits: Vec<Fit>,
    ) -> Vec<Fit> {
        let mut atoms: Vec<Fit> = self
            .starts
            .iter()
            .zip(refused)
            .map(|(start, status)| Fit::refused(start, status.unwrap_or(Status::Ok)))
            .collect();
        for (&index, fit) in indices.iter().zip(fits) {
            atoms[index] = fit;
        }
        atoms
    }
}

pub(super) fn fit<const P: usize, M: Model<P>, T: Pixel>(task: &Task<'_, T>) -> Result<Fitted> {
    let (kept, refused) = admit(task);
    let [rows, cols] = task.shape();
    let (ghosts, atoms): (Vec<usize>, Vec<usize>) =
        kept.into_iter().partition(|&index| task.starts[index].is_ghost);
    let homes: Vec<Start> = atoms.iter().map(|&index| task.starts[index]).collect();
    let (order, regions) = tiles(Rect { row: 0, rows, col: 0, cols }, &homes);
    let order: Vec<usize> = order.into_iter().map(|index| atoms[index]).collect();
    let starts: Vec<Start> = order.iter().chain(&ghosts).map(|&index| task.starts[index]).collect();
    let admitted = Admitted::new([rows, cols], task.mask, &starts, task.options)?;
    let ground = Background::new([rows, cols], task.options.background_step);
    let scene = Scene {
        image: task.image,
        admitted: &admitted,
        ground: &ground,
        options: task.options,
        floor: None,
        effort: task.effort,
        instruction_set: task.instruction_set,
    };
    let mut first = std::collections::BTreeMap::new();
    let owner: Vec<u32> = (0..order.len() as u32)
        .map(|index| {
            let kind = starts[index as usize].kind;
            if task.options.share_shape { *first.entry(kind).or_insert(index) } else { index }
        })
        .collect();
    let state = State {
        atoms: starts.iter().map(|s| M::start(s.row, s.col, 0.0, s.sigma)).collect(),
        ground: vec![0.0; ground.len()],
    };
    let mut walk = Walk::new(scene, regions, starts, owner, true, state);
    let iterations = run::<P, M, T>(&mut walk)?;
    let (mut fits, autocorrelation) = covariance::describe::<P, M, T>(&mut walk, iterations)?;
    mark_merged(&mut fits);
    Ok(Fitted { atoms: task.collect(&refused, &order, fits), iterations, autocorrelation })
}

/// Steps until all atoms have settled; returns the number of steps.
fn run<const P: usize, M: Model<P>, T: Pixel>(walk: &mut Walk<'_, T, P>) -> Result<usize> {
    if walk.len() == 0 {
        return Ok(0);
    }
    walk.find_heights::<M>()?;
    if walk.scene.options.likelihood == Likelihood::Poisson {
        walk.scene.floor = Some(least_variance(&walk.state).max(variance_below_zero(&walk.scene)));
    }
    walk.forget();
    let most = walk.scene.options.max_iter as u32;
    let mut steps = 0;
    while steps < most {
        steps += 1;
        if !walk.step::<M>(steps)? {
            // No step makes it better: rounding has taken over.
            walk.settled.iter_mut().for_each(|settled| _ = settled.get_or_insert(steps));
            break;
        }
        if walk.n_unsettled() * FEW <= walk.len() {
            break;
        }
    }
    if walk.n_unsettled() > 0 && steps < most {
        let then = walk.state.atoms.clone();
        let last = settle_rest::<P, M, T>(walk, steps)?;
        walk.forget();
        let is_unfelt = |(now, was): (&[f64; P], &[f64; P])| {
            walk::length::<P, M>(now, was) < UNFELT * M::sigma(was)
                && (M::sigma(now) - M::sigma(was)).abs() < UNFELT * M::sigma(was)
                && (now[AMPLITUDE] - was[AMPLITUDE]).abs() <= UNFELT * was[AMPLITUDE].abs()
        };
        if walk.state.atoms.iter().zip(&then).all(is_unfelt) {
            // Nor did any that went on to the last get anywhere.
            walk.settled.iter_mut().for_each(|settled| _ = settled.get_or_insert(last));
            return Ok(last as usize);
        }
        // What has changed there lets the background and all others take one step more.
        let settled = walk.settled.clone();
        for (movable, settled) in walk.movable.iter_mut().zip(&settled) {
            if settled.is_none_or(|step| step > steps) {
                *movable = [false; P];
            }
        }
        walk.step::<M>(last.min(most))?;
        for (now, before) in walk.settled.iter_mut().zip(settled) {
            *now = before.or(*now);
        }
        steps = last;
    }
    Ok(steps as usize)
}

/// Poisson's variance where the model is 0.
fn least_variance<const P: usize>(state: &State<P>) -> f64 {
    let ground = state.ground.iter().copied().fold(0.0, f64::max);
    let mut heights: Vec<f64> = state.atoms.iter().map(|atom| atom[AMPLITUDE].max(0.0)).collect();
    let at = ((heights.len() as f64 * BRIGHT) as usize).min(heights.len() - 1);
    let bright = *heights.select_nth_unstable_by(at, f64::total_cmp).1;
    (LEAST_VARIANCE * (bright + ground)).max(f64::MIN_POSITIVE.sqrt())
}

/// Variance, in units of an intensity's own, that noise has which is not that of counting, by the
/// pixels below 0; 0 if hardly any are. Without it nearly all weight would be on dark pixels, and
/// those below 0 would make the likelihood bend the wrong way, which takes many steps.
fn variance_below_zero<T: Pixel>(scene: &Scene<'_, T>) -> f64 {
    let [rows, cols] = scene.shape();
    let step = (rows * cols).div_ceil(SAMPLE).max(1);
    // Rows in turn are read from other columns, so that no lattice has the distances of the sample.
    let places = (0..rows * cols)
        .step_by(step)
        .enumerate()
        .map(|(k, at)| (at + k * 7 % step) % (rows * cols));
    let (mut seen, mut below) = (0_usize, Vec::new());
    for (row, col) in places.map(|at| (at / cols, at % cols)) {
        if scene.admitted.row(row)[col] > 0 {
            seen += 1;
            let pixel = scene.image.row(row)[col].to_f64();
            if pixel < 0.0 {
                below.push(-pixel);
            }
        }
    }
    if below.is_empty() || (below.len() as f64) < FEW_BELOW * seen as f64 {
        return 0.0;
    }
    let middle = below.len() / 2;
    BELOW_ZERO * *below.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Atoms that are fitted together while all others stay as they are.
struct Cluster {
    atoms: Vec<usize>,
    others: Vec<usize>,
}

/// Lets the atoms that have not settled go on, those near one another together and with their
/// neighbours, in a small part of the image; returns the most steps that any has taken.
fn settle_rest<const P: usize, M: Model<P>, T: Pixel>(
    walk: &mut Walk<'_, T, P>,
    steps: u32,
) -> Result<u32> {
    let scene = walk.scene;
    let shape = scene.shape();
    let frames: Vec<Frame> = walk
        .state
        .atoms
        .iter()
        .map(|atom| Frame::new::<P, M>(atom, shape, scene.options.reach))
        .collect();
    let clusters = clusters::<P, M, T>(walk, &frames);
    let alone =
        Scene { effort: Effort { threads: std::num::NonZeroUsize::MIN, ..scene.effort }, ..scene };
    let parts = parallel::map(&clusters, scene.effort.threads, |cluster| {
        let Cluster { atoms, others } = cluster;
        let whole = atoms.iter().fold(Rect::default(), |sum, &atom| sum.and(&frames[atom].rect));
        let homes: Vec<Start> = atoms.iter().map(|&atom| walk.starts[atom]).collect();
        let (order, regions) = tiles(whole, &homes);
        let order: Vec<usize> = order.into_iter().map(|index| atoms[index]).collect();
        let of = || order.iter().chain(others).copied();
        let mut part = Walk::new(
            alone,
            regions,
            of().map(|atom| walk.starts[atom]).collect(),
            (0..order.len() as u32).collect(),
            false,
            State {
                atoms: of().map(|atom| walk.state.atoms[atom]).collect(),
                ground: walk.state.ground.clone(),
            },
        );
        for (index, &atom) in order.iter().enumerate() {
            part.damping[index] = walk.damping[atom];
            part.movable[index] = walk.movable[atom];
            if scene.options.share_shape {
                part.movable[index][SHAPE..].fill(false);
            }
        }
        let most = scene.options.max_iter as u32;
        let mut last = steps;
        while last < most.min(steps + LAST_STEPS) && part.n_unsettled() > 0 {
            last += 1;
            if !part.step::<M>(last)? {
                part.settled.iter_mut().for_each(|settled| _ = settled.get_or_insert(last));
            }
        }
        Ok((order, part.state.atoms, part.settled, last))
    });
    let mut most = steps;
    for part in parts {
        let (order, atoms, settled, last) = part?;
        for ((&atom, parameters), settled) in order.iter().zip(atoms).zip(settled) {
            walk.state.atoms[atom] = parameters;
            walk.settled[atom] = settled;
        }
        most = most.max(last);
    }
    Ok(most)
}

/// Groups what has not settled.
fn clusters<const P: usize, M: Model<P>, T: Pixel>(
    walk: &Walk<'_, T, P>,
    frames: &[Frame],
) -> Vec<Cluster> {
    let n = walk.len();
    let atoms = &walk.state.atoms;
    let centres: Vec<[f64; 2]> = atoms.iter().map(|atom| [atom[ROW], atom[COL]]).collect();
    let sigmas: Vec<f64> = atoms.iter().map(M::sigma).collect();
    let widest = sigmas.iter().copied().fold(0.0, f64::max);
    let (cells, order) = Cells::new(&centres);
    let near = |atom: usize, share: f64| -> Vec<usize> {
        let mut near: Vec<usize> = cells
            .around(centres[atom], share * widest)
            .spans()
            .flatten()
            .map(|number| order[number] as usize)
            .filter(|&other| {
                let reach = share * sigmas[atom].max(sigmas[other]);
                other != atom && squared_distance(centres[atom], centres[other]) < reach * reach
            })
            .collect();
        near.sort_unstable();
        near
    };
    let mut is_in: Vec<bool> = walk.settled.iter().map(Option::is_none).collect();
    for atom in (0..n).filter(|&atom| walk.settled[atom].is_none()) {
        for other in near(atom, BESIDE).into_iter().filter(|&other| other < n) {
            is_in[other] = true;
        }
    }
    let mut clusters = Vec::new();
    let mut is_taken = vec![false; n];
    for seed in 0..n {
        if !is_in[seed] || is_taken[seed] {
            continue;
        }
        is_taken[seed] = true;
        let mut members = vec![seed];
        let mut next = 0;
        while next < members.len() {
            for other in near(members[next], TOGETHER) {
                if other < n && is_in[other] && !is_taken[other] {
                    is_taken[other] = true;
                    members.push(other);
                }
            }
            next += 1;
        }
        members.sort_unstable();
        let whole = members.iter().fold(Rect::default(), |sum, &atom| sum.and(&frames[atom].rect));
        // Twice as far as windows reach nothing is painted on the part that is looked at, even
        // when these grow.
        let reach = 2.0 * walk.scene.options.reach * widest;
        let middle = [
            whole.row as f64 + whole.rows as f64 / 2.0,
            whole.col as f64 + whole.cols as f64 / 2.0,
        ];
        let radius = whole.rows.max(whole.cols) as f64 / 2.0 + reach;
        let mut others: Vec<usize> = cells
            .around(middle, radius)
            .spans()
            .flatten()
            .map(|number| order[number] as usize)
            .filter(|other| members.binary_search(other).is_err())
            .collect();
        others.sort_unstable();
        clusters.push(Cluster { atoms: members, others });
    }
    clusters
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
