"""The border between Python and the core: errors, panics and what the module says of itself."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from logstar import _core, blob_log
from tests.conftest import atoms_image

BINDINGS = Path(__file__).parents[1] / "rust" / "bindings" / "src"


def candidate_set(n=50):
    blobs = np.column_stack([np.arange(n), np.zeros(n), np.ones((n, 2))]).astype(float)
    return _core.CandidateSet(blobs, np.linspace(2, 1, n), 1)


def test_errors_carry_their_numbers():
    with pytest.raises(ValueError, match="windows of 9 px") as caught:
        _core.extract_patches(np.eye(5), np.zeros((1, 2)), 9, True, "drop", "none", 1)
    assert caught.value.kind == "WindowSize"
    assert caught.value.numbers == {"size": 9, "rows": 5, "cols": 5}
    with pytest.raises(ValueError, match="overlap must be at least 0") as caught:
        candidate_set().kept(1.0, -0.5)
    assert (caught.value.kind, caught.value.numbers["overlap"]) == ("Overlap", -0.5)


def test_memory_that_there_is_not_is_a_memory_error_with_its_bytes():
    n = 1_500_000
    axis = np.linspace(1, 2, n)
    with pytest.raises(MemoryError, match="every threshold with every overlap") as caught:
        candidate_set().grid(axis, axis, 4, 1.0, 1)
    assert caught.value.kind == "Memory"
    assert caught.value.numbers["bytes"] >= 16.0 * n * n


def test_pixels_that_overflow_are_an_error_and_large_ones_are_not():
    image, _ = atoms_image((40, 40), pitch=10)
    with pytest.raises(ValueError, match=r"intensities up to .* overflow.*divide the image"):
        blob_log(image * (1.7e308 / image.max()), max_sigma=3, threshold=1e300)
    large = blob_log(image * 1e300, max_sigma=3, threshold=0.05 * 1e300)
    np.testing.assert_array_equal(large, blob_log(image, max_sigma=3, threshold=0.05))


@pytest.mark.skipif(not BINDINGS.exists(), reason="the sources are not beside the tests")
def test_every_call_goes_through_the_guard_against_panics():
    """The guard itself is tested in Rust, where something can panic."""
    text = "\n".join(path.read_text() for path in sorted(BINDINGS.glob("*.rs")))
    functions = re.findall(r"#\[pyfunction\].*?\n\}", text, re.DOTALL)
    methods = re.search(r"#\[pymethods\]\nimpl CandidateSet \{\n(.*?)\n\}", text, re.DOTALL)
    assert methods is not None
    functions += re.findall(r"\n    fn .*?\n    \}", "\n" + methods.group(1), re.DOTALL)
    names = [re.search(r"fn (\w+)", function).group(1) for function in functions]
    exported = {name for name in _core.__dict__ if callable(getattr(_core, name))}
    assert exported - {"CandidateSet"} <= set(names)
    unguarded = {
        name
        for name, function in zip(names, functions, strict=True)
        if "guarded(|| {" not in function and "guarded(|| Ok(" not in function
    }
    # These two only hand out numbers that are there already.
    assert unguarded == {"__len__", "instruction_sets"}
