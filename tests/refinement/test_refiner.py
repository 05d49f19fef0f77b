"""Refined positions against known truth, the bound, and one another."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from scipy.optimize import least_squares
from sklearn.base import clone

from logstar import Lattice
from logstar.datasets import make_scene
from logstar.exceptions import CorrelatedNoiseWarning, UndersampledWarning
from logstar.lattice import ImageLattice
from logstar.refinement import GaussianRefiner, cramer_rao_bound

CRYSTALS = {
    "perovskite": Lattice.perovskite(3.905, pixel_size=0.2),
    "ybco": Lattice.ybco(pixel_size=0.2),
}


def gaussians(shape, atoms, background=0.2):
    """Peaks of (row, col, sigma, height), or (row, col, sigma_row, sigma_col, height)."""
    rows, cols = np.indices(shape)
    image = np.full(shape, background)
    for row, col, *sigmas, height in atoms:
        sigma_row, sigma_col = sigmas * 2 if len(sigmas) == 1 else sigmas
        image += height * np.exp(
            -((rows - row) ** 2) / (2 * sigma_row**2) - (cols - col) ** 2 / (2 * sigma_col**2)
        )
    return image


def grid(n, pitch, seed=0, spread=0.4):
    rng = np.random.default_rng(seed)
    places = pitch * (np.arange(n) + 1.0)
    points = np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1).reshape(-1, 2)
    return points + rng.uniform(-spread, spread, points.shape)


def starts(positions, sigma, seed=0):
    """Off by one sigma, root mean square."""
    rng = np.random.default_rng(seed)
    return positions + rng.normal(0, sigma / np.sqrt(2), positions.shape)


def refine(refiner, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CorrelatedNoiseWarning)
        return refiner.refine(*args, **kwargs)


@pytest.mark.parametrize("crystal", CRYSTALS)
@pytest.mark.parametrize("noise", [0.02, 0.05])
def test_errors_reach_the_bound_and_say_so(crystal, noise):
    lattice = CRYSTALS[crystal]
    off, sds, bounds = [], [], []
    for seed in range(3):
        scene = make_scene(lattice, shape=(192, 192), noise=noise, random_state=seed)
        inside = ((scene.positions > 6) & (scene.positions < 185)).all(axis=1)
        truth, kinds = scene.positions[inside], scene.kinds[inside]
        sigma = 0.17 * lattice.nearest_distance
        found = refine(GaussianRefiner(), scene.image, starts(truth, sigma, seed), kinds=kinds)
        good = found.converged
        assert good.mean() > 0.95
        off.append((found.atoms[:, :2] - truth)[good])
        sds.append(found.errors[good, :2])
        bounds.append(0.798 * noise / found.amplitudes[good])
    off, sds, bounds = map(np.concatenate, (off, sds, bounds))
    # Pooled over atoms of different heights by dividing each by its own bound.
    ratio = np.sqrt(((off / bounds[:, None]) ** 2).mean())
    spread = 1 / np.sqrt(2 * off.size)
    assert ratio < 1.05 + 2 * spread * ratio
    inside = np.abs(off) < sds
    assert 0.64 < inside.mean() < 0.74
    assert 0.925 < (np.abs(off) < 1.96 * sds).mean() < 0.975


def test_without_noise_nothing_is_left():
    atoms = np.column_stack([grid(7, 13.0), np.full(49, 2.2), np.linspace(0.6, 1.4, 49)])
    image = gaussians((104, 104), atoms)
    found = refine(GaussianRefiner(edge="ignore"), image, starts(atoms[:, :2], 2.2))
    assert found.converged.all()
    assert np.abs(found.atoms[:, :2] - atoms[:, :2]).max() < 1e-4
    np.testing.assert_allclose(found.atoms[:, 2], 2.2, atol=1e-2)
    np.testing.assert_allclose(found.amplitudes, atoms[:, 3], rtol=1e-2)


def test_the_same_as_a_general_fit_of_all_parameters(rng):
    atoms = np.array([[15.2, 14.1, 2.4, 1.0], [15.9, 22.3, 2.1, 0.6], [23.4, 17.7, 2.6, 0.8]])
    image = gaussians((38, 38), atoms) + rng.normal(0, 0.03, (38, 38))

    def residual(parameters):
        model = gaussians((38, 38), parameters[:-1].reshape(3, 4), parameters[-1])
        return (model - image).ravel()

    general = least_squares(residual, [*atoms.ravel(), 0.2], xtol=1e-12, ftol=1e-12)
    expected = general.x[:-1].reshape(3, 4)
    covariance = np.linalg.inv(general.jac.T @ general.jac) * 2 * general.cost / (38 * 38 - 13)
    found = GaussianRefiner(edge="ignore", covariance="white", tol=1e-6).refine(
        image, starts(atoms[:, :2], 1.0)
    )
    np.testing.assert_allclose(found.atoms, expected[:, :3], atol=2e-4)
    np.testing.assert_allclose(found.amplitudes, expected[:, 3], rtol=2e-3)
    expected_errors = np.sqrt(covariance.diagonal()[:-1]).reshape(3, 4)
    np.testing.assert_allclose(found.errors[:, :2], expected_errors[:, :2], rtol=0.05)
    # Sigma and height are uncertain also because the background is.
    np.testing.assert_allclose(found.errors[:, 2], expected_errors[:, 2], rtol=0.06)
    np.testing.assert_allclose(found.amplitude_errors, expected_errors[:, 3], rtol=0.06)
    np.testing.assert_allclose(
        found.intensities, 2 * np.pi * expected[:, 2] ** 2 * expected[:, 3], rtol=3e-3
    )
    for atom, (sigma, height) in enumerate(expected[:, 2:]):
        both = covariance[4 * atom + 2 : 4 * atom + 4, 4 * atom + 2 : 4 * atom + 4]
        slopes = 2 * np.pi * sigma * np.array([2 * height, sigma])
        error = np.sqrt(slopes @ both @ slopes)
        np.testing.assert_allclose(found.intensity_errors[atom], error, rtol=0.06)


@pytest.mark.parametrize("apart", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("ratio", [1.0, 3.0])
def test_overlapping_pairs_are_not_biased(apart, ratio):
    others = grid(4, 30.0)
    pair = np.array([[75.3, 70.0], [75.3, 70.0 + 3 * apart]])
    atoms = np.concatenate([others, pair])
    heights = np.ones(len(atoms))
    heights[-1] = 1 / ratio
    image = gaussians((150, 150), np.column_stack([atoms, np.full(len(atoms), 3.0), heights]))
    found = refine(
        GaussianRefiner(edge="ignore", max_shift=0.2, tol=1e-5),
        image,
        np.column_stack([atoms + 0.3, np.full(len(atoms), 3.0)]),
    )
    assert np.abs(found.atoms[:, :2] - atoms).max() < 2e-3
    alone = refine(
        GaussianRefiner(joint=False, max_shift=0.2),
        image,
        np.column_stack([atoms, np.full(len(atoms), 3.0)]),
    )
    assert alone.status[-1] != "ok" or np.abs(alone.atoms[-1, :2] - atoms[-1]).max() > 0.1


def test_counted_electrons_are_weighted():
    atoms = np.column_stack([grid(8, 15.0, spread=0.5), np.full(64, 2.5), np.ones(64)])
    clean = gaussians((136, 136), atoms, background=0.02)
    errors = {"gaussian": [], "poisson": []}
    for seed in range(4):
        counts = np.random.default_rng(seed).poisson(100 * clean).astype(float)
        for likelihood, off in errors.items():
            found = refine(
                GaussianRefiner(likelihood=likelihood), counts, starts(atoms[:, :2], 2.5, seed)
            )
            assert found.converged.mean() > 0.95
            off.append((found.atoms[:, :2] - atoms[:, :2])[found.converged])
    rmse = {name: np.sqrt((np.concatenate(off) ** 2).mean()) for name, off in errors.items()}
    bound = cramer_rao_bound([[40, 40]], 2.5, dose=100, background=0.02)[0, 0]
    assert rmse["poisson"] < 1.1 * bound
    assert rmse["poisson"] < 0.9 * rmse["gaussian"]


def test_pixels_below_zero_do_not_hold_up_counted_electrons():
    # Noise that is not that of counting: without a variance of its own nearly all weight is on dark
    # pixels, and those below 0 bend the likelihood the wrong way.
    atoms = np.column_stack([grid(8, 15.0, spread=0.5), np.full(64, 2.5), np.ones(64)])
    noise = np.random.default_rng(0).normal(0, 0.05, (136, 136))
    image = gaussians((136, 136), atoms, background=0.0) + noise
    given = np.column_stack([starts(atoms[:, :2], 1.0), np.full(64, 2.5)])
    found = refine(GaussianRefiner(likelihood="poisson"), image, given)
    assert found.converged.all()
    assert found.n_iter <= 12
    rmse = np.sqrt(((found.atoms[:, :2] - atoms[:, :2]) ** 2).mean())
    assert rmse < 1.4 * cramer_rao_bound([[40, 40]], 2.5, noise=0.05)[0, 0]
    # A dead pixel is no such noise: it changes nothing far from it.
    counts = (
        np.random.default_rng(1).poisson(100 * gaussians((136, 136), atoms, 0.02)).astype(float)
    )
    dead = counts.copy()
    dead[2, 2] = -1e4
    plain, beside = (
        refine(GaussianRefiner(likelihood="poisson"), x, given) for x in (counts, dead)
    )
    far = atoms[:, :2].min(axis=1) > 40
    assert np.abs(plain.atoms - beside.atoms)[far].max() < 0.02


def test_ellipses_of_any_direction(rng):
    places = grid(6, 16.0)
    rows, cols = np.indices((112, 112))
    covariance = np.array([[6.0, 1.5], [1.5, 4.0]])
    inverse = np.linalg.inv(covariance)
    image = rng.normal(0.2, 0.01, (112, 112))
    for row, col in places:
        x, y = rows - row, cols - col
        exponent = inverse[0, 0] * x**2 + 2 * inverse[0, 1] * x * y + inverse[1, 1] * y**2
        image += np.exp(-exponent / 2)
    found = refine(GaussianRefiner("elliptical"), image, starts(places, 1.5))
    assert found.converged.all()
    assert np.sqrt(((found.atoms[:, :2] - places) ** 2).mean()) < 0.02
    np.testing.assert_allclose(np.median(found.precisions, axis=0), inverse, atol=4e-3)
    np.testing.assert_allclose(
        np.median(found.atoms[:, 2]), np.linalg.det(covariance) ** 0.25, rtol=5e-3
    )


def test_jitter_of_scan_lines_is_in_the_errors():
    places = grid(6, 15.0, spread=7.0)
    off, robust, white = [], [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = np.arange(105)[:, None]
        # All atoms of a line are displaced alike: few of them are independent of one another.
        cols = np.arange(105) + rng.normal(0, 0.35, (105, 1))
        image = rng.normal(0, 0.02, (105, 105))
        for row, col in places:
            image += np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * 2.5**2))
        found = [
            refine(GaussianRefiner(covariance=name), image, places) for name in ("robust", "white")
        ]
        good = found[0].converged & found[1].converged
        # `image(col + jitter)`: the peak lies where col + jitter is the place.
        off.append(np.abs(found[0].atoms[:, 1] - places[:, 1])[good])
        robust.append(found[0].errors[good, 1])
        white.append(found[1].errors[good, 1])
    off, robust, white = map(np.concatenate, (off, robust, white))
    assert (off < robust).mean() > 0.6
    assert (off < 1.96 * robust).mean() > 0.9
    assert (off < white).mean() < 0.5


def test_columns_beyond_the_frame():
    lattice = CRYSTALS["ybco"]
    scene = make_scene(lattice, shape=(160, 160), rotation=4.0, random_state=0)
    inside = ((scene.positions > 3) & (scene.positions < 156)).all(axis=1)
    truth, kinds = scene.positions[inside], scene.kinds[inside]
    image_lattice = ImageLattice.from_image(scene.image)
    error = {}
    for edge in ("ignore", "mask", "lattice"):
        found = refine(
            GaussianRefiner(edge=edge, share_sigma="kind"),
            scene.image,
            truth.round(),
            lattice=image_lattice,
        )
        good = found.converged
        error[edge] = np.sqrt(((found.atoms[:, :2] - truth)[good] ** 2).mean())
    assert error["mask"] < 0.02
    assert error["lattice"] < 0.02
    assert max(error["mask"], error["lattice"]) < error["ignore"]
    with pytest.raises(ValueError, match="needs the image's lattice"):
        GaussianRefiner(edge="lattice").refine(scene.image, truth)
    assert set(kinds) == {"Ba", "Y", "Cu1", "Cu2"}


@pytest.mark.parametrize("crystal", ["perovskite", "ybco"])
def test_columns_beyond_the_frame_are_of_the_kinds_of_those_that_are_seen(crystal):
    """Whatever the image's lattice calls them: of other names none would have a height."""
    scene = make_scene(CRYSTALS[crystal], shape=(192, 192), random_state=0)
    lattice = ImageLattice.from_image(scene.image)
    names = np.array([f"my {kind}" for kind in scene.kinds])
    found = refine(
        GaussianRefiner(edge="lattice", tol=1e-5),
        scene.image,
        scene.positions.round(),
        kinds=names,
        lattice=lattice,
    )
    assert found.converged.all()
    inner = ((scene.positions > 10) & (scene.positions < 181)).all(axis=1)
    off = (found.atoms[:, :2] - scene.positions)[inner]
    assert np.sqrt((off**2).mean()) < 2e-6


