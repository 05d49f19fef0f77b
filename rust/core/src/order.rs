//! Order statistics of an image's intensities.

use crate::extent::Extent;
use crate::image::{Image, Pixel, threads_for};
use crate::interrupt::Effort;
use crate::simd::{Available, InstructionSet, Kernel, Lanes};
use crate::source::Source;
use crate::{Result, memory, parallel};

/// Pixels by which it is guessed between which intensities a wanted one lies.
const SAMPLE: usize = 4096;

/// How far the ranks of these two are from the wanted one in the sample, in standard deviations of
/// what a sample may be off.
const DEVIATIONS: f64 = 4.5;

/// Share of the pixels that may lie between them: beyond, one copy of the image is less.
const MOST_BETWEEN: f64 = 0.25;

/// Pixels that are looked at together, in the nearest cache.
const STRETCH: usize = 1024;

/// Lanes do not wait for one another.
const LANES: usize = 16;

/// The intensities that would stand at these ranks, from 0, if all were sorted.
///
/// Ranks beyond the last pixel count as the last. Each wanted intensity is first bracketed by those
/// of a sample; then one pass counts what is below and keeps what is between. Only where pixels are
/// spread so that the brackets fail, the image is copied.
///
/// # Errors
/// Those of [`Image::gathered`].
pub fn order_statistics<T: Pixel>(
    source: &impl Source<T>,
    ranks: &[usize],
    effort: Effort<'_>,
    instruction_set: InstructionSet,
) -> Result<Vec<T>> {
    let [rows, cols] = source.shape();
    let len = rows.saturating_mul(cols);
    if len > SAMPLE {
        let brackets = brackets(source, ranks);
        let counted = count(source, &brackets, effort, instruction_set)?;
        let found = counted.and_then(|counted| counted.at_ranks(&brackets, ranks, len));
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Ok(of_image(&Image::gathered(source, None, effort)?, ranks))
}

/// Two intensities that others are compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bracket<T> {
    low: T,
    high: T,
}

/// Brackets of the intensities at these ranks, by a sample; those that overlap are one.
fn brackets<T: Pixel>(source: &impl Source<T>, ranks: &[usize]) -> Vec<Bracket<T>> {
    let [rows, cols] = source.shape();
    let len = rows * cols;
    // Multiples of the golden ratio: no lattice of an image has their distances.
    let place = |k: usize| {
        let share = (k as f64 * 0.618_033_988_749_895).fract();
        ((share * len as f64) as usize).min(len - 1)
    };
    let mut sample: Vec<T> =
        (0..SAMPLE).map(place).map(|at| source.pixels_of(at / cols)(at % cols)).collect();
    let last = SAMPLE as f64 - 1.0;
    // A few ranks take less than sorting does; those of neighbours are often the same.
    let mut known: Vec<(usize, T)> = Vec::new();
    let mut at = |rank: f64| {
        let rank = rank.clamp(0.0, last) as usize;
        if let Some((_, value)) = known.iter().find(|(other, _)| *other == rank) {
            return *value;
        }
        let order = |a: &T, b: &T| a.to_f64().total_cmp(&b.to_f64());
        let value = *sample.select_nth_unstable_by(rank, order).1;
        known.push((rank, value));
        value
    };
    let mut brackets: Vec<Bracket<T>> = ranks
        .iter()
        .map(|&rank| {
            let share = rank.min(len - 1) as f64 / (len - 1) as f64;
            let off = DEVIATIONS * (share * (1.0 - share) * last).sqrt() + 1.0;
            let (low, high) = (at((share * last - off).floor()), at((share * last + off).ceil()));
            Bracket { low, high }
        })
        .collect();
    brackets.sort_unstable_by(|a, b| a.low.to_f64().total_cmp(&b.low.to_f64()));
    let mut apart: Vec<Bracket<T>> = Vec::new();
    for next in brackets {
        match apart.last_mut() {
            Some(last) if next.low <= last.high => {
                if next.high > last.high {
                    last.high = next.high;
                }
            }
            _ => apart.push(next),
        }
    }
    apart
}

/// What one pass over the pixels finds of a bracket.
#[derive(Debug, Clone, Default)]
struct Tally<T> {
    /// Pixels below its low end, at it, and at its high end.
    below: usize,
    at_low: usize,
    at_high: usize,
    /// Those between.
    between: Vec<T>,
}

