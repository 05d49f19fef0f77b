//! How uncertain the parameters of each atom are.

use std::ops::Range;

use crate::geometry::cells::{Cells, squared_distance};
use crate::image::{Image, Pixel};
use crate::simd::{Available, Kernel, Lanes};
use crate::{Result, parallel};

use super::blocks::row_block;
use super::levenberg::Walk;
use super::look::{Desk, Look, Scene};
use super::model::{AMPLITUDE, COL, Model, ROW, SHAPE};
use super::profile::Profiles;
use super::region::Region;
use super::seen::Seen;
use super::sheet::Sheet;
use super::solve::{conjugate_gradients, inverse, subtract_explained};
use super::sums::{RowSums, Rows};
use super::{Fit, Status, walk};

/// Neighbours within this many sigmas share an atom's pixels: their parameters are uncertain too.
const NEAR: f64 = 4.5;
/// The most neighbours that are regarded.
const MOST_NEAR: usize = 8;
/// An amplitude is significant above this many standard deviations.
const SIGNIFICANT: f64 = 3.0;
/// Share of the squared profile that must lie on pixels with weight.
const LEAST_SEEN: f64 = 0.25;
/// An amplitude below this share of the brightest one is what rounding leaves.
const LEAST_AMPLITUDE: f64 = 1e-9;
/// Atoms per task.
const CHUNK: usize = 64;
/// How exactly the background's share of the errors is solved for.
const TOLERANCE: f64 = 1e-2;
const MOST_CONJUGATE_STEPS: usize = 60;

/// Describes the atoms: parameters, errors, and whether these can be told; and tells how
/// residuals of neighbouring columns are correlated.
pub(super) fn describe<const P: usize, M: Model<P>, T: Pixel>(
    walk: &mut Walk<'_, T, P>,
    steps: usize,
) -> Result<(Vec<Fit>, f64)> {
    let look = walk.look::<M>()?;
    let covariances = covariances::<P, M, T>(walk, &look);
    let scene = walk.scene;
    let n_parameters = P * walk.len() + walk.state.ground.len();
    let left = scene.admitted.count.saturating_sub(n_parameters).max(1);
    let (mut fits, autocorrelation) = describe_rows::<P, M, T>(walk, &covariances)?;
    let noise = Noise { dispersion: look.squares / left as f64, brightest: brightest(scene.image) };
    for (atom, fit) in fits.iter_mut().enumerate() {
        noise.judge(fit, look.atoms[atom].weight > LEAST_SEEN * fullest(&scene, &look));
        let [row, col] = fit.centre;
        fit.background = scene.ground.at(&walk.state.ground, row, col);
        fit.iterations = walk.settled[atom].unwrap_or(steps as u32);
        let of = (&walk.state.atoms[atom], &walk.starts[atom], walk.bound(atom));
        fit.status = walk::status::<P, M>(fit, scene.shape(), of, walk.settled[atom].is_some());
    }
    Ok((fits, autocorrelation))
}

