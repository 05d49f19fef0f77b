"""Cut and flipped files of every format that can be written; benches/fuzz_files.py does more."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from logstar.io import read_image

from .files import DISTINCT, save_any

SCRIPT = Path(__file__).resolve().parents[2] / "benches" / "fuzz_files.py"
N_VARIANTS = 12


@pytest.fixture(scope="module")
def fuzzing() -> ModuleType:
    specification = importlib.util.spec_from_file_location("fuzz_files", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("extension", DISTINCT)
def test_an_error_or_a_right_answer(tmp_path, fuzzing, extension, monkeypatch):
    monkeypatch.setenv("LOGSTAR_READ_SECONDS", "4")
    pixels = np.random.default_rng(2).integers(0, 60000, size=(40, 50), dtype=np.uint16)
    path = save_any(tmp_path / f"image{extension}", pixels)
    reference = read_image(path)
    # Of Ripple's two files the pixels' own has no header that could be broken.
    content = path.read_bytes()
    outcomes = []
    for done, n_flips, changed in fuzzing.variants(content, N_VARIANTS, seed=3):
        path.write_bytes(changed)
        outcome, words = fuzzing.judge(path, reference, n_flips, None)
        outcomes.append(outcome)
        assert outcome not in fuzzing.BAD, (done, outcome, words)
    assert "error" in outcomes


def test_bad_outcomes_are_seen(tmp_path, fuzzing):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((8, 8)))
    reference = read_image(path)

    def judge(image: np.ndarray, n_flips: int) -> str:
        np.save(path, image)
        return fuzzing.judge(path, reference, n_flips, None)[0]

    assert judge(np.zeros((8, 8)), 0) == "same"
    assert judge(np.zeros((8, 9)), 3) == "wrong"
    assert judge(np.eye(8), 8) == "pixels"
    assert judge(np.eye(8), 7) == "wrong"
    path.write_bytes(b"")
    assert fuzzing.judge(path, reference, 0, None)[0] == "error"


def test_variants_are_the_same_each_time(fuzzing):
    content = bytes(range(256)) * 20
    first, second = (list(fuzzing.variants(content, 20, seed=1)) for _ in range(2))
    assert first == second
    assert first[0] == ("cut to 0", 0, b"")
    for done, n_flips, changed in first:
        if n_flips:
            assert len(changed) == len(content)
            assert 0 < sum(a != b for a, b in zip(changed, content, strict=True)) <= n_flips
        else:
            assert done == f"cut to {len(changed)}"
            assert content.startswith(changed)


@pytest.mark.parametrize("shape", [(2**20, 2**20), (2**31, 2**31)])
def test_headers_that_ask_for_terabytes(tmp_path, shape):
    header = np.lib.format.magic(1, 0)
    described = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    text = header + len(described).to_bytes(2, "little") + described.encode()
    (tmp_path / "a.npy").write_bytes(text + b"\0" * 4096)
    with pytest.raises(OSError, match=r"a\.npy cannot be read"):
        read_image(tmp_path / "a.npy")
