//! The search over whole planes: every voxel filtered exactly and compared.

use super::{Query, Resources, Scale, filter};
use crate::blob::{Candidate, strongest_first};
use crate::image::{Image, Pixel};
use crate::parallel;

/// Finds the candidates as [`super::find_candidates`] defines them; the ladder is not empty. None
/// if interrupted.
pub(super) fn find_candidates<T: Pixel>(
    image: &Image<T>,
    ladder: &[Scale],
    query: Query,
    Resources { effort, .. }: Resources<'_>,
) -> Option<Vec<Candidate>> {
    let planes = parallel::map(ladder, effort.threads, |scale| {
        (!(effort.interrupted)()).then(|| filter::response(image, scale))
    });
    let planes: Vec<Image<T>> = planes.into_iter().collect::<Option<_>>()?;
    let indices: Vec<usize> = (0..planes.len()).collect();
    let threshold = query.threshold.unwrap_or(f64::NEG_INFINITY);
    let found = parallel::map(&indices, effort.threads, |&scale| {
        maxima_of_plane(&planes, scale, threshold, query.border)
    });

    let (mut min_response, mut max_response) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut candidates = Vec::new();
    for plane in found {
        min_response = min_response.min(plane.min_response);
        max_response = max_response.max(plane.max_response);
        candidates.extend(plane.candidates);
    }
    if query.threshold.is_none() {
        candidates.retain(|candidate| candidate.response > min_response);
    }
    let voxels = image.pixels().len() * ladder.len();
    if voxels > 1 && min_response >= max_response {
        candidates.clear();
    }
    candidates.sort_unstable_by(strongest_first);
    Some(candidates)
}

/// The candidates of one scale and the range of its responses.
struct PlaneMaxima {
    candidates: Vec<Candidate>,
    min_response: f64,
    max_response: f64,
}

fn maxima_of_plane<T: Pixel>(
    planes: &[Image<T>],
    scale: usize,
    threshold: f64,
    border: (usize, usize),
) -> PlaneMaxima {
    let plane = &planes[scale];
    let (rows, cols) = (plane.rows(), plane.cols());
    let neighbors = &planes[scale.saturating_sub(1)..planes.len().min(scale + 2)];
    let mut result = PlaneMaxima {
        candidates: Vec::new(),
        min_response: f64::INFINITY,
        max_response: f64::NEG_INFINITY,
    };
    for row in 0..rows {
        let row_inside = (border.0..rows.saturating_sub(border.0)).contains(&row);
        for (col, &value) in plane.row(row).iter().enumerate() {
            let response = value.to_f64();
            result.min_response = result.min_response.min(response);
            result.max_response = result.max_response.max(response);
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
    result
}

fn is_maximum<T: Pixel>(planes: &[Image<T>], row: usize, col: usize, value: T) -> bool {
    planes.iter().all(|plane| {
        let cols = col.saturating_sub(1)..plane.cols().min(col + 2);
        (row.saturating_sub(1)..plane.rows().min(row + 2))
            .all(|row| plane.row(row)[cols.clone()].iter().all(|&other| value >= other))
    })
}
