"""`vmaf.score`: the engines agree, ranges equal whole runs, other frames are rejected."""

import gzip
import json
from pathlib import Path

import av
import numpy as np
import pytest

import encoder
import vmaf
from encoder.media.frames import decode
from shotladder_runtime import process
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path
from vmaf import models
from vmaf.scores import SERIES

FEATURES = ("adm2", "motion2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3")

#: libvmaf prints six digits
PRINTED = 5.1e-7


@pytest.fixture(scope="module")
def pair(write_video, textured, worsened, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    frames = textured(7, 12, 72, 98)
    return write_video(folder / "reference.mkv", frames), write_video(folder / "worse.mkv", worsened(frames))


def assert_engines_agree(reference, renditions, **options):
    native = vmaf.score(reference, renditions, engine="native", **options)
    libvmaf = vmaf.score(reference, renditions, engine="libvmaf", **options)
    for ours, theirs in zip(native, libvmaf, strict=True):
        assert ours.engine == "native"
        assert ours.frames.tolist() == theirs.frames.tolist()
        assert ours.series.keys() == theirs.series.keys()
        assert all(np.isfinite(values).all() for name, values in ours.series.items() if name[:4] != "psnr")
        for name, values in theirs.series.items():
            # ffmpeg keeps PSNR in single precision and sums SSIM in it
            tolerance = {"vmaf": 1e-4, "psnr": 5e-6, "ssim": 1e-6}.get(name[:4], PRINTED)
            np.testing.assert_allclose(ours.series[name], values, rtol=0, atol=tolerance, err_msg=name)
    return native


@pytest.mark.parametrize(
    ("height", "width", "depth"),
    [(72, 98, 8), (34, 33, 8), (101, 77, 8), (64, 36, 8), (54, 96, 10), (90, 163, 10), (66, 83, 12)],
)
def test_score_of_native_engine_equals_libvmaf(write_video, textured, worsened, tmp_path, height, width, depth):
    frames = textured(1, 4, height, width, depth)
    depth = max(depth, 10)
    reference = write_video(tmp_path / "r.mkv", frames, depth=depth, colour=True)
    others = [write_video(tmp_path / f"d{n}.mkv", worsened(frames, n), depth=depth, colour=True) for n in range(2)]
    assert_engines_agree(reference, others, metrics=("neg", "psnr", "ssim"))


@pytest.mark.parametrize("name", ["flat", "stripes", "columns", "noise", "black"])
def test_score_of_native_engine_equals_libvmaf_on_extreme_frames(write_video, tmp_path, name):
    rng = np.random.default_rng(2)
    frames = np.zeros((3, 60, 80), np.uint8)
    if name == "flat":
        frames[:] = np.array([80, 90, 90])[:, None, None]
    elif name == "stripes":
        frames[:, ::2] = 255
    elif name == "columns":
        frames[:, :, ::3] = 255
    elif name == "noise":
        frames[:] = rng.integers(0, 256, frames.shape)
    other = np.clip(frames.astype(int) + rng.integers(-9, 10, frames.shape), 0, 255).astype(np.uint8)
    assert_engines_agree(write_video(tmp_path / "r.mkv", frames), write_video(tmp_path / "d.mkv", other))


@pytest.mark.parametrize("model", ["4k", "phone", "neg", "4k-neg"])
def test_score_is_equal_in_both_engines_for_every_model(pair, model):
    assert_engines_agree(*pair, model=model)


def test_score_with_phone_transform_equals_libvmaf_below_100(write_video, textured, worsened, tmp_path):
    frames = textured(7, 3, 72, 98)
    reference = write_video(tmp_path / "r.mkv", frames)
    rendition = write_video(tmp_path / "d.mkv", worsened(worsened(worsened(frames))))
    (scores,) = assert_engines_agree(reference, rendition, model="phone")
    (plain,) = vmaf.score(reference, rendition)
    assert (plain.vmaf + 5 < scores.vmaf).all()
    assert scores.vmaf.max() < 95


def test_score_selects_size_and_model_by_device(pair):
    (scores,) = vmaf.score(*pair, model="v1", frame_stride=6, device="tv-1080p")
    assert (scores.width, scores.height) == (1470, 1080)
    assert (scores.engine, scores.model) == ("libvmaf", "vmaf_v1.0.16_3d0h")
    assert 0 < scores.min < 100


@pytest.mark.parametrize("model", ["v1", "vmaf_v1.0.16_hfr_3d0h"])
def test_score_of_version_1_does_not_depend_on_the_range(write_video, textured, worsened, tmp_path, model):
    frames = textured(7, 16, 180, 320)
    reference, rendition = write_video(tmp_path / "r.mkv", frames), write_video(tmp_path / "d.mkv", worsened(frames))
    (whole,) = vmaf.score(reference, rendition, model=model)
    (part,) = vmaf.score(reference, rendition, model=model, frames=(7, 10))
    assert part.vmaf.tolist() == whole.vmaf[7:10].tolist()


def test_score_scales_smaller_rendition_like_ffmpeg(write_video, textured, worsened, tmp_path):
    frames = textured(4, 3, 120, 160)
    small = worsened(frames)[:, ::2, ::2].copy()
    reference = write_video(tmp_path / "r.mkv", frames, colour=True)
    rendition = write_video(tmp_path / "d.mkv", small, colour=True)
    assert_engines_agree(reference, rendition)
    assert_engines_agree(reference, rendition, size=(200, 150), metrics=("psnr", "ssim"))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_score_compares_rotated_reference_upright(write_video, textured, tmp_path, degrees):
    lying = write_video(tmp_path / "lying.mkv", textured(4, 3, 72, 98))
    reference, rendition = tmp_path / "r.mp4", tmp_path / "d.mp4"
    ffmpeg = [ffmpeg_path(), "-v", "error"]
    process.run([*ffmpeg, "-i", str(lying), "-c:v", "libx264", "-qp", "0", str(tmp_path / "lying.mp4")])
    turned = ["-display_rotation", str(degrees), "-i", str(tmp_path / "lying.mp4"), "-c", "copy", str(reference)]
    process.run([*ffmpeg, *turned])
    process.run([*ffmpeg, "-i", str(reference), "-c:v", "libx264", "-qp", "20", str(rendition)])
    assert encoder.inspect(reference).rotation
    (scores,) = assert_engines_agree(reference, rendition)
    assert scores.min > 80


def test_score_converts_rendition_of_fewer_bits_like_ffmpeg(write_video, textured, worsened, tmp_path):
    frames = textured(4, 3, 80, 96, 10)
    reference = write_video(tmp_path / "r.mkv", frames)
    rendition = write_video(tmp_path / "d.mkv", worsened((frames >> 2).astype(np.uint8)))
    (scores,) = assert_engines_agree(reference, rendition, metrics=("psnr", "ssim"))
    assert scores.bit_depth == 10


@pytest.mark.parametrize(("codec", "pixel_format"), [("ffv1", "bgr0"), ("mjpeg", "yuvj420p")])
def test_score_uses_libvmaf_for_what_the_native_engine_does_not_support(pair, textured, tmp_path, codec, pixel_format):
    path = tmp_path / "odd.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 98, 72, pixel_format
        for samples in textured(7, 12, 72, 98):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(samples, format="gray").reformat(format=pixel_format))
            )
        container.mux(stream.encode(None))
    (scores,) = vmaf.score(path, pair[1], engine="native")
    assert scores.engine == "libvmaf"


