//! Which starts are fitted, and which are one atom given twice.

use crate::geometry::cells::{Cells, squared_distance};
use crate::image::Pixel;

use super::joint::Task;
use super::walk::is_inside;
use super::{Fit, Start, Status};

/// Starts closer than this share of their sigma are one atom, given twice.
const SAME: f64 = 0.5;
/// Fitted centres closer than this share of their sigma cannot be told apart.
const MERGED: f64 = 1.0;

/// Sorts out starts that cannot be fitted; gives the indices of the rest.
pub(super) fn admit<T: Pixel>(task: &Task<'_, T>) -> (Vec<usize>, Vec<Option<Status>>) {
    let [rows, cols] = task.shape();
    let starts = task.starts;
    let outside = |start: &Start| {
        !(start.is_ghost || is_inside(start.row, rows) && is_inside(start.col, cols))
    };
    let mut refused: Vec<Option<Status>> =
        starts.iter().map(|start| outside(start).then_some(Status::OutsideFrame)).collect();
    let points: Vec<[f64; 2]> = starts.iter().map(|start| [start.row, start.col]).collect();
    let widest = starts.iter().map(|start| start.sigma).fold(0.0, f64::max);
    if !points.is_empty() {
        let (cells, order) = Cells::new(&points);
        for index in 0..points.len() {
            let twin = cells.around(points[index], SAME * widest).spans().flatten().any(|number| {
                let other = order[number] as usize;
                let limit = SAME * starts[other].sigma.min(starts[index].sigma);
                other < index
                    && refused[other].is_none()
                    && squared_distance(points[index], points[other]) < limit * limit
            });
            if twin && refused[index].is_none() {
                refused[index] = Some(Status::Merged);
            }
        }
    }
    let kept = (0..starts.len()).filter(|&index| refused[index].is_none()).collect();
    (kept, refused)
}

/// Marks both of two atoms that cannot be told apart.
pub(super) fn mark_merged(fits: &mut [Fit]) {
    if fits.is_empty() {
        return;
    }
    let centres: Vec<[f64; 2]> = fits.iter().map(|fit| fit.centre).collect();
    let (cells, order) = Cells::new(&centres);
    let widest = fits.iter().map(|fit| fit.sigma).fold(0.0, f64::max);
    let merged: Vec<bool> = (0..fits.len())
        .map(|index| {
            cells.around(centres[index], MERGED * widest).spans().flatten().any(|number| {
                let other = order[number] as usize;
                let limit = MERGED * fits[index].sigma.min(fits[other].sigma);
                other != index && squared_distance(centres[index], centres[other]) < limit * limit
            })
        })
        .collect();
    for (fit, merged) in fits.iter_mut().zip(merged) {
        if merged && fit.status == Status::Ok {
            fit.status = Status::Merged;
        }
    }
}
