"""The main job: from an image and what physics expects of it to its atoms."""

from ._workflow import make_logstar_workflow

__all__ = ["make_logstar_workflow"]
