"""What the microscope makes of intensities: counts of electrons, and noise."""

from __future__ import annotations

import numpy as np

from logstar._validation import FloatArray, check_integer, check_real


def streams(random_state: int | np.random.Generator | None, n: int) -> list[np.random.Generator]:
    """Independent streams of random numbers from one seed."""
    if isinstance(random_state, np.random.Generator):
        return random_state.spawn(n)
    if random_state is not None:
        random_state = check_integer(random_state, name="random_state", low=0)
    return np.random.default_rng(random_state).spawn(n)


def expose(
    image: FloatArray, dose: float | None, noise: float, rng: np.random.Generator
) -> FloatArray:
    """Count electrons and add noise; `make_scene` documents the parameters."""
    noise = check_real(noise, name="noise", low=0)
    counting, reading = rng.spawn(2)
    spread = float(np.ptp(image)) or 1.0
    mean = float(image.mean())
    if dose is not None:
        dose = check_real(dose, name="dose", low=0, low_included=False)
        if image.min() < 0:
            raise ValueError(
                f"dose={dose:g} counts electrons, but the image has intensities down to "
                f"{image.min():.3g}; raise background, or leave dose out."
            )
        if mean > 0:
            counts = counting.poisson(image * (dose / mean))
            image = counts.astype(np.float64) * (mean / dose)
    return image + noise * spread * reading.normal(size=image.shape)
