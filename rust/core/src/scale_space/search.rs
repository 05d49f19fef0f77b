//! The search for candidates: screened on vectors and threads, decided exactly.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use super::screen::{Block, Lease, Normalization, Reach, ScreenScale, Suspects, Tile, Voxel};
use super::{Query, Resources, Scale, exact};
use crate::blob::{Candidate, strongest_first};
use crate::image::{Image, Pixel};
use crate::parallel;
use crate::simd::{Kernel, Lanes, MAX_LANES};

/// Columns of a tile, and rows it should not exceed: its buffers then fit the second-level cache.
const TILE_COLS: usize = 270;
const TILE_ROWS: usize = 110;

/// Finds the candidates as [`super::find_candidates`] defines them, or none if plateaus make it
/// the plain way's work, or if interrupted; the ladder is not empty.
pub(super) fn find_candidates<T: Pixel>(
    image: &Image<T>,
    ladder: &[Scale],
    query: Query,
    resources: Resources<'_>,
) -> Option<Vec<Candidate>> {
    let Resources { threads, instruction_set, interrupted } = resources;
    // The least response is nothing that screening could name.
    let threshold = query.threshold?;
    let normalization = Normalization::of(image)?;
    if ladder.iter().all(|scale| scale.weight == 0.0) {
        return None;
    }
    let scales: Vec<ScreenScale> =
        ladder.iter().map(|scale| ScreenScale::new(scale, normalization)).collect();
    let reach = Reach::of(&scales);
    let blocks = tiles(image.rows(), image.cols(), reach.horizontal, threads);
    let (rows, cols) = (blocks[0].rows, blocks[0].cols);
    let found = parallel::map_with(
        &blocks,
        threads,
        || (Lease::new(rows, cols, reach), exact::Scratch::default()),
        |(buffers, scratch), &block| {
            let suspects = instruction_set.run(Tile {
                image,
                normalization,
                scales: &scales,
                threshold: threshold * normalization.factor,
                border: query.border,
                block,
                interrupted,
                buffers,
            })?;
            if interrupted() {
                return None;
            }
            Some(instruction_set.run(Trial { image, ladder, threshold, suspects, scratch }))
        },
    );
    let mut candidates = Vec::new();
    for tile in found {
        candidates.extend(tile?);
    }
    candidates.sort_unstable_by(strongest_first);
    Some(candidates)
}

/// Decides on the suspects of a tile by exact arithmetic.
struct Trial<'a, T: Pixel> {
    image: &'a Image<'a, T>,
    ladder: &'a [Scale],
    threshold: f64,
    suspects: Suspects,
    scratch: &'a mut exact::Scratch,
}

impl<T: Pixel> Kernel for Trial<'_, T> {
    type Output = Vec<Candidate>;

    #[inline(always)]
    #[allow(unsafe_code, reason = "the trait's; nothing in here is unsafe")]
    unsafe fn run<V: Lanes, const OUTPUTS: usize>(self) -> Vec<Candidate> {
        let Self { image, ladder, threshold, suspects, scratch } = self;
        let mut response = |voxel: Voxel| {
            let scale = &ladder[voxel.scale as usize];
            exact::response(image, scale, voxel.row as usize, voxel.col as usize, scratch)
        };
        // Plateaus make rivals of the same voxels again and again.
        let mut known: HashMap<Voxel, f64> = HashMap::new();
        let mut candidates = Vec::with_capacity(suspects.voxels.len());
        let ends = suspects.voxels.iter().skip(1).map(|next| next.rivals as usize);
        let ends = ends.chain([suspects.rivals.len()]);
        for (suspect, end) in suspects.voxels.iter().zip(ends) {
            let (row, col, scale) = (suspect.row, suspect.col, suspect.scale);
            let voxel = Voxel { row, col, scale };
            let rivals = &suspects.rivals[suspect.rivals as usize..end];
            // Most have no rival, and then hashing would take longer than it saves.
            let known_value = if rivals.is_empty() { None } else { known.get(&voxel) };
            let value = known_value.copied().unwrap_or_else(|| response(voxel));
            let holds = value > threshold
                && rivals
                    .iter()
                    .all(|&rival| value >= *known.entry(rival).or_insert_with(|| response(rival)));
            if holds {
                candidates.push(Candidate { row, col, scale, response: value });
            }
        }
        candidates
    }
}

/// Splits the image into tiles, so that the busiest thread has least to do.
fn tiles(rows: usize, cols: usize, reach: usize, threads: NonZeroUsize) -> Vec<Block> {
    let across = split(cols, TILE_COLS.max(4 * reach));
    let fewest = rows.div_ceil(TILE_ROWS);
    let work = |parts: usize| {
        let tiles = (parts * across.len()).div_ceil(threads.get());
        tiles * (rows.div_ceil(parts) + 2).next_multiple_of(MAX_LANES)
    };
    let parts = (fewest..=(2 * fewest + threads.get()).min(rows)).min_by_key(|&n| work(n));
    let down = split(rows, rows.div_ceil(parts.unwrap_or(fewest)));
    down.iter()
        .flat_map(|&(row, rows)| {
            across.iter().map(move |&(col, cols)| Block { row, col, rows, cols })
        })
        .collect()
}

/// Splits a length into parts that differ by at most one and do not exceed `most`, the longest
/// first.
fn split(len: usize, most: usize) -> Vec<(usize, usize)> {
    let parts = len.div_ceil(most);
    let (short, long) = (len / parts, len % parts);
    let mut start = 0;
    (0..parts)
        .map(|part| {
            let len = short + usize::from(part < long);
            start += len;
            (start - len, len)
        })
        .collect()
}
