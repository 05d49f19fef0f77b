"""The fuzz of kernels, on a few cases of each family."""

from __future__ import annotations

import fuzz_kernels


def test_nothing_bad_comes_out(capsys):
    results = fuzz_kernels.fuzz(20.0, seed=10**6, most_cases=160, giants=False)
    printed = capsys.readouterr().out
    families = {result.family for result in results}
    assert families == set(fuzz_kernels.FAMILIES)
    assert [r for r in results if r.outcome in fuzz_kernels.BAD] == [], printed
    assert "slowest beside" in fuzz_kernels.table(results)
