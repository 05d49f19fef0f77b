"""The main job without a lattice."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pytest
from scipy import ndimage

from logstar import AtomFinder, Lattice, find_atoms
from logstar.datasets import make_scene
from logstar.detection import LoGStarDetector, SignificanceDetector
from logstar.exceptions import NoAtomsWarning, NotOneLatticeError
from logstar.io import Micrograph
from logstar.metrics import detection_metrics, match_positions
from logstar.tuning._single_atoms import count_hidden
from logstar.units import PixelSize
from tests.detection.noises import KINDS, noise_image, single_atoms


@pytest.fixture(scope="module")
def atoms():
    return single_atoms(40, (320, 320), height=2.0)


@pytest.fixture(scope="module")
def untold(atoms):
    return AtomFinder(None).fit(atoms[0])


def f1(finder, places):
    return detection_metrics(finder.atoms_.positions, places, tolerance=3).f1


def test_told_nothing(atoms, untold):
    assert f1(untold, atoms[1]) > 0.95
    assert untold.verdict_.status == "ok"
    assert (untold.atoms_["significance"] > 0).all()
    assert not untold.atoms_["flagged"].any()
    assert math.isnan(untold.qc_)
    assert math.isnan(untold.er_)
    assert untold.lattice_ is None


def test_where_a_lattice_is_looked_for_and_there_is_none_they_are_found_to_be_checked(atoms):
    found = AtomFinder().fit(atoms[0])
    np.testing.assert_array_equal(
        found.atoms_.positions, AtomFinder(None).fit(atoms[0]).atoms_.positions
    )
    assert found.verdict_.status == "check"
    assert found.verdict_.reasons[0].startswith("the image shows no lattice")
    assert found.lattice_ is None
    assert "contaminated" not in found.atoms_.columns
    again = found.predict(atoms[0])
    assert len(again) == len(found.atoms_)


@pytest.mark.parametrize("kind", ["white", "poisson-1", "row-shift"])
def test_noise_is_refused_where_a_lattice_is_looked_for(kind):
    with pytest.raises(NotOneLatticeError):
        AtomFinder(refine=None).fit(noise_image(kind, (200, 200), 3))


def test_a_few_columns_of_a_crystal_that_noise_hides_are_no_single_atoms():
    crystal = Lattice.perovskite(3.905, pixel_size=0.2)
    noisy = make_scene(crystal, (256, 256), rotation=27, noise=2.0, random_state=1)
    with pytest.raises(NotOneLatticeError):
        AtomFinder(refine=None).fit(noisy.image)


def test_told_their_number(atoms):
    found = AtomFinder(None, expected=40).fit(atoms[0])
    assert len(found.atoms_) == 40
    assert found.qc_ == 0
    assert f1(found, atoms[1]) > 0.95
    assert found.verdict_.status == "ok"


def test_told_a_number_and_distances_that_noise_meets_as_well(atoms):
    # Number and distances are met by all ladders, so these cannot choose.
    found = AtomFinder(None, expected=40, distance_sum=25.0).fit(atoms[0])
    assert isinstance(found.detector_, SignificanceDetector)
    assert f1(found, atoms[1]) > 0.95
    assert found.er_ == found.atoms_["flagged"].sum() / 40


def test_told_too_many(atoms):
    found = AtomFinder(None, expected=120).fit(atoms[0])
    assert found.verdict_.status == "check"
    assert any("noise could explain" in reason for reason in found.verdict_.reasons)


def test_told_the_numbers_of_a_crystal():
    crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    scene = make_scene(crystal, (150, 170), rotation=11, noise=0.05, random_state=0)
    numbers = {
        "expected": len(scene.positions),
        "distance_sum": crystal.distance_sum_threshold(),
    }
    found = AtomFinder(None, **numbers).fit(scene.image)
    assert isinstance(found.detector_, LoGStarDetector)


def test_a_crystal_that_was_not_told_is_no_ok():
    scene = make_scene(
        Lattice.perovskite(4.0, pixel_size=0.2), (200, 200), noise=0.05, random_state=0
    )
    found = AtomFinder(None).fit(scene.image)
    assert found.verdict_.status == "check"
    assert any("the image shows a lattice" in reason for reason in found.verdict_.reasons)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_has_no_atoms(kind):
    with pytest.warns(NoAtomsWarning, match="nothing stands out of noise"):
        found = AtomFinder(None).fit(noise_image(kind, (192, 192), 11))
    assert found.verdict_.status == "failed"
    assert len(found.atoms_) == 0


def test_size_as_a_length(atoms):
    image = Micrograph(atoms[0], PixelSize(0.2, "A"))
    by_length = AtomFinder(None, atom_size="0.06 nm").fit(image)
    by_pixels = AtomFinder(None, atom_size=3.0).fit(image)
    assert by_length.params_["atom_size"] == pytest.approx(3.0)
    np.testing.assert_array_equal(by_length.atoms_["row"], by_pixels.atoms_["row"])
    with pytest.raises(ValueError, match=r"atom_size='0\.06 nm' needs a pixel size"):
        AtomFinder(None, atom_size="0.06 nm").fit(atoms[0])
    with pytest.raises(ValueError, match="atom_size must be"):
        AtomFinder(None, atom_size=-1).fit(atoms[0])


def test_size_where_there_is_a_lattice():
    scene = make_scene(
        Lattice.perovskite(4.0, pixel_size=0.2), (150, 150), noise=0.05, random_state=0
    )
    found = AtomFinder(atom_size=2.0, refine=None).fit(scene.image)
    assert found.expectation_.sigma_range == (1.0, 3.5)
    assert (found.atoms_["sigma"] <= 3.5 + 1e-9).all()


def test_mask_and_polarity(atoms):
    image, places = atoms
    found = find_atoms(-image, lattice=None, polarity="dark", roi=((0, 320), (0, 160)))
    assert (found.atoms_["col"] < 161).all()
    assert f1(found, places[places[:, 1] < 160]) > 0.9


def test_what_is_said_and_written(untold, tmp_path):
    report = untold.report()
    names = dict(report.rows)
    assert "QC" not in names
    assert "no number told" in names["expected"]
    assert names["significant"].startswith(f"{len(untold.atoms_)} of {len(untold.atoms_)} atoms")
    values = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert values["qc"] is None
    assert values["n_expected"] is None
    assert values["n_significant"] == len(untold.atoms_)
    # How many there are hangs on how strong noise is.
    assert values["stable_thresholds"] is None
    assert "stable" not in names
    files = untold.save(tmp_path, formats=("csv", "json"))
    assert all(path.exists() for path in files.values())
    json.loads(files["positions_json"].read_text(encoding="utf-8"))
    header, row = files["pareto_front"].read_text(encoding="utf-8").splitlines()
    assert header == "n_atoms,qc,significance,atom_size,threshold,chosen"
    assert row.startswith(f"{len(untold.atoms_)},")


def test_on_an_uneven_support_each_has_a_background_of_its_own(atoms):
    image, places = atoms
    waves = np.random.default_rng(3).standard_normal(image.shape)
    support = ndimage.gaussian_filter(waves, 40, mode="wrap")
    finder = AtomFinder(None).fit(image + support / support.std())
    assert finder.refinement_.converged.mean() > 0.8
    match = match_positions(finder.atoms_, places, tolerance=3.0)
    assert len(match.distances) > 0.9 * len(finder.atoms_)
    assert np.sqrt((match.distances**2).mean()) < 1


def test_every_maximum_may_be_an_atom(atoms):
    """Then nothing is below the threshold, whose plateau has no lower end."""
    finder = AtomFinder(None, expected=11000, refine=None).fit(atoms[0])
    assert finder.plateau_.low == 0
    assert finder.plateau_.width == np.inf
    assert "stable" not in dict(finder.report().rows)


def test_denoising_is_refused(atoms):
    with pytest.raises(ValueError, match="denoise='auto' needs a lattice"):
        AtomFinder(None, denoise="auto").fit(atoms[0])


class TestHiddenAtoms:
    @pytest.mark.parametrize("kind", ["white", "1/f", "poisson-0.3", "row-shift"])
    def test_noise_hides_none(self, kind):
        image = noise_image(kind, (300, 300), 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NoAtomsWarning)
            detector = SignificanceDetector().fit(image)
        assert count_hidden(image, detector) <= 4

    def test_weak_atoms_are_told(self):
        strong, weak = (
            AtomFinder(None, refine=None).fit(single_atoms(40, (300, 300), height=height)[0])
            for height in (2.0, 1.0)
        )
        assert strong.verdict_.status == "ok"
        assert len(weak.atoms_) < 30
        (words,) = [words for words in weak.verdict_.reasons if "more atoms are too weak" in words]
        n = int(words.split()[2])
        assert 4 < n <= 40 - len(weak.atoms_)
