//! Profiles of peaks on the pixels around them, and sums over these pixels.

use super::model::{COL, Model, POWERS, ROW, TERMS};

/// Columns of a window are a multiple of this, with a profile of 0 where it is wider than the peak,
/// so that loops over them have no remainder. Images have as many columns of padding.
pub(super) const LANES: usize = 8;

/// Number of monomials in x and y up to the fourth degree.
pub(super) const MOMENTS: usize = 15;

/// Index of the monomial `x^i y^j` among these, by i and j.
const MOMENT: [[usize; 5]; 5] = {
    let mut table = [[usize::MAX; 5]; 5];
    let (mut next, mut i) = (0, 0);
    while i < 5 {
        let mut j = 0;
        while i + j < 5 {
            table[i][j] = next;
            next += 1;
            j += 1;
        }
        i += 1;
    }
    table
};

/// The pixels around an atom that its profile is not negligible on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    /// First row and number of rows.
    pub row: usize,
    pub rows: usize,
    /// First column and number of columns, a multiple of [`LANES`].
    pub col: usize,
    pub cols: usize,
    /// Distance of the first row and column from the centre.
    x: f64,
    y: f64,
    /// Where its values begin.
    at: usize,
}

/// Profiles of all atoms.
pub(super) struct Profiles {
    pub windows: Vec<Window>,
    values: Vec<f64>,
    cross: bool,
}

impl Profiles {
    /// Computes the profiles of atoms on an image of this shape, as far as `reach` sigmas.
    pub(super) fn new<const P: usize, M: Model<P>>(
        atoms: &[[f64; P]],
        shape: [usize; 2],
        reach: f64,
    ) -> Self {
        let mut profiles =
            Self { windows: Vec::with_capacity(atoms.len()), values: Vec::new(), cross: M::CROSS };
        for atom in atoms {
            let [a, b, c] = M::precision(atom);
            let determinant = (a * c - b * b).max(f64::MIN_POSITIVE);
            // Half sides of the box around the ellipse on which the exponent is -reach² / 2.
            let (half_rows, half_cols) =
                (reach * (c / determinant).sqrt(), reach * (a / determinant).sqrt());
            let (row, rows) = span(atom[ROW], half_rows, shape[0]);
            let (col, cols) = span(atom[COL], half_cols, shape[1]);
            let mut window = Window { at: profiles.values.len(), ..Window::default() };
            if rows > 0 && cols > 0 {
                let padded = cols.next_multiple_of(LANES);
                window = Window {
                    row,
                    rows,
                    col,
                    cols: padded,
                    x: row as f64 - atom[ROW],
                    y: col as f64 - atom[COL],
                    at: profiles.values.len(),
                };
                gaussian(&mut profiles.values, rows, window.x, a);
                gaussian(&mut profiles.values, cols, window.y, c);
                profiles.values.resize(window.at + rows + padded, 0.0);
                if M::CROSS {
                    // exp(-b x y), from the first row on by a factor a row.
                    let y = |k: usize| window.y + k as f64;
                    profiles.values.extend((0..padded).map(|k| (-b * window.x * y(k)).exp()));
                    profiles.values.extend((0..padded).map(|k| (-b * y(k)).exp()));
                }
            }
            profiles.windows.push(window);
        }
        profiles
    }

    /// The profile of an atom.
    #[inline(always)]
    pub(super) fn of(&self, index: usize) -> Profile<'_> {
        let window = self.windows[index];
        let (rows, rest) = self.values[window.at..].split_at(window.rows);
        let (cols, rest) = rest.split_at(window.cols);
        let cross = self.cross.then(|| (&rest[..window.cols], &rest[window.cols..2 * window.cols]));
        Profile { window, rows, cols, cross }
    }
}

/// First index and number of the pixels of an axis within `half` of `centre`.
fn span(centre: f64, half: f64, len: usize) -> (usize, usize) {
    let first = (centre - half).ceil().max(0.0);
    let last = (centre + half).floor().min(len as f64 - 1.0);
    if first <= last { (first as usize, (last - first) as usize + 1) } else { (0, 0) }
}

