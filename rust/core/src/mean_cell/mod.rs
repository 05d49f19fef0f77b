//! The mean cell of an image.
//!
//! [`fold`] lays all cells of an image over one another. Each pixel has fractional coordinates in
//! the cell, which follow from its row and column and from a slow displacement, known at the
//! points of a coarse grid and linear between them. So along a row, from one line of the grid to
//! the next, coordinates grow by the same from pixel to pixel.

use std::ops::Range;

use crate::image::Image;
use crate::interrupt::Effort;
use crate::{Error, Result, memory};

#[cfg(test)]
mod tests;

/// Maps that are known at the points of a coarse grid, row after row.
///
/// Point `i` of an axis is at the pixel `(i + 1/2) spacing - 1/2`. Beyond the outermost points they
/// stay as they are there.
#[derive(Debug, Clone, Copy)]
pub struct Grid<'a> {
    /// Rows and columns of points.
    pub shape: [usize; 2],
    /// Distance of the points along rows and along columns, in pixels.
    pub spacing: [f64; 2],
    /// What is added to each of the two fractional coordinates.
    pub fractions: [&'a [f64]; 2],
    /// How strong the lattice is; a pixel weighs by its square.
    pub amplitude: &'a [f64],
}

/// The cell that pixels are laid over one another in.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// By how much each fractional coordinate grows with a pixel's row and column.
    pub gradients: [[f64; 2]; 2],
    /// Bins along each edge.
    pub bins: [usize; 2],
}

/// Sums over the pixels of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Sums {
    /// Weighted pixels in each bin, the first edge's bins being rows.
    pub total: Vec<f64>,
    /// Weights in each bin.
    pub weight: Vec<f64>,
    /// Weighted squares of pixels, in the image.
    pub squares: f64,
    /// Squares of weights, in the image.
    pub squared_weights: f64,
}

/// Sums the pixels of all cells up in the bins of one; each is shared linearly by the four bins
/// around it. The mask tells which pixels are looked at.
///
/// # Errors
/// [`Error::GridShape`], [`Error::MaskShape`], [`Error::NoBins`], [`Error::Memory`],
/// [`Error::Interrupted`].
pub fn fold(
    image: &Image<f32>,
    mask: Option<&[bool]>,
    grid: Grid<'_>,
    cell: Cell,
    effort: Effort<'_>,
) -> Result<Sums> {
    let cols = image.cols();
    check(image, mask, grid)?;
    let mut bins = Bins::new(cell.bins)?;
    let stretches = stretches(cols, grid.shape[1], grid.spacing[1]);
    let mut line = vec![[0.0; 3]; grid.shape[1]];
    for row in 0..image.rows() {
        effort.check()?;
        grid.fill_line(row, cell, &mut line);
        let pixels = image.row(row);
        let mask = mask.map(|mask| &mask[row * cols..][..cols]);
        for stretch in &stretches {
            let within = stretch.pixels.clone();
            let mask = mask.map(|mask| &mask[within.clone()]);
            bins.add(&pixels[within], mask, stretch.course(&line, cell));
        }
    }
    Ok(bins.sums())
}

fn check(image: &Image<f32>, mask: Option<&[bool]>, grid: Grid<'_>) -> Result<()> {
    let [rows, cols] = grid.shape;
    for values in [grid.fractions[0], grid.fractions[1], grid.amplitude] {
        let len = values.len();
        if len == 0 || rows.checked_mul(cols) != Some(len) {
            return Err(Error::GridShape { rows, cols, len });
        }
    }
    let pixels = image.pixels().len();
    match mask {
        Some(mask) if mask.len() != pixels => Err(Error::MaskShape { len: mask.len(), pixels }),
        _ => Ok(()),
    }
}

/// Between which points of an axis a pixel is: the one before it, and the share of the next.
fn between(pixel: usize, points: usize, spacing: f64) -> (usize, f64) {
    let place = ((pixel as f64 + 0.5) / spacing - 0.5).clamp(0.0, (points - 1) as f64);
    let before = (place as usize).min(points.saturating_sub(2));
    (before, place - before as f64)
}

impl Grid<'_> {
    /// Coordinates, in bins, and amplitude where a row of pixels crosses the grid's columns;
    /// without what the columns of pixels add to the coordinates.
    fn fill_line(&self, row: usize, cell: Cell, line: &mut [[f64; 3]]) {
        let [rows, cols] = self.shape;
        let (before, share) = between(row, rows, self.spacing[0]);
        let after = (before + 1).min(rows - 1);
        let at = |values: &[f64], col: usize| {
            let (first, second) = (values[before * cols + col], values[after * cols + col]);
            first + share * (second - first)
        };
        for (col, point) in line.iter_mut().enumerate() {
            for (axis, coordinate) in point.iter_mut().take(2).enumerate() {
                let fraction = cell.gradients[axis][0] * row as f64 + at(self.fractions[axis], col);
                *coordinate = fraction * cell.bins[axis] as f64;
            }
            point[2] = at(self.amplitude, col);
        }
    }
}

/// Pixels of a row between two neighbouring columns of the grid.
struct Stretch {
    pixels: Range<usize>,
    /// The columns.
    between: [usize; 2],
    /// Share of the second column at the first pixel, and by how much it grows from one to the next.
    share: [f64; 2],
}