@pytest.mark.parametrize("tags", [["-pix_fmt", "yuvj420p"], ["-pix_fmt", "yuv420p10le", "-color_range", "pc"]])
def test_score_converts_full_range_on_both_sides(pair, tmp_path, tags):
    full = tmp_path / "full.mp4"
    filters = ["-vf", "scale=in_range=tv:out_range=pc", "-c:v", "libx264", "-qp", "1"]
    process.run([ffmpeg_path(), "-v", "error", "-i", str(pair[0]), *filters, *tags, str(full)])
    assert encoder.inspect(full).colour.range == "pc"
    (against_limited,) = vmaf.score(pair[0], full, engine="native", match_times=False)
    (against_itself,) = vmaf.score(full, full)
    assert against_limited.engine == "libvmaf"
    assert min(against_limited.min, against_itself.min) > 96


@pytest.mark.parametrize("engine", ["native", "libvmaf"])
@pytest.mark.parametrize("every", [1, 3])
def test_score_of_a_range_equals_that_of_a_whole_run(pair, engine, every):
    (whole,) = vmaf.score(*pair, engine=engine, frame_stride=every)
    for first, last in ((0, 5), (5, 12), (4, 9), (11, 12)):
        if not any(n % every == 0 for n in range(first, last)):
            continue
        (part,) = vmaf.score(*pair, engine=engine, frame_stride=every, frames=(first, last))
        rows = np.searchsorted(whole.frames, part.frames)
        assert part.frames.tolist() == [n for n in range(first, last) if n % every == 0]
        for name, values in part.series.items():
            assert values.tolist() == whole.series[name][rows].tolist(), name


