"""What a title will cost follows from its pieces."""

import pytest

from encoder import Chunk
from ladders.prediction import _pieces, _share_measured, _times_more


def chunks(*lengths):
    firsts = [sum(lengths[:n]) for n in range(len(lengths))]
    return tuple(Chunk(first, first + n, (first,), (0,)) for first, n in zip(firsts, lengths, strict=True))


@pytest.mark.parametrize(("per_chunk", "per_frame"), [(0.0, 2.0), (50.0, 2.0), (50.0, 0.0)])
def test_what_costs_by_the_chunk_and_by_the_frame_is_told_apart(per_chunk, per_frame):
    def cost(parts):
        return sum(per_chunk + per_frame * part.frame_count for part in parts)

    title = chunks(100, 300, 40, 60, 200)
    pieces = _pieces(title)
    singles = [Chunk(piece.first, piece.first + 1, (piece.first,), (0,)) for piece in pieces]
    more = _times_more(title, pieces, cost(singles) / cost(pieces))
    assert more * cost(pieces) == pytest.approx(cost(title))


def test_pieces_of_single_frames_are_no_trouble():
    title = chunks(1, 1)
    assert _times_more(title, _pieces(title), 1.0) == pytest.approx(1.0)


def test_short_pieces_are_measured_more_often():
    assert _share_measured(chunks(32), 9) > 1.5 * _share_measured(chunks(320), 9)