/// The stretches of a row, all pixels of it.
fn stretches(pixels: usize, points: usize, spacing: f64) -> Vec<Stretch> {
    let mut found: Vec<Stretch> = Vec::new();
    let mut last = None;
    for pixel in 0..pixels {
        let place = (pixel as f64 + 0.5) / spacing - 0.5;
        let is_between = place >= 0.0 && place < (points - 1) as f64;
        let (before, share) = between(pixel, points, spacing);
        if let Some(stretch) = found.last_mut().filter(|_| last == Some((before, is_between))) {
            stretch.pixels.end += 1;
        } else {
            let after = (before + 1).min(points - 1);
            let growth = if is_between { 1.0 / spacing } else { 0.0 };
            let pixels = pixel..pixel + 1;
            found.push(Stretch { pixels, between: [before, after], share: [share, growth] });
        }
        last = Some((before, is_between));
    }
    found
}

/// Coordinates in bins and amplitude at a first pixel, and by how much they grow from one to the
/// next.
#[derive(Clone, Copy)]
struct Course {
    start: [f64; 3],
    growth: [f64; 3],
}

impl Stretch {
    fn course(&self, line: &[[f64; 3]], cell: Cell) -> Course {
        let [first, second] = self.between.map(|point| line[point]);
        let [share, growth] = self.share;
        let step: [f64; 3] = std::array::from_fn(|i| second[i] - first[i]);
        let mut course = Course {
            start: std::array::from_fn(|i| first[i] + share * step[i]),
            growth: step.map(|step| growth * step),
        };
        for axis in 0..2 {
            let along = cell.gradients[axis][1] * cell.bins[axis] as f64;
            course.start[axis] += along * self.pixels.start as f64;
            course.growth[axis] += along;
        }
        course
    }
}

/// Sums in the bins of a cell. Two more bins along each edge stand for the first ones, so that what
/// is between the last bin and the first needs no case of its own.
struct Bins {
    /// Bins along each edge.
    shape: [usize; 2],
    /// Total and weight of each bin.
    sums: Vec<[f64; 2]>,
    squares: f64,
    squared_weights: f64,
}

impl Bins {
    fn new(bins: [usize; 2]) -> Result<Self> {
        if bins.contains(&0) {
            return Err(Error::NoBins { rows: bins[0], cols: bins[1] });
        }
        let [rows, cols] = bins.map(|n| n.saturating_add(2));
        let sums = memory::filled([0.0; 2], rows.saturating_mul(cols), "the mean cell")?;
        Ok(Self { shape: bins, sums, squares: 0.0, squared_weights: 0.0 })
    }

    fn add(&mut self, pixels: &[f32], mask: Option<&[bool]>, course: Course) {
        let [rows, cols] = self.shape.map(|n| n as f64);
        let stride = self.shape[1] + 2;
        let [u, v, mut amplitude] = course.start;
        let (mut u, mut v) = (u.rem_euclid(rows), v.rem_euclid(cols));
        // Less than half a cell a pixel, so that what steps out of the cell is one cell beyond.
        let step_u = course.growth[0] - rows * (course.growth[0] / rows).round();
        let step_v = course.growth[1] - cols * (course.growth[1] / cols).round();
        for (index, &pixel) in pixels.iter().enumerate() {
            let use_it = mask.is_none_or(|mask| mask[index]);
            let weight = if use_it { amplitude * amplitude } else { 0.0 };
            let pixel = f64::from(pixel);
            // Neither is below 0, nor above the number of bins.
            let (row, col) = (u as usize, v as usize);
            let (down, right) = (u - row as f64, v - col as f64);
            let upper = weight * (1.0 - down);
            let lower = weight * down;
            let first = row * stride + col;
            for (start, share) in [(first, upper), (first + stride, lower)] {
                let [left, next] = [share * (1.0 - right), share * right];
                let pair = &mut self.sums[start..start + 2];
                pair[0][0] += left * pixel;
                pair[0][1] += left;
                pair[1][0] += next * pixel;
                pair[1][1] += next;
            }
            self.squares += weight * pixel * pixel;
            self.squared_weights += weight * weight;
            u = wrapped(u + step_u, rows);
            v = wrapped(v + step_v, cols);
            amplitude += course.growth[2];
        }
    }

    fn sums(self) -> Sums {
        let [rows, cols] = self.shape;
        let (mut total, mut weight) = (vec![0.0; rows * cols], vec![0.0; rows * cols]);
        for (index, sums) in self.sums.iter().enumerate() {
            let (row, col) = (index / (cols + 2) % rows, index % (cols + 2) % cols);
            total[row * cols + col] += sums[0];
            weight[row * cols + col] += sums[1];
        }
        let Self { squares, squared_weights, .. } = self;
        Sums { total, weight, squares, squared_weights }
    }
}

/// A coordinate that is at most one cell out of the cell, back in it.
#[inline(always)]
fn wrapped(coordinate: f64, cell: f64) -> f64 {
    if coordinate >= cell {
        coordinate - cell
    } else if coordinate < 0.0 {
        coordinate + cell
    } else {
        coordinate
    }
}
