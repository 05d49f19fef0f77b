"""The house's rules that no linter knows."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import logstar

PACKAGE = Path(logstar.__file__).parent

#: The estimator layer: who may call the Rust core.
CALLERS_OF_THE_CORE = {
    "detection/_candidates.py",
    "detection/_detector.py",
    "detection/_scale_space.py",
    "detection/_scaling.py",
    "detection/_skimage/_blob_log.py",
    "detection/_skimage/_pair_order.py",
    "neighbors.py",
    "refinement/_refiner.py",
    "segmentation/_patches.py",
}


PUBLIC_NAMES = {
    "AtomPatches",
    "AtomTypeGMM",
    "ImageLattice",
    "Lattice",
    "LoGStarDetector",
    "MOBOSearchCV",
    "ScaleSpaceCandidates",
    "blob_log",
}


def imports_of(path):
    """Yield (module, name) of every import in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.module or "", alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""


def test_only_the_estimator_layer_calls_the_core():
    callers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any("_core" in module.split(".") or name == "_core" for module, name in imports_of(path))
    }
    assert callers == CALLERS_OF_THE_CORE


def test_private_names_of_scikit_learn_are_imported_in_one_module():
    importers = {
        path.name
        for path in PACKAGE.rglob("*.py")
        for module, name in imports_of(path)
        if module.startswith("sklearn")
        and any(part.startswith("_") for part in [*module.split("."), name])
    }
    assert importers <= {"_sklearn_private.py"}


def test_importing_the_package_is_light():
    heavy = ["matplotlib", "skopt", "skimage", "sklearn", "scipy", "numpy"]
    code = f"import logstar, sys; print([name for name in {heavy!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_using_a_detector_imports_neither_displays_nor_the_search():
    code = (
        "import sys, numpy as np; from logstar import LoGStarDetector, blob_log\n"
        "LoGStarDetector(max_sigma=2.0).fit(np.eye(16)); blob_log(np.eye(16), max_sigma=2)\n"
        "print([n for n in ('matplotlib', 'skopt', 'skimage') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_public_names_come_from_the_top():
    assert set(logstar.__all__) >= PUBLIC_NAMES
    for name in logstar.__all__:
        assert getattr(logstar, name) is not None
    assert logstar.LoGStarDetector is logstar.detection.LoGStarDetector
    assert logstar.MOBOSearchCV is logstar.model_selection.MOBOSearchCV
    assert logstar.Lattice is logstar.lattice.Lattice
