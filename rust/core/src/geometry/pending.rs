//! Sets of numbers that shrink, and that grow, one by one, and skip what is not in them.

use std::ops::Range;

/// The numbers below some length that are left; those struck out are skipped, however many lie
/// side by side.
pub(crate) struct Pending {
    /// For each number one that is not below it, with none left between the two: itself if it is
    /// left.
    next: Vec<u32>,
}

impl Pending {
    pub(crate) fn new(len: usize) -> Self {
        Self { next: (0..=len as u32).collect() }
    }

    pub(crate) fn strike(&mut self, number: usize) {
        if self.next[number] as usize == number {
            self.next[number] += 1;
        }
    }

    /// The first number left from this one on, or the length.
    pub(crate) fn first_from(&mut self, mut number: usize) -> usize {
        loop {
            let next = self.next[number] as usize;
            if next == number {
                return number;
            }
            // Halves the way for those that come after.
            let further = self.next[next];
            self.next[number] = further;
            number = further as usize;
        }
    }
}

/// Numbers below some length that were marked; 64 that are not are passed at a time.
pub(crate) struct Marked {
    words: Vec<u64>,
}

impl Marked {
    pub(crate) fn new(marks: &[bool]) -> Self {
        let word = |marks: &[bool]| marks.iter().rev().fold(0, |word, &m| word << 1 | u64::from(m));
        Self { words: marks.chunks(64).map(word).collect() }
    }

    pub(crate) fn mark(&mut self, number: usize) {
        self.words[number / 64] |= 1 << (number % 64);
    }

    /// Those within a range, rising.
    pub(crate) fn within(&self, range: Range<usize>) -> impl Iterator<Item = usize> + '_ {
        (range.start / 64..range.end.div_ceil(64)).flat_map(move |index| {
            let (first, last) = (64 * index, 64 * index + 63);
            let mut left = self.words[index];
            left &= u64::MAX << range.start.saturating_sub(first);
            left &= u64::MAX >> (last + 1 - range.end.min(last + 1));
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                left &= left.checked_sub(1)?;
                Some(first + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_left_is_found_from_anywhere(
            steps in proptest::collection::vec((0_usize..40, 0_usize..41), 0..120),
        ) {
            let mut pending = Pending::new(40);
            let mut left = [true; 40];
            for (strike, from) in steps {
                pending.strike(strike);
                left[strike] = false;
                let expected = (from..40).find(|&number| left[number]).unwrap_or(40);
                prop_assert_eq!(pending.first_from(from), expected);
            }
        }

        #[test]
        fn marks_are_found_within_a_range(
            marks in proptest::collection::vec(proptest::bool::weighted(0.1), 1..300),
            more in proptest::collection::vec(0_usize..300, 0..5),
            ends in (0_usize..300, 0_usize..300),
        ) {
            let (mut marks, mut marked) = (marks.clone(), Marked::new(&marks));
            for number in more {
                let number = number % marks.len();
                marks[number] = true;
                marked.mark(number);
            }
            let range = ends.0.min(ends.1).min(marks.len())..ends.0.max(ends.1).min(marks.len());
            let expected: Vec<usize> = range.clone().filter(|&number| marks[number]).collect();
            prop_assert_eq!(marked.within(range).collect::<Vec<_>>(), expected);
        }
    }
}
