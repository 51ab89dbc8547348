"""The labelled clips are what their truth says."""

import itertools
import json
from pathlib import Path

import av
import numpy as np
import pytest

from training.clips import variants
from training.clips.scenes import FOLDS, choose_sample_scene
from training.clips.transitions import mix_frames, transition_weight


def test_seeds_walk_through_every_kind() -> None:
    kinds = [variants.generate(seed, width=64, height=36).kind for seed in range(len(variants.KINDS))]
    assert kinds == list(variants.KINDS)


@pytest.mark.parametrize("kind", variants.KINDS)
def test_truth_lies_within_the_clip_and_in_order(kind: str) -> None:
    clip = variants.generate(5, kind=kind, width=64, height=36)
    truth, total = clip.truth, len(clip.frames)
    assert truth["frame_count"] == total
    assert clip.frames.dtype == np.uint8
    changes = sorted([(c, c + 1) for c in truth["cuts"]] + [(g["start"], g["stop"]) for g in truth["gradual"]])
    assert all(0 < start < stop < total for start, stop in changes)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(changes))
    assert all(0 <= f["start"] < f["stop"] <= total for f in truth["flashes"])
    if kind in variants.ALL_HARD_NEGATIVES:
        assert truth["gradual"] == []
        assert len(truth["cuts"]) <= 1
    elif kind == "cut":
        assert truth["cuts"]
    else:
        assert truth["gradual"]


@pytest.mark.parametrize("kind", ["cut", "wipe_iris", "explosion", "caption"])
def test_same_seed_gives_same_bytes_and_another_does_not(kind: str) -> None:
    first, again, other = (variants.generate(s, kind=kind, width=64, height=36).frames for s in (8, 8, 9))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_frames_change_more_at_cuts_than_beside_them() -> None:
    sharper = []
    for seed in range(12):
        clip = variants.generate(seed, kind="cut", width=96, height=54)
        grey = clip.frames.mean(-1)
        change = np.r_[0, np.abs(np.diff(grey, axis=0)).mean((1, 2))]
        sharper += [change[c] > max(change[c - 1], change[c + 1]) for c in clip.truth["cuts"]]
    assert np.mean(sharper) > 0.95  # a few cuts between shots alike, hand-held and grainy, are hard on purpose


@pytest.mark.parametrize("seed", [2, 4, 27, 41])  # seeds of even pace whose shots differ much in brightness
def test_dissolve_goes_evenly_from_one_shot_to_the_other(seed: int) -> None:
    clip = variants.generate(seed, kind="dissolve", width=64, height=36)
    mean = clip.frames.mean((1, 2, 3))
    change = clip.truth["gradual"][0]
    before, after = mean[change["start"] - 1], mean[change["stop"]]
    inside = mean[change["start"] : change["stop"]]
    share = (inside - before) / (after - before)
    count = len(inside)
    assert np.abs(share - np.arange(1, count + 1) / (count + 1)).max() < 0.15
    assert abs(mean[change["start"] - 1] - mean[change["start"] - 2]) < 6


def test_written_clip_holds_every_frame_and_its_truth(tmp_path: Path) -> None:
    clip = variants.generate(3, kind="cut", width=64, height=36)
    path = variants.write_clip(tmp_path / "clip.mp4", clip, crf=10)
    with av.open(path) as container:
        decoded = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    assert decoded.shape == clip.frames.shape
    assert np.abs(decoded.astype(int) - clip.frames).mean() < 6  # 4:2:0 costs this much on saturated edges
    assert json.loads((tmp_path / "clip.mp4.json").read_text()) == clip.truth


def test_a_cut_that_the_encoder_left_out_is_unsure_in_the_truth_of_the_file(tmp_path: Path) -> None:
    # from a room to a dark card, which the coarsest quantiser draws as the same room in less light
    clip = variants.generate(10263, kind="cut")
    variants.write_clip(tmp_path / "clip.mp4", clip)
    truth = json.loads((tmp_path / "clip.mp4.json").read_text())
    assert (clip.truth["cuts"], clip.truth["unsure"]) == ([40, 96], [])
    assert truth["cuts"] == [40]
    assert [each["start"] for each in truth["unsure"]] == [96]


def test_a_pace_goes_from_one_end_to_the_other_and_never_back() -> None:
    for pace in ("even", "smooth", "slow", "quick"):
        way = [transition_weight(pace, k / 20) for k in range(21)]
        assert (way[0], way[-1]) == (0, 1)
        assert all(a < b for a, b in itertools.pairwise(way))


def test_clips_of_different_pools_share_no_texture_and_no_scene() -> None:
    folds = [variants.fold_of(seed) for seed in range(0, 5 * len(variants.KINDS), len(variants.KINDS))]
    assert folds == [0, 1, 2, 3, 0]
    rng = np.random.default_rng(1)
    scenes = [{choose_sample_scene(rng, fold, None) for _ in range(40)} for fold in range(FOLDS)]
    assert sum(map(len, scenes)) == len(set.union(*scenes)) == 13


def test_a_scene_does_not_follow_itself() -> None:
    rng = np.random.default_rng(2)
    assert all(choose_sample_scene(rng, fold, last) != last for fold in range(FOLDS) for last in range(fold, 13, FOLDS))


@pytest.mark.parametrize("kind", ["dissolve_light", "dissolve_late"])
def test_frames_beside_a_dissolve_are_all_old_or_all_new(kind: str) -> None:
    old, new = np.full((2, 8, 8, 3), 0.0, np.float32) + np.array([0.8, 0.1], np.float32)[:, None, None, None]
    nearly = [mix_frames(kind, old, new, weight).mean() for weight in (0, 1)]
    assert nearly == pytest.approx([0.8, 0.1])
    assert 0.1 < mix_frames(kind, old, new, 0.5).mean() < 0.8