@pytest.mark.parametrize("options", [{}, {"joint": False}, {"model": "elliptical"}])
def test_one_bad_atom_spoils_nothing(options, rng):
    atoms = np.column_stack([grid(6, 14.0), np.full(36, 2.3), np.ones(36)])
    image = gaussians((98, 98), atoms) + rng.normal(0, 0.02, (98, 98))
    given = np.concatenate([atoms[:, :2] + 0.4, [[21.0, 21.0], [40.0, 300.0], [14.0, 14.05]]])
    given[-1] = given[0] + 0.05
    found = refine(GaussianRefiner(**options), image, given)
    assert found.status[37] == "outside the frame"
    assert found.status[38] == "merged with a neighbour"
    assert found.status[36] != "ok"
    assert found.converged[:36].mean() > 0.9
    good = found.converged
    good[36:] = False
    assert np.abs(found.atoms[good, :2] - atoms[good[:36], :2]).max() < 0.25
    bad = ~found.converged
    np.testing.assert_array_equal(found.atoms[bad, :2], given[bad])
    assert np.isnan(found.errors[bad]).all()
    assert np.isnan(found.covariances[bad]).all()


@pytest.mark.parametrize("options", [{}, {"joint": False}, {"model": "elliptical"}])
def test_of_two_equal_starts_the_later_is_left_out(options, rng):
    image = gaussians((60, 60), [(30.3, 29.6, 2.5, 1.0)]) + rng.normal(0, 0.01, (60, 60))
    found = refine(GaussianRefiner(**options), image, [[30, 30], [30, 30], [30, 30]])
    assert found.status.tolist() == ["ok", "merged with a neighbour", "merged with a neighbour"]
    assert np.abs(found.atoms[0, :2] - [30.3, 29.6]).max() < 0.02


