"""Displays of what was found and of how the search got there.

They follow scikit-learn's convention: `from_estimator` computes and draws, `plot` draws again, and
the drawn artists are attributes that end in an underscore. Only drawing imports matplotlib.

All are alike in where they draw. A display of one panel takes the axes to draw on,
``plot(ax=None)``, and has `ax_` and `figure_`. A display of several panels arranges them itself, so
it takes a figure or a subfigure, ``plot(figure=None)``, and has `axes_` and `figure_`. None makes a
new figure by pyplot. Where an image is drawn, `pixel_size` is a `logstar.units.PixelSize`, a text
such as "0.2 A", or a number of angstrom. The displays that the command writes to files have
``save(path)``, which draws without pyplot, and where they take an estimator, ``of(...)``, which
collects what is drawn without drawing it.
"""

from ._amorphous_map import AmorphousMapDisplay
from ._count_curve import CountCurveDisplay
from ._detections import DetectionDisplay
from ._field_map import FieldMapDisplay
from ._finder import AtomFinderDisplay
from ._front_parameters import FrontParametersDisplay
from ._grain_map import GrainMapDisplay
from ._hypervolume import HypervolumeDisplay
from ._importance import ParameterImportanceDisplay
from ._pareto_front import ParetoFrontDisplay
from ._quality import QualityReportDisplay
from ._residual import ResidualDisplay
from ._slices import SurrogateSliceDisplay
from ._strain_map import StrainMapDisplay
from ._window_map import WindowMapDisplay

__all__ = [
    "AmorphousMapDisplay",
    "AtomFinderDisplay",
    "CountCurveDisplay",
    "DetectionDisplay",
    "FieldMapDisplay",
    "FrontParametersDisplay",
    "GrainMapDisplay",
    "HypervolumeDisplay",
    "ParameterImportanceDisplay",
    "ParetoFrontDisplay",
    "QualityReportDisplay",
    "ResidualDisplay",
    "StrainMapDisplay",
    "SurrogateSliceDisplay",
    "WindowMapDisplay",
]
