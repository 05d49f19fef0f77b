//! The normal equations of a step, which are applied and never stored.

use crate::simd::{Available, Kernel, Lanes};
use crate::{Error, Result, parallel};

use super::assembled::Assembled;
use super::background::Background;
use super::canvas::{Canvas, Members, Picture};
use super::model::{Model, SHAPE, TERMS};
use super::profile::{Padded, Profiles, Scratch, product_sum};
use super::solve::{Operator, cholesky, substitute};

/// Atoms per task.
const CHUNK: usize = 64;

/// What a step is computed from: profiles and derivatives at the present parameters.
pub(super) struct System<'a, const P: usize> {
    pub canvas: &'a Canvas<'a>,
    pub profiles: &'a Profiles,
    pub members: &'a Members,
    pub ground: &'a Background,
    pub weights: &'a [f32],
    pub jacobians: &'a [[[f64; TERMS]; P]],
    /// Whether an atom's parameters are to change.
    pub free: &'a [bool],
    /// For each atom the one that stands for the shape of its kind; its own if none is shared.
    pub owner: &'a [u32],
    /// Of each atom's block of H: its diagonal times 1 + damping is what is solved with.
    pub blocks: &'a [[[f64; P]; P]],
    pub ground_diagonal: &'a [f64],
    pub damping: &'a [f64],
    /// Which parameters of each atom may change.
    pub movable: &'a [[bool; P]],
    /// Blocks of pairs, if H is assembled; else it is applied by painting.
    pub assembled: Option<&'a Assembled<P>>,
    pub factors: Vec<[[f64; P]; P]>,
    pub canvas_buffer: &'a mut [f32],
}

impl<const P: usize> System<'_, P> {
    fn shares(&self) -> bool {
        self.owner.iter().enumerate().any(|(index, &owner)| owner as usize != index)
    }

    /// Prepares the blocks that precondition.
    pub(super) fn factorise(&mut self) {
        let shares = self.shares();
        let mut blocks: Vec<[[f64; P]; P]> = self.blocks.to_vec();
        if shares {
            // A shared shape belongs to its owner, and is not coupled with any one place.
            for block in &mut blocks {
                for p in 0..SHAPE {
                    for q in SHAPE..P {
                        (block[p][q], block[q][p]) = (0.0, 0.0);
                    }
                }
            }
            for index in 0..blocks.len() {
                let owner = self.owner[index] as usize;
                if owner != index {
                    for p in SHAPE..P {
                        for q in SHAPE..P {
                            blocks[owner][p][q] += blocks[index][p][q];
                            blocks[index][p][q] = f64::from(u8::from(p == q));
                        }
                    }
                }
            }
        }
        self.factors = blocks
            .iter()
            .zip(self.damping)
            .zip(self.movable)
            .map(|((block, damping), movable)| {
                let mut block = *block;
                for p in 0..P {
                    if movable[p] {
                        block[p][p] = block[p][p] * (1.0 + damping) + f64::MIN_POSITIVE;
                    } else {
                        block[p] = [0.0; P];
                        for row in &mut block {
                            row[p] = 0.0;
                        }
                        block[p][p] = 1.0;
                    }
                }
                cholesky(&block).unwrap_or_else(|| {
                    // The diagonal alone, where nothing is seen of the atom.
                    let mut factor = [[0.0; P]; P];
                    for p in 0..P {
                        factor[p][p] = block[p][p].max(f64::MIN_POSITIVE).sqrt().max(1e-150);
                    }
                    factor
                })
            })
            .collect();
    }

    /// Which entry of the unknowns a parameter of an atom is.
    fn place(&self, atom: usize, p: usize) -> usize {
        (if p < SHAPE { atom } else { self.owner[atom] as usize }) * P + p
    }

    /// Applies H, damped, from its blocks.
    fn apply_blocks(&self, assembled: &Assembled<P>, x: &[f64], out: &mut [f64]) {
        let n = self.blocks.len();
        let change: Vec<[f64; P]> = (0..n)
            .map(|atom| {
                let may = |p: usize| self.free[atom] && self.movable[atom][p];
                std::array::from_fn(|p| if may(p) { x[self.place(atom, p)] } else { 0.0 })
            })
            .collect();
        let mut sums: Vec<[f64; P]> = vec![[0.0; P]; n];
        let constant = x[n * P];
        let mut ground = self.ground_diagonal[0] * constant;
        for atom in 0..n {
            let (change, sum) = (&change[atom], &mut sums[atom]);
            for p in 0..P {
                for q in 0..P {
                    sum[p] += self.blocks[atom][p][q] * change[q];
                }
                sum[p] += self.damping[atom] * self.blocks[atom][p][p] * change[p];
                if self.free[atom] {
                    sum[p] += assembled.ground[atom][p] * constant;
                    ground += assembled.ground[atom][p] * change[p];
                }
            }
        }
        for (first, second, block) in &assembled.pairs {
            let (first, second) = (*first as usize, *second as usize);
            for p in 0..P {
                for q in 0..P {
                    sums[first][p] += block[p][q] * change[second][q];
                    sums[second][q] += block[p][q] * change[first][p];
                }
            }
        }
        out.fill(0.0);
        for atom in 0..n {
            for p in 0..P {
                if self.free[atom] && self.movable[atom][p] {
                    out[self.place(atom, p)] += sums[atom][p];
                }
            }
        }
        out[n * P] = ground;
    }

    /// Jᵀ y for the atoms' parameters and the background's nodes.
    pub(super) fn project(&self, y: &[f32], out: &mut [f64]) -> Result<()> {
        let y = self.canvas.padded(y);
        let n = self.jacobians.len();
        let chunks: Vec<usize> = (0..n).step_by(CHUNK).collect();
        let parts = parallel::map(&chunks, self.canvas.effort.threads, |&first| {
            self.canvas.instruction_set.run(Projection {
                system: self,
                y,
                first,
                last: (first + CHUNK).min(n),
            })
        });
        self.canvas.effort.check()?;
        for (first, part) in chunks.into_iter().zip(parts) {
            out[first * P..first * P + part.len()].copy_from_slice(&part);
        }
        if self.shares() {
            for index in 0..n {
                let owner = self.owner[index] as usize;
                if owner != index {
                    for p in SHAPE..P {
                        out[owner * P + p] += out[index * P + p];
                        out[index * P + p] = 0.0;
                    }
                }
            }
        }
        out[n * P..].copy_from_slice(&self.ground.project::<1>(self.canvas, y));
        Ok(())
    }
}

