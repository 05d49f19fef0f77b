//! A look at the pixels: what the model leaves of the image, and what that says about each atom.

use std::ops::Range;

use crate::image::{Image, Pixel};
use crate::interrupt::Effort;
use crate::simd::InstructionSet;
use crate::{Result, parallel};

use super::Options;
use super::background::{Background, Projecting};
use super::mask::Admitted;
use super::model::{AMPLITUDE, Model};
use super::profile::{Frame, Profile, Profiles};
use super::region::{Lookup, Rect, Region};
use super::residual::{Painting, Subtracting, Totals};
use super::seen::{Seen, Summing, see};
use super::sheet::Sheet;

/// Peaks as wide as this, in pixels, are summed up by integrals.
const SMOOTH: f64 = 1.0;
/// Pixels within this many sigmas along each axis tell whether a step was good for an atom.
const AROUND: f64 = 2.5;

/// Atoms per task.
const CHUNK: usize = 4096;

/// What is fitted.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a, T: Pixel> {
    pub image: &'a Image<T>,
    pub admitted: &'a Admitted,
    pub ground: &'a Background,
    pub options: Options,
    /// Variance of a pixel by Poisson's law where the model is 0; None weighs all pixels alike.
    pub floor: Option<f64>,
    pub effort: Effort<'a>,
    pub instruction_set: InstructionSet,
}

/// Parameters of all atoms and of the background.
#[derive(Clone)]
pub(super) struct State<const P: usize> {
    pub atoms: Vec<[f64; P]>,
    pub ground: Vec<f64>,
}

/// What is seen of all.
pub(super) struct Look<const P: usize> {
    pub cost: f64,
    /// Weighted squares of the residual.
    pub squares: f64,
    pub atoms: Vec<Seen<P>>,
    pub ground: Vec<f64>,
    /// Sums of weights times squared shares of the background's nodes.
    pub ground_diagonal: Vec<f64>,
    /// What each region adds to these sums.
    regions: Vec<Share>,
}

/// What a region adds to sums over all.
struct Share {
    totals: Totals,
    ground: Vec<(usize, f64)>,
    diagonal: Vec<(usize, f64)>,
}

impl<const P: usize> Look<P> {
    /// Of the atoms and regions that were seen.
    fn new(atoms: Vec<Seen<P>>, regions: Vec<Share>, nodes: usize) -> Self {
        let mut look = Self {
            cost: 0.0,
            squares: 0.0,
            atoms,
            ground: vec![0.0; nodes],
            ground_diagonal: vec![0.0; nodes],
            regions,
        };
        for share in &look.regions {
            look.cost += share.totals.cost;
            look.squares += share.totals.squares;
            for &(node, sum) in &share.ground {
                look.ground[node] += sum;
            }
            for &(node, sum) in &share.diagonal {
                look.ground_diagonal[node] += sum;
            }
        }
        look
    }
}

/// Working memory of a thread: residuals times their weights, weights, and the profiles of atoms.
#[derive(Default)]
pub(super) struct Desk {
    pub residual: Sheet,
    pub weights: Sheet,
    pub profiles: Profiles,
    pub mixed: Vec<f64>,
    reaching: Vec<u32>,
    pub heights: Vec<f64>,
    /// Which profile is the first of the region's own atoms.
    pub first: usize,
    /// Whether all pixels weigh the same and are fitted.
    pub is_plain: bool,
}

/// Where atoms are, and who reaches where.
pub(super) struct Places {
    pub windows: Vec<Frame>,
    pub lookup: Lookup,
}

