//! Parts of a ladder, each a ladder of its own, that share one scale space.
//!
//! Whether a voxel is a maximum of a part hangs on the part only where the voxel's scale is the
//! part's first or last: then the scale beyond does not count. So one search notes for each
//! maximum among its own scale's voxels whether it stands against the scales below and above.

use std::ops::Range;

use crate::blob::Candidate;

/// Whether some part begins with a scale, ends with it, or is nothing else.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Ends {
    pub first: bool,
    pub last: bool,
    pub alone: bool,
}

/// The ends of parts, scale by scale of a ladder of `len`.
pub(super) fn ends(len: usize, parts: &[Range<usize>]) -> Vec<Ends> {
    let mut ends = vec![Ends::default(); len];
    for part in parts {
        let (first, last) = (part.start, part.end - 1);
        ends[first].first = true;
        ends[last].last = true;
        ends[first].alone |= first == last;
    }
    ends
}

/// A maximum among the voxels of its own scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maximum {
    pub candidate: Candidate,
    /// Whether no voxel around it is larger in the scale below, or there is none.
    pub stands_below: bool,
    /// The same of the scale above.
    pub stands_above: bool,
}

/// The candidates of a part, in the order of the maxima; scales are counted from its first.
pub(super) fn candidates_of(maxima: &[Maximum], part: &Range<usize>) -> Vec<Candidate> {
    maxima
        .iter()
        .filter(|maximum| {
            let scale = maximum.candidate.scale as usize;
            part.contains(&scale)
                && (maximum.stands_below || scale == part.start)
                && (maximum.stands_above || scale + 1 == part.end)
        })
        .map(|maximum| {
            let scale = maximum.candidate.scale - part.start as u32;
            Candidate { scale, ..maximum.candidate }
        })
        .collect()
}
