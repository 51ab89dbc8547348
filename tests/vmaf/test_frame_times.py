"""Damaged renditions: the frames they hold score as in the whole rendition, the others are listed."""

import json

import av
import numpy as np
import pytest
from click.testing import CliRunner

import vmaf
from shotladder.cli import group
from shotladder_runtime import process
from shotladder_runtime.errors import ShotladderError
from shotladder_runtime.tools import ffmpeg_path
from vmaf.alignment.frame_times import frame_ranges


@pytest.fixture(scope="module")
def videos(write_video, textured, worsened, tmp_path_factory):
    """Return a reference and, by name, whole and damaged renditions of it."""
    folder = tmp_path_factory.mktemp("partial")
    frames = textured(3, 12, 64, 80)
    rendition = worsened(frames)
    paths = {"reference": write_video(folder / "r.mkv", frames), "whole": write_video(folder / "whole.mkv", rendition)}
    for name, kept in {"cut": range(7), "dropped": [*range(5), *range(6, 12)], "half": range(0, 12, 2)}.items():
        paths[name] = write_video(folder / f"{name}.mkv", rendition[list(kept)], times=list(kept))
    paths["slow"] = write_video(folder / "slow.mkv", rendition[:10], rate=20)
    paths["long"] = write_video(folder / "long.mkv", rendition[[*range(12), 11]])
    paths["damaged"] = folder / "damaged.mkv"
    # every frame is a keyframe, so that two damaged frames do not affect others
    process.run(
        [
            ffmpeg_path(),
            "-v",
            "error",
            "-i",
            str(paths["whole"]),
            "-c:v",
            "ffv1",
            "-g",
            "1",
            str(folder / "k.mkv"),
        ]
    )
    with av.open(str(folder / "k.mkv")) as source, av.open(str(paths["damaged"]), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for n, packet in enumerate(p for p in source.demux(video=0) if p.size):
            if n in (4, 5):
                junk = av.Packet(b"\xff" * 40)
                junk.pts, junk.dts, junk.time_base = packet.pts, packet.dts, packet.time_base
                junk.is_keyframe = packet.is_keyframe
                packet = junk
            packet.stream = stream
            target.mux(packet)
    return paths


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("cut", ((7, 12),)),
        ("dropped", ((5, 6),)),
        ("half", tuple((n, n + 1) for n in range(1, 12, 2))),
        ("damaged", ((4, 6),)),
    ],
)
def test_score_of_partial_rendition_equals_that_of_the_whole_one(videos, name, missing):
    whole, part = vmaf.score(videos["reference"], [videos["whole"], videos[name]], partial=True)
    assert part.missing == missing
    assert whole.missing == ()
    assert frame_ranges(sorted(set(range(12)) - set(part.frames.tolist()))) == missing
    for key, values in part.series.items():
        assert values.tolist() == whole.series[key][part.frames].tolist(), key


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cut", "has 7 frames where .* has 12; they diverge at reference frame 7"),
        ("dropped", "they diverge at reference frame 5"),
        ("damaged", "frames 4 to 5 .* cannot be decoded"),
    ],
)
def test_score_rejects_damaged_rendition_without_partial(videos, name, reason):
    with pytest.raises(ShotladderError, match=reason):
        vmaf.score(videos["reference"], videos[name])


@pytest.mark.parametrize("name", ["slow", "long"])
def test_score_with_partial_rejects_other_frame_rate_and_extra_frames(videos, name):
    with pytest.raises(vmaf.PairingError):
        vmaf.score(videos["reference"], videos[name], partial=True)


def test_score_of_a_range_of_partial_rendition_finds_its_frames(videos):
    (whole,) = vmaf.score(videos["reference"], videos["whole"])
    (part,) = vmaf.score(videos["reference"], videos["dropped"], partial=True, frames=(4, 9))
    assert part.frames.tolist() == [4, 6, 7, 8]
    assert part.vmaf.tolist() == whole.vmaf[[4, 6, 7, 8]].tolist()


def test_score_rejects_range_without_frames(videos):
    with pytest.raises(vmaf.PairingError, match="no frame could"):
        vmaf.score(videos["reference"], videos["cut"], partial=True, frames=(8, 12))


def test_score_by_libvmaf_rejects_partial_rendition(videos):
    with pytest.raises(vmaf.PairingError, match="lacks 1 frames, the first is 5"):
        vmaf.score(videos["reference"], videos["dropped"], partial=True, engine="libvmaf")


def test_score_command_scores_partial_rendition_and_lists_missing_frames(videos):
    arguments = ["score", str(videos["reference"]), str(videos["damaged"])]
    result = CliRunner().invoke(group, arguments)
    assert result.exit_code == 0
    assert "frames 4 to 5 missing" in result.stdout
    document = json.loads(CliRunner().invoke(group, [*arguments, "--json", "--quiet"]).stdout)
    (rendition,) = document["renditions"]
    assert rendition["missing"] == [{"first_frame": 4, "frame_count": 2}]
    assert len(rendition["frames"]) == 10
    assert np.isfinite(rendition["vmaf"]["mean"])
