//! Lattices whose indices are known. The traversal as a whole is compared with a slow twin from
//! Python (`tests/lattice/test_indexer.py`).

use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::map::Sums;
use super::*;

const SPACING: f64 = 10.0;

fn effort() -> Effort<'static> {
    Effort::of(NonZeroUsize::MIN)
}

/// A square lattice with one column a cell and its eight neighbours.
fn square() -> Template {
    let mut edges = Vec::new();
    for [h, k] in [[1, 0], [0, 1], [-1, 0], [0, -1], [1, 1], [1, -1], [-1, 1], [-1, -1]] {
        let vector = [h, k].map(|step| SPACING * f64::from(step));
        edges.push(Edge { column: 0, cell: [h, k], vector });
    }
    Template::new(edges, &[0, 8], vec![0]).unwrap()
}

fn found(points: &[[f64; 2]]) -> Indexed {
    index(points, &vec![-1; points.len()], &square(), SPACING, 0.3, false, effort()).unwrap()
}

#[test]
fn indices_follow_a_lattice_that_bends() {
    let side = 20_i32;
    let nodes: Vec<[i32; 2]> = (0..side * side).map(|i| [i / side, i % side]).collect();
    let bent = |&[h, k]: &[i32; 2]| {
        let [row, col] = [h, k].map(|step| SPACING * f64::from(step));
        [row + 8.0 * (col / 40.0).sin(), col + 0.0005 * row * row]
    };
    let indexed = found(&nodes.iter().map(bent).collect::<Vec<_>>());
    let [first, other] = [indexed.sites[0].cell, nodes[0]];
    for (site, node) in indexed.sites.iter().zip(&nodes) {
        assert_eq!(site.component, 0);
        assert_eq!(
            [site.cell[0] - first[0], site.cell[1] - first[1]],
            [node[0] - other[0], node[1] - other[1]]
        );
    }
    assert_eq!(indexed.bonds.len(), 8 * nodes.len());
    let inner = indexed.bonds.iter().filter(|bond| bond.to != NONE).count();
    assert_eq!(inner, 4 * 19 * 20 + 4 * 19 * 19);
}

#[test]
fn too_few_atoms_are_no_grain() {
    let cross = [[0.0, 0.0], [10.0, 0.0], [-10.0, 0.0], [0.0, 10.0], [0.0, -10.0]];
    for points in [&[][..], &cross[..1], &cross] {
        let indexed = found(points);
        assert!(indexed.sites.iter().all(|site| site.component == NONE && site.column == NONE));
        assert!(indexed.bonds.is_empty());
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let points = [[0.0, 0.0], [f64::NAN, 0.0]];
    let run =
        |kinds: &[i32], nearest| index(&points, kinds, &square(), nearest, 0.3, false, effort());
    assert_eq!(run(&[0], 1.0).unwrap_err(), Error::KindCount { kinds: 1, points: 2 });
    assert_eq!(run(&[0, 0], 0.0).unwrap_err(), Error::IndexingLength(0.0));
    assert!(matches!(run(&[0, 0], 1.0).unwrap_err(), Error::PointNotFinite { index: 1, .. }));
    let edge = Edge { column: 1, cell: [1, 0], vector: [1.0, 0.0] };
    for (first, kinds) in [(vec![0, 1], vec![0]), (vec![0, 2], vec![0, 0]), (vec![], vec![])] {
        let columns = kinds.len();
        let wrong = Error::Template { columns, edges: 1 };
        assert_eq!(Template::new(vec![edge], &first, kinds).unwrap_err(), wrong);
    }
}

#[test]
fn it_stops_when_asked() {
    let points: Vec<_> = (0..400).map(|i| [f64::from(i / 20), f64::from(i % 20)]).collect();
    let effort = Effort { threads: NonZeroUsize::MIN, interrupted: &|| true };
    let stopped = index(&points, &[-1; 400], &square(), SPACING, 0.3, false, effort);
    assert_eq!(stopped.unwrap_err(), Error::Interrupted);
}

proptest! {
    #[test]
    fn the_grid_finds_what_is_near(
        points in prop::collection::vec(prop::array::uniform2(-50.0..50.0), 0..60),
        far in prop::option::of(Just([1e9, -1e9])),
        place in prop::array::uniform2(-80.0..80.0),
        radius in 0.0..40.0,
        side in 0.1..30.0,
    ) {
        let points: Vec<[f64; 2]> = points.into_iter().chain(far).collect();
        let grid = Grid::new(&points, side).unwrap();
        let mut found = Vec::new();
        grid.within(&points, place, radius, |index, square| found.push((index, square)));
        found.sort_by_key(|&(index, _)| index);
        let square = |point: &[f64; 2]| (point[0] - place[0]).powi(2) + (point[1] - place[1]).powi(2);
        let expected: Vec<_> = points
            .iter()
            .map(square)
            .enumerate()
            .filter(|&(_, square)| square <= radius * radius)
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_map_is_found_again(
        numbers in prop::array::uniform4(-2.0..2.0),
        vectors in prop::collection::vec(prop::array::uniform2(-9.0..9.0), 0..9),
    ) {
        let [a, b, c, d] = numbers;
        let map = Map([[a, b], [c, d]]);
        let mut sums = Sums::default();
        for &vector in &vectors {
            sums.add(vector, map.of(vector));
        }
        if let Some(Map(fitted)) = sums.fitted() {
            for (one, other) in fitted.iter().flatten().zip(numbers) {
                prop_assert!((one - other).abs() < 1e-9);
            }
        } else {
            // Only few or nearly collinear vectors tell no map.
            let total: f64 = vectors.iter().map(|[x, y]| x * x + y * y).sum();
            let across = |angle: f64| -> f64 {
                let (sin, cos) = angle.sin_cos();
                vectors.iter().map(|[x, y]| (x * sin - y * cos).powi(2)).sum()
            };
            let least = (0..180).map(|angle| across(f64::from(angle).to_radians()));
            prop_assert!(vectors.len() < 2 || least.fold(f64::INFINITY, f64::min) < 0.02 * total);
        }
    }

    #[test]
    fn a_map_is_sound_if_it_stretches_little(
        angles in prop::array::uniform2(-3.0..3.0),
        stretch in prop::array::uniform2(0.5..1.8),
        mirrored in any::<bool>(),
    ) {
        let [x, y] = stretch;
        let stretched = Map([[x, 0.0], [0.0, if mirrored { -y } else { y }]]);
        let map = Map::turn(angles[0]).after(&stretched).after(&Map::turn(angles[1]));
        let clear = |s: f64| (s - 1.35).abs() > 1e-9 && (s * 1.35 - 1.0).abs() > 1e-9;
        prop_assume!(clear(x) && clear(y));
        let expected = !mirrored && stretch.iter().all(|s| *s <= 1.35 && s * 1.35 >= 1.0);
        prop_assert_eq!(map.is_sound(), expected);
    }
}
