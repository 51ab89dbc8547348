"""`shotladder score` end to end."""

import json

import pytest
from click.testing import CliRunner

from shotladder.cli import group


@pytest.fixture(scope="module")
def files(write_video, textured, worsened, tmp_path_factory):
    folder = tmp_path_factory.mktemp("score")
    frames = textured(2, 6, 64, 80)
    return [str(write_video(folder / "r.mkv", frames)), str(write_video(folder / "d.mkv", worsened(frames)))]


def run(*arguments):
    return CliRunner().invoke(group, ["score", *arguments])


def test_score_command_prints_json_with_the_documented_keys(files):
    result = run(*files, "--json", "--quiet", "--with", "psnr")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert {"reference", "model", "engine", "versions", "renditions"} <= document.keys()
    (rendition,) = document["renditions"]
    assert rendition["vmaf"].keys() == {"mean", "harmonic_mean", "p5", "min"}
    assert [f["frame"] for f in rendition["frames"]] == list(range(6))
    assert {"vmaf", "adm2", "motion2", "vif_scale0", "vif_scale3", "psnr_y"} <= rendition["frames"][0].keys()
    # equal planes have no finite PSNR, and JSON no infinity
    assert rendition["psnr_u"] is None
    assert rendition["frames"][0]["psnr_u"] is None


def test_score_command_prints_a_line_for_every_file(files):
    result = run(files[0], files[1], files[0], "--quiet")
    assert result.exit_code == 0
    assert [line.split()[-1] for line in result.stdout.splitlines()[2:]] == [files[1], files[0]]


def test_score_command_reports_invalid_options_as_usage_error(files):
    for option in (["--size", "12"], ["--every", "0"], ["--with", "sharpness"], ["--engine", "gpu"]):
        assert run(*files, *option).exit_code == 2