/// Appends exp(-p (x + k)² / 2) for k from 0 to len - 1.
///
/// From the pixel nearest to the centre outwards each value is the one before times a factor that
/// itself changes by a constant one: three exponentials in all.
fn gaussian(values: &mut Vec<f64>, len: usize, x: f64, p: f64) {
    let at = values.len();
    values.resize(at + len, 0.0);
    let out = &mut values[at..];
    let middle = (-x).round().clamp(0.0, len as f64 - 1.0) as usize;
    let nearest = x + middle as f64;
    let constant = (-p).exp();
    let value = (-0.5 * p * nearest * nearest).exp();
    out[middle] = value;
    let (mut up, mut factor) = (value, (-p * (nearest + 0.5)).exp());
    for slot in &mut out[middle + 1..] {
        up *= factor;
        factor *= constant;
        *slot = up;
    }
    let (mut down, mut factor) = (value, (p * (nearest - 0.5)).exp());
    for slot in out[..middle].iter_mut().rev() {
        down *= factor;
        factor *= constant;
        *slot = down;
    }
}

/// Working memory of a thread, for sums over the rows of a window.
#[derive(Default)]
pub(super) struct Scratch {
    sums: Vec<f64>,
    cross: Vec<f64>,
}

/// The profile of one atom on its window: `rows[i] * cols[k]`, times exp(-b x y) if x and y mix.
#[derive(Clone, Copy)]
pub(super) struct Profile<'a> {
    pub window: Window,
    rows: &'a [f64],
    cols: &'a [f64],
    cross: Option<(&'a [f64], &'a [f64])>,
}

