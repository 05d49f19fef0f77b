"""What type checkers are told of results is what callers need."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="type checkers come with the extra dev")

ROOT = Path(__file__).resolve().parents[1]
DETECTIONS = ROOT / "tests" / "typing" / "detections.py"


def mypy(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mypy", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_image_gives_an_array_and_a_stack_a_list():
    run = mypy(DETECTIONS)
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_wrong_type_is_seen(tmp_path):
    """mypy knows the package: were its types Any, every assertion would hold or none."""
    text = DETECTIONS.read_text(encoding="utf-8")
    wrong = re.sub(r"assert_type\((estimator.predict\(image\)), Floats\)", r"\1.append(1)", text)
    assert wrong != text
    path = tmp_path / "wrong.py"
    path.write_text(wrong, encoding="utf-8")
    assert 'has no attribute "append"' in mypy(path).stdout
