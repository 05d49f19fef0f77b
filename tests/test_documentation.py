"""The pages of docs/: their Python runs, commands are understood, and links lead somewhere."""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import io
import re
import shlex
import shutil
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import tifffile

import logstar
from logstar import exceptions
from logstar.cli import main
from logstar.cli._arguments import build_parser

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for path in (ROOT / "docs").rglob("*.md")
    if not {"_build", "auto_examples", "generated"} & set(path.parts)
    # Written while the site is built.
    and path.relative_to(ROOT / "docs").as_posix()
    not in {"reference/api.md", "reference/commands.md"}
)
#: Its Python is what the other pages of the guide begin with.
FIRST = ROOT / "docs/guide/index.md"
AT_THE_TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "RELEASING.md")]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """Blocks of code in a language, in the page's order."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run(page: Path, names: dict[str, object]) -> None:
    """Run the Python of a page; a block of text right behind it is what it prints."""
    pattern = r"^```python\n(.*?)^```$(?:\n\s*^```text\n(.*?)^```$)?"
    text = page.read_text(encoding="utf-8")
    for number, (code, said) in enumerate(re.findall(pattern, text, re.MULTILINE | re.DOTALL)):
        with redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, f"{name_of(page)}, block {number}", "exec"), names)
        if said:
            # Lines are broken where a page is narrow.
            assert printed.getvalue().split() == said.split()


@pytest.fixture(scope="module")
def beginning(tmp_path_factory):
    """The names that the guide's first page defines, in a folder with the files that it names."""
    names: dict[str, object] = {"__name__": "guide"}
    folder = tmp_path_factory.mktemp("guide")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run(FIRST, names)
        # Pages name a file where a user has one.
        centimetre = 1e8 / names["crystal"].pixel_size.value
        tifffile.imwrite(
            "film.tif", names["image"], resolution=(centimetre, centimetre),
            resolutionunit="CENTIMETER",
        )  # fmt: skip
    return folder, names


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != FIRST and blocks(page, "python")], ids=name_of
)
def test_python_of_a_page_runs(page, beginning, monkeypatch):
    folder, names = beginning
    monkeypatch.chdir(folder)
    for library in re.findall(r"<!-- needs (\w+) -->", page.read_text(encoding="utf-8")):
        pytest.importorskip(library)
    run(page, dict(names))
    plt.close("all")


def test_every_line_of_a_report_is_explained(beginning):
    _, names = beginning
    page = (ROOT / "docs/guide/reading_the_report.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| (\w+) \|", page, re.MULTILINE))
    said = {name for name, _ in names["found"].report().rows if name}
    assert len(said) > 10
    assert said - explained == set()


def commands(page: Path) -> list[str]:
    lines = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("logstar ")]


@pytest.mark.parametrize(
    "page", [page for page in [*PAGES, *AT_THE_TOP] if commands(page)], ids=name_of
)
def test_commands_of_a_page_are_understood(page, monkeypatch):
    def refuse(_parser, message):
        raise AssertionError(message)

    monkeypatch.setattr(argparse.ArgumentParser, "error", refuse)
    for command in commands(page):
        words = shlex.split(command, comments=True)
        build_parser("0").parse_args(words[1:])


def test_a_command_that_there_is_not_would_be_noticed():
    with pytest.raises(SystemExit):
        build_parser("0").parse_args(["detect", "film.dm4", "--no-such-option"])


@pytest.mark.parametrize("page", [*PAGES, *AT_THE_TOP], ids=name_of)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for link in links:
        if re.match(r"\w+:", link) or link.startswith("#"):
            continue
        target = page.parent / link.partition("#")[0]
        # What is written while the site is built.
        if "auto_examples" in target.parts and target.stem != "index":
            target = ROOT / "examples" / f"{target.stem}.py"
        is_written = target.name in {"api.md", "commands.md"} or target.stem == "index"
        assert target.exists() or is_written, f"{name_of(page)}: {link}"


