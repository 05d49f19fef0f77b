"""Everyday commands, each in an environment of its own: ``nox --list``."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import nox

nox.options.sessions = ["lint", "rust", "tests"]
nox.options.default_venv_backend = "venv"
DIST = Path("dist")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the Python tests, or those that are named after ``--``."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, lints, types and layers."""
    session.install(".[dev]")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session(venv_backend="none")
def rust(session: nox.Session) -> None:
    """Check and test the Rust workspace."""
    session.run("cargo", "fmt", "--all", "--check")
    session.run(
        "cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"
    )
    session.run("cargo", "test", "--workspace", "--locked")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into ``docs/_build``; a warning is an error."""
    session.install(".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build")
    session.run("python", "docs/check_links.py", "docs/_build")


@nox.session
def napari(session: nox.Session) -> None:
    """Run the tests of the plugin for napari; those of windows need a display."""
    session.install(".[napari]", "napari[pyqt6]", "hypothesis", "pytest", "pytest-qt", "pyyaml")
    session.run("pytest", "tests/napari", "-W", "ignore::DeprecationWarning", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against the peers, and write ``benches/RESULTS.md``."""
    session.install(".[bench]")
    session.run("python", "benches/report.py", *session.posargs)


@nox.session
def wheels(session: nox.Session) -> None:
    """Build sdist and wheels, check them, and run the main job of one without a Rust toolchain."""
    session.install("maturin>=1.9,<2", "twine", "ziglang", "auditwheel")
    shutil.rmtree(DIST, ignore_errors=True)
    build = ("maturin", "build", "--release", "--locked", "--out", str(DIST))
    session.run(*build, "--zig", "--compatibility", "manylinux2014")
    session.run("maturin", "sdist", "--out", str(DIST))
    if "aarch64-unknown-linux-gnu" in _rust_targets(session):
        target = ("--target", "aarch64-unknown-linux-gnu")
        session.run(*build, "--zig", "--compatibility", "manylinux2014", *target)
    session.run("twine", "check", "--strict", *map(str, DIST.iterdir()))
    for wheel in sorted(DIST.glob("*.whl")):
        _tell_contents(session, wheel)
        # Maturin names the wheel by the oldest glibc that it asked for; this looks for itself.
        session.run("auditwheel", "show", str(wheel))
    _try_without_toolchain(session, next(DIST.glob("*x86_64.whl")).resolve())


def _tell_contents(session: nox.Session, wheel: Path) -> None:
    """Tell the size of a wheel, and of what is in it by kind of file."""
    sizes: Counter[str] = Counter()
    with zipfile.ZipFile(wheel) as archive:
        for item in archive.infolist():
            sizes[Path(item.filename).suffix or Path(item.filename).name] += item.file_size
    kinds = ", ".join(f"{kind} {size / 1e6:.2f}" for kind, size in sizes.most_common())
    session.log(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB; unpacked, in MB: {kinds}")


@nox.session(venv_backend="none")
def licences(session: nox.Session) -> None:
    """Write the licences of all crates that the core links."""
    page = session.run("python", "rust/third_party.py", silent=True, external=True)
    Path("THIRD_PARTY.md").write_text(str(page), encoding="utf-8")


def _rust_targets(session: nox.Session) -> str:
    found = session.run(
        "rustup",
        "target",
        "list",
        "--installed",
        external=True,
        silent=True,
        success_codes=[0, 127],
    )
    return str(found or "")


def _try_without_toolchain(session: nox.Session, wheel: Path) -> None:
    """Install a wheel where no ``cargo`` is on the path, and run the main job."""
    path = os.pathsep.join(
        folder for folder in os.environ["PATH"].split(os.pathsep) if not _has_cargo(folder)
    )
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "venv", f"{folder}/empty")
        python = f"{folder}/empty/bin/python"
        session.run(python, "-m", "pip", "install", str(wheel), env={"PATH": path}, external=True)
        session.run(
            python, "-m", "logstar", "demo", "--out", f"{folder}/demo", env={"PATH": path},
            external=True,
        )  # fmt: skip


def _has_cargo(folder: str) -> bool:
    return any((Path(folder) / name).exists() for name in ("cargo", "cargo.exe"))
