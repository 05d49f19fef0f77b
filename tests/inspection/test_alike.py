"""What all displays have in common."""

from __future__ import annotations

import inspect
import subprocess
import sys

import matplotlib as mpl
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from logstar import inspection
from logstar.inspection import (
    AmorphousMapDisplay,
    AtomFinderDisplay,
    CountCurveDisplay,
    FrontParametersDisplay,
    HypervolumeDisplay,
    ParameterImportanceDisplay,
    ParetoFrontDisplay,
    QualityReportDisplay,
    ResidualDisplay,
    StrainMapDisplay,
    SurrogateSliceDisplay,
    WindowMapsDisplay,
)
from logstar.model_selection import MOBOSearchCV
from logstar.segmentation import AmorphousGMMSegmenter

DISPLAYS = [getattr(inspection, name) for name in inspection.__all__]
SEVERAL_PANELS = {
    AmorphousMapDisplay,
    AtomFinderDisplay,
    FrontParametersDisplay,
    QualityReportDisplay,
    ResidualDisplay,
    StrainMapDisplay,
    SurrogateSliceDisplay,
    WindowMapsDisplay,
}


def test_importing_does_not_import_matplotlib():
    code = "import sys, logstar.inspection; print('matplotlib' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_tests_draw_without_a_window():
    assert mpl.get_backend().lower() == "agg"


@pytest.mark.parametrize("display", DISPLAYS)
def test_one_panel_takes_axes_and_several_a_figure(display):
    where = "figure" if display in SEVERAL_PANELS else "ax"
    names = list(inspect.signature(display.plot).parameters)
    assert names[:2] == ["self", where]
    assert inspect.signature(display.plot).parameters[where].default is None
    for method in ("from_estimator", "from_detections", "from_report"):
        if hasattr(display, method):
            assert where in inspect.signature(getattr(display, method)).parameters
    assert not {"unit", "axes"} & set(inspect.signature(display).parameters)


@pytest.mark.parametrize(
    "display",
    [
        FrontParametersDisplay,
        HypervolumeDisplay,
        ParameterImportanceDisplay,
        ParetoFrontDisplay,
        SurrogateSliceDisplay,
    ],
)
def test_unfitted_searches_are_refused(display):
    with pytest.raises(NotFittedError):
        display.from_estimator(MOBOSearchCV(Ridge(), {"alpha": (0.1, 1.0)}, scoring="r2"))


@pytest.mark.parametrize("display", [AtomFinderDisplay, CountCurveDisplay, QualityReportDisplay])
def test_unfitted_finders_are_refused(display):
    with pytest.raises(NotFittedError):
        display.from_estimator(Ridge())


def test_unfitted_segmenters_are_refused():
    with pytest.raises(NotFittedError):
        AmorphousMapDisplay.from_estimator(AmorphousGMMSegmenter(), [[0.0, 1.0]])
