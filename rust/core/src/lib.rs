//! Algorithms of logstar: Laplacian-of-Gaussian scale space, blob pruning, neighbour distances.
//!
//! Pure computation on plain types: no Python, no input or output. Beside the types of [`image`]
//! and [`blob`], and the geometry of blobs that pruning and the sweep share, a module uses another
//! in one place: [`sweep`] takes the order of claims from [`prune`].
//!
//! | module | what it does |
//! |---|---|
//! | [`scale_space`] | filters an image at every scale and finds the maxima over (row, column, scale) |
//! | [`prune`] | removes blobs that overlap a stronger claim to the same place |
//! | [`skimage`] | removes them as scikit-image does, to the bit |
//! | [`neighbors`] | sums the distances of each point to its nearest neighbours |
//! | [`sweep`] | holds candidates that answer at any threshold and overlap, and finds the best settings |
//! | [`pareto`] | tells which points no other dominates |
//! | [`order`] | finds the intensities at given ranks |
//! | [`source`] | reads and scales pixels that lie elsewhere |
//! | [`patches`] | cuts windows that are centred on atoms |
//! | [`point_filters`] | filters points alone, or an image at points alone |
//! | [`refine`] | fits Gaussian peaks to an image, all together |
//! | [`lattice`] | gives atoms their indices in a crystal's lattice |
//! | [`mean_cell`] | lays all cells of an image over one another |
//! | [`interrupt`] | gives up work on request |
//! | [`guard`] | makes a panic an error |
//! | [`memory`] | asks for memory whose size a parameter decides |
//! | [`kept`] | keeps memory from call to call |
//! | [`reserve`] | has a little memory left where there is no more |
//! | [`simd`] | chooses the instruction set of the vectors, at run time |
//!
//! Positions are `(row, column)` in pixels with pixel centres at integers. Results do not depend
//! on the number of threads.

pub mod blob;
pub mod error;
pub mod guard;
pub mod image;
pub mod interrupt;
pub mod kept;
pub mod lattice;
pub mod mean_cell;
pub mod memory;
pub mod neighbors;
pub mod order;
pub mod pareto;
pub mod patches;
pub mod point_filters;
pub mod prune;
pub mod refine;
pub mod reserve;
pub mod scale_space;
pub mod simd;
pub mod skimage;
pub mod source;
pub mod sweep;

mod extent;
mod geometry;
mod parallel;

pub use error::{Error, Result};
pub use geometry::{Precision, overlap_fraction};