@pytest.mark.parametrize("engine", ["native", "libvmaf"])
def test_score_measures_a_chunk_at_its_offset(write_video, textured, worsened, tmp_path, engine):
    frames = textured(9, 10, 64, 80)
    reference = write_video(tmp_path / "r.mkv", frames)
    whole = write_video(tmp_path / "d.mkv", worsened(frames))
    chunk = write_video(tmp_path / "chunk.mkv", worsened(frames)[4:8])
    (whole,) = vmaf.score(reference, whole, engine=engine)
    (part,) = vmaf.score(reference, chunk, engine=engine, frames=(4, 8), offset=4)
    assert part.vmaf.tolist() == whole.vmaf[4:8].tolist()


def test_score_does_not_depend_on_the_number_of_threads(pair):
    reference, rendition = pair
    one = vmaf.score(reference, [rendition] * 3, engine="native", threads=1)
    three = vmaf.score(reference, [rendition] * 3, engine="native", threads=3)
    assert len({tuple(scores.vmaf) for scores in (*one, *three)}) == 1


def test_score_reports_progress_until_all_frames_are_done(pair):
    reports = []
    vmaf.score(*pair, engine="native", progress=lambda done, total: reports.append((done, total)))
    assert reports[-1] == (12, 12)


def test_score_of_identical_still_videos_is_below_100(write_video, textured, tmp_path):
    still = np.repeat(textured(1, 1, 64, 80), 3, axis=0)
    path = write_video(tmp_path / "still.mkv", still)
    (scores,) = vmaf.score(path, path, engine="native")
    assert scores.mean == pytest.approx(97.428, abs=2e-3)


def test_score_rejects_dropped_frame_and_names_it(write_video, textured, tmp_path):
    frames = textured(3, 10, 64, 80)
    reference = write_video(tmp_path / "r.mkv", frames)
    dropped = write_video(tmp_path / "d.mkv", np.delete(frames, 6, 0), times=[0, 1, 2, 3, 4, 5, 7, 8, 9])
    with pytest.raises(vmaf.PairingError, match=r"has 9 frames where .* has 10; they diverge at reference frame 6"):
        vmaf.score(reference, dropped)


def test_score_rejects_shifted_times_and_names_the_frame(write_video, textured, tmp_path):
    frames = textured(3, 10, 64, 80)
    reference = write_video(tmp_path / "r.mkv", frames)
    shifted = write_video(tmp_path / "d.mkv", frames, times=[0, 1, 2, 3, 5, 6, 7, 8, 9, 10])
    with pytest.raises(vmaf.PairingError, match="from frame 4 on"):
        vmaf.score(reference, shifted)
    assert vmaf.score(reference, shifted, match_times=False)[0].mean > 95


def test_score_rejects_other_frame_rate(write_video, textured, tmp_path):
    frames = textured(3, 10, 64, 80)
    reference, slow = write_video(tmp_path / "r.mkv", frames), write_video(tmp_path / "d.mkv", frames, rate=20)
    with pytest.raises(vmaf.PairingError, match="frame rates differ"):
        vmaf.score(reference, slow)


