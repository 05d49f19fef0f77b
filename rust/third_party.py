"""Collect the licences of the crates that the core links.

    python rust/third_party.py > THIRD_PARTY.md

Crates that only build or test it are left out. The texts are those that the crates bring along;
one that several share stands once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = "logstar-python"
#: Names of files with licences begin so.
NAMES = ("license", "licence", "copying", "copyright", "unlicense")


def linked() -> list[dict[str, Any]]:
    """Packages that end up in the wheel, by name."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    said = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    packages = {package["id"]: package for package in said["packages"]}
    nodes = {node["id"]: node for node in said["resolve"]["nodes"]}
    start = next(key for key, package in packages.items() if package["name"] == ROOT)
    todo, seen = [start], {start}
    while todo:
        for dependency in nodes[todo.pop()]["deps"]:
            # Procedural macros and build scripts are not linked, but what is says so by `null`.
            kinds = {kind["kind"] for kind in dependency["dep_kinds"]}
            key = dependency["pkg"]
            if None in kinds and key not in seen and not _is_macro(packages[key]):
                seen.add(key)
                todo.append(key)
    others = (packages[key] for key in seen if packages[key]["source"] is not None)
    return sorted(others, key=lambda package: (package["name"], package["version"]))


def _is_macro(package: dict[str, Any]) -> bool:
    return any("proc-macro" in target["kind"] for target in package["targets"])


def texts_of(package: dict[str, Any]) -> list[str]:
    """Texts of the licences that a package brings along."""
    folder = Path(package["manifest_path"]).parent
    files = (file for file in sorted(folder.iterdir()) if file.name.lower().startswith(NAMES))
    return [file.read_text(encoding="utf-8").strip() for file in files if file.is_file()]


def main() -> int:
    """Print the page; the status is 1 if a crate names no licence."""
    packages = linked()
    print("# Licences of the crates in the compiled core\n")
    print("| crate | version | licence |\n|---|---|---|")
    users: dict[str, list[str]] = defaultdict(list)
    for package in packages:
        name = f"{package['name']} {package['version']}"
        print(f"| {package['name']} | {package['version']} | {package['license']} |")
        for text in texts_of(package):
            users[text].append(name)
    for text, names in users.items():
        print(f"\n## {', '.join(names)}\n\n```\n{text}\n```")
    return int(any(not package["license"] for package in packages))


if __name__ == "__main__":
    sys.exit(main())
