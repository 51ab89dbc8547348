"""A search takes another metric than VMAF: XPSNR as FFmpeg pools it, or a function of the user."""

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import encoder
import ladders
import vmaf
from encoder import plan_chunks
from ladders import METRICS, XPSNR, ErrorScale, LadderRequest, LinearScale, Metric
from ladders.final.correction import encode_with_correction
from ladders.final.extra_metrics import measure_extra
from ladders.ladder_request import EncodeSettings
from ladders.probing.chunk_measurement import measure_quality
from ladders.probing.probe_runner import ProbePoint
from ladders.probing.prober import Prober
from shotladder_runtime.jobs import LocalExecutor
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path
from tests.encoder.videos import write_video

QUICK = EncodeSettings(preset="ultrafast", effort="fast")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """50 frames of 128x64."""
    return encoder.inspect(write_video(tmp_path_factory.mktemp("source") / "a.mp4", 50, options={"crf": "4"}))


@pytest.fixture(scope="module")
def coarse(source, tmp_path_factory):
    """An encode of half the size."""
    path = tmp_path_factory.mktemp("coarse") / "b.mkv"
    argv = [ffmpeg_path(), "-v", "error", "-i", source.path, "-vf", "scale=64:32", "-c:v", "libx264", "-crf", "30"]
    subprocess.run([*argv, str(path)], check=True)
    return path


def mean_absolute_similarity(source, path, start, frames):
    """Return 1 minus the mean absolute difference of luma."""
    pairs = vmaf.frame_pairs(source, path, frames=(int(frames[0]), int(frames[-1]) + 1), offset=start)
    chosen = set(frames.tolist())
    return [
        1 - np.abs(pair.reference[0].astype(int) - pair.rendition[0]).mean() / 255
        for pair in pairs
        if pair.number in chosen
    ]


SIMILARITY = Metric("similarity-1", "", 0.985, LinearScale(0.8, 1.0), mean_absolute_similarity)


@pytest.mark.parametrize("scale", [LinearScale(0.5, 1.0), ErrorScale(20.0)])
def test_to_quality_increases_and_to_score_inverts_it(scale):
    scores = np.linspace(scale.worst, 0.99 if isinstance(scale, LinearScale) else 60.0, 50)
    quality = scale.to_quality(scores)
    assert quality[0] == 0
    assert (np.diff(quality) > 0).all()
    assert quality[-1] < 100
    assert_allclose([scale.to_score(each) for each in quality], scores)


def test_pool_of_xpsnr_is_that_of_ffmpeg(source, coarse):
    argv = [ffmpeg_path(), "-hide_banner", "-nostdin", "-i", str(coarse), "-i", source.path, "-lavfi"]
    graph = "[0]scale=128:64:flags=bicubic,settb=1/25,setpts=N[d];[1]settb=1/25,setpts=N[r];[r][d]xpsnr"
    printed = subprocess.run([*argv, graph, "-f", "null", "-"], capture_output=True, text=True, check=True).stderr
    average = float(printed.rpartition("XPSNR  y: ")[2].split()[0])
    assert XPSNR.pool(vmaf.xpsnr(source, coarse)) == pytest.approx(average, abs=5e-4)


@pytest.mark.parametrize("rate", [25, 50])
def test_xpsnr_of_a_range_is_that_of_a_whole_run(tmp_path, rate):
    # above 32 frames per second ffmpeg reads two frames before each frame
    reference = write_video(tmp_path / "a.mp4", 24, rate=Fraction(rate), options={"crf": "4"})
    other = write_video(tmp_path / "b.mp4", 24, rate=Fraction(rate), options={"crf": "36"})
    whole = vmaf.xpsnr(reference, other)
    assert len(whole) == 24
    assert_allclose(vmaf.xpsnr(reference, other, frames=(9, 17)), whole[9:17], rtol=0, atol=0)
    assert_allclose(vmaf.score(reference, other, metrics=("xpsnr",))[0].xpsnr_y, whole, rtol=0, atol=0)


def test_frame_pairs_have_the_size_of_the_reference(source, coarse):
    pairs = list(vmaf.frame_pairs(source, coarse, frames=(10, 13)))
    assert [pair.number for pair in pairs] == [10, 11, 12]
    assert [plane.shape for plane in pairs[0].rendition] == [(64, 128), (32, 64), (32, 64)]
    assert [plane.shape for plane in pairs[0].reference] == [(64, 128), (32, 64), (32, 64)]
    scores = vmaf.score(source, coarse, metrics=("psnr",))[0]
    error = np.mean((pairs[1].reference[0].astype(int) - pairs[1].rendition[0]) ** 2)
    assert 10 * np.log10(255**2 / error) == pytest.approx(scores.psnr_y[11], abs=1e-4)


