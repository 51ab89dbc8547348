"""Chunks and segments cover every frame and start with key frames."""

from fractions import Fraction
from itertools import cycle, islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoder import Chunk, Colour, EncodePlan, Rendition, Source, plan_chunks
from encoder.encode.plan import MAX_CHUNK, MIN_CHUNK
from encoder.packaging.packager import choose_segment_duration


def video(ticks: list[int], rate: Fraction) -> Source:
    """Return a source with these times; the last tick is its end."""
    return Source(
        **{"path": "video", "content_id": "0", "stream_index": 0, "codec": "h264", "pixel_format": "yuv420p"},
        **{"width": 64, "height": 64, "sample_aspect_ratio": Fraction(1), "rotation": 0, "interlaced": False},
        **{"colour": Colour(), "bit_depth": 8, "time_base": Fraction(1, 90_000), "pts": tuple(ticks[:-1])},
        **{"keyframes": (0,), "frame_rate": rate, "end_pts": ticks[-1]},
    )


def make_constant_source(count: int, rate: Fraction) -> Source:
    return video([round(n / rate * 90_000) for n in range(count + 1)], rate)


@st.composite
def titles(draw, *, varying: bool = False):
    """Draw a source, the starts of its shots, and a segment duration."""
    rate = draw(st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(12)]))
    lengths = draw(st.lists(st.integers(1, 400), min_size=1, max_size=30))
    count = sum(lengths)
    starts = [sum(lengths[:n]) for n in range(len(lengths))]
    segment = draw(st.sampled_from([Fraction(1), Fraction(2), Fraction(4), Fraction(6), Fraction(7, 3)]))
    if not varying:
        return make_constant_source(count, rate), starts, segment
    # every frame lasts 1 to 40 usual ones: freezes and gaps
    holds = draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 3, 40]), min_size=1, max_size=50))
    ticks = [0]
    for hold in islice(cycle(holds), count):
        ticks.append(ticks[-1] + hold * 3600)
    return video(ticks, Fraction(25)), starts, segment


def check_plan(source, starts, segment):
    chunks, segments = plan_chunks(source, starts, segment)
    for parts in (chunks, segments):
        edges = [0, *(part.stop for part in parts)]
        assert [part.start for part in parts] == edges[:-1]
        assert edges[-1] == source.frame_count
        assert all(a < b for a, b in pairwise(edges))
    keys = [key for chunk in chunks for key in chunk.keyframes]
    assert keys == sorted(set(keys))
    assert all(chunk.start == chunk.keyframes[0] and chunk.keyframes[-1] < chunk.stop for chunk in chunks)
    assert {part.start for part in segments} <= set(keys)
    return chunks, segments


@settings(deadline=None, max_examples=60)
@given(titles())
def test_plan_chunks_covers_every_frame_within_bounds(title):
    source, _, segment = title
    _, segments = check_plan(*title)
    # a cut falls on a frame, so that a frame is how much a segment may be over
    frame = 1 / source.frame_rate + source.time_base
    for n, part in enumerate(segments):
        length = source.time(part.stop) - source.time(part.start)
        assert length <= segment * Fraction(3, 2) + frame
        assert length >= segment / 2 or (n == len(segments) - 1)


@settings(deadline=None, max_examples=60)
@given(titles())
def test_plan_segments_is_below_the_minimum_only_for_short_sources(title):
    source, _, segment = title
    _, segments = check_plan(*title)
    last = source.duration - source.time(segments[-1].start)
    assert last >= min(segment / 2, source.duration)


@settings(deadline=None, max_examples=60)
@given(titles(varying=True))
def test_plan_chunks_covers_sources_with_freezes_and_gaps(title):
    source, _, segment = title
    _, segments = check_plan(*title)
    for part in segments[:-1]:
        length = source.time(part.stop) - source.time(part.start)
        longest = max(source.time(n + 1) - source.time(n) for n in range(part.start, part.stop))
        assert segment / 2 <= length <= segment * Fraction(3, 2) + longest


