//! The class `CandidateSet`: candidates that answer at any threshold and overlap.

use std::num::NonZeroUsize;

use logstar_core::interrupt::never;
use logstar_core::memory::check_room;
use logstar_core::sweep::{self, Crowding, ThresholdRange};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::convert;
use crate::errors::{guarded, guarded_briefly, to_python};
use crate::signals::{ALONE, detached};

/// Settings and what they give: thresholds, overlaps, numbers of kept and of crowded.
type Front<'py> = (
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
);

/// Numbers of kept and of crowded candidates, a row for each threshold, a column for each overlap.
type Counts<'py> = (Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<i64>>);

/// What memory is for.
const COUNTS: &str = "a count for every threshold with every overlap";

/// Candidates whose evaluation takes some ten microseconds.
const FEW: usize = 1 << 11;

/// Candidates, the strongest response first, with all that settings share.
#[pyclass(frozen, module = "logstar._core")]
pub(crate) struct CandidateSet {
    inner: sweep::CandidateSet,
}

#[pymethods]
impl CandidateSet {
    #[new]
    fn new(
        py: Python<'_>,
        blobs: PyReadonlyArray2<'_, f64>,
        responses: PyReadonlyArray1<'_, f64>,
        n_threads: NonZeroUsize,
    ) -> PyResult<Self> {
        guarded(|| {
            let blobs = convert::blobs(&blobs)?;
            let responses = convert::vector(&responses, "responses")?;
            let inner = detached(py, n_threads, |effort| {
                sweep::CandidateSet::new(&blobs, &responses, effort)
            })?;
            Ok(Self { inner })
        })
    }

    /// Number of candidates.
    fn __len__(&self) -> usize {
        self.inner.len()
    }