/// The weight that a pixel may have at most.
fn fullest<const P: usize, T: Pixel>(scene: &Scene<'_, T>, look: &Look<P>) -> f64 {
    // By Poisson's law weights fall with height: none of an atom that is seen whole is below those
    // of the brightest.
    if scene.floor.is_none() {
        return 1.0;
    }
    let mut weights: Vec<f64> = look.atoms.iter().map(|seen| seen.weight).collect();
    if weights.is_empty() {
        return 0.0;
    }
    let middle = weights.len() / 10;
    *weights.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// What the errors of all atoms are measured by.
pub(super) struct Noise {
    /// Variance of a pixel of weight 1.
    pub dispersion: f64,
    /// The largest magnitude of a pixel.
    pub brightest: f64,
}

impl Noise {
    /// Turns the covariances for a variance of 1 into those of this noise, and judges whether there
    /// is an atom at all.
    pub(super) fn judge(&self, fit: &mut Fit, is_seen: bool) {
        for entry in fit.covariance.iter_mut().flatten() {
            *entry *= self.dispersion;
        }
        if fit.status != Status::Ok {
            return;
        }
        let least = LEAST_AMPLITUDE * self.brightest;
        if !is_seen {
            fit.status = Status::TooFewPixels;
        } else if !(fit.amplitude > (SIGNIFICANT * fit.covariance[3][3].sqrt()).max(least)) {
            fit.status = Status::NotSignificant;
        }
    }
}

/// The largest magnitude of a pixel; NaN is none.
fn brightest<T: Pixel>(image: &Image<T>) -> f64 {
    image.pixels().iter().fold(0.0, |most: f64, pixel| most.max(pixel.to_f64().abs()))
}

/// Covariances of the parameters of each atom if a pixel of weight 1 has the variance 1; None where
/// there is none.
fn covariances<const P: usize, M: Model<P>, T: Pixel>(
    walk: &Walk<'_, T, P>,
    look: &Look<P>,
) -> Vec<Option<[[f64; P]; P]>> {
    let n = walk.len();
    let atoms = &walk.state.atoms[..n];
    if n == 0 {
        return Vec::new();
    }
    let marginal = Marginal::<'_, P, M>::new(atoms, &look.atoms);
    let chunks: Vec<usize> = (0..n).step_by(CHUNK).collect();
    let threads = walk.scene.effort.threads;
    let mut covariances: Vec<_> = if walk.scene.options.share_shape {
        let parts = parallel::map(&chunks, threads, |&first| {
            (first..(first + CHUNK).min(n)).map(|atom| marginal.of(atom)).collect::<Vec<_>>()
        });
        let mut blocks: Vec<_> = parts.into_iter().flatten().collect();
        pool_shapes(&mut blocks, &walk.owner);
        blocks.iter().map(inverse).collect()
    } else {
        let parts = parallel::map(&chunks, threads, |&first| {
            let atoms = first..(first + CHUNK).min(n);
            atoms.map(|atom| inverse(&marginal.of(atom))).collect::<Vec<_>>()
        });
        parts.into_iter().flatten().collect()
    };
    drop(marginal);
    // A background that is fitted as well: the column of the inverse of H that belongs to it,
    // divided by the root of its own entry, is what its error adds to those of all others.
    let (zeros, all) = (vec![0.0; n], vec![[true; P]; n]);
    let equations = walk.information::<M>(look, &zeros, &all);
    let nodes = walk.state.ground.len();
    if nodes == 1 && look.ground_diagonal[0] > 0.0 {
        let mut right = vec![0.0; equations.len()];
        right[n * P] = 1.0;
        let x = conjugate_gradients(&equations, &right, TOLERANCE, MOST_CONJUGATE_STEPS);
        let own = x[n * P];
        let (changes, _) = equations.changes(x);
        for (covariance, change) in covariances.iter_mut().zip(changes) {
            if let (Some(covariance), true) = (covariance, own > 0.0) {
                for p in 0..P {
                    for q in 0..P {
                        covariance[p][q] += change[p] * change[q] / own;
                    }
                }
            }
        }
    } else {
        add_nodes::<P, M, T>(walk, look, &mut covariances);
    }
    covariances
}

/// Lets each atom know of its shape what all atoms that share it know.
///
/// What one of them knows, its own place and height being unknown, is a Schur complement of its
/// block. Those of all others are added to the block.
fn pool_shapes<const P: usize>(blocks: &mut [[[f64; P]; P]], owner: &[u32]) {
    let own: Vec<[[f64; P]; P]> = blocks.iter().map(of_shape).collect();
    let mut all = vec![[[0.0; P]; P]; blocks.len()];
    for (known, &owner) in own.iter().zip(owner) {
        add(&mut all[owner as usize], known, 1.0);
    }
    for ((block, known), &owner) in blocks.iter_mut().zip(&own).zip(owner) {
        add(block, &all[owner as usize], 1.0);
        add(block, known, -1.0);
    }
}

fn add<const P: usize>(sum: &mut [[f64; P]; P], more: &[[f64; P]; P], share: f64) {
    for (sum, more) in sum.iter_mut().flatten().zip(more.iter().flatten()) {
        *sum += share * more;
    }
}

/// The part of an atom's block that belongs to its shape, less what the other parameters explain; 0
/// elsewhere, and everywhere if these cannot be told.
fn of_shape<const P: usize>(block: &[[f64; P]; P]) -> [[f64; P]; P] {
    let mut others = *block;
    for p in SHAPE..P {
        for q in 0..P {
            (others[p][q], others[q][p]) = (0.0, 0.0);
        }
        others[p][p] = 1.0;
    }
    let Some(inverse) = inverse(&others) else { return [[0.0; P]; P] };
    let mut rest = [[0.0; P]; P];
    for p in SHAPE..P {
        for q in SHAPE..P {
            rest[p][q] = block[p][q];
            for i in 0..SHAPE {
                for j in 0..SHAPE {
                    rest[p][q] -= block[p][i] * inverse[i][j] * block[j][q];
                }
            }
        }
    }
    rest
}

/// Adds what the errors of a smooth background's nodes add, each node being taken by itself.
fn add_nodes<const P: usize, M: Model<P>, T: Pixel>(
    walk: &Walk<'_, T, P>,
    look: &Look<P>,
    covariances: &mut [Option<[[f64; P]; P]>],
) {
    let ground = walk.scene.ground;
    let mut rest = look.ground_diagonal.clone();
    let explained: Vec<Option<([f64; P], f64)>> = covariances
        .iter()
        .zip(&look.atoms)
        .map(|(covariance, seen)| {
            covariance.map(|covariance| {
                let by = covariance
                    .map(|row| row.iter().zip(seen.constant).map(|(a, b)| a * b).sum::<f64>());
                (by, by.iter().zip(seen.constant).map(|(a, b)| a * b).sum())
            })
        })
        .collect();
    let around = |atom: usize| {
        let parameters = &walk.state.atoms[atom];
        ground.around(parameters[ROW], parameters[COL])
    };
    for (atom, explained) in explained.iter().enumerate() {
        if let Some((_, explained)) = explained {
            for (node, [share, ..]) in around(atom) {
                rest[node] -= share * share * explained;
            }
        }
    }
    for (atom, explained) in explained.iter().enumerate() {
        if let (Some(covariance), Some((by, _))) = (&mut covariances[atom], explained) {
            let variance: f64 = around(atom)
                .into_iter()
                .filter(|&(node, _)| rest[node] > 0.0)
                .map(|(node, [share, ..])| share * share / rest[node])
                .sum();
            for p in 0..P {
                for q in 0..P {
                    covariance[p][q] += by[p] * by[q] * variance;
                }
            }
        }
    }
}

/// Blocks of H less what neighbours explain.
struct Marginal<'a, const P: usize, M> {
    atoms: &'a [[f64; P]],
    seen: &'a [Seen<P>],
    cells: Cells,
    order: Vec<u32>,
    model: std::marker::PhantomData<M>,
}

