"""Kill a checkpointed search at random moments, resume it, and compare with an undisturbed one.

``python tests/model_selection/kill_search.py --trials 20`` prints how many of the resumed searches
gave the same results. Each trial kills the process by SIGKILL one to three times. With ``--pairs
20`` a second process is started on the checkpoint of one that is at work: it must be told who that
is, and once that is killed in its middle, a third must resume to the same results.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator

from logstar.model_selection import MOBOSearchCV

N_ITER = 24
#: Seconds that an evaluation takes, so that kills also hit its middle.
PAUSE = 0.02
#: As long as this file exists no evaluation ends.
HOLD = []


class Slow(BaseEstimator):
    """Takes its time; fails where `a` is large."""

    def __init__(self, a=0.0, n=1, kind="x"):
        self.a = a
        self.n = n
        self.kind = kind

    def fit(self, *_):
        time.sleep(PAUSE)
        while HOLD and HOLD[0].exists():
            time.sleep(PAUSE)
        if self.a > 0.9:
            raise ValueError("a is too large")
        return self

    def losses(self):
        shift = 0.3 if self.kind == "x" else 0.0
        b = self.n / 10
        return (self.a - 0.2) ** 2 + b**2 + shift, (self.a - 0.8) ** 2 + b**2 + shift


def left(estimator, *_):
    return -estimator.losses()[0]


def right(estimator, *_):
    return -estimator.losses()[1]


def search(checkpoint, engine="ehvi"):
    """Run the search, and return what must not depend on interruptions."""
    found = MOBOSearchCV(
        Slow(),
        {"a": (0.0, 1.0), "n": (0, 9), "kind": ["x", "y", None]},
        scoring={"left": left, "right": right},
        n_iter=N_ITER,
        n_initial_points=8,
        n_points=2,
        engine=engine,
        random_state=3,
        checkpoint=checkpoint,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found.fit(np.zeros((4, 4)))
    return {
        "params": found.cv_results_["params"],
        "left": found.cv_results_["mean_test_left"].tolist(),
        "ranks": found.cv_results_["pareto_rank"].tolist(),
        "trace": found.hypervolume_trace_.tolist(),
        "best": found.best_params_,
    }


def start(checkpoint, hold=None):
    command = [sys.executable, __file__, "--worker", str(checkpoint)]
    if hold is not None:
        command += ["--hold", str(hold)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(checkpoint):
    """Run to the end; return the results as text."""
    with start(checkpoint) as process:
        return process.communicate()[0]


def rival(checkpoint, draw):
    """Start a second search on the checkpoint of one that is at work, then kill that one.

    Return what was wrong, empty if the second was told of the first, and the results to which a
    third resumes.
    """
    hold = checkpoint.with_suffix(".hold")
    hold.touch()
    with start(checkpoint, hold) as writer:
        while n_lines(checkpoint) == 0 and writer.poll() is None:
            time.sleep(0.002)
        with start(checkpoint) as second:
            message = second.communicate()[1]
        hold.unlink()
        time.sleep(draw.uniform(0, N_ITER * PAUSE / 2))
        writer.kill()
        writer.communicate()
    told = f"is being written by process {writer.pid} on {socket.gethostname()};"
    return "" if told in message else message or "both searched", finish(checkpoint)


def kill(checkpoint, draw):
    """Start a search and kill it in its middle; return the lines that it had written."""
    n_before = n_lines(checkpoint)
    with start(checkpoint) as process:
        while n_lines(checkpoint) == n_before and process.poll() is None:
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 1.2 * N_ITER * PAUSE / 2))
        process.kill()
    return n_lines(checkpoint)


def n_lines(checkpoint):
    return checkpoint.read_bytes().count(b"\n") if checkpoint.exists() else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", type=Path)
    parser.add_argument("--hold", type=Path)
    arguments = parser.parse_args()
    if arguments.worker is not None:
        HOLD.extend([arguments.hold] if arguments.hold else [])
        print(json.dumps(search(arguments.worker)))
        return
    draw = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        expected = finish(Path(folder) / "undisturbed.jsonl")
        n_same = n_kills = n_pairs = 0
        for trial in range(arguments.trials):
            checkpoint = Path(folder) / f"{trial}.jsonl"
            killed_at = [kill(checkpoint, draw) for _ in range(draw.randint(1, 3))]
            n_kills += len(killed_at)
            same = finish(checkpoint) == expected != ""
            n_same += same
            print(f"trial {trial}: killed after lines {killed_at}: {'same' if same else 'DIFFERS'}")
        for pair in range(arguments.pairs):
            wrong, result = rival(Path(folder) / f"pair {pair}.jsonl", draw)
            same = result == expected != ""
            n_pairs += same and not wrong
            print(f"pair {pair}: {wrong or 'one writer'}: {'same' if same else 'DIFFERS'}")
    print(
        f"{n_same} of {arguments.trials} resumed searches equal the undisturbed one "
        f"({n_kills} kills)\n{n_pairs} of {arguments.pairs} pairs: one writer, resumed to the same"
    )
    sys.exit(n_same < arguments.trials or n_pairs < arguments.pairs)


if __name__ == "__main__":
    main()