def test_score_rejects_invalid_arguments(pair, write_video, textured, tmp_path):
    reference, rendition = pair
    tiny = write_video(tmp_path / "tiny.mkv", textured(1, 2, 32, 80))
    for arguments, options, reason in (
        ((reference, []), {}, "no rendition"),
        ((tiny, tiny), {}, "at least 33 rows"),
        ((reference, rendition), {"model": "v1"}, "at least 160 rows"),
        ((reference, rendition), {"model": "v1", "size": (400, 301)}, "even sides"),
        ((reference, rendition), {"engine": "gpu"}, "unknown engine"),
        ((reference, rendition), {"frame_stride": 0}, "stride"),
        ((reference, rendition), {"threads": 0}, "at least one thread"),
        ((reference, rendition), {"frames": (3, 99)}, "not all in"),
        ((reference, rendition), {"frames": (3, 3)}, "not all in"),
        ((reference, rendition), {"frames": (1, 2), "frame_stride": 5}, "leaves no frame"),
        ((reference, rendition), {"metrics": ("vif",)}, "unknown metric"),
    ):
        with pytest.raises(vmaf.MeasureError, match=reason):
            vmaf.score(*arguments, **options)


def test_score_rejects_unknown_keyword(pair):
    with pytest.raises(TypeError, match="unexpected keyword argument 'strides'"):
        vmaf.score(*pair, strides=2)


def test_score_draws_progress_bar_on_stderr(pair, capsys):
    vmaf.score(*pair, progress=True)
    output = capsys.readouterr()
    assert output.out == ""
    assert "100%" in output.err


def test_score_adds_psnr_and_ssim(pair):
    (scores,) = vmaf.score(*pair, metrics=("psnr", "ssim"))
    assert scores.engine == "native"
    assert scores.times.tolist() == [n / 25 for n in range(12)]
    luma = [np.stack([f.luma for f in decode(encoder.inspect(path))]).astype(float) for path in pair]
    error = ((luma[0] - luma[1]) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(scores.psnr_y, 10 * np.log10(255**2 / error), atol=1e-5)
    assert np.isinf(scores.psnr_u).all()
    assert (scores.ssim_y < 1).all()


def test_score_adds_xpsnr_of_ffmpeg(pair, tmp_path):
    (scores,) = vmaf.score(*pair, metrics=("xpsnr", "psnr"))
    assert scores.engine == "libvmaf"
    assert list(scores.series) == [name for name in SERIES if name in scores.series]
    # the first input of the filter is the reference
    argv = [ffmpeg_path(), "-v", "error", "-i", str(pair[0]), "-i", str(pair[1])]
    graph = f"[0:v][1:v]xpsnr=stats_file={tmp_path.name}.log"
    run([*argv, "-lavfi", graph, "-f", "null", "-"], cwd=str(tmp_path))
    lines = (tmp_path / f"{tmp_path.name}.log").read_text().splitlines()
    expected = [float(line.split("y:")[1].split()[0]) for line in lines if line.startswith("n:")]
    assert scores.xpsnr_y == pytest.approx(expected, abs=1e-4)
    (part,) = vmaf.score(*pair, metrics=("xpsnr",), frames=(4, 9), frame_stride=2)
    assert part.xpsnr_y.shape == part.vmaf.shape == (3,)
    (alone,) = vmaf.score(*pair, metrics=("psnr",))
    assert scores.psnr_y == pytest.approx(alone.psnr_y, abs=1e-3)


def change_log(monkeypatch, name, change):
    """Change a log after each run of ffmpeg, as a run that ended early leaves it."""
    run_tool = process.run

    def run_and_change(argv, **options):
        done = run_tool(argv, **options)
        if "cwd" in options:
            log = Path(options["cwd"]) / name
            log.write_text(change(log.read_text()))
        return done

    monkeypatch.setattr(process, "run", run_and_change)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda text: text[:40], r"worse\.mkv: no frame could be compared$"),
        (
            lambda text: json.dumps({"frames": json.loads(text)["frames"][:-2]}),
            "is damaged: the comparison ended after reference frame 9 of 11$",
        ),
        (lambda text: json.dumps({"frames": []}), "is damaged: the comparison ended after reference frame -1 of 11$"),
    ],
)
def test_score_of_libvmaf_names_a_comparison_that_ended_early(pair, monkeypatch, change, fault):
    change_log(monkeypatch, "vmaf0.json", change)
    with pytest.raises(vmaf.PairingError, match=fault):
        vmaf.score(*pair, engine="libvmaf")


