"""Plane groups of arrangements whose group is known from the tables."""

from __future__ import annotations

import pytest

from logstar.lattice import Column, Lattice


def group(places, a=1.0, b=1.0, angle=90.0):
    """The plane group of columns of one kind each letter: "A" alike, "B" alike."""
    columns = [Column(kind, {"A": "Au", "B": "Ag"}[kind], u, v) for kind, u, v in places]
    return Lattice(a, b, angle, columns=columns, pixel_size=0.01).plane_group()


def orbit(kind, places):
    return [(kind, u, v) for u, v in places]


#: General positions (International Tables A) with arbitrary x, y.
X, Y = 0.13, 0.31


@pytest.mark.parametrize(
    ("symbol", "places", "cell"),
    [
        ("p1", [*orbit("A", [(0, 0)]), *orbit("B", [(X, Y)]), ("A", 0.37, 0.11)], (1, 1.3, 97)),
        ("p2", orbit("A", [(X, Y), (-X, -Y)]), (1, 1.3, 97)),
        ("pm", [*orbit("A", [(X, Y), (-X, Y)]), ("B", 0, 0.05)], (1, 1.3, 90)),
        (
            "pg",
            [*orbit("A", [(X, Y), (-X, Y + 0.5)]), *orbit("B", [(0.4, 0.37), (-0.4, 0.87)])],
            (1, 1.3, 90),
        ),
        ("p2mm", orbit("A", [(X, Y), (-X, -Y), (-X, Y), (X, -Y)]), (1, 1.3, 90)),
        (
            "p2mg",
            orbit("A", [(X, Y), (-X, -Y), (0.5 - X, Y), (X + 0.5, -Y)]),
            (1, 1.3, 90),
        ),
        (
            "p2gg",
            orbit("A", [(X, Y), (-X, -Y), (0.5 - X, Y + 0.5), (X + 0.5, 0.5 - Y)]),
            (1, 1.3, 90),
        ),
        ("c2mm", orbit("A", [(0, 0)]), (1, 1, 75)),
        ("p4", orbit("A", [(X, Y), (-X, -Y), (-Y, X), (Y, -X)]), (1, 1, 90)),
        ("p4mm", [("A", 0, 0), ("B", 0.5, 0.5)], (1, 1, 90)),
        (
            "p4gm",
            orbit("A", [(X, X + 0.5), (-X, 0.5 - X), (0.5 - X, X), (X + 0.5, -X)]),
            (1, 1, 90),
        ),
        ("p3", orbit("A", [(X, Y), (-Y, X - Y), (Y - X, -X)]), (1, 1, 120)),
        # x, -x positions lie on mirrors across the shortest translations.
        (
            "p3m1",
            [*orbit("A", [(0, 0)]), *orbit("B", [(1 / 3, 2 / 3)])],
            (1, 1, 120),
        ),
        ("p31m", orbit("A", [(X, 0), (0, X), (-X, -X)]), (1, 1, 120)),
        ("p6mm", orbit("A", [(1 / 3, 2 / 3), (2 / 3, 1 / 3)]), (1, 1, 120)),
        ("p6mm", orbit("A", [(0, 0)]), (1, 1, 60)),
        (
            "p6",
            orbit(
                "A",
                [(X, Y), (-Y, X - Y), (Y - X, -X), (-X, -Y), (Y, Y - X), (X - Y, X)],
            ),
            (1, 1, 120),
        ),
    ],
)
def test_groups_of_the_tables(symbol, places, cell):
    found = group(places, *cell)
    assert found.symbol == symbol
    assert (
        found.rotation_order
        == {"p": int(symbol[1]) if symbol[1].isdigit() else 1, "c": 2}[symbol[0]]
    )


def test_a_centred_lattice_with_one_mirror():
    # cm: the reflection exchanges the edges of the rhombus; two kinds along it break the other.
    assert group([("A", 0, 0), ("B", 0.2, 0.2)], 1, 1, 75).symbol == "cm"


def test_known_crystals():
    ybco, perovskite = Lattice.ybco(0.15), Lattice.perovskite(3.9, 0.1)
    assert ybco.plane_group() == ("p2mm", 2, 2, 0, 4)
    assert perovskite.plane_group() == ("p4mm", 4, 4, 0, 8)