impl<'a, const P: usize, M: Model<P>> Marginal<'a, P, M> {
    fn new(atoms: &'a [[f64; P]], seen: &'a [Seen<P>]) -> Self {
        let centres: Vec<[f64; 2]> = atoms.iter().map(|atom| [atom[ROW], atom[COL]]).collect();
        let (cells, order) = Cells::new(&centres);
        Self { atoms, seen, cells, order, model: std::marker::PhantomData }
    }

    /// The atom's block of H less what its neighbours could explain as well.
    fn of(&self, atom: usize) -> [[f64; P]; P] {
        let own = self.seen[atom].own;
        let centre = |atom: usize| [self.atoms[atom][ROW], self.atoms[atom][COL]];
        let reach = NEAR * M::sigma(&self.atoms[atom]);
        let mut near: Vec<(f64, usize)> = self
            .cells
            .around(centre(atom), reach)
            .spans()
            .flatten()
            .map(|number| self.order[number] as usize)
            .filter(|&other| other != atom)
            .map(|other| (squared_distance(centre(atom), centre(other)), other))
            .filter(|&(distance, _)| distance < reach * reach)
            .collect();
        if near.is_empty() {
            return own;
        }
        near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        near.truncate(MOST_NEAR);
        let ones: Vec<usize> = near.iter().map(|&(_, other)| other).collect();
        let size = ones.len() * P;
        let mut among = vec![0.0; size * size];
        let mut cross = vec![0.0; size * P];
        for (i, &first) in ones.iter().enumerate() {
            let pair = self.pair(first, atom);
            for p in 0..P {
                cross[(i * P + p) * P..(i * P + p + 1) * P].copy_from_slice(&pair[p]);
            }
            for (j, &second) in ones.iter().enumerate().take(i + 1) {
                let pair = if i == j { self.seen[first].own } else { self.pair(first, second) };
                for p in 0..P {
                    for q in 0..P {
                        among[(i * P + p) * size + j * P + q] = pair[p][q];
                        among[(j * P + q) * size + i * P + p] = pair[p][q];
                    }
                }
            }
        }
        subtract_explained(&own, among, cross, size)
    }

