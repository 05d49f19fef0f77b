"""Checkpoints: resumed searches, damaged files, files of other problems."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from logstar.model_selection import MOBOSearchCV, _checkpoint, _file_lock
from tests.model_selection.conftest import Loss, Valley
from tests.model_selection.test_sweep import SweptValley


def outcome(search):
    results = search.cv_results_
    return {
        name: results[name].tolist() if hasattr(results[name], "tolist") else results[name]
        for name in results
        if not name.endswith("time")
    }


def lines_of(path):
    return path.read_bytes().splitlines(keepends=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "search.jsonl"


def cut(path, n_lines, n_bytes=0):
    """Leave some lines and so many bytes of the next."""
    lines = lines_of(path)
    path.write_bytes(b"".join(lines[:n_lines]) + lines[n_lines][:n_bytes])


def count_calls(losses):
    calls = []

    def left(estimator, X):
        calls.append(estimator.a)
        return losses["left"](estimator, X)

    return calls, {"left": left, "right": losses["right"]}


@pytest.mark.parametrize("n_points", [1, 2])
def test_resumed_from_every_line_the_result_is_the_same(make_search, image, path, n_points):
    changes = {"checkpoint": path, "n_points": n_points, "engine": "random"}
    whole = outcome(make_search(**changes).fit(image))
    content = path.read_bytes()
    n_lines = len(lines_of(path))
    assert n_lines == 1 + 9 + 1 + -(-3 // n_points)
    for n_kept in range(n_lines):
        path.write_bytes(content)
        cut(path, n_kept)
        assert outcome(make_search(**changes).fit(image)) == whole


def test_a_learning_search_resumes_to_the_same(make_search, image, path):
    changes = {"checkpoint": path, "n_points": 2, "n_iter": 12}
    whole = make_search(**changes).fit(image)
    for n_kept in (5, 11, 13):
        cut(path, n_kept)
        resumed = make_search(**changes).fit(image)
        assert outcome(resumed) == outcome(whole)
        np.testing.assert_array_equal(resumed.hypervolume_trace_, whole.hypervolume_trace_)
        np.testing.assert_array_equal(resumed.ref_point_, whole.ref_point_)
    assert outcome(make_search(**changes | {"checkpoint": None}).fit(image)) == outcome(whole)


def test_only_what_is_missing_is_evaluated(make_search, losses, image, path):
    calls, scoring = count_calls(losses)
    make_search(checkpoint=path, scoring=scoring, refit=False, engine="random").fit(image)
    assert len(calls) == 9
    make_search(checkpoint=path, scoring=scoring, refit=False, engine="random").fit(image)
    assert len(calls) == 9
    cut(path, 6)
    make_search(checkpoint=path, scoring=scoring, refit=False, engine="random").fit(image)
    assert len(calls) == 9 + 9 - 4


def test_a_larger_budget_goes_on(make_search, image, path):
    whole = make_search(engine="random", n_iter=15).fit(image)
    make_search(engine="random", checkpoint=path).fit(image)
    longer = make_search(engine="random", checkpoint=str(path), n_iter=15).fit(image)
    assert outcome(longer) == outcome(whole)


def test_interrupted_searches_go_on(make_search, losses, image, path):
    calls = []

    def left(estimator, X):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return losses["left"](estimator, X)

    changes = {
        "checkpoint": path,
        "scoring": {"left": left, "right": losses["right"]},
        "engine": "random",
    }
    with pytest.warns(UserWarning, match="interrupted after 4"):
        make_search(**changes).fit(image)
    resumed = make_search(**changes).fit(image)
    whole = make_search(engine="random").fit(image)
    assert resumed.cv_results_["params"] == whole.cv_results_["params"]
    np.testing.assert_array_equal(
        resumed.cv_results_["mean_test_left"], whole.cv_results_["mean_test_left"]
    )


@pytest.mark.parametrize("n_bytes", [1, 40, -1])
def test_a_line_cut_off_by_a_crash_is_dropped(make_search, image, path, n_bytes):
    changes = {"checkpoint": path, "engine": "random"}
    whole = outcome(make_search(**changes).fit(image))
    cut(path, 7, n_bytes)
    with pytest.warns(UserWarning, match="ends with the incomplete line 8") as caught:
        resumed = make_search(**changes).fit(image)
    assert caught[0].filename == __file__
    assert outcome(resumed) == whole
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert outcome(make_search(**changes).fit(image)) == whole


@pytest.mark.parametrize("n_bytes", [0, 5, 200])
def test_a_header_cut_off_by_a_crash_is_written_anew(make_search, image, path, n_bytes):
    changes = {"checkpoint": path, "engine": "random"}
    whole = outcome(make_search(**changes).fit(image))
    cut(path, 0, n_bytes)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*incomplete line 1,")
        assert outcome(make_search(**changes).fit(image)) == whole


def test_a_last_line_with_a_wrong_checksum_is_dropped(make_search, image, path):
    changes = {"checkpoint": path, "engine": "random"}
    whole = outcome(make_search(**changes).fit(image))
    content = path.read_bytes()
    place = content.rindex(b"test_scores")
    path.write_bytes(content[:place] + b"text_scores" + content[place + 11 :])
    with pytest.warns(UserWarning, match="ends with the damaged line 14,"):
        assert outcome(make_search(**changes).fit(image)) == whole


@pytest.mark.parametrize(("number", "new"), [(4, b"{}\n"), (1, b""), (3, None)])
def test_damage_elsewhere_is_refused_and_the_file_left_alone(make_search, image, path, number, new):
    changes = {"checkpoint": path, "engine": "random"}
    make_search(**changes).fit(image)
    lines = lines_of(path)
    lines[number - 1] = lines[number - 1].replace(b"0", b"1", 1) if new is None else new
    path.write_bytes(b"".join(lines))
    with pytest.raises(
        ValueError, match=r"search\.jsonl.* is (corrupted|the path of a file)|format"
    ):
        make_search(**changes).fit(image)
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [*lines[:3], *lines[4:]],
        lambda lines: [*lines[:4], lines[3], *lines[4:]],
        lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]],
        # Two evaluations in which nothing but their order says to which setting they belong.
        lambda lines: [*lines[:2], *lines[-2:], *lines[2:-2]],
    ],
    ids=["missing", "doubled", "swapped", "moved"],
)
def test_lines_that_do_not_follow_one_another_are_noticed(make_search, image, path, change):
    changes = {"checkpoint": path, "engine": "random"}
    make_search(**changes).fit(image)
    content = b"".join(change(lines_of(path)))
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"line [345] was changed, or lines before it are missing"):
        make_search(**changes).fit(image)
    assert path.read_bytes() == content


def test_the_last_line_doubled_is_dropped(make_search, image, path):
    changes = {"checkpoint": path, "engine": "random"}
    whole = outcome(make_search(**changes).fit(image))
    content = path.read_bytes()
    path.write_bytes(content + lines_of(path)[-1])
    with pytest.warns(UserWarning, match="ends with the damaged line 15,"):
        assert outcome(make_search(**changes).fit(image)) == whole
    assert path.read_bytes() == content


def write_lines(path, bodies):
    """Write lines whose checksums are right, whatever they hold."""
    checksum, content = 0, b""
    for body in bodies:
        checksum = zlib.crc32(body, checksum)
        content += b'{"crc32": %d, "line": %s}\n' % (checksum, body)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("number", "body"),
    [
        (1, b'{"search": []}'),
        (1, b'{"search": {"format": 3, "problem": {}}}'),
        (1, b'{"search": {"format": 3, "seed": 0, "problem": 5}}'),
        (2, b'{"asked": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        (2, b'{"asked": ' + b"1" * 10_000 + b"}"),
        (2, b'{"asked": [[0.1, 0.2]], "state": null, "seconds": {}}'),
        (2, b'{"asked": 3}'),
        (2, b'{"unheard": 3}'),
        (2, b"{3}"),
        (3, b'{"point": [0.1, 0.2]}'),
        (3, b'{"point": null, "outcomes": []}'),
    ],
)
def test_lines_that_hold_something_else_are_refused_in_our_words(
    make_search, image, path, number, body
):
    changes = {"checkpoint": path, "engine": "random"}
    make_search(**changes).fit(image)
    lines = [line[line.index(b"line") + 7 : -2] for line in lines_of(path)]
    lines[number - 1] = body
    write_lines(path, lines)
    content = path.read_bytes()
    with pytest.raises(ValueError, match=rf"corrupted: line {number} holds something else"):
        make_search(**changes).fit(image)
    assert path.read_bytes() == content


def test_a_line_without_end_is_not_read_to_its_end(make_search, image, path, monkeypatch):
    monkeypatch.setattr(_checkpoint, "_MAX_LINE", 1_000)
    make_search(checkpoint=path, engine="random").fit(image)
    path.write_bytes(lines_of(path)[0].rstrip(b"\n")[:999])
    with path.open("r+b") as file:
        file.truncate(1 << 34)  # takes no room on the disk
    with pytest.raises(ValueError, match="line 1 was changed"):
        make_search(checkpoint=path, engine="random").fit(image)
    assert path.stat().st_size == 1 << 34


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_without_waiting_for_it(make_search, image, path):
    os.mkfifo(path)
    with pytest.raises(ValueError, match="is no regular file but"):
        make_search(checkpoint=path, engine="random").fit(image)


@pytest.mark.parametrize("name", ["/dev/null", "."])
def test_devices_and_folders_are_refused(make_search, image, name):
    if not Path(name).exists():
        pytest.skip(f"there is no {name}")
    with pytest.raises(ValueError, match="is no regular file but"):
        make_search(checkpoint=name, engine="random").fit(image)


def test_a_second_search_on_one_checkpoint_is_told_who_writes(make_search, losses, image, path):
    answers = []

    def left(estimator, X):
        if not answers:
            with pytest.raises(BlockingIOError) as caught:
                make_search(checkpoint=path, engine="random").fit(image)
            answers.append(str(caught.value))
        return losses["left"](estimator, X)

    scoring = {"left": left, "right": losses["right"]}
    make_search(checkpoint=path, scoring=scoring, engine="random", refit=False).fit(image)
    holder = f"process {os.getpid()} on {socket.gethostname()}"
    assert f"{str(path)!r} is being written by {holder}; wait" in answers[0]
    # The first is not disturbed, and leaves no lock behind.
    assert [file.name for file in path.parent.iterdir()] == ["search.jsonl"]
    again = make_search(checkpoint=path, scoring=scoring, engine="random", refit=False).fit(image)
    assert again.n_evaluations_ == 9


def test_a_refused_checkpoint_is_not_locked(make_search, image, path):
    path.write_bytes(b"notes")
    for _ in range(2):
        with pytest.raises(ValueError, match="is no checkpoint of a search"):
            make_search(checkpoint=path, engine="random").fit(image)
    assert [file.name for file in path.parent.iterdir()] == ["search.jsonl"]


def test_without_locks_a_search_goes_on_with_a_warning(make_search, image, path, monkeypatch):
    def no_locks(_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(_file_lock, "_lock", no_locks)
    with pytest.warns(UserWarning, match="cannot be locked .*No locks available") as caught:
        make_search(checkpoint=path, engine="random").fit(image)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"notes", b"\x89PNG\r\n"])
def test_other_files_are_not_touched(make_search, image, path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is no checkpoint of a search"):
        make_search(checkpoint=path, engine="random").fit(image)
    assert path.read_bytes() == content


def test_a_newer_format_is_refused(make_search, image, path):
    make_search(checkpoint=path, engine="random").fit(image)
    header = json.loads(lines_of(path)[0])["line"]
    header["search"]["format"] = 99
    body = json.dumps(header).encode()
    path.write_bytes(b'{"crc32": %d, "line": %s}\n' % (zlib.crc32(body), body))
    with pytest.raises(ValueError, match="has the format 99"):
        make_search(checkpoint=path, engine="random").fit(image)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"estimator": Valley(b=0.5)}, r"estimator\.b \(was 0\.0, is 0\.5\)"),
        ({"search_spaces": {"a": (0.0, 2.0), "b": (0.0, 1.0)}}, r"high \(was 1\.0, is 2\.0\)"),
        ({"scoring": {"left": Loss(0), "right": Loss(0)}}, r"right\.column \(was 1, is 0\)"),
        ({"random_state": 1}, r"random_state \(was 0, is 1\)"),
        ({"n_points": 3}, r"n_points \(was 1, is 3\)"),
        ({"engine": "sobol"}, r"engine \(was 'random', is 'sobol'\)"),
        ({"cv": KFold(2)}, r"cv \(was None, is "),
        ({"space_constraint": lambda s: s["a"] < 2}, "space_constraint"),
        ({"data": np.ones((12, 7))}, r"differs in: X \(was \(12, 7\)"),
    ],
)
def test_checkpoints_of_another_problem_are_refused(make_search, image, path, changes, words):
    make_search(checkpoint=path, engine="random").fit(image)
    content = path.read_bytes()
    data = changes.pop("data", image)
    changes = {"engine": "random"} | changes
    with pytest.raises(ValueError, match=words):
        make_search(checkpoint=path, **changes).fit(data)
    assert path.read_bytes() == content


def test_without_a_seed_a_search_goes_on_with_its_own(make_search, image, path):
    changes = {"checkpoint": path, "random_state": None, "engine": "random"}
    whole = outcome(make_search(**changes).fit(image))
    cut(path, 4)
    assert outcome(make_search(**changes).fit(image)) == whole


def test_splits_that_are_drawn_anew_are_another_problem(make_search, image, path):
    changes = {"checkpoint": path, "cv": ShuffleSplit(2), "engine": "random", "refit": False}
    make_search(**changes).fit(image)
    with pytest.raises(ValueError, match="differs in: cv"):
        make_search(**changes).fit(image)


def test_what_json_cannot_hold(path):
    rows = np.random.default_rng(0).normal(size=(24, 3))
    changes = {"checkpoint": path, "random_state": 0, "engine": "random", "cv": 2}

    def search():
        return MOBOSearchCV(
            Pipeline(
                [("scale", StandardScaler()), ("tree", DecisionTreeRegressor(random_state=0))]
            ),
            [
                {"scale": ["passthrough", StandardScaler(), MinMaxScaler()]},
                {"scale": [StandardScaler()], "tree__max_depth": [None, 2, np.int64(3)]},
            ],
            scoring={"mae": "neg_mean_absolute_error", "odd": odd_score},
            n_iter=6,
            n_initial_points=6,
            **changes,
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = search().fit(rows[:, :2], rows[:, 2])
        cut(path, 5)
        resumed = search().fit(rows[:, :2], rows[:, 2])
    ours, theirs = outcome(whole), outcome(resumed)
    assert str(ours.pop("params")) == str(theirs.pop("params"))
    for name in ("mean_test_mae", "mean_test_odd", "pareto_rank"):
        np.testing.assert_array_equal(ours[name], theirs[name])
    assert np.isinf(ours["mean_test_odd"]).any()
    kinds = [type(params["scale"]) for params in resumed.cv_results_["params"]]
    assert {str, StandardScaler, MinMaxScaler} == set(kinds)


def odd_score(estimator, X, _):
    if estimator.named_steps.get("scale") == "passthrough":
        return float("inf")
    return float(estimator.predict(X).std())


def test_sweeps_are_resumed(losses, image, path):
    def search():
        return MOBOSearchCV(
            SweptValley(),
            {"a": (0.0, 1.0), "b": [0.0, 0.25, 0.5, 0.95]},
            scoring=losses,
            sweep=["a"],
            n_iter=4,
            n_initial_points=4,
            random_state=0,
            checkpoint=path,
        )

    with pytest.warns(FitFailedWarning, match="too high"):
        whole = outcome(search().fit(image))
    assert len(whole["params"]) == 3 * 7 + 1
    cut(path, 4)
    with pytest.warns(FitFailedWarning, match="too high"):
        resumed = outcome(search().fit(image))
    for name, column in whole.items():
        assert str(resumed[name]) == str(column)


def test_a_search_that_is_refused_leaves_no_problem_behind(make_search, image, path):
    with pytest.raises(ValueError, match="engine='psychic'"):
        make_search(checkpoint=path, engine="psychic").fit(image)
    assert make_search(checkpoint=path, engine="random").fit(image).n_evaluations_ == 9


def test_folder_that_is_missing(make_search, image, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        make_search(checkpoint=tmp_path / "nowhere" / "search.jsonl").fit(image)


def run_script(*arguments):
    script = Path(__file__).with_name("kill_search.py")
    return subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, check=False
    )


def test_killed_searches_are_resumed():
    run = run_script("--trials", "1", "--seed", "0")
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^1 of 1 resumed searches", run.stdout, re.MULTILINE)
    assert re.search(r"killed after lines \[\d+", run.stdout)


def test_of_two_processes_on_one_checkpoint_one_writes():
    run = run_script("--pairs", "1", "--trials", "0", "--seed", "0")
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^1 of 1 pairs: one writer", run.stdout, re.MULTILINE)
