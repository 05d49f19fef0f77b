"""The house's rules that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import logstar

PACKAGE = Path(logstar.__file__).parent
TESTS = Path(__file__).parent

#: Test files that mirror no module, and what they are about instead.
ABOUT_MORE_THAN_A_MODULE = {
    "cli/test_large_images.py": "the command on images that are found by tiles",
    "detection/test_pathological.py": "layouts of points that make any search among them slow",
    "fields/test_fields.py": "what all fields promise: values and errors of known distortions",
    "inspection/test_alike.py": "what all displays have in common",
    "napari/test_manifest.py": "python/logstar/napari/napari.yaml, and a viewer with a window",
    "io/test_fuzz.py": "damaged files of all formats",
    "model_selection/_engines/test_engines.py": "what all engines promise",
    "model_selection/test_like_grid_search.py": "MOBOSearchCV beside GridSearchCV: the same",
    "model_selection/test_search_branches.py": "MOBOSearchCV: spaces that swap estimators",
    "model_selection/test_search_failures.py": "MOBOSearchCV: failures and interruptions",
    "model_selection/test_search_options.py": "MOBOSearchCV: options",
    "model_selection/test_sklearn_checks.py": "MOBOSearchCV: scikit-learn's own checks",
    "model_selection/test_sweep.py": "MOBOSearchCV: parameters that are swept",
    "model_selection/test_unlike_grid_search.py": "MOBOSearchCV beside GridSearchCV: differences",
    "preprocessing/test_transformers.py": "what all transformers do, and what each is for",
    "refinement/test_hard_images.py": "images that are hard to refine",
    "refinement/test_merged_columns.py": "columns that show as one",
    "test_absurd_parameters.py": "numbers far out of range, everywhere",
    "test_examples.py": "examples/",
    "test_full_disk.py": "files for which there is no room, of everything that writes",
    "test_any_array.py": "layouts of arrays in memory, everywhere",
    "test_architecture.py": "the sources themselves",
    "test_build_backend.py": "rust/build_backend",
    "test_core.py": "the compiled module",
    "test_docstrings.py": "all docstrings",
    "test_documentation.py": "docs/",
    "test_estimators.py": "scikit-learn's own checks of all estimators",
    "test_interrupt.py": "Ctrl-C, everywhere",
    "test_public_names.py": "docs/public_names.md",
    "test_readme.py": "README.md",
    "test_types.py": "what type checkers are told",
    "tuning/test_front.py": "AtomFinder: the choice lies on the front, over many images",
}

#: Modules without a test file of their own, by the file that covers them: a module that only works
#: together with another is tested through what both do.
TESTED_TOGETHER = {
    "datasets/test_fetched.py": ["datasets/_fetching.py"],
    "detection/test_detector.py": ["detection/_parameters.py", "detection/_scale_space.py"],
    "detection/test_exact_front.py": ["detection/_sweep_plan.py"],
    "fields/test_fields.py": [
        "fields/_atoms.py",
        "fields/_displacements.py",
        "fields/_polarization.py",
        "fields/_reference.py",
        "fields/_sites.py",
        "fields/_spacings.py",
        "fields/_strain.py",
        "fields/_vacancies.py",
        "fields/_vector_field.py",
    ],
    "io/test_foreign.py": ["io/_signal.py"],
    "io/test_micrograph.py": ["io/_readers.py"],
    "io/test_positions.py": [
        "io/_positions_csv.py",
        "io/_positions_hdf5.py",
        "io/_positions_xyz.py",
        "io/_provenance.py",
    ],
    "io/test_tiff.py": ["io/_tiff_calibration.py"],
    "oracle/_conversion/test_convert.py": [
        "oracle/_conversion/_architectures.py",
        "oracle/_conversion/_graph.py",
    ],
    "oracle/test_oracle.py": ["oracle/_network.py"],
    "lattice/test_grains.py": [
        "lattice/_grain_labels.py",
        "lattice/_grain_map.py",
        "lattice/_grain_seeds.py",
    ],
    "lattice/test_image_lattice.py": [
        "lattice/_bragg.py",
        "lattice/_finding.py",
        "lattice/_fitting.py",
        "lattice/_mean_cell.py",
        "lattice/_phases.py",
    ],
    "lattice/test_indexer.py": ["lattice/_motif.py", "lattice/_template.py"],
    "lattice/test_symmetry.py": ["lattice/_expansion.py", "lattice/_projection.py"],
    "model_selection/_engines/test_engines.py": [
        "model_selection/_engines/_acquisition.py",
        "model_selection/_engines/_base.py",
        "model_selection/_engines/_bayesian.py",
        "model_selection/_engines/_botorch.py",
        "model_selection/_engines/_ehvi.py",
        "model_selection/_engines/_nsga2.py",
        "model_selection/_engines/_optuna.py",
    ],
    "model_selection/_spaces/test_space.py": [
        "model_selection/_spaces/_dimensions.py",
        "model_selection/_spaces/_domains.py",
    ],
    "model_selection/test_protocols.py": ["model_selection/_conformance.py"],
    "model_selection/test_search.py": [
        "model_selection/_evaluation.py",
        "model_selection/_fitted.py",
        "model_selection/_results.py",
    ],
    "model_selection/test_search_failures.py": [
        "model_selection/_outcome.py",
        "model_selection/_record.py",
    ],
    "model_selection/test_search_options.py": [
        "model_selection/_checks.py",
        "model_selection/_runner.py",
    ],
    "preprocessing/test_patch_pca.py": ["preprocessing/_spacing.py"],
    "preprocessing/test_transformers.py": [
        "preprocessing/_background.py",
        "preprocessing/_scan_lines.py",
    ],
    "segmentation/test_segmenter.py": ["segmentation/_evidence.py"],
    "segmentation/test_types.py": ["segmentation/_features.py", "segmentation/_orientations.py"],
    "tuning/test_find_atoms_in_stack.py": [
        "io/_frame_tables.py",
        "tuning/_frame_atoms.py",
        "tuning/_stack_atoms.py",
        "tuning/_stack_run.py",
    ],
    "tuning/test_finder.py": ["tuning/_searching.py"],
    "tuning/test_tiled.py": ["tuning/_cluster.py"],
    "segmentation/test_kinds.py": ["segmentation/_mapping.py"],
    "tuning/test_live.py": ["tuning/_retuning.py"],
    "test_full_disk.py": ["io/_whole_files.py"],
}

#: Statements in its functions up to which a module is tested by whatever uses it.
FEW_STATEMENTS = 30

#: The estimator layer: who may call the Rust core.
CALLERS_OF_THE_CORE = {
    "detection/_atom_significance.py",
    "detection/_candidates.py",
    "detection/_scale_space.py",
    "detection/_scaling.py",
    "detection/_responses.py",
    "detection/_hot_pixels.py",
    "detection/_skimage/_blob_log.py",
    "detection/_skimage/_pair_order.py",
    "detection/_tables.py",
    "lattice/_indexer.py",
    "lattice/_mean_cell.py",
    "neighbors.py",
    "pareto.py",
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


def test_the_plugin_alone_imports_napari():
    importers = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        for module, _ in imports_of(path)
        if module.split(".")[0] in {"napari", "qtpy", "npe2"}
        # Imports within the package, such as "from .napari import x", are relative.
    }
    assert importers == {"napari"}
    code = (
        "import sys, logstar, logstar.tuning, logstar.inspection, logstar.cli\n"
        "print([n for n in sys.modules if n.split('.')[0] == 'napari' or 'logstar.napari' in n])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_without_napari_the_plugin_names_its_extra():
    code = "import sys; sys.modules['napari'] = None\nfrom logstar.napari import add_finder"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        'ImportError: logstar.napari needs napari: pip install "logstar[napari]" "napari[all]"'
    )


def test_public_names_come_from_the_top():
    assert set(logstar.__all__) >= PUBLIC_NAMES
    for name in logstar.__all__:
        assert getattr(logstar, name) is not None
    assert logstar.LoGStarDetector is logstar.detection.LoGStarDetector
    assert logstar.MOBOSearchCV is logstar.model_selection.MOBOSearchCV
    assert logstar.Lattice is logstar.lattice.Lattice


def mirror_of(source):
    """The path of a module's tests."""
    return source.parent / f"test_{source.stem.lstrip('_')}.py"


