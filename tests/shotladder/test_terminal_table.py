"""Tables fit any terminal and never lose the name of a row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotladder.terminal_table import MIN_WIDTH, render_table

CELL = st.text(alphabet="abc 1.", max_size=12).map(str.strip)


@given(st.lists(st.tuples(CELL.filter(bool), CELL, CELL), min_size=1, max_size=5), st.integers(MIN_WIDTH, 120))
def test_render_table_fits_the_width_and_keeps_the_names(rows, width):
    lines = render_table(("name", "first value", "second value"), rows, width).splitlines()
    assert max(map(len, lines)) <= width
    for name, *_ in rows:
        assert any(line.startswith(name) for line in lines)


def test_render_table_turns_rows_into_blocks_when_it_is_too_wide():
    rows = [("a presentation", "bba-2", "12.5", "1")]
    text = render_table(("presentation", "policy", "VMAF", "stalls"), rows, 30, names=2)
    assert text.splitlines() == ["a presentation, bba-2", "  VMAF 12.5, stalls 1"]


@pytest.mark.parametrize("width", [None, 200])
def test_render_table_aligns_numbers_to_the_right(width):
    text = render_table(("rung", "VMAF"), [("a", "1"), ("b", "100.0")], width)
    assert text.splitlines() == ["rung   VMAF", "a         1", "b     100.0"]