def test_threads_types_and_signs_make_no_difference(rng):
    atoms = np.column_stack([grid(6, 14.0), np.full(36, 2.3), np.ones(36)])
    image = gaussians((98, 98), atoms) + rng.normal(0, 0.02, (98, 98))
    given = atoms[:, :2].round()
    one = refine(GaussianRefiner(n_jobs=1), image, given)
    two = refine(GaussianRefiner(n_jobs=2), image, given)
    np.testing.assert_array_equal(one.atoms, two.atoms)
    np.testing.assert_array_equal(one.errors, two.errors)
    dark = refine(GaussianRefiner(polarity="dark"), -image, given)
    np.testing.assert_array_equal(dark.atoms, one.atoms)
    np.testing.assert_array_equal(dark.amplitudes, -one.amplitudes)
    single = refine(GaussianRefiner(), image.astype(np.float32), given)
    np.testing.assert_allclose(single.atoms, one.atoms, atol=1e-5)
    counts = np.round(1000 * image).astype(np.int16)
    integers = refine(GaussianRefiner(), counts, given)
    doubles = refine(GaussianRefiner(), counts.astype(float), given)
    np.testing.assert_allclose(integers.atoms, doubles.atoms, atol=1e-6)
    strided = refine(GaussianRefiner(), np.repeat(image, 2, axis=1)[:, ::2], given)
    np.testing.assert_array_equal(strided.atoms, one.atoms)