def n_statements(path):
    """Count what the functions and methods of a module do, docstrings aside."""
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    inner = {node for function in functions for node in ast.walk(function) if node is not function}
    return sum(
        isinstance(node, ast.stmt)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in inner
    )


def sources():
    paths = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")]
    return {path for path in paths if not path.name.startswith("__")}


def test_every_file_of_tests_mirrors_a_module():
    mirrors = {mirror_of(source).as_posix() for source in sources()}
    found = {path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")}
    assert found - mirrors == set(ABOUT_MORE_THAN_A_MODULE), (
        "name it after its module, or say in ABOUT_MORE_THAN_A_MODULE what it is about"
    )


def test_every_module_has_its_tests():
    listed = {source for together in TESTED_TOGETHER.values() for source in together}
    without = {
        source.as_posix()
        for source in sources()
        if n_statements(PACKAGE / source) > FEW_STATEMENTS
        and not (TESTS / mirror_of(source)).exists()
    }
    assert without - listed == set(), (
        "write its tests, or name in TESTED_TOGETHER the file that has them"
    )


def test_the_list_of_modules_that_are_tested_together_is_true():
    for file, together in TESTED_TOGETHER.items():
        assert (TESTS / file).exists(), file
        for source in together:
            assert (PACKAGE / source).exists(), source


def test_the_modules_that_the_page_of_architecture_names_exist():
    page = TESTS.parent / "docs" / "explanation" / "architecture.md"
    named = set(re.findall(r"`(_[a-z_]+)(?:\.py)?`", page.read_text(encoding="utf-8")))
    known = {path.stem for path in PACKAGE.rglob("*.py")} | {
        path.name for path in PACKAGE.rglob("_*/")
    }
    assert len(named) > 10
    assert named - known == set()


def test_the_factor_of_the_median_absolute_deviation_stands_once():
    numbers = {
        path.relative_to(PACKAGE).as_posix(): node.value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, float)
        and min(abs(node.value - 1.4826), abs(node.value - 0.6745)) < 1e-4
    }
    assert numbers == {"_numerics.py": 1.4826}
