//! The search for candidates: screened on vectors and threads, decided exactly.

use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::ops::Range;

use super::parts::{self, Ends, Maximum};
use super::screen::{
    self, Block, Lease, Normalization, Reach, ScreenScale, Screened, Suspect, Suspects, Tile, Voxel,
};
use super::{AxisKernels, Query, Resources, Scale, exact};
use crate::blob::{Candidate, strongest_first};
use crate::image::{Image, Pixel};
use crate::interrupt::Effort;
use crate::simd::{Available, Kernel, Lanes, MAX_LANES};
use crate::source::{Pixels, Source};
use crate::{Result, memory, parallel};

/// Rows and columns that a tile should not exceed: its buffers then fit the second-level cache.
/// With the pixel around it, that is whole vectors of rows, on the next coarser grid as well; a
/// square has the least around it that kernels read besides.
const TILE: usize = 174;

/// How many times as far as the widest kernel a tile extends, whatever fits a cache: what is read
/// around it is then about as much as it is itself.
const TILE_OF_REACH: usize = 6;

/// Bytes of a tile's buffers beyond which the plain way, which needs no room for what kernels
/// reach, takes over: kernels of a thousand pixels and more on images as large.
const MOST_BYTES: usize = 256 << 20;

/// Suspects that are tried between two questions whether to stop: with the widest kernels that
/// the buffers hold, one takes milliseconds.
const SUSPECTS_BETWEEN_QUESTIONS: usize = 16;

/// How the search by screening ended.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// With the candidates of each part.
    Candidates(Vec<Vec<Candidate>>),
    /// Without: plateaus, numbers that `f32` does not hold or a kernel that is too wide make it
    /// the plain way's work.
    LeftToThePlainWay,
}

/// Finds the candidates of parts as [`super::find_candidates_of_parts`] defines them; no part is
/// empty.
pub(super) fn find_candidates<T: Pixel>(
    image: &Image<T>,
    ladder: &[Scale],
    parts: &[Range<usize>],
    query: Query,
    resources: Resources<'_>,
) -> Result<Found> {
    let shape = [image.rows(), image.cols()];
    find(shape, image.range(), (ladder, parts), query, resources, |search, block, own| {
        search.try_tile(image, block, own)
    })
}

/// As [`find_candidates`], of pixels of this range that lie elsewhere.
///
/// Every tile is copied, with what its kernels read around it, by the thread that searches it: so
/// no memory is needed for a copy of the image, which takes longer to get than to fill, and what is
/// copied is near when it is read.
pub(super) fn find_candidates_by_tiles<T: Pixel, S: Source<T>>(
    pixels: &Pixels<'_, S, T>,
    range: (T, T),
    of: (&[Scale], &[Range<usize>]),
    query: Query,
    resources: Resources<'_>,
) -> Result<Found> {
    let alone = Effort { threads: NonZeroUsize::MIN, ..resources.effort };
    find(pixels.source.shape(), range, of, query, resources, |search, block, own: &mut Own<T>| {
        let image = pixels.part(search.read_by(block), own.memory(), alone)?;
        let found = search.try_tile(&image, block, own);
        own.copy = image.into_memory();
        found
    })
}

/// As [`find_candidates`], where `try_tile` gives the maxima of a tile.
fn find<T: Pixel>(
    shape: [usize; 2],
    range: (T, T),
    (ladder, parts): (&[Scale], &[Range<usize>]),
    query: Query,
    resources: Resources<'_>,
    try_tile: impl Fn(&Search<'_>, Block, &mut Own<T>) -> Result<Option<Vec<Maximum>>> + Sync,
) -> Result<Found> {
    let Some(search) = Search::new(shape, range, ladder, parts, query, resources)? else {
        return Ok(Found::LeftToThePlainWay);
    };
    let effort = resources.effort;
    let own = || Own::new(search.blocks[0], search.reach);
    let found = parallel::map_with(&search.blocks, effort.threads, own, |own, &block| {
        try_tile(&search, block, own)
    });
    effort.check()?;
    let mut tiles = Vec::with_capacity(found.len());
    for tile in found {
        let Some(tile) = tile? else { return Ok(Found::LeftToThePlainWay) };
        tiles.push(tile);
    }
    Ok(Found::Candidates(search.of_parts(tiles)?))
}

/// What is searched for, and how.
struct Search<'a> {
    ladder: &'a [Scale],
    parts: &'a [Range<usize>],
    query: Query,
    threshold: f64,
    resources: Resources<'a>,
    normalization: Normalization,
    ends: Vec<Ends>,
    scales: Vec<ScreenScale>,
    reach: Reach,
    /// How many rows and columns around a tile are read.
    beyond: [usize; 2],
    shape: [usize; 2],
    /// The tiles, those of upper rows first.
    blocks: Vec<Block>,
}

