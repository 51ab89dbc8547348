"""Sizes to choose from keep the shape, fit the box, enlarge nothing and obey the bound."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ladders import APPLE_LADDERS, candidate_sizes

SIDES = st.integers(16, 4320).map(lambda n: 2 * n)


@given(SIDES, SIDES, st.none() | st.integers(32, 3000))
def test_sizes_are_even_no_larger_than_the_film_and_fall(width, height, bound):
    sizes = candidate_sizes((width, height), bound)
    assert sizes
    for w, h in sizes.values():
        assert w % 2 == h % 2 == 0
        assert 2 <= w <= width
        assert 2 <= h <= height
    assert all(a > b for a, b in pairwise(sizes))
    if bound is not None:
        assert max(sizes) <= bound
    else:
        assert next(iter(sizes.values())) == (width, height)


@given(SIDES, SIDES)
def test_sizes_keep_the_shape_and_fit_a_box_of_16_to_9(width, height):
    for nominal, (w, h) in candidate_sizes((width, height)).items():
        # lengths are rounded to even ones
        assert abs(w / width - h / height) <= 1.01 * (1 / width + 1 / height)
        short, long = sorted((w, h))
        assert short <= nominal + 1
        assert long <= nominal * 16 / 9 + 2


@pytest.mark.parametrize(
    ("display", "bound", "expected"),
    [
        (
            (1920, 1080),
            None,
            {1080: (1920, 1080), 720: (1280, 720), 540: (960, 540), 432: (768, 432), 360: (640, 360), 234: (416, 234)},
        ),
        ((1920, 800), 720, {720: (1280, 534), 540: (960, 400), 432: (768, 320), 360: (640, 266), 234: (416, 174)}),
        ((1080, 1920), 400, {360: (360, 640), 234: (234, 416)}),
        ((640, 480), 400, {360: (480, 360), 234: (312, 234)}),
        ((160, 90), None, {90: (160, 90)}),
        ((160, 90), 64, {64: (114, 64)}),
        ((1920, 1080), 200, {200: (356, 200)}),
    ],
)
def test_usual_films_have_the_usual_sizes(display, bound, expected):
    assert candidate_sizes(display, bound) == expected


def test_apples_table_rises():
    for table in APPLE_LADDERS.values():
        assert all(a[0] <= b[0] and a[1] < b[1] for a, b in pairwise(table))
