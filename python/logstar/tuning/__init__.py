"""The main job: from an image and what physics expects of it to its atoms.

`find_atoms` does all of it in one call, `AtomFinder` is the estimator behind it. What they tune by
(ladders of sigmas, thresholds, the border, the rule of choice) stands in this package alone;
`make_logstar_workflow` gives the same search with more choices of preprocessing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