def test_scale_offset_order_and_orientation(rng):
    atoms = np.column_stack([grid(6, 14.0), np.full(36, 2.3), np.ones(36)])
    image = gaussians((98, 98), atoms) + rng.normal(0, 0.02, (98, 98))
    given = atoms[:, :2].round()
    plain = refine(GaussianRefiner(tol=1e-6), image, given)
    scaled = refine(GaussianRefiner(tol=1e-6), 1e4 * image - 300, given)
    np.testing.assert_allclose(scaled.atoms, plain.atoms, atol=1e-4)
    np.testing.assert_allclose(scaled.errors, plain.errors, rtol=1e-2)
    order = rng.permutation(36)
    shuffled = refine(GaussianRefiner(tol=1e-6), image, given[order])
    np.testing.assert_allclose(shuffled.atoms, plain.atoms[order], atol=1e-4)
    transposed = refine(GaussianRefiner(tol=1e-6), image.T, given[:, ::-1])
    np.testing.assert_allclose(transposed.atoms[:, :2], plain.atoms[:, 1::-1], atol=1e-4)
    flipped = refine(GaussianRefiner(tol=1e-6), image[::-1], [97, 0] + given * [-1, 1])
    np.testing.assert_allclose(97 - flipped.atoms[:, 0], plain.atoms[:, 0], atol=1e-4)


