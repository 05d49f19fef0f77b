"""docs/public_names.md lists every public name.

``python -m tests.test_public_names`` writes it anew.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import logstar

PAGE = Path(__file__).parents[1] / "docs" / "public_names.md"
HEAD = """\
# Public names and where they live

What is listed here is the package's interface; all else may change without notice. Names in
**bold** are also at the top, as in `from logstar import find_atoms`.

| module | names |
| --- | --- |
"""
#: The command is used from a shell, and tests call its `main`; the plugin is used in napari, and
#: docs/guide/napari.md has its names.
NOT_FOR_PYTHON = {"logstar.cli", "logstar.__main__", "logstar.napari"}


def public_modules():
    """Find the modules without an underscore in their path, `logstar` itself aside."""
    found = pkgutil.walk_packages(logstar.__path__, prefix="logstar.")
    names = [module.name for module in found if "._" not in module.name]
    return sorted(set(names) - NOT_FOR_PYTHON)


def names_of(module_name):
    """Give what a module offers: its `__all__`, or else what it defines."""
    module = importlib.import_module(module_name)
    listed = getattr(module, "__all__", None)
    if listed is None:
        # Type aliases and constants of such modules are for the package itself.
        listed = [
            name
            for name, item in vars(module).items()
            if name[0] != "_"
            and (inspect.isclass(item) or inspect.isfunction(item))
            and item.__module__ == module_name
        ]
    modules = {name.rpartition(".")[2] for name in public_modules()}
    return sorted(set(listed) - modules, key=str.lower)


def page():
    """Write the page."""
    at_the_top = set(logstar.__all__)
    rows = []
    for module in public_modules():
        names = [
            f"**`{name}`**" if name in at_the_top else f"`{name}`" for name in names_of(module)
        ]
        rows.append(f"| `{module}` | {', '.join(names)} |\n")
    return HEAD + "".join(rows)


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.test_public_names"


def test_every_name_is_there():
    for module in public_modules():
        assert names_of(module), module
        for name in names_of(module):
            assert hasattr(importlib.import_module(module), name)


def test_every_name_at_the_top_lives_in_a_module():
    listed = {name for module in public_modules() for name in names_of(module)}
    modules = {name.rpartition(".")[2] for name in public_modules()}
    assert set(logstar.__all__) - modules - {"__version__"} <= listed


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