    /// Indices of the candidates above the threshold that pruning keeps.
    fn kept<'py>(
        &self,
        py: Python<'py>,
        threshold: f64,
        overlap: f64,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        guarded(|| {
            let kept = py.detach(|| self.inner.kept(threshold, overlap)).map_err(to_python)?;
            Ok(PyArray1::from_iter(py, kept.into_iter().map(|index| index as i64)))
        })
    }

    /// How many candidates are kept, and how many of these are crowded.
    fn evaluate(
        &self,
        py: Python<'_>,
        threshold: f64,
        overlap: f64,
        n_neighbors: usize,
        distance_sum: f64,
    ) -> PyResult<(usize, usize)> {
        let rule = Crowding::new(n_neighbors, distance_sum);
        if let Ok(rule) = rule
            && self.inner.len() <= FEW
            && self.inner.is_ready_for(&rule)
        {
            // Microseconds, of which letting others in would be a good part.
            return guarded_briefly(|| {
                let counts = self.inner.evaluate(threshold, overlap, &rule, &never);
                counts.map(|counts| (counts.kept, counts.crowded)).map_err(to_python)
            });
        }
        guarded(|| {
            let rule = rule.map_err(to_python)?;
            let counts = detached(py, ALONE, |effort| {
                self.inner.evaluate(threshold, overlap, &rule, effort.interrupted)
            })?;
            Ok((counts.kept, counts.crowded))
        })
    }

    /// The same for every threshold with every overlap.
    fn grid<'py>(
        &self,
        py: Python<'py>,
        thresholds: PyReadonlyArray1<'py, f64>,
        overlaps: PyReadonlyArray1<'py, f64>,
        n_neighbors: usize,
        distance_sum: f64,
        n_threads: NonZeroUsize,
    ) -> PyResult<Counts<'py>> {
        guarded(|| {
            let thresholds = convert::vector(&thresholds, "thresholds")?;
            let overlaps = convert::vector(&overlaps, "overlaps")?;
            let rule = Crowding::new(n_neighbors, distance_sum).map_err(to_python)?;
            let counts = detached(py, n_threads, |effort| {
                self.inner.grid(&thresholds, &overlaps, &rule, effort)
            })?;
            count_tables(py, &counts, [thresholds.len(), overlaps.len()])
        })
    }

    /// How many candidates are kept, for every threshold with every overlap.
    fn kept_counts<'py>(
        &self,
        py: Python<'py>,
        thresholds: PyReadonlyArray1<'py, f64>,
        overlaps: PyReadonlyArray1<'py, f64>,
        n_threads: NonZeroUsize,
    ) -> PyResult<Bound<'py, PyArray2<i64>>> {
        guarded(|| {
            let thresholds = convert::vector(&thresholds, "thresholds")?;
            let overlaps = convert::vector(&overlaps, "overlaps")?;
            let kept = detached(py, n_threads, |effort| {
                self.inner.kept_counts(&thresholds, &overlaps, effort)
            })?;
            check_room::<i64>(kept.len(), COUNTS).map_err(to_python)?;
            PyArray1::from_iter(py, kept.into_iter().map(|kept| kept as i64))
                .reshape([thresholds.len(), overlaps.len()])
        })
    }

    /// The overlaps of pairs, each once, rising: where what is kept can change.
    fn overlap_breakpoints<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        guarded(|| Ok(PyArray1::from_vec(py, py.detach(|| self.inner.overlap_breakpoints()))))
    }

    /// One overlap for each way in which overlaps of a range can prune, or so many of them.
    #[pyo3(signature = (low, high, at_most=None))]
    fn overlaps_within<'py>(
        &self,
        py: Python<'py>,
        low: f64,
        high: f64,
        at_most: Option<NonZeroUsize>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        guarded(|| {
            let overlaps = py.detach(|| self.inner.overlaps_within(low, high, at_most));
            Ok(PyArray1::from_vec(py, overlaps.map_err(to_python)?))
        })
    }

    /// The Pareto front over the overlaps and a range of thresholds, the most stable setting for
    /// each of its points; and the grid of some thresholds with these overlaps.
    #[allow(clippy::too_many_arguments, reason = "a question in full")]
    fn front_and_grid<'py>(
        &self,
        py: Python<'py>,
        overlaps: PyReadonlyArray1<'py, f64>,
        threshold_range: (f64, f64),
        thresholds: PyReadonlyArray1<'py, f64>,
        n_neighbors: usize,
        distance_sum: f64,
        n_expected: f64,
        n_threads: NonZeroUsize,
    ) -> PyResult<(Front<'py>, Counts<'py>)> {
        guarded(|| {
            let overlaps = convert::vector(&overlaps, "overlaps")?;
            let thresholds = convert::vector(&thresholds, "thresholds")?;
            let (front, counts) = detached(py, n_threads, |effort| {
                let rule = Crowding::new(n_neighbors, distance_sum)?;
                let range = ThresholdRange::new(threshold_range.0, threshold_range.1)?;
                self.inner.front_and_grid(&overlaps, range, &thresholds, &rule, n_expected, effort)
            })?;
            let front = (
                PyArray1::from_iter(py, front.iter().map(|setting| setting.threshold)),
                PyArray1::from_iter(py, front.iter().map(|setting| setting.overlap)),
                PyArray1::from_iter(py, front.iter().map(|setting| setting.counts.kept as i64)),
                PyArray1::from_iter(py, front.iter().map(|setting| setting.counts.crowded as i64)),
            );
            Ok((front, count_tables(py, &counts, [thresholds.len(), overlaps.len()])?))
        })
    }
}

fn count_tables<'py>(
    py: Python<'py>,
    counts: &[sweep::Counts],
    shape: [usize; 2],
) -> PyResult<Counts<'py>> {
    let table = |of: fn(&sweep::Counts) -> usize| {
        check_room::<i64>(counts.len(), COUNTS).map_err(to_python)?;
        PyArray1::from_iter(py, counts.iter().map(|c| of(c) as i64)).reshape(shape)
    };
    Ok((table(|c| c.kept)?, table(|c| c.crowded)?))
}
