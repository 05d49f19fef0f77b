"""How the documentation is built: ``sphinx-build -W docs docs/_build``."""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import pkgutil
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx_gallery.sorting import FileNameSortKey

import logstar
from logstar.cli._arguments import build_parser

HERE = Path(__file__).parent

project = "logstar"
author = "The logstar developers"
project_copyright = author
version = release = logstar.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "paper.md", "auto_examples/**/*.ipynb"]
# scikit-learn's inherited docstrings refer to its own glossary.
suppress_warnings = ["config.cache", "ref.term"]

html_theme = "pydata_sphinx_theme"
html_title = "logstar"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False

# Browsers draw MathML by themselves: formulas need no script of another site.
html_math_renderer = "mathml"

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
templates_path = ["_templates"]

# Inventories are fetched where the network allows; links to other packages are then clickable.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
    "skimage": ("https://scikit-image.org/docs/stable", None),
}
if os.environ.get("LOGSTAR_DOCS_OFFLINE"):
    intersphinx_mapping = {}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "within_subsection_order": FileNameSortKey,
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1,
    "abort_on_example_error": True,
    "image_scrapers": ("matplotlib",),
}


def _write_formula(translator: Any, node: nodes.math | nodes.math_block) -> None:
    is_block = isinstance(node, nodes.math_block)
    formula = convert(node.astext(), display="block" if is_block else "inline")
    translator.body.append(f"<p>{formula}</p>" if is_block else formula)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Register how formulas are written."""
    app.add_html_math_renderer("mathml", (_write_formula, None), (_write_formula, None))


def _public_modules() -> list[str]:
    found = pkgutil.walk_packages(logstar.__path__, prefix="logstar.")
    names = sorted(module.name for module in found if "._" not in module.name)
    # The plugin needs napari; its page in the guide has its names.
    left_out = {"logstar.cli", "logstar.__main__", "logstar.napari"}
    return [name for name in names if name not in left_out]


def _write_api() -> None:
    """One table a module, with what its `__all__` lists."""
    lines = ["# Python\n"]
    for name in _public_modules():
        module = importlib.import_module(name)
        items = getattr(module, "__all__", None)
        if items is None:
            items = [
                key
                for key, item in vars(module).items()
                if not key.startswith("_")
                and (inspect.isclass(item) or inspect.isfunction(item))
                and item.__module__ == name
            ]
        items = [item for item in items if not inspect.ismodule(getattr(module, item))]
        documented = [item for item in items if callable(getattr(module, item))]
        lines += [f"## {name}\n", (inspect.getdoc(module) or "").split("\n\n")[0] + "\n"]
        lines += [
            "```{eval-rst}",
            f".. currentmodule:: {name}",
            ".. autosummary::",
            "   :toctree: generated",
            "",
            *(f"   {item}" for item in sorted(documented, key=str.lower)),
            "```\n",
        ]
    (HERE / "reference" / "api.md").write_text("\n".join(lines), encoding="utf-8")


def _write_commands() -> None:
    """What each command says about itself."""
    os.environ["COLUMNS"] = "96"
    parser = build_parser(release)
    subparsers = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    lines = ["# Commands\n"]
    for name, one in {"": parser, **subparsers.choices}.items():
        lines += [f"## logstar {name}".rstrip() + "\n", "```text", one.format_help(), "```\n"]
    (HERE / "reference" / "commands.md").write_text("\n".join(lines), encoding="utf-8")


_write_api()
_write_commands()
