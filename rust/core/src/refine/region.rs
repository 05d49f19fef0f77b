//! Rectangles of pixels that are worked on at a time, and the atoms in each.

use std::ops::Range;

use super::Start;
use super::profile::Frame;

/// Rows and columns of a tile: with what reaches into it, it fits the cache of a core.
const TILE_ROWS: usize = 128;
const TILE_COLS: usize = 256;
/// Atoms of a tile follow one another in strips of this many rows, so that their pixels are still
/// in the nearest cache.
const STRIP_ROWS: f64 = 32.0;

/// Some rows and columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rect {
    pub row: usize,
    pub rows: usize,
    pub col: usize,
    pub cols: usize,
}

impl Rect {
    pub(super) fn end_row(&self) -> usize {
        self.row + self.rows
    }

    pub(super) fn end_col(&self) -> usize {
        self.col + self.cols
    }

    fn is_empty(&self) -> bool {
        self.rows == 0 || self.cols == 0
    }

    pub(super) fn touches(&self, other: &Self) -> bool {
        !self.is_empty()
            && !other.is_empty()
            && self.row < other.end_row()
            && other.row < self.end_row()
            && self.col < other.end_col()
            && other.col < self.end_col()
    }

    /// The part of it that is on another.
    pub(super) fn within(&self, other: &Self) -> Self {
        if !self.touches(other) {
            return Self::default();
        }
        let (row, col) = (self.row.max(other.row), self.col.max(other.col));
        Self {
            row,
            rows: self.end_row().min(other.end_row()) - row,
            col,
            cols: self.end_col().min(other.end_col()) - col,
        }
    }

    /// The smallest that holds both.
    pub(super) fn and(&self, other: &Self) -> Self {
        if self.is_empty() {
            return *other;
        }
        if other.is_empty() {
            return *self;
        }
        let (row, col) = (self.row.min(other.row), self.col.min(other.col));
        Self {
            row,
            rows: self.end_row().max(other.end_row()) - row,
            col,
            cols: self.end_col().max(other.end_col()) - col,
        }
    }
}

/// A part of the fitted pixels, and the atoms that have their starts there.
#[derive(Debug, Clone)]
pub(super) struct Region {
    pub core: Rect,
    pub home: Range<usize>,
}

/// Cuts a rectangle into tiles; gives the order of the atoms that lets those of a tile follow one
/// another, and the tiles. Starts outside belong to the nearest tile.
pub(super) fn tiles(whole: Rect, starts: &[Start]) -> (Vec<usize>, Vec<Region>) {
    let (down, along) =
        (whole.rows.div_ceil(TILE_ROWS).max(1), whole.cols.div_ceil(TILE_COLS).max(1));
    let place = |x: f64, first: usize, side: usize, n: usize| {
        (((x - first as f64) / side as f64).max(0.0) as usize).min(n - 1)
    };
    let tile_of = |start: &Start| {
        place(start.row, whole.row, TILE_ROWS, down) * along
            + place(start.col, whole.col, TILE_COLS, along)
    };
    let mut order: Vec<usize> = (0..starts.len()).collect();
    let strip = |start: &Start| (start.row / STRIP_ROWS).floor() as i64;
    order.sort_by(|&a, &b| {
        let (one, other) = (&starts[a], &starts[b]);
        let key = |start| (tile_of(start), strip(start));
        key(one).cmp(&key(other)).then(one.col.total_cmp(&other.col)).then(a.cmp(&b))
    });
    let mut regions = Vec::with_capacity(down * along);
    let mut next = 0;
    for tile in 0..down * along {
        let (row, col) = (tile / along * TILE_ROWS, tile % along * TILE_COLS);
        let first = next;
        while next < order.len() && tile_of(&starts[order[next]]) == tile {
            next += 1;
        }
        let core = Rect {
            row: whole.row + row,
            rows: TILE_ROWS.min(whole.rows - row),
            col: whole.col + col,
            cols: TILE_COLS.min(whole.cols - col),
        };
        regions.push(Region { core, home: first..next });
    }
    (order, regions)
}

/// Which atoms reach into which rectangle.
pub(super) struct Lookup {
    /// Groups of atoms that follow one another, and a rectangle around their windows.
    groups: Vec<(Range<usize>, Rect)>,
}

impl Lookup {
    /// Of atoms with these windows, grouped by region; those beyond come in groups of their own.
    pub(super) fn new(regions: &[Region], windows: &[Frame]) -> Self {
        const GROUP: usize = 64;
        let last = regions.last().map_or(0, |region| region.home.end);
        let homes = regions.iter().map(|region| region.home.clone());
        let others = (last..windows.len())
            .step_by(GROUP)
            .map(|first| first..(first + GROUP).min(windows.len()));
        let around = |range: &Range<usize>| {
            windows[range.clone()].iter().fold(Rect::default(), |sum, window| sum.and(&window.rect))
        };
        let groups = homes.chain(others).map(|range| (range.clone(), around(&range))).collect();
        Self { groups }
    }

    /// A region with the windows of all its atoms.
    pub(super) fn outer(&self, index: usize, region: &Region) -> Rect {
        region.core.and(&self.groups[index].1)
    }

    /// Writes the atoms that reach into a rectangle, and those of `home`, in their order.
    pub(super) fn reaching(
        &self,
        outer: &Rect,
        home: &Range<usize>,
        windows: &[Frame],
        into: &mut Vec<u32>,
    ) {
        into.clear();
        for (range, around) in &self.groups {
            if range == home {
                into.extend(range.clone().map(|atom| atom as u32));
            } else if around.touches(outer) {
                let reaching = range.clone().filter(|&atom| windows[atom].rect.touches(outer));
                into.extend(reaching.map(|atom| atom as u32));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_and_every_atom_has_one_tile() {
        let whole = Rect { row: 10, rows: 300, col: 20, cols: 517 };
        let starts: Vec<Start> = (0..200)
            .map(|i| Start {
                row: f64::from(i * 37 % 340) - 10.0,
                col: f64::from(i * 101 % 560) - 3.0,
                sigma: 2.0,
                kind: 0,
                limit: 3.0,
                is_ghost: false,
            })
            .collect();
        let (order, regions) = tiles(whole, &starts);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..200).collect::<Vec<_>>());
        assert_eq!(regions.len(), 9);
        assert_eq!(regions.iter().map(|r| r.core.rows * r.core.cols).sum::<usize>(), 300 * 517);
        for (a, one) in regions.iter().enumerate() {
            assert!(regions[..a].iter().all(|other| !other.core.touches(&one.core)));
            for &index in &order[one.home.clone()] {
                let start = &starts[index];
                let (row, col) = (start.row.clamp(10.0, 309.0), start.col.clamp(20.0, 536.0));
                let at = Rect { row: row as usize, rows: 1, col: col as usize, cols: 1 };
                assert!(one.core.touches(&at), "{start:?} {one:?}");
            }
        }
        assert_eq!(regions.iter().map(|r| r.home.len()).sum::<usize>(), 200);
    }
}
