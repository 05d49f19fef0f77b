//! Windows of an image that are centred on atoms.
//!
//! Pixel `i` of a window of `size` pixels lies at `centre + i - (size - 1) / 2` along each axis, so
//! an odd window has its middle pixel on the atom and an even one has the atom between its two
//! middle pixels. Without interpolation the window takes the whole pixels that come nearest to
//! that, the later ones of two that are equally near.

use std::sync::{Mutex, PoisonError};

use crate::image::{Image, Pixel, reflect};
use crate::interrupt::Effort;
use crate::simd::{Available, InstructionSet, Kernel, Lanes};
use crate::{Error, Result, memory, parallel};

mod interpolation;
mod normalization;
#[cfg(test)]
mod tests;

pub use normalization::Normalization;

use interpolation::{TAPS, Weights};

/// Pixels of the windows of a task: 32 windows of 32 x 32 pixels, enough that handing a task out
/// costs nothing.
const PIXELS_PER_TASK: usize = 1 << 15;

/// What becomes of a window that reaches beyond the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Border {
    /// It is left out.
    Drop,
    /// The image is continued by half-sample symmetric reflection (`b a | a b c`).
    Reflect,
}

/// Which windows to cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Windows {
    /// Rows and columns of a window.
    pub size: usize,
    /// Whether they are interpolated to be centred exactly.
    pub subpixel: bool,
    /// What becomes of those that reach beyond the image.
    pub border: Border,
    /// What is done to the intensities of each.
    pub normalization: Normalization,
}

/// A pixel that is interpolated in its own precision.
pub trait Sample: Pixel + std::ops::Add<Output = Self> + std::ops::Mul<Output = Self> {}

impl Sample for f32 {}
impl Sample for f64 {}

/// Windows that are ready to be cut: places of those that are kept.
#[derive(Debug, Clone)]
pub struct Plan {
    windows: Windows,
    shape: [usize; 2],
    /// Row and column of the first pixel of each window that is kept.
    starts: Vec<[f64; 2]>,
    kept: Vec<bool>,
}

impl Plan {
    /// Finds out which windows are kept.
    ///
    /// An atom is kept if it lies in the image, that is within half a pixel of a pixel centre, and
    /// under [`Border::Drop`] if also the centres of its window's pixels are not beyond those of
    /// the outermost pixels.
    ///
    /// # Errors
    /// [`Error::PointNotFinite`]; [`Error::WindowSize`] for windows without pixels or larger than
    /// the image.
    pub fn new(shape: [usize; 2], points: &[[f64; 2]], windows: Windows) -> Result<Self> {
        let [rows, cols] = shape;
        let size = windows.size;
        if size == 0 || size > rows.min(cols) {
            return Err(Error::WindowSize { size, rows, cols });
        }
        if let Some(index) = points.iter().position(|p| !(p[0].is_finite() && p[1].is_finite())) {
            let [row, col] = points[index];
            return Err(Error::PointNotFinite { index, row, col });
        }
        let to_start = (size - 1) as f64 / 2.0;
        let start_of = |point: &[f64; 2]| {
            point.map(|x| {
                let start = x - to_start;
                if windows.subpixel { start } else { (start + 0.5).floor() }
            })
        };
        let is_kept = |point: &[f64; 2], start: &[f64; 2]| {
            (0..2).all(|axis| {
                let len = shape[axis];
                (-0.5..len as f64 - 0.5).contains(&point[axis])
                    && (windows.border == Border::Reflect
                        || (0.0..=(len - size) as f64).contains(&start[axis]))
            })
        };
        let mut starts = Vec::with_capacity(points.len());
        let mut kept = Vec::with_capacity(points.len());
        for point in points {
            let start = start_of(point);
            kept.push(is_kept(point, &start));
            if is_kept(point, &start) {
                starts.push(start);
            }
        }
        Ok(Self { windows, shape, starts, kept })
    }

    /// Values of all windows together.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is no room for them.
    pub fn values(&self) -> Result<usize> {
        let what = "window_size x window_size pixels around each position";
        let len = self.windows.size.pow(2).saturating_mul(self.len());
        memory::check_room::<f32>(len, what)?;
        Ok(len)
    }

    /// For each point whether its window is kept.
    #[must_use]
    pub fn kept(&self) -> &[bool] {
        &self.kept
    }

