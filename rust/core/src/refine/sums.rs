//! Sums of what a sheet holds times a profile and powers of the distances from its centre.

use std::ops::Range;

use crate::simd::{Available, Kernel, Lanes};

use super::look::{squares, weighted_squares};
use super::model::{POWERS, TERMS};
use super::profile::{LANES, Profile, Profiles};
use super::region::Rect;
use super::sheet::Sheet;

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

/// Groups of columns whose sums stay in registers.
const GROUP: usize = 4;

impl Profile<'_> {
    /// Sums of `y` times the profile times each monomial of the second degree over the window,
    /// which the sheet holds.
    #[inline(always)]
    pub(super) fn moments(&self, y: &Sheet, mixed: &mut Vec<f64>) -> [f64; TERMS] {
        let sums = self.sums::<3, 1>(y, mixed);
        POWERS.map(|(i, j)| sums[i][j])
    }

    /// Sums of `y` times the squared profile times each monomial of the fourth degree.
    #[inline(always)]
    pub(super) fn squared_moments(&self, y: &Sheet, mixed: &mut Vec<f64>) -> [f64; MOMENTS] {
        let sums = self.sums::<5, 2>(y, mixed);
        let mut moments = [0.0; MOMENTS];
        for i in 0..5 {
            for j in 0..5 - i {
                moments[MOMENT[i][j]] = sums[i][j];
            }
        }
        moments
    }

    /// Sums by powers of x and of y, both below `DEGREES` together.
    #[inline(always)]
    fn sums<const DEGREES: usize, const POWER: i32>(
        &self,
        y: &Sheet,
        mixed: &mut Vec<f64>,
    ) -> [[f64; DEGREES]; DEGREES] {
        let mut lanes = [[[0.0; LANES]; DEGREES]; DEGREES];
        let len = self.frame.rect.cols.next_multiple_of(LANES);
        let (cols, _) = self.cols[..len].as_chunks::<LANES>();
        for (group, cols) in cols.chunks(GROUP).enumerate() {
            let first = group * GROUP * LANES;
            if let Some(cross) = self.cross {
                self.mixed::<DEGREES, POWER>(y, cols, first, cross, mixed, &mut lanes);
                continue;
            }
            match cols.len() {
                1 => self.group::<DEGREES, POWER, 1>(y, cols, first, &mut lanes),
                2 => self.group::<DEGREES, POWER, 2>(y, cols, first, &mut lanes),
                3 => self.group::<DEGREES, POWER, 3>(y, cols, first, &mut lanes),
                _ => self.group::<DEGREES, POWER, GROUP>(y, cols, first, &mut lanes),
            }
        }
        lanes.map(|lanes| lanes.map(|lanes| lanes.iter().sum()))
    }

    /// The rows' sums of some columns, then along these columns.
    #[inline(always)]
    fn group<const DEGREES: usize, const POWER: i32, const N: usize>(
        &self,
        y: &Sheet,
        cols: &[[f64; LANES]],
        first: usize,
        lanes: &mut [[[f64; LANES]; DEGREES]; DEGREES],
    ) {
        let Rect { row, col, .. } = self.frame.rect;
        let mut sums = [[[0.0; LANES]; N]; DEGREES];
        for (i, &profile) in self.rows.iter().enumerate() {
            let x = self.frame.x + i as f64;
            let mut factor = if POWER == 2 { profile * profile } else { profile };
            let (line, _) = y.line(row + i, col + first, N * LANES).as_chunks::<LANES>();
            for sums in &mut sums {
                for (sum, value) in sums.iter_mut().zip(line) {
                    for lane in 0..LANES {
                        sum[lane] += factor * value[lane];
                    }
                }
                factor *= x;
            }
        }
        for (n, profile) in cols.iter().enumerate().take(N) {
            self.along::<DEGREES, POWER>(
                &std::array::from_fn(|i| sums[i][n]),
                profile,
                first + n * LANES,
                lanes,
            );
        }
    }

    /// Adds the sums of some columns times their profile and powers of y.
    #[inline(always)]
    fn along<const DEGREES: usize, const POWER: i32>(
        &self,
        sums: &[[f64; LANES]; DEGREES],
        profile: &[f64; LANES],
        first: usize,
        lanes: &mut [[[f64; LANES]; DEGREES]; DEGREES],
    ) {
        let mut factor = [0.0; LANES];
        let mut ys = [0.0; LANES];
        for lane in 0..LANES {
            factor[lane] = if POWER == 2 { profile[lane] * profile[lane] } else { profile[lane] };
            ys[lane] = self.frame.y + (first + lane) as f64;
        }
        for j in 0..DEGREES {
            for i in 0..DEGREES - j {
                for lane in 0..LANES {
                    lanes[i][j][lane] += sums[i][lane] * factor[lane];
                }
            }
            for lane in 0..LANES {
                factor[lane] *= ys[lane];
            }
        }
    }

    /// As [`Self::group`], where x and y mix.
    #[inline(always)]
    fn mixed<const DEGREES: usize, const POWER: i32>(
        &self,
        y: &Sheet,
        cols: &[[f64; LANES]],
        first: usize,
        (start, factors): (&[f64], &[f64]),
        mixed: &mut Vec<f64>,
        lanes: &mut [[[f64; LANES]; DEGREES]; DEGREES],
    ) {
        let Rect { row, col, .. } = self.frame.rect;
        for (n, profile) in cols.iter().enumerate() {
            let first = first + n * LANES;
            mixed.clear();
            mixed.extend_from_slice(&start[first..first + LANES]);
            let factors = &factors[first..first + LANES];
            let mut sums = [[0.0; LANES]; DEGREES];
            for (i, &profile) in self.rows.iter().enumerate() {
                let x = self.frame.x + i as f64;
                let mut factor = if POWER == 2 { profile * profile } else { profile };
                let line = y.line(row + i, col + first, LANES);
                let mut values = [0.0; LANES];
                for lane in 0..LANES {
                    let cross = mixed[lane];
                    values[lane] = line[lane] * if POWER == 2 { cross * cross } else { cross };
                    mixed[lane] *= factors[lane];
                }
                for sum in &mut sums {
                    for lane in 0..LANES {
                        sum[lane] += factor * values[lane];
                    }
                    factor *= x;
                }
            }
            self.along::<DEGREES, POWER>(&sums, profile, first, lanes);
        }
    }

    /// Sums over the columns of the squared columns' profile times powers of y.
    #[inline(always)]
    fn along_columns(&self) -> [f64; 5] {
        let mut sums = [0.0; 5];
        for (k, profile) in self.cols[..self.frame.rect.cols].iter().enumerate() {
            let y = self.frame.y + k as f64;
            let mut term = profile * profile;
            for sum in &mut sums {
                *sum += term;
                term *= y;
            }
        }
        sums
    }

    /// Sums over the columns of a row of the window of what the sheet holds, or 1, times the
    /// profile to a power times powers of the distance from the centre.
    #[inline(always)]
    pub(super) fn along_row<const POWER: i32, const DEGREES: usize>(
        &self,
        line: usize,
        y: Option<&Sheet>,
    ) -> [f64; DEGREES] {
        let Rect { row, col, cols, .. } = self.frame.rect;
        let len = cols.next_multiple_of(LANES);
        let (profiles, _) = self.cols[..len].as_chunks::<LANES>();
        let mut lanes = [[0.0; LANES]; DEGREES];
        for (n, profile) in profiles.iter().enumerate() {
            let first = self.frame.y + (n * LANES) as f64;
            let mut term = [0.0; LANES];
            for lane in 0..LANES {
                let mut height = self.rows[line] * profile[lane];
                if let Some((start, factors)) = self.cross {
                    let at = n * LANES + lane;
                    height *= start[at] * factors[at].powi(line as i32);
                }
                term[lane] = if POWER == 2 { height * height } else { height };
            }
            if let Some(y) = y {
                let values = y.line(row + line, col + n * LANES, LANES);
                for lane in 0..LANES {
                    term[lane] *= values[lane];
                }
            }
            for sum in &mut lanes {
                for lane in 0..LANES {
                    sum[lane] += term[lane];
                    term[lane] *= first + lane as f64;
                }
            }
        }
        lanes.map(|lanes| lanes.iter().sum())
    }
}

