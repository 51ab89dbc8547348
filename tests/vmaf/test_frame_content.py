"""Duplicated, dropped and shifted frames that only the content of frames shows."""

import numpy as np
import pytest

import vmaf


@pytest.fixture(scope="module")
def moving():
    y, x = np.mgrid[:96, :128]
    return np.stack([128 + 100 * np.sin((x + 9 * n) / 15) * np.cos((y + 7 * n) / 13) for n in range(30)]).astype(
        np.uint8
    )


def score_in_order(write_video, folder, moving, order, worsened):
    reference = write_video(folder / "r.mkv", moving)
    return vmaf.score(reference, write_video(folder / "d.mkv", worsened(moving)[order]), engine="native")[0]


def test_duplicated_frames_is_empty_for_frames_in_order(write_video, tmp_path, moving, worsened):
    assert score_in_order(write_video, tmp_path, moving, list(range(30)), worsened).duplicated_frames == ()


def test_duplicated_frames_lists_frozen_frame_and_the_frame_it_shows(write_video, tmp_path, moving, worsened):
    order = [*range(10), 9, *range(11, 30)]
    assert score_in_order(write_video, tmp_path, moving, order, worsened).duplicated_frames == ((10, 9),)


def test_reject_offset_names_the_frame_from_which_a_duplicate_shifts(write_video, tmp_path, moving, worsened):
    with pytest.raises(vmaf.PairingError, match="from reference frame 12 on it shows the frame before"):
        score_in_order(write_video, tmp_path, moving, [*range(12), 11, *range(12, 29)], worsened)


def test_reject_offset_names_the_frame_from_which_a_missing_frame_shifts(write_video, tmp_path, moving, worsened):
    with pytest.raises(vmaf.PairingError, match="from reference frame 12 on it shows the frame after"):
        score_in_order(write_video, tmp_path, moving, [*range(12), *range(13, 30), 29], worsened)


def test_duplicated_frames_is_empty_for_nearly_still_video(write_video, tmp_path, moving):
    breathing = np.stack([moving[0] + n % 2 for n in range(30)])
    order = [*range(1, 30), 0]
    assert score_in_order(write_video, tmp_path, breathing, order, lambda frames: frames).duplicated_frames == ()