impl Profile<'_> {
    /// Sums of `y` times the profile times each monomial of the second degree over the window.
    #[inline(always)]
    pub(super) fn moments(&self, y: Padded<'_>, scratch: &mut Scratch) -> [f64; TERMS] {
        let sums = self.row_sums::<3, 1>(y, scratch);
        let mut moments = [0.0; TERMS];
        for (moment, (i, j)) in moments.iter_mut().zip(POWERS) {
            *moment = self.along_columns::<1>(&sums[i * self.window.cols..], j);
        }
        moments
    }

    /// Sums of `y` times the squared profile times each monomial of the fourth degree.
    #[inline(always)]
    pub(super) fn squared_moments(&self, y: Padded<'_>, scratch: &mut Scratch) -> [f64; MOMENTS] {
        let sums = self.row_sums::<5, 2>(y, scratch);
        let mut moments = [0.0; MOMENTS];
        for i in 0..5 {
            for j in 0..5 - i {
                moments[MOMENT[i][j]] = self.along_columns::<2>(&sums[i * self.window.cols..], j);
            }
        }
        moments
    }

    /// For each power of x below `POWERS` the sum over rows of `y` times the rows' profile.
    #[inline(always)]
    fn row_sums<'s, const DEGREES: usize, const SQUARED: i32>(
        &self,
        y: Padded<'_>,
        scratch: &'s mut Scratch,
    ) -> &'s [f64] {
        let Window { row, rows, col, cols, .. } = self.window;
        let Scratch { sums, cross } = scratch;
        sums.clear();
        sums.resize(DEGREES * cols, 0.0);
        cross.clear();
        if let Some((first, _)) = self.cross {
            cross.extend_from_slice(first);
        }
        for i in 0..rows {
            let x = self.window.x + i as f64;
            let line = &y.row(row + i)[col..col + cols];
            let profile = if SQUARED == 2 { self.rows[i] * self.rows[i] } else { self.rows[i] };
            let mut weights = [profile; DEGREES];
            for degree in 1..DEGREES {
                weights[degree] = weights[degree - 1] * x;
            }
            if let Some((_, factors)) = self.cross {
                for degree in 0..DEGREES {
                    let sums = &mut sums[degree * cols..(degree + 1) * cols];
                    for ((sum, &value), &mixed) in sums.iter_mut().zip(line).zip(cross.iter()) {
                        let mixed = if SQUARED == 2 { mixed * mixed } else { mixed };
                        *sum += weights[degree] * (f64::from(value) * mixed);
                    }
                }
                for (mixed, factor) in cross.iter_mut().zip(factors) {
                    *mixed *= factor;
                }
            } else {
                for degree in 0..DEGREES {
                    let sums = &mut sums[degree * cols..(degree + 1) * cols];
                    for (sum, &value) in sums.iter_mut().zip(line) {
                        *sum += weights[degree] * f64::from(value);
                    }
                }
            }
        }
        sums
    }

    /// The sum over columns of `sums` times the columns' profile times `y^degree`.
    #[inline(always)]
    fn along_columns<const SQUARED: i32>(&self, sums: &[f64], degree: usize) -> f64 {
        let mut lanes = [0.0; LANES];
        let (profiles, _) = self.cols.as_chunks::<LANES>();
        let (sums, _) = sums.as_chunks::<LANES>();
        for (chunk, (profile, sums)) in profiles.iter().zip(sums).enumerate() {
            let first = self.window.y + (LANES * chunk) as f64;
            for lane in 0..LANES {
                let y = first + lane as f64;
                let profile =
                    if SQUARED == 2 { profile[lane] * profile[lane] } else { profile[lane] };
                let power = match degree {
                    0 => 1.0,
                    1 => y,
                    2 => y * y,
                    3 => y * y * y,
                    _ => (y * y) * (y * y),
                };
                lanes[lane] += sums[lane] * (profile * power);
            }
        }
        lanes.iter().sum()
    }

    /// Adds the profile times a polynomial to the rows and columns of a tile.
    #[inline(always)]
    pub(super) fn add(&self, polynomial: &[f64; TERMS], tile: &mut Tile<'_>) {
        let Window { row, rows, col, cols, .. } = self.window;
        let (first_row, last_row) = (row.max(tile.row), (row + rows).min(tile.row + tile.rows));
        let (first_col, last_col) = (col.max(tile.col), (col + cols).min(tile.col + tile.cols));
        if first_row >= last_row || first_col >= last_col {
            return;
        }
        let profile = &self.cols[first_col - col..last_col - col];
        let left = self.window.y + (first_col - col) as f64;
        if let Some((first, factors)) = self.cross {
            // exp(-b x y) on the first row of the tile; each further row has a factor more.
            let steps = (first_row - row) as i32;
            tile.mixed.clear();
            tile.mixed.extend(
                first[first_col - col..last_col - col]
                    .iter()
                    .zip(&factors[first_col - col..last_col - col])
                    .map(|(first, factor)| first * factor.powi(steps)),
            );
        }
        for line in first_row..last_row {
            let x = self.window.x + (line - row) as f64;
            let at = (line - tile.row) * tile.cols;
            let out = &mut tile.out[at + first_col - tile.col..at + last_col - tile.col];
            let [one, x1, x2, y1, xy, y2] = polynomial;
            let height = self.rows[line - row];
            let coefficients =
                [height * (one + x1 * x + x2 * x * x), height * (y1 + xy * x), height * y2];
            match self.cross {
                None if coefficients[1] == 0.0 && coefficients[2] == 0.0 => {
                    for (out, profile) in out.iter_mut().zip(profile) {
                        *out += coefficients[0] * profile;
                    }
                }
                None => {
                    for (k, (out, profile)) in out.iter_mut().zip(profile).enumerate() {
                        let y = left + k as f64;
                        let value = coefficients[0] + y * (coefficients[1] + y * coefficients[2]);
                        *out += profile * value;
                    }
                }
                Some((_, factors)) => {
                    let factors = &factors[first_col - col..last_col - col];
                    for (k, ((out, profile), (mixed, factor))) in out
                        .iter_mut()
                        .zip(profile)
                        .zip(tile.mixed.iter_mut().zip(factors))
                        .enumerate()
                    {
                        let y = left + k as f64;
                        let value = coefficients[0] + y * (coefficients[1] + y * coefficients[2]);
                        *out += (profile * *mixed) * value;
                        *mixed *= factor;
                    }
                }
            }
        }
    }
}

/// Sums over one row of a window.
pub(super) struct LineSums {
    /// Of the residual times the profile times the monomials of the second degree.
    pub first: [f64; TERMS],
    /// Of the weight times the squared profile times the monomials of the fourth degree.
    pub second: [f64; MOMENTS],
    /// Of the squared residual by the weight, and the number of pixels with weight.
    pub squares: f64,
    pub pixels: f64,
}

/// Products of two profiles summed along rows and along columns, each times powers of the distances
/// from its own centre.
pub(super) struct Overlap {
    pub rows: [[f64; 3]; 3],
    pub cols: [[f64; 3]; 3],
}

