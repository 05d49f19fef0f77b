//! The normal equations of a step: blocks of single atoms, of pairs, and with the background.
//!
//! Blocks of pairs are integrals over all pixels times the mean weight that both are seen with, and
//! those with the nodes of a smooth background take its shares for products of straight lines. Such
//! approximations change how many steps a fit takes and not where it ends: the gradient is exact.
//!
//! Unknowns are in units in which the diagonal of H is 1.

use std::num::NonZeroUsize;
use std::ops::Range;

use crate::geometry::cells::{Cells, squared_distance};
use crate::interrupt::Effort;
use crate::parallel;
use crate::simd::{Available, InstructionSet, Kernel, Lanes};

use super::background::Background;
use super::look::{Look, State};
use super::model::{COL, Model, ROW, SHAPE};
use super::overlap::with_plane;
use super::solve::{Operator, Place, dot, inverse};

/// Peaks further apart than this, in sigmas of the wider one, share less than 3e-5 of their squares.
const REACH: f64 = 6.5;
/// Atoms per task.
const CHUNK: usize = 1024;
/// Atoms for which a thread is started in a step of conjugate gradients: starting it takes as long
/// as some hundred of them.
const MANY: usize = 1 << 12;
/// What is added to the diagonal of blocks that precondition, for those of which nearly nothing is
/// seen.
const STEADY: f64 = 1e-4;

/// The damped normal equations of some atoms and of the background.
pub(super) struct Equations<'a, const P: usize> {
    ground: &'a Background,
    effort: Effort<'a>,
    instruction_set: InstructionSet,
    owner: &'a [u32],
    shares: bool,
    /// Units of the unknowns; 0 for those that do not change.
    scale: Vec<[f64; P]>,
    ground_scale: Vec<f64>,
    own: Vec<[[f64; P]; P]>,
    inverse: Vec<[[f64; P]; P]>,
    /// Where each atom's neighbours begin, and one place more.
    starts: Vec<u32>,
    /// Neighbours, and the block of H between the atom and each.
    links: Vec<(u32, [[f32; P]; P])>,
    /// Nodes that an atom is coupled with, equally many for each atom, and the blocks.
    nodes: Vec<(u32, [f64; P])>,
}

/// What equations are made for.
pub(super) struct Setting<'a, const P: usize> {
    pub ground: &'a Background,
    pub effort: Effort<'a>,
    pub instruction_set: InstructionSet,
    /// For each atom the one that stands for the shape of its kind; its own if none is shared.
    pub owner: &'a [u32],
    /// Which parameters of each atom may change.
    pub movable: &'a [[bool; P]],
    /// The share by which the diagonal of each atom is increased.
    pub damping: &'a [f64],
}

fn chunks(n: usize) -> Vec<Range<usize>> {
    (0..n).step_by(CHUNK).map(|first| first..(first + CHUNK).min(n)).collect()
}

/// Who is near whom: for each atom where its neighbours begin, and these.
fn neighbours<const P: usize, M: Model<P>>(
    atoms: &[[f64; P]],
    scale: &[[f64; P]],
    effort: Effort<'_>,
) -> (Vec<u32>, Vec<u32>) {
    let centres: Vec<[f64; 2]> = atoms.iter().map(|atom| [atom[ROW], atom[COL]]).collect();
    let sigmas: Vec<f64> = atoms.iter().map(M::sigma).collect();
    let widest = sigmas.iter().copied().fold(0.0, f64::max);
    let (cells, order) = Cells::new(&centres);
    let is_free = |atom: usize| scale[atom].iter().any(|&scale| scale > 0.0);
    let parts = parallel::map(&chunks(atoms.len()), effort.threads, |range| {
        let (mut counts, mut near) = (Vec::with_capacity(range.len()), Vec::new());
        for atom in range.clone() {
            let first = near.len();
            if is_free(atom) {
                // Both of a pair see it, by the wider of them.
                for number in cells.around(centres[atom], REACH * widest).spans().flatten() {
                    let other = order[number] as usize;
                    let reach = REACH * sigmas[atom].max(sigmas[other]);
                    let distance = squared_distance(centres[atom], centres[other]);
                    if other != atom && distance < reach * reach && is_free(other) {
                        near.push(other as u32);
                    }
                }
            }
            near[first..].sort_unstable();
            counts.push((near.len() - first) as u32);
        }
        (counts, near)
    });
    let (mut starts, mut all) = (vec![0], Vec::new());
    let mut at = 0;
    for (counts, near) in parts {
        for count in counts {
            at += count;
            starts.push(at);
        }
        all.extend(near);
    }
    (starts, all)
}

