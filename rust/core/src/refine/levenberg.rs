//! Levenberg and Marquardt's steps, for all atoms of some regions together.

use crate::Result;
use crate::image::Pixel;

use super::Start;
use super::equations::{Equations, Setting};
use super::look::{Look, Scene, State};
use super::model::{AMPLITUDE, COL, Model, ROW, SHAPE};
use super::region::Region;
use super::solve::conjugate_gradients;
use super::walk;

/// How exactly a step is solved for, and heights at the start, for which one solution must do.
const STEP_TOLERANCE: f64 = 1e-3;
const HEIGHT_TOLERANCE: f64 = 1e-3;
const MOST_CONJUGATE_STEPS: usize = 60;
/// A step is bad for an atom if the squares around it grow by more than this share of them: where
/// pixels weigh the same, and by Poisson's law, by which weights change as well.
const WORSE: f64 = 0.01;
const WORSE_BY_LAW: f64 = 0.2;
/// Shapes stay as they begin until centres are about right: a peak beside its atom would grow until
/// it covers it. Centres are right where the last step moved all atoms but one in [`FEW`] by less
/// than this many sigmas, and after so many steps in any case.
const ABOUT_RIGHT: f64 = 0.25;
const FEW: usize = 20;
const FIRST_STEPS: u32 = 2;

/// A fit under way.
pub(super) struct Walk<'a, T: Pixel, const P: usize> {
    pub scene: Scene<'a, T>,
    pub regions: Vec<Region>,
    /// Of the regions' atoms, and of others that are in the image and stay as they are.
    pub starts: Vec<Start>,
    /// For each atom of the regions the one that stands for the shape of its kind.
    pub owner: Vec<u32>,
    /// Whether the background is fitted.
    pub with_ground: bool,
    pub state: State<P>,
    pub damping: Vec<f64>,
    /// Parameters that have not reached the end of what they may be.
    pub movable: Vec<[bool; P]>,
    /// After which step each atom has settled.
    pub settled: Vec<Option<u32>>,
    /// How far the last step led each atom.
    lengths: Vec<f64>,
    look: Option<Look<P>>,
}

impl<'a, T: Pixel, const P: usize> Walk<'a, T, P> {
    pub(super) fn new(
        scene: Scene<'a, T>,
        regions: Vec<Region>,
        starts: Vec<Start>,
        owner: Vec<u32>,
        with_ground: bool,
        state: State<P>,
    ) -> Self {
        let n = owner.len();
        Self {
            scene,
            regions,
            starts,
            owner,
            with_ground,
            state,
            damping: vec![walk::DAMPING; n],
            movable: vec![[true; P]; n],
            settled: vec![None; n],
            lengths: vec![f64::INFINITY; n],
            look: None,
        }
    }

    /// Number of atoms that are fitted.
    pub(super) fn len(&self) -> usize {
        self.owner.len()
    }

    pub(super) fn n_unsettled(&self) -> usize {
        self.settled.iter().filter(|settled| settled.is_none()).count()
    }

    /// The sigma that an atom's shape began with.
    pub(super) fn bound(&self, atom: usize) -> f64 {
        self.starts[self.owner[atom] as usize].sigma
    }

    fn looked<M: Model<P>>(&self, state: &State<P>) -> Result<Look<P>> {
        self.scene.look::<P, M>(state, &self.state, &self.regions, self.with_ground)
    }

    /// What is seen at the present state.
    pub(super) fn look<M: Model<P>>(&mut self) -> Result<Look<P>> {
        match self.look.take() {
            Some(look) => Ok(look),
            None => self.looked::<M>(&self.state),
        }
    }

    /// Forgets what was seen, because what is looked at has changed.
    pub(super) fn forget(&mut self) {
        self.look = None;
    }

