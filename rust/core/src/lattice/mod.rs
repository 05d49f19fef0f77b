//! Indices of atoms in a crystal's lattice, over strain, rotation, drift and several grains.
//!
//! Indices spread from a seed over neighbours, most certain first: a queue holds, for each indexed
//! atom and each neighbour that its column has in the crystal, how far the atom that is there lies
//! from where it should. What "should" means follows the image: each atom has a map of its own from
//! the crystal's vectors to those seen, fitted to its neighbours and steadied by the map of the atom
//! that it was reached from. So strain may build up over the image without end, as long as it
//! changes little from one atom to the next.
//!
//! An atom takes an index that two indexed neighbours at least support. What no single neighbour
//! places well enough is placed by all of them together, and the queue goes on from there. Atoms
//! that nobody reached, as in corners of the field or far from their sites, are placed one by one
//! when all grains are grown, by neighbours up to two edges away.
//!
//! | here | what it is |
//! |---|---|
//! | column | one of the places of atoms in the cell, by number |
//! | component | atoms whose indices hang together: a grain |
//! | edge | from a column to a neighbour in the endless lattice |
//! | map | 2 x 2 matrix that takes a vector of the crystal to the one seen |

mod grid;
mod grow;
mod map;
mod seed;
mod template;
mod votes;

#[cfg(test)]
mod tests;

use crate::interrupt::Effort;
use crate::{Error, Result, memory};

use grid::Grid;
use map::Map;
pub use template::{Edge, Template};

/// No component, no column, no atom.
pub const NONE: i32 = -1;

/// The first component begins at the best of about this many atoms, spread over the list.
const SAMPLE: usize = 64;

/// Fewer atoms than a seed and its neighbours make in most lattices are no grain.
const LEAST_COMPONENT: usize = 8;

/// Between this many atoms somebody may ask to stop.
const ATOMS_BETWEEN_CHECKS: usize = 1024;

/// What is known of one atom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Site {
    /// Number of the component, or [`NONE`].
    pub component: i32,
    /// Number of the column, or [`NONE`].
    pub column: i32,
    /// Cells along `a` and `b`, from the cell of the component's seed.
    pub cell: [i32; 2],
    /// From vectors of the crystal to those seen around the atom, row by row.
    pub map: [[f64; 2]; 2],
}

const UNINDEXED: Site =
    Site { component: NONE, column: NONE, cell: [0; 2], map: [[f64::NAN; 2]; 2] };

/// An edge of an indexed atom, and the atom at its other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bond {
    /// The indexed atom.
    pub from: u32,
    /// Number of the edge among all of the template.
    pub edge: u32,
    /// Number of the atom that is there, or [`NONE`].
    pub to: i32,
}

/// Indices, and what each indexed atom's edges lead to.
#[derive(Debug, Clone)]
pub struct Indexed {
    /// For each point, in the order given.
    pub sites: Vec<Site>,
    /// For each indexed atom, in order, all edges of its column.
    pub bonds: Vec<Bond>,
}

/// The points, and what is known of them so far.
struct Atoms<'a> {
    points: &'a [[f64; 2]],
    /// Kinds by number; negative where unknown.
    kinds: &'a [i32],
    template: &'a Template,
    grid: Grid,
    sites: Vec<Site>,
    /// Nearest distance of the lattice.
    nearest: f64,
    /// How far an atom may be from where its neighbour expects it.
    near: f64,
    /// Whether grains begin only in the orientation that the crystal was given with.
    keeps_orientation: bool,
}

