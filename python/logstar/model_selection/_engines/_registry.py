"""Engines by name; those of other packages are imported when they are asked for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, TypeAlias

from logstar.model_selection._spaces import SearchSpace

from ._base import BaseEngine, Engine

EngineFactory: TypeAlias = Callable[..., Engine]

#: Name: module, class, and for engines of other packages the extra and what it installs.
_MODULES: dict[str, tuple[str, str, str | None]] = {
    "ehvi": ("_ehvi", "EHVI", None),
    "parego": ("_parego", "ParEGO", None),
    "random": ("_random", "RandomSearch", None),
    "sobol": ("_random", "SobolSearch", None),
    "nsga2": ("_nsga2", "NSGA2Search", "pymoo"),
    "optuna": ("_optuna", "OptunaSearch", "optuna"),
    "botorch": ("_botorch", "BoTorchSearch", "botorch"),
}
#: Names that `make_engine` knows.
ENGINES = tuple(_MODULES)


def make_engine(
    engine: str | EngineFactory,
    space: SearchSpace,
    *,
    n_initial_points: int,
    seed: int,
    n_objectives: int | None = None,
    noisy: bool = False,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Engine:
    """Make an engine.

    Parameters
    ----------
    engine : str or callable
        One of `ENGINES`, or what takes the space and the keywords below, with the options, and
        returns an engine.
    space : SearchSpace
        Where to search.
    n_initial_points : int
        Size of the initial design.
    seed : int
        The only source of randomness.
    n_objectives : int or None, default=None
        Number of losses; None learns it from the first.
    noisy : bool, default=False
        Whether the same point may give different losses.
    options : mapping, default={}
        Keywords of the engine's own.

    Returns
    -------
    engine : Engine
        Ready to be asked.

    Raises
    ------
    ValueError
        For an unknown name or option.
    ImportError
        If the engine's package is not installed; names the extra.
    """
    if callable(engine):
        factory: Callable[..., Engine] = engine
    elif engine in _MODULES:
        factory = _load(engine)
        _check_options(engine, factory, options)
    else:
        raise ValueError(f"engine={engine!r} must be one of {ENGINES} or a callable.")
    return factory(
        space,
        n_initial_points=n_initial_points,
        seed=seed,
        n_objectives=n_objectives,
        noisy=noisy,
        **options,
    )


def _load(name: str) -> EngineFactory:
    module, class_name, extra = _MODULES[name]
    if extra is not None:
        try:
            import_module(extra)
        except ImportError as error:
            raise ImportError(
                f'engine="{name}" needs {extra}, which cannot be imported ({error}). Install it: '
                f'pip install "logstar[{extra}]".'
            ) from error
    factory: EngineFactory = getattr(import_module(f".{module}", __package__), class_name)
    return factory


def _check_options(name: str, factory: EngineFactory, options: Mapping[str, Any]) -> None:
    if not options:
        return
    common = inspect.signature(BaseEngine).parameters
    own = [
        parameter.name
        for parameter in inspect.signature(factory).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in common
    ]
    if unknown := [option for option in options if option not in own]:
        raise ValueError(f'engine="{name}" has no options {unknown}; it has {own or "none"}.')
