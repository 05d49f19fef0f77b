"""The traversal of the core, as plainly as it can be said: a twin to compare with."""

from __future__ import annotations

import heapq
import math

import numpy as np
from scipy.spatial import KDTree

SAMPLE = 64
LEAST_COMPONENT = 8
MOST_STRETCH = 1.35
TIE = 1.05
ALIKE = 1.1
OWN = 0.7
SAME_SITE = 0.6
LATE = 1.5
FARTHEST = 1.3
WIDEST_GAP = math.radians(185)


class SlowIndexer:
    def __init__(self, points, kinds, template, column_kinds, nearest, tolerance, oriented):
        self.points, self.kinds = points, kinds
        self.template, self.column_kinds = template, column_kinds
        self.nearest, self.near = nearest, tolerance * nearest
        self.oriented = oriented
        n = len(points)
        self.tree = KDTree(points)
        self.component = np.full(n, -1)
        self.column = np.full(n, -1)
        self.index = np.zeros((n, 2), dtype=int)
        self.maps = np.full((n, 2, 2), np.nan)

    def edges(self, column):
        first, last = self.template.first[column : column + 2]
        for e in range(first, last):
            yield int(self.template.columns[e]), self.template.cells[e], self.template.vectors[e]

    def fits(self, atom, column):
        return self.kinds[atom] < 0 or self.kinds[atom] == self.column_kinds[column]

    def at(self, place, column, free):
        """The atom nearest to a place within reach that may be the column."""
        best, found = math.inf, -1
        for atom in sorted(self.tree.query_ball_point(place, self.near)):
            if not self.fits(atom, column) or (free and self.component[atom] >= 0):
                continue
            x, y = self.points[atom] - place
            if x * x + y * y < best:
                best, found = x * x + y * y, atom
        return found

    def seed(self, atom):
        """Column, map and residual of the best of all orientations, or None."""
        choices = []
        for column in range(len(self.column_kinds)):
            if not self.fits(atom, column):
                continue
            shortest = next(self.edges(column))[2]
            length = np.hypot(*shortest)
            maps = [np.eye(2)]
            for other in sorted(self.tree.query_ball_point(self.points[atom], 1.35 * length)):
                apart = self.points[other] - self.points[atom]
                if self.component[other] >= 0 or not length < 1.35 * np.hypot(*apart):
                    continue
                maps.append(rotation(angle_of(apart) - angle_of(shortest)))
            if self.oriented:
                maps = maps[:1]
            for start in maps:
                choices += self.seeds(atom, column, start)
        best = self.best(choices)
        if best is None:
            return None
        if self.oriented:
            return best[2], best[3], best[0]
        edges = list(self.edges(best[2]))
        for _, _, vector in edges[1:]:
            if np.hypot(*vector) < ALIKE * np.hypot(*edges[0][2]):
                turn = angle_of(vector) - angle_of(edges[0][2])
                choices += self.seeds(atom, best[2], best[3] @ rotation(turn))
        rest, _, column, map_ = self.best(choices)
        return column, map_, rest

    def best(self, choices):
        if not choices:
            return None
        least = min(choice[0] for choice in choices)
        limit = TIE * least + 1e-6 * self.nearest
        return min((c for c in choices if c[0] <= limit), key=lambda c: round(c[1], 9))

    def seeds(self, atom, column, start):
        edges = list(self.edges(column))
        fitted = self.whole(atom, edges, start)
        if fitted is not None:
            fitted = self.whole(atom, edges, fitted[0])
        if fitted is None:
            return []
        strain = np.sqrt(((fitted[0] - np.eye(2)) ** 2).sum())
        return [(fitted[1], strain, column, fitted[0])]

    def whole(self, atom, edges, start):
        """Map and residual, if every neighbour of the template is there."""
        pairs = []
        for column, _, vector in edges:
            place = self.points[atom] + start @ vector
            other = self.at(place, column, free=True)
            if other < 0:
                return None
            pairs.append((vector, self.points[other] - self.points[atom]))
        fitted = fit(pairs)
        if fitted is None or not sound(fitted):
            return None
        rest = [((seen - fitted @ vector) ** 2).sum() for vector, seen in pairs]
        return fitted, math.sqrt(sum(rest) / len(rest))

    def run(self):
        count = 0
        if self.oriented:
            count = self.grains(count)
            self.oriented = False
        self.grains(count)
        self.place_rest()
        return self

    def grains(self, count):
        n = len(self.points)
        sample = [atom for atom in range(0, n, max(1, n // SAMPLE)) if self.component[atom] < 0]
        seeds = [(atom, self.seed(atom)) for atom in sample]
        seeds = [(atom, seed) for atom, seed in seeds if seed is not None]
        if seeds:
            atom, (column, start, _) = min(seeds, key=lambda item: item[1][2])
            count += self.grow(atom, column, start, count)
        for atom in range(n):
            seed = self.seed(atom) if self.component[atom] < 0 else None
            if seed is not None:
                count += self.grow(atom, seed[0], seed[1], count)
        return count

    def place_rest(self):
        """Give single atoms that are left the free places around them, the nearest first."""
        grains = set(self.component[self.component >= 0].tolist())
        left = np.flatnonzero(self.component < 0)
        found = [(atom, self.by_all(atom, grains, steps=2)) for atom in left]
        found = [(off, atom, *place) for atom, (off, *place) in found if place]
        for _, atom, component, t, index, map_ in sorted(found, key=lambda item: item[:2]):
            if sound(map_) and not self.taken(atom, t, index, component):
                self.component[atom], self.column[atom], self.index[atom] = component, t, index
                self.maps[atom] = map_

    def grow(self, atom, column, start, component):  # noqa: C901, PLR0912 - one loop, as told
        queue, members = [], []

        def accept(i, s, index, map_):
            self.component[i], self.column[i], self.index[i] = component, s, index
            self.maps[i] = map_
            members.append(i)
            for e, (t, cell, vector) in enumerate(self.edges(s)):
                place = self.points[i] + map_ @ vector
                j = self.at(place, t, free=False)
                if j >= 0 and self.component[j] < 0:
                    x, y = self.points[j] - place
                    item = (x * x + y * y, i, e, j, t, tuple(self.index[i] + cell))
                    heapq.heappush(queue, item)

        accept(atom, column, (0, 0), start)
        core = {}
        for t, cell, vector in self.edges(column):
            core[self.at(self.points[atom] + start @ vector, t, free=True)] = (t, tuple(cell))
        late = []
        while queue or late:
            if not queue:
                # What no single neighbour places well enough is placed by all of them together.
                for j in late:
                    if self.component[j] < 0:
                        _, *found = self.by_all(j, {component}, steps=1)
                        if found:
                            accept(j, *found[1:])
                late = []
                continue
            _, i, _, j, t, index = heapq.heappop(queue)
            if self.component[j] >= 0:
                continue
            parent = self.maps[i]
            pairs, supporters = [], 0
            for s, cell, vector in self.edges(t):
                k = self.at(self.points[j] + parent @ vector, s, free=False)
                if k < 0:
                    continue
                pairs.append((vector, self.points[k] - self.points[j]))
                expected = self.column[k] == s and tuple(self.index[k]) == (
                    index[0] + cell[0],
                    index[1] + cell[1],
                )
                if self.component[k] == component and expected:
                    rest = pairs[-1][1] - self.maps[k] @ vector
                    supporters += bool((rest**2).sum() <= self.near**2)
            if supporters < 2 and core.get(j) != (t, index):
                late.append(j)
                continue
            if self.taken(j, t, index, component):
                continue
            own = fit(pairs)
            map_ = parent if own is None else OWN * own + (1 - OWN) * parent
            if not sound(map_):
                continue
            accept(j, t, index, map_)
        if len(members) < LEAST_COMPONENT:
            self.component[members] = -1
            self.column[members] = -1
        return len(members) >= LEAST_COMPONENT

    def by_all(self, j, components, steps):
        """How far it is from the place that most neighbours see an atom at, squared, and that.

        An endless distance alone where they do not agree, or the place is not free.
        """
        votes = {}
        reach = steps * FARTHEST * np.hypot(*self.template.vectors.T).max()
        for k in sorted(self.tree.query_ball_point(self.points[j], reach)):
            if self.component[k] not in components:
                continue
            ends = [(t, cell, vector) for t, cell, vector in self.edges(self.column[k])]
            if steps == 2:
                ends += [
                    (t, cell + more, vector + further)
                    for s, cell, vector in ends
                    for t, more, further in self.edges(s)
                ]
            for t, cell, vector in ends:
                off = self.points[k] + self.maps[k] @ vector - self.points[j]
                if self.fits(j, t) and (off**2).sum() <= (2 * LATE * self.near) ** 2:
                    site = (self.component[k], t, *(self.index[k] + cell))
                    votes.setdefault(site, {})[k] = off
        ranked = sorted(votes.items(), key=lambda item: (-len(item[1]), item[0]))
        if not ranked or len(ranked[0][1]) < 2:
            return (math.inf,)
        if len(ranked) > 1 and len(ranked[1][1]) == len(ranked[0][1]):
            return (math.inf,)
        (component, t, *index), seen = ranked[0]
        off = (np.mean(list(seen.values()), axis=0) ** 2).sum()
        angles = np.sort([angle_of(self.points[k] - self.points[j]) for k in seen])
        gaps = np.diff(angles, append=angles[0] + 2 * math.pi)
        strict = steps == 2 and gaps.max() > WIDEST_GAP
        if off > ((1 if strict else LATE) * self.near) ** 2:
            return (math.inf,)
        if self.taken(j, t, index, component):
            return (math.inf,)
        return off, component, t, tuple(index), self.maps[list(seen)].mean(axis=0)

    def taken(self, j, column, index, component):
        for k in self.tree.query_ball_point(self.points[j], SAME_SITE * self.nearest):
            same = self.component[k] == component and self.column[k] == column
            if same and tuple(self.index[k]) == tuple(index):
                return True
        return False


def angle_of(vector):
    return math.atan2(vector[1], vector[0])


def rotation(turn):
    c, s = math.cos(turn), math.sin(turn)
    return np.array([[c, -s], [s, c]])


def fit(pairs):
    """The map M with seen = M vector, by least squares; None where vectors are collinear."""
    if len(pairs) < 2:
        return None
    vectors, seen = (np.array(x) for x in zip(*pairs, strict=True))
    normal = vectors.T @ vectors
    if np.linalg.det(normal) < 0.05 * np.trace(normal) ** 2 / 4:
        return None
    return seen.T @ vectors @ np.linalg.inv(normal)


def sound(map_):
    """Whether it neither mirrors nor stretches by more than atoms of a crystal can be."""
    a, b, c, d = map_.ravel()
    trace, det = a * a + b * b + c * c + d * d, a * d - b * c
    # Singular values: their squares have this sum, and this product.
    root = math.sqrt(max(trace * trace - 4 * det * det, 0))
    large, small = math.sqrt((trace + root) / 2), math.sqrt(max((trace - root) / 2, 0))
    return det > 0 and large <= MOST_STRETCH and small * MOST_STRETCH >= 1