/// The diagonal of H by atom, 0 for what does not change; of shared shapes that of all their kind.
fn diagonals<const P: usize>(
    setting: &Setting<'_, P>,
    shares: bool,
    look: &Look<P>,
) -> Vec<[f64; P]> {
    let Setting { owner, movable, .. } = *setting;
    let n = look.atoms.len();
    let mut diagonal: Vec<[f64; P]> = look
        .atoms
        .iter()
        .zip(movable)
        .map(|(seen, movable)| {
            std::array::from_fn(|p| if movable[p] { seen.own[p][p] } else { 0.0 })
        })
        .collect();
    if shares {
        for atom in 0..n {
            let owner = owner[atom] as usize;
            if owner != atom {
                for p in SHAPE..P {
                    diagonal[owner][p] += diagonal[atom][p];
                }
            }
        }
        for atom in 0..n {
            let owner = owner[atom] as usize;
            for p in SHAPE..P {
                let moves = movable[atom][p];
                diagonal[atom][p] = if moves { diagonal[owner][p] } else { 0.0 };
            }
        }
    }
    diagonal
}

impl<'a, const P: usize> Equations<'a, P> {
    /// The equations of the first atoms of a state, those that were looked at.
    pub(super) fn new<M: Model<P>>(
        setting: &Setting<'a, P>,
        state: &State<P>,
        look: &Look<P>,
    ) -> Self {
        let Setting { ground, effort, instruction_set, owner, damping, .. } = *setting;
        let n = look.atoms.len();
        let atoms = &state.atoms[..n];
        let shares = owner.iter().enumerate().any(|(index, &owner)| owner as usize != index);
        let diagonal = diagonals(setting, shares, look);
        let unit =
            |x: f64| if x > f64::MIN_POSITIVE && x.is_finite() { 1.0 / x.sqrt() } else { 0.0 };
        let scale: Vec<[f64; P]> = diagonal.iter().map(|diagonal| diagonal.map(unit)).collect();
        let ground_scale: Vec<f64> = look.ground_diagonal.iter().map(|&x| unit(x)).collect();
        let scaled = |block: &[[f64; P]; P], one: &[f64; P], other: &[f64; P]| -> [[f64; P]; P] {
            std::array::from_fn(|p| std::array::from_fn(|q| block[p][q] * one[p] * other[q]))
        };
        let mut own: Vec<[[f64; P]; P]> = (0..n)
            .map(|atom| {
                let mut block = scaled(&look.atoms[atom].own, &scale[atom], &scale[atom]);
                for p in 0..P {
                    block[p][p] += damping[atom] * block[p][p];
                }
                block
            })
            .collect();
        let (starts, near) = neighbours::<P, M>(atoms, &scale, effort);
        let mut links = vec![(0, [[0.0; P]; P]); near.len()];
        let mut rest = links.as_mut_slice();
        let mut parts = Vec::new();
        for range in chunks(n) {
            let len = (starts[range.end] - starts[range.start]) as usize;
            let (part, others) = std::mem::take(&mut rest).split_at_mut(len);
            parts.push((range, part));
            rest = others;
        }
        parallel::for_each_with(
            &mut parts,
            effort.threads,
            || (),
            |(), (range, part)| {
                let first = starts[range.start] as usize;
                for atom in range.clone() {
                    for at in starts[atom] as usize..starts[atom + 1] as usize {
                        let other = near[at];
                        let to = other as usize;
                        // The same numbers from both sides.
                        let (low, high) = (atom.min(to), atom.max(to));
                        let weight = (look.atoms[low].weight * look.atoms[high].weight).sqrt();
                        let block = M::pair_block(&atoms[low], &atoms[high]);
                        let block = scaled(&block, &scale[low], &scale[high]);
                        let entry = |p: usize, q: usize| {
                            (weight * if low == atom { block[p][q] } else { block[q][p] }) as f32
                        };
                        part[at - first] =
                            (other, std::array::from_fn(|p| std::array::from_fn(|q| entry(p, q))));
                    }
                }
            },
        );
        let mut nodes = Vec::new();
        if !ground_scale.is_empty() {
            for atom in 0..n {
                let seen = &look.atoms[atom];
                let mut link = |node: usize, block: [f64; P]| {
                    let scale = |p: usize| ground_scale[node] * scale[atom][p];
                    nodes.push((node as u32, std::array::from_fn(|p| block[p] * scale(p))));
                };
                if ground_scale.len() == 1 {
                    link(0, seen.constant);
                    continue;
                }
                let plane = with_plane::<P, M>(&atoms[atom]);
                for (node, shares) in ground.around(atoms[atom][ROW], atoms[atom][COL]) {
                    let block = |p: usize| -> f64 {
                        (0..4).map(|k| seen.weight * plane[p][k] * shares[k]).sum()
                    };
                    link(node, std::array::from_fn(block));
                }
            }
        }
        let mut equations = Self {
            ground,
            effort,
            instruction_set,
            owner,
            shares,
            scale,
            ground_scale,
            own: Vec::new(),
            inverse: Vec::new(),
            starts,
            links,
            nodes,
        };
        equations.inverse = equations.inverses(&own, damping);
        std::mem::swap(&mut equations.own, &mut own);
        equations
    }

