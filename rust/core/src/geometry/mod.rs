//! Blobs in the plane: what pruning by any rule and the sweep share.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cells`] | a grid that numbers blobs by place |
//! | [`overlap`] | the share of a blob's disc that another's covers |
//! | [`inset`] | how near discs must be to share more than some fraction |
//! | [`rivals`] | who is near enough to be removed by whom |
//! | [`pending`] | sets of numbers that shrink and grow |
//! | [`placed`] | blobs in the order in which they claim their places, and what greedy claims leave |

pub(crate) mod cells;
mod inset;
pub(crate) mod overlap;
pub(crate) mod pending;
pub(crate) mod placed;
pub(crate) mod rivals;
#[cfg(test)]
pub(crate) mod testing;

pub use overlap::{Precision, overlap_fraction};
