"""The sweep protocol: how an estimator tells a search all values of some parameters at once.

For some parameters an estimator need not be fitted again and again: the solution changes at known
values only, or follows from one decomposition. Such an estimator can find the whole Pareto front
over them by itself. It does so in a method `sweep` (see `SupportsSweep`), and `MOBOSearchCV` calls
it for the parameters that are named in its own parameter ``sweep``, once for each setting of the
others; every row of a `Front` becomes a row of ``cv_results_``. `check_sweep` tests that a method
does what it promises.

`LoGStarDetector` sweeps threshold and overlap so. The example does it for a decision tree, whose
pruned subtrees change at the values of ``ccp_alpha`` that `cost_complexity_pruning_path` lists.

Examples
--------
>>> import numpy as np
>>> from sklearn.base import clone
>>> from sklearn.datasets import load_diabetes
>>> from sklearn.tree import DecisionTreeRegressor
>>> from logstar.model_selection import MOBOSearchCV, check_sweep
>>> from logstar.model_selection.protocols import Front, Interval
>>> from logstar.pareto import is_non_dominated
>>> class PrunedTree(DecisionTreeRegressor):
...     def sweep(self, X, y=None, *, settings, ranges, scorers):
...         if set(ranges) != {"ccp_alpha"}:
...             raise ValueError(f"only ccp_alpha is swept, got {sorted(ranges)}.")
...         return (self._front(X, y, setting, ranges["ccp_alpha"], scorers)
...                 for setting in settings)
...
...     def _front(self, X, y, setting, within, scorers):
...         tree = clone(self).set_params(**setting)
...         changes = tree.cost_complexity_pruning_path(X, y).ccp_alphas
...         changes = changes[(changes > within.low) & (changes < within.high)]
...         ends = np.concatenate([[within.low], changes, [within.high]])
...         # Between two changes the pruned tree is the same.
...         alphas = (ends[:-1] + ends[1:]) / 2
...         trees = [clone(tree).set_params(ccp_alpha=a).fit(X, y) for a in alphas]
...         scores = {name: [scorer(one, X, y) for one in trees]
...                   for name, scorer in scorers.items()}
...         best = is_non_dominated(-np.column_stack(list(scores.values())))
...         return Front({"ccp_alpha": alphas[best]},
...                      {name: np.array(column)[best] for name, column in scores.items()})

Two objectives, how well the tree fits and how small it is. Three sweeps give all of the front:

>>> X, y = load_diabetes(return_X_y=True)
>>> tree = PrunedTree(min_samples_leaf=20, random_state=0)
>>> scoring = {
...     "fit": lambda tree, X, y: tree.score(X, y),
...     "size": lambda tree, X, y: -tree.get_n_leaves(),
... }
>>> check_sweep(tree, X, y, ranges={"ccp_alpha": Interval(0.0, 5000.0)}, scorers=scoring,
...             settings=[{}, {"max_depth": 3}])
>>> search = MOBOSearchCV(
...     tree,
...     {"ccp_alpha": (0.0, 5000.0), "min_samples_leaf": [10, 20, 40]},
...     scoring=scoring,
...     sweep=["ccp_alpha"],
...     n_iter=3,
...     random_state=0,
... ).fit(X, y)
>>> len(search.pareto_indices_) > 20
True
"""

from logstar._sweeping import Front, Interval, SupportsSweep

__all__ = ["Front", "Interval", "SupportsSweep"]