/// Gives indices to points that are the atoms of a lattice.
///
/// `kinds` are numbers as the template has them, negative where unknown; an atom takes the place of
/// its own kind alone. `nearest` is the nearest distance of the lattice, and an atom is where its
/// neighbour expects it if it is not further off than `tolerance` of it.
///
/// Where `is_oriented`, grains in the orientation that the template has come first, and others take
/// what these leave: a motif that looks nearly the same after a turn is told by it.
///
/// Depends on the order of points only where two are equally good.
///
/// # Errors
/// [`Error::KindCount`], [`Error::PointNotFinite`], [`Error::IndexingLength`],
/// [`Error::Interrupted`] and [`Error::Memory`].
pub fn index(
    points: &[[f64; 2]],
    kinds: &[i32],
    template: &Template,
    nearest: f64,
    tolerance: f64,
    is_oriented: bool,
    effort: Effort<'_>,
) -> Result<Indexed> {
    if kinds.len() != points.len() {
        return Err(Error::KindCount { kinds: kinds.len(), points: points.len() });
    }
    // Numbers of atoms are 32 bits wide.
    if i32::try_from(points.len()).is_err() {
        let bytes = size_of_val(points) as u128;
        return Err(Error::Memory { what: "indices of more than two billion points", bytes });
    }
    let near = tolerance * nearest;
    for length in [nearest, near] {
        if !(length.is_finite() && length > 0.0) {
            return Err(Error::IndexingLength(length));
        }
    }
    let grid = Grid::new(points, nearest)?;
    let sites = memory::filled(UNINDEXED, points.len(), "the indices")?;
    let mut atoms = Atoms {
        points,
        kinds,
        template,
        grid,
        sites,
        nearest,
        near,
        keeps_orientation: is_oriented,
    };
    atoms.index_all(effort)?;
    let bonds = atoms.bonds()?;
    Ok(Indexed { sites: atoms.sites, bonds })
}

impl Atoms<'_> {
    fn index_all(&mut self, effort: Effort<'_>) -> Result<()> {
        let mut components = 0;
        if self.keeps_orientation {
            self.index_grains(&mut components, effort)?;
            self.keeps_orientation = false;
        }
        self.index_grains(&mut components, effort)?;
        self.place_rest(effort)
    }

    /// Grows grains from all atoms that no grain has reached, from the best of a sample first.
    fn index_grains(&mut self, components: &mut i32, effort: Effort<'_>) -> Result<()> {
        let n = self.points.len();
        let step = (n / SAMPLE).max(1);
        let seeds = (0..n)
            .step_by(step)
            .filter(|&atom| self.sites[atom].component == NONE)
            .filter_map(|atom| Some((atom, self.seed(atom)?)));
        if let Some((atom, seed)) = seeds.min_by(|one, other| one.1.rest.total_cmp(&other.1.rest)) {
            *components += i32::from(self.grow(atom, &seed, *components, effort)?);
        }
        for atom in 0..n {
            if atom % ATOMS_BETWEEN_CHECKS == 0 {
                effort.check()?;
            }
            if self.sites[atom].component != NONE {
                continue;
            }
            if let Some(seed) = self.seed(atom) {
                *components += i32::from(self.grow(atom, &seed, *components, effort)?);
            }
        }
        Ok(())
    }

    fn may_be(&self, atom: usize, column: u32) -> bool {
        self.kinds[atom] < 0 || self.kinds[atom] == self.template.kind(column)
    }

    fn apart(&self, from: usize, to: usize) -> [f64; 2] {
        let ([r, c], [row, col]) = (self.points[from], self.points[to]);
        [row - r, col - c]
    }

    /// The atom nearest to a place that `accepts` takes, if it is near enough, and how far off it
    /// is, squared.
    fn at(&self, place: [f64; 2], accepts: impl Fn(usize) -> bool) -> Option<(usize, f64)> {
        let mut best: Option<(usize, f64)> = None;
        self.grid.within(self.points, place, self.near, |atom, square| {
            let better = best.is_none_or(|(other, least)| (square, atom) < (least, other));
            if better && accepts(atom) {
                best = Some((atom, square));
            }
        });
        best
    }

    /// Where an atom's map puts the end of an edge.
    fn place(&self, atom: usize, map: &Map, edge: &Edge) -> [f64; 2] {
        let [row, col] = map.of(edge.vector);
        [self.points[atom][0] + row, self.points[atom][1] + col]
    }

    fn bonds(&self) -> Result<Vec<Bond>> {
        let edges =
            |site: &Site| u32::try_from(site.column).map_or(0, |c| self.template.of(c).len());
        let count = self.sites.iter().map(edges).sum();
        let mut bonds = memory::room(count, "the bonds")?;
        for (atom, site) in self.sites.iter().enumerate() {
            let Ok(column) = u32::try_from(site.column) else { continue };
            let map = Map(site.map);
            let first = self.template.first(column);
            for (edge, number) in self.template.of(column).iter().zip(first..) {
                let found = self.at(self.place(atom, &map, edge), |other| other != atom);
                let to = found.map_or(NONE, |(other, _)| other as i32);
                bonds.push(Bond { from: atom as u32, edge: number, to });
            }
        }
        Ok(bonds)
    }
}
