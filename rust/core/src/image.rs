//! An image and the arithmetic of its pixels.

use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::ops::{Deref, Div, Range, Sub};

use crate::extent::Extent;
use crate::interrupt::Effort;
use crate::kept::Kept;
use crate::source::{Scaling, Source};
use crate::{Error, Result, memory, parallel};

/// Pixels that a thread is started for at least: starting it takes as long as copying these.
const PIXELS_PER_THREAD: usize = 1 << 17;

/// Pixels between two questions whether to stop.
const PIXELS_PER_TASK: usize = 1 << 16;

/// A pixel type: the precision in which filtered values are stored.
///
/// Sums run in `f64` whatever the pixel is; each finished pass is rounded to the pixel.
pub trait Pixel:
    Copy
    + PartialOrd
    + Default
    + Send
    + Sync
    + Sub<Output = Self>
    + Div<Output = Self>
    + std::fmt::Debug
    + 'static
{
    /// Largest relative error of rounding to this type.
    const ROUNDOFF: f64;
    /// The largest finite value.
    const LARGEST: f64;
    /// The value as a double, exactly.
    fn to_f64(self) -> f64;
    /// The nearest value of this type.
    fn from_f64(value: f64) -> Self;
    /// The value itself if the other is finite, else NaN; the value is 0 or NaN.
    #[doc(hidden)]
    #[must_use]
    fn plus_none_of(self, other: Self) -> Self;
    /// Where the memory of copies of images is kept.
    #[doc(hidden)]
    fn kept() -> &'static Kept<Vec<Self>>;
}

impl Pixel for f64 {
    const ROUNDOFF: f64 = f64::EPSILON / 2.0;
    const LARGEST: f64 = f64::MAX;

    fn to_f64(self) -> f64 {
        self
    }
    fn from_f64(value: f64) -> Self {
        value
    }
    fn plus_none_of(self, other: Self) -> Self {
        self + other * 0.0
    }
    fn kept() -> &'static Kept<Vec<Self>> {
        static KEPT: Kept<Vec<f64>> = Kept::new();
        &KEPT
    }
}

impl Pixel for f32 {
    const ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;
    const LARGEST: f64 = f32::MAX as f64;

    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn from_f64(value: f64) -> Self {
        value as Self
    }
    fn plus_none_of(self, other: Self) -> Self {
        self + other * 0.0
    }
    fn kept() -> &'static Kept<Vec<Self>> {
        static KEPT: Kept<Vec<f32>> = Kept::new();
        &KEPT
    }
}

/// Values of pixels, row after row.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane<T> {
    rows: usize,
    cols: usize,
    /// The first row and the first column that it holds, with those that follow: all but where it
    /// says otherwise.
    first: [usize; 2],
    /// Columns that it holds.
    width: usize,
    pixels: Vec<T>,
}

impl<T: Pixel> Plane<T> {
    /// Zeros of the shape of another.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub(crate) fn zeros_like<U>(other: &Plane<U>) -> Result<Self> {
        let Plane { rows, cols, .. } = *other;
        let pixels = memory::filled(T::default(), rows * cols, "a filtered image")?;
        Ok(Self::whole([rows, cols], pixels))
    }

    fn whole([rows, cols]: [usize; 2], pixels: Vec<T>) -> Self {
        Self { rows, cols, first: [0; 2], width: cols, pixels }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The columns that it holds: all but of a part of an image.
    pub(crate) fn held_cols(&self) -> Range<usize> {
        self.first[1]..self.first[1] + self.width
    }

    /// One row, of the columns that are held.
    #[must_use]
    pub fn row(&self, row: usize) -> &[T] {
        &self.pixels[self.start(row)..][..self.width]
    }

    /// One row, to write.
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [T] {
        let start = self.start(row);
        &mut self.pixels[start..][..self.width]
    }

    /// Where among the pixels a row begins.
    #[inline(always)]
    pub(crate) fn start(&self, row: usize) -> usize {
        (row - self.first[0]) * self.width
    }

    /// All pixels that are held, row after row.
    #[must_use]
    pub fn pixels(&self) -> &[T] {
        &self.pixels
    }
}

/// An image: a plane with at least one pixel, all of them finite, and their range.
#[derive(Debug, Clone, PartialEq)]
pub struct Image<T> {
    plane: Plane<T>,
    range: (T, T),
}

impl<T> Deref for Image<T> {
    type Target = Plane<T>;

    fn deref(&self) -> &Plane<T> {
        &self.plane
    }
}

impl<T: Pixel> Image<T> {
    /// Takes the pixels of an image, row after row.
    ///
    /// # Errors
    /// [`Error::ImageShape`] if they do not fill the shape or the shape is empty,
    /// [`Error::PixelNotFinite`].
    pub fn new(rows: usize, cols: usize, pixels: Vec<T>) -> Result<Self> {
        let len = pixels.len();
        if len == 0 || rows.checked_mul(cols) != Some(len) {
            return Err(Error::ImageShape { rows, cols, len });
        }
        let extent = Extent::of(&pixels);
        Self::of(Plane::whole([rows, cols], pixels), extent)
    }