impl<T: Pixel> Scene<'_, T> {
    pub(super) fn shape(&self) -> [usize; 2] {
        [self.image.rows(), self.image.cols()]
    }

    /// Whether all pixels within the reach of a peak weigh the same and are fitted.
    #[inline(always)]
    pub(super) fn is_whole(&self, profile: &Profile<'_>) -> bool {
        self.floor.is_none()
            && profile.frame.is_complete
            && self.admitted.is_whole(profile.frame.rect)
    }

    pub(super) fn places<const P: usize, M: Model<P>>(
        &self,
        atoms: &[[f64; P]],
        regions: &[Region],
    ) -> Places {
        let (shape, reach) = (self.shape(), self.options.reach);
        let chunks: Vec<&[[f64; P]]> = atoms.chunks(CHUNK).collect();
        let windows = parallel::map(&chunks, self.effort.threads, |atoms| {
            atoms.iter().map(|atom| Frame::new::<P, M>(atom, shape, reach)).collect::<Vec<_>>()
        });
        let windows: Vec<Frame> = windows.into_iter().flatten().collect();
        let lookup = Lookup::new(regions, &windows);
        Places { windows, lookup }
    }

    /// Looks at all regions. The result does not depend on the number of threads: each region has
    /// sums of its own, which are added in a fixed order.
    pub(super) fn look<const P: usize, M: Model<P>>(
        &self,
        state: &State<P>,
        before: &State<P>,
        regions: &[Region],
        with_ground: bool,
    ) -> Result<Look<P>> {
        let places = self.places::<P, M>(&state.atoms, regions);
        let indices: Vec<usize> = (0..regions.len()).collect();
        let parts =
            self.look_at_some::<P, M>([state, before], &places, regions, with_ground, &indices)?;
        let mut atoms = Vec::with_capacity(regions.last().map_or(0, |region| region.home.end));
        let mut shares = Vec::with_capacity(regions.len());
        for (of_region, share) in parts {
            atoms.extend(of_region);
            shares.push(share);
        }
        Ok(Look::new(atoms, shares, if with_ground { state.ground.len() } else { 0 }))
    }

    /// What [`Scene::look`] sees, if all is as in `look`, which was taken of the state `then`, but
    /// for some atoms: looks at the regions that these reach alone.
    pub(super) fn look_again<const P: usize, M: Model<P>>(
        &self,
        [state, before]: [&State<P>; 2],
        regions: &[Region],
        with_ground: bool,
        (look, then): (Look<P>, &State<P>),
        changed: &[usize],
    ) -> Result<Look<P>> {
        let places = self.places::<P, M>(&state.atoms, regions);
        let mut reached = Vec::with_capacity(2 * changed.len());
        for &atom in changed {
            let was = Frame::new::<P, M>(&then.atoms[atom], self.shape(), self.options.reach);
            reached.extend([places.windows[atom].rect, was.rect]);
        }
        let indices: Vec<usize> = (0..regions.len())
            .filter(|&index| {
                let outer = places.lookup.outer(index, &regions[index]);
                reached.iter().any(|rect| rect.touches(&outer))
            })
            .collect();
        let parts =
            self.look_at_some::<P, M>([state, before], &places, regions, with_ground, &indices)?;
        let Look { mut atoms, regions: mut shares, ground, .. } = look;
        for (&index, (of_region, share)) in indices.iter().zip(parts) {
            atoms[regions[index].home.clone()].copy_from_slice(&of_region);
            shares[index] = share;
        }
        Ok(Look::new(atoms, shares, ground.len()))
    }

    /// Looks at some of the regions.
    fn look_at_some<const P: usize, M: Model<P>>(
        &self,
        states: [&State<P>; 2],
        places: &Places,
        regions: &[Region],
        with_ground: bool,
        indices: &[usize],
    ) -> Result<Vec<(Vec<Seen<P>>, Share)>> {
        let threads = self.effort.threads;
        let parts = parallel::map_with(indices, threads, Desk::default, |desk, &index| {
            if (self.effort.interrupted)() {
                return None;
            }
            let region = &regions[index];
            let outer = places.lookup.outer(index, region);
            Some(self.look_at::<P, M>(states, places, (region, outer), desk, with_ground))
        });
        self.effort.check()?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Paints the residual, and its weights unless these are all 1, on a rectangle; sums are over
    /// `core`.
    pub(super) fn paint<const P: usize, M: Model<P>>(
        &self,
        state: &State<P>,
        places: &Places,
        (core, outer, home): (&Rect, Rect, &Range<usize>),
        desk: &mut Desk,
    ) -> Totals {
        places.lookup.reaching(&outer, home, &places.windows, &mut desk.reaching);
        desk.first = desk.reaching.partition_point(|&atom| (atom as usize) < home.start);
        desk.heights.clear();
        desk.heights
            .extend(desk.reaching.iter().map(|&atom| state.atoms[atom as usize][AMPLITUDE]));
        desk.profiles.fill::<P, M>(
            desk.reaching
                .iter()
                .map(|&atom| (&state.atoms[atom as usize], places.windows[atom as usize])),
        );
        desk.residual.lay(outer);
        self.ground.on(&outer).fill(&state.ground, &mut desk.residual);
        self.instruction_set.run(Painting(&mut *desk));
        desk.is_plain = self.floor.is_none() && self.admitted.is_whole(outer);
        if !desk.is_plain {
            desk.weights.lay(outer);
        }
        self.instruction_set.run(Subtracting { scene: self, core, desk })
    }
}

