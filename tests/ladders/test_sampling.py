"""Samples of chunks that stand for a title."""

from hypothesis import given
from hypothesis import strategies as st

from ladders.probing.sampling import MIN_SAMPLED_FRAMES, short_chunks


@given(st.integers(1, 6), st.lists(st.integers(1, 200), min_size=1, max_size=30))
def test_short_chunks_have_one_chunk_of_each_equal_part(count, frames):
    chosen = short_chunks(count, frames)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, len(frames))
    # parts of equal size, except for one chunk
    longest, shortest = -(-len(frames) // len(chosen)), len(frames) // len(chosen)
    for number, index in enumerate(chosen):
        assert number * shortest <= index < (number + 1) * longest


@given(st.lists(st.integers(1, 200), min_size=1, max_size=30))
def test_short_chunks_returns_the_shortest_chunk_that_is_long_enough(frames):
    (chosen,) = short_chunks(1, frames)
    long_enough = [count for count in frames if count >= MIN_SAMPLED_FRAMES]
    assert frames[chosen] == min(long_enough or frames)


def test_short_chunks_prefers_chunks_of_at_least_24_frames():
    assert short_chunks(1, [23, 24, 25]) == [1]
    assert short_chunks(1, [5, 3, 23]) == [1]
    assert short_chunks(2, [200, 30, 10, 90, 60, 400]) == [1, 4]
    assert short_chunks(3, [96] * 2) == [0, 1]
