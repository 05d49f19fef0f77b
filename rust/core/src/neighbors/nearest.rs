//! What keeps the least squared distances of a few points while others are offered to them.

use crate::{Result, memory};

/// Points looked up at once: as many as leave four least distances of each in the sixteen vector
/// registers of x86-64's baseline. With 2 a look-up takes as long, with 8 half as long again.
pub(super) const LANES: usize = 4;

/// A number for each point that is looked up.
pub(super) type Lanes = [f64; LANES];

/// The least squared distances offered to each point looked up.
///
/// Infinity is what no offer stands for: no distance that counts is above it.
pub(super) trait Nearest: Clone {
    /// Whether the widest vectors are the fastest. All give the same bits.
    const WIDE: bool;

    /// How many distances are kept for each point.
    fn count(&self) -> usize;

    /// Forgets all offers.
    fn clear(&mut self);

    /// Keeps the offers that are among the least so far.
    fn offer(&mut self, squared: Lanes);

    /// Offers that are not below this change no sum.
    fn limit(&self) -> Lanes;

    /// The sums of the roots of what is kept, from the least upwards.
    fn sums(&mut self) -> Lanes;
}

/// Up to `K` distances, in ascending order by a sorting network.
#[derive(Clone)]
pub(super) struct Network<const K: usize> {
    /// The first `unused` are below all offers, so that the limit has a fixed place: with a place
    /// known at run time only, the compiler could not keep the distances in registers.
    squared: [Lanes; K],
    unused: usize,
}

impl<const K: usize> Network<K> {
    /// Keeps `count` distances, from 1 to `K`.
    pub(super) fn new(count: usize) -> Self {
        Self { squared: [[f64::INFINITY; LANES]; K], unused: K.saturating_sub(count) }
    }
}

impl<const K: usize> Nearest for Network<K> {
    /// 23 against 45 ns a point of a lattice for 1 distance, 29 against 52 for 4, 61 against 120
    /// for 8, 480 against 800 for 17. Sixteen vectors of four lanes leave no register free, and
    /// what the compiler makes of that takes 690 instead of 275 ns.
    const WIDE: bool = K != 16;

    #[inline(always)]
    fn count(&self) -> usize {
        K - self.unused
    }

    #[inline(always)]
    fn clear(&mut self) {
        self.squared = std::array::from_fn(|rank| {
            [if rank < self.unused { f64::NEG_INFINITY } else { f64::INFINITY }; LANES]
        });
    }

    #[inline(always)]
    fn offer(&mut self, squared: Lanes) {
        // Seven instructions that never go astray cost less than a branch that often does (44
        // against 80 ns a point); with more distances to move the branch pays.
        if K > 4 && !any_below(squared, self.limit()) {
            return;
        }
        for rank in (1..K).rev() {
            let below = self.squared[rank - 1];
            let here = &mut self.squared[rank];
            *here = std::array::from_fn(|i| lesser(here[i], greater(below[i], squared[i])));
        }
        let least = &mut self.squared[0];
        *least = std::array::from_fn(|i| lesser(least[i], squared[i]));
    }

    #[inline(always)]
    fn limit(&self) -> Lanes {
        self.squared[K - 1]
    }

    #[inline(always)]
    fn sums(&mut self) -> Lanes {
        // What is unused adds 0, which changes no sum.
        self.squared.iter().fold([0.0; LANES], |sums, squared| {
            std::array::from_fn(|i| sums[i] + greater(squared[i], 0.0).sqrt())
        })
    }
}

/// Any number of distances, unordered: twice as many as asked for are gathered, then the greater
/// half is dropped.
#[derive(Clone)]
pub(super) struct Pool {
    count: usize,
    squared: [Vec<f64>; LANES],
    limit: Lanes,
}

impl Pool {
    /// Keeps `count` distances, at least 1.
    ///
    /// # Errors
    /// [`crate::Error::Memory`].
    pub(super) fn new(count: usize) -> Result<Self> {
        let what = "the distances to n_neighbors neighbours";
        memory::check_room::<f64>(count.saturating_mul(2 * LANES), what)?;
        Ok(Self { count, squared: [const { Vec::new() }; LANES], limit: [f64::INFINITY; LANES] })
    }
}

impl Nearest for Pool {
    const WIDE: bool = true;

    fn count(&self) -> usize {
        self.count
    }

    fn clear(&mut self) {
        self.squared.iter_mut().for_each(Vec::clear);
        self.limit = [f64::INFINITY; LANES];
    }

    #[inline]
    fn offer(&mut self, squared: Lanes) {
        if !any_below(squared, self.limit) {
            return;
        }
        let kept = self.squared.iter_mut().zip(&mut self.limit);
        for ((kept, limit), squared) in kept.zip(squared) {
            if squared < *limit {
                kept.push(squared);
                if kept.len() == self.count || kept.len() == 2 * self.count {
                    let last = self.count - 1;
                    *limit = *kept.select_nth_unstable_by(last, f64::total_cmp).1;
                    kept.truncate(self.count);
                }
            }
        }
    }

    #[inline]
    fn limit(&self) -> Lanes {
        self.limit
    }

    fn sums(&mut self) -> Lanes {
        std::array::from_fn(|lane| {
            let kept = &mut self.squared[lane];
            // Distances too great for a float are not kept.
            if kept.len() < self.count {
                return f64::INFINITY;
            }
            kept.sort_unstable_by(f64::total_cmp);
            kept[..self.count].iter().map(|squared| squared.sqrt()).sum()
        })
    }
}

/// Whether any of the numbers is below its limit.
#[inline(always)]
pub(super) fn any_below(numbers: Lanes, limits: Lanes) -> bool {
    // No early end: one branch on all lanes costs less than one on each.
    let mut any = false;
    for (number, limit) in numbers.into_iter().zip(limits) {
        any |= number < limit;
    }
    any
}

/// The lesser of two numbers, neither of which is NaN: one instruction, unlike `f64::min`.
#[inline(always)]
pub(super) fn lesser(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The greater of two numbers, neither of which is NaN: one instruction, unlike `f64::max`.
#[inline(always)]
pub(super) fn greater(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}
