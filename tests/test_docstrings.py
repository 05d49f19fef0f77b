"""Examples in docstrings run, and public docstrings are complete."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

#: Modules whose public names are the package's.
PUBLIC_MODULES = [
    "logstar.datasets",
    "logstar.detection",
    "logstar.exceptions",
    "logstar.inspection",
    "logstar.io",
    "logstar.lattice",
    "logstar.metrics",
    "logstar.model_selection",
    "logstar.neighbors",
    "logstar.pareto",
    "logstar.preprocessing",
    "logstar.rewards",
    "logstar.segmentation",
    "logstar.tuning",
    "logstar.units",
]


def test_examples_run(tmp_path):
    """Pytest collects them, so that numbers are compared to the digits that are written."""
    command = [sys.executable, "-m", "pytest", "--pyargs", "logstar", "--doctest-modules", "-q"]
    options = ["-o", "doctest_optionflags=NORMALIZE_WHITESPACE ELLIPSIS NUMBER", "-W", "error"]
    isolated = ["--import-mode=importlib", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    run = subprocess.run(
        command + options + isolated, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout
    assert " passed" in run.stdout


def public_objects():
    """Yield (qualified name, object) of public functions, classes and their methods."""
    seen = set()
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        names = getattr(module, "__all__", None) or [n for n in vars(module) if n[0] != "_"]
        for name in names:
            item = getattr(module, name)
            # What a module without __all__ merely imports is documented where it lives.
            owner = getattr(item, "__module__", "") or ""
            if not (owner.startswith(module_name) or hasattr(module, "__all__")):
                continue
            if id(item) in seen:
                continue
            if not (inspect.isclass(item) or inspect.isfunction(item)):
                continue
            seen.add(id(item))
            yield f"{module_name}.{name}", item
            if inspect.isclass(item):
                for method_name, method in vars(item).items():
                    if not method_name.startswith("_") and inspect.isfunction(method):
                        yield f"{module_name}.{name}.{method_name}", method


@pytest.mark.parametrize(
    ("name", "item"), [pytest.param(*pair, id=pair[0]) for pair in public_objects()]
)
def test_public_docstrings_name_every_parameter(name, item):
    documentation = inspect.getdoc(item)
    assert documentation, f"{name} has no docstring"
    target = item.__init__ if inspect.isclass(item) else item
    is_protocol = getattr(item, "_is_protocol", False)
    if inspect.isclass(item) and ("__init__" not in vars(item) or is_protocol):
        return
    parameters = [p for p in inspect.signature(target).parameters if p not in {"self", "cls"}]
    missing = [p for p in parameters if p.strip("*") not in documentation]
    assert not missing, f"{name} does not document {missing}"
