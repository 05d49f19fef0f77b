//! Images that are sums of peaks and a background, painted strip by strip on all threads.

use crate::interrupt::Effort;
use crate::simd::{Available, InstructionSet, Kernel, Lanes};
use crate::{Result, memory, parallel};

use super::background::Background;
use super::model::TERMS;
use super::profile::{LANES, Padded, Profiles, Tile};

/// Rows of a strip, about as many as of a window, and columns of a tile: a tile of doubles then
/// fits the nearest caches.
const STRIP_ROWS: usize = 32;
const TILE_COLS: usize = 512;

/// The pixels that are fitted, in strips, and what works on them.
#[derive(Clone, Copy)]
pub(super) struct Canvas<'a> {
    pub rows: usize,
    pub cols: usize,
    pub stride: usize,
    pub effort: Effort<'a>,
    pub instruction_set: InstructionSet,
}

/// What is painted: for each atom a polynomial that its profile is multiplied by, and a background.
pub(super) trait Picture: Sync {
    /// The polynomial of an atom; None paints nothing.
    fn polynomial(&self, atom: usize) -> Option<[f64; TERMS]>;
    /// Values of the background at its nodes; None is 0 everywhere.
    fn background(&self) -> Option<&[f64]>;
    /// Takes a stretch of a painted row, writes what is kept of it, and gives what is summed up.
    fn keep(&self, row: usize, col: usize, painted: &[f64], out: &mut [f32]) -> f64;
}

impl<'a> Canvas<'a> {
    pub(super) fn new(
        rows: usize,
        cols: usize,
        effort: Effort<'a>,
        instruction_set: InstructionSet,
    ) -> Self {
        Self { rows, cols, stride: cols.next_multiple_of(LANES) + LANES, effort, instruction_set }
    }

    /// An image of zeros, padded.
    pub(super) fn blank(&self) -> Result<Vec<f32>> {
        memory::filled(0.0, self.rows * self.stride, "the image that is fitted")
    }

    /// The image as its readers want it.
    pub(super) fn padded<'v>(&self, values: &'v [f32]) -> Padded<'v> {
        Padded { values, stride: self.stride }
    }

    /// Paints, and returns the sum of what [`Picture::keep`] gives. Sums do not depend on the
    /// number of threads: each strip has its own, and these are added in order.
    pub(super) fn paint(
        &self,
        profiles: &Profiles,
        members: &Members,
        ground: &Background,
        picture: &impl Picture,
        out: &mut [f32],
    ) -> Result<f64> {
        let mut strips: Vec<Strip<'_>> = out
            .chunks_mut(STRIP_ROWS * self.stride)
            .enumerate()
            .map(|(index, out)| Strip { index, out, sum: 0.0 })
            .collect();
        let own = || (Vec::new(), Vec::new());
        parallel::for_each_with(&mut strips, self.effort.threads, own, |own, strip| {
            if (self.effort.interrupted)() {
                return;
            }
            let (buffer, mixed) = own;
            let painting =
                Painting { canvas: self, profiles, members, ground, picture, strip, buffer, mixed };
            self.instruction_set.run(painting);
        });
        self.effort.check()?;
        Ok(strips.iter().map(|strip| strip.sum).sum())
    }
}

struct Strip<'o> {
    index: usize,
    out: &'o mut [f32],
    sum: f64,
}

/// Which atoms reach into each strip, in the order of their numbers.
pub(super) struct Members {
    starts: Vec<u32>,
    atoms: Vec<u32>,
}

impl Members {
    pub(super) fn new(profiles: &Profiles, rows: usize) -> Self {
        let strips = rows.div_ceil(STRIP_ROWS);
        let touched = |atom: usize| {
            let window = profiles.windows[atom];
            if window.rows == 0 {
                return 0..0;
            }
            window.row / STRIP_ROWS..(window.row + window.rows - 1) / STRIP_ROWS + 1
        };
        let mut starts = vec![0_u32; strips + 1];
        for atom in 0..profiles.windows.len() {
            for strip in touched(atom) {
                starts[strip + 1] += 1;
            }
        }
        for strip in 0..strips {
            starts[strip + 1] += starts[strip];
        }
        let mut next = starts.clone();
        let mut atoms = vec![0; starts[strips] as usize];
        for atom in 0..profiles.windows.len() {
            for strip in touched(atom) {
                atoms[next[strip] as usize] = atom as u32;
                next[strip] += 1;
            }
        }
        Self { starts, atoms }
    }

    fn of(&self, strip: usize) -> &[u32] {
        &self.atoms[self.starts[strip] as usize..self.starts[strip + 1] as usize]
    }
}

/// One strip, compiled for each instruction set: the vectors are the compiler's.
struct Painting<'a, 'c, 's, 'o, X> {
    canvas: &'a Canvas<'c>,
    profiles: &'a Profiles,
    members: &'a Members,
    ground: &'a Background,
    picture: &'a X,
    strip: &'s mut Strip<'o>,
    buffer: &'s mut Vec<f64>,
    mixed: &'s mut Vec<f64>,
}

impl<X: Picture> Kernel for Painting<'_, '_, '_, '_, X> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) {
        let Self { canvas, profiles, members, ground, picture, strip, buffer, mixed } = self;
        let row = strip.index * STRIP_ROWS;
        let rows = STRIP_ROWS.min(canvas.rows - row);
        buffer.resize(STRIP_ROWS * TILE_COLS, 0.0);
        let atoms = members.of(strip.index);
        for col in (0..canvas.cols).step_by(TILE_COLS) {
            let cols = TILE_COLS.min(canvas.cols - col);
            let out = &mut buffer[..rows * cols];
            let mut tile = Tile { row, rows, col, cols, out, mixed };
            match picture.background() {
                Some(nodes) => ground.fill(nodes, &mut tile),
                None => tile.out.fill(0.0),
            }
            for &atom in atoms {
                let window = profiles.windows[atom as usize];
                if window.col < col + cols
                    && window.col + window.cols > col
                    && let Some(polynomial) = picture.polynomial(atom as usize)
                {
                    profiles.of(atom as usize).add(&polynomial, &mut tile);
                }
            }
            for (line, painted) in buffer[..rows * cols].chunks_exact(cols).enumerate() {
                let at = line * canvas.stride + col;
                strip.sum += picture.keep(row + line, col, painted, &mut strip.out[at..at + cols]);
            }
        }
    }
}