    /// Inverses of the blocks of single atoms, which precondition.
    fn inverses(&self, own: &[[[f64; P]; P]], damping: &[f64]) -> Vec<[[f64; P]; P]> {
        let of = |atom: usize| {
            let mut block = own[atom];
            for p in 0..P {
                if self.shares && p >= SHAPE {
                    // A shared shape belongs to its owner, is not coupled with any one place, and
                    // all of its kind together make its diagonal 1.
                    block[p] = [0.0; P];
                    for row in &mut block {
                        row[p] = 0.0;
                    }
                    block[p][p] = 1.0 + damping[atom];
                } else if self.scale[atom][p] == 0.0 {
                    block[p][p] = 1.0;
                }
                block[p][p] += STEADY;
            }
            inverse(&block).unwrap_or_else(|| {
                std::array::from_fn(|p| std::array::from_fn(|q| f64::from(u8::from(p == q))))
            })
        };
        let mut inverses = vec![[[0.0; P]; P]; own.len()];
        let mut parts: Vec<_> = inverses.chunks_mut(CHUNK).enumerate().collect();
        parallel::for_each_with(
            &mut parts,
            self.effort.threads,
            || (),
            |(), (chunk, part)| {
                for (atom, inverse) in (*chunk * CHUNK..).zip(part.iter_mut()) {
                    *inverse = of(atom);
                }
            },
        );
        inverses
    }

    /// Number of unknowns.
    pub(super) fn len(&self) -> usize {
        self.scale.len() * P + self.ground_scale.len()
    }

    /// The right side: the gradient in the unknowns' units.
    pub(super) fn right(&self, look: &Look<P>) -> Vec<f64> {
        let mut right = Vec::with_capacity(self.len());
        for (seen, scale) in look.atoms.iter().zip(&self.scale) {
            right.extend((0..P).map(|p| seen.gradient[p] * scale[p]));
        }
        right.extend(look.ground.iter().zip(&self.ground_scale).map(|(g, scale)| g * scale));
        self.gather_shapes(&mut right);
        right
    }

    /// Changes of the parameters that a solution stands for, those of shapes with every atom.
    pub(super) fn changes(&self, mut x: Vec<f64>) -> (Vec<[f64; P]>, Vec<f64>) {
        self.spread_shapes(&mut x);
        let n = self.scale.len();
        let atoms = self
            .scale
            .iter()
            .zip(x.chunks_exact(P))
            .map(|(scale, x)| std::array::from_fn(|p| scale[p] * x[p]))
            .collect();
        let ground =
            x[n * P..].iter().zip(&self.ground_scale).map(|(x, scale)| x * scale).collect();
        (atoms, ground)
    }

