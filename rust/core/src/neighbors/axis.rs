//! An axis cut into cells of equal width.

/// How an axis is cut into cells.
pub(super) struct Axis {
    low: f64,
    cells_per_unit: f64,
    pub cells: usize,
    /// Points in cells before the nth are at most here.
    pub at_most: Vec<f64>,
    /// Points in the nth cell and after it are at least here.
    pub at_least: Vec<f64>,
}

impl Axis {
    /// None where the numbers are too large or too small to count cells with.
    pub(super) fn new(low: f64, high: f64, side: f64) -> Option<Self> {
        let cells_per_unit = 1.0 / side;
        if !(cells_per_unit > 0.0 && cells_per_unit.is_finite()) {
            return None;
        }
        let mut axis = Self {
            low,
            cells_per_unit,
            cells: 0,
            at_most: vec![f64::NEG_INFINITY],
            at_least: vec![low],
        };
        axis.cells = axis.cell(high) + 1;
        // Edges are moved until rounding cannot matter: `cell` never decreases along the axis, so
        // what lies beyond a place of another cell is in another cell.
        let step = (f64::EPSILON * low.abs().max(high.abs())).max(f64::MIN_POSITIVE);
        for cell in 1..axis.cells {
            let edge = low + cell as f64 * side;
            let (mut at_most, mut at_least) = (edge, edge);
            while axis.cell(at_most) < cell {
                at_most += step;
            }
            while axis.cell(at_least) >= cell {
                at_least -= step;
            }
            axis.at_most.push(at_most);
            axis.at_least.push(at_least);
        }
        axis.at_least.push(f64::INFINITY);
        Some(axis)
    }

    #[inline(always)]
    pub(super) fn cell(&self, x: f64) -> usize {
        // By way of u32, which takes the fewest instructions; there are fewer cells than points.
        ((x - self.low) * self.cells_per_unit) as u32 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn points_are_within_the_edges_of_their_cells(
            low in prop_oneof![-1e3_f64..1e3, -1e15_f64..1e15, -1e-300_f64..1e-300],
            extent in prop_oneof![0.0_f64..10.0, 0.0_f64..1e12, 0.0_f64..1e-290],
            cells in 1_u8..50,
            inside in proptest::collection::vec(0.0_f64..1.0, 50),
        ) {
            let high = low + extent;
            let Some(axis) = Axis::new(low, high, extent / f64::from(cells)) else {
                return Ok(());
            };
            prop_assert_eq!(axis.at_most.len(), axis.cells);
            prop_assert_eq!(axis.at_least.len(), axis.cells + 1);
            let edges = (0..axis.cells).flat_map(|cell| {
                let edge = low + extent * cell as f64 / f64::from(cells);
                [edge.next_down(), edge, edge.next_up()]
            });
            let places = inside.iter().map(|share| low + share * extent).chain(edges);
            for x in places.chain([low, high]).map(|x| x.clamp(low, high)) {
                let cell = axis.cell(x);
                prop_assert!(cell < axis.cells);
                for before in 0..=cell {
                    prop_assert!(axis.at_least[before] <= x);
                }
                for after in cell + 1..axis.cells {
                    prop_assert!(axis.at_most[after] >= x);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_counted_in_is_refused() {
        assert!(Axis::new(1.0, 1.0, 0.0).is_none());
        assert!(Axis::new(0.0, 1e-310, 1e-310).is_none());
        assert!(Axis::new(-1e308, 1e308, f64::INFINITY).is_none());
    }
}
