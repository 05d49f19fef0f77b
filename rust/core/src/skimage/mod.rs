//! Scikit-image's rule of pruning: what exists only to equal its `blob_log` to the bit.
//!
//! Its loop goes through pairs of blobs and lets blobs that are removed already take part, so in
//! principle the outcome depends on the order of the pairs. Most blobs' fate does not;
//! [`compatible`] settles those and counts the rest, for which [`in_order`] replays a given order:
//! that of [`set_order`]. [`largest_first`] decides them where there are too many pairs for that.
//!
//! Why this is kept is told in `docs/decisions/bit-equality.md`. Nothing else of the crate uses it.

mod compatible;
mod in_order;
mod largest_first;
mod met;
mod set_order;
#[cfg(test)]
mod tests;

pub use compatible::{Verdict, compatible};
pub use in_order::in_order;
pub use largest_first::largest_first;
pub use set_order::set_order;
