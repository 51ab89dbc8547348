"""A rendition that shows another video than the reference is refused before it is measured."""

import numpy as np
import pytest
from click.testing import CliRunner

import encoder
from shotladder.cli import group
from vmaf.alignment.same_video import reject_other_videos
from vmaf.errors import PairingError


def clip(seed, count=24, size=(64, 96)):
    """Return frames, (frames, rows, columns), of large soft shapes that change with the seed and move slowly."""
    shape = np.random.default_rng(seed).normal(size=(6, 8))
    rows, columns = (
        np.linspace(0, side - 1, length).round().astype(int) for side, length in zip((6, 8), size, strict=True)
    )
    base = 110 + 35 * shape[np.ix_(rows, columns)]
    return np.stack([np.clip(np.roll(base, n // 4, axis=1), 16, 235) for n in range(count)]).astype(np.uint8)


@pytest.fixture(scope="module")
def videos(write_video, worsened, tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    frames = clip(1)
    files = {"one": frames, "worse": worsened(frames), "other": clip(2), "dark": np.full_like(frames, 16)}
    return {name: str(write_video(folder / f"{name}.mkv", each)) for name, each in files.items()}


def test_reject_other_videos_names_the_other_video(videos):
    with pytest.raises(PairingError, match=r"other\.mkv shows another video"):
        reject_other_videos(*inspected(videos, "one", "worse", "other"))


def test_reject_other_videos_accepts_encodes_of_the_reference(videos):
    reject_other_videos(*inspected(videos, "one", "worse", "one"))


def test_reject_other_videos_decides_nothing_without_content(videos):
    reject_other_videos(*inspected(videos, "dark", "dark"))


def inspected(videos, reference, *renditions):
    return encoder.inspect(videos[reference]), [encoder.inspect(videos[name]) for name in renditions]


def test_score_refuses_another_video_before_it_measures(videos):
    answer = CliRunner().invoke(group, ["score", videos["one"], videos["other"]])
    assert answer.exit_code == 1
    assert "shows another video" in str(answer.exception) and "measure 1 files" not in answer.output


def test_score_measures_another_video_on_request(videos):
    answer = CliRunner().invoke(group, ["score", videos["one"], videos["other"], "--different-videos", "--quiet"])
    assert answer.exit_code == 0, answer.output