    /// Copies the pixels of an image, each of which is asked for once, and scales them. So they may
    /// lie in memory that others write to.
    ///
    /// # Errors
    /// [`Error::ImageShape`] if the shape is empty, [`Error::PixelNotFinite`], [`Error::Memory`],
    /// [`Error::Interrupted`].
    pub fn gathered(
        source: &impl Source<T>,
        scaling: Option<Scaling<T>>,
        effort: Effort<'_>,
    ) -> Result<Self> {
        let whole = source.shape().map(|len| 0..len);
        Self::gathered_into(Vec::new(), source, whole, scaling, effort)
    }

    /// As [`Image::gathered`], in memory that may be there already, and only of some rows and
    /// columns: of the others nothing may be asked, and they do not count for the range.
    #[allow(unsafe_code, reason = "memory that is written to once, by threads")]
    pub(crate) fn gathered_into(
        mut pixels: Vec<T>,
        source: &impl Source<T>,
        [held_rows, held_cols]: [Range<usize>; 2],
        scaling: Option<Scaling<T>>,
        effort: Effort<'_>,
    ) -> Result<Self> {
        let [rows, cols] = source.shape();
        let width = held_cols.len();
        let Some(len) = held_rows.len().checked_mul(width).filter(|&len| len > 0) else {
            return Err(Error::ImageShape { rows, cols, len: 0 });
        };
        pixels.clear();
        memory::more_room(&mut pixels, len, "a copy of the image")?;
        let rows_per_task = (PIXELS_PER_TASK / width).max(1);
        let mut tasks: Vec<Gathering<'_, T>> = pixels.spare_capacity_mut()[..len]
            .chunks_mut(rows_per_task * width)
            .enumerate()
            .map(|(task, pixels)| Gathering {
                first: held_rows.start + task * rows_per_task,
                pixels,
                extent: None,
            })
            .collect();
        parallel::for_each_with(
            &mut tasks,
            threads_for(len, effort),
            || (),
            |(), Gathering { first, pixels, extent }| {
                if effort.check().is_ok() {
                    *extent = Some(gather(pixels, *first, held_cols.clone(), source, scaling));
                }
            },
        );
        let mut whole: Option<Extent<T>> = None;
        for task in tasks {
            let extent = task.extent.ok_or(Error::Interrupted)?;
            whole = Some(whole.map_or(extent, |whole| whole.with(extent)));
        }
        let extent = whole.ok_or(Error::ImageShape { rows, cols, len: 0 })?;
        // SAFETY: the tasks are chunks of the first `len` places, and each has an extent, which
        // `gather` gives once it has written to every place.
        unsafe { pixels.set_len(len) };
        let first = [held_rows.start, held_cols.start];
        Self::of(Plane { rows, cols, first, width, pixels }, extent)
    }

    fn of(plane: Plane<T>, extent: Extent<T>) -> Result<Self> {
        if extent.is_finite {
            return Ok(Self { plane, range: (extent.low, extent.high) });
        }
        let is_finite = |x: &T| x.to_f64().is_finite();
        let index = plane.pixels.iter().position(|x| !is_finite(x)).unwrap_or(0);
        let [first_row, first_col] = plane.first;
        let (row, col) = (first_row + index / plane.width, first_col + index % plane.width);
        Err(Error::PixelNotFinite { row, col, value: plane.pixels[index].to_f64() })
    }

    /// The least and the largest pixel.
    #[must_use]
    pub fn range(&self) -> (T, T) {
        self.range
    }

    /// Its memory, to be used again.
    pub(crate) fn into_memory(self) -> Vec<T> {
        self.plane.pixels
    }
}

/// As many threads as are worth starting for so many pixels.
pub(crate) fn threads_for(len: usize, effort: Effort<'_>) -> NonZeroUsize {
    let worth_starting = NonZeroUsize::new(len / PIXELS_PER_THREAD);
    effort.threads.min(worth_starting.unwrap_or(NonZeroUsize::MIN))
}

/// Rows that one thread copies.
struct Gathering<'a, T> {
    /// The first of them.
    first: usize,
    pixels: &'a mut [MaybeUninit<T>],
    /// What they are, once all are there.
    extent: Option<Extent<T>>,
}

/// Writes some columns of rows, from `first` on, scales them, and looks at what it wrote.
#[allow(unsafe_code, reason = "rows are looked at while they are near")]
fn gather<T: Pixel>(
    pixels: &mut [MaybeUninit<T>],
    first: usize,
    cols: Range<usize>,
    source: &impl Source<T>,
    scaling: Option<Scaling<T>>,
) -> Extent<T> {
    let mut whole: Option<Extent<T>> = None;
    for (row, pixels) in (first..).zip(pixels.chunks_mut(cols.len())) {
        let pixel = source.pixels_of(row);
        for (out, col) in pixels.iter_mut().zip(cols.clone()) {
            out.write(pixel(col));
        }
        // SAFETY: every element of the row has just been written.
        let written = unsafe { &mut *(std::ptr::from_mut(pixels) as *mut [T]) };
        if let Some(scaling) = scaling {
            scaling.apply(written);
        }
        let extent = Extent::of(written);
        whole = Some(whole.map_or(extent, |whole| whole.with(extent)));
    }
    // There is no task without a row.
    whole.unwrap_or(Extent { low: T::default(), high: T::default(), is_finite: false })
}