impl Profile<'_> {
    /// Sums over one row of the window.
    #[inline(always)]
    pub(super) fn line(&self, line: usize, residual: Padded<'_>, weights: Padded<'_>) -> LineSums {
        let Window { row, col, cols, .. } = self.window;
        let x = self.window.x + line as f64;
        let (residual, weights) =
            (&residual.row(row + line)[col..col + cols], &weights.row(row + line)[col..col + cols]);
        let height = self.rows[line];
        let (mut along, mut along_squared) = ([0.0; 3], [0.0; 5]);
        let (mut squares, mut pixels) = (0.0, 0.0);
        for k in 0..cols {
            let y = self.window.y + k as f64;
            let mut profile = height * self.cols[k];
            if let Some((first, factors)) = self.cross {
                profile *= first[k] * factors[k].powi(line as i32);
            }
            let (r, w) = (f64::from(residual[k]), f64::from(weights[k]));
            let mut term = r * profile;
            for sum in &mut along {
                *sum += term;
                term *= y;
            }
            let mut term = w * profile * profile;
            for sum in &mut along_squared {
                *sum += term;
                term *= y;
            }
            if w > 0.0 {
                squares += r * r / w;
                pixels += 1.0;
            }
        }
        let mut sums = LineSums { first: [0.0; TERMS], second: [0.0; MOMENTS], squares, pixels };
        for (sum, (i, j)) in sums.first.iter_mut().zip(POWERS) {
            *sum = x.powi(i as i32) * along[j];
        }
        for i in 0..5 {
            for j in 0..5 - i {
                sums.second[MOMENT[i][j]] = x.powi(i as i32) * along_squared[j];
            }
        }
        sums
    }

    /// The sum of the squared profile, x and y not mixed, over pixels with weight.
    #[inline(always)]
    pub(super) fn seen(&self, weights: Padded<'_>) -> f64 {
        let Window { row, rows, col, cols, .. } = self.window;
        let mut sum = 0.0;
        for i in 0..rows {
            let weights = &weights.row(row + i)[col..col + cols];
            let mut lanes = [0.0; LANES];
            let ((profiles, _), (weights, _)) =
                (self.cols.as_chunks::<LANES>(), weights.as_chunks::<LANES>());
            for (profile, weight) in profiles.iter().zip(weights) {
                for lane in 0..LANES {
                    let seen = if weight[lane] > 0.0 { 1.0 } else { 0.0 };
                    lanes[lane] += seen * profile[lane] * profile[lane];
                }
            }
            sum += self.rows[i] * self.rows[i] * lanes.iter().sum::<f64>();
        }
        sum
    }

    /// Products with another profile, where both are.
    pub(super) fn overlap(&self, other: &Profile<'_>) -> Overlap {
        let (one, two) = (self.window, other.window);
        let axis = |a: &[f64], b: &[f64], first_a: usize, first_b: usize, x: f64, y: f64| {
            let first = first_a.max(first_b);
            let last = (first_a + a.len()).min(first_b + b.len());
            let mut sums = [[0.0; 3]; 3];
            for k in first..last {
                let product = a[k - first_a] * b[k - first_b];
                let (x, y) = (x + (k - first_a) as f64, y + (k - first_b) as f64);
                let (xs, ys) = ([1.0, x, x * x], [1.0, y, y * y]);
                for i in 0..3 {
                    for j in 0..3 {
                        sums[i][j] += product * xs[i] * ys[j];
                    }
                }
            }
            sums
        };
        Overlap {
            rows: axis(self.rows, other.rows, one.row, two.row, one.x, two.x),
            cols: axis(self.cols, other.cols, one.col, two.col, one.y, two.y),
        }
    }
}

/// Multiplies two polynomials and sums what the products' monomials sum to.
#[inline(always)]
pub(super) fn product_sum(
    first: &[f64; TERMS],
    second: &[f64; TERMS],
    moments: &[f64; MOMENTS],
) -> f64 {
    let mut sum = 0.0;
    for (a, (i, j)) in first.iter().zip(POWERS) {
        if *a == 0.0 {
            continue;
        }
        for (b, (k, l)) in second.iter().zip(POWERS) {
            if *b != 0.0 {
                sum += a * b * moments[MOMENT[i + k][j + l]];
            }
        }
    }
    sum
}

/// An image of single precision with columns of padding that hold 0.
#[derive(Clone, Copy)]
pub(super) struct Padded<'a> {
    pub values: &'a [f32],
    pub stride: usize,
}

impl<'a> Padded<'a> {
    /// A row, padding included.
    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.stride..(row + 1) * self.stride]
    }
}

