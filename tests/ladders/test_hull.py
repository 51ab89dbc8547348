"""The convex hull against its reference implementation."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ladders import convex_hull
from tests.naive.hulls import naive_hull

# few values, so that equal rates, equal qualities and lines are common; integers, so that lines are exact
CROWDED = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 8)), min_size=1, max_size=14)
SPREAD = st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)), min_size=1, max_size=14)


@settings(deadline=None, max_examples=300)
@given(CROWDED | SPREAD)
@example([(5, 5)])
@example([(5, 5)] * 4)
@example([(3, 1), (3, 7), (3, 4)])
@example([(1, 4), (2, 4), (9, 4)])
@example([(1, 9), (2, 5), (3, 1)])
@example([(1, 1), (2, 2), (3, 3), (4, 4)])
@example([(1, 0), (2, 8), (3, 2), (4, 8), (5, 9), (6, 3)])
def test_convex_hull_equals_the_reference_implementation(points):
    bits, quality = zip(*points, strict=True)
    assert list(convex_hull(bits, quality)) == naive_hull(bits, quality)


@settings(deadline=None)
@given(CROWDED | SPREAD)
def test_convex_hull_has_no_dominated_point_and_decreasing_slopes(points):
    bits, quality = zip(*points, strict=True)
    corners = convex_hull(bits, quality)
    assert corners
    for index in corners:
        better = [n for n, (b, q) in enumerate(points) if b <= bits[index] and q >= quality[index]]
        assert all((bits[n], quality[n]) == (bits[index], quality[index]) for n in better)
    b, q = np.array(bits)[list(corners)], np.array(quality)[list(corners)]
    assert np.all(np.diff(b) > 0)
    assert np.all(np.diff(q) > 0)
    slopes = np.diff(q) / np.diff(b)
    assert np.all(np.diff(slopes) < 0)


@settings(deadline=None)
@given(CROWDED | SPREAD, st.randoms())
def test_convex_hull_does_not_depend_on_the_order(points, random):
    shuffled = list(points)
    random.shuffle(shuffled)
    sides = [[p[c] for c in convex_hull(*zip(*p, strict=True))] for p in (points, shuffled)]
    assert sides[0] == sides[1]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(1, 1e9), st.floats(0, 100)), min_size=1, max_size=30))
def test_convex_hull_has_no_point_above_it(points):
    bits, quality = zip(*points, strict=True)
    corners = list(convex_hull(bits, quality))
    b, q = np.array(bits)[corners], np.array(quality)[corners]
    assert max(quality) == q[-1]
    assert min(bits) == b[0]
    for x, y in points:
        assert y <= np.interp(x, b, q) + 1e-6
