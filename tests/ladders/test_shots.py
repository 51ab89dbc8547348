"""Shots: real cuts to the frame, ranges that join, films that are hardly any."""

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import encoder
import ladders
from ladders.shots.detector import select_transitions
from ladders.shots.frame_window import FrameWindow
from ladders.shots.scan import ScanResult, scan
from shotladder_runtime import process
from shotladder_runtime.tools import ffmpeg_path

SIZE = (160, 96)


def scene(seed: int, frames: int, size=SIZE) -> np.ndarray:
    """A texture of its own that drifts: frames x height x width, 8 bits."""
    rng = np.random.default_rng(seed)
    width, height = size
    coarse = rng.uniform(30, 220, (height // 8 + 8, width // 8 + 8))
    large = np.kron(coarse, np.ones((8, 8)))
    drift = rng.uniform(-1.5, 1.5, 2)
    offsets = [(20 + int(drift[0] * n), 20 + int(drift[1] * n)) for n in range(frames)]
    return np.array([np.roll(large, (y, x), (0, 1))[:height, :width] for y, x in offsets]).astype(np.uint8)


def write_film(path: Path, pictures, options=None, steps=None, pixel_format="yuv420p") -> encoder.Source:
    with av.open(str(path), "w") as container:
        height, width = pictures[0].shape
        stream = container.add_stream("libx264", rate=25, options={"crf": "18", "preset": "veryfast"} | (options or {}))
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.gop_size = 24
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="gray").reformat(
                format=pixel_format
            )
            frame.pts = number if steps is None else int(steps[number])
            frame.time_base = Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return encoder.inspect(path)


def firsts(shots) -> list[int]:
    return [shot.start for shot in shots]


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> encoder.Source:
    pictures = np.concatenate([scene(seed, n) for seed, n in enumerate((40, 25, 60, 12, 90, 33))])
    return write_film(tmp_path_factory.mktemp("shots") / "film.mkv", pictures)


def test_cuts_are_found_to_the_frame(film):
    shots = ladders.detect_shots(film)
    assert firsts(shots) == [0, 40, 65, 125, 137, 227]
    assert [shot.transition for shot in shots] == ["start", *["cut"] * 5]


def test_shots_tile_the_film(film):
    shots = ladders.detect_shots(film)
    assert (shots[0].start, shots[-1].stop) == (0, film.frame_count)
    assert all(a.stop == b.start for a, b in pairwise(shots))


def test_ranges_join_to_what_one_pass_finds(film):
    whole = scan(film)
    for edges in [(0, 72, 168, 260), (0, 24, 48, 120, 144, 240, 260)]:
        parts = [scan(film, a, b) for a, b in pairwise(edges)]
        joined = ScanResult.join(reversed(parts))
        assert joined.transitions == whole.transitions
        np.testing.assert_array_equal(joined.complexity, whole.complexity)
        assert ladders.assemble_shots(film, joined) == ladders.assemble_shots(film, whole)


def test_ranges_with_a_hole_do_not_join(film):
    with pytest.raises(ValueError, match="not adjacent"):
        ScanResult.join([scan(film, 0, 24), scan(film, 48, 60)])


def test_part_of_a_film_is_not_assembled(film):
    with pytest.raises(ValueError, match="not all 260 of the source"):
        ladders.assemble_shots(film, scan(film, 0, 24))


def test_progress_ends_at_the_whole(film):
    told: list[tuple[float, float]] = []
    ladders.detect_shots(film, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (film.frame_count, film.frame_count)
    assert all(a <= b for (a, _), (b, _) in pairwise(told))


@pytest.mark.parametrize("level", [16, 128])
def test_a_flat_film_is_one_shot(tmp_path, level):
    source = write_film(tmp_path / "flat.mkv", [np.full((64, 64), level, np.uint8)] * 50)
    (shot,) = ladders.detect_shots(source)
    assert (shot.start, shot.stop, shot.transition) == (0, 50, "start")


def test_one_frame_repeated_is_one_shot(tmp_path):
    source = write_film(tmp_path / "still.mkv", [scene(1, 1)[0]] * 50)
    assert len(ladders.detect_shots(source)) == 1


def test_one_frame_is_one_shot(tmp_path):
    source = write_film(tmp_path / "one.mkv", scene(1, 1))
    (shot,) = ladders.detect_shots(source)
    assert (shot.start, shot.stop) == (0, 1)
    assert shot.complexity.ti is None
    assert shot.complexity.si is not None


@pytest.mark.parametrize("size", [(16, 16), (18, 16), (17, 19), (33, 21), (34, 50), (131, 97)])
def test_small_and_odd_sizes_are_cut_too(tmp_path, size):
    pictures = np.concatenate([scene(3, 30, size), 255 - scene(8, 30, size)])
    layout = "yuv444p" if size[0] % 2 else "yuv420p"
    assert firsts(ladders.detect_shots(write_film(tmp_path / "small.mkv", pictures, pixel_format=layout))) == [0, 30]


def test_damaged_frames_are_told_and_the_others_analysed(tmp_path):
    source = write_film(tmp_path / "whole.mkv", np.concatenate([scene(1, 60), scene(2, 60)]))
    damaged = tmp_path / "damaged.mkv"
    data = bytearray(Path(source.path).read_bytes())
    with av.open(source.path) as container:
        packets = [bytes(p) for p in container.demux(video=0) if p.size and 20 <= p.pts * p.time_base * 25 < 24]
    for packet in packets:
        place = data.index(packet)
        data[place : place + len(packet)] = bytes(len(packet))
    damaged.write_bytes(data)
    analysis = ladders.analyse_shots(encoder.inspect(damaged))
    assert analysis.undecodable == ((20, 24),)
    assert firsts(analysis.shots) == [0, 60]
    assert analysis.shots[-1].stop == 120


def test_holes_in_time_are_no_cuts(tmp_path):
    pictures = scene(5, 80)
    steps = np.arange(80) + np.where(np.arange(80) >= 40, 50, 0)
    source = write_film(tmp_path / "gap.mkv", pictures, steps=steps)
    assert not source.is_cfr
    assert len(ladders.detect_shots(source)) == 1


def test_a_flash_is_no_cut(tmp_path):
    pictures = scene(6, 60).astype(np.int32)
    pictures[30:32] += 120
    source = write_film(tmp_path / "flash.mkv", np.clip(pictures, 0, 255).astype(np.uint8))
    assert len(ladders.detect_shots(source)) == 1


def test_light_that_is_switched_is_no_cut(tmp_path):
    pictures = scene(6, 60).astype(np.float64)
    pictures[30:] *= np.linspace(0.3, 0.7, SIZE[0])
    source = write_film(tmp_path / "lamp.mkv", pictures.astype(np.uint8))
    assert len(ladders.detect_shots(source)) == 1


@pytest.mark.parametrize("bar", [8, 20])
def test_black_bars_hide_no_cut(tmp_path, bar):
    pictures = np.concatenate([scene(3, 30), scene(8, 30)])
    pictures[:, :bar] = pictures[:, -bar:] = 0
    assert firsts(ladders.detect_shots(write_film(tmp_path / "bars.mkv", pictures))) == [0, 30]


def test_a_film_without_its_frames_is_an_error(film):
    gone = replace(film, pts=tuple(p + 7 for p in film.pts))
    with pytest.raises(encoder.SourceError):
        ladders.detect_shots(gone)


def blended(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Dissolve from the last frames of one shot over the first of another: len(a) mixed frames."""
    weights = np.linspace(0, 1, len(a) + 2)[1:-1, None, None]
    return ((1 - weights) * a + weights * b).astype(np.uint8)


@pytest.fixture(scope="module")
def faded(tmp_path_factory) -> encoder.Source:
    """40 frames, a dissolve of 20, 40 frames, a fade of 15 to 20 black frames, a fade in of 15, 40 frames."""
    a, b, c = (smooth_scene(seed, 80) for seed in (11, 12, 13))
    black = np.full((20, *a.shape[1:]), 16, np.uint8)
    parts = [a[:40], blended(a[40:60], b[:20]), b[20:60], blended(b[60:75], black[:15])]
    parts += [black, blended(black[:15], c[:15]), c[15:55]]
    return write_film(tmp_path_factory.mktemp("faded") / "film.mkv", np.concatenate(parts))


def smooth_scene(seed: int, frames: int) -> np.ndarray:
    return np.array([cv2.GaussianBlur(scene(seed, 1)[0], (0, 0), 3)] * frames)


def test_dissolves_and_fades_are_found_with_their_ends(faded):
    found = ladders.analyse_shots(faded).transitions
    expected = [("dissolve", 40, 60), ("fade_out", 100, 115), ("fade_in", 135, 150)]
    assert [t.kind for t in found] == [kind for kind, _, _ in expected]
    for t, (_, first, last) in zip(found, expected, strict=True):
        assert abs(t.start - first) <= 3
        assert abs(t.stop - last) <= 3


def test_a_shot_begins_in_the_middle_of_a_dissolve_and_at_both_ends_of_a_held_black(faded):
    shots = ladders.detect_shots(faded)
    assert [shot.transition for shot in shots] == ["start", "dissolve", "fade", "fade"]
    assert np.abs(np.subtract(firsts(shots), [0, 50, 115, 135])).max() <= 3
    assert shots[1].transition_frames is not None
    assert shots[1].transition_frames[0] < shots[1].start < shots[1].transition_frames[1]


def test_ranges_join_across_gradual_transitions_too(faded):
    whole = scan(faded)
    joined = ScanResult.join(scan(faded, a, b) for a, b in pairwise((0, 48, 96, 144, faded.frame_count)))
    assert joined.transitions == whole.transitions
    np.testing.assert_array_equal(joined.complexity, whole.complexity)


def test_frames_that_change_size_begin_a_shot(tmp_path):
    paths = []
    for number, size in enumerate([(160, 96), (96, 64)]):
        pictures = [cv2.resize(scene(4, 1)[0], size)] * 30
        source = write_film(tmp_path / f"{number}.ts", pictures)
        paths.append(Path(source.path))
    both, later = tmp_path / "both.ts", tmp_path / "later.ts"
    # the clock of the second part goes on where the first part ends
    argv = [ffmpeg_path(), *process.QUIET, "-i", str(paths[1]), "-c", "copy", "-output_ts_offset", "1.2", str(later)]
    process.run(argv)
    both.write_bytes(paths[0].read_bytes() + later.read_bytes())
    source = encoder.inspect(both)
    sizes = [frame.luma.shape for frame in encoder.decode(source, on_undecodable=lambda first, last: None)]
    change = next(n for n in range(1, len(sizes)) if sizes[n] != sizes[n - 1])
    assert change in firsts(ladders.detect_shots(source))


def transition(kind: str, first: int, last: int, score: float = 0.9) -> ladders.Transition:
    return ladders.Transition(kind, first, last, score)


def test_of_two_cuts_that_are_too_near_the_surer_stays():
    cuts = [transition("cut", 10, 10, 0.8), transition("cut", 12, 12, 0.9), transition("cut", 16, 16, 0.7)]
    assert [t.start for t in select_transitions(cuts, ladders.ShotParameters())] == [12, 16]


def test_a_wipe_has_to_be_surer_than_a_dissolve():
    found = [transition("dissolve", 10, 30, 0.4), transition("wipe", 40, 60, 0.4), transition("wipe", 70, 90, 0.6)]
    assert [t.start for t in select_transitions(found, ladders.ShotParameters())] == [10, 70]


def test_a_cut_beside_a_surer_dissolve_is_one_of_its_steps():
    found = select_transitions(
        [transition("dissolve", 10, 30), transition("cut", 30, 30, 0.8)], ladders.ShotParameters()
    )
    assert [t.kind for t in found] == ["dissolve"]


def test_a_short_black_between_fades_belongs_to_the_shot_that_fades_in(film):
    evidence = replace(scan(film), transitions=(transition("fade_out", 30, 40), transition("fade_in", 44, 60)))
    first, second = ladders.assemble_shots(film, evidence).shots
    assert (second.start, second.transition, second.transition_frames) == (44, "fade", (30, 60))
    assert first.stop == 44


def test_fades_at_both_ends_open_no_shot(film):
    ends = (transition("fade_in", 3, 20), transition("fade_out", 240, film.frame_count - 2))
    (shot,) = ladders.assemble_shots(film, replace(scan(film), transitions=ends)).shots
    assert shot.transition == "start"


@pytest.mark.shared
@pytest.mark.parametrize("clip", ["anamorphic_pal_704x576_25s.mp4", "bbb_480p_30s_51.mp4", "goldeneye_vfr_drop3.mp4"])
def test_cuts_of_real_clips_are_where_a_person_saw_them(shared, clip):
    truth = json.loads((shared / "truth" / "shots" / f"{clip}.json").read_text())
    found = ladders.analyse_shots(encoder.inspect(shared / "clips" / clip)).transitions
    assert [t.start for t in found if t.kind == "cut"] == truth["cuts"]


def test_detect_shots_accepts_a_path(film):
    assert ladders.detect_shots(film.path) == ladders.detect_shots(Path(film.path)) == ladders.detect_shots(film)


def test_measure_changes_returns_a_row_per_frame_with_named_columns(film):
    metrics = ladders.measure_changes(film.path)
    assert metrics.names == ladders.CHANGE_METRICS
    assert metrics.values.shape == (film.frame_count, len(ladders.CHANGE_METRICS))
    assert not metrics.values[0].any()
    highest = np.argsort(metrics["inter_residual_ratio"])[-5:]
    assert sorted(highest.tolist()) == firsts(ladders.detect_shots(film))[1:]


def test_measure_changes_equals_the_window_that_holds_all_frames(film):
    window = None
    for frame in encoder.decode(film, deblock=False):
        window = window or FrameWindow(film, frame, film.frame_count)
        window.push(frame)
    np.testing.assert_array_equal(ladders.measure_changes(film).values, window.changes)


def test_to_pandas_has_a_row_per_shot(faded):
    pandas = pytest.importorskip("pandas")
    analysis = ladders.analyse_shots(faded)
    table = analysis.to_pandas()
    assert isinstance(table, pandas.DataFrame)
    assert table["start"].tolist() == firsts(analysis.shots)
    assert table["transition_start"].isna().tolist() == [True, False, False, False]
    assert table["ti_mean"].tolist() == [shot.complexity.ti.mean for shot in analysis.shots]
    metrics = ladders.measure_changes(faded).to_pandas()
    assert list(metrics.columns) == list(ladders.CHANGE_METRICS)