/// Sums over one row of the window of an atom.
pub(super) struct RowSums {
    /// Distance from the centre.
    pub x: f64,
    /// Of the residual times the profile times 1, y and y².
    pub off: [f64; 3],
    /// Of weights times the squared profile times powers of y.
    pub squared: [f64; 5],
}

/// Sums over the rows of the windows of some atoms, compiled for each instruction set.
pub(super) struct Rows<'a> {
    pub profiles: &'a Profiles,
    pub range: Range<usize>,
    pub residual: &'a Sheet,
    /// None where all are 1.
    pub weights: Option<&'a Sheet>,
    /// Whether weights follow Poisson's law, else they are 0 or 1.
    pub has_law: bool,
    /// For each atom whether its weights are 1 on all of its window.
    pub whole: &'a [bool],
}

/// For each atom the sums of its rows, the weighted squares of its residuals, and the number of its
/// pixels that have a weight.
pub(super) type SumsOfRows = (Vec<RowSums>, f64, f64);

impl Kernel for Rows<'_> {
    type Output = Vec<SumsOfRows>;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> Self::Output {
        let Self { profiles, range, residual, weights, has_law, whole } = self;
        let mut all = Vec::with_capacity(range.len());
        for (index, &is_whole) in range.zip(whole) {
            let profile = profiles.of(index);
            let Rect { row, rows, col, cols } = profile.frame.rect;
            let weights = weights.filter(|_| !is_whole);
            let (mut sums, mut total, mut pixels) = (Vec::with_capacity(rows), 0.0, 0.0);
            let plain = profile.along_columns();
            for line in 0..rows {
                let values = residual.line(row + line, col, cols);
                let squared = if let Some(weights) = weights {
                    let own = weights.line(row + line, col, cols);
                    total += if has_law { weighted_squares(values, own) } else { squares(values) };
                    pixels += own.iter().filter(|&&weight| weight > 0.0).count() as f64;
                    profile.along_row::<2, 5>(line, Some(weights))
                } else {
                    total += squares(values);
                    pixels += cols as f64;
                    if profile.cross.is_some() {
                        profile.along_row::<2, 5>(line, None)
                    } else {
                        let height = profile.rows[line] * profile.rows[line];
                        plain.map(|sum| height * sum)
                    }
                };
                let off = profile.along_row::<1, 3>(line, Some(residual));
                sums.push(RowSums { x: profile.frame.x + line as f64, off, squared });
            }
            all.push((sums, total, pixels));
        }
        all
    }
}

