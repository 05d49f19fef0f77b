//! Pixels in memory that other threads may write to.
//!
//! An image is not converted while its call holds the interpreter: that would be a pass over it on
//! one thread, during which Python stands still. It is copied as the first step of the detached
//! work, on all threads, and the copy's range and finiteness are found on the way, which the work
//! needs anyway. So everything that follows computes with pixels that are its own: no other
//! thread can change them, and none that is NaN gets past the copy.
//!
//! The copy itself reads memory that a thread of the caller may be writing to, as any function of
//! NumPy does that lets others run. No `&[T]` is made of it, whose contents the compiler could
//! take for constant, and every pixel is read once, by a relaxed atomic load: a plain move on all
//! machines, which reads the old or the new value. Nothing is decided on what was read before it
//! is in the copy; where it is read follows from shape and strides alone, which a NumPy array
//! keeps as long as it is referenced, and its memory as well.
#![allow(unsafe_code, reason = "raw pointers to memory that no Rust reference may describe")]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use logstar_core::Result;
use logstar_core::image::{Image, Pixel};
use logstar_core::interrupt::Effort;
use logstar_core::source::Source;
use numpy::{Element, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::PyResult;

use crate::convert::check_places;

/// A pixel that can be read while another thread writes to it.
pub(crate) trait Loaded: Pixel + Element {
    /// # Safety
    /// `from` is aligned and in memory that lives as long as the call.
    unsafe fn load(from: *const Self) -> Self;
}

impl Loaded for f32 {
    #[inline(always)]
    unsafe fn load(from: *const Self) -> Self {
        // SAFETY: the caller's; nothing is ever written through the pointer.
        Self::from_bits(
            unsafe { AtomicU32::from_ptr(from.cast_mut().cast()) }.load(Ordering::Relaxed),
        )
    }
}

impl Loaded for f64 {
    #[inline(always)]
    unsafe fn load(from: *const Self) -> Self {
        // SAFETY: the caller's; nothing is ever written through the pointer.
        Self::from_bits(
            unsafe { AtomicU64::from_ptr(from.cast_mut().cast()) }.load(Ordering::Relaxed),
        )
    }
}

/// Where the pixels of an array lie.
pub(crate) struct SharedPixels<'a, T> {
    first: *const T,
    shape: [usize; 2],
    /// In bytes.
    strides: [isize; 2],
    /// Keeps the array.
    _array: std::marker::PhantomData<&'a T>,
}

// SAFETY: threads only load atomically from where it points.
unsafe impl<T: Loaded> Send for SharedPixels<'_, T> {}
// SAFETY: the same.
unsafe impl<T: Loaded> Sync for SharedPixels<'_, T> {}

impl<'a, T: Loaded> SharedPixels<'a, T> {
    /// Those of an array, which has to be aligned.
    pub(crate) fn of(array: &'a PyReadonlyArray2<'_, T>) -> PyResult<Self> {
        check_places(array, "image")?;
        let (shape, strides) = (array.shape(), array.strides());
        Ok(Self {
            first: array.data(),
            shape: [shape[0], shape[1]],
            strides: [strides[0], strides[1]],
            _array: std::marker::PhantomData,
        })
    }

    pub(crate) fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// A copy of them, to be made while detached.
    pub(crate) fn copied(&self, effort: Effort<'_>) -> Result<Image<T>> {
        Image::gathered(self, None, effort)
    }
}

impl<T: Loaded> Source<T> for SharedPixels<'_, T> {
    fn shape(&self) -> [usize; 2] {
        self.shape
    }

    #[inline(always)]
    fn pixels_of(&self, row: usize) -> impl Fn(usize) -> T {
        let [down, along] = self.strides;
        // SAFETY: rows and columns are within the shape, so the places are the array's, which is
        // borrowed for as long as this value exists, and `of` has found them aligned.
        let start = unsafe { self.first.byte_offset(row as isize * down) };
        // The compiler reads several pixels a turn only where it knows their distance.
        let is_contiguous = along == size_of::<T>() as isize;
        move |col: usize| {
            if is_contiguous {
                // SAFETY: as above.
                unsafe { T::load(start.add(col)) }
            } else {
                // SAFETY: as above.
                unsafe { T::load(start.byte_offset(col as isize * along)) }
            }
        }
    }
}