def test_every_column_of_a_file_is_documented(beginning, monkeypatch):
    folder, _ = beginning
    monkeypatch.chdir(folder)
    crystal = ["--crystal", "perovskite:a=3.905", "--no-plots"]
    film = [str(folder / "film.tif"), *crystal]
    for command in (
        ["detect", *film, "--denoise", "auto", "--out", "columns/detect"],
        ["segment", *film, "--out", "columns/segment"],
        *(
            ["map", *film, "--field", field, "--out", f"columns/{field}"]
            for field in ("strain", "polarization", "displacement", "spacing", "vacancies")
        ),
    ):
        assert main(command) == 0
    (folder / "session").mkdir()
    shutil.copy("film.tif", "session")
    assert main(["detect", "session", *crystal, "--out", "columns/many"]) == 0

    text = (ROOT / "docs/reference/files.md").read_text(encoding="utf-8")
    documented = {
        name + suffix
        for row in re.findall(r"^\|(.*?)\|", text, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
        for suffix in ("", "_error" if "with `_error`" in row else "")
    }
    written = set()
    for path in (folder / "columns").rglob("*.csv"):
        lines = path.read_text(encoding="utf-8").splitlines()
        header = next(line for line in lines if not line.startswith("#"))
        written |= {(path.name, name) for name in header.split(",")}
    # Lengths have a second column in a unit.
    missing = {pair for pair in written if re.sub(r"_nm$|_A$", "", pair[1]) not in documented}
    assert missing - {pair for pair in written if pair[1] in documented} == set()
    assert len({name for name, _ in written}) >= 6


def test_every_warning_and_error_is_documented():
    page = (ROOT / "docs/reference/verdicts.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(\w+(?:Error|Warning))` \|", page, re.MULTILINE))
    there_are = {name for name in vars(exceptions) if name.endswith(("Error", "Warning"))}
    assert documented == there_are


def test_the_overview_names_what_is_at_the_top():
    page = (ROOT / "docs/guide/contents.md").read_text(encoding="utf-8")
    names = {name for name in logstar.__all__ if name[0] != "_" and not is_module(name)}
    assert {name for name in names - {"AtomTable"} if f"`{name}`" not in page} == set()


def test_the_architecture_names_every_package_and_module():
    page = (ROOT / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    drawn = set(page.partition("python/logstar\n")[2].partition("```")[0].split())
    package = Path(logstar.__file__).parent
    there_are = {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}
    there_are |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert there_are - drawn == set()


def is_module(name: str) -> bool:
    return inspect.ismodule(getattr(logstar, name))


def load_script(name: str):
    """Make a module of a script of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_of_the_readme_is_drawn(tmp_path):
    found = load_script("picture").draw(tmp_path / "picture.png")
    plt.close("all")
    assert found.verdict_.status == "ok"
    assert (tmp_path / "picture.png").stat().st_size > 100_000


def test_broken_links_of_a_site_are_found(tmp_path):
    (tmp_path / "index.html").write_text(
        '<p id="here"><a href="#here">a</a><a href="other.html#there">b</a>'
        '<a href="other.html#nowhere">c</a><img src="lost.png"><a href="https://x.org">d</a>'
    )
    (tmp_path / "other.html").write_text('<h1 id="there">x</h1><a href="index.html">e</a>')
    n_links, broken = load_script("check_links").find_broken_links(tmp_path)
    assert n_links == 5
    assert broken == ["index.html: other.html#nowhere", "index.html: lost.png"]


def test_every_page_is_in_a_table_of_contents():
    """But for what is no page of the site."""
    listed = set()
    for page in PAGES:
        for body in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            entries = [line.strip() for line in body.splitlines()]
            listed |= {(page.parent / f"{entry}.md").resolve() for entry in entries if entry}
    apart = {ROOT / "docs/index.md", ROOT / "docs/paper.md"}
    assert set(PAGES) - listed - apart == set()
