"""References of other forms: a rendition that ffmpeg made without loss scores as itself, or the pair is refused."""

import io
import json
import subprocess

import pytest
from click.testing import CliRunner

import vmaf
from shotladder.commands.score import command
from shotladder_runtime.tools import ffmpeg_path
from vmaf import raw_video

SOURCE = ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=5:d=1,noise=alls=12:all_seed=1")
LOSSLESS = ("-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p")
TO_YUV = "scale=out_color_matrix={}:out_range=tv,format=yuv420p,setparams=colorspace={}"


def run_ffmpeg(*arguments):
    subprocess.run([ffmpeg_path(), "-y", "-v", "error", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("pixel_format", "target", "conversion"),
    [
        ("bgr0", LOSSLESS, TO_YUV.format("smpte170m", "smpte170m")),
        ("gbrp", LOSSLESS, TO_YUV.format("bt709", "bt709")),
        ("gbrp10le", ("-c:v", "ffv1"), "format=yuv420p10le"),
        ("gray", LOSSLESS, "format=yuv420p"),
        ("gray10le", ("-c:v", "ffv1"), "format=yuv420p10le"),
        ("yuv444p16le", ("-c:v", "ffv1"), "format=yuv420p"),
        ("yuv422p12le", ("-c:v", "ffv1"), "format=yuv420p12le"),
    ],
)
def test_score_converts_the_reference_as_ffmpeg_did(tmp_path, pixel_format, target, conversion):
    reference, rendition = tmp_path / "reference.mkv", tmp_path / "rendition.mkv"
    run_ffmpeg(*SOURCE, "-c:v", "ffv1", "-pix_fmt", pixel_format, reference)
    run_ffmpeg("-i", reference, "-vf", conversion, *target, rendition)
    same = vmaf.score(rendition, rendition)[0].mean
    assert vmaf.score(reference, rendition)[0].mean == pytest.approx(same, abs=0.002)


def test_score_converts_rgb_for_each_rendition(tmp_path):
    reference = tmp_path / "reference.mkv"
    run_ffmpeg(*SOURCE, "-c:v", "ffv1", "-pix_fmt", "bgr0", reference)
    renditions = []
    for matrix in ("smpte170m", "bt709", "bt2020nc"):
        renditions.append(tmp_path / f"{matrix}.mkv")
        conversion = TO_YUV.format(matrix.removesuffix("nc"), matrix)
        run_ffmpeg("-i", reference, "-vf", conversion, *LOSSLESS, renditions[-1])
    for score in vmaf.score(reference, renditions):
        assert score.mean == pytest.approx(vmaf.score(score.path, score.path)[0].mean, abs=0.002)
    run_ffmpeg("-i", renditions[0], "-c", "copy", "-bsf:v", "h264_metadata=matrix_coefficients=8", tmp_path / "odd.mkv")
    with pytest.raises(vmaf.MeasureError, match=r"odd\.mkv: RGB cannot be compared with a video of the matrix ycgco"):
        vmaf.score(reference, tmp_path / "odd.mkv")


def test_score_refuses_other_aspect_ratios_and_crops_on_request(tmp_path):
    bars, cut, rows = tmp_path / "bars.mkv", tmp_path / "cut.mkv", tmp_path / "rows.mkv"
    run_ffmpeg(*SOURCE, "-vf", "pad=160:120:0:15", "-c:v", "ffv1", "-pix_fmt", "yuv420p", bars)
    run_ffmpeg("-i", bars, "-vf", "crop=160:90:exact=1", "-c:v", "ffv1", cut)
    run_ffmpeg("-i", bars, "-vf", "scale=160:90", "-c:v", "ffv1", rows)
    with pytest.raises(vmaf.PairingError, match=r"cut\.mkv: 160x90 has another .* 160x120 .*\(--crop 160x90\)"):
        vmaf.score(bars, cut)
    with pytest.raises(vmaf.PairingError, match=r"bars\.mkv: 160x120 has another .* 160x90 .*\(--crop 120x90\)"):
        vmaf.score(cut, bars)
    same = vmaf.score(cut, cut)[0].mean
    assert vmaf.score(bars, cut, crop=(160, 90))[0].mean == pytest.approx(same, abs=0.002)
    with pytest.raises(vmaf.MeasureError, match=r"a crop of 161x90 is not within 160x120"):
        vmaf.score(bars, cut, crop=(161, 90))


@pytest.mark.parametrize("size", ["162x90", "160x88", "64x36", "44x36"])
def test_score_takes_sizes_that_encoders_round(tmp_path, size):
    reference, rendition = tmp_path / "reference.mkv", tmp_path / "rendition.mkv"
    run_ffmpeg(*SOURCE, "-c:v", "ffv1", "-pix_fmt", "yuv420p", reference)
    shape = ",setsar=16/11" if size == "44x36" else ",setsar=1"
    run_ffmpeg("-i", reference, "-vf", f"scale={size.replace('x', ':')}{shape}", "-c:v", "ffv1", rendition)
    assert 0 <= vmaf.score(reference, rendition)[0].mean <= 100


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "gray"])
def test_score_command_reads_raw_video_by_its_options(tmp_path, pixel_format):
    reference, rendition, raw = tmp_path / "reference.mkv", tmp_path / "rendition.mkv", tmp_path / "rendition.yuv"
    run_ffmpeg(*SOURCE, "-c:v", "ffv1", "-pix_fmt", pixel_format, reference)
    run_ffmpeg("-i", reference, "-vf", "gblur=1", "-c:v", "ffv1", "-pix_fmt", pixel_format, rendition)
    run_ffmpeg("-i", rendition, "-f", "rawvideo", raw)
    options = ["--quiet", "--json", "--raw-size", "160x90", "--raw-format", pixel_format, "--raw-rate", "5"]
    result = CliRunner().invoke(command, [str(reference), str(rendition), str(raw), *options])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    means = [each["vmaf"]["mean"] for each in document["renditions"]]
    assert means[0] == pytest.approx(means[1], abs=0.01)
    assert [each["path"] for each in document["renditions"]] == [str(rendition), str(raw)]
    assert document["reference"] == str(reference)


def test_copy_names_a_file_that_became_shorter_while_it_was_read():
    with pytest.raises(OSError, match="it became shorter while it was read"):
        raw_video._copy(io.BytesIO(b"1234"), io.BytesIO(), 5)


def test_score_command_refuses_raw_video_of_another_size(tmp_path):
    raw = tmp_path / "a.yuv"
    raw.write_bytes(bytes(64 * 64 * 3 // 2 * 2 + 1))
    run = CliRunner()
    assert "requires --raw-size" in run.invoke(command, [str(raw), str(raw)]).output
    for size, problem in (
        ("64x64", "12289 bytes are not whole frames of 64x64 yuv420p"),
        ("0x64", "is not within"),
    ):
        result = run.invoke(command, [str(raw), str(raw), "--raw-size", size])
        assert isinstance(result.exception, vmaf.MeasureError)
        assert problem in str(result.exception)
    assert run.invoke(command, [str(raw), str(raw), "--raw-rate", "0"]).exit_code == 2
