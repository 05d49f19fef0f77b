"""Which parameters matter."""

from __future__ import annotations

import numpy as np

from logstar.inspection import ParameterImportanceDisplay


def test_importances(wine_search):
    display = ParameterImportanceDisplay.from_estimator(wine_search)
    assert len(display.bars_) == 2
    widths = [bar.get_width() for bar in display.bars_[1]]
    np.testing.assert_allclose(widths, wine_search.surrogate("vectors").importances())
    ticks = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert ticks == ["svc__C", "svc__kernel", "standardscaler"]
