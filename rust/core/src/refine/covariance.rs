//! How uncertain the parameters of each atom are.

use crate::geometry::cells::{Cells, squared_distance};
use crate::simd::{Available, Kernel, Lanes};
use crate::{Result, parallel};

use super::assembled::pair_block;
use super::canvas::Canvas;
use super::model::{AMPLITUDE, COL, Model, ROW, TERMS};
use super::profile::{MOMENTS, Profile, Profiles, Scratch};
use super::solve::inverse;
use super::system::block;
use super::{Fit, Status};

/// Neighbours within so many sigmas share an atom's pixels: their parameters are uncertain too.
const NEAR: f64 = 4.5;
/// The most neighbours that are regarded.
const MOST_NEAR: usize = 8;
/// An amplitude is significant above so many standard deviations.
const SIGNIFICANT: f64 = 3.0;
/// Share of the squared profile that must lie on pixels with weight.
const LEAST_SEEN: f64 = 0.25;
/// An amplitude below this share of the brightest one is what rounding leaves.
const LEAST_AMPLITUDE: f64 = 1e-9;
/// Atoms per task.
const CHUNK: usize = 32;

/// Residuals at the end of a fit.
pub(super) struct Residuals<'a> {
    pub canvas: &'a Canvas<'a>,
    /// Image minus model, times the weight.
    pub residual: &'a [f32],
    pub weights: &'a [f32],
    /// Variance of a pixel of weight 1.
    pub dispersion: f64,
    /// The largest magnitude of a pixel.
    pub brightest: f64,
}

impl Residuals<'_> {
    /// Correlation of residuals of neighbouring columns.
    pub(super) fn autocorrelation(&self) -> f64 {
        let Canvas { rows, cols, stride, .. } = *self.canvas;
        let (mut products, mut squares) = (0.0, 0.0);
        for row in 0..rows {
            let line = &self.residual[row * stride..row * stride + cols];
            for pair in line.windows(2) {
                products += f64::from(pair[0]) * f64::from(pair[1]);
                squares += f64::from(pair[0]) * f64::from(pair[0]);
            }
        }
        if squares > 0.0 { products / squares } else { 0.0 }
    }
}

/// Describes the atoms: parameters, errors, and whether these can be told.
pub(super) fn describe<const P: usize, M: Model<P>>(
    residuals: &Residuals<'_>,
    profiles: &Profiles,
    atoms: &[[f64; P]],
) -> Result<Vec<Fit>> {
    let centres: Vec<[f64; 2]> = atoms.iter().map(|atom| [atom[ROW], atom[COL]]).collect();
    if centres.is_empty() {
        return Ok(Vec::new());
    }
    let (cells, order) = Cells::new(&centres);
    let jacobians: Vec<_> = atoms.iter().map(M::jacobian).collect();
    let canvas = residuals.canvas;
    let chunks: Vec<usize> = (0..atoms.len()).step_by(CHUNK).collect();
    let parts = parallel::map(&chunks, canvas.effort.threads, |&first| {
        let last = (first + CHUNK).min(atoms.len());
        canvas.instruction_set.run(Description::<'_, P, M> {
            residuals,
            profiles,
            atoms,
            jacobians: &jacobians,
            centres: &centres,
            cells: &cells,
            order: &order,
            first,
            last,
            model: std::marker::PhantomData,
        })
    });
    canvas.effort.check()?;
    Ok(parts.into_iter().flatten().collect())
}

struct Description<'a, const P: usize, M> {
    residuals: &'a Residuals<'a>,
    profiles: &'a Profiles,
    atoms: &'a [[f64; P]],
    jacobians: &'a [[[f64; TERMS]; P]],
    centres: &'a [[f64; 2]],
    cells: &'a Cells,
    order: &'a [u32],
    first: usize,
    last: usize,
    model: std::marker::PhantomData<M>,
}

impl<const P: usize, M: Model<P>> Kernel for Description<'_, P, M> {
    type Output = Vec<Fit>;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> Vec<Fit> {
        let mut scratch = Scratch::default();
        (self.first..self.last).map(|atom| self.of(atom, &mut scratch)).collect()
    }
}