    fn pair(&self, first: usize, second: usize) -> [[f64; P]; P] {
        let weight = (self.seen[first].weight * self.seen[second].weight).sqrt();
        M::pair_block(&self.atoms[first], &self.atoms[second])
            .map(|row| row.map(|entry| weight * entry))
    }
}

/// What rows of residuals say of each atom: a last look at all regions.
fn describe_rows<const P: usize, M: Model<P>, T: Pixel>(
    walk: &Walk<'_, T, P>,
    covariances: &[Option<[[f64; P]; P]>],
) -> Result<(Vec<Fit>, f64)> {
    let Walk { scene, regions, state, .. } = walk;
    let places = scene.places::<P, M>(&state.atoms, regions);
    let indices: Vec<usize> = (0..regions.len()).collect();
    let parts =
        parallel::map_with(&indices, scene.effort.threads, Desk::default, |desk, &index| {
            if (scene.effort.interrupted)() {
                return None;
            }
            let (region, outer) = (&regions[index], places.lookup.outer(index, &regions[index]));
            let Region { core, home } = region;
            scene.paint::<P, M>(state, &places, (core, outer, home), desk);
            let range = desk.first..desk.first + home.len();
            let whole: Vec<bool> =
                range.clone().map(|index| scene.is_whole(&desk.profiles.of(index))).collect();
            let weights = (!desk.is_plain).then_some(&desk.weights);
            let fits = scene.instruction_set.run(Describing::<P, M> {
                atoms: &state.atoms[home.clone()],
                covariances: &covariances[home.clone()],
                profiles: &desk.profiles,
                range,
                residual: &desk.residual,
                weights,
                has_law: scene.floor.is_some(),
                whole: &whole,
                model: std::marker::PhantomData,
            });
            let (mut products, mut squares) = (0.0, 0.0);
            for row in core.row..core.end_row() {
                let line = desk.residual.line(row, core.col, core.cols);
                for pair in line.windows(2) {
                    products += pair[0] * pair[1];
                    squares += pair[0] * pair[0];
                }
            }
            Some((fits, products, squares))
        });
    scene.effort.check()?;
    let (mut fits, mut products, mut squares) = (Vec::with_capacity(walk.len()), 0.0, 0.0);
    for (of_region, product, square) in parts.into_iter().flatten() {
        fits.extend(of_region);
        products += product;
        squares += square;
    }
    Ok((fits, if squares > 0.0 { products / squares } else { 0.0 }))
}

