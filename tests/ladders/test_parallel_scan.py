"""The analysis as jobs: the same as in one pass, each range once, and a film's faults in its own words."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import CancelledError
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import ladders
from encoder import SourceError
from ladders import analyse_shots_in_parallel, plan_ranges
from ladders.complexity.complexity_meter import COMPLEXITY_COLUMNS
from ladders.shots import parallel_scan
from ladders.shots.classifier import Classifier
from ladders.shots.cuts import CUT_FEATURES
from ladders.shots.scan import ScanResult
from shotladder_runtime.jobs import LocalExecutor
from shotladder_runtime.store import Store
from tests.ladders.test_shots import scene, write_film


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    pictures = np.concatenate([scene(seed, n) for seed, n in enumerate((40, 25, 60, 12, 90, 33))])
    return write_film(tmp_path_factory.mktemp("ranges") / "film.mkv", pictures)


@pytest.fixture(autouse=True)
def short_ranges(monkeypatch):
    monkeypatch.setattr("ladders.shots.parallel_scan.RANGE_SECONDS", Fraction(2))


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
        found, cpu = analyse_shots_in_parallel(
            film, executor, Store(tmp_path), progress=lambda *done: told.append(done)
        )
        assert found == ladders.analyse_shots(film)
        assert cpu > 0
        assert told[-1] == (film.frame_count, film.frame_count)
        assert [done for done, _ in told] == sorted(done for done, _ in told)
        kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("scan/*/*.json")}
        assert len(kept) == len(plan_ranges(film))
        assert analyse_shots_in_parallel(film, executor, Store(tmp_path)) == (found, pytest.approx(cpu))
        assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("scan/*/*.json")} == kept


def test_a_range_that_was_lost_from_the_store_is_looked_at_again_alone(film, tmp_path):
    with LocalExecutor(2) as executor:
        found, _ = analyse_shots_in_parallel(film, executor, Store(tmp_path))
        first, *others = sorted(tmp_path.glob("scan/*/*.json"))
        before = [path.stat().st_mtime_ns for path in others]
        first.unlink()
        assert analyse_shots_in_parallel(film, executor, Store(tmp_path))[0] == found
    assert first.exists()
    assert [path.stat().st_mtime_ns for path in others] == before


def test_a_film_that_is_another_one_is_told_in_its_own_words(film, tmp_path):
    other = replace(film, pts=tuple(p + 7 for p in film.pts))
    with LocalExecutor(1) as executor, pytest.raises(SourceError, match="has the file changed"):
        analyse_shots_in_parallel(other, executor, Store(tmp_path))
    assert not list(tmp_path.glob("scan/*/*.json"))


def test_join_refuses_ranges_with_a_gap_or_an_overlap():
    def part(start, stop):
        return ScanResult(start, stop, (), np.zeros((stop - start, len(COMPLEXITY_COLUMNS)), np.float32), ())

    joined = ScanResult.join([part(3, 5), part(0, 3)])
    assert (joined.start, joined.stop, len(joined.complexity)) == (0, 5, 5)
    for parts in ([part(0, 3), part(4, 5)], [part(0, 3), part(2, 5)]):
        with pytest.raises(ValueError, match="scanned ranges are not adjacent: 3 is followed by"):
            ScanResult.join(parts)


def test_ranges_stop_when_their_farm_is_shut_down(film, tmp_path):
    executor = LocalExecutor(1)

    def shut(done, total):
        executor.shutdown(wait=False, cancel_futures=True)

    with pytest.raises(CancelledError):
        analyse_shots_in_parallel(film, executor, Store(tmp_path), progress=shut)
    assert len(list(tmp_path.glob("scan/*/*.json"))) <= 1


#: Edits files and computes the digest after each edit, in processes that have not computed one before.
DIGESTS = """
import os, sys
from pathlib import Path
from ladders.shots.parallel_scan import code_digest
for names in sys.argv[1:]:
    for name in names.split():
        Path(name).write_text(Path(name).read_text() + "\\n# edited\\n")
    if os.fork():
        os.wait()
    else:
        os.write(1, f"{code_digest()}\\n".encode())
        os._exit(0)
"""


@pytest.fixture
def digests_after_edits(tmp_path):
    """Return a function that edits copies of the packages that a scan is made of, and computes the digests there."""
    root = Path(parallel_scan.__file__).parents[2]
    for package in ("ladders", "encoder", "shotladder_runtime"):
        shutil.copytree(root / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))

    def compute(*edits: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", DIGESTS, *edits], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.split()

    return compute


def test_code_digest_changes_with_exactly_the_files_that_decide_a_scan(digests_after_edits):
    before, after, *others = digests_after_edits(
        "",
        "ladders/final/correction.py ladders/api.py encoder/encode/levels.py",
        "ladders/blocks.py",
        "ladders/complexity/complexity_kernels.py",
        "encoder/media/frames.py",
        "ladders/shots/gradual/blend_wipe_push.py",
        "shotladder_runtime/kernels/vector.py",
    )
    assert after == before
    assert len({before, *others}) == 6


def test_cache_key_changes_with_the_content_of_a_model_and_not_with_thresholds(film, tmp_path):
    model = tmp_path / "model.npz"
    shutil.copy(Path(parallel_scan.__file__).parent / "models" / "cut.npz", model)

    def key(**parameters):
        job = parallel_scan.ScanJob(film, 0, 24, ladders.ShotParameters(**parameters), Store(tmp_path))
        return job.cache_key

    assert key(cut_model=model) == key() == key(cut_threshold=0.9)
    assert key(max_transition_seconds=1.0) != key()
    classifier = Classifier.load("cut", CUT_FEATURES)
    replace(classifier, output=classifier.output * 2).save(model)
    assert key(cut_model=model) != key()
