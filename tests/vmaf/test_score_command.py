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


def test_score_json_is_one_document_with_the_documented_keys(files):
    result = run(*files, "--json", "--quiet", "--metric", "psnr")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert {"reference", "model", "engine", "versions", "renditions"} <= document.keys()
    (rendition,) = document["renditions"]
    assert rendition["vmaf"].keys() == {"mean", "harmonic_mean", "p5", "min"}
    assert [f["frame"] for f in rendition["frames"]] == list(range(6))
    assert {"vmaf", "adm2", "motion2", "vif_scale0", "vif_scale3", "psnr_y"} <= rendition["frames"][0].keys()
    # equal planes have an infinite PSNR, which JSON cannot express
    assert rendition["psnr_u"] is None
    assert rendition["frames"][0]["psnr_u"] is None


def test_score_table_lists_every_file(files):
    result = run(files[0], files[1], files[0], "--quiet")
    assert result.exit_code == 0
    assert [line.split()[-1] for line in result.stdout.splitlines()[2:]] == [files[1], files[0]]


def test_score_reports_wrong_usage(files):
    for option in (
        ["--size", "12"],
        ["--frames", "3"],
        ["--every", "0"],
        ["--metric", "sharpness"],
        ["--engine", "gpu"],
    ):
        assert run(*files, *option).exit_code == 2


def test_score_measures_the_given_frames_by_index(files):
    result = run(*files, "--json", "--quiet", "--frames", "1:4", "--match-by-index", "--size", "80x64")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["size"] == [80, 64]
    assert [frame["frame"] for frame in document["renditions"][0]["frames"]] == [1, 2, 3]
