//! How near a disc must come to a larger one to share more than some fraction of its area.

use std::f64::consts::PI;

/// The bound is not followed further: nearer to inner tangency rounding would have to be bounded
/// by more.
const MOST: f64 = 0.9;

/// A number h from -1 to [`MOST`] such that a disc of radius r shares at most `max_overlap` with a
/// larger one of radius R if their centres are R - h r apart, or farther.
///
/// The larger disc lies on one side of a line: it shares no more than that side has of the smaller
/// one. At an overlap of 0.5 that is h = 0.
///
/// `ratio` is the least of r / R, `roundoff` that of the arithmetic of the overlap, whose errors
/// the bound allows for: the cosines' errors are below 100 roundoffs, or 100 / ratio, so those of
/// the angles and of the triangle below 14 roots of the roundoff each, and they are divided by pi
/// times the square of the ratio.
pub(super) fn inset(max_overlap: f64, ratio: f64, roundoff: f64) -> f64 {
    let certain = max_overlap - 16.0 * roundoff.sqrt() / (ratio * ratio);
    if certain.is_nan() || certain <= 0.0 {
        return -1.0;
    }
    let share = |h: f64| 1.0 - (h.acos() - h * (1.0 - h * h).sqrt()) / PI;
    let (mut low, mut high) = (-1.0, MOST);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if share(middle) < certain {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Blob;
    use crate::geometry::{Precision, overlap_fraction};
    use proptest::prelude::*;

    fn share<T: Precision>(distance: f64, small: f64) -> f64 {
        let blob = |row: f64, sigma: f64| {
            let (row, col) = (T::from_f64(row), T::default());
            let (sigma_row, sigma_col) = (T::from_f64(sigma), T::from_f64(sigma));
            Blob { row, col, sigma_row, sigma_col }
        };
        let root_two = std::f64::consts::SQRT_2;
        overlap_fraction(&blob(0.0, 1.0), &blob(distance * root_two, small)).into()
    }

    proptest! {
        #[test]
        fn beyond_the_bound_less_is_shared(
            max_overlap in prop_oneof![0.0_f64..1.1, Just(0.0), Just(0.5), Just(1.0)],
            small in prop_oneof![0.001_f64..1.0, 0.9_f64..=1.0],
            further in 0.0_f64..1.0,
        ) {
            let outermost = 1.0 + small;
            let beyond = |roundoff: f64| {
                let nearest = 1.0 - small * inset(max_overlap, small, roundoff);
                // Half of the trials right at the bound.
                let further = (2.0 * further - 1.0).max(0.0);
                nearest + 1e-6 + further * (outermost - nearest)
            };
            let double = share::<f64>(beyond(f64::ROUNDOFF), small);
            prop_assert!(double <= max_overlap, "{} {}", double, max_overlap);
            let single = share::<f32>(beyond(f32::ROUNDOFF), small);
            prop_assert!(single <= max_overlap, "{} {}", single, max_overlap);
        }
    }

    #[test]
    fn half_of_a_small_disc_is_shared_where_its_centre_is_on_the_edge() {
        assert!((inset(0.5, 0.1, f64::ROUNDOFF)).abs() < 1e-4);
        assert_eq!(inset(0.0, 0.1, f64::ROUNDOFF), -1.0);
        assert_eq!(inset(f64::NAN, 0.1, f64::ROUNDOFF), -1.0);
        assert_eq!(inset(0.5, 0.0, f64::ROUNDOFF), -1.0);
        assert!(inset(2.0, 1.0, f64::ROUNDOFF) > 0.89);
    }
}