    fn equations<'e, M: Model<P>>(
        &'e self,
        look: &Look<P>,
        movable: &'e [[bool; P]],
        damping: &'e [f64],
    ) -> Equations<'e, P> {
        let setting = Setting {
            ground: self.scene.ground,
            effort: self.scene.effort,
            instruction_set: self.scene.instruction_set,
            owner: &self.owner,
            movable,
            damping,
        };
        Equations::new::<M>(&setting, &self.state, look)
    }

    /// The undamped equations at the present state, where every parameter may change.
    pub(super) fn information<'e, M: Model<P>>(
        &'e self,
        look: &Look<P>,
        zeros: &'e [f64],
        all: &'e [[bool; P]],
    ) -> Equations<'e, P> {
        self.equations::<M>(look, all, zeros)
    }

    /// Heights and background for centres and shapes as they are: a linear problem.
    pub(super) fn find_heights<M: Model<P>>(&mut self) -> Result<()> {
        let mut height = [false; P];
        height[AMPLITUDE] = true;
        let (movable, zeros) = (vec![height; self.len()], vec![0.0; self.len()]);
        let look = self.look::<M>()?;
        let equations = self.equations::<M>(&look, &movable, &zeros);
        let right = equations.right(&look);
        let x = conjugate_gradients(&equations, &right, HEIGHT_TOLERANCE, MOST_CONJUGATE_STEPS);
        let (changes, ground) = equations.changes(x);
        for (atom, change) in self.state.atoms.iter_mut().zip(changes) {
            atom[AMPLITUDE] += change[AMPLITUDE];
        }
        for (node, change) in self.state.ground.iter_mut().zip(ground) {
            *node += change;
        }
        self.follow_kinds();
        Ok(())
    }

    /// Ghosts take the mean height and shape of their kind.
    fn follow_kinds(&mut self) {
        let n = self.len();
        follow_kinds(&self.starts, n, &mut self.state);
    }

    /// Takes a step, the `number`th, that makes the cost smaller, if one of some tries does; tells
    /// whether.
    pub(super) fn step<M: Model<P>>(&mut self, number: u32) -> Result<bool> {
        let look = self.look::<M>()?;
        let mut movable = self.movable.clone();
        if number <= FIRST_STEPS && !self.is_about_right::<M>() {
            for movable in &mut movable {
                movable[SHAPE..].fill(false);
            }
        }
        for _ in 0..walk::MOST_TRIES {
            let equations = self.equations::<M>(&look, &movable, &self.damping);
            let right = equations.right(&look);
            let x = conjugate_gradients(&equations, &right, STEP_TOLERANCE, MOST_CONJUGATE_STEPS);
            let (changes, ground) = equations.changes(x);
            drop(equations);
            let mut tried = self.moved::<M>(&changes, &ground);
            let mut seen = self.looked::<M>(&tried)?;
            let worse = if self.scene.floor.is_some() { WORSE_BY_LAW } else { WORSE };
            // Those around whom it became worse stay where they were.
            let offenders: Vec<usize> = (0..self.len())
                .filter(|&atom| {
                    let (before, after) = (look.atoms[atom].around, seen.atoms[atom].around_before);
                    after > before * (1.0 + worse) + walk::ROUNDING * look.squares
                })
                .collect();
            let is_few = offenders.len() * 2 < self.len();
            if !offenders.is_empty() && is_few {
                let then = tried.clone();
                for &atom in &offenders {
                    let kept = self.state.atoms[atom];
                    tried.atoms[atom][..SHAPE].copy_from_slice(&kept[..SHAPE]);
                    if !self.scene.options.share_shape {
                        tried.atoms[atom] = kept;
                    }
                }
                seen = self.scene.look_again::<P, M>(
                    [&tried, &self.state],
                    &self.regions,
                    self.with_ground,
                    (seen, &then),
                    &offenders,
                )?;
            }
            if seen.cost <= look.cost + walk::ROUNDING * look.squares {
                for damping in &mut self.damping {
                    *damping = walk::less_damping(*damping);
                }
                if is_few {
                    for &atom in &offenders {
                        self.damping[atom] = walk::more_damping(self.damping[atom]);
                    }
                }
                self.accept::<M>(tried, seen, number, &offenders);
                return Ok(true);
            }
            for damping in &mut self.damping {
                *damping = walk::more_damping(*damping);
            }
        }
        self.look = Some(look);
        Ok(false)
    }

    /// Whether the last step hardly moved nearly all atoms.
    fn is_about_right<M: Model<P>>(&self) -> bool {
        let is_far =
            |&atom: &usize| !(self.lengths[atom] < ABOUT_RIGHT * M::sigma(&self.state.atoms[atom]));
        (0..self.len()).filter(is_far).count() * FEW <= self.len()
    }

    fn accept<M: Model<P>>(
        &mut self,
        tried: State<P>,
        seen: Look<P>,
        number: u32,
        offenders: &[usize],
    ) {
        let tolerance = self.scene.options.tolerance;
        for atom in 0..self.len() {
            let (now, was) = (&tried.atoms[atom], &self.state.atoms[atom]);
            let length = walk::length::<P, M>(now, was);
            let is_offender = offenders.binary_search(&atom).is_ok();
            let is_settled = number > FIRST_STEPS
                && !is_offender
                && walk::is_settled(length, self.lengths[atom], tolerance);
            // A step that was not taken says nothing of the next.
            self.lengths[atom] = if is_offender { f64::INFINITY } else { length };
            // What has come to the end of where it may go stays there: were it to push on, each
            // step would count on a change that is not made.
            let start = &self.starts[atom];
            let is_at_limit = walk::is_at_limit(now, start);
            if is_settled || is_at_limit {
                self.settled[atom].get_or_insert(number);
            } else {
                self.settled[atom] = None;
            }
            if is_at_limit {
                self.movable[atom][ROW] = false;
                self.movable[atom][COL] = false;
            }
            let is_own = self.owner[atom] as usize == atom && !self.scene.options.share_shape;
            if is_own && M::is_at_bound(now, start.sigma) {
                self.movable[atom][SHAPE..].fill(false);
            }
        }
        self.state = tried;
        self.look = Some(seen);
    }

    /// Where a step leads, each atom by no more than it may.
    fn moved<M: Model<P>>(&self, changes: &[[f64; P]], ground: &[f64]) -> State<P> {
        let mut state = self.state.clone();
        for (atom, change) in changes.iter().enumerate() {
            let start = &self.starts[atom];
            state.atoms[atom] =
                walk::moved::<P, M>(&state.atoms[atom], change, start, self.bound(atom));
        }
        for (node, step) in state.ground.iter_mut().zip(ground) {
            *node += step;
        }
        if self.with_ground {
            follow_kinds(&self.starts, self.len(), &mut state);
        }
        state
    }
}

/// Gives ghosts, which are beyond the first n atoms, the mean height and shape of their kind.
fn follow_kinds<const P: usize>(starts: &[Start], n: usize, state: &mut State<P>) {
    if starts.len() == n {
        return;
    }
    let mut means = std::collections::BTreeMap::<u32, ([f64; P], f64)>::new();
    for (start, atom) in starts.iter().zip(&state.atoms).take(n) {
        let (sum, count) = means.entry(start.kind).or_insert(([0.0; P], 0.0));
        for p in AMPLITUDE..P {
            sum[p] += atom[p];
        }
        *count += 1.0;
    }
    for (start, atom) in starts.iter().zip(&mut state.atoms).skip(n) {
        if start.is_ghost
            && let Some((sum, count)) = means.get(&start.kind)
        {
            for p in AMPLITUDE..P {
                atom[p] = sum[p] / count;
            }
        }
    }
}
