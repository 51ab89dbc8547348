"""The check of a recorded link: it accepts what the trace allows, and finds a link that is too fast or stops."""

import pytest

from abr import Trace
from benchmarks.fidelity.recorded_link import Piece, link_error

RATE = 1e6
TRACE = Trace("steady", [100.0], [RATE], [0.0])
SIZE = 625  # bytes: 5 ms


def pieces(factor=1.0, late=0.0, count=2000):
    step = 8 * SIZE / RATE
    return [Piece(n * step, (n + 1) * step, (n + 1) * step / factor + late, SIZE) for n in range(count)]


def test_link_error_is_small_when_the_link_follows_its_trace():
    error = link_error(TRACE, pieces(late=0.001))
    assert error.windows > 50
    assert error.largest < 0.005


def test_link_error_finds_a_link_that_is_five_percent_too_fast():
    assert link_error(TRACE, pieces(factor=1.05)).largest == pytest.approx(0.05, abs=0.005)


def test_link_error_finds_a_pause_of_the_server():
    stopped = [piece._replace(sent=max(piece.sent, 5.2)) if 5.0 < piece.sent < 5.2 else piece for piece in pieces()]
    assert link_error(TRACE, stopped).largest > 0.05


def test_link_error_ignores_pauses_between_transfers():
    later = [
        piece._replace(start=piece.start + 30, planned=piece.planned + 30, sent=piece.sent + 30) for piece in pieces()
    ]
    assert link_error(TRACE, pieces() + later).largest < 0.005