/// The range of the pixels, and what is found of each bracket.
struct Counted<T> {
    extent: Extent<T>,
    tallies: Vec<Tally<T>>,
}

impl<T: Pixel> Counted<T> {
    fn with(mut self, mut other: Self) -> Self {
        self.extent = self.extent.with(other.extent);
        for (own, others) in self.tallies.iter_mut().zip(&mut other.tallies) {
            own.below += others.below;
            own.at_low += others.at_low;
            own.at_high += others.at_high;
            own.between.append(&mut others.between);
        }
        self
    }

    /// The intensities at these ranks, if all lie in brackets and pixels are finite.
    fn at_ranks(mut self, brackets: &[Bracket<T>], ranks: &[usize], len: usize) -> Option<Vec<T>> {
        if !self.extent.is_finite {
            return None;
        }
        let order = |a: &T, b: &T| a.to_f64().total_cmp(&b.to_f64());
        let mut at_rank = |rank: usize| {
            if rank == 0 || rank == len - 1 {
                return Some(if rank == 0 { self.extent.low } else { self.extent.high });
            }
            for (Bracket { low, high }, tally) in brackets.iter().zip(&mut self.tallies) {
                let Some(mut place) = rank.checked_sub(tally.below) else { continue };
                if place < tally.at_low {
                    return Some(*low);
                }
                place -= tally.at_low;
                if place < tally.between.len() {
                    return Some(*tally.between.select_nth_unstable_by(place, order).1);
                }
                place -= tally.between.len();
                if place < tally.at_high {
                    return Some(*high);
                }
            }
            None
        };
        ranks.iter().map(|&rank| at_rank(rank.min(len - 1))).collect()
    }
}

/// Looks at all pixels once; None if too many are between the ends of brackets.
fn count<T: Pixel>(
    source: &impl Source<T>,
    brackets: &[Bracket<T>],
    effort: Effort<'_>,
    instruction_set: InstructionSet,
) -> Result<Option<Counted<T>>> {
    let [rows, cols] = source.shape();
    // Several tasks for each thread, each of some rows.
    let threads = threads_for(rows * cols, effort);
    let rows_per_task = rows.div_ceil(16 * threads.get()).max(1);
    let firsts: Vec<usize> = (0..rows).step_by(rows_per_task).collect();
    let most = (MOST_BETWEEN * (rows_per_task * cols) as f64) as usize;
    let parts = parallel::map_with(
        &firsts,
        threads,
        || vec![T::default(); STRETCH],
        |buffer, &first| {
            let rows = first..(first + rows_per_task).min(rows);
            let mut counted: Option<Counted<T>> = None;
            for row in rows {
                effort.check()?;
                let pixel = source.pixels_of(row);
                for from in (0..cols).step_by(STRETCH) {
                    let stretch = &mut buffer[..STRETCH.min(cols - from)];
                    for (out, col) in stretch.iter_mut().zip(from..) {
                        *out = pixel(col);
                    }
                    let counted = counted.get_or_insert_with(|| Counted {
                        extent: Extent { low: stretch[0], high: stretch[0], is_finite: true },
                        tallies: vec![Tally::default(); brackets.len()],
                    });
                    instruction_set.run(Counting { stretch, brackets, counted })?;
                    if counted.tallies.iter().any(|tally| tally.between.len() > most) {
                        return Ok(None);
                    }
                }
            }
            Ok(counted)
        },
    );
    let mut whole: Option<Counted<T>> = None;
    for part in parts {
        let Some(part) = part? else { return Ok(None) };
        whole = Some(match whole {
            Some(whole) => whole.with(part),
            None => part,
        });
    }
    Ok(whole)
}

/// Counts the pixels of a stretch, compiled for each instruction set.
struct Counting<'a, T> {
    stretch: &'a [T],
    brackets: &'a [Bracket<T>],
    counted: &'a mut Counted<T>,
}

