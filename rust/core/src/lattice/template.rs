//! The neighbours that each column of a lattice has.

use std::ops::Range;

use crate::{Error, Result};

/// From a column to one of its neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Which column the neighbour is.
    pub column: u32,
    /// How many cells it is away along `a` and `b`, by its index.
    pub cell: [i32; 2],
    /// From here to there in the crystal, in pixels.
    pub vector: [f64; 2],
}

/// The neighbours of every column, shortest edges first.
#[derive(Debug, Clone)]
pub struct Template {
    edges: Vec<Edge>,
    ranges: Vec<Range<u32>>,
    kinds: Vec<i32>,
    longest: f64,
}

impl Template {
    /// Edges column after column; `first` says where those of each begin and where the last end.
    ///
    /// # Errors
    /// [`Error::Template`] if `first` does not divide the edges into one part for each of `kinds`,
    /// none empty, or an edge is not finite or leads to a column that is not there.
    pub fn new(edges: Vec<Edge>, first: &[u32], kinds: Vec<i32>) -> Result<Self> {
        let ranges: Vec<Range<u32>> = first.windows(2).map(|ends| ends[0]..ends[1]).collect();
        let columns = kinds.len();
        let wrong = Error::Template { columns, edges: edges.len() };
        let covers = first.first() == Some(&0)
            && first.last().is_some_and(|&end| end as usize == edges.len());
        let are_edges = edges.iter().all(|edge| {
            (edge.column as usize) < columns && edge.vector.iter().all(|x| x.is_finite())
        });
        if !covers || !are_edges || ranges.len() != columns || ranges.iter().any(Range::is_empty) {
            return Err(wrong);
        }
        let longest = edges.iter().map(|edge| edge.vector[0].hypot(edge.vector[1]));
        let longest = longest.fold(0.0, f64::max);
        Ok(Self { edges, ranges, kinds, longest })
    }

    /// Number of the first edge of a column.
    pub(super) fn first(&self, column: u32) -> u32 {
        self.ranges[column as usize].start
    }

    pub(super) fn of(&self, column: u32) -> &[Edge] {
        let Range { start, end } = self.ranges[column as usize];
        &self.edges[start as usize..end as usize]
    }

    pub(super) fn kind(&self, column: u32) -> i32 {
        self.kinds[column as usize]
    }

    pub(super) fn columns(&self) -> Range<u32> {
        0..self.kinds.len() as u32
    }

    /// Length of the longest edge.
    pub(super) fn longest(&self) -> f64 {
        self.longest
    }
}
