//! Sums of what a sheet holds times a profile and powers of the distances from its centre.

use super::model::{POWERS, TERMS};
use super::profile::{LANES, Profile};
use super::region::Rect;
use super::residual::{squares, weighted_squares};
use super::sheet::Sheet;
use crate::simd::{Available, Lanes, Octet};

/// Number of monomials in x and y up to the fourth degree.
pub(super) const MOMENTS: usize = 15;

/// Index of the monomial `x^i y^j` among these, by i and j.
pub(super) const MOMENT: [[usize; 5]; 5] = {
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

/// Vectors of columns whose sums stay in registers together.
const GROUP: usize = 2;

impl Profile<'_> {
    /// Sums of `y` times the profile times each monomial of the second degree over the window,
    /// which the sheet holds.
    #[inline(always)]
    pub(super) fn moments<V: Lanes>(&self, available: Available<V>, y: &Sheet) -> [f64; TERMS] {
        let sums = self.sums::<V, 3, 1>(available, y);
        POWERS.map(|(i, j)| sums[i][j])
    }

    /// Sums of `y` times the squared profile times each monomial of the fourth degree.
    #[inline(always)]
    pub(super) fn squared_moments<V: Lanes>(
        &self,
        available: Available<V>,
        y: &Sheet,
    ) -> [f64; MOMENTS] {
        let sums = self.sums::<V, 5, 2>(available, y);
        let mut moments = [0.0; MOMENTS];
        for i in 0..5 {
            for j in 0..5 - i {
                moments[MOMENT[i][j]] = sums[i][j];
            }
        }
        moments
    }

    /// Both of these sums for a `y` of 1 everywhere, which are products of sums along each axis;
    /// `None` where x and y mix.
    #[inline(always)]
    pub(super) fn sums_of_ones(&self) -> Option<([f64; TERMS], [f64; MOMENTS])> {
        if self.cross.is_some() {
            return None;
        }
        let (rows, rows_squared) = along_axis(self.rows, self.frame.x);
        let (cols, cols_squared) = along_axis(&self.cols[..self.frame.rect.cols], self.frame.y);
        let mut squared = [0.0; MOMENTS];
        for i in 0..5 {
            for j in 0..5 - i {
                squared[MOMENT[i][j]] = rows_squared[i] * cols_squared[j];
            }
        }
        Some((POWERS.map(|(i, j)| rows[i] * cols[j]), squared))
    }

    /// Sums by powers of x and of y, both below `DEGREES` together, which is 3 or 5.
    #[inline(always)]
    fn sums<V: Lanes, const DEGREES: usize, const POWER: i32>(
        &self,
        available: Available<V>,
        y: &Sheet,
    ) -> [[f64; DEGREES]; DEGREES] {
        let mut lanes = [[Octet::splat(available, 0.0); DEGREES]; DEGREES];
        let len = self.frame.rect.cols.next_multiple_of(LANES);
        let (cols, _) = self.cols[..len].as_chunks::<LANES>();
        for (group, cols) in cols.chunks(GROUP).enumerate() {
            let first = group * GROUP * LANES;
            if let Some(cross) = self.cross {
                self.mixed::<V, DEGREES, POWER>(available, y, cols, first, cross, &mut lanes);
            } else if cols.len() == GROUP {
                self.group::<V, DEGREES, POWER, GROUP>(available, y, cols, first, &mut lanes);
            } else {
                self.group::<V, DEGREES, POWER, 1>(available, y, cols, first, &mut lanes);
            }
        }
        lanes.map(|lanes| lanes.map(Octet::sum))
    }

    /// The rows' sums of some columns, then along these columns.
    #[inline(always)]
    fn group<V: Lanes, const DEGREES: usize, const POWER: i32, const N: usize>(
        &self,
        available: Available<V>,
        y: &Sheet,
        cols: &[[f64; LANES]],
        first: usize,
        lanes: &mut [[Octet<V>; DEGREES]; DEGREES],
    ) {
        let Rect { row, col, .. } = self.frame.rect;
        let mut sums = [[Octet::splat(available, 0.0); N]; DEGREES];
        for (i, &profile) in self.rows.iter().enumerate() {
            let x = self.frame.x + i as f64;
            let mut factor = if POWER == 2 { profile * profile } else { profile };
            let (line, _) = y.line(row + i, col + first, N * LANES).as_chunks::<LANES>();
            let Some(line) = line.first_chunk::<N>() else { continue };
            let values: [Octet<V>; N] = std::array::from_fn(|n| Octet::load(available, &line[n]));
            for sums in &mut sums {
                let by = Octet::splat(available, factor);
                for n in 0..N {
                    sums[n] = sums[n] + by * values[n];
                }
                factor *= x;
            }
        }
        for (n, profile) in cols.iter().enumerate().take(N) {
            self.along::<V, DEGREES, POWER>(
                available,
                &std::array::from_fn(|i| sums[i][n]),
                profile,
                first + n * LANES,
                lanes,
            );
        }
    }

    /// Adds the sums of some columns times their profile and powers of y.
    #[inline(always)]
    fn along<V: Lanes, const DEGREES: usize, const POWER: i32>(
        &self,
        available: Available<V>,
        sums: &[Octet<V>; DEGREES],
        profile: &[f64; LANES],
        first: usize,
        lanes: &mut [[Octet<V>; DEGREES]; DEGREES],
    ) {
        let profile = Octet::load(available, profile);
        let mut factor = if POWER == 2 { profile * profile } else { profile };
        let ys = std::array::from_fn(|lane| self.frame.y + (first + lane) as f64);
        let ys = Octet::load(available, &ys);
        for j in 0..DEGREES {
            for i in 0..DEGREES - j {
                lanes[i][j] = lanes[i][j] + sums[i] * factor;
            }
            factor = factor * ys;
        }
    }

    /// As [`Self::group`], where x and y mix.
    #[inline(always)]
    fn mixed<V: Lanes, const DEGREES: usize, const POWER: i32>(
        &self,
        available: Available<V>,
        y: &Sheet,
        cols: &[[f64; LANES]],
        first: usize,
        (start, factors): (&[f64], &[f64]),
        lanes: &mut [[Octet<V>; DEGREES]; DEGREES],
    ) {
        let Rect { row, col, .. } = self.frame.rect;
        let (start, _) = start.as_chunks::<LANES>();
        let (factors, _) = factors.as_chunks::<LANES>();
        for (n, profile) in cols.iter().enumerate() {
            let at = first / LANES + n;
            let mut cross = Octet::load(available, &start[at]);
            let growth = Octet::load(available, &factors[at]);
            let mut sums = [Octet::splat(available, 0.0); DEGREES];
            for (i, &profile) in self.rows.iter().enumerate() {
                let x = self.frame.x + i as f64;
                let mut factor = if POWER == 2 { profile * profile } else { profile };
                let (line, _) = y.line(row + i, col + at * LANES, LANES).as_chunks::<LANES>();
                let Some(line) = line.first() else { continue };
                let shape = if POWER == 2 { cross * cross } else { cross };
                let values = Octet::load(available, line) * shape;
                cross = cross * growth;
                for sum in &mut sums {
                    *sum = *sum + Octet::splat(available, factor) * values;
                    factor *= x;
                }
            }
            self.along::<V, DEGREES, POWER>(available, &sums, profile, at * LANES, lanes);
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
    pub(super) fn along_row<V: Lanes, const POWER: i32, const DEGREES: usize>(
        &self,
        available: Available<V>,
        line: usize,
        y: Option<&Sheet>,
    ) -> [f64; DEGREES] {
        let Rect { row, col, cols, .. } = self.frame.rect;
        let len = cols.next_multiple_of(LANES);
        let (profiles, _) = self.cols[..len].as_chunks::<LANES>();
        let down = Octet::splat(available, self.rows[line]);
        let mut lanes = [Octet::splat(available, 0.0); DEGREES];
        for (n, profile) in profiles.iter().enumerate() {
            let first = self.frame.y + (n * LANES) as f64;
            let mut height = down * Octet::load(available, profile);
            if let Some((start, factors)) = self.cross {
                let at = |lane| n * LANES + lane;
                let shape = std::array::from_fn(|lane| {
                    start[at(lane)] * factors[at(lane)].powi(line as i32)
                });
                height = height * Octet::load(available, &shape);
            }
            let mut term = if POWER == 2 { height * height } else { height };
            if let Some(y) = y {
                let (values, _) = y.line(row + line, col + n * LANES, LANES).as_chunks::<LANES>();
                let Some(values) = values.first() else { continue };
                term = term * Octet::load(available, values);
            }
            let ys = std::array::from_fn(|lane| first + lane as f64);
            let ys = Octet::load(available, &ys);
            for sum in &mut lanes {
                *sum = *sum + term;
                term = term * ys;
            }
        }
        lanes.map(Octet::sum)
    }
}

/// Sums of a profile along an axis, and of its square, times powers of the distance from the
/// centre, which is `first` at the first pixel.
#[inline(always)]
fn along_axis(profile: &[f64], first: f64) -> ([f64; 3], [f64; 5]) {
    let (mut sums, mut squared) = ([0.0; 3], [0.0; 5]);
    for (k, &height) in profile.iter().enumerate() {
        let x = first + k as f64;
        let (mut term, mut square) = (height, height * height);
        for sum in &mut sums {
            *sum += term;
            term *= x;
        }
        for sum in &mut squared {
            *sum += square;
            square *= x;
        }
    }
    (sums, squared)
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

/// What the residual on the rows of an atom's window says.
#[derive(Default)]
pub(super) struct Rows {
    pub sums: Vec<RowSums>,
    /// Weighted squares of the residual.
    pub squares: f64,
    /// Number of pixels that have a weight.
    pub pixels: f64,
}

impl Rows {
    /// Sums over the rows of a window; `None` weights are all 1. `has_law` says whether weights
    /// follow Poisson's law, else they are 0 or 1.
    #[inline(always)]
    pub(super) fn sum<V: Lanes>(
        &mut self,
        available: Available<V>,
        profile: &Profile<'_>,
        residual: &Sheet,
        weights: Option<&Sheet>,
        has_law: bool,
    ) {
        let Rect { row, rows, col, cols } = profile.frame.rect;
        self.sums.clear();
        (self.squares, self.pixels) = (0.0, 0.0);
        let plain = profile.along_columns();
        for line in 0..rows {
            let values = residual.line(row + line, col, cols);
            let squared = if let Some(weights) = weights {
                let own = weights.line(row + line, col, cols);
                self.squares +=
                    if has_law { weighted_squares(values, own) } else { squares(values) };
                self.pixels += own.iter().filter(|&&weight| weight > 0.0).count() as f64;
                profile.along_row::<V, 2, 5>(available, line, Some(weights))
            } else {
                self.squares += squares(values);
                self.pixels += cols as f64;
                if profile.cross.is_some() {
                    profile.along_row::<V, 2, 5>(available, line, None)
                } else {
                    let height = profile.rows[line] * profile.rows[line];
                    plain.map(|sum| height * sum)
                }
            };
            let off = profile.along_row::<V, 1, 3>(available, line, Some(residual));
            self.sums.push(RowSums { x: profile.frame.x + line as f64, off, squared });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refine::model::{COL, Elliptical, Isotropic, Model, ROW};
    use crate::refine::profile::{Frame, Profiles};
    use crate::simd::InstructionSet;
    use crate::simd::{Available, Kernel, Lanes};
    use proptest::prelude::*;

    const SHAPE: [usize; 2] = [23, 29];

    struct Sums<'a>(Profile<'a>, &'a Sheet);

    impl Kernel for Sums<'_> {
        type Output = ([f64; TERMS], [f64; MOMENTS], Vec<f64>);

        #[inline(always)]
        fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> Self::Output {
            let rows = 0..self.0.frame.rect.rows;
            let along =
                rows.map(|line| self.0.along_row::<V, 1, 3>(available, line, Some(self.1))[1]);
            let along = along.collect();
            let moments = self.0.moments(available, self.1);
            (moments, self.0.squared_moments(available, self.1), along)
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
        let mut ones = Sheet::default();
        ones.lay(whole);
        for row in 0..SHAPE[0] {
            let (line, beyond) = ones.row_mut(row);
            line.fill(1.0);
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
            let (first, second, _) = set.run(Sums(profile, &ones));
            if let Some((own, squared)) = profile.sums_of_ones() {
                assert!(near(&own, &first), "{own:?} {first:?}");
                assert!(near(&squared, &second), "{squared:?} {second:?}");
            } else {
                assert!(M::CROSS);
            }
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
