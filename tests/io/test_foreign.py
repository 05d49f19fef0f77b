"""Images that other libraries hold, with their calibration."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import dok_array

from logstar.exceptions import ChoiceNeededError
from logstar.io import Micrograph, read_image
from logstar.units import PixelSize

from .files import signal, write_hspy

PIXELS = np.random.default_rng(0).random((3, 6, 8)).astype(np.float32)


class Dictionary(dict):
    def as_dictionary(self):
        return dict(self)


def hyperspy_like(data, units="nm", n_navigation=0):
    """What of HyperSpy's interface is used."""
    axes = [
        SimpleNamespace(scale=0.02, units=units, navigate=i < n_navigation, index_in_array=i)
        for i in range(data.ndim)
    ]
    manager = SimpleNamespace(
        # HyperSpy's order is (x, y).
        navigation_axes=tuple(axes[:n_navigation][::-1]),
        signal_axes=tuple(axes[n_navigation:][::-1]),
    )
    return SimpleNamespace(
        data=data,
        axes_manager=manager,
        metadata=Dictionary(General={"title": "a film"}),
        original_metadata=Dictionary(),
    )


class Coordinate(np.ndarray):
    attrs: dict


def xarray_like(data, step_rows, step_cols, units):
    coords = {}
    for name, step, size in (("y", step_rows, data.shape[0]), ("x", step_cols, data.shape[1])):
        coords[name] = (np.arange(size) * step).view(Coordinate)
        coords[name].attrs = {"units": units}
    return SimpleNamespace(
        dims=("y", "x"), coords=coords, to_numpy=lambda: data, name="film", attrs={"dwell": 3}
    )


def test_a_signal_of_hyperspy():
    micrograph = Micrograph.from_signal(hyperspy_like(PIXELS[0]))
    np.testing.assert_array_equal(micrograph.image, PIXELS[0])
    assert (micrograph.pixel_size, micrograph.path) == (PixelSize(0.02, "nm"), None)
    assert micrograph.metadata["metadata"]["General"]["title"] == "a film"


def test_a_stack_of_hyperspy():
    stack = hyperspy_like(PIXELS, n_navigation=1)
    with pytest.raises(ValueError, match=r"SimpleNamespace holds 3 images .*average=True"):
        Micrograph.from_signal(stack)
    np.testing.assert_array_equal(Micrograph.from_signal(stack, dataset=2).image, PIXELS[2])
    mean = Micrograph.from_signal(stack, average=True).image
    np.testing.assert_allclose(mean, PIXELS.mean(axis=0), rtol=1e-6)


def test_spectra_of_hyperspy_are_no_image():
    with pytest.raises(ValueError, match="holds no 2-D image"):
        Micrograph.from_signal(hyperspy_like(PIXELS[0], n_navigation=1))


def test_an_array_of_xarray():
    # Rows that are counted upwards.
    micrograph = Micrograph.from_signal(xarray_like(PIXELS[0], -0.2, 0.2, "Å"))
    np.testing.assert_array_equal(micrograph.image, PIXELS[0])
    assert micrograph.pixel_size.to("A").value == pytest.approx(0.2)
    assert micrograph.metadata["original_metadata"] == {"dwell": 3}
    with pytest.raises(ValueError, match="pixels are not square"):
        Micrograph.from_signal(xarray_like(PIXELS[0], 0.1, 0.2, "Å"))


def test_a_dictionary_of_rosettasciio():
    described = signal(PIXELS[0], (0.02, 0.02), "nm")
    assert Micrograph.from_signal(described).pixel_size == PixelSize(0.02, "nm")


@pytest.mark.parametrize(
    # A sparse array by keys is a dict with keys that have no order.
    "thing",
    [PIXELS, "film.dm3", None, {"data": PIXELS}, dok_array(PIXELS[0])],
)
def test_other_things_are_no_signal(thing):
    with pytest.raises(TypeError, match="signal must be a HyperSpy signal, an xarray DataArray"):
        Micrograph.from_signal(thing)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("lazy", [False, True])
def test_hyperspy_itself(tmp_path, lazy):
    hyperspy = pytest.importorskip("hyperspy.api", reason="HyperSpy is not installed")
    path = write_hspy(
        tmp_path / "a.hspy", PIXELS, (1, 0.02, 0.02), "nm", navigate=[True, False, False]
    )
    loaded = hyperspy.load(str(path), lazy=lazy)
    found = Micrograph.from_signal(loaded, dataset=1)
    expected = read_image(path, dataset=1)
    np.testing.assert_array_equal(found.image, expected.image)
    assert found.pixel_size == expected.pixel_size == PixelSize(0.02, "nm")
    uncalibrated = Micrograph.from_signal(hyperspy.signals.Signal2D(PIXELS[0]))
    assert uncalibrated.pixel_size is None
    with pytest.raises(ValueError, match="holds no 2-D image"):
        Micrograph.from_signal(hyperspy.signals.Signal1D(PIXELS[0]))


@pytest.mark.parametrize("chunked", [False, True])
def test_xarray_itself(chunked):
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    axes = {"y": np.arange(6) * 0.3, "x": np.arange(8) * 0.3}
    array = xarray.DataArray(PIXELS, dims=("t", "y", "x"), coords=axes, name="film")
    for name in axes:
        array[name].attrs["units"] = "pm"
    if chunked:
        pytest.importorskip("dask", reason="dask is not installed")
        array = array.chunk(4)
    found = Micrograph.from_signal(array, dataset=2)
    np.testing.assert_array_equal(found.image, PIXELS[2])
    assert (found.pixel_size.value, found.pixel_size.unit) == (pytest.approx(0.3), "pm")


@pytest.mark.parametrize(
    "thing",
    [
        signal(PIXELS, (1, 0.02, 0.02), "nm", navigate=[True, False, False]),
        signal(PIXELS[0], (0.02, 0.03), "nm"),
        signal(
            np.array(
                [[(i, j, 0) for j in range(8)] for i in range(6)],
                dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")],
            ),
            (0.02, 0.02),
            "nm",
        ),
    ],
    ids=["a stack", "pixels that are not square", "colours"],
)
def test_what_is_advised_can_be_given(thing):
    with pytest.raises(ChoiceNeededError) as caught:
        Micrograph.from_signal(thing)
    for name, value in caught.value.choices.items():
        assert f"{name}={value!r}" in str(caught.value)
        assert Micrograph.from_signal(thing, **{name: value}).image.ndim == 2
