//! Errors of the sweep that carry the numbers that caused them.

use crate::error::Numbers;

/// What can be wrong with candidates or with a question about them.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SweepError {
    /// Blobs that no image has, or a number of neighbours out of range.
    #[error(transparent)]
    Core(#[from] crate::Error),
    /// Not one response per blob.
    #[error("{blobs} blobs need as many responses, got {responses}")]
    ResponseCount {
        /// Number of blobs.
        blobs: usize,
        /// Number of responses.
        responses: usize,
    },
    /// A response that is not finite or exceeds the one before it.
    #[error("response {index} is {value}; responses must be finite and must not rise")]
    Response {
        /// Index of the first such response.
        index: usize,
        /// The response.
        value: f64,
    },
    /// More candidates than are held.
    #[error("{candidates} candidates are more than the {limit} allowed; raise the threshold")]
    TooManyCandidates {
        /// Number of candidates.
        candidates: usize,
        /// The most that are held.
        limit: usize,
    },
    /// More overlapping pairs than are held.
    #[error(
        "the {candidates} candidates overlap in more than {limit} pairs; raise the threshold or \
         lower the largest sigma"
    )]
    TooManyPairs {
        /// Number of candidates.
        candidates: usize,
        /// The most pairs that are held.
        limit: usize,
    },
    /// An overlap that no setting has.
    #[error("overlap must be at least 0, got {0}")]
    Overlap(f64),
    /// A distance sum that is no number.
    #[error("distance_sum must be a number, got {0}")]
    DistanceSum(f64),
    /// An expected count of which no fraction can be taken.
    #[error("n_expected must be finite and above 0, got {0}")]
    ExpectedCount(f64),
    /// A range without an inside.
    #[error("{name} must be finite, rise and not begin below {least}, got ({low}, {high})")]
    Range {
        /// What the range is of.
        name: &'static str,
        /// Its lower end.
        low: f64,
        /// Its upper end.
        high: f64,
        /// The least lower end.
        least: f64,
    },
}

impl SweepError {
    /// The name of the variant, and the numbers that it holds.
    #[must_use]
    pub fn details(&self) -> (&'static str, Numbers) {
        match *self {
            Self::Core(ref error) => error.details(),
            Self::ResponseCount { blobs, responses } => {
                ("ResponseCount", vec![("blobs", blobs as f64), ("responses", responses as f64)])
            }
            Self::Response { index, value } => {
                ("Response", vec![("index", index as f64), ("value", value)])
            }
            Self::TooManyCandidates { candidates, limit } => (
                "TooManyCandidates",
                vec![("candidates", candidates as f64), ("limit", limit as f64)],
            ),
            Self::TooManyPairs { candidates, limit } => {
                ("TooManyPairs", vec![("candidates", candidates as f64), ("limit", limit as f64)])
            }
            Self::Overlap(overlap) => ("Overlap", vec![("overlap", overlap)]),
            Self::DistanceSum(sum) => ("DistanceSum", vec![("distance_sum", sum)]),
            Self::ExpectedCount(count) => ("ExpectedCount", vec![("n_expected", count)]),
            Self::Range { low, high, least, .. } => {
                ("Range", vec![("low", low), ("high", high), ("least", least)])
            }
        }
    }
}