    /// Adds what belongs to shared shapes up at their owners.
    fn gather_shapes(&self, x: &mut [f64]) {
        if self.shares {
            for (atom, &owner) in self.owner.iter().enumerate().take(self.scale.len()) {
                let owner = owner as usize;
                if owner != atom {
                    for p in SHAPE..P {
                        x[owner * P + p] += x[atom * P + p];
                        x[atom * P + p] = 0.0;
                    }
                }
            }
        }
    }

    /// Gives every atom the shape of its owner.
    fn spread_shapes(&self, x: &mut [f64]) {
        if self.shares {
            for (atom, &owner) in self.owner.iter().enumerate().take(self.scale.len()) {
                for p in SHAPE..P {
                    x[atom * P + p] = x[owner as usize * P + p];
                }
            }
        }
    }

    /// Threads for a step of conjugate gradients.
    fn threads(&self) -> NonZeroUsize {
        let worth_starting = NonZeroUsize::new(self.scale.len() / MANY);
        self.effort.threads.min(worth_starting.unwrap_or(NonZeroUsize::MIN))
    }

    /// The rows of some atoms, and the product of what comes out with what goes in there.
    #[inline(always)]
    fn rows(&self, range: &Range<usize>, x: &[f64], out: &mut [f64]) -> f64 {
        let of = |atom: usize| -> [f64; P] { std::array::from_fn(|p| x[atom * P + p]) };
        let ground = &x[self.scale.len() * P..];
        let per_atom = self.nodes.len() / self.scale.len().max(1);
        let mut products = [0.0; P];
        for (atom, out) in range.clone().zip(out.chunks_exact_mut(P)) {
            let mut sum = [0.0; P];
            let own = of(atom);
            for p in 0..P {
                for q in 0..P {
                    sum[p] += self.own[atom][p][q] * own[q];
                }
            }
            for (other, block) in
                &self.links[self.starts[atom] as usize..self.starts[atom + 1] as usize]
            {
                let other = of(*other as usize);
                for p in 0..P {
                    for q in 0..P {
                        sum[p] += f64::from(block[p][q]) * other[q];
                    }
                }
            }
            for (node, block) in &self.nodes[atom * per_atom..(atom + 1) * per_atom] {
                for p in 0..P {
                    sum[p] += block[p] * ground[*node as usize];
                }
            }
            for p in 0..P {
                products[p] += own[p] * sum[p];
            }
            out.copy_from_slice(&sum);
        }
        products.iter().sum()
    }

    /// Goes on with some atoms; returns the product of what is left with its approximate inverse.
    #[inline(always)]
    fn advance_some(
        &self,
        step: f64,
        direction: &[f64],
        product: &[f64],
        at: &mut Part<'_>,
    ) -> f64 {
        let mut products = [0.0; P];
        let ((x, _), (residual, _)) = (at.x.as_chunks_mut::<P>(), at.residual.as_chunks_mut::<P>());
        let inverted = at.inverted.as_chunks_mut::<P>().0;
        let (direction, product) = (direction.as_chunks::<P>().0, product.as_chunks::<P>().0);
        for (index, inverse) in self.inverse[at.first..][..x.len()].iter().enumerate() {
            let residual = &mut residual[index];
            for p in 0..P {
                x[index][p] += step * direction[at.first + index][p];
                residual[p] -= step * product[at.first + index][p];
            }
            for p in 0..P {
                let mut sum = 0.0;
                for q in 0..P {
                    sum += inverse[p][q] * residual[q];
                }
                inverted[index][p] = sum;
                products[p] += sum * residual[p];
            }
        }
        products.iter().sum()
    }
}

/// A solution's part for some atoms.
struct Part<'v> {
    /// The first of them.
    first: usize,
    x: &'v mut [f64],
    residual: &'v mut [f64],
    inverted: &'v mut [f64],
    /// The product of what is left with its approximate inverse.
    product: f64,
}

