//! Which pixels are fitted.

use crate::{Result, memory};

use super::region::Rect;
use super::{Options, Start};

/// Columns beyond the frame shine on pixels within this many sigmas of it.
const FRAME: f64 = 2.5;
/// Side of the squares of which it is known whether all of their pixels are fitted.
const BLOCK: usize = 16;

/// The pixels that are fitted.
pub(super) struct Admitted {
    shape: [usize; 2],
    /// 1 for each that is, else 0.
    pixels: Vec<u8>,
    /// Whether all pixels of a block are.
    whole: Vec<bool>,
    /// How many are.
    pub count: usize,
}

impl Admitted {
    pub(super) fn new(
        shape: [usize; 2],
        mask: Option<&[bool]>,
        starts: &[Start],
        options: Options,
    ) -> Result<Self> {
        let pixels = pixels(shape, mask, starts, options)?;
        let [rows, cols] = shape;
        let mut whole = vec![true; rows.div_ceil(BLOCK) * cols.div_ceil(BLOCK)];
        for (row, line) in pixels.chunks_exact(cols.max(1)).enumerate() {
            let blocks = &mut whole[row / BLOCK * cols.div_ceil(BLOCK)..];
            for (whole, pixels) in blocks.iter_mut().zip(line.chunks(BLOCK)) {
                *whole &= !pixels.contains(&0);
            }
        }
        let count = pixels.iter().map(|&pixel| usize::from(pixel)).sum();
        Ok(Self { shape, pixels, whole, count })
    }

    /// A row's pixels.
    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> &[u8] {
        &self.pixels[row * self.shape[1]..(row + 1) * self.shape[1]]
    }

    /// Whether all pixels of a rectangle are known to be fitted.
    pub(super) fn is_whole(&self, rect: Rect) -> bool {
        let blocks = self.shape[1].div_ceil(BLOCK);
        (rect.row / BLOCK..rect.end_row().div_ceil(BLOCK)).all(|row| {
            self.whole[row * blocks..][rect.col / BLOCK..rect.end_col().div_ceil(BLOCK)]
                .iter()
                .all(|&whole| whole)
        })
    }
}

/// 1 for each pixel that is fitted, else 0.
fn pixels(
    [rows, cols]: [usize; 2],
    mask: Option<&[bool]>,
    starts: &[Start],
    options: Options,
) -> Result<Vec<u8>> {
    let mut weights = memory::filled(0, rows * cols, "the pixels that are fitted")?;
    let widest = median_sigma(starts);
    let frame = if options.edge.is_some() { (FRAME * widest).ceil() as usize } else { 0 };
    for (row, line) in weights.chunks_exact_mut(cols.max(1)).enumerate() {
        if row >= frame && row + frame < rows && 2 * frame < cols {
            line[frame..cols - frame].fill(1);
        }
    }
    if let Some(reach) = options.edge {
        for start in starts.iter().filter(|start| !start.is_ghost) {
            let inside = |x: f64, len: usize| {
                x - reach > frame as f64 && x + reach + frame as f64 + 1.0 < len as f64
            };
            if inside(start.row, rows) && inside(start.col, cols) {
                continue;
            }
            let range = |x: f64, len: usize| {
                let first = (x - reach).ceil().max(0.0);
                let last = (x + reach).floor().min(len as f64 - 1.0);
                if first <= last { first as usize..last as usize + 1 } else { 0..0 }
            };
            for row in range(start.row, rows) {
                for col in range(start.col, cols) {
                    let (x, y) = (row as f64 - start.row, col as f64 - start.col);
                    if x * x + y * y <= reach * reach {
                        weights[row * cols + col] = 1;
                    }
                }
            }
        }
    }
    if let Some(mask) = mask {
        for (line, mask) in
            weights.chunks_exact_mut(cols.max(1)).zip(mask.chunks_exact(cols.max(1)))
        {
            for (weight, &looked_at) in line.iter_mut().zip(mask) {
                if !looked_at {
                    *weight = 0;
                }
            }
        }
    }
    Ok(weights)
}

fn median_sigma(starts: &[Start]) -> f64 {
    let mut sigmas: Vec<f64> = starts.iter().map(|start| start.sigma).collect();
    if sigmas.is_empty() {
        return 0.0;
    }
    let middle = sigmas.len() / 2;
    *sigmas.select_nth_unstable_by(middle, f64::total_cmp).1
}