@settings(deadline=None, max_examples=60)
@given(titles())
def test_plan_chunks_lists_the_shots_of_each_chunk(title):
    source, starts, _ = title
    chunks, _ = check_plan(*title)
    ends = [*starts[1:], source.frame_count]
    for chunk in chunks:
        held = [n for n, (a, b) in enumerate(zip(starts, ends, strict=True)) if a < chunk.stop and b > chunk.start]
        assert list(chunk.shots) == held
        assert list(chunk.cuts) == [start for start in starts if chunk.start < start < chunk.stop]


@settings(deadline=None, max_examples=60)
@given(titles())
def test_plan_chunks_starts_chunks_at_shots_except_in_long_shots(title):
    source, starts, _ = title
    chunks, _ = check_plan(*title)
    shots = {*starts}
    for before, chunk in pairwise(chunks):
        if chunk.start not in shots:
            # a long take, parted
            assert before.shots[-1] == chunk.shots[0]
            assert source.time(chunk.start) - source.time(before.start) >= MAX_CHUNK // 2
        # only parts of a long shot, and the last chunk, may be shorter than the minimum
        elif before.start in shots:
            assert source.time(chunk.start) - source.time(before.start) >= MIN_CHUNK


@settings(deadline=None, max_examples=60)
@given(titles() | titles(varying=True))
def test_choose_segment_duration_separates_all_segment_starts(title):
    """The packager cuts at the first key frame in each cell of a grid, so that no cell may contain two starts."""
    source = title[0]
    _, segments = check_plan(*title)
    cell = choose_segment_duration(source, segments)
    cells = [int(float(source.time(segment.start)) / cell) for segment in segments]
    assert all(a < b for a, b in pairwise(cells))


def test_plan_chunks_keeps_shots_of_usual_duration():
    source = make_constant_source(24 * 14, Fraction(24))
    chunks, segments = plan_chunks(source, [0, 72, 168, 240], Fraction(4))
    assert [(c.start, c.stop, c.shots) for c in chunks] == [
        (0, 72, (0,)),
        (72, 168, (1,)),
        (168, 240, (2,)),
        (240, 336, (3,)),
    ]
    assert [s.start for s in segments] == [0, 72, 168, 240]


def test_plan_chunks_splits_a_long_shot_at_segments():
    source = make_constant_source(24 * 60, Fraction(24))
    chunks, segments = plan_chunks(source, [0], Fraction(4))
    assert len(segments) == 15
    assert {s.stop - s.start for s in segments} == {96}
    assert len(chunks) > 1
    assert all(chunk.frame_count <= 24 * MAX_CHUNK for chunk in chunks)


def test_encode_plan_rejects_chunks_with_gaps():
    source = make_constant_source(100, Fraction(25))
    rung = Rendition("a", "h264", 64, 64, "medium")
    halves = (Chunk(0, 50, (0,), (0,)), Chunk(50, 100, (50,), (1,)))
    EncodePlan(source, halves, (rung,), ((20.0, 21.0),))
    for chunks, row in [(halves[:1], (20.0,)), (halves[::-1], (20.0, 21.0)), (halves, (20.0,))]:
        with pytest.raises(ValueError, match=r"cover every frame|quantiser"):
            EncodePlan(source, chunks, (rung,), (row,))


@pytest.mark.parametrize("rest", [1, 9])
def test_plan_chunks_joins_a_short_rest_with_the_long_frame_before_it(rest):
    # 2 s at 25 frames/s, a frame of 20 s, and frames at the end that are no segment of half a second
    ticks = [*range(0, 50 * 3600, 3600), 50 * 3600]
    ticks += [ticks[-1] + 1_800_000 + n * 3600 for n in range(rest + 1)]
    source = video(ticks, Fraction(25))
    _, segments = check_plan(source, [0], Fraction(1))
    assert source.time(segments[-1].start) == 2
    assert all(source.time(part.stop) - source.time(part.start) >= Fraction(1, 2) for part in segments)
