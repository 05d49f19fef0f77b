//! Vectors of `f32` and of `f64`, and which instruction set they use: chosen at run time, in one place.
//!
//! A kernel is written once over `Lanes` and compiled for each instruction set;
//! `InstructionSet::run` is the only way in. Results may differ in rounding between instruction
//! sets, as some have a fused multiply-add: kernels bound their error and leave what it could
//! decide to exact arithmetic.
#![allow(unsafe_code, reason = "vector intrinsics and their loads are unsafe")]

mod doubles;

use std::marker::PhantomData;

pub(crate) use doubles::{Doubles, EIGHT, Octet};

/// An instruction set that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// 512-bit vectors of x86-64.
    Avx512,
    /// 256-bit vectors of x86-64, with fused multiply-add.
    Avx2,
    /// 128-bit vectors of aarch64, which every machine of it has, with fused multiply-add.
    Neon,
    /// Vectors without instructions of their own, of which the compiler makes what every machine
    /// of the target has: SSE2 on x86-64.
    Baseline,
}

impl InstructionSet {
    /// All that this machine has, the widest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        [Self::Avx512, Self::Avx2, Self::Neon, Self::Baseline]
            .into_iter()
            .filter(|set| set.is_available())
            .collect()
    }

    /// The widest that this machine has.
    #[must_use]
    pub fn widest() -> Self {
        Self::available()[0]
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Baseline => "baseline",
        }
    }

    /// Whether this machine has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => std::arch::is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                std::arch::is_x86_feature_detected!("avx2")
                    && std::arch::is_x86_feature_detected!("fma")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            Self::Baseline => true,
            // Those of other machines.
            #[allow(unreachable_patterns, reason = "each machine lacks others' sets")]
            _ => false,
        }
    }

    /// Runs a kernel compiled for this instruction set; for the baseline if the machine lacks it.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        let set = if self.is_available() { self } else { Self::Baseline };
        match set {
            // SAFETY: the machine has AVX-512F, just asked for.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { run_avx512(kernel) },
            // SAFETY: the machine has AVX2 and FMA, just asked for.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { run_avx2(kernel) },
            // SAFETY: the machine has NEON, just asked for.
            #[cfg(target_arch = "aarch64")]
            Self::Neon => unsafe { run_neon(kernel) },
            // The baseline's vectors are plain arrays, which any machine computes with.
            _ => kernel.run::<[f32; 4], 2>(Available(PhantomData)),
        }
    }
}

/// A computation that is compiled once per instruction set.
pub(crate) trait Kernel {
    /// What it returns.
    type Output;

    /// Computes with vectors `V`, of which the registers hold what it takes to compute `OUTPUTS`
    /// neighbouring results at a time.
    ///
    /// Implementations are `inline(always)`, so that they are compiled for the caller's
    /// instruction set.
    fn run<V: Lanes, const OUTPUTS: usize>(self, available: Available<V>) -> Self::Output;
}

/// Proof that this machine has the instruction set of vectors `V`: there is no value of it
/// elsewhere, as only [`InstructionSet::run`] makes one, once it has asked the machine.
pub(crate) struct Available<V>(PhantomData<V>);

impl<V: Lanes> Available<V> {
    /// Runs a kernel with the same vectors in a function of its own. What is summed in a loop deep
    /// within a large kernel, the compiler may keep in memory instead of registers.
    #[allow(clippy::unused_self, reason = "it is the proof")]
    #[inline(always)]
    pub(crate) fn run_apart<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the proof of the instruction set.
        unsafe { V::run(kernel) }
    }
}

impl<V> Clone for Available<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Available<V> {}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    // The caller's machine has this function's own target feature.
    kernel.run::<x86::F32x16, 4>(Available(PhantomData))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    // The caller's machine has this function's own target features.
    kernel.run::<x86::F32x8, 2>(Available(PhantomData))
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
fn run_neon<K: Kernel>(kernel: K) -> K::Output {
    // Of the 32 registers, sums and windows of 4 results take 16.
    kernel.run::<arm::F32x4, 4>(Available(PhantomData))
}