/// What a thread works with.
struct Own<T: Pixel> {
    buffers: Result<Lease>,
    scratch: exact::Scratch,
    /// Memory of a tile's copy.
    copy: Vec<T>,
}

impl<T: Pixel> Own<T> {
    /// For tiles of up to this size.
    fn new(largest: Block, reach: Reach) -> Self {
        let buffers = Lease::new(largest.rows, largest.cols, reach);
        Self { buffers, scratch: exact::Scratch::default(), copy: Vec::new() }
    }

    /// Memory for the copy of a tile, to be given back.
    fn memory(&mut self) -> Vec<T> {
        let memory = std::mem::take(&mut self.copy);
        if memory.capacity() > 0 { memory } else { T::kept().take().unwrap_or_default() }
    }
}

impl<T: Pixel> Drop for Own<T> {
    fn drop(&mut self) {
        T::kept().keep_memory(std::mem::take(&mut self.copy));
    }
}

impl<'a> Search<'a> {
    /// In an image of this shape and range; None where that is left to the plain way.
    fn new<T: Pixel>(
        shape: [usize; 2],
        range: (T, T),
        ladder: &'a [Scale],
        parts: &'a [Range<usize>],
        query: Query,
        resources: Resources<'a>,
    ) -> Result<Option<Self>> {
        let ([rows, cols], effort) = (shape, resources.effort);
        // The least response is nothing that screening could name.
        let (Some(threshold), Some(normalization)) = (query.threshold, Normalization::of(range))
        else {
            return Ok(None);
        };
        let is_flat = |part: &Range<usize>| ladder[part.clone()].iter().all(|s| s.weight == 0.0);
        if parts.iter().any(is_flat) || may_overflow(range, ladder) {
            return Ok(None);
        }
        let ends = parts::ends(ladder.len(), parts);
        let mut scales = memory::room(ladder.len(), "a ladder of num_sigma scales")?;
        for scale in ladder {
            effort.check()?;
            scales.push(ScreenScale::new(scale, normalization));
        }
        let reach = Reach::of(&scales);
        let blocks = tiles(rows, cols, reach.widest(), effort.threads);
        let bytes = Lease::bytes(blocks[0].rows, blocks[0].cols, reach);
        if !scales.iter().all(ScreenScale::is_finite) || bytes > MOST_BYTES {
            return Ok(None);
        }
        let screened = screen::beyond([blocks[0].rows, blocks[0].cols], reach);
        let exact = exact::reach(ladder);
        // In noise every tenth pixel is a candidate, which takes some eighty bytes on its way.
        memory::check_room::<f64>(rows * cols, "the candidates of an image of noise")?;
        let search = Self {
            ladder,
            parts,
            query,
            threshold,
            resources,
            normalization,
            ends,
            scales,
            reach,
            beyond: std::array::from_fn(|axis| screened[axis].max(exact[axis])),
            shape,
            blocks,
        };
        Ok(Some(search))
    }

    /// The rows and columns that a tile is made of.
    fn read_by(&self, block: Block) -> [Range<usize>; 2] {
        let own = [(block.row, block.rows), (block.col, block.cols)];
        std::array::from_fn(|axis| {
            let ((first, len), beyond) = (own[axis], self.beyond[axis]);
            first.saturating_sub(beyond)..(first + len + beyond).min(self.shape[axis])
        })
    }

    /// The maxima in one tile, of an image that holds what it reads.
    fn try_tile<T: Pixel>(
        &self,
        image: &Image<T>,
        block: Block,
        own: &mut Own<T>,
    ) -> Result<Option<Vec<Maximum>>> {
        let Resources { effort, instruction_set } = self.resources;
        let Own { buffers, scratch, .. } = own;
        let buffers = buffers.as_mut().map_err(|error| error.clone())?;
        let screened = instruction_set.run(Tile {
            image,
            normalization: self.normalization,
            scales: &self.scales,
            ends: &self.ends,
            reach: self.reach,
            threshold: self.threshold * self.normalization.factor,
            border: self.query.border,
            block,
            interrupted: effort.interrupted,
            buffers,
        });
        let Screened::Suspects(suspects) = screened else { return Ok(None) };
        effort.check()?;
        scratch.forget();
        let (ladder, ends, threshold) = (self.ladder, &*self.ends, self.threshold);
        let trial = Trial { image, ladder, ends, threshold, suspects, scratch, effort };
        instruction_set.run(trial).map(Some)
    }

    /// The candidates of each part, strongest first, by the maxima of each tile.
    fn of_parts(&self, tiles: Vec<Vec<Maximum>>) -> Result<Vec<Vec<Candidate>>> {
        let threads = self.resources.effort.threads;
        let maxima = parallel::sorted(&tiles, threads, stronger, "the candidates")?;
        drop(tiles);
        Ok(parallel::map(self.parts, threads, |part| parts::candidates_of(&maxima, part)))
    }
}