    /// How many windows are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Cuts the windows out of the image into `out`, one after the other, row after row.
    ///
    /// Interpolation is Keys' cubic convolution (a = -1/2): exact for quadratic intensities, and
    /// of the weights that need no filtering of the whole image those that smooth least. Beyond
    /// the image its taps meet the reflected image, under either [`Border`].
    ///
    /// # Errors
    /// [`Error::PatchesShape`] if the image is not of the shape that was planned for, or `out`
    /// does not hold the windows; [`Error::Memory`], [`Error::Interrupted`].
    pub fn cut<T: Sample>(
        &self,
        image: &Image<T>,
        out: &mut [f32],
        effort: Effort<'_>,
    ) -> Result<()> {
        let pixels = self.windows.size * self.windows.size;
        if [image.rows(), image.cols()] != self.shape || out.len() != pixels * self.len() {
            let (rows, cols, len) = (image.rows(), image.cols(), out.len());
            return Err(Error::PatchesShape { rows, cols, len });
        }
        let per_task = (PIXELS_PER_TASK / pixels).max(1);
        let mut tasks: Vec<_> =
            self.starts.chunks(per_task).zip(out.chunks_mut(per_task * pixels)).collect();
        let instruction_set = InstructionSet::widest();
        let stopped = Mutex::new(Ok(()));
        parallel::for_each_with(
            &mut tasks,
            effort.threads,
            || Cutter::new(image, self.windows),
            |cutter, (starts, out)| {
                let done = cutter.as_mut().map_err(|error| error.clone()).and_then(|cutter| {
                    effort.check()?;
                    instruction_set.run(Task { cutter, starts, out });
                    Ok(())
                });
                if done.is_err() {
                    *stopped.lock().unwrap_or_else(PoisonError::into_inner) = done;
                }
            },
        );
        stopped.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Windows that one thread cuts at a time.
struct Task<'t, 'i, T: Pixel> {
    cutter: &'t mut Cutter<'i, T>,
    starts: &'t [[f64; 2]],
    out: &'t mut [f32],
}

impl<T: Sample> Kernel for Task<'_, '_, T> {
    type Output = ();

    /// Plain code that the compiler makes vectors of. It never fuses products and sums, so results
    /// are the same to the bit with every instruction set.
    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) {
        let pixels = self.cutter.window.len();
        for (start, window) in self.starts.iter().zip(self.out.chunks_exact_mut(pixels)) {
            self.cutter.cut(*start, window);
        }
    }
}

/// Cuts windows one after the other, in buffers of its own.
struct Cutter<'a, T: Pixel> {
    image: &'a Image<T>,
    windows: Windows,
    /// Pixels that one row of a window needs, where they are not one slice of the image.
    line: Vec<T>,
    /// Rows that are interpolated along the columns only.
    halfway: Vec<T>,
    window: Vec<T>,
}

impl<'a, T: Sample> Cutter<'a, T> {
    fn new(image: &'a Image<T>, windows: Windows) -> Result<Self> {
        let size = windows.size;
        let reach = if windows.subpixel { size + TAPS - 1 } else { size };
        let pixels = |len: usize| memory::filled(T::default(), len, "a window of window_size");
        Ok(Self {
            image,
            windows,
            line: pixels(reach)?,
            halfway: pixels(reach * size)?,
            window: pixels(size * size)?,
        })
    }

    #[inline(always)]
    fn cut(&mut self, start: [f64; 2], out: &mut [f32]) {
        let corner = start.map(f64::floor);
        let [row, col] = corner.map(|x| x as isize);
        if self.windows.subpixel {
            let weights = |axis: usize| Weights::new(start[axis] - corner[axis]);
            self.interpolate([row - 1, col - 1], &weights(0), &weights(1));
        } else if self.windows.normalization == Normalization::None {
            for (i, target) in out.chunks_exact_mut(self.windows.size).enumerate() {
                let source = line(self.image, row + i as isize, col, &mut self.line);
                self.windows.normalization.apply(source, target);
            }
            return;
        } else {
            for (i, target) in self.window.chunks_exact_mut(self.windows.size).enumerate() {
                target.copy_from_slice(line(self.image, row + i as isize, col, &mut self.line));
            }
        }
        self.windows.normalization.apply(&self.window, out);
    }

    /// `row` and `col` are those of the first tap of the first pixel.
    #[inline(always)]
    fn interpolate(&mut self, [row, col]: [isize; 2], down: &Weights<T>, along: &Weights<T>) {
        let size = self.windows.size;
        for (i, target) in self.halfway.chunks_exact_mut(size).enumerate() {
            let source = line(self.image, row + i as isize, col, &mut self.line);
            along.combine([0, 1, 2, 3].map(|tap| &source[tap..tap + size]), target);
        }
        for (i, target) in self.window.chunks_exact_mut(size).enumerate() {
            let row_of = |tap: usize| &self.halfway[(i + tap) * size..(i + tap + 1) * size];
            down.combine([0, 1, 2, 3].map(row_of), target);
        }
    }
}

/// As many pixels of a row as `buffer` holds, from a column on; reflected beyond the image.
#[inline(always)]
fn line<'a, T: Pixel>(image: &'a Image<T>, row: isize, col: isize, buffer: &'a mut [T]) -> &'a [T] {
    // Reflection divides, which takes as long as copying the row.
    let pixels = image.row(match usize::try_from(row) {
        Ok(row) if row < image.rows() => row,
        _ => reflect(row, image.rows()),
    });
    if let Ok(first) = usize::try_from(col)
        && let Some(inside) = pixels.get(first..first + buffer.len())
    {
        return inside;
    }
    for (i, pixel) in buffer.iter_mut().enumerate() {
        *pixel = pixels[reflect(col + i as isize, pixels.len())];
    }
    buffer
}