/// Index of the pixel that half-sample symmetric reflection (`d c b a | a b c d | d c b a`) puts
/// at `index`, for any distance outside `0..len`.
#[must_use]
pub fn reflect(index: isize, len: usize) -> usize {
    // Most are inside, and a division takes longer than what a pixel is wanted for.
    if (0..len as isize).contains(&index) {
        return index as usize;
    }
    let period = 2 * len as isize;
    let folded = index.rem_euclid(period) as usize;
    if folded < len { folded } else { 2 * len - 1 - folded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extent::extent;
    use proptest::prelude::*;

    #[test]
    fn reflection_repeats_the_edge_and_goes_on_for_ever() {
        let letters: Vec<usize> = (-7..8).map(|i| reflect(i, 3)).collect();
        assert_eq!(letters, [0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]);
        assert!((-5..5).all(|i| reflect(i, 1) == 0));
    }

    #[test]
    fn pixels_must_fill_the_shape() {
        assert!(Image::new(2, 3, vec![0.0_f64; 6]).is_ok());
        for (rows, cols, len) in [(2, 3, 5), (0, 3, 0), (usize::MAX, 2, 6)] {
            let error = Image::new(rows, cols, vec![0.0_f64; len]).unwrap_err();
            assert_eq!(error, Error::ImageShape { rows, cols, len });
        }
    }

    /// Pixels by row and column, of this shape.
    struct Of<F>([usize; 2], F);

    impl<T: Pixel, F: Fn(usize, usize) -> T + Sync> Source<T> for Of<F> {
        fn shape(&self) -> [usize; 2] {
            self.0
        }

        fn pixels_of(&self, row: usize) -> impl Fn(usize) -> T {
            move |col| self.1(row, col)
        }
    }

    #[test]
    fn more_pixels_than_memory_holds_are_refused() {
        let effort = Effort::of(NonZeroUsize::MIN);
        let of = |shape: [usize; 2]| Of(shape, |_, _| 0.0_f64);
        let error = Image::gathered(&of([1 << 30, 1 << 30]), None, effort).unwrap_err();
        assert_eq!(error, Error::Memory { what: "a copy of the image", bytes: 1 << 63 });
        let error = Image::gathered(&of([usize::MAX, 2]), None, effort).unwrap_err();
        assert!(matches!(error, Error::ImageShape { .. }));
    }

    #[test]
    fn copying_is_given_up_on_request() {
        let effort = Effort { threads: NonZeroUsize::MIN, interrupted: &|| true };
        let source = Of([3, 3], |_, _| 0.0_f64);
        assert_eq!(Image::gathered(&source, None, effort), Err(Error::Interrupted));
        assert!(matches!(extent(&source, effort), Err(Error::Interrupted)));
    }

    proptest! {
        #[test]
        fn an_image_knows_its_range_and_has_finite_pixels(
            pixels in proptest::collection::vec(-1e300_f64..1e300, 1..200),
            bad in proptest::option::of((0_usize..200, prop_oneof![
                Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)
            ])),
            threads in 1_usize..3,
        ) {
            let cols = pixels.len();
            let mut pixels = pixels;
            let bad = bad.map(|(col, value)| (col % cols, value));
            if let Some((col, value)) = bad {
                pixels[col] = value;
            }
            let effort = Effort::of(NonZeroUsize::new(threads).unwrap());
            let gathered = Image::gathered(&Of([1, cols], |_, col| pixels[col]), None, effort);
            let taken = Image::new(1, cols, pixels.clone());
            if let Some((col, value)) = bad {
                for result in [gathered, taken] {
                    let Err(Error::PixelNotFinite { row, col: at, value: got }) = result else {
                        panic!("{value} at {col} was taken");
                    };
                    prop_assert_eq!((row, at, got.to_bits()), (0, col, value.to_bits()));
                }
            } else {
                let low = pixels.iter().copied().fold(f64::INFINITY, f64::min);
                let high = pixels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let gathered = gathered.unwrap();
                prop_assert_eq!(gathered.range(), (low, high));
                prop_assert_eq!(gathered.pixels(), &pixels[..]);
                prop_assert_eq!(taken.unwrap(), gathered);
            }
        }
    }

    #[test]
    fn threads_copy_every_row() {
        // Enough for several threads, but under Miri, where that takes a quarter of an hour.
        let (rows, cols) = if cfg!(miri) { (23, 17) } else { (701, 803) };
        let value = |row: usize, col: usize| (row * 1000 + col) as f32;
        let effort = Effort::of(NonZeroUsize::new(3).unwrap());
        let image = Image::gathered(&Of([rows, cols], value), None, effort).unwrap();
        assert!((0..rows).all(|row| (0..cols).all(|col| image.row(row)[col] == value(row, col))));
        assert_eq!(image.range(), (0.0, value(rows - 1, cols - 1)));
    }
}
