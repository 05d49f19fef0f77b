//! Which pixels are fitted.

use crate::Result;

use super::canvas::Canvas;
use super::{Options, Start};

/// Within so many sigmas of the frame columns beyond it shine on pixels.
const FRAME: f64 = 2.5;

/// Weights 0 and 1 of all pixels, padded.
pub(super) fn weights(
    canvas: &Canvas<'_>,
    mask: Option<&[bool]>,
    starts: &[Start],
    options: Options,
) -> Result<Vec<f32>> {
    let mut weights = canvas.blank()?;
    let (rows, cols, stride) = (canvas.rows, canvas.cols, canvas.stride);
    let widest = median_sigma(starts);
    let frame = if options.edge.is_some() { (FRAME * widest).ceil() as usize } else { 0 };
    for (row, line) in weights.chunks_exact_mut(stride).enumerate() {
        if row >= frame && row + frame < rows && 2 * frame < cols {
            line[frame..cols - frame].fill(1.0);
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
                        weights[row * stride + col] = 1.0;
                    }
                }
            }
        }
    }
    if let Some(mask) = mask {
        for (line, mask) in weights.chunks_exact_mut(stride).zip(mask.chunks_exact(cols)) {
            for (weight, &looked_at) in line.iter_mut().zip(mask) {
                if !looked_at {
                    *weight = 0.0;
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
