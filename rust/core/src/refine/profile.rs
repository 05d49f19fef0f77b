//! Profiles of peaks on the pixels around them: products of one-dimensional ones.

use super::model::{COL, Model, ROW};
use super::region::Rect;
use super::sheet::Sheet;

/// Columns of a profile are a multiple of this, with 0 beyond the window, so that loops over them
/// have no remainder.
pub(super) const LANES: usize = 8;

/// The pixels around an atom that its profile is not negligible on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Frame {
    pub rect: Rect,
    /// Distance of the first row and column from the centre.
    pub x: f64,
    pub y: f64,
    /// Whether the frame of the image cuts nothing off.
    pub is_complete: bool,
}

impl Frame {
    /// The window of an atom on an image of this shape, as far as `reach` sigmas.
    pub(super) fn new<const P: usize, M: Model<P>>(
        atom: &[f64; P],
        shape: [usize; 2],
        reach: f64,
    ) -> Self {
        let [a, b, c] = M::precision(atom);
        let determinant = (a * c - b * b).max(f64::MIN_POSITIVE);
        // Half sides of the box around the ellipse on which the exponent is -reach² / 2.
        let (half_rows, half_cols) =
            (reach * (c / determinant).sqrt(), reach * (a / determinant).sqrt());
        let (row, rows, all_rows) = span(atom[ROW], half_rows, shape[0]);
        let (col, cols, all_cols) = span(atom[COL], half_cols, shape[1]);
        if rows == 0 || cols == 0 {
            return Self::default();
        }
        Self {
            rect: Rect { row, rows, col, cols },
            x: row as f64 - atom[ROW],
            y: col as f64 - atom[COL],
            is_complete: all_rows && all_cols,
        }
    }
}

/// First index and number of the pixels of an axis within `half` of `centre`, and whether all are
/// on the image.
fn span(centre: f64, half: f64, len: usize) -> (usize, usize, bool) {
    let (first, last) = ((centre - half).ceil(), (centre + half).floor());
    let (low, high) = (first.max(0.0), last.min(len as f64 - 1.0));
    if low <= high {
        (low as usize, (high - low) as usize + 1, first == low && last == high)
    } else {
        (0, 0, false)
    }
}

/// Profiles of some atoms.
#[derive(Default)]
pub(super) struct Profiles {
    places: Vec<(Frame, usize)>,
    values: Vec<f64>,
    cross: bool,
}

/// Columns of a profile: all of the window, and as many more that a part of the window, which
/// begins anywhere, ends at a multiple of [`LANES`].
fn padded(cols: usize) -> usize {
    cols.next_multiple_of(LANES) + LANES
}

impl Profiles {
    /// Computes the profiles of atoms with these windows, in their order.
    pub(super) fn fill<'a, const P: usize, M: Model<P>>(
        &mut self,
        atoms: impl Iterator<Item = (&'a [f64; P], Frame)>,
    ) {
        self.places.clear();
        self.values.clear();
        self.cross = M::CROSS;
        for (atom, frame) in atoms {
            let Rect { rows, cols, .. } = frame.rect;
            let at = self.values.len();
            self.places.push((frame, at));
            if rows == 0 {
                continue;
            }
            let [a, b, c] = M::precision(atom);
            gaussian(&mut self.values, rows, frame.x, a);
            gaussian(&mut self.values, cols, frame.y, c);
            let padded = padded(cols);
            self.values.resize(at + rows + padded, 0.0);
            if M::CROSS {
                // exp(-b x y), from the first row on by a factor a row.
                let y = |k: usize| frame.y + k.min(cols - 1) as f64;
                self.values.extend((0..padded).map(|k| (-b * frame.x * y(k)).exp()));
                self.values.extend((0..padded).map(|k| (-b * y(k)).exp()));
            }
        }
    }