impl<const P: usize, M: Model<P>> Description<'_, P, M> {
    #[inline(always)]
    fn of(&self, atom: usize, scratch: &mut Scratch) -> Fit {
        let canvas = self.residuals.canvas;
        let weights = canvas.padded(self.residuals.weights);
        let parameters = &self.atoms[atom];
        let sigma = M::sigma(parameters);
        let profile = self.profiles.of(atom);
        let moments = profile.squared_moments(weights, scratch);
        let [a, b, c] = M::precision(parameters);
        let mut fit = Fit {
            status: Status::Ok,
            centre: self.centres[atom],
            sigma,
            amplitude: parameters[AMPLITUDE],
            precision: [a, b, c],
            background: f64::NAN,
            residual: f64::NAN,
            iterations: 0,
            covariance: [[f64::NAN; 4]; 4],
            robust: [f64::NAN; 4],
        };
        // The sum of the squared profile over all pixels, were they all there with this weight.
        let whole = std::f64::consts::PI / (a * c - b * b).max(f64::MIN_POSITIVE).sqrt();
        if !(profile.seen(weights) > LEAST_SEEN * whole) {
            fit.status = Status::TooFewPixels;
            return fit;
        }
        let own = self.marginal(atom, &moments, whole);
        let Some(covariance) = inverse(&own) else {
            fit.status = Status::TooFewPixels;
            return fit;
        };
        let rows = self.rows(&profile, atom, &covariance);
        fit.residual = (rows.squares / rows.pixels.max(1.0)).sqrt();
        let by = M::sigma_gradient(parameters);
        let report = |matrix: &[[f64; P]; P]| {
            let mut rows = [[0.0; P]; 4];
            for (to, from) in [(0, ROW), (1, COL), (3, AMPLITUDE)] {
                rows[to][from] = 1.0;
            }
            rows[2] = by;
            let mut result = [[0.0; 4]; 4];
            for (i, left) in rows.iter().enumerate() {
                for (j, right) in rows.iter().enumerate() {
                    result[i][j] = (0..P)
                        .map(|p| left[p] * (0..P).map(|q| matrix[p][q] * right[q]).sum::<f64>())
                        .sum();
                }
            }
            result
        };
        let naive = report(&covariance);
        for (to, from) in fit.covariance.iter_mut().flatten().zip(naive.iter().flatten()) {
            *to = from * self.residuals.dispersion;
        }
        let (seen, expected) = (
            report(&sandwich(&covariance, &rows.seen)),
            report(&sandwich(&covariance, &rows.white)),
        );
        for (i, to) in fit.robust.iter_mut().enumerate() {
            let ratio = seen[i][i] / expected[i][i];
            *to = if expected[i][i] > 0.0 { naive[i][i] * ratio } else { f64::NAN };
        }
        let least = LEAST_AMPLITUDE * self.residuals.brightest;
        if !(fit.amplitude > (SIGNIFICANT * fit.covariance[3][3].sqrt()).max(least)) {
            fit.status = Status::NotSignificant;
        }
        fit
    }

    /// The atom's block of H less what its neighbours could explain as well.
    fn marginal(&self, atom: usize, moments: &[f64; MOMENTS], whole: f64) -> [[f64; P]; P] {
        let mut own = block(&self.jacobians[atom], moments);
        let reach = NEAR * M::sigma(&self.atoms[atom]);
        let mut near: Vec<(f64, usize)> = self
            .cells
            .around(self.centres[atom], reach)
            .spans()
            .flatten()
            .map(|number| self.order[number] as usize)
            .filter(|&other| other != atom)
            .map(|other| (squared_distance(self.centres[atom], self.centres[other]), other))
            .filter(|&(distance, _)| distance < reach * reach)
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        near.truncate(MOST_NEAR);
        if near.is_empty() {
            return own;
        }
        // The mean weight on the atom stands for those on the pixels that it shares.
        let mean = moments[0] / whole;
        let ones: Vec<usize> = near.iter().map(|&(_, other)| other).collect();
        let size = ones.len() * P;
        let mut among = vec![0.0; size * size];
        let mut cross = vec![0.0; size * P];
        for (i, &first) in ones.iter().enumerate() {
            let pair = self.pair(first, atom);
            for p in 0..P {
                for q in 0..P {
                    cross[(i * P + p) * P + q] = mean * pair[p][q];
                }
            }
            for (j, &second) in ones.iter().enumerate().take(i + 1) {
                let pair = self.pair(first, second);
                for p in 0..P {
                    for q in 0..P {
                        among[(i * P + p) * size + j * P + q] = mean * pair[p][q];
                        among[(j * P + q) * size + i * P + p] = mean * pair[p][q];
                    }
                }
            }
        }
        subtract_explained(&mut own, among, cross, size);
        own
    }

    /// The block of H between two atoms if all pixels have the weight 1.
    fn pair(&self, first: usize, second: usize) -> [[f64; P]; P] {
        let between = (&self.jacobians[first], &self.jacobians[second]);
        pair_block(&self.profiles.of(first), &self.profiles.of(second), between, 1.0)
    }

    /// What the rows of an atom's window say about its parameters.
    #[inline(always)]
    fn rows(&self, profile: &Profile<'_>, atom: usize, covariance: &[[f64; P]; P]) -> Rows<P> {
        let canvas = self.residuals.canvas;
        let residual = canvas.padded(self.residuals.residual);
        let weights = canvas.padded(self.residuals.weights);
        let jacobian = &self.jacobians[atom];
        let mut rows =
            Rows { seen: [[0.0; P]; P], white: [[0.0; P]; P], squares: 0.0, pixels: 0.0 };
        for line in 0..profile.window.rows {
            let sums = profile.line(line, residual, weights);
            rows.squares += sums.squares;
            rows.pixels += sums.pixels;
            let score: [f64; P] = std::array::from_fn(|p| {
                jacobian[p].iter().zip(sums.first).map(|(k, m)| k * m).sum()
            });
            let own = block(jacobian, &sums.second);
            let explained = sandwich(&own, covariance);
            for p in 0..P {
                for q in 0..P {
                    rows.seen[p][q] += score[p] * score[q];
                    rows.white[p][q] += own[p][q] - explained[p][q];
                }
            }
        }
        rows
    }
}

