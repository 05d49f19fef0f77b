"""Components of windows and their filter, against windows that are really cut out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.testing import assert_allclose
from scipy.fft import dctn
from scipy.stats import gamma

from logstar.preprocessing._window_pca import (
    autocovariance,
    fit_windows,
    mode_powers,
    noise_edge,
)


def all_windows(image, w):
    """Every window that touches the image, the image less its mean being zero outside."""
    padded = np.pad(image - image.mean(), w - 1)
    cut = np.lib.stride_tricks.sliding_window_view(padded, (w, w))
    return cut.reshape(-1, w * w)


@st.composite
def images(draw):
    shape = draw(st.tuples(st.integers(6, 14), st.integers(6, 14)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    smooth = np.add.outer(*[np.cumsum(rng.normal(size=n)) for n in shape])
    return smooth + rng.normal(size=shape), draw(st.integers(2, 6))


@given(images())
def test_components_are_those_of_all_windows(case):
    image, w = case
    windows = all_windows(image, w)
    matrix = windows.T @ windows / image.size
    covariance = autocovariance(image, w, 1)
    places = np.stack(np.meshgrid(*[np.arange(w)] * 2, indexing="ij"), -1).reshape(-1, 2)
    rows, cols = np.moveaxis(places[:, None] - places[None], -1, 0) + w - 1
    assert_allclose(covariance[rows, cols], matrix, atol=1e-9 * matrix.max())

    pca = fit_windows(covariance, image.size, most_modes=w, n_components=w * w)
    values = np.linalg.eigvalsh(matrix)[::-1]
    n = len(pca.eigenvalues)
    assert_allclose(pca.eigenvalues, values[:n], atol=1e-9 * values[0])
    flat = pca.components.reshape(n, -1)
    assert_allclose(flat @ flat.T, np.eye(n), atol=1e-9)
    assert_allclose(flat @ matrix, pca.eigenvalues[:, None] * flat, atol=1e-8 * values[0])


@given(images(), st.integers(1, 4))
def test_the_kernel_projects_and_averages_windows(case, n_components):
    image, w = case
    covariance = autocovariance(image, w, 1)
    pca = fit_windows(covariance, image.size, most_modes=w, n_components=n_components)
    flat = pca.components.reshape(len(pca.eigenvalues), -1)
    shares = np.maximum(0, 1 - pca.noise_variance / pca.eigenvalues)
    back = (all_windows(image, w) @ flat.T * shares @ flat).reshape(
        *(n + w - 1 for n in image.shape), w, w
    )
    padded = np.zeros([n + 2 * (w - 1) for n in image.shape])
    for row in range(w):
        for col in range(w):
            padded[row : row + back.shape[0], col : col + back.shape[1]] += back[..., row, col]
    expected = padded[w - 1 : -(w - 1), w - 1 : -(w - 1)] / w**2

    zero = np.pad(image - image.mean(), w - 1)
    views = np.lib.stride_tricks.sliding_window_view(zero, (2 * w - 1, 2 * w - 1))
    found = np.einsum("ijkl,kl->ij", views, pca.kernel())
    assert_allclose(found, expected, atol=1e-9 * np.abs(image).max())


def test_mode_powers_are_mean_squares_over_windows(rng):
    image, w = rng.normal(size=(12, 15)), 5
    modes = dctn(all_windows(image, w).reshape(-1, w, w), axes=(1, 2), norm="ortho")
    expected = (modes**2).sum(axis=0) / image.size
    assert_allclose(mode_powers(autocovariance(image, w, 1)), expected, rtol=1e-9)


@pytest.mark.parametrize(("size", "w"), [(128, 12), (128, 40), (256, 48)])
def test_noise_has_no_component_above_the_edge(size, w):
    largest = []
    for seed in range(12):
        noise = np.random.default_rng(seed).normal(size=(size, size))
        pca = fit_windows(autocovariance(noise, w, 1), noise.size, most_modes=12, n_components=144)
        largest.append(pca.eigenvalues[0])
    edge = noise_edge(size * size, w)
    # The edge is near what noise reaches: neither below it nor far beyond.
    assert np.mean(np.array(largest) > edge) <= 0.25
    assert edge < 1.8 * np.median(largest)
    assert noise_edge(size * size, w) < (1 + w**2 / size) ** 2


@pytest.mark.parametrize(("n_pixels", "w"), [(256**2, 50), (10_000, 8), (500, 3)])
def test_the_edge_of_noise_is_that_of_a_gamma_distribution(n_pixels, w):
    # Of w**2 powers, each a mean over as many windows as share no pixel, one in a hundred images
    # has one above the edge.
    n_windows = n_pixels / w**2
    edge = noise_edge(n_pixels, w)
    assert w**2 * gamma.sf(edge, n_windows, scale=1 / n_windows) == pytest.approx(0.01)
