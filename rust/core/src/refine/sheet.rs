//! A part of an image in working memory.

use super::profile::LANES;
use super::region::Rect;

/// Doubles for the pixels of a rectangle, with columns beyond it that loops of [`LANES`] may touch.
#[derive(Default)]
pub(super) struct Sheet {
    pub rect: Rect,
    stride: usize,
    values: Vec<f64>,
}

impl Sheet {
    /// Makes it one of this rectangle; what it holds is not defined.
    pub(super) fn lay(&mut self, rect: Rect) {
        self.rect = rect;
        // An odd number of cache lines: rows that were a power of 2 apart would displace each
        // other from the cache.
        self.stride = ((rect.cols.div_ceil(LANES) + 1) | 1) * LANES;
        self.values.resize(rect.rows * self.stride, 0.0);
    }

    pub(super) fn fill(&mut self, value: f64) {
        self.values.fill(value);
    }

    /// Some columns of a row of the image.
    #[inline(always)]
    pub(super) fn line(&self, row: usize, col: usize, len: usize) -> &[f64] {
        let at = (row - self.rect.row) * self.stride + col - self.rect.col;
        &self.values[at..at + len]
    }

    #[inline(always)]
    pub(super) fn line_mut(&mut self, row: usize, col: usize, len: usize) -> &mut [f64] {
        let at = (row - self.rect.row) * self.stride + col - self.rect.col;
        &mut self.values[at..at + len]
    }

    /// All columns of a row, and those beyond.
    #[inline(always)]
    pub(super) fn row_mut(&mut self, row: usize) -> (&mut [f64], &mut [f64]) {
        let at = (row - self.rect.row) * self.stride;
        self.values[at..at + self.stride].split_at_mut(self.rect.cols)
    }
}