/// Jᵀ y for some atoms.
struct Projection<'a, const P: usize> {
    system: &'a System<'a, P>,
    y: Padded<'a>,
    first: usize,
    last: usize,
}

impl<const P: usize> Kernel for Projection<'_, P> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> Vec<f64> {
        let Self { system, y, first, last } = self;
        let mut scratch = Scratch::default();
        let mut sums = vec![0.0; (last - first) * P];
        for (atom, out) in (first..last).zip(sums.chunks_exact_mut(P)) {
            if !system.free[atom] {
                continue;
            }
            let moments = system.profiles.of(atom).moments(y, &mut scratch);
            for p in 0..P {
                if system.movable[atom][p] {
                    let polynomial = &system.jacobians[atom][p];
                    out[p] = polynomial.iter().zip(moments).map(|(k, m)| k * m).sum();
                }
            }
        }
        sums
    }
}

/// J v, weighted.
struct Change<'a, const P: usize> {
    system: &'a System<'a, P>,
    v: &'a [f64],
}

impl<const P: usize> Picture for Change<'_, P> {
    fn polynomial(&self, atom: usize) -> Option<[f64; TERMS]> {
        if !self.system.free[atom] {
            return None;
        }
        let owner = self.system.owner[atom] as usize;
        let mut sum = [0.0; TERMS];
        for (p, polynomial) in self.system.jacobians[atom].iter().enumerate() {
            let value = self.v[if p < SHAPE { atom } else { owner } * P + p];
            for (sum, k) in sum.iter_mut().zip(polynomial) {
                *sum += value * k;
            }
        }
        Some(sum)
    }

    fn background(&self) -> Option<&[f64]> {
        Some(&self.v[self.system.jacobians.len() * P..])
    }

    #[inline(always)]
    fn keep(&self, row: usize, col: usize, painted: &[f64], out: &mut [f32]) -> f64 {
        let at = row * self.system.canvas.stride + col;
        let weights = &self.system.weights[at..at + painted.len()];
        for ((out, painted), weight) in out.iter_mut().zip(painted).zip(weights) {
            *out = (painted * f64::from(*weight)) as f32;
        }
        0.0
    }
}

