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

The names are loaded when they are first used: a command draws one or two of them, and a user waits
for it. ``__init__.pyi`` lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
