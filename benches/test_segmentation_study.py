"""The study of amorphous regions runs, on one scene."""

from __future__ import annotations

import argparse

import segmentation_study


def test_the_study_runs(monkeypatch, capsys):
    name = "one pocket (40 px), noise 0.1"
    monkeypatch.setattr(segmentation_study, "POCKETS", {name: segmentation_study.POCKETS[name]})
    args = argparse.Namespace(seeds=1, n_iter=4)
    segmentation_study.accuracy(args)
    segmentation_study.tuning(args)
    printed = capsys.readouterr().out
    assert printed.count(name) == 2
    assert "separation" in printed
