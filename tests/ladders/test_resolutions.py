"""Candidate sizes and the recommended ladders."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ladders import APPLE_LADDERS, candidate_sizes

SIDES = st.integers(16, 4320).map(lambda n: 2 * n)


@given(SIDES, SIDES, st.none() | st.integers(32, 3000))
def test_candidate_sizes_are_even_and_decrease_from_the_source(width, height, bound):
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
def test_candidate_sizes_keep_the_aspect_ratio_in_a_16_9_box(width, height):
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
def test_candidate_sizes_of_common_sources(display, bound, expected):
    assert candidate_sizes(display, bound) == expected


def test_apple_ladders_increase():
    for table in APPLE_LADDERS.values():
        assert all(a[0] <= b[0] and a[1] < b[1] for a, b in pairwise(table))