/// Describes some atoms, compiled for each instruction set.
struct Describing<'a, const P: usize, M> {
    atoms: &'a [[f64; P]],
    covariances: &'a [Option<[[f64; P]; P]>],
    profiles: &'a Profiles,
    /// Which of the profiles are theirs.
    range: Range<usize>,
    residual: &'a Sheet,
    /// None where all are 1.
    weights: Option<&'a Sheet>,
    /// Whether weights follow Poisson's law, else they are 0 or 1.
    has_law: bool,
    /// For each atom whether its weights are 1 on all of its window.
    whole: &'a [bool],
    model: std::marker::PhantomData<M>,
}

impl<const P: usize, M: Model<P>> Kernel for Describing<'_, P, M> {
    type Output = Vec<Fit>;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> Vec<Fit> {
        let mut rows = Rows::default();
        let atoms = self.atoms.iter().zip(self.covariances).zip(self.range).zip(self.whole);
        atoms
            .map(|(((atom, covariance), index), &is_whole)| {
                let weights = self.weights.filter(|_| !is_whole);
                let profile = self.profiles.of(index);
                rows.sum(available, &profile, self.residual, weights, self.has_law);
                describe_one::<P, M>(atom, covariance.as_ref(), &rows)
            })
            .collect()
    }
}

/// Describes one atom for a variance of 1 of a pixel of weight 1.
#[inline(always)]
pub(super) fn describe_one<const P: usize, M: Model<P>>(
    atom: &[f64; P],
    covariance: Option<&[[f64; P]; P]>,
    Rows { sums, squares, pixels }: &Rows,
) -> Fit {
    let mut fit = Fit {
        status: Status::Ok,
        centre: [atom[ROW], atom[COL]],
        sigma: M::sigma(atom),
        amplitude: atom[AMPLITUDE],
        precision: M::precision(atom),
        background: f64::NAN,
        residual: f64::NAN,
        iterations: 0,
        covariance: [[f64::NAN; 4]; 4],
        robust: [f64::NAN; 4],
    };
    let Some(covariance) = covariance else {
        fit.status = Status::TooFewPixels;
        return fit;
    };
    // Row, column, sigma and amplitude by the parameters of the model, and their covariances with
    // these parameters.
    let mut reported = [[0.0; P]; 4];
    for (to, from) in [(0, ROW), (1, COL), (3, AMPLITUDE)] {
        reported[to][from] = 1.0;
    }
    reported[2] = M::sigma_gradient(atom);
    let times = |matrix: &[[f64; P]; P], x: &[f64; P]| -> [f64; P] {
        std::array::from_fn(|p| dot(&matrix[p], x))
    };
    let weighted = reported.map(|by| times(covariance, &by));
    for i in 0..4 {
        for j in 0..4 {
            fit.covariance[i][j] = dot(&reported[i], &weighted[j]);
        }
    }
    let jacobian = M::jacobian(atom);
    // Of a row's own block B of H a fit of covariance C leaves B - B C B of the scores.
    let (mut seen, mut white) = ([0.0; 4], [0.0; 4]);
    for RowSums { x, off, squared } in sums {
        let score: [f64; P] = jacobian.map(|[k, kx, kxx, ky, kxy, kyy]| {
            (k + x * (kx + x * kxx)) * off[0] + (ky + x * kxy) * off[1] + kyy * off[2]
        });
        let block = row_block(&jacobian, *x, squared);
        for i in 0..4 {
            let score = dot(&weighted[i], &score);
            let through = times(&block, &weighted[i]);
            seen[i] += score * score;
            white[i] += dot(&weighted[i], &through) - dot(&through, &times(covariance, &through));
        }
    }
    fit.residual = (squares / pixels.max(1.0)).sqrt();
    for i in 0..4 {
        fit.robust[i] =
            if white[i] > 0.0 { fit.covariance[i][i] * seen[i] / white[i] } else { f64::NAN };
    }
    fit
}

#[inline(always)]
fn dot<const P: usize>(a: &[f64; P], b: &[f64; P]) -> f64 {
    let mut sum = 0.0;
    for p in 0..P {
        sum += a[p] * b[p];
    }
    sum
}