def test_score_frames_rejects_a_metric_without_a_number_for_each_frame(source, coarse):
    for values in ([1.0], [1.0, float("nan")]):
        broken = replace(SIMILARITY, measure=lambda *_, values=values: values)
        with pytest.raises(vmaf.MeasureError, match="the metric similarity-1 does not return a number for each of its"):
            broken.score_frames(source, coarse, 0, np.arange(2))


@pytest.mark.parametrize(("metric", "unit"), [(replace(XPSNR, target=38.0), "dB"), (SIMILARITY, "")])
def test_find_ladder_reaches_the_target_of_the_metric(source, tmp_path, metric, unit):
    request = LadderRequest(encoding=replace(QUICK, metric=metric), rules=ladders.RungRules(count=1), frame_stride=3)
    chunks, segments = plan_chunks(source, [0, 25], Fraction(1))
    assert metric.unit == unit
    with LocalExecutor(1) as pool:
        prober = Prober(source, chunks, request.encoding, Store(tmp_path / "store"), pool, frame_stride=3)
        ladder = ladders.find_ladder(prober, segments, request)
        assert ladder.metric == metric.name
        assert ladder.target == pytest.approx(metric.target_quality)
        ladder, finals = encode_with_correction(prober, ladder, request)
        reached = metric.scale.to_score(float(finals.quality(0).mean()))
        # the tolerance of corrections, on the scale of 0 to 100
        assert metric.scale.to_quality(reached) == pytest.approx(metric.target_quality, abs=0.5)
        assert 20 < finals.vmaf(0).mean() < 100
        assert (finals.vmaf(0) != finals.quality(0)).any()
        (scores,), cpu = measure_extra(prober, ladder, finals, ("xpsnr", "psnr"))
        assert cpu > 0
        if metric.name == "xpsnr":
            assert scores["xpsnr"] == pytest.approx(reached, abs=1e-3)
        assert 20 < scores["psnr"] < 60


def test_measure_extra_measures_each_metric_once(source, tmp_path, monkeypatch):
    chunks, segments = plan_chunks(source, [0], Fraction(4))
    ladder = ladders.Ladder(
        "per-shot", "h264", "ultrafast", "visual", 90.0, source.content_id, chunks, segments,
        (ladders.Rung(64, 32, (30.0,) * len(chunks), 1, 50.0), ladders.Rung(128, 64, (24.0,) * len(chunks), 2, 90.0)),
    )  # fmt: skip
    calls, score = [], vmaf.score
    monkeypatch.setattr(vmaf, "score", lambda *a, **k: calls.append(k.get("metrics")) or score(*a, **k))
    with LocalExecutor(1) as pool:
        prober = Prober(source, chunks, QUICK, Store(tmp_path / "store"), pool)
        finals = ladders.encode_final_chunks(prober, ladder)
        calls.clear()
        first, _ = measure_extra(prober, ladder, finals, ("psnr",))
        second, _ = measure_extra(prober, ladder, finals, ("psnr", "ssim"))
        assert calls == [["psnr"], ["ssim"]]
        assert [each["psnr"] for each in first] == [each["psnr"] for each in second]
        assert second[0]["ssim"] < second[1]["ssim"] < 1
        whole = vmaf.score(source, finals.chunks[1][0].path, metrics=("psnr",), match_times=False)[0]
        assert second[1]["psnr"] == pytest.approx(whole.psnr_y.mean())


def test_measure_quality_of_vmaf_is_the_default(source, coarse):
    (chunk,), _ = plan_chunks(source, [0], Fraction(4))
    (default,) = measure_quality(source, chunk, [Path(coarse)], QUICK, 9)
    (other,) = measure_quality(source, chunk, [Path(coarse)], replace(QUICK, metric=METRICS["xpsnr"]), 9)
    assert default.frames.tolist() == other.frames.tolist()
    assert_allclose(default.quality, vmaf.score(source, coarse, frame_stride=9)[0].vmaf)
    assert_allclose(other.quality, XPSNR.scale.to_quality(vmaf.xpsnr(source, coarse)[::9]))


def test_probes_of_another_metric_are_kept_apart(source, tmp_path):
    chunks, _ = plan_chunks(source, [0], Fraction(4))
    store = Store(tmp_path / "store")
    found = []
    with LocalExecutor(1) as pool:
        for metric in (None, XPSNR, SIMILARITY, replace(XPSNR, scale=ErrorScale(15.0))):
            prober = Prober(source, chunks, replace(QUICK, metric=metric), store, pool)
            point = ProbePoint(0, (128, 64), 30.0)
            prober.run([point])
            found.append(prober.results.exact(0, (128, 64))[30.0])
    assert len({each.bits for each in found}) == 1
    assert len({round(each.quality, 3) for each in found}) == 4