/// A vector of `f32`.
///
/// # Safety
/// Every method needs the vector's instruction set, which an [`Available`] proves; `load`, `store` and `transpose` also need the
/// memory that they touch to be the caller's. No alignment is asked of it.
#[allow(clippy::missing_safety_doc, reason = "stated once for all above")]
pub(crate) trait Lanes: Copy {
    /// Number of lanes, at most [`MAX_LANES`].
    const COUNT: usize;
    /// Registers of the same instruction set for eight doubles.
    type Doubles: Doubles;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// The vector plus `a` times `b`, rounded once or twice.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// Lane by lane the smaller of both; no lane may be NaN.
    unsafe fn min(self, other: Self) -> Self;
    /// Lane by lane the larger of both; no lane may be NaN.
    unsafe fn max(self, other: Self) -> Self;
    /// Bit i is set where lane i is above `other`'s.
    unsafe fn above(self, other: Self) -> u32;
    /// Asks for memory to be brought near, which need not be the caller's.
    unsafe fn prefetch(at: *const u8);
    /// Writes COUNT rows of COUNT floats, `from_stride` apart, as columns `to_stride` apart.
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize);
    /// Runs a kernel compiled for these vectors.
    unsafe fn run<K: Kernel>(kernel: K) -> K::Output;
}

/// Lanes of the widest vector.
pub(crate) const MAX_LANES: usize = 16;

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// A vector without instructions of its own: the compiler uses the baseline's.
impl Lanes for [f32; 4] {
    const COUNT: usize = 4;
    type Doubles = [f64; EIGHT];

