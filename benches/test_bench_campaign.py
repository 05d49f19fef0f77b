"""The campaign, a few trials of each class."""

from __future__ import annotations

import campaign


def test_nothing_bad_comes_out(capsys):
    sizes = {"arrays": 100, "kernels": 4, "parameters": 1, "names": 100, "files": 20, "kills": 1,
             "torn": 6, "commands": 1}  # fmt: skip
    found = campaign.campaign(sizes, seed=10**6)
    printed = capsys.readouterr().out
    assert found.keys() == campaign.CLASSES.keys()
    for name, counts in found.items():
        assert counts["ok"] >= sizes[name], printed
        assert not any(counts[outcome] for outcome in campaign.OUTCOMES[:-1]), printed


def test_bad_outcomes_are_seen(monkeypatch, capsys):
    def bad(_, seed, report):
        report(("ok", ""))
        report(("wrong", "2 is 3"))
        if seed == 0:
            raise SystemExit(5)
        campaign.time.sleep(60)

    monkeypatch.setattr(campaign, "_SECONDS", 0.5)
    monkeypatch.setattr(campaign, "CLASSES", {"names": (bad, 1, 1)})
    found = campaign.campaign({"names": 6})
    assert found["names"] == {"ok": 2, "wrong": 2, "crashes": 1, "hangs": 1,
                              "seconds": found["names"]["seconds"]}  # fmt: skip
    printed = capsys.readouterr().out
    assert "names: wrong: 2 is 3" in printed
    assert "exit code 5" in printed
    assert campaign.table(found).splitlines()[-1].split()[1:8] == list("6112002")