impl<T: Pixel> Scene<'_, T> {
    /// Looks at one region.
    fn look_at<const P: usize, M: Model<P>>(
        &self,
        [state, before]: [&State<P>; 2],
        places: &Places,
        (region, outer): (&Region, Rect),
        desk: &mut Desk,
        with_ground: bool,
    ) -> (Vec<Seen<P>>, Share) {
        let Region { core, home } = region;
        let totals = self.paint::<P, M>(state, places, (core, outer, home), desk);
        let whole: Vec<bool> = (desk.first..desk.first + home.len())
            .map(|index| self.is_whole(&desk.profiles.of(index)))
            .collect();
        let near = |atom: usize| {
            [state, before].map(|state| {
                let near = Frame::new::<P, M>(&state.atoms[atom], self.shape(), AROUND);
                near.rect.within(&outer)
            })
        };
        let sums = self.instruction_set.run(Summing {
            profiles: &desk.profiles,
            first: desk.first,
            residual: &desk.residual,
            weights: (!desk.is_plain).then_some(&desk.weights),
            has_law: self.floor.is_some(),
            whole: &whole,
            near: &home.clone().map(near).collect::<Vec<_>>(),
            smooth: &home
                .clone()
                .map(|atom| M::sigma(&state.atoms[atom]) >= SMOOTH)
                .collect::<Vec<_>>(),
        });
        let atoms =
            home.clone().zip(&sums).map(|(atom, sums)| see::<P, M>(&state.atoms[atom], sums));
        let atoms = atoms.collect();
        let [ground, diagonal] = if with_ground {
            self.instruction_set.run(Projecting {
                patch: &self.ground.on(core),
                core,
                residual: &desk.residual,
                weights: (!desk.is_plain).then_some(&desk.weights),
            })
        } else {
            [Vec::new(), Vec::new()]
        };
        (atoms, Share { totals, ground, diagonal })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::super::region::tiles;
    use super::super::{Likelihood, Shape, Start};
    use super::*;
    use crate::refine::model::Isotropic;

    /// Everything that a look holds, to the bit.
    fn all(look: &Look<4>) -> Vec<u64> {
        let atoms = look.atoms.iter().flat_map(|seen| {
            let own = seen.own.as_flattened().iter();
            let rest = [seen.weight, seen.around, seen.around_before];
            own.chain(&seen.gradient).chain(&seen.constant).copied().chain(rest).collect::<Vec<_>>()
        });
        let sums = [look.cost, look.squares].into_iter();
        let ground = look.ground.iter().chain(&look.ground_diagonal).copied();
        atoms.chain(sums).chain(ground).map(f64::to_bits).collect()
    }

    #[test]
    fn a_second_look_at_what_changed_is_one_at_all() {
        let [rows, cols] = [300, 560];
        let pixels = (0..rows * cols).map(|i| f64::from((i * 37 % 101) as u32) / 50.0).collect();
        let image = Image::new(rows, cols, pixels).unwrap();
        let starts: Vec<Start> = (0..300)
            .map(|i| {
                let (row, col) = (20.0 * f64::from(i / 25) + 25.3, 22.0 * f64::from(i % 25) + 12.1);
                Start { row, col, sigma: 2.4, kind: 0, limit: 3.0, is_ghost: false }
            })
            .collect();
        let (order, regions) = tiles(Rect { row: 0, rows, col: 0, cols }, &starts);
        let starts: Vec<Start> = order.into_iter().map(|index| starts[index]).collect();
        for (edge, step, floor) in
            [(None, f64::INFINITY, None), (Some(9.0), 90.0, None), (None, 90.0, Some(0.3))]
        {
            let options = Options {
                shape: Shape::Isotropic,
                likelihood: Likelihood::Gaussian,
                reach: 5.0,
                background_step: step,
                share_shape: false,
                edge,
                window: None,
                max_iter: 40,
                tolerance: 1e-3,
            };
            let scene = Scene {
                image: &image,
                admitted: &Admitted::new([rows, cols], None, &starts, options).unwrap(),
                ground: &Background::new([rows, cols], step),
                options,
                floor,
                effort: Effort::of(NonZeroUsize::new(2).unwrap()),
                instruction_set: InstructionSet::widest(),
            };
            let before = State {
                atoms: starts
                    .iter()
                    .map(|s| Isotropic::start(s.row, s.col, 0.8, s.sigma))
                    .collect(),
                ground: vec![0.4; scene.ground.len()],
            };
            let mut tried = before.clone();
            for atom in &mut tried.atoms {
                atom[0] += 0.3;
                atom[3] += 0.2;
            }
            let look = |state| scene.look::<4, Isotropic>(state, &before, &regions, true).unwrap();
            let first = look(&tried);
            let mut state = tried.clone();
            let changed = [2, 71, 72];
            for atom in changed {
                state.atoms[atom] = before.atoms[atom];
            }
            let states = [&state, &before];
            let again = scene
                .look_again::<4, Isotropic>(states, &regions, true, (first, &tried), &changed)
                .unwrap();
            assert_ne!(all(&again), all(&look(&tried)));
            assert_eq!(all(&again), all(&look(&state)));
        }
    }
}
