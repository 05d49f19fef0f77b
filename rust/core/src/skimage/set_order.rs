//! The order in which a `set` of CPython yields pairs of numbers.
//!
//! scikit-image meets the pairs that SciPy finds in the order of a set of tuples. That order
//! follows from the order of insertion, the hash of a tuple and the set's rules of probing and
//! growing. They have been the same since CPython 3.8 but are specified nowhere: who relies on
//! this compares it with a real set first.
//!
//! Pairs are distinct, so nothing is ever compared, and all that decides on a place is which
//! places are taken: one bit each, which stay in the processor's caches.

use crate::interrupt::Interrupted;
use crate::{Error, Result, memory};

/// Pairs that are inserted before the next question whether to stop.
const PAIRS_BETWEEN_QUESTIONS: usize = 1 << 16;

/// Places that are tried after the first one before jumping.
const LINEAR_PROBES: usize = 9;
/// How fast the higher bits of the hash come into the jumps.
const PERTURB_SHIFT: u32 = 5;
/// Size of the first table.
const LEAST_SIZE: usize = 8;
/// Sets with more entries than this grow by a factor of 2, others by 4.
const LARGE: usize = 50_000;

/// What memory is for.
const PAIRS: &str = "the pairs of blobs within reach of the largest sigma, in order,";

/// A pair in one word: the first number above, the second below.
type Packed = u64;

/// Of `pairs`, which are distinct and in the order of insertion, those that are `wanted`, in the
/// order in which the set yields them.
///
/// # Errors
/// [`Error::Memory`], [`Error::Interrupted`].
pub fn set_order(
    pairs: &[[u32; 2]],
    wanted: impl Fn([u32; 2]) -> bool,
    interrupted: Interrupted<'_>,
) -> Result<Vec<[u32; 2]>> {
    let mut inserted = 0;
    let mut table: Vec<Packed> = Vec::new();
    let mut taken = Taken::new(LEAST_SIZE)?;
    let mut size = LEAST_SIZE;
    loop {
        let full = (3 * (size - 1)).div_ceil(5);
        let end = full.min(pairs.len());
        // What the last table holds is inserted in its order.
        let held = taken.places().map(|place| table[place]);
        let sequence = held.chain(pairs[inserted..end].iter().copied().map(pack));
        let mut next_taken = Taken::new(size)?;
        let gives_up =
            |n_met: usize| n_met.is_multiple_of(PAIRS_BETWEEN_QUESTIONS) && interrupted();
        if end < full {
            let n_wanted = pairs.iter().filter(|&&pair| wanted(pair)).count();
            let mut found: Vec<(usize, [u32; 2])> = memory::room(n_wanted, PAIRS)?;
            for (n_met, packed) in sequence.enumerate() {
                if gives_up(n_met) {
                    return Err(Error::Interrupted);
                }
                let place = next_taken.insert(hash(packed));
                let pair = unpack(packed);
                if wanted(pair) {
                    found.push((place, pair));
                }
            }
            found.sort_unstable_by_key(|(place, _)| *place);
            let mut ordered = memory::room(n_wanted, PAIRS)?;
            ordered.extend(found.into_iter().map(|(_, pair)| pair));
            return Ok(ordered);
        }
        let mut next_table: Vec<Packed> = memory::filled(0, size, PAIRS)?;
        for (n_met, packed) in sequence.enumerate() {
            if gives_up(n_met) {
                return Err(Error::Interrupted);
            }
            next_table[next_taken.insert(hash(packed))] = packed;
        }
        (table, taken, inserted) = (next_table, next_taken, end);
        let least = if end > LARGE { 2 * end } else { 4 * end };
        size = (least + 1).next_power_of_two();
    }
}

fn pack([first, second]: [u32; 2]) -> Packed {
    u64::from(first) << 32 | u64::from(second)
}

fn unpack(packed: Packed) -> [u32; 2] {
    [(packed >> 32) as u32, packed as u32]
}

