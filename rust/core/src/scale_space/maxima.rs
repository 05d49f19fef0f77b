//! Maxima of one plane against its neighbours in space and scale.

use std::cmp::Ordering;

use crate::blob::Candidate;
use crate::image::{Image, Pixel};

/// The candidates of one scale and the range of its responses.
pub(super) struct PlaneMaxima {
    pub candidates: Vec<Candidate>,
    pub min_response: f64,
    pub max_response: f64,
}

/// Orders candidates by falling response, then by row, column and scale.
pub(super) fn strongest_first(a: &Candidate, b: &Candidate) -> Ordering {
    // 0.0 and -0.0 are the same response: a total order on floats would tell them apart.
    b.response
        .partial_cmp(&a.response)
        .unwrap_or(Ordering::Equal)
        .then_with(|| (a.row, a.col, a.scale).cmp(&(b.row, b.col, b.scale)))
}

/// Finds the candidates of plane `scale`; see [`super::find_candidates`].
pub(super) fn of_plane<T: Pixel>(
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
