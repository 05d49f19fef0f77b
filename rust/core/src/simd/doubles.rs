//! Eight `f64` at a time, of which every instruction set gives the same bits: products and sums are
//! rounded one by one.
//!
//! Of loops over arrays of eight doubles the compiler mostly makes the same, but where several
//! arrays are summed into it may choose vectors of two, and keep these in memory.

use std::ops::{Add, Mul};

use super::{Available, Lanes};

/// How many there are.
pub(crate) const EIGHT: usize = 8;

/// Registers that hold eight doubles.
///
/// # Safety
/// Every method needs the instruction set, which an [`Available`] proves.
#[allow(clippy::missing_safety_doc, reason = "stated once for all above")]
pub(crate) trait Doubles: Copy {
    unsafe fn splat(value: f64) -> Self;
    unsafe fn load(from: &[f64; EIGHT]) -> Self;
    unsafe fn store(self, to: &mut [f64; EIGHT]);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
}

/// Eight doubles in registers of the instruction set that has vectors `V`.
#[derive(Clone, Copy)]
pub(crate) struct Octet<V: Lanes>(V::Doubles);

// SAFETY of all bodies: only `splat` and `load` make values, for which the instruction set was shown
// to be there.
impl<V: Lanes> Octet<V> {
    #[inline(always)]
    pub(crate) fn splat(_: Available<V>, value: f64) -> Self {
        Self(unsafe { V::Doubles::splat(value) })
    }

    #[inline(always)]
    pub(crate) fn load(_: Available<V>, from: &[f64; EIGHT]) -> Self {
        Self(unsafe { V::Doubles::load(from) })
    }

    #[inline(always)]
    pub(crate) fn store(self, to: &mut [f64; EIGHT]) {
        unsafe { self.0.store(to) }
    }

    /// The sum of all, beginning with the first.
    #[inline(always)]
    pub(crate) fn sum(self) -> f64 {
        let mut values = [0.0; EIGHT];
        self.store(&mut values);
        values.iter().sum()
    }
}

impl<V: Lanes> Add for Octet<V> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(unsafe { self.0.add(other.0) })
    }
}

impl<V: Lanes> Mul for Octet<V> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(unsafe { self.0.mul(other.0) })
    }
}

/// Without instructions of its own: the compiler uses the baseline's.
impl Doubles for [f64; EIGHT] {
    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        [value; EIGHT]
    }
    #[inline(always)]
    unsafe fn load(from: &[f64; EIGHT]) -> Self {
        *from
    }
    #[inline(always)]
    unsafe fn store(self, to: &mut [f64; EIGHT]) {
        *to = self;
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] * other[i])
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    #[allow(
        clippy::wildcard_imports,
        reason = "a dozen intrinsics with prefixes of their own"
    )]
    use std::arch::x86_64::*;

    use super::{Doubles, EIGHT};

    /// One register of AVX-512.
    #[derive(Clone, Copy)]
    pub(crate) struct F64x8(__m512d);

    /// Two registers of AVX.
    #[derive(Clone, Copy)]
    pub(crate) struct TwoF64x4(__m256d, __m256d);

    // SAFETY of all bodies: what the trait asks of the caller; a reference to eight doubles is valid
    // for as many.
    impl Doubles for F64x8 {
        #[inline(always)]
        unsafe fn splat(value: f64) -> Self {
            Self(unsafe { _mm512_set1_pd(value) })
        }
        #[inline(always)]
        unsafe fn load(from: &[f64; EIGHT]) -> Self {
            Self(unsafe { _mm512_loadu_pd(from.as_ptr()) })
        }
        #[inline(always)]
        unsafe fn store(self, to: &mut [f64; EIGHT]) {
            unsafe { _mm512_storeu_pd(to.as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(unsafe { _mm512_add_pd(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            Self(unsafe { _mm512_mul_pd(self.0, other.0) })
        }
    }

    // SAFETY of all bodies: as above; the second four of eight doubles lie behind the first.
    impl Doubles for TwoF64x4 {
        #[inline(always)]
        unsafe fn splat(value: f64) -> Self {
            let all = unsafe { _mm256_set1_pd(value) };
            Self(all, all)
        }
        #[inline(always)]
        unsafe fn load(from: &[f64; EIGHT]) -> Self {
            let at = from.as_ptr();
            unsafe { Self(_mm256_loadu_pd(at), _mm256_loadu_pd(at.add(4))) }
        }
        #[inline(always)]
        unsafe fn store(self, to: &mut [f64; EIGHT]) {
            let at = to.as_mut_ptr();
            unsafe {
                _mm256_storeu_pd(at, self.0);
                _mm256_storeu_pd(at.add(4), self.1);
            }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            unsafe { Self(_mm256_add_pd(self.0, other.0), _mm256_add_pd(self.1, other.1)) }
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            unsafe { Self(_mm256_mul_pd(self.0, other.0), _mm256_mul_pd(self.1, other.1)) }
        }
    }
}

#[cfg(target_arch = "aarch64")]
pub(super) mod arm {
    #[allow(
        clippy::wildcard_imports,
        reason = "half a dozen intrinsics with prefixes of their own"
    )]
    use std::arch::aarch64::*;

    use super::{Doubles, EIGHT};

    /// Four registers of NEON.
    #[derive(Clone, Copy)]
    pub(crate) struct FourF64x2([float64x2_t; 4]);

    // SAFETY of all bodies: what the trait asks of the caller; each pair lies within the eight.
    impl Doubles for FourF64x2 {
        #[inline(always)]
        unsafe fn splat(value: f64) -> Self {
            Self([unsafe { vdupq_n_f64(value) }; 4])
        }
        #[inline(always)]
        unsafe fn load(from: &[f64; EIGHT]) -> Self {
            let at = from.as_ptr();
            Self(std::array::from_fn(|i| unsafe { vld1q_f64(at.add(2 * i)) }))
        }
        #[inline(always)]
        unsafe fn store(self, to: &mut [f64; EIGHT]) {
            let at = to.as_mut_ptr();
            for (i, pair) in self.0.into_iter().enumerate() {
                unsafe { vst1q_f64(at.add(2 * i), pair) }
            }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(std::array::from_fn(|i| unsafe { vaddq_f64(self.0[i], other.0[i]) }))
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            Self(std::array::from_fn(|i| unsafe { vmulq_f64(self.0[i], other.0[i]) }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{InstructionSet, Kernel};
    use super::*;
    use proptest::prelude::*;

    /// a b + c, and the sum of all.
    struct Exercise([[f64; EIGHT]; 2], f64);

    impl Kernel for Exercise {
        type Output = ([f64; EIGHT], f64);

        #[inline(always)]
        fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> Self::Output {
            let [a, b] = self.0.map(|values| Octet::load(available, &values));
            let result = a * b + Octet::splat(available, self.1);
            let mut values = [0.0; EIGHT];
            result.store(&mut values);
            (values, result.sum())
        }
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_same_bits(
            a in proptest::array::uniform8(-1e9_f64..1e9),
            b in proptest::array::uniform8(-1e-3_f64..1e3),
            c in -1e6_f64..1e6,
        ) {
            let plain: [f64; EIGHT] = std::array::from_fn(|i| a[i] * b[i] + c);
            for set in InstructionSet::available() {
                let (values, sum) = set.run(Exercise([a, b], c));
                prop_assert_eq!(values.map(f64::to_bits), plain.map(f64::to_bits));
                prop_assert_eq!(sum.to_bits(), plain.iter().sum::<f64>().to_bits());
            }
        }
    }
}
