"""The main job from Python: what is learnt, found, said and refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.spatial import KDTree
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from logstar import AtomFinder, AtomTable, Lattice, find_atoms
from logstar.datasets import make_scene
from logstar.exceptions import NoAtomsWarning, NotOneLatticeError
from logstar.io import Micrograph
from logstar.preprocessing import GaussianDenoiser
from logstar.units import PixelSize
from tests.tuning.common import CRYSTAL, f1, same_atoms


class TestFound:
    def test_every_atom(self, finder, scene):
        assert f1(finder.atoms_.positions, scene) == 1
        assert finder.verdict_.status == "ok"
        assert isinstance(finder.atoms_, AtomTable)
        assert finder.atoms_.columns[:7] == (
            *("row", "col", "sigma", "response", "significance", "flagged", "contaminated"),
        )
        assert not finder.atoms_["contaminated"].any()
        assert finder.contamination_ is None
        assert (finder.atoms_["significance"] > 3).all()
        assert (np.diff(finder.atoms_["response"]) <= 0).all()

    def test_the_image_is_not_touched(self, scene):
        image = scene.image.copy()
        image.flags.writeable = False
        AtomFinder(CRYSTAL, n_iter=2).fit(image)
        np.testing.assert_array_equal(image, scene.image)

    @pytest.mark.parametrize("denoise", ["auto", ["passthrough", GaussianDenoiser(0.5)]])
    def test_denoised(self, scene, denoise):
        found = AtomFinder(CRYSTAL, denoise=denoise, n_iter=4).fit(scene.image)
        assert found.atoms_.columns[3:7] == ("response", "support", "significance", "flagged")
        assert "denoise" in found.params_
        assert f1(found.atoms_.positions, scene) > 0.98

    def test_dark_atoms(self, finder, scene):
        dark = AtomFinder(CRYSTAL, polarity="dark").fit(-scene.image)
        np.testing.assert_array_equal(dark.atoms_.positions, finder.atoms_.positions)

    def test_nothing(self):
        # A slope has no maximum inside.
        slope = np.add.outer(np.arange(112.0), np.arange(112.0))
        numbers = {"expected": 64, "distance_sum": 47.0, "n_iter": 2}
        with pytest.warns(NoAtomsWarning, match="no atom was found with 2 ladders"):
            found = AtomFinder(None, **numbers).fit(slope)
        assert found.verdict_.status == "failed"
        assert len(found.atoms_) == 0


class TestField:
    def test_positions_are_those_in_the_whole_image(self, scene, finder):
        rows, cols = (20, 140), (10, 150)
        part = find_atoms(scene.image, lattice=CRYSTAL, roi=(rows, cols))
        whole = finder.atoms_.positions
        low, high = (np.array(ends) for ends in zip(rows, cols, strict=True))
        inside = whole[((whole >= low) & (whole < high - 1)).all(axis=1)]
        # The part is fitted by itself, so that the last digits differ.
        distances = np.asarray(KDTree(part.atoms_.positions).query(inside)[0])
        assert distances.max() < 0.25
        assert len(part.atoms_) == pytest.approx(len(inside), abs=4)
        assert part.verdict_.status == "ok"
        assert part.expectation_.n_expected == pytest.approx(len(inside), abs=6)
        sliced = find_atoms(scene.image, lattice=CRYSTAL, roi=np.s_[20:140, 10:150])
        assert same_atoms(part, sliced)

    def test_a_mask_and_a_roi_together(self, scene):
        mask = np.zeros(scene.image.shape, dtype=bool)
        mask[:, :120] = True
        part = find_atoms(scene.image, mask=mask, roi=((0, 150), (20, 170)))
        assert part.atoms_["col"].min() >= 20
        assert part.atoms_["col"].max() < 120
        with pytest.raises(ValueError, match="mask must be booleans of the image's shape"):
            part.predict(np.zeros((60, 60)) + np.eye(60))

    @pytest.mark.parametrize(
        ("roi", "message"),
        [
            (((0, 10),), "two pairs"),
            (((0, 10), (5, 5)), "columns must begin before they end"),
            (
                ((0, 151), (0, 10)),
                "rows must begin before they end and lie within the image, which has 150",
            ),
        ],
    )
    def test_refused(self, scene, roi, message):
        with pytest.raises(ValueError, match=message):
            find_atoms(scene.image, roi=roi)

    @pytest.mark.parametrize(
        ("mask", "message"),
        [
            (np.ones((150, 170)), "mask must be booleans of the image's shape"),
            (np.ones((9, 9), dtype=bool), "mask must be booleans of the image's shape"),
            (np.zeros((150, 170), dtype=bool), "must leave something to look at"),
        ],
    )
    def test_masks_that_cannot_be(self, scene, mask, message):
        with pytest.raises(ValueError, match=message):
            AtomFinder(mask=mask).fit(scene.image)


class TestEstimator:
    """The checks of scikit-learn that make sense for one image."""

    def test_clone_and_parameters(self, scene, finder):
        copied = clone(finder)
        assert not hasattr(copied, "atoms_")
        assert copied.get_params() == finder.get_params()
        assert same_atoms(copied.fit(scene.image), finder)
        maker = AtomFinder(Lattice.ybco, mask=np.ones((2, 2), dtype=bool))
        assert clone(maker).get_params()["lattice"] == Lattice.ybco

    def test_init_only_stores(self):
        values = {name: object() for name in AtomFinder().get_params()}
        assert AtomFinder(**values).get_params() == values

    def test_fit_returns_itself_and_forgets(self, scene, finder):
        other = AtomFinder(CRYSTAL, expected=140)
        assert other.fit(scene.image) is other
        assert same_atoms(other.set_params(expected=None).fit(scene.image), finder)

    def test_fit_does_not_change_parameters(self, scene):
        mask = np.ones(scene.image.shape, dtype=bool)
        made = AtomFinder(CRYSTAL, mask=mask, n_iter=1)
        before = made.get_params()
        after = made.fit(scene.image).get_params()
        assert all(after[name] is value for name, value in before.items())

    def test_pickles(self, scene, finder):
        again = pickle.loads(pickle.dumps(finder))
        assert same_atoms(again, finder)
        np.testing.assert_array_equal(again.predict(scene.image), finder.predict(scene.image))
        assert str(again.report()) == str(finder.report())

    def test_the_same_on_any_number_of_threads(self, scene, finder):
        for n_jobs in (2, -1):
            assert same_atoms(AtomFinder(CRYSTAL, n_jobs=n_jobs).fit(scene.image), finder)

    def test_seeds_order_the_ladders(self, scene):
        tried = [
            AtomFinder(CRYSTAL, random_state=seed, n_iter=3).fit(scene.image).search_.cv_results_
            for seed in (5, 5, 6)
        ]
        ladders = [tuple(results["param_min_sigma"]) for results in tried]
        assert ladders[0] == ladders[1] != ladders[2]

    def test_not_fitted(self, scene):
        for call in ("report", "plot"):
            with pytest.raises(NotFittedError):
                getattr(AtomFinder(), call)()
        with pytest.raises(NotFittedError):
            AtomFinder().predict(scene.image)
        with pytest.raises(NotFittedError):
            AtomFinder().save("nowhere")

    def test_predict(self, scene, finder):
        other = make_scene(CRYSTAL, (150, 170), rotation=11, noise=0.05, random_state=9)
        found = finder.predict(other.image)
        assert found.shape[1] == 3
        assert f1(found, other) == 1
        stack = finder.predict([other.image, scene.image])
        np.testing.assert_array_equal(stack[0], found)
        np.testing.assert_array_equal(stack[1][:, :2], finder.atoms_.positions)
        np.testing.assert_array_equal(finder.predict(Micrograph(other.image)), found)
        np.testing.assert_array_equal(clone(finder).fit_predict(scene.image), stack[1])

    def test_reprs_are_short(self, finder):
        assert repr(AtomFinder(polarity="dark")) == "AtomFinder(polarity='dark')"
        assert len(repr(finder)) < 300
        assert "<table>" in finder._repr_html_()
        # Which is what a notebook asks first.
        bundle = finder._repr_mimebundle_(include=None, exclude=None)
        assert bundle["text/html"] == finder._repr_html_() == finder.report()._repr_html_()
        assert bundle["text/plain"] == repr(finder)
        assert "<table>" not in AtomFinder()._repr_mimebundle_()["text/html"]
        assert "verdict" not in AtomFinder()._repr_html_()


class TestRefused:
    def test_a_path(self, tmp_path):
        with pytest.raises(TypeError, match=r"logstar\.find_atoms\(path\) reads files"):
            AtomFinder().fit(tmp_path / "film.npy")

    @pytest.mark.parametrize("stack", [np.zeros((2, 40, 40)), [np.eye(40), np.eye(40)]])
    def test_a_stack(self, stack):
        with pytest.raises(ValueError, match="fit to one and predict the others"):
            AtomFinder().fit(stack)

    def test_images_that_hold_nothing(self, rng):
        with pytest.raises(ValueError, match="the image is constant: every pixel is 1"):
            AtomFinder().fit(np.ones((64, 64)))
        with pytest.raises(NotOneLatticeError):
            AtomFinder().fit(rng.normal(size=(64, 64)))
        # In terms of what a finder is told: it has no sigma.
        with pytest.raises(ValueError, match=r"64 x 64 px is too small .* Check these distances"):
            AtomFinder(None, expected=4, distance_sum=3000).fit(np.eye(64))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"dataset": 1}, "dataset is for files"),
            ({"average": True}, "average is for files"),
            ({"channel": 0}, "channel is for files"),
            ({"binning": 2}, "binning is for files"),
            ({"resample": True}, "resample is for files"),
        ],
    )
    def test_options_of_files_for_an_array(self, scene, options, message):
        with pytest.raises(ValueError, match=message):
            find_atoms(scene.image, **options)


def test_files_and_memory_agree(tmp_path, scene, finder):
    np.save(tmp_path / "film.npy", np.stack([scene.image * 0, scene.image]))
    found = find_atoms(tmp_path / "film.npy", dataset=1, lattice=CRYSTAL)
    assert same_atoms(found, finder)
    assert found.source_ == str(tmp_path / "film.npy")
    assert found.atoms_.provenance["source"]["dataset"] == 1
    assert list(found.seconds_) == ["read", "lattice", "tune", "detect", "refine", "quality"]


def test_signals_bring_their_calibration(scene):
    axis = {"scale": 0.02, "units": "nm", "size": 0, "navigate": False}
    signal = {"data": scene.image, "axes": [axis, axis]}
    found = AtomFinder(Lattice.ybco, force=True, n_iter=1).fit(signal)
    assert found.file_pixel_size_ == PixelSize(0.02, "nm")
    stack = {
        "data": np.stack([scene.image] * 2),
        "axes": [{"navigate": True}, axis, axis],
    }
    with pytest.raises(ValueError, match="dataset"):
        AtomFinder().fit(stack)
    assert find_atoms(stack, dataset=1, n_iter=1).file_pixel_size_ == PixelSize(0.02, "nm")
