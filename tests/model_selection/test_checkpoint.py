"""Checkpoints: resumed searches, damaged files, files of other problems."""

from __future__ import annotations

import json
import re
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

from logstar.model_selection import MOBOSearchCV
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
    with pytest.warns(UserWarning, match="ends with an incomplete line 8") as caught:
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
    with pytest.warns(UserWarning, match="incomplete line"):
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


def test_a_missing_line_is_noticed(make_search, image, path):
    changes = {"checkpoint": path, "engine": "random"}
    make_search(**changes).fit(image)
    lines = lines_of(path)
    path.write_bytes(b"".join(lines[:3] + lines[4:]))
    with pytest.raises(ValueError, match="corrupted: line 4 evaluates a setting that was not"):
        make_search(**changes).fit(image)


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


def test_killed_searches_are_resumed():
    script = Path(__file__).with_name("kill_search.py")
    run = subprocess.run(
        [sys.executable, script, "--trials", "1", "--seed", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^1 of 1 resumed searches", run.stdout, re.MULTILINE)
    assert re.search(r"killed after lines \[\d+", run.stdout)