fn stronger(one: &Maximum, other: &Maximum) -> Ordering {
    strongest_first(&one.candidate, &other.candidate)
}

/// Whether a sum or a product of the filter could be beyond the largest number of the pixels'
/// type.
fn may_overflow<T: Pixel>((low, high): (T, T), ladder: &[Scale]) -> bool {
    let largest = low.to_f64().abs().max(high.to_f64().abs());
    let most = |axis: &AxisKernels| {
        axis.smooth().absolute_sum().max(axis.second().absolute_sum()).max(1.0)
    };
    // Every sum is at most the product of both axes' gains, the sum of a pair and of both terms
    // twice that.
    let gain = |scale: &Scale| most(&scale.vertical) * most(&scale.horizontal);
    ladder.iter().any(|scale| {
        let bound = 4.0 * largest * gain(scale) * scale.weight.max(1.0);
        // A bound that is NaN is no bound.
        bound.is_nan() || bound >= T::LARGEST
    })
}

/// Decides on the suspects of a tile by exact arithmetic.
struct Trial<'a, T: Pixel> {
    image: &'a Image<T>,
    ladder: &'a [Scale],
    ends: &'a [Ends],
    threshold: f64,
    suspects: Suspects,
    scratch: &'a mut exact::Scratch,
    effort: Effort<'a>,
}

impl<T: Pixel> Kernel for Trial<'_, T> {
    type Output = Result<Vec<Maximum>>;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> Result<Vec<Maximum>> {
        let Self { image, ladder, ends, threshold, suspects, scratch, effort } = self;
        let Suspects { mut voxels, rivals: all_rivals, .. } = suspects;
        // Sums are kept row by row, which is worth most where suspects are many.
        if !all_rivals.is_empty() {
            voxels.sort_unstable_by_key(|suspect| (suspect.scale, suspect.row, suspect.col));
        }
        let mut responses = Responses { available, image, ladder, scratch };
        let mut maxima = Vec::with_capacity(voxels.len());
        for (index, suspect) in voxels.into_iter().enumerate() {
            if index % SUSPECTS_BETWEEN_QUESTIONS == SUSPECTS_BETWEEN_QUESTIONS - 1 {
                effort.check()?;
            }
            let Suspect { row, col, scale, rivals, may_stand } = suspect;
            let rivals = &all_rivals[rivals];
            let value = responses.at(Voxel { row, col, scale }, !rivals.is_empty());
            if value <= threshold || !responses.stands(value, rivals, |other| other == scale) {
                continue;
            }
            let Ends { first, last, .. } = ends[scale as usize];
            // Where no part ends, both must hold, and the first that does not spares the other.
            let stands_below =
                may_stand[0] && responses.stands(value, rivals, |other| other < scale);
            if !(stands_below || first) {
                continue;
            }
            let stands_above =
                may_stand[1] && responses.stands(value, rivals, |other| other > scale);
            if !(stands_above || last) {
                continue;
            }
            let candidate = Candidate { row, col, scale, response: value };
            maxima.push(Maximum { candidate, stands_below, stands_above });
        }
        Ok(maxima)
    }
}

/// Exact responses.
struct Responses<'a, V, T: Pixel> {
    available: Available<V>,
    image: &'a Image<T>,
    ladder: &'a [Scale],
    scratch: &'a mut exact::Scratch,
}

impl<V: Lanes, T: Pixel> Responses<'_, V, T> {
    #[inline(always)]
    fn at(&mut self, voxel: Voxel, is_crowded: bool) -> f64 {
        let scale = &self.ladder[voxel.scale as usize];
        exact::response(self.available, self.image, scale, voxel, is_crowded, self.scratch)
    }

    /// Whether a response is no less than those of rivals at some scales.
    #[inline(always)]
    fn stands(&mut self, value: f64, rivals: &[Voxel], of: impl Fn(u32) -> bool) -> bool {
        // No closure: it would not be compiled for the caller's instruction set.
        for &rival in rivals {
            if of(rival.scale) && value < self.at(rival, true) {
                return false;
            }
        }
        true
    }
}

/// Splits the image into tiles, so that the busiest thread has least to do.
fn tiles(rows: usize, cols: usize, reach: [usize; 2], threads: NonZeroUsize) -> Vec<Block> {
    let [most_rows, most_cols] = reach.map(|reach| TILE.max(TILE_OF_REACH * reach));
    let across = split(cols, most_cols);
    let fewest = rows.div_ceil(most_rows);
    let work = |parts: usize| {
        let tiles = (parts * across.len()).div_ceil(threads.get());
        tiles * ((rows.div_ceil(parts) + 2).next_multiple_of(MAX_LANES) + 2 * reach[0])
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