impl<const P: usize> Operator for System<'_, P> {
    type Error = Error;

    fn apply(&mut self, x: &[f64], out: &mut [f64]) -> Result<()> {
        if let Some(assembled) = self.assembled {
            self.apply_blocks(assembled, x, out);
            return self.canvas.effort.check();
        }
        let buffer = std::mem::take(&mut self.canvas_buffer);
        let change = Change { system: self, v: x };
        let painted = self.canvas.paint(self.profiles, self.members, self.ground, &change, buffer);
        let projected = painted.and_then(|_| self.project(buffer, out));
        self.canvas_buffer = buffer;
        projected?;
        for (atom, block) in self.blocks.iter().enumerate() {
            if self.free[atom] {
                for p in 0..P {
                    let owner = if p < SHAPE { atom } else { self.owner[atom] as usize };
                    if self.movable[atom][p] {
                        out[owner * P + p] += self.damping[atom] * block[p][p] * x[owner * P + p];
                    }
                }
            }
        }
        Ok(())
    }

    fn precondition(&self, x: &[f64], out: &mut [f64]) {
        let n = self.factors.len();
        let (atoms, ground) = x.split_at(n * P);
        let (out_atoms, out_ground) = out.split_at_mut(n * P);
        for (atom, (x, out)) in atoms.chunks_exact(P).zip(out_atoms.chunks_exact_mut(P)).enumerate()
        {
            if self.free[atom] {
                let right: [f64; P] = std::array::from_fn(|p| x[p]);
                out.copy_from_slice(&substitute(&self.factors[atom], &right));
            } else {
                out.fill(0.0);
            }
        }
        for ((out, x), diagonal) in out_ground.iter_mut().zip(ground).zip(self.ground_diagonal) {
            *out = if *diagonal > 0.0 { x / diagonal } else { 0.0 };
        }
    }
}

/// Own blocks of H of all atoms that are free.
pub(super) fn blocks<const P: usize, M: Model<P>>(
    canvas: &Canvas<'_>,
    profiles: &Profiles,
    jacobians: &[[[f64; TERMS]; P]],
    weights: &[f32],
    free: &[bool],
) -> Result<Vec<[[f64; P]; P]>> {
    let chunks: Vec<usize> = (0..jacobians.len()).step_by(CHUNK).collect();
    let parts = parallel::map(&chunks, canvas.effort.threads, |&first| {
        let last = (first + CHUNK).min(jacobians.len());
        canvas.instruction_set.run(Blocks {
            profiles,
            jacobians,
            weights: canvas.padded(weights),
            free,
            first,
            last,
        })
    });
    canvas.effort.check()?;
    Ok(parts.into_iter().flatten().collect())
}

struct Blocks<'a, const P: usize> {
    profiles: &'a Profiles,
    jacobians: &'a [[[f64; TERMS]; P]],
    weights: Padded<'a>,
    free: &'a [bool],
    first: usize,
    last: usize,
}

impl<const P: usize> Kernel for Blocks<'_, P> {
    type Output = Vec<[[f64; P]; P]>;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> Self::Output {
        let mut scratch = Scratch::default();
        (self.first..self.last)
            .map(|atom| {
                if !self.free[atom] {
                    return [[0.0; P]; P];
                }
                let moments = self.profiles.of(atom).squared_moments(self.weights, &mut scratch);
                block(&self.jacobians[atom], &moments)
            })
            .collect()
    }
}

/// The block of H that polynomials and moments make.
#[inline(always)]
pub(super) fn block<const P: usize>(
    jacobian: &[[f64; TERMS]; P],
    moments: &[f64; super::profile::MOMENTS],
) -> [[f64; P]; P] {
    let mut block = [[0.0; P]; P];
    for p in 0..P {
        for q in 0..=p {
            block[p][q] = product_sum(&jacobian[p], &jacobian[q], moments);
            block[q][p] = block[p][q];
        }
    }
    block
}
