//! H in blocks of pairs of atoms, where these can be had without a look at the pixels.
//!
//! Where all pixels weigh the same, a pair's block is made of products of one-dimensional sums. Of
//! masked pixels the blocks know by how much of each atom is seen: an approximation, which changes
//! how many steps a fit takes and not where it ends, since the gradient is exact.

use crate::geometry::cells::{Cells, squared_distance};
use crate::simd::{Available, Kernel, Lanes};
use crate::{Result, parallel};

use super::canvas::Canvas;
use super::model::{COL, Model, POWERS, ROW, TERMS};
use super::profile::{Padded, Profile, Profiles, Scratch};

/// Peaks further apart than this, in sigmas of the wider one, share less than 3e-5 of their squares.
const REACH: f64 = 6.5;
/// Atoms per task.
const CHUNK: usize = 64;

/// The blocks of H beside its diagonal.
pub(super) struct Assembled<const P: usize> {
    /// Pairs of atoms, the one of lower number first, and the block between them.
    pub pairs: Vec<(u32, u32, [[f64; P]; P])>,
    /// Between each atom and a constant background.
    pub ground: Vec<[f64; P]>,
}

impl<const P: usize> Assembled<P> {
    /// Blocks between atoms that are free.
    pub(super) fn new<M: Model<P>>(
        canvas: &Canvas<'_>,
        profiles: &Profiles,
        atoms: &[[f64; P]],
        jacobians: &[[[f64; TERMS]; P]],
        weights: &[f32],
        free: &[bool],
    ) -> Result<Self> {
        let centres: Vec<[f64; 2]> = atoms.iter().map(|atom| [atom[ROW], atom[COL]]).collect();
        let (cells, order) = Cells::new(&centres);
        let widest = atoms.iter().map(M::sigma).fold(0.0, f64::max);
        let chunks: Vec<usize> = (0..atoms.len()).step_by(CHUNK).collect();
        let seen: Vec<(f64, [f64; P])> = parallel::map(&chunks, canvas.effort.threads, |&first| {
            canvas.instruction_set.run(Sight {
                profiles,
                jacobians,
                weights: canvas.padded(weights),
                first,
                free,
                last: (first + CHUNK).min(atoms.len()),
            })
        })
        .into_iter()
        .flatten()
        .collect();
        let parts = parallel::map(&chunks, canvas.effort.threads, |&first| {
            let mut pairs = Vec::new();
            for atom in (first..(first + CHUNK).min(atoms.len())).filter(|&atom| free[atom]) {
                let profile = profiles.of(atom);
                let near = cells.around(centres[atom], REACH * widest).spans().flatten();
                let mut others: Vec<usize> = near
                    .map(|number| order[number] as usize)
                    .filter(|&other| other > atom && free[other])
                    .collect();
                others.sort_unstable();
                for other in others {
                    let reach = REACH * M::sigma(&atoms[atom]).max(M::sigma(&atoms[other]));
                    if squared_distance(centres[atom], centres[other]) < reach * reach {
                        let share = (seen[atom].0 * seen[other].0).sqrt();
                        let between = (&jacobians[atom], &jacobians[other]);
                        let block = pair_block(&profile, &profiles.of(other), between, share);
                        pairs.push((atom as u32, other as u32, block));
                    }
                }
            }
            pairs
        });
        canvas.effort.check()?;
        Ok(Self {
            pairs: parts.into_iter().flatten().collect(),
            ground: seen.into_iter().map(|(_, ground)| ground).collect(),
        })
    }
}

/// The block of H between two atoms on pixels of one weight.
pub(super) fn pair_block<const P: usize>(
    one: &Profile<'_>,
    other: &Profile<'_>,
    (left, right): (&[[f64; TERMS]; P], &[[f64; TERMS]; P]),
    weight: f64,
) -> [[f64; P]; P] {
    let sums = one.overlap(other);
    let mut block = [[0.0; P]; P];
    for (p, left) in left.iter().enumerate() {
        for (q, right) in right.iter().enumerate() {
            for (s, (i, j)) in left.iter().zip(POWERS) {
                if *s == 0.0 {
                    continue;
                }
                for (t, (k, l)) in right.iter().zip(POWERS) {
                    if *t != 0.0 {
                        block[p][q] += weight * s * t * sums.rows[i][k] * sums.cols[j][l];
                    }
                }
            }
        }
    }
    block
}

/// For each atom the share of its squared profile that has weight, and its block with a constant.
struct Sight<'a, const P: usize> {
    profiles: &'a Profiles,
    jacobians: &'a [[[f64; TERMS]; P]],
    weights: Padded<'a>,
    free: &'a [bool],
    first: usize,
    last: usize,
}

impl<const P: usize> Kernel for Sight<'_, P> {
    type Output = Vec<(f64, [f64; P])>;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> Self::Output {
        let mut scratch = Scratch::default();
        (self.first..self.last)
            .map(|atom| {
                if !self.free[atom] {
                    return (0.0, [0.0; P]);
                }
                let profile = self.profiles.of(atom);
                let moments = profile.moments(self.weights, &mut scratch);
                let ground = std::array::from_fn(|p| {
                    self.jacobians[atom][p].iter().zip(moments).map(|(k, m)| k * m).sum()
                });
                let own = profile.overlap(&profile);
                let whole = own.rows[0][0] * own.cols[0][0];
                let share = if whole > 0.0 { profile.seen(self.weights) / whole } else { 0.0 };
                (share, ground)
            })
            .collect()
    }
}
