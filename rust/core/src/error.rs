//! Errors that carry the numbers that caused them.

/// What can be wrong with the input of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The pixels do not fill the stated shape, or there are none.
    #[error("an image of {rows} x {cols} pixels cannot be made of {len} values")]
    ImageShape {
        /// Stated number of rows.
        rows: usize,
        /// Stated number of columns.
        cols: usize,
        /// Number of values given.
        len: usize,
    },
    /// A sigma that no Gaussian has.
    #[error("sigma must be finite and not negative, got {0}")]
    Sigma(f64),
    /// A kernel whose weights are not finite.
    #[error("kernel weight {index} is {value}; weights must be finite")]
    KernelWeight {
        /// Position in the half kernel, outermost first.
        index: usize,
        /// The weight.
        value: f64,
    },
    /// Two kernels of one axis that do not reach equally far.
    #[error("the kernels of an axis must have one radius, got {smooth} and {second}")]
    KernelRadii {
        /// Radius of the Gaussian.
        smooth: usize,
        /// Radius of its second derivative.
        second: usize,
    },
    /// A scale space without scales.
    #[error("the ladder of scales is empty; at least one sigma is needed")]
    EmptyLadder,
    /// A part of a ladder that goes on beyond it.
    #[error("a part of the ladder ends at scale {end}, the ladder at {len}")]
    Part {
        /// Where the part ends.
        end: usize,
        /// How many scales the ladder has.
        len: usize,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// Points with a coordinate that is NaN or infinite.
    #[error("point {index} is ({row}, {col}); coordinates must be finite")]
    PointNotFinite {
        /// Index of the first such point.
        index: usize,
        /// Its row.
        row: f64,
        /// Its column.
        col: f64,
    },
    /// Blobs with a position or sigma that is NaN or infinite, or with a negative sigma.
    #[error("blob {index} is not finite or has a negative sigma")]
    Blob {
        /// Index of the first such blob.
        index: usize,
    },
    /// A number of neighbours out of range.
    #[error("n_neighbors must be at least 1, got {0}")]
    NeighborCount(usize),
    /// Windows without pixels, or larger than the image.
    #[error("windows of {size} px cannot be cut from an image of {rows} x {cols} px")]
    WindowSize {
        /// Rows and columns of a window.
        size: usize,
        /// Rows of the image.
        rows: usize,
        /// Columns of the image.
        cols: usize,
    },
    /// An image or a buffer that windows were not planned for.
    #[error(
        "windows were not planned for an image of {rows} x {cols} px and {len} values of output"
    )]
    PatchesShape {
        /// Rows of the image.
        rows: usize,
        /// Columns of the image.
        cols: usize,
        /// Values that the output holds.
        len: usize,
    },
    /// A pair that names a blob that is not there.
    #[error("pair ({first}, {second}) names a blob beyond the {len} given")]
    PairOutOfRange {
        /// First index of the pair.
        first: usize,
        /// Second index of the pair.
        second: usize,
        /// Number of blobs.
        len: usize,
    },
}

/// The result of a computation of this crate.
pub type Result<T> = std::result::Result<T, Error>;