/// Sums over the rows of a window, the scan lines.
struct Rows<const P: usize> {
    /// Outer products of the rows' scores.
    seen: [[f64; P]; P],
    /// What these are expected to be in white noise of variance 1. Of a row's own block B of H a
    /// fit of covariance C leaves B - B C B.
    white: [[f64; P]; P],
    /// Squared residuals by the weight, and the number of pixels with weight.
    squares: f64,
    pixels: f64,
}

/// Describes an atom that was fitted alone.
#[inline(always)]
pub(super) fn describe_alone<const P: usize, M: Model<P>>(
    residuals: &Residuals<'_>,
    profiles: &Profiles,
    atom: &[f64; P],
    scratch: &mut Scratch,
) -> Fit {
    let centres = [[atom[ROW], atom[COL]]];
    let (cells, order) = Cells::new(&centres);
    let description = Description::<'_, P, M> {
        residuals,
        profiles,
        atoms: std::slice::from_ref(atom),
        jacobians: &[M::jacobian(atom)],
        centres: &centres,
        cells: &cells,
        order: &order,
        first: 0,
        last: 1,
        model: std::marker::PhantomData,
    };
    description.of(0, scratch)
}

/// C S C.
fn sandwich<const P: usize>(outer: &[[f64; P]; P], inner: &[[f64; P]; P]) -> [[f64; P]; P] {
    let times = |a: &[[f64; P]; P], b: &[[f64; P]; P]| -> [[f64; P]; P] {
        std::array::from_fn(|i| std::array::from_fn(|j| (0..P).map(|k| a[i][k] * b[k][j]).sum()))
    };
    times(&times(outer, inner), outer)
}

/// Subtracts crossᵀ among⁻¹ cross, by a Cholesky factor; nothing if there is none.
fn subtract_explained<const P: usize>(
    own: &mut [[f64; P]; P],
    mut among: Vec<f64>,
    mut cross: Vec<f64>,
    size: usize,
) {
    for i in 0..size {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| among[i * size + k] * among[j * size + k]).sum();
            let rest = among[i * size + j] - dot;
            if i == j {
                if !(rest > 1e-12 * among[i * size + i].abs()) {
                    return;
                }
                among[i * size + i] = rest.sqrt();
            } else {
                among[i * size + j] = rest / among[j * size + j];
            }
        }
        // Forward substitution of this row of the right sides.
        for q in 0..P {
            let dot: f64 = (0..i).map(|k| among[i * size + k] * cross[k * P + q]).sum();
            cross[i * P + q] = (cross[i * P + q] - dot) / among[i * size + i];
        }
    }
    let mut rest = *own;
    for p in 0..P {
        for q in 0..P {
            rest[p][q] -= (0..size).map(|k| cross[k * P + p] * cross[k * P + q]).sum::<f64>();
        }
    }
    if inverse(&rest).is_some() {
        *own = rest;
    }
}
