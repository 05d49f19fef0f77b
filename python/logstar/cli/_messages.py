"""Errors in the language of the command: the library names parameters, people typed options."""

from __future__ import annotations

import re

from ._printing import one_line, shown

#: Options by the parameter that they set, where people can give one.
_OPTIONS = {
    "atom_size": "--atom-size",
    "average": "--average",
    "axes": "--axes",
    "binning": "--binning",
    "calibration": "--calibration",
    "channel": "--channel",
    "dataset": "--dataset",
    "denoise": "--denoise",
    "distance_sum": "--distance-sum",
    "expected": "--expected",
    "force": "--force",
    "grain": "--grain",
    "kind": "--kinds",
    "latency": "--latency",
    "lattice": "--lattice",
    "mask": "--mask",
    "measure": "--measure",
    "neighbors": "--kinds",
    "n_expected": "--expected",
    "n_iter": "--n-iter",
    "out": "--out",
    "pixel_size": "--pixel-size",
    "polarity": "--polarity",
    "radius": "--radius",
    "random_state": "--random-state",
    "reference": "--reference",
    "refine": "--refine",
    "resample": "--resample",
    "resume": "--resume",
    "retune": "--retune",
    "roi": "--roi",
    "threshold": "--threshold",
    "tile": "--tile",
    "tolerance": "--tolerance",
    "visible": "--visible",
    "window": "--window",
    "zone_axis": "--zone",
}
_NAMES = "|".join(_OPTIONS)
#: A parameter with its value, as Python writes it: ``dataset=0``, ``channel="luminance"``.
_GIVEN = re.compile(
    rf"(?<![\w.-])({_NAMES})=(True|False|None|'[^']*'|\"[^\"]*\"|[-+\w.]*\w|\((?:[^()]|\([^()]*\))*\)|"
    r"\[.*?\])"
)
#: A pair (first, last) within the value of `roi`: of rows, then of columns.
_PAIR = re.compile(r"\((\w+), (\w+)\)")
#: A parameter as the subject of a sentence.
_SUBJECT = re.compile(rf"(?<![\w.-])({_NAMES})(?= (must|needs|is|has|cannot|leaves|takes)\b)")
#: What estimators are fitted to, which is an image.
_IMAGE = re.compile(r"(?<![\w.-])X(?= (must|holds|has|is)\b)")
#: Parameters that are common words as well. Such a word is taken for the parameter only at the
#: beginning of a sentence or clause that goes on with "must".
_ALSO_WORDS = {
    "average",
    "axes",
    "calibration",
    "channel",
    "expected",
    "grain",
    "kind",
    "lattice",
    "latency",
    "mask",
    "measure",
    "neighbors",
    "out",
    "radius",
    "reference",
    "resume",
    "retune",
    "threshold",
    "tolerance",
    "window",
}


def message_of(error: BaseException) -> str:
    """Say in one line what went wrong, naming options where the library names parameters.

    Parameters
    ----------
    error : BaseException
        Any; what is none of the library's refusals is named by its type.

    Returns
    -------
    message : str
        Without anything that a terminal would obey.
    """
    text = one_line(error)
    if isinstance(error, OSError) and error.strerror:
        # As the system says it, without its number.
        where = "" if error.filename is None else f"{shown(error.filename)}: "
        return f"{where}{in_options(one_line(error.strerror))}"
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({text})"
    if isinstance(error, (ValueError, TypeError, OSError, ImportError, RuntimeError)):
        return in_options(text)
    # What nobody foresaw: without its type the text may say nothing ("0").
    return f"unexpected {type(error).__name__}: {text} (--debug shows where)"


def in_options(text: str) -> str:
    """Replace parameters by the options that set them."""

    def given(found: re.Match[str]) -> str:
        option, value = _OPTIONS[found[1]], found[2].strip("'\"")
        if value == "None" and found[1] == "tile":
            return "--tile none"
        if value in {"None", "False"}:
            return f"no {option}"
        if found[1] == "roi":
            value = ",".join(f"{first}:{last}" for first, last in _PAIR.findall(value))
            value = value.replace("None", "")
        return option if value == "True" else f"{option} {value}"

    def subject(found: re.Match[str]) -> str:
        before = found.string[: found.start()].rstrip()
        is_meant = (not before or before[-1] in ".:;") and found[2] == "must"
        return _OPTIONS[found[1]] if is_meant or found[1] not in _ALSO_WORDS else found[1]

    return _IMAGE.sub("the image", _SUBJECT.sub(subject, _GIVEN.sub(given, text)))
