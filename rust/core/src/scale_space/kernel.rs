//! Sampled Gaussian kernels and their second derivatives.

use crate::{Error, Result, memory};

/// How many standard deviations a kernel reaches to each side.
const TRUNCATE: f64 = 4.0;

/// Sigmas up to this are no filter at all.
const SIGMA_FLOOR: f64 = 1e-15;

/// Kernels that reach beyond so many lengths of the axis, and so many pixels, are folded. All
/// others have the bits of SciPy's filter.
const MOST_LENGTHS: usize = 8;
const NEVER_FOLDED: usize = 1024;

/// Half of a symmetric kernel: the weights of the pairs at distance r, r-1, ..., 1, then the
/// centre's. Sums run in this order, which decides how they round.
#[derive(Debug, Clone, PartialEq)]
pub struct HalfKernel {
    weights: Vec<f64>,
}

impl HalfKernel {
    /// Takes the weights, outermost first, the centre last.
    ///
    /// # Errors
    /// [`Error::KernelWeight`] for a weight that is not finite; an empty half is the identity.
    pub fn new(weights: Vec<f64>) -> Result<Self> {
        if let Some((index, &value)) = weights.iter().enumerate().find(|(_, w)| !w.is_finite()) {
            return Err(Error::KernelWeight { index, value });
        }
        if weights.is_empty() {
            return Ok(Self::identity());
        }
        Ok(Self { weights })
    }

    /// The kernel that changes nothing.
    #[must_use]
    pub fn identity() -> Self {
        Self { weights: vec![1.0] }
    }

    /// All weights, the outermost first, the centre's last.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// How far the kernel reaches, in pixels.
    #[must_use]
    pub fn radius(&self) -> usize {
        self.weights.len() - 1
    }

    /// The centre's weight.
    #[must_use]
    pub fn center(&self) -> f64 {
        self.weights[self.weights.len() - 1]
    }

    /// The weights of the pairs, outermost (distance = radius) first.
    #[must_use]
    pub fn pairs(&self) -> &[f64] {
        &self.weights[..self.weights.len() - 1]
    }

    /// What the kernel comes to on an axis of `len` pixels, which reflection continues with a
    /// period of `2 * len`: the weights at equal places of the period added up. Filtered by it,
    /// an image is the same but for rounding.
    fn folded(&self, len: usize) -> Result<Self> {
        let period = 2 * len;
        let mut sums = memory::filled(0.0, period, "a folded kernel")?;
        sums[0] = self.center();
        // The small weights first, which rounds least.
        for (index, weight) in self.pairs().iter().enumerate() {
            let place = (self.radius() - index) % period;
            sums[place] += weight;
            sums[(period - place) % period] += weight;
        }
        // Both ends of the longest pair are one pixel.
        sums[len] /= 2.0;
        sums.truncate(len + 1);
        sums.reverse();
        Self::new(sums)
    }

    /// The sum of the whole kernel.
    #[must_use]
    pub fn sum(&self) -> f64 {
        2.0 * self.pairs().iter().sum::<f64>() + self.center()
    }

    /// The sum of the whole kernel's absolute weights.
    #[must_use]
    pub fn absolute_sum(&self) -> f64 {
        2.0 * self.pairs().iter().map(|w| w.abs()).sum::<f64>() + self.center().abs()
    }
}

/// A Gaussian and its second derivative along one axis, of the same reach.
#[derive(Debug, Clone, PartialEq)]
pub struct AxisKernels {
    smooth: HalfKernel,
    second: HalfKernel,
}

/// The kernels of one scale and the factor that makes its responses comparable with others'.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// Along the rows' axis (between rows).
    pub vertical: AxisKernels,
    /// Along the columns' axis (within a row).
    pub horizontal: AxisKernels,
    /// The square of the mean sigma: scale-normalised responses do not fall with sigma.
    pub weight: f64,
}

impl Scale {
    /// The isotropic scale of one sigma.
    ///
    /// The weights agree with `scipy.ndimage`'s to rounding; where they must agree to the bit,
    /// the caller computes them with the same library and passes them in.
    ///
    /// # Errors
    /// [`Error::Sigma`] for a sigma that is negative, NaN or infinite.
    pub fn isotropic(sigma: f64) -> Result<Self> {
        let axis = AxisKernels::gaussian(sigma)?;
        Ok(Self { vertical: axis.clone(), horizontal: axis, weight: sigma * sigma })
    }
}

impl AxisKernels {
    /// Takes both kernels of an axis.
    ///
    /// # Errors
    /// [`Error::KernelRadii`] if they do not reach equally far.
    pub fn new(smooth: HalfKernel, second: HalfKernel) -> Result<Self> {
        let radii = (smooth.radius(), second.radius());
        if radii.0 != radii.1 {
            return Err(Error::KernelRadii { smooth: radii.0, second: radii.1 });
        }
        Ok(Self { smooth, second })
    }

