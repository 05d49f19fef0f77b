//! Blobs that tests of several rules share.

use std::num::NonZeroUsize;

use proptest::prelude::*;

use crate::blob::Blob;
use crate::interrupt::{Effort, Interrupted};

pub(crate) fn on(threads: usize) -> Effort<'static> {
    Effort::of(NonZeroUsize::new(threads).unwrap())
}

pub(crate) fn until(interrupted: Interrupted<'_>) -> Effort<'_> {
    Effort { interrupted, ..on(1) }
}

pub(crate) fn blob(row: f64, col: f64, sigma: f64) -> Blob<f64> {
    Blob { row, col, sigma_row: sigma, sigma_col: sigma }
}

/// Integer positions and few sigmas, as a ladder gives them: many ties and chains.
pub(crate) fn blobs() -> impl Strategy<Value = Vec<Blob<f64>>> {
    proptest::collection::vec((0_u8..24, 0_u8..24, 1_u8..6), 0..60).prop_map(|blobs| {
        blobs
            .into_iter()
            .map(|(row, col, sigma)| blob(row.into(), col.into(), 0.7 * f64::from(sigma)))
            .collect()
    })
}

/// 400 blobs on a grid, each of which overlaps its neighbours.
pub(crate) fn crowd() -> Vec<Blob<f64>> {
    (0..400).map(|i| blob(f64::from(i / 20), f64::from(i % 20), 2.0)).collect()
}