    /// The profile of an atom, by its place in the order.
    #[inline(always)]
    pub(super) fn of(&self, index: usize) -> Profile<'_> {
        let (frame, at) = self.places[index];
        let padded = if frame.rect.rows == 0 { 0 } else { padded(frame.rect.cols) };
        let (rows, rest) = self.values[at..].split_at(frame.rect.rows);
        let (cols, rest) = rest.split_at(padded);
        let cross = self.cross.then(|| (&rest[..padded], &rest[padded..2 * padded]));
        Profile { frame, rows, cols, cross }
    }
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

/// The profile of one atom on its window: `rows[i] * cols[k]`, times exp(-b x y) if x and y mix.
#[derive(Clone, Copy)]
pub(super) struct Profile<'a> {
    pub frame: Frame,
    pub rows: &'a [f64],
    /// With 0 for at least [`LANES`] columns beyond the window.
    pub cols: &'a [f64],
    /// On the first row, and the factor from one row to the next.
    pub cross: Option<(&'a [f64], &'a [f64])>,
}

impl Profile<'_> {
    /// Adds the profile times a height to a sheet, where both are.
    #[inline(always)]
    pub(super) fn add(&self, height: f64, sheet: &mut Sheet, mixed: &mut Vec<f64>) {
        let (window, outer) = (self.frame.rect, sheet.rect);
        if !window.touches(&outer) {
            return;
        }
        let (first, last) = (window.row.max(outer.row), window.end_row().min(outer.end_row()));
        let left = window.col.max(outer.col);
        let skipped = left - window.col;
        let len = (window.end_col().min(outer.end_col()) - left).next_multiple_of(LANES);
        let (cols, _) = self.cols[skipped..skipped + len].as_chunks::<LANES>();
        if let Some((start, factors)) = self.cross {
            let factors = &factors[skipped..skipped + len];
            let steps = (first - window.row) as i32;
            mixed.clear();
            mixed.extend(
                start[skipped..skipped + len]
                    .iter()
                    .zip(factors)
                    .map(|(start, factor)| start * factor.powi(steps)),
            );
            let cols = cols.as_flattened();
            for row in first..last {
                let height = height * self.rows[row - window.row];
                let out = sheet.line_mut(row, left, len);
                for (((out, col), mixed), factor) in
                    out.iter_mut().zip(cols).zip(mixed.iter_mut()).zip(factors)
                {
                    *out += height * (col * *mixed);
                    *mixed *= factor;
                }
            }
            return;
        }
        let rows = &self.rows[first - window.row..last - window.row];
        // Columns that stay in registers while the rows pass.
        match cols.len() {
            1 => add_rows::<1>(rows, cols, height, sheet, (first, left)),
            2 => add_rows::<2>(rows, cols, height, sheet, (first, left)),
            3 => add_rows::<3>(rows, cols, height, sheet, (first, left)),
            4 => add_rows::<4>(rows, cols, height, sheet, (first, left)),
            5 => add_rows::<5>(rows, cols, height, sheet, (first, left)),
            _ => {
                for (group, cols) in cols.chunks(4).enumerate() {
                    let left = left + group * 4 * LANES;
                    match cols.len() {
                        1 => add_rows::<1>(rows, cols, height, sheet, (first, left)),
                        2 => add_rows::<2>(rows, cols, height, sheet, (first, left)),
                        3 => add_rows::<3>(rows, cols, height, sheet, (first, left)),
                        _ => add_rows::<4>(rows, cols, height, sheet, (first, left)),
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn add_rows<const N: usize>(
    rows: &[f64],
    cols: &[[f64; LANES]],
    height: f64,
    sheet: &mut Sheet,
    (row, col): (usize, usize),
) {
    let mut own = [[0.0; LANES]; N];
    own.copy_from_slice(&cols[..N]);
    for (i, profile) in rows.iter().enumerate() {
        let height = height * profile;
        let (out, _) = sheet.line_mut(row + i, col, N * LANES).as_chunks_mut::<LANES>();
        for (out, own) in out.iter_mut().zip(&own) {
            for lane in 0..LANES {
                out[lane] += height * own[lane];
            }
        }
    }
}
