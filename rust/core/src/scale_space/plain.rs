//! The search over whole planes: every voxel filtered exactly and compared.

use super::{Query, Resources, Scale, filter};
use crate::blob::{Candidate, strongest_first};
use crate::image::{Image, Pixel, Plane};
use crate::interrupt::Effort;
use crate::{Error, Result, memory, parallel};

/// Finds the candidates as [`super::find_candidates`] defines them; the ladder is not empty.
///
/// As many planes are held as there are threads, and two more.
pub(super) fn find_candidates<T: Pixel>(
    image: &Image<T>,
    ladder: &[Scale],
    query: Query,
    Resources { effort, .. }: Resources<'_>,
) -> Result<Vec<Candidate>> {
    if image.range().0 == image.range().1 {
        return find_in_constant(image, ladder, query, effort);
    }
    let threshold = query.threshold.unwrap_or(f64::NEG_INFINITY);
    let mut whole = Maxima::default();
    // Planes from scale `first` on, and the first scale that has not been searched.
    let (mut planes, mut first, mut next): (Vec<Plane<T>>, usize, usize) = (Vec::new(), 0, 0);
    for batch in ladder.chunks(effort.threads.get()) {
        let filtered =
            parallel::map(batch, effort.threads, |scale| filter::response(image, scale, effort));
        for plane in filtered {
            planes.push(plane?);
        }
        // The last plane is searched once the next one is there, or none follows.
        let end = first + planes.len();
        let end = if end == ladder.len() { end } else { end - 1 };
        let scales: Vec<usize> = (next..end).collect();
        let found = parallel::map(&scales, effort.threads, |&scale| {
            maxima_of_plane(&planes, first, scale, threshold, query.border, effort)
        });
        for (scale, found) in scales.into_iter().zip(found) {
            let found = found?;
            if !found.is_finite {
                return Err(overflow(image, scale));
            }
            whole.join(found)?;
        }
        next = end;
        let done = next.saturating_sub(1) - first;
        planes.drain(..done);
        first += done;
    }
    let Maxima { mut candidates, min_response, max_response, .. } = whole;
    if query.threshold.is_none() {
        candidates.retain(|candidate| candidate.response > min_response);
    }
    let voxels = image.pixels().len() * ladder.len();
    if voxels > 1 && min_response >= max_response {
        candidates.clear();
    }
    candidates.sort_unstable_by(strongest_first);
    Ok(candidates)
}

/// The same for an image whose pixels are all equal: so are the responses of each scale, which
/// those of a single pixel tell.
fn find_in_constant<T: Pixel>(
    image: &Image<T>,
    ladder: &[Scale],
    query: Query,
    effort: Effort<'_>,
) -> Result<Vec<Candidate>> {
    let (rows, cols) = (image.rows(), image.cols());
    let pixel = Image::new(1, 1, vec![image.range().0])?;
    let mut responses = memory::room(ladder.len(), "a response for each scale")?;
    for (scale, kernels) in ladder.iter().enumerate() {
        let response = filter::response(&pixel, kernels, effort)?.pixels()[0].to_f64();
        if !response.is_finite() {
            return Err(overflow(image, scale));
        }
        responses.push(response);
    }
    let least = responses.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = responses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if rows * cols * ladder.len() > 1 && least >= largest {
        return Ok(Vec::new());
    }
    let threshold = query.threshold.unwrap_or(if rows * cols * ladder.len() > 1 {
        least
    } else {
        f64::INFINITY
    });
    let is_maximum = |&scale: &usize| {
        let around = scale.saturating_sub(1)..(scale + 2).min(responses.len());
        let response = responses[scale];
        response > threshold && responses[around].iter().all(|&other| response >= other)
    };
    let mut scales: Vec<usize> = (0..ladder.len()).filter(is_maximum).collect();
    scales.sort_by(|&a, &b| crate::blob::falling(responses[a], responses[b]));
    let rows = query.border.0..rows.saturating_sub(query.border.0);
    let cols = query.border.1..cols.saturating_sub(query.border.1);
    let mut candidates =
        memory::room(rows.len() * cols.len() * scales.len(), "a candidate on every pixel")?;
    // Equal responses come by place first, then by scale.
    for equals in scales.chunk_by(|&a, &b| responses[a] == responses[b]) {
        for row in rows.clone() {
            effort.check()?;
            for col in cols.clone() {
                candidates.extend(equals.iter().map(|&scale| Candidate {
                    row: row as u32,
                    col: col as u32,
                    scale: scale as u32,
                    response: responses[scale],
                }));
            }
        }
    }
    Ok(candidates)
}

fn overflow<T: Pixel>(image: &Image<T>, scale: usize) -> Error {
    let (low, high) = image.range();
    Error::Overflow { largest: low.to_f64().abs().max(high.to_f64().abs()), scale }
}

/// The candidates of some scales and the range of their responses.
struct Maxima {
    candidates: Vec<Candidate>,
    min_response: f64,
    max_response: f64,
    is_finite: bool,
}

impl Default for Maxima {
    fn default() -> Self {
        Self {
            candidates: Vec::new(),
            min_response: f64::INFINITY,
            max_response: f64::NEG_INFINITY,
            is_finite: true,
        }
    }
}

impl Maxima {
    fn join(&mut self, other: Self) -> Result<()> {
        self.min_response = self.min_response.min(other.min_response);
        self.max_response = self.max_response.max(other.max_response);
        memory::extend(&mut self.candidates, other.candidates, CANDIDATES)
    }
}

const CANDIDATES: &str = "the candidates of an image with wide plateaus";

/// The candidates of one scale; `planes` begin with that of scale `first`.
fn maxima_of_plane<T: Pixel>(
    planes: &[Plane<T>],
    first: usize,
    scale: usize,
    threshold: f64,
    border: (usize, usize),
    effort: Effort<'_>,
) -> Result<Maxima> {
    let place = scale - first;
    let plane = &planes[place];
    let (rows, cols) = (plane.rows(), plane.cols());
    let neighbors = &planes[place.saturating_sub(1)..planes.len().min(place + 2)];
    let mut result = Maxima::default();
    for row in 0..rows {
        effort.check()?;
        memory::more_room(&mut result.candidates, cols, CANDIDATES)?;
        let row_inside = (border.0..rows.saturating_sub(border.0)).contains(&row);
        for (col, &value) in plane.row(row).iter().enumerate() {
            let response = value.to_f64();
            result.min_response = result.min_response.min(response);
            result.max_response = result.max_response.max(response);
            result.is_finite &= response.is_finite();
            if response > threshold
                && row_inside
                && (border.1..cols.saturating_sub(border.1)).contains(&col)
                && is_maximum(neighbors, row, col, value)
            {
                let [row, col, scale] = [row, col, scale].map(|index| index as u32);
                result.candidates.push(Candidate { row, col, scale, response });
            }
        }
    }
    Ok(result)
}

fn is_maximum<T: Pixel>(planes: &[Plane<T>], row: usize, col: usize, value: T) -> bool {
    planes.iter().all(|plane| {
        let cols = col.saturating_sub(1)..plane.cols().min(col + 2);
        (row.saturating_sub(1)..plane.rows().min(row + 2))
            .all(|row| plane.row(row)[cols.clone()].iter().all(|&other| value >= other))
    })
}
