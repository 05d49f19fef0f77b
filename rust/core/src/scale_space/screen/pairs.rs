//! The vectors that a symmetric kernel weighs together.
#![allow(unsafe_code, reason = "kernels over vectors; see crate::simd")]
#![allow(clippy::needless_range_loop, reason = "arrays of vectors in step, kept in registers")]

use crate::simd::Lanes;

/// The vectors at equal distance to both sides of `OUTPUTS` neighbouring places of a line, from the
/// outermost inwards.
///
/// From one distance to the next the vectors of all places move on by one, so on each side only
/// one is loaded anew; it takes the place of the one that is done with.
///
/// # Safety
/// All methods need the instruction set of `V` and the radius' vectors to each side.
pub(super) struct Pairs<V, const OUTPUTS: usize> {
    left_at: *const f32,
    right_at: *const f32,
    stride: usize,
    left: [V; OUTPUTS],
    right: [V; OUTPUTS],
}

impl<V: Lanes, const OUTPUTS: usize> Pairs<V, OUTPUTS> {
    #[inline(always)]
    pub(super) unsafe fn new(at: *const f32, stride: usize, radius: usize) -> Self {
        // SAFETY: the caller's bounds.
        unsafe {
            let empty = [V::splat(0.0); OUTPUTS];
            let (left_at, right_at) = (at.sub(radius * stride), at.add(radius * stride));
            Self { left_at, right_at, stride, left: empty, right: empty }
        }
    }

    /// The sum of the pair of place `k`, loaded.
    #[inline(always)]
    pub(super) unsafe fn load_pair(&self, k: usize) -> V {
        // SAFETY: the caller's bounds.
        unsafe {
            let right = V::load(self.right_at.add(k * self.stride));
            V::load(self.left_at.add(k * self.stride)).add(right)
        }
    }

    /// Goes one inwards without what is loaded.
    #[inline(always)]
    pub(super) unsafe fn skip(&mut self) {
        // SAFETY: the caller's bounds.
        unsafe {
            self.left_at = self.left_at.add(self.stride);
            self.right_at = self.right_at.sub(self.stride);
        }
    }

    /// Loads the vectors of all places.
    #[inline(always)]
    pub(super) unsafe fn open(&mut self) {
        for k in 0..OUTPUTS {
            // SAFETY: the caller's bounds.
            unsafe {
                self.left[k] = V::load(self.left_at.add(k * self.stride));
                self.right[k] = V::load(self.right_at.add(k * self.stride));
            }
        }
    }

    /// The sum of the pair of place `k`, `step` modulo `OUTPUTS` steps after opening.
    #[inline(always)]
    pub(super) unsafe fn pair(&self, k: usize, step: usize) -> V {
        // SAFETY: the caller's instruction set.
        unsafe { self.left[(k + step) % OUTPUTS].add(self.right[(k + OUTPUTS - step) % OUTPUTS]) }
    }

    /// Goes one inwards after `step` modulo `OUTPUTS` steps.
    #[inline(always)]
    pub(super) unsafe fn advance(&mut self, step: usize) {
        // SAFETY: the caller's bounds.
        unsafe {
            self.skip();
            self.left[step] = V::load(self.left_at.add((OUTPUTS - 1) * self.stride));
            self.right[OUTPUTS - 1 - step] = V::load(self.right_at);
        }
    }
}