impl<T: Pixel> Kernel for Counting<'_, T> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> Result<()> {
        let Self { stretch, brackets, counted } = self;
        let Counted { extent, tallies } = counted;
        *extent = extent.with(Extent::of(stretch));
        let (chunks, rest) = stretch.as_chunks::<LANES>();
        for (&Bracket { low, high }, tally) in brackets.iter().zip(tallies) {
            let is_between = |x: T| low < x && x < high;
            let (mut below, mut at_low, mut at_high) =
                ([0_u32; LANES], [0_u32; LANES], [0_u32; LANES]);
            for chunk in chunks {
                let mut any_between = false;
                for lane in 0..LANES {
                    let x = chunk[lane];
                    below[lane] += u32::from(x < low);
                    at_low[lane] += u32::from(x == low);
                    at_high[lane] += u32::from(x == high);
                    any_between |= is_between(x);
                }
                // Rare: brackets are narrow.
                if any_between {
                    memory::more_room(&mut tally.between, LANES, "intensities near percentiles")?;
                    tally.between.extend(chunk.iter().copied().filter(|&x| is_between(x)));
                }
            }
            let sum = |lanes: [u32; LANES]| lanes.iter().sum::<u32>() as usize;
            tally.below += sum(below);
            tally.at_low += sum(at_low);
            tally.at_high += sum(at_high);
            for &x in rest {
                tally.below += usize::from(x < low);
                tally.at_low += usize::from(x == low);
                tally.at_high += usize::from(x == high);
                if is_between(x) {
                    memory::more_room(&mut tally.between, 1, "intensities near percentiles")?;
                    tally.between.push(x);
                }
            }
            if low == high {
                tally.at_high = 0;
            }
        }
        Ok(())
    }
}

/// Classes that intensities are sorted into: enough that few share one with a wanted rank.
const BINS: usize = 4096;

/// Marks a bin without a group; there are more numbers than bins.
const NO_GROUP: u16 = u16::MAX;

/// The same by a histogram and all pixels of the bins that hold a rank.
fn of_image<T: Pixel>(image: &Image<T>, ranks: &[usize]) -> Vec<T> {
    let pixels = image.pixels();
    let (low, high) = image.range();
    // Halved, so that no range of finite numbers overflows.
    let range = high.to_f64() / 2.0 - low.to_f64() / 2.0;
    if range <= 0.0 {
        return vec![low; ranks.len()];
    }
    // Rounding keeps the order: a pixel in a lower bin is never above one in a higher.
    let factor = BINS as f64 / range;
    let bin_of = |x: T| {
        let above = x.to_f64() / 2.0 - low.to_f64() / 2.0;
        ((above * factor) as usize).min(BINS - 1)
    };
    let mut counts = vec![0_usize; BINS];
    for &x in pixels {
        counts[bin_of(x)] += 1;
    }
    let ranks = ranks.iter().map(|&rank| rank.min(pixels.len() - 1));
    let wanted: Vec<(usize, usize)> = ranks.map(|rank| locate(&counts, rank)).collect();
    // The place of each wanted bin's members; most pixels are in none. Two bytes a bin leave the
    // fastest cache to the pixels.
    let mut groups = vec![NO_GROUP; BINS];
    let mut members: Vec<Vec<T>> = Vec::new();
    for &(bin, _) in &wanted {
        if groups[bin] == NO_GROUP {
            groups[bin] = members.len() as u16;
            members.push(Vec::with_capacity(counts[bin]));
        }
    }
    for &x in pixels {
        let group = groups[bin_of(x)];
        if group != NO_GROUP {
            members[usize::from(group)].push(x);
        }
    }
    let value = |(bin, rank): (usize, usize)| {
        let order = |a: &T, b: &T| a.to_f64().total_cmp(&b.to_f64());
        *members[usize::from(groups[bin])].select_nth_unstable_by(rank, order).1
    };
    wanted.into_iter().map(value).collect()
}