/// A part of an image that profiles are added up on.
pub(super) struct Tile<'a> {
    pub row: usize,
    pub rows: usize,
    pub col: usize,
    pub cols: usize,
    pub out: &'a mut [f64],
    /// Working memory: what mixes x and y on the row that is painted.
    pub mixed: &'a mut Vec<f64>,
}

#[cfg(test)]
mod tests {
    use super::super::model::{Elliptical, Isotropic};
    use super::*;
    use proptest::prelude::*;

    const SHAPE: [usize; 2] = [23, 29];
    const STRIDE: usize = 29 + LANES;

    fn at<const P: usize, M: Model<P>>(atom: &[f64; P], row: usize, col: usize) -> [f64; 3] {
        let [a, b, c] = M::precision(atom);
        let (x, y) = (row as f64 - atom[0], col as f64 - atom[1]);
        [x, y, (-0.5 * (a * x * x + 2.0 * b * x * y + c * y * y)).exp()]
    }

    fn image() -> Vec<f32> {
        let mut values = vec![0.0; SHAPE[0] * STRIDE];
        for row in 0..SHAPE[0] {
            for col in 0..SHAPE[1] {
                values[row * STRIDE + col] = ((row * 7 + col * 13) % 11) as f32 - 4.0;
            }
        }
        values
    }

    fn check<const P: usize, M: Model<P>>(_: M, atom: [f64; P]) {
        // So far that what is cut off is below the digits that are compared.
        let profiles = Profiles::new::<P, M>(&[atom], SHAPE, 9.0);
        let profile = profiles.of(0);
        let values = image();
        let y = Padded { values: &values, stride: STRIDE };
        let mut expected = ([0.0; TERMS], [0.0; MOMENTS]);
        let polynomial = [0.3, -0.2, 0.1, 0.5, -0.4, 0.2];
        let mut out = vec![0.0; SHAPE[0] * STRIDE];
        let mut tile = Tile {
            row: 0,
            rows: SHAPE[0],
            col: 0,
            cols: STRIDE,
            out: &mut out,
            mixed: &mut Vec::new(),
        };
        profile.add(&polynomial, &mut tile);
        for row in 0..SHAPE[0] {
            for col in 0..SHAPE[1] {
                let [x, dy, e] = at::<P, M>(&atom, row, col);
                let value = f64::from(values[row * STRIDE + col]);
                for (t, (i, j)) in POWERS.into_iter().enumerate() {
                    expected.0[t] += value * e * x.powi(i as i32) * dy.powi(j as i32);
                }
                for i in 0..5 {
                    for j in 0..5 - i {
                        expected.1[MOMENT[i][j]] +=
                            value * e * e * x.powi(i as i32) * dy.powi(j as i32);
                    }
                }
                let terms = POWERS.map(|(i, j)| x.powi(i as i32) * dy.powi(j as i32));
                let sum: f64 = polynomial.iter().zip(terms).map(|(k, t)| k * t).sum();
                assert!((out[row * STRIDE + col] - e * sum).abs() < 1e-10);
            }
        }
        let mut scratch = Scratch::default();
        for (got, exact) in profile.moments(y, &mut scratch).iter().zip(expected.0) {
            assert!((got - exact).abs() < 1e-8 * (1.0 + exact.abs()), "{got} {exact}");
        }
        for (got, exact) in profile.squared_moments(y, &mut scratch).iter().zip(expected.1) {
            assert!((got - exact).abs() < 1e-8 * (1.0 + exact.abs()), "{got} {exact}");
        }
    }

    proptest! {
        #[test]
        fn sums_are_those_of_the_plain_loop(
            row in -3.0_f64..26.0, col in -3.0_f64..32.0, sigma in 0.6_f64..3.0,
            skew in -0.4_f64..0.4,
        ) {
            check(Isotropic, [row, col, 1.0, sigma]);
            let a = 1.0 / (sigma * sigma);
            check(Elliptical, [row, col, 1.0, a, skew * a, 1.3 * a]);
        }
    }

    #[test]
    fn far_from_the_image_there_is_no_window() {
        for centre in [[-900.0, 5.0], [5.0, 1e9], [1e300, -1e300]] {
            let atom = [centre[0], centre[1], 1.0, 2.0];
            let profiles = Profiles::new::<4, Isotropic>(&[atom], SHAPE, 5.0);
            assert_eq!(profiles.windows[0].rows * profiles.windows[0].cols, 0);
        }
    }
}