def test_pixels_that_are_missing_or_masked(rng):
    atoms = np.column_stack([grid(6, 14.0), np.full(36, 2.3), np.ones(36)])
    image = gaussians((98, 98), atoms) + rng.normal(0, 0.02, (98, 98))
    mask = np.ones(image.shape, dtype=bool)
    mask[:, 60:63] = False
    masked = refine(GaussianRefiner(), image, atoms[:, :2], mask=mask)
    holes = np.where(mask, image, np.nan)
    missing = refine(GaussianRefiner(), holes, atoms[:, :2])
    np.testing.assert_array_equal(masked.atoms, missing.atoms)
    spoiled = np.where(mask, image, 1e6)
    np.testing.assert_array_equal(
        refine(GaussianRefiner(), spoiled, atoms[:, :2], mask=mask).atoms, masked.atoms
    )
    good = masked.converged
    assert good.mean() > 0.9
    assert np.abs(masked.atoms[good, :2] - atoms[good, :2]).max() < 0.3


def test_few_atoms_and_no_picture(rng):
    image = gaussians((60, 60), [(30.3, 29.6, 2.5, 1.0)]) + rng.normal(0, 0.01, (60, 60))
    nothing = GaussianRefiner().refine(image, np.empty((0, 2)))
    assert len(nothing.atoms) == 0
    assert len(nothing.to_table()) == 0
    lone = refine(GaussianRefiner(), image, [[31.0, 28.0]])
    assert lone.converged.all()
    assert np.abs(lone.atoms[0, :2] - [30.3, 29.6]).max() < 0.05
    flat = refine(GaussianRefiner(), np.ones((60, 60)), [[20.0, 20.0], [40.0, 40.0]])
    assert not flat.converged.any()
    np.testing.assert_array_equal(flat.atoms[:, :2], [[20.0, 20.0], [40.0, 40.0]])


