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
    /// A pixel that is NaN or infinite.
    #[error(
        "the pixel at (row, col) = ({row}, {col}) is {value}; pixels must be finite, and must stay \
         so while they are read"
    )]
    PixelNotFinite {
        /// Its row.
        row: usize,
        /// Its column.
        col: usize,
        /// What it is.
        value: f64,
    },
    /// Responses that the precision of the image does not hold.
    #[error(
        "intensities up to {largest:e} overflow where they are filtered at scale {scale}; divide \
         the image by a number"
    )]
    Overflow {
        /// The largest absolute pixel.
        largest: f64,
        /// Index of the first scale with such a response.
        scale: usize,
    },
    /// More memory than there is.
    #[error("{what} would take {bytes} bytes, more than there is memory for")]
    Memory {
        /// What for.
        what: &'static str,
        /// How many bytes.
        bytes: u128,
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
    /// An atom whose fit has nowhere to begin.
    #[error(
        "atom {index} is at ({row}, {col}) with sigma {sigma}; all must be finite, sigma above 0"
    )]
    Start {
        /// Index of the first such atom.
        index: usize,
        /// Its row.
        row: f64,
        /// Its column.
        col: f64,
        /// Its sigma.
        sigma: f64,
    },
    /// A mask of another shape than the image.
    #[error("a mask of {len} pixels does not fit an image of {pixels}")]
    MaskShape {
        /// Pixels of the mask.
        len: usize,
        /// Pixels of the image.
        pixels: usize,
    },
    /// Kinds that are not as many as the points.
    #[error("{kinds} kinds were given for {points} points")]
    KindCount {
        /// Number of kinds.
        kinds: usize,
        /// Number of points.
        points: usize,
    },
    /// A nearest distance, or a tolerance on places, that is no length.
    #[error("the nearest distance and the tolerance must be finite and above 0, got {0}")]
    IndexingLength(f64),
    /// Neighbours of columns that do not belong together.
    #[error("{edges} edges do not divide into the neighbours of {columns} columns")]
    Template {
        /// Number of columns of the cell.
        columns: usize,
        /// Number of edges.
        edges: usize,
    },
    /// Values of a grid that do not fill its shape, or there are none.
    #[error("a grid of {rows} x {cols} points cannot be made of {len} values")]
    GridShape {
        /// Stated number of rows.
        rows: usize,
        /// Stated number of columns.
        cols: usize,
        /// Number of values given.
        len: usize,
    },
    /// A cell without bins.
    #[error("a cell needs bins along both edges, got {rows} x {cols}")]
    NoBins {
        /// Bins along the first edge.
        rows: usize,
        /// Bins along the second edge.
        cols: usize,
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

/// Names and values of what an error holds.
pub type Numbers = Vec<(&'static str, f64)>;

impl Error {
    /// The name of the variant, and the numbers that it holds.
    #[must_use]
    pub fn details(&self) -> (&'static str, Numbers) {
        let of = |numbers: &[(&'static str, usize)]| {
            numbers.iter().map(|&(name, number)| (name, number as f64)).collect()
        };
        match *self {
            Self::ImageShape { rows, cols, len } => {
                ("ImageShape", of(&[("rows", rows), ("cols", cols), ("len", len)]))
            }
            Self::PixelNotFinite { row, col, value } => {
                let mut numbers: Numbers = of(&[("row", row), ("col", col)]);
                numbers.push(("value", value));
                ("PixelNotFinite", numbers)
            }
            Self::Overflow { largest, scale } => {
                ("Overflow", vec![("largest", largest), ("scale", scale as f64)])
            }
            Self::Memory { bytes, .. } => ("Memory", vec![("bytes", bytes as f64)]),
            Self::Sigma(sigma) => ("Sigma", vec![("sigma", sigma)]),
            Self::KernelWeight { index, value } => {
                ("KernelWeight", vec![("index", index as f64), ("value", value)])
            }
            Self::KernelRadii { smooth, second } => {
                ("KernelRadii", of(&[("smooth", smooth), ("second", second)]))
            }
            Self::EmptyLadder => ("EmptyLadder", Vec::new()),
            Self::Part { end, len } => ("Part", of(&[("end", end), ("len", len)])),
            Self::Interrupted => ("Interrupted", Vec::new()),
            Self::PointNotFinite { index, row, col } => {
                ("PointNotFinite", vec![("index", index as f64), ("row", row), ("col", col)])
            }
            Self::Blob { index } => ("Blob", of(&[("index", index)])),
            Self::NeighborCount(count) => ("NeighborCount", of(&[("n_neighbors", count)])),
            Self::WindowSize { size, rows, cols } => {
                ("WindowSize", of(&[("size", size), ("rows", rows), ("cols", cols)]))
            }
            Self::PatchesShape { rows, cols, len } => {
                ("PatchesShape", of(&[("rows", rows), ("cols", cols), ("len", len)]))
            }
            Self::Start { index, row, col, sigma } => (
                "Start",
                vec![("index", index as f64), ("row", row), ("col", col), ("sigma", sigma)],
            ),
            Self::MaskShape { len, pixels } => {
                ("MaskShape", of(&[("len", len), ("pixels", pixels)]))
            }
            Self::KindCount { kinds, points } => {
                ("KindCount", of(&[("kinds", kinds), ("points", points)]))
            }
            Self::IndexingLength(length) => ("IndexingLength", vec![("length", length)]),
            Self::Template { columns, edges } => {
                ("Template", of(&[("columns", columns), ("edges", edges)]))
            }
            Self::GridShape { rows, cols, len } => {
                ("GridShape", of(&[("rows", rows), ("cols", cols), ("len", len)]))
            }
            Self::NoBins { rows, cols } => ("NoBins", of(&[("rows", rows), ("cols", cols)])),
            Self::PairOutOfRange { first, second, len } => {
                ("PairOutOfRange", of(&[("first", first), ("second", second), ("len", len)]))
            }
        }
    }
}