/// Goes on with some atoms, compiled for each instruction set.
struct Advancing<'e, 'v, 'a, const P: usize> {
    equations: &'e Equations<'a, P>,
    step: f64,
    direction: &'e [f64],
    product: &'e [f64],
    part: &'e mut Part<'v>,
}

impl<const P: usize> Kernel for Advancing<'_, '_, '_, P> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) {
        let Self { equations, step, direction, product, part } = self;
        part.product = equations.advance_some(step, direction, product, part);
    }
}

/// Applies the rows of some atoms, compiled for each instruction set.
struct Applying<'e, 'a, const P: usize> {
    equations: &'e Equations<'a, P>,
    range: Range<usize>,
    x: &'e [f64],
    out: &'e mut [f64],
}

impl<const P: usize> Kernel for Applying<'_, '_, P> {
    type Output = f64;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> f64 {
        self.equations.rows(&self.range, self.x, self.out)
    }
}

// Products are added chunk by chunk, whatever the number of threads.
impl<const P: usize> Operator for Equations<'_, P> {
    fn apply(&self, x: &[f64], out: &mut [f64]) -> f64 {
        let n = self.scale.len();
        let whole = x;
        let mut spread = Vec::new();
        let x = if self.shares {
            spread.extend_from_slice(x);
            self.spread_shapes(&mut spread);
            &spread
        } else {
            x
        };
        let (atoms, ground) = out.split_at_mut(n * P);
        let mut parts: Vec<(usize, &mut [f64], f64)> = atoms
            .chunks_mut(CHUNK * P)
            .enumerate()
            .map(|(chunk, out)| (chunk * CHUNK, out, 0.0))
            .collect();
        parallel::for_each_with(
            &mut parts,
            self.threads(),
            || (),
            |(), (first, out, product)| {
                let range = *first..*first + out.len() / P;
                *product = self.instruction_set.run(Applying { equations: self, range, x, out });
            },
        );
        let product: f64 = parts.iter().map(|part| part.2).sum();
        if !ground.is_empty() {
            ground.copy_from_slice(&self.ground.correlate(&x[n * P..]));
            for (out, scale) in ground.iter_mut().zip(&self.ground_scale) {
                // A node that shines on no pixel stays as it is.
                if *scale == 0.0 {
                    *out = 0.0;
                }
            }
            let per_atom = self.nodes.len() / n.max(1);
            for (atom, x) in x[..n * P].chunks_exact(P).enumerate() {
                for (node, block) in &self.nodes[atom * per_atom..(atom + 1) * per_atom] {
                    for p in 0..P {
                        ground[*node as usize] += block[p] * x[p];
                    }
                }
            }
        }
        if self.shares {
            self.gather_shapes(out);
            return dot(whole, out);
        }
        product + dot(&x[n * P..], &out[n * P..])
    }

    fn advance(&self, step: f64, direction: &[f64], product: &[f64], at: &mut Place) -> f64 {
        let n = self.scale.len();
        let (x, ground_x) = at.x.split_at_mut(n * P);
        let (residual, ground_residual) = at.residual.split_at_mut(n * P);
        let (inverted, ground_inverted) = at.inverted.split_at_mut(n * P);
        let mut parts: Vec<Part<'_>> = x
            .chunks_mut(CHUNK * P)
            .zip(residual.chunks_mut(CHUNK * P))
            .zip(inverted.chunks_mut(CHUNK * P))
            .enumerate()
            .map(|(chunk, ((x, residual), inverted))| Part {
                first: chunk * CHUNK,
                x,
                residual,
                inverted,
                product: 0.0,
            })
            .collect();
        parallel::for_each_with(
            &mut parts,
            self.threads(),
            || (),
            |(), part| {
                let equations = self;
                self.instruction_set.run(Advancing { equations, step, direction, product, part });
            },
        );
        let total: f64 = parts.iter().map(|part| part.product).sum();
        for node in 0..ground_x.len() {
            ground_x[node] += step * direction[n * P + node];
            ground_residual[node] -= step * product[n * P + node];
        }
        // The background's unknowns are hardly coupled with one another.
        ground_inverted.copy_from_slice(ground_residual);
        total + dot(ground_residual, ground_inverted)
    }
}
