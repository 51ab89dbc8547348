"""The analysis as jobs: the same as in one pass, each range once, and a film's faults in its own words."""

from concurrent.futures import CancelledError
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import ladders
from encoder import SourceError
from ladders import analyse_in_ranges, plan_ranges
from shotladder_runtime.jobs import LocalExecutor
from shotladder_runtime.store import Store
from tests.ladders.test_shots import scene, write_film


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    pictures = np.concatenate([scene(seed, n) for seed, n in enumerate((40, 25, 60, 12, 90, 33))])
    return write_film(tmp_path_factory.mktemp("ranges") / "film.mkv", pictures)


@pytest.fixture(autouse=True)
def short_ranges(monkeypatch):
    monkeypatch.setattr("ladders.shots.parallel_scan.RANGE", Fraction(2))


def test_ranges_tile_the_film_from_key_frame_to_key_frame(film):
    ranges = plan_ranges(film)
    assert len(ranges) > 3
    assert (ranges[0][0], ranges[-1][1]) == (0, film.frame_count)
    assert all(a[1] == b[0] for a, b in pairwise(ranges))
    assert {first for first, _ in ranges} <= set(film.keyframes)
    assert all(film.time(b) - film.time(a) >= 1 for a, b in ranges)


def test_a_film_of_one_key_frame_is_one_range(film):
    assert plan_ranges(replace(film, keyframes=(0,))) == [(0, film.frame_count)]


def test_ranges_find_what_one_pass_does_and_are_kept(film, tmp_path):
    told = []
    with LocalExecutor(2) as executor:
        found, cpu = analyse_in_ranges(film, executor, Store(tmp_path), progress=lambda *done: told.append(done))
        assert found == ladders.analyse(film)
        assert cpu > 0
        assert told[-1] == (film.frame_count, film.frame_count)
        assert [done for done, _ in told] == sorted(done for done, _ in told)
        kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("evidence/*/*.json")}
        assert len(kept) == len(plan_ranges(film))
        assert analyse_in_ranges(film, executor, Store(tmp_path)) == (found, pytest.approx(cpu))
        assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("evidence/*/*.json")} == kept


def test_a_range_that_was_lost_from_the_store_is_looked_at_again_alone(film, tmp_path):
    with LocalExecutor(2) as executor:
        found, _ = analyse_in_ranges(film, executor, Store(tmp_path))
        first, *others = sorted(tmp_path.glob("evidence/*/*.json"))
        before = [path.stat().st_mtime_ns for path in others]
        first.unlink()
        assert analyse_in_ranges(film, executor, Store(tmp_path))[0] == found
    assert first.exists()
    assert [path.stat().st_mtime_ns for path in others] == before


def test_a_film_that_is_another_one_is_told_in_its_own_words(film, tmp_path):
    other = replace(film, pts=tuple(p + 7 for p in film.pts))
    with LocalExecutor(1) as executor, pytest.raises(SourceError, match="has the file changed"):
        analyse_in_ranges(other, executor, Store(tmp_path))
    assert not list(tmp_path.glob("evidence/*/*.json"))


def test_ranges_stop_when_their_farm_is_shut_down(film, tmp_path):
    executor = LocalExecutor(1)

    def shut(done, total):
        executor.shutdown(wait=False, cancel_futures=True)

    with pytest.raises(CancelledError):
        analyse_in_ranges(film, executor, Store(tmp_path), progress=shut)
    assert len(list(tmp_path.glob("evidence/*/*.json"))) <= 1
