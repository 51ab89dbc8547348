"""The metric of the search and further metrics: faults in one line, the run's hash, and what a run states."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from encoder import plan_chunks
from ladders import METRICS, XPSNR, EncodeSettings
from ladders.probing.probe_results import ProbePoint
from ladders.probing.probe_runner import _cache_key, _Job
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.ladder_requests import build_ladder_requests, hash_request
from shotladder.pipeline.search_metric import MetricError, check_metrics, choose_extra_metrics, choose_metric
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import ffmpeg_path
from tests.ladders.synthetic import film
from tests.shotladder.running import shotladder

REQUEST = EncodeRequest("film", Path("out"))


def hash_of(**options):
    request = replace(REQUEST, **options)
    return hash_request(request, film(96), build_ladder_requests(request, film(96)))


def test_choose_metric_has_the_target_of_its_metric():
    assert choose_metric("vmaf", 95.0, None) is None
    assert choose_metric("xpsnr", None, None) is METRICS["xpsnr"]
    chosen = choose_metric("xpsnr", None, 39.0)
    assert (chosen.name, chosen.target) == ("xpsnr", 39.0)
    assert choose_metric(replace(XPSNR, name="mine"), None, None).name == "mine"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("ssim", None, None), "unknown metric 'ssim' (choose from vmaf, xpsnr)"),
        (("vmaf", None, 40.0), "a target XPSNR requires the metric xpsnr"),
        (("xpsnr", 93.0, None), "a target VMAF cannot be combined with the metric xpsnr"),
    ],
)
def test_choose_metric_refuses_another_target(arguments, fault):
    with pytest.raises(MetricError) as raised:
        choose_metric(*arguments)
    assert str(raised.value).startswith(fault)


def test_choose_extra_metrics_refuses_unknown_names():
    assert choose_extra_metrics(("cambi", "xpsnr", "cambi")) == ("cambi", "xpsnr")
    with pytest.raises(MetricError, match=r"unknown metric 'vmaf' \(choose from neg, psnr, ssim, xpsnr, cambi\)"):
        choose_extra_metrics(("vmaf",))


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"pooling": "harmonic"}, "cannot be combined with pooling harmonic"),
        ({"max_jump": 5.0}, "cannot be combined with a maximum quality step"),
        ({"audience": (Path("traces"),)}, "cannot be combined with network traces"),
        ({"ladder": "ladder.json"}, "cannot be combined with a ladder file"),
        ({"zones": "target = 97"}, "cannot be combined with zones with target, floor or cap"),
    ],
)
def test_check_metrics_refuses_options_whose_unit_is_vmaf(tmp_path, options, fault):
    if "zones" in options:
        options = {"zones": tmp_path / "zones.toml"}
        options["zones"].write_text("[[zone]]\nframes = [0, 5]\ntarget = 97\n")
    request = replace(REQUEST, **options)
    check_metrics(request, film(96))
    with pytest.raises(MetricError, match=f"the metric xpsnr {fault}"):
        check_metrics(replace(request, metric=XPSNR), film(96))


def test_check_metrics_accepts_zones_of_quantisers(tmp_path):
    path = tmp_path / "zones.toml"
    path.write_text("[[zone]]\nframes = [0, 5]\nquantiser = 20\n")
    check_metrics(replace(REQUEST, metric=XPSNR, zones=path), film(96))


def test_check_metrics_refuses_cambi_of_small_frames():
    check_metrics(replace(REQUEST, measure=("cambi",)), film(96, (320, 180)))
    with pytest.raises(MetricError, match="film: 318x180 is too small for CAMBI, which needs 320 samples"):
        check_metrics(replace(REQUEST, measure=("cambi",)), film(96, (318, 180)))


def test_hash_request_knows_metric_and_target():
    hashes = [
        hash_of(),
        hash_of(metric=XPSNR),
        hash_of(metric=replace(XPSNR, target=40.0)),
        hash_of(metric=replace(XPSNR, name="mine")),
        hash_of(measure=("cambi",)),
    ]
    assert len(set(hashes)) == 5
    assert hash_of(measure=("cambi", "psnr")) == hash_of(measure=("psnr", "cambi"))


def test_cache_key_of_a_probe_states_no_default_metric(tmp_path):
    source = film(96)
    (chunk,), _ = plan_chunks(source, [0], 4)
    job = _Job(source, chunk, EncodeSettings(), Store(tmp_path), (ProbePoint(0, (128, 64), 30.0),), 9)
    expected = {"encode", "frame_stride", "weighing", "model", "engine", "generation"}
    assert set(_cache_key(job, job.points[0])) == expected
    other = replace(job, encoding=EncodeSettings(metric=XPSNR))
    assert set(_cache_key(other, job.points[0])) == {*expected, "metric"}


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """50 frames of 128x72 with noise."""
    path = tmp_path_factory.mktemp("noisy") / "noisy.mkv"
    picture = "testsrc2=s=128x72:d=2:r=25,noise=alls=12:allf=t,format=yuv420p"
    run([ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", picture, "-c:v", "libx264", "-qp", "4", str(path)])
    return path


def test_encode_searches_by_xpsnr_and_measures_further_metrics(noisy, tmp_path):
    options = ("--metric", "xpsnr", "--target-xpsnr", "36", "--measure", "psnr,ssim", "--preset", "ultrafast")
    answer = shotladder(
        "encode", noisy, "-o", tmp_path / "out", *options, "--rungs", "1", "--workers", "1", store=tmp_path / "store"
    )
    assert answer.status == 0, answer.err
    assert "no comparison with a fixed ladder is made, because the search does not measure VMAF" in answer.err
    document = json.loads((tmp_path / "out" / "presentation.json").read_text())
    assert document["ladder"]["metric"] == {"name": "xpsnr", "unit": "dB", "target": 36.0}
    assert document["ladder"]["target_vmaf"] is None
    (rung,) = document["video"]
    assert rung["scores"].keys() == {"xpsnr", "psnr", "ssim"}
    assert rung["scores"]["xpsnr"] == pytest.approx(36, abs=0.4)
    assert "XPSNR 36." in answer.out or "XPSNR 35." in answer.out
    assert "(target XPSNR 36.0 dB)" in answer.out
    report = (tmp_path / "out" / "report.html").read_text()
    for text in ("XPSNR", "PSNR", "SSIM", "target of the top rung"):
        assert text in report


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (("--measure", "cambi"), "128x72 is too small for CAMBI"),
        (("--measure", "msssim"), "unknown metric 'msssim'"),
        (("--target-xpsnr", "40"), "a target XPSNR requires the metric xpsnr"),
        (("--metric", "xpsnr", "--pooling", "harmonic"), "cannot be combined with pooling harmonic"),
    ],
)
def test_encode_reports_a_fault_of_metrics_in_one_line(noisy, tmp_path, options, fault):
    answer = shotladder("encode", noisy, "-o", tmp_path / "out", *options, store=tmp_path / "store")
    assert answer.status == 1
    assert len(answer.lines) == 1
    assert fault in answer.lines[0]
    assert not (tmp_path / "out").exists()