    /// How far both kernels reach, in pixels.
    #[must_use]
    pub fn radius(&self) -> usize {
        self.smooth.radius()
    }

    /// The normalised Gaussian.
    #[must_use]
    pub fn smooth(&self) -> &HalfKernel {
        &self.smooth
    }

    /// Its second derivative, as sampled: not corrected to zero sum.
    #[must_use]
    pub fn second(&self) -> &HalfKernel {
        &self.second
    }

    /// The sampled kernels of one sigma, cut at four standard deviations.
    ///
    /// # Errors
    /// [`Error::Sigma`] for a sigma that is negative, NaN or infinite.
    pub fn gaussian(sigma: f64) -> Result<Self> {
        if !(0.0..f64::INFINITY).contains(&sigma) {
            return Err(Error::Sigma(sigma));
        }
        if sigma <= SIGMA_FLOOR {
            return Self::new(HalfKernel::identity(), HalfKernel::identity());
        }
        let radius = (TRUNCATE * sigma + 0.5) as usize;
        let variance = sigma * sigma;
        let gaussian = |x: f64| (-0.5 / variance * x * x).exp();
        let total: f64 = 1.0 + 2.0 * (1..=radius).map(|x| gaussian(x as f64)).sum::<f64>();
        let distances = (0..=radius).rev().map(|x| x as f64);
        let smooth: Vec<f64> = distances.clone().map(|x| gaussian(x) / total).collect();
        let second = distances
            .zip(&smooth)
            .map(|(x, phi)| (x * x / (variance * variance) - 1.0 / variance) * phi)
            .collect();
        Self::new(HalfKernel::new(smooth)?, HalfKernel::new(second)?)
    }
}

impl AxisKernels {
    fn is_to_fold(&self, len: usize) -> bool {
        self.radius() > NEVER_FOLDED.max(MOST_LENGTHS.saturating_mul(len))
    }

    fn folded(&self, len: usize) -> Result<Self> {
        if !self.is_to_fold(len) {
            return Ok(self.clone());
        }
        Self::new(self.smooth.folded(len)?, self.second.folded(len)?)
    }
}

/// The ladder with kernels that are far wider than an image of this shape folded into it, so that
/// memory and time follow the image; nothing if none is.
///
/// # Errors
/// [`Error::Memory`].
pub(super) fn folded(ladder: &[Scale], rows: usize, cols: usize) -> Result<Option<Vec<Scale>>> {
    let is_to_fold = |s: &Scale| s.vertical.is_to_fold(rows) || s.horizontal.is_to_fold(cols);
    if !ladder.iter().any(is_to_fold) {
        return Ok(None);
    }
    let fold = |scale: &Scale| {
        Ok(Scale {
            vertical: scale.vertical.folded(rows)?,
            horizontal: scale.horizontal.folded(cols)?,
            weight: scale.weight,
        })
    };
    ladder.iter().map(fold).collect::<Result<_>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(kernel: &HalfKernel, power: i32) -> f64 {
        let radius = kernel.radius() as f64;
        let pairs = kernel.pairs().iter().enumerate();
        let moment: f64 = pairs.map(|(i, w)| 2.0 * w * (radius - i as f64).powi(power)).sum();
        moment + if power == 0 { kernel.center() } else { 0.0 }
    }

    #[test]
    fn moments_are_those_of_the_gaussian() {
        for sigma in [1.0, 2.5, 6.0] {
            let kernels = AxisKernels::gaussian(sigma).unwrap();
            assert_eq!(kernels.smooth.radius(), (4.0 * sigma + 0.5) as usize);
            assert!((sum(&kernels.smooth, 0) - 1.0).abs() < 1e-14);
            assert!((sum(&kernels.smooth, 2) / (sigma * sigma) - 1.0).abs() < 2e-3);
            // The second derivative of x^2 is 2, up to what the cut at four sigma loses.
            assert!((sum(&kernels.second, 2) - 2.0).abs() < 2e-2);
        }
    }

    #[test]
    fn sigma_zero_filters_nothing() {
        let kernels = AxisKernels::gaussian(0.0).unwrap();
        assert_eq!((kernels.smooth.radius(), kernels.smooth.center()), (0, 1.0));
    }

    #[test]
    fn impossible_sigmas_and_weights_are_refused() {
        for sigma in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(AxisKernels::gaussian(sigma), Err(Error::Sigma(_))));
        }
        let error = HalfKernel::new(vec![0.5, f64::INFINITY]).unwrap_err();
        assert_eq!(error, Error::KernelWeight { index: 1, value: f64::INFINITY });
        let halves = [vec![0.1, 0.8], vec![1.0]].map(|weights| HalfKernel::new(weights).unwrap());
        let [smooth, second] = halves;
        let error = AxisKernels::new(smooth, second).unwrap_err();
        assert_eq!(error, Error::KernelRadii { smooth: 1, second: 0 });
    }
}