    #[inline(never)]
    unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<Self, 2>(Available(PhantomData))
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's memory holds four floats from here.
        unsafe { from.cast::<Self>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's memory holds four floats from here.
        unsafe { to.cast::<Self>().write_unaligned(self) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] * other[i])
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // Rounded twice: where the target has no fused instruction, `mul_add` calls a function.
        std::array::from_fn(|i| self[i] + a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        std::array::from_fn(|i| if self[i] < other[i] { self[i] } else { other[i] })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        std::array::from_fn(|i| if self[i] > other[i] { self[i] } else { other[i] })
    }
    #[inline(always)]
    unsafe fn prefetch(_at: *const u8) {}
    #[inline(always)]
    unsafe fn above(self, other: Self) -> u32 {
        (0..4).fold(0, |mask, i| mask | u32::from(self[i] > other[i]) << i)
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        for row in 0..4 {
            for col in 0..4 {
                // SAFETY: the caller's memory holds the block on both sides.
                unsafe { *to.add(col * to_stride + row) = *from.add(row * from_stride + col) };
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[allow(
        clippy::wildcard_imports,
        reason = "two dozen intrinsics with prefixes of their own"
    )]
    use std::arch::x86_64::*;

    use super::{Kernel, Lanes, run_avx2, run_avx512};

    /// Eight lanes of AVX2.
    #[derive(Clone, Copy)]
    pub(super) struct F32x8(__m256);

    /// Sixteen lanes of AVX-512.
    #[derive(Clone, Copy)]
    pub(super) struct F32x16(__m512);

    // SAFETY of all bodies: what the trait asks of the caller.
    impl Lanes for F32x8 {
        const COUNT: usize = 8;
        type Doubles = super::doubles::x86::TwoF64x4;

        #[inline(always)]
        unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
            unsafe { run_avx2(kernel) }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self(unsafe { _mm256_set1_ps(value) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { _mm256_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm256_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(unsafe { _mm256_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            Self(unsafe { _mm256_mul_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            Self(unsafe { _mm256_fmadd_ps(a.0, b.0, self.0) })
        }
        #[inline(always)]
        unsafe fn min(self, other: Self) -> Self {
            Self(unsafe { _mm256_min_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            Self(unsafe { _mm256_max_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn prefetch(at: *const u8) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
        }
        #[inline(always)]
        unsafe fn above(self, other: Self) -> u32 {
            unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self.0, other.0)) as u32 }
        }
        #[inline(always)]
        unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
            unsafe {
                let row = |i: usize| _mm256_loadu_ps(from.add(i * from_stride));
                let mut quads = [_mm256_setzero_ps(); 8];
                for half in 0..2 {
                    let (r0, r1) = (row(4 * half), row(4 * half + 1));
                    let (r2, r3) = (row(4 * half + 2), row(4 * half + 3));
                    let (a, b) = (_mm256_unpacklo_ps(r0, r1), _mm256_unpackhi_ps(r0, r1));
                    let (c, d) = (_mm256_unpacklo_ps(r2, r3), _mm256_unpackhi_ps(r2, r3));
                    quads[4 * half] = _mm256_shuffle_ps::<0x44>(a, c);
                    quads[4 * half + 1] = _mm256_shuffle_ps::<0xEE>(a, c);
                    quads[4 * half + 2] = _mm256_shuffle_ps::<0x44>(b, d);
                    quads[4 * half + 3] = _mm256_shuffle_ps::<0xEE>(b, d);
                }
                // quads[4h + p] holds columns p and 4 + p of rows 4h to 4h + 3.
                for p in 0..4 {
                    let low = _mm256_permute2f128_ps::<0x20>(quads[p], quads[4 + p]);
                    let high = _mm256_permute2f128_ps::<0x31>(quads[p], quads[4 + p]);
                    _mm256_storeu_ps(to.add(p * to_stride), low);
                    _mm256_storeu_ps(to.add((4 + p) * to_stride), high);
                }
            }
        }
    }

    // SAFETY of all bodies: what the trait asks of the caller.
    impl Lanes for F32x16 {
        const COUNT: usize = 16;
        type Doubles = super::doubles::x86::F64x8;

        #[inline(always)]
        unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
            unsafe { run_avx512(kernel) }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self(unsafe { _mm512_set1_ps(value) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { _mm512_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            Self(unsafe { _mm512_mul_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
        }
        #[inline(always)]
        unsafe fn min(self, other: Self) -> Self {
            Self(unsafe { _mm512_min_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            Self(unsafe { _mm512_max_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn prefetch(at: *const u8) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
        }
        #[inline(always)]
        unsafe fn above(self, other: Self) -> u32 {
            unsafe { u32::from(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, other.0)) }
        }
        #[inline(always)]
        unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
            unsafe {
                let row = |i: usize| _mm512_loadu_ps(from.add(i * from_stride));
                let mut quads = [_mm512_setzero_ps(); 16];
                for i in 0..4 {
                    let (r0, r1) = (row(4 * i), row(4 * i + 1));
                    let (r2, r3) = (row(4 * i + 2), row(4 * i + 3));
                    let (a, b) = (_mm512_unpacklo_ps(r0, r1), _mm512_unpackhi_ps(r0, r1));
                    let (c, d) = (_mm512_unpacklo_ps(r2, r3), _mm512_unpackhi_ps(r2, r3));
                    quads[4 * i] = _mm512_shuffle_ps::<0x44>(a, c);
                    quads[4 * i + 1] = _mm512_shuffle_ps::<0xEE>(a, c);
                    quads[4 * i + 2] = _mm512_shuffle_ps::<0x44>(b, d);
                    quads[4 * i + 3] = _mm512_shuffle_ps::<0xEE>(b, d);
                }
                // quads[4i + p] holds columns p, 4 + p, 8 + p, 12 + p of rows 4i to 4i + 3.
                for p in 0..4 {
                    let low01 = _mm512_shuffle_f32x4::<0x88>(quads[p], quads[4 + p]);
                    let high01 = _mm512_shuffle_f32x4::<0xDD>(quads[p], quads[4 + p]);
                    let low23 = _mm512_shuffle_f32x4::<0x88>(quads[8 + p], quads[12 + p]);
                    let high23 = _mm512_shuffle_f32x4::<0xDD>(quads[8 + p], quads[12 + p]);
                    let store = |col: usize, x| _mm512_storeu_ps(to.add(col * to_stride), x);
                    store(p, _mm512_shuffle_f32x4::<0x88>(low01, low23));
                    store(4 + p, _mm512_shuffle_f32x4::<0x88>(high01, high23));
                    store(8 + p, _mm512_shuffle_f32x4::<0xDD>(low01, low23));
                    store(12 + p, _mm512_shuffle_f32x4::<0xDD>(high01, high23));
                }
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    #[allow(
        clippy::wildcard_imports,
        reason = "a dozen intrinsics with prefixes of their own"
    )]
    use std::arch::aarch64::*;

    use super::{Kernel, Lanes, run_neon};

    /// Four lanes of NEON.
    #[derive(Clone, Copy)]
    pub(super) struct F32x4(float32x4_t);

    // SAFETY of all bodies: what the trait asks of the caller.
    impl Lanes for F32x4 {
        const COUNT: usize = 4;
        type Doubles = super::doubles::arm::FourF64x2;

        #[inline(always)]
        unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
            unsafe { run_neon(kernel) }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self(unsafe { vdupq_n_f32(value) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { vld1q_f32(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { vst1q_f32(to, self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(unsafe { vaddq_f32(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            Self(unsafe { vmulq_f32(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            Self(unsafe { vfmaq_f32(self.0, a.0, b.0) })
        }
        #[inline(always)]
        unsafe fn min(self, other: Self) -> Self {
            Self(unsafe { vminq_f32(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            Self(unsafe { vmaxq_f32(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn prefetch(_at: *const u8) {
            // No stable intrinsic; these machines follow rows by themselves.
        }
        #[inline(always)]
        unsafe fn above(self, other: Self) -> u32 {
            const BITS: [u32; 4] = [1, 2, 4, 8];
            unsafe { vaddvq_u32(vandq_u32(vcgtq_f32(self.0, other.0), vld1q_u32(BITS.as_ptr()))) }
        }
        #[inline(always)]
        unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
            unsafe {
                let row = |i: usize| vld1q_f32(from.add(i * from_stride));
                let (even, odd) = (vtrnq_f32(row(0), row(1)), vtrnq_f32(row(2), row(3)));
                let low = |a, b| vcombine_f32(vget_low_f32(a), vget_low_f32(b));
                let high = |a, b| vcombine_f32(vget_high_f32(a), vget_high_f32(b));
                vst1q_f32(to, low(even.0, odd.0));
                vst1q_f32(to.add(to_stride), low(even.1, odd.1));
                vst1q_f32(to.add(2 * to_stride), high(even.0, odd.0));
                vst1q_f32(to.add(3 * to_stride), high(even.1, odd.1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Squares of 1 to 40 by each operation of the vectors, and a transposed block.
    struct Exercise;

    impl Kernel for Exercise {
        type Output = (Vec<f32>, Vec<u32>, Vec<f32>);

        #[inline(always)]
        fn run<V: Lanes, const OUTPUTS: usize>(self, _: Available<V>) -> Self::Output {
            let numbers: Vec<f32> = (1..=32).map(|i| i as f32).collect();
            let mut squares = vec![0.0; 32];
            let mut masks = Vec::new();
            let side = V::COUNT;
            let block: Vec<f32> = (0..side * (side + 3)).map(|i| i as f32).collect();
            let mut transposed = vec![-1.0; side * (side + 1)];
            // SAFETY: every vector lies within its slice, blocks within theirs.
            unsafe {
                for at in (0..32).step_by(side) {
                    let x = V::load(numbers.as_ptr().add(at));
                    let one_less = x.add(V::splat(-1.0));
                    // x (x - 1) + x = x squared
                    x.add_product(x, one_less).store(squares.as_mut_ptr().add(at));
                    masks.push(x.mul(V::splat(2.0)).above(V::splat(33.0)));
                }
                V::transpose(block.as_ptr(), side + 3, transposed.as_mut_ptr(), side + 1);
            }
            (squares, masks, transposed)
        }
    }

    #[test]
    fn vectors_of_every_instruction_set_compute() {
        for set in InstructionSet::available() {
            let (squares, masks, transposed) = set.run(Exercise);
            assert!(squares.iter().enumerate().all(|(i, x)| *x == ((i + 1) * (i + 1)) as f32));
            let side = 32 / masks.len();
            let above: u32 = masks.iter().map(|mask| mask.count_ones()).sum();
            assert_eq!(above, 16);
            for row in 0..side {
                for col in 0..side {
                    assert_eq!(transposed[col * (side + 1) + row], (row * (side + 3) + col) as f32);
                }
            }
            // What lies between the columns is left alone.
            assert!((0..side).all(|col| transposed[col * (side + 1) + side] == -1.0));
        }
    }

    #[test]
    fn the_baseline_is_always_there() {
        assert_eq!(InstructionSet::available().last(), Some(&InstructionSet::Baseline));
        assert!(InstructionSet::widest().is_available());
    }
}
