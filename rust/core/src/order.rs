//! Order statistics of an image's intensities.

use crate::image::{Image, Pixel};

/// Classes that intensities are sorted into: enough that few share one with a wanted rank.
const BINS: usize = 4096;

/// Marks a bin without a group; there are more numbers than bins.
const NO_GROUP: u16 = u16::MAX;

/// The intensities that would stand at these ranks, from 0, if all were sorted.
///
/// Ranks beyond the last pixel count as the last.
#[must_use]
pub fn order_statistics<T: Pixel>(image: &Image<T>, ranks: &[usize]) -> Vec<T> {
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
    use super::*;
    use proptest::prelude::*;

    fn check<T: Pixel>(pixels: Vec<T>, ranks: &[usize]) {
        let mut sorted = pixels.clone();
        sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let last = pixels.len() - 1;
        let image = Image::new(1, pixels.len(), pixels).unwrap();
        let expected: Vec<T> = ranks.iter().map(|&rank| sorted[rank.min(last)]).collect();
        assert_eq!(order_statistics(&image, ranks), expected);
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
            check(pixels.iter().map(|x| (x / 1e3) as f32).collect(), &ranks);
            check(pixels.iter().map(|x| x * factor).collect(), &ranks);
        }
    }

    #[test]
    fn a_constant_image_has_one_value() {
        check(vec![7.0_f32; 9], &[0, 4, 8]);
    }
}