def test_small_peaks_are_told():
    atoms = np.column_stack([grid(6, 8.0), np.full(36, 0.5), np.ones(36)])
    with pytest.warns(UndersampledWarning, match="below 0.7 px"):
        refine(GaussianRefiner(edge="ignore"), gaussians((56, 56), atoms), atoms[:, :3])


def test_noise_that_is_not_white_is_told(rng):
    atoms = np.column_stack([grid(6, 14.0), np.full(36, 2.3), np.ones(36)])
    blurred = rng.normal(0, 0.1, (98, 99))
    image = gaussians((98, 98), atoms) + blurred[:, 1:] + blurred[:, :-1]
    with pytest.warns(CorrelatedNoiseWarning, match="correlated by 0.[3-6]"):
        GaussianRefiner().refine(image, atoms[:, :2])


def test_a_table_with_everything(rng):
    atoms = np.column_stack([grid(5, 14.0), np.full(25, 2.3), np.ones(25)])
    image = gaussians((84, 84), atoms) + rng.normal(0, 0.01, (84, 84))
    found = refine(GaussianRefiner(), image, atoms[:, :2])
    table = found.to_table()
    np.testing.assert_array_equal(table["row_error"], found.errors[:, 0])
    np.testing.assert_allclose(table["intensity"], 2 * np.pi * 2.3**2, rtol=0.05)
    assert (table["status"] == "ok").all()
    assert repr(found) == f"Refinement(25 atoms, 25 ok, {found.n_iter} steps)"
    again = refine(GaussianRefiner(), image, table)
    np.testing.assert_allclose(again.atoms[:, :2], found.atoms[:, :2], atol=1e-3)
    with pytest.raises(AttributeError):
        found.atoms = None


def test_it_is_an_estimator_of_scikit_learn():
    refiner = GaussianRefiner("elliptical", window=2.5)
    assert clone(refiner).get_params() == refiner.get_params()
    assert pickle.loads(pickle.dumps(refiner)).get_params() == refiner.get_params()


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        ({"model": "round"}, {}, "model must be one of"),
        ({"likelihood": "cauchy"}, {}, "likelihood must be one of"),
        ({"share_sigma": "some"}, {}, "share_sigma must be one of"),
        ({"edge": "cut"}, {}, "edge must be one of"),
        ({"window": 0.5}, {}, "window must be"),
        ({"reach": 1.0}, {}, "reach must be"),
        ({"max_shift": 0.0}, {}, "max_shift must be"),
        ({"tol": 0.0}, {}, "tol must be"),
        ({"max_iter": 0}, {}, "max_iter must be"),
        ({}, {"kinds": ["A"]}, "kinds must have an entry"),
        ({}, {"mask": np.ones((3, 3), bool)}, "mask must be booleans of shape"),
        ({}, {"positions": [[5.0, 5.0, 0.0], [9.0, 9.0, 1.0]]}, "third column of positions"),
        ({}, {"image": np.full((20, 20), np.nan)}, "every pixel is NaN"),
        ({}, {"positions": [[np.nan, 5.0], [9.0, 9.0]]}, "positions"),
    ],
)
def test_what_cannot_be_is_refused(options, arguments, message):
    given = {"image": np.eye(20), "positions": [[5.0, 5.0], [9.0, 9.0]]} | arguments
    with pytest.raises((TypeError, ValueError), match=message):
        GaussianRefiner(**options).refine(given.pop("image"), given.pop("positions"), **given)