/// The bin that holds a rank, and the rank within it.
fn locate(counts: &[usize], mut rank: usize) -> (usize, usize) {
    for (bin, &count) in counts.iter().enumerate() {
        if rank < count {
            return (bin, rank);
        }
        rank -= count;
    }
    (counts.len() - 1, 0)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use proptest::prelude::*;

    fn check<T: Pixel>(pixels: &[T], rows: usize, ranks: &[usize], is_copied: Option<bool>) {
        let mut sorted = pixels.to_vec();
        sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let last = pixels.len() - 1;
        let image = Image::new(rows, pixels.len() / rows, pixels.to_vec()).unwrap();
        let expected: Vec<T> = ranks.iter().map(|&rank| sorted[rank.min(last)]).collect();
        assert_eq!(of_image(&image, ranks), expected);
        for set in InstructionSet::available() {
            for threads in [1, 3] {
                let effort = Effort::of(NonZeroUsize::new(threads).unwrap());
                assert_eq!(order_statistics(&image, ranks, effort, set).unwrap(), expected);
                let brackets = brackets(&image, ranks);
                let counted = count(&image, &brackets, effort, set).unwrap();
                let found =
                    counted.and_then(|counted| counted.at_ranks(&brackets, ranks, pixels.len()));
                if let Some(is_copied) = is_copied {
                    assert_eq!(found.is_none(), is_copied);
                }
                assert!(found.is_none_or(|found| found == expected));
            }
        }
    }

    proptest! {
        #[test]
        fn ranks_are_those_of_the_sorted_pixels(
            scattered in proptest::collection::vec(-1e3_f64..1e3, 1..300),
            levels in proptest::collection::vec(0_u8..4, 0..300),
            factor in prop_oneof![Just(1.0), Just(1e-310), Just(1e305)],
            ranks in proptest::collection::vec(0_usize..700, 1..5),
        ) {
            let pixels: Vec<f64> =
                scattered.into_iter().chain(levels.into_iter().map(f64::from)).collect();
            let single: Vec<f32> = pixels.iter().map(|x| (x / 1e3) as f32).collect();
            check(&single, 1, &ranks, None);
            check(&pixels.iter().map(|x| x * factor).collect::<Vec<_>>(), 1, &ranks, None);
        }
    }

    /// So many numbers that look drawn at random.
    fn noise(len: usize) -> Vec<f64> {
        let mut state = 5_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5
        };
        (0..len).map(|_| random() + random()).collect()
    }

    #[test]
    fn large_images_are_bracketed_and_not_copied() {
        let (rows, cols) = (130, 1030);
        let len = rows * cols;
        let ranks = [0, len / 100, len / 100 + 1, len / 2, len - len / 100, len - 1, 3 * len];
        let pixels = noise(len);
        check(&pixels, rows, &ranks, Some(false));
        check(&pixels.iter().map(|&x| x as f32).collect::<Vec<_>>(), rows, &ranks, Some(false));
        // Counts of few electrons, of which most pixels share one.
        let counts: Vec<f32> = pixels.iter().map(|x| (3.0 * x).round() as f32).collect();
        check(&counts, rows, &ranks, Some(false));
    }

    #[test]
    fn what_a_sample_misses_is_found_in_a_copy() {
        // Few levels, and so that brackets hold many of them.
        let len = 9000;
        let levels: Vec<f64> =
            (0..len).map(|i| (i % 5) as f64 + if i < 3 { 0.5 } else { 0.0 }).collect();
        check(&levels, 1, &[len / 5, 2 * len / 5 + 7, 17], None);
        check(&vec![7.0_f32; len], 1, &[0, 4, 8], None);
        let mut hidden = vec![0.0_f64; len];
        hidden[5] = 1.0;
        check(&hidden, 1, &[len - 1, len - 2, 0], Some(false));
    }

    #[test]
    fn pixels_that_are_not_finite_are_named() {
        let mut pixels = noise(9000);
        let [infinite, nan] = [f64::INFINITY, f64::NAN].map(|value| {
            pixels[4321] = value;
            let source = Raw(&pixels);
            let effort = Effort::of(NonZeroUsize::MIN);
            order_statistics(&source, &[3], effort, InstructionSet::widest()).unwrap_err()
        });
        for error in [infinite, nan] {
            assert!(matches!(error, crate::Error::PixelNotFinite { row: 0, col: 4321, .. }));
        }
    }

    struct Raw<'a>(&'a [f64]);

    impl Source<f64> for Raw<'_> {
        fn shape(&self) -> [usize; 2] {
            [1, self.0.len()]
        }

        fn pixels_of(&self, _row: usize) -> impl Fn(usize) -> f64 {
            |col| self.0[col]
        }
    }
}
