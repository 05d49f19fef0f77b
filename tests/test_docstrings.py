"""Examples in docstrings run, and public docstrings are complete."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from numpydoc.validate import ERROR_MSGS, validate

import logstar
from tests.test_public_names import names_of, public_modules


def test_examples_run(tmp_path):
    """Pytest collects them, so that numbers are compared to the digits that are written."""
    command = [sys.executable, "-m", "pytest", "--pyargs", "logstar", "--doctest-modules", "-q"]
    # The plugin needs napari; .ci/run tries its examples where that is.
    command += ["--ignore", str(Path(logstar.__file__).parent / "napari")]
    options = ["-o", "doctest_optionflags=NORMALIZE_WHITESPACE ELLIPSIS NUMBER", "-W", "error"]
    isolated = ["--import-mode=importlib", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    run = subprocess.run(
        command + options + isolated, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout
    assert " passed" in run.stdout


def public_names():
    """Yield (name by which it is imported, object) of public functions and classes, once each."""
    seen = set()
    for module_name in public_modules():
        for name in names_of(module_name):
            item = getattr(importlib.import_module(module_name), name)
            if (inspect.isclass(item) or inspect.isfunction(item)) and id(item) not in seen:
                seen.add(id(item))
                yield f"{module_name}.{name}", item


def with_members():
    """Yield names of public functions and classes, and of their own methods and properties."""
    for name, item in public_names():
        yield name
        if inspect.isclass(item):
            for member_name, member in vars(item).items():
                if not member_name.startswith("_") and (
                    inspect.isfunction(member) or isinstance(member, (property, classmethod))
                ):
                    yield f"{name}.{member_name}"


def checks():
    """What `[tool.numpydoc_validation]` leaves of all of numpydoc's checks."""
    pyproject = Path(__file__).parents[1] / "pyproject.toml"
    excluded = tomllib.loads(pyproject.read_text())["tool"]["numpydoc_validation"]["checks"]
    assert excluded[0] == "all"
    return set(ERROR_MSGS) - set(excluded)


@pytest.mark.parametrize("name", list(with_members()))
def test_numpydoc_finds_nothing(name):
    # A protocol is not called: the signature that Python gives it is none of its own.
    of_protocols = {"PR01"} if is_protocol(dict(public_names()).get(name)) else set()
    asked = checks() - of_protocols
    assert [error for error in validate(name)["errors"] if error[0] in asked] == []


def test_numpydoc_checks_what_matters():
    assert checks() >= {"GL08", "PR01", "PR02", "PR03", "PR04", "PR07", "RT01", "RT03", "SS03"}


@pytest.mark.parametrize(
    ("name", "item"), [pytest.param(*pair, id=pair[0]) for pair in public_names()]
)
def test_what_is_called_has_an_example(name, item):
    """Errors and warnings are met rather than made, and protocols have nothing to call."""
    if inspect.isclass(item) and (issubclass(item, Exception) or is_protocol(item)):
        return
    assert "EX01" not in {code for code, _ in validate(name)["errors"]}


def is_protocol(item):
    return getattr(item, "_is_protocol", False)