/// The hash of a tuple of two integers, each of which is its own: an adaptation of xxHash.
fn hash(packed: Packed) -> u64 {
    const PRIMES: [u64; 3] =
        [11_400_714_785_074_694_791, 14_029_467_366_897_019_727, 2_870_177_450_012_600_261];
    let sum = unpack(packed).into_iter().fold(PRIMES[2], |sum, item| {
        sum.wrapping_add(u64::from(item).wrapping_mul(PRIMES[1]))
            .rotate_left(31)
            .wrapping_mul(PRIMES[0])
    });
    // The number of items, and a constant that keeps the hash of the empty tuple what it was.
    match sum.wrapping_add(2 ^ (PRIMES[2] ^ 0x35_d373)) {
        // The C interface keeps -1 for errors.
        u64::MAX => 1_546_275_796,
        hash => hash,
    }
}

/// Which places of a table are taken.
struct Taken {
    mask: usize,
    /// A bit for each place, and a word more, so that every place has 64 bits from it on.
    words: Vec<u64>,
}

impl Taken {
    fn new(size: usize) -> Result<Self> {
        Ok(Self { mask: size - 1, words: memory::filled(0, size / 64 + 2, PAIRS)? })
    }

    /// Takes a place and tells which.
    #[inline]
    fn insert(&mut self, hash: u64) -> usize {
        let mut perturb = hash;
        let mut first = hash as usize & self.mask;
        loop {
            let (word, shift) = (first / 64, first % 64);
            let ahead = self.words[word] >> shift | (self.words[word + 1] << 1) << (63 - shift);
            let probes = if first + LINEAR_PROBES <= self.mask { LINEAR_PROBES } else { 0 };
            let free = (!ahead).trailing_zeros() as usize;
            if free <= probes {
                let place = first + free;
                self.words[place / 64] |= 1 << (place % 64);
                return place;
            }
            perturb >>= PERTURB_SHIFT;
            let jump = first.wrapping_mul(5).wrapping_add(1).wrapping_add(perturb as usize);
            first = jump & self.mask;
        }
    }

    /// The places that are taken, rising.
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                left &= left.checked_sub(1)?;
                Some(64 * index + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;

    /// As CPython 3.11 gives them: `hash((0, 1))` and so on, modulo 2^64.
    #[test]
    fn hashes_are_those_of_tuples() {
        for (pair, expected) in [
            ([0, 1], -1_950_498_447_580_522_560_i64),
            ([1, 0], -5_164_621_852_614_943_976_i64),
            ([123_456, 4_000_000_000], -2_986_113_815_935_221_896_i64),
        ] {
            assert_eq!(hash(pack(pair)), expected.cast_unsigned());
        }
    }

    #[test]
    fn small_sets_come_in_the_order_of_their_table() {
        // list({(0, 1), (0, 2), ..., (0, 6)}), built in this order.
        let pairs: Vec<[u32; 2]> = (1..7).map(|j| [0, j]).collect();
        assert_eq!(
            set_order(&pairs, |_| true, &never).unwrap(),
            [1, 4, 3, 6, 2, 5].map(|j| [0, j])
        );
        assert_eq!(set_order(&[], |_| true, &never).unwrap(), Vec::<[u32; 2]>::new());
    }

    #[test]
    fn every_pair_comes_once_and_what_is_wanted_keeps_its_order() {
        for len in [4, 5, 6, 18, 19, 20, 77, 78, 1_000, 80_000] {
            let pairs: Vec<[u32; 2]> = (0..len).map(|k| [k % 300, 300 + k / 300]).collect();
            let all = set_order(&pairs, |_| true, &never).unwrap();
            let mut sorted = all.clone();
            sorted.sort_unstable();
            let mut expected = pairs.clone();
            expected.sort_unstable();
            assert_eq!(sorted, expected);
            let even = |pair: &[u32; 2]| pair[0].is_multiple_of(2);
            let some = set_order(&pairs, |pair| even(&pair), &never).unwrap();
            assert_eq!(some, all.into_iter().filter(even).collect::<Vec<_>>());
        }
    }
}