/// The block of H that polynomials and moments make.
pub(super) fn block<const P: usize>(
    jacobian: &[[f64; TERMS]; P],
    moments: &[f64; MOMENTS],
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

/// Multiplies two polynomials and sums what the products' monomials sum to.
fn product_sum(first: &[f64; TERMS], second: &[f64; TERMS], moments: &[f64; MOMENTS]) -> f64 {
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

/// The block of H of one row at a distance x, from its sums along columns.
pub(super) fn row_block<const P: usize>(
    jacobian: &[[f64; TERMS]; P],
    x: f64,
    along: &[f64; 5],
) -> [[f64; P]; P] {
    // At a fixed x each polynomial is one in y alone.
    let in_y = jacobian.map(|[one, x1, x2, y1, xy, y2]| [one + x * (x1 + x * x2), y1 + x * xy, y2]);
    let mut block = [[0.0; P]; P];
    for p in 0..P {
        for q in 0..=p {
            let mut sum = 0.0;
            for i in 0..3 {
                for j in 0..3 {
                    sum += in_y[p][i] * in_y[q][j] * along[i + j];
                }
            }
            block[p][q] = sum;
            block[q][p] = sum;
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refine::model::{COL, Elliptical, Isotropic, Model, ROW};
    use crate::refine::profile::Frame;
    use crate::simd::InstructionSet;
    use proptest::prelude::*;

    const SHAPE: [usize; 2] = [23, 29];

    struct Sums<'a>(Profile<'a>, &'a Sheet);

    impl Kernel for Sums<'_> {
        type Output = ([f64; TERMS], [f64; MOMENTS], Vec<f64>);

        #[inline(always)]
        fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> Self::Output {
            let mut mixed = Vec::new();
            let rows = 0..self.0.frame.rect.rows;
            let along: Vec<f64> =
                rows.map(|line| self.0.along_row::<1, 3>(line, Some(self.1))[1]).collect();
            (self.0.moments(self.1, &mut mixed), self.0.squared_moments(self.1, &mut mixed), along)
        }
    }

    fn check<const P: usize, M: Model<P>>(_: M, atom: [f64; P]) {
        let whole = Rect { row: 0, rows: SHAPE[0], col: 0, cols: SHAPE[1] };
        let mut sheet = Sheet::default();
        sheet.lay(whole);
        for row in 0..SHAPE[0] {
            let (line, beyond) = sheet.row_mut(row);
            for (col, value) in line.iter_mut().enumerate() {
                *value = ((row * 31 + col * 17) % 13) as f64 - 5.0;
            }
            beyond.fill(0.0);
        }
        let frame = Frame::new::<P, M>(&atom, SHAPE, 4.0);
        let mut profiles = Profiles::default();
        profiles.fill::<P, M>([(&atom, frame)].into_iter());
        let profile = profiles.of(0);
        // Painted on a part of the image, which cuts the window off on all sides.
        let part = Rect { row: 3, rows: 15, col: 5, cols: 13 };
        let mut painted = Sheet::default();
        painted.lay(part);
        painted.fill(0.0);
        profile.add(1.5, &mut painted, &mut Vec::new());
        let [a, b, c] = M::precision(&atom);
        let mut expected = ([0.0; TERMS], [0.0; MOMENTS], vec![0.0; frame.rect.rows]);
        for row in 0..SHAPE[0] {
            for col in 0..SHAPE[1] {
                let (x, y) = (row as f64 - atom[ROW], col as f64 - atom[COL]);
                let here = Rect { row, rows: 1, col, cols: 1 };
                let e = if here.touches(&frame.rect) {
                    (-0.5 * (a * x * x + 2.0 * b * x * y + c * y * y)).exp()
                } else {
                    0.0
                };
                let value = sheet.line(row, col, 1)[0];
                for (t, (i, j)) in POWERS.into_iter().enumerate() {
                    expected.0[t] += value * e * x.powi(i as i32) * y.powi(j as i32);
                }
                for i in 0..5 {
                    for j in 0..5 - i {
                        expected.1[MOMENT[i][j]] +=
                            value * e * e * x.powi(i as i32) * y.powi(j as i32);
                    }
                }
                if e > 0.0 {
                    expected.2[row - frame.rect.row] += value * e * y;
                }
                if here.touches(&part) {
                    assert!((painted.line(row, col, 1)[0] - 1.5 * e).abs() < 1e-10);
                }
            }
        }
        for set in InstructionSet::available() {
            let (first, second, along) = set.run(Sums(profile, &sheet));
            let near = |got: &[f64], exact: &[f64]| {
                got.iter().zip(exact).all(|(a, b)| (a - b).abs() < 1e-8 * (1.0 + b.abs()))
            };
            assert!(near(&first, &expected.0), "{first:?} {:?}", expected.0);
            assert!(near(&second, &expected.1), "{second:?} {:?}", expected.1);
            assert!(near(&along, &expected.2), "{along:?} {:?}", expected.2);
        }
    }

    proptest! {
        #[test]
        fn sums_are_those_of_the_plain_loop(
            row in -3.0_f64..26.0, col in -3.0_f64..32.0, sigma in 0.6_f64..5.0,
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
            assert_eq!(Frame::new::<4, Isotropic>(&atom, SHAPE, 5.0).rect, Rect::default());
        }
    }
}