def test_xpsnr_names_frames_that_are_missing(pair, monkeypatch):
    assert len(vmaf.xpsnr(*pair)) == 12
    change_log(monkeypatch, "xpsnr0.txt", lambda text: text[: len(text) // 2])
    with pytest.raises(vmaf.PairingError, match=r"its encode is damaged: frames are missing$"):
        vmaf.xpsnr(*pair)


def test_score_names_a_model_that_libvmaf_cannot_take(pair, tmp_path):
    path = tmp_path / "a,b.json"
    path.write_text(models.embedded_models(ffmpeg_path())["vmaf_v0.6.1"])
    with pytest.raises(vmaf.MeasureError, match=r"does not take a model from a path with one of .*a,b\.json$"):
        vmaf.score(*pair, model=str(path), engine="libvmaf")


def test_score_adds_cambi_where_libvmaf_computes_it(write_video, pair, tmp_path):
    ramp = np.tile(np.linspace(40, 60, 384).round().astype(np.uint8), (2, 216, 1))
    path = write_video(tmp_path / "ramp.mkv", ramp)
    (scores,) = vmaf.score(path, path, metrics=("cambi",))
    assert scores.cambi.min() > 0
    with pytest.raises(vmaf.MeasureError, match="no CAMBI"):
        vmaf.score(*pair, metrics=("cambi",))


def test_score_adds_bootstrap_interval(pair):
    (scores,) = vmaf.score(*pair, model="bootstrap", engine="native", metrics=("interval",))
    assert (scores.vmaf_low < scores.vmaf_high).all()
    assert (scores.vmaf_high - scores.vmaf_low).max() < 15


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "neg"),
    [("160x90", False), ("akiyo", False), ("akiyo", True), ("sparks_10bit", False), ("src01_10bit", False)],
)
def test_score_equals_libvmafs_published_answers(shared, write_video, tmp_path, name, neg):
    answers = shared / "truth/vmaf/libvmaf" / f"{name}.v061{'neg' if neg else ''}.json"
    stem = {"160x90": "_160x90", "akiyo": "akiyo_", "sparks_10bit": "sparks_", "src01_10bit": "src01_"}[name]
    files = sorted((shared / "truth/vmaf/yuv").glob(f"*{stem}*"))
    reference, rendition = sorted(files, key=lambda p: "ref" not in p.name and "hrc00" not in p.name)
    paths = []
    for path in (reference, rendition):
        words = path.name.split(".")[0].split("_")
        width, height = map(int, next(w for w in words if w[0].isdigit() and "x" in w).split("x"))
        kind = np.uint16 if "10le" in path.name else np.uint8
        raw = np.frombuffer(gzip.decompress(path.read_bytes()), kind).reshape(int(words[-1][:-1]), -1)
        luma = raw[:, : width * height].reshape(-1, height, width)
        paths.append(write_video(tmp_path / f"{path.name}.mkv", luma))
    (scores,) = vmaf.score(*paths, model="neg" if neg else "v0.6.1", engine="native")
    frames = [entry["metrics"] for entry in json.loads(answers.read_text())["frames"]]
    for feature in FEATURES:
        known = [
            next(v for k, v in f.items() if k in (f"integer_{feature}", f"integer_{feature}_egl_1")) for f in frames
        ]
        np.testing.assert_allclose(scores.series[feature], known, rtol=0, atol=PRINTED)
    np.testing.assert_allclose(scores.vmaf, [f["vmaf"] for f in frames], rtol=0, atol=1e-4)
