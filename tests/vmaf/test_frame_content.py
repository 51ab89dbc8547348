"""Pictures tell what times cannot: doubled, dropped and shifted frames."""

import numpy as np
import pytest

import vmaf


@pytest.fixture(scope="module")
def moving():
    y, x = np.mgrid[:96, :128]
    return np.stack([128 + 100 * np.sin((x + 9 * n) / 15) * np.cos((y + 7 * n) / 13) for n in range(30)]).astype(
        np.uint8
    )


def scored(film, folder, moving, order, worsened):
    reference = film(folder / "r.mkv", moving)
    return vmaf.score(reference, film(folder / "d.mkv", worsened(moving)[order]), engine="native")[0]


def test_frames_in_their_place_are_not_suspected(film, tmp_path, moving, worsened):
    assert scored(film, tmp_path, moving, list(range(30)), worsened).duplicated_frames == ()


def test_frozen_frame_is_told_with_what_it_shows(film, tmp_path, moving, worsened):
    order = [*range(10), 9, *range(11, 30)]
    assert scored(film, tmp_path, moving, order, worsened).duplicated_frames == ((10, 9),)


def test_doubled_frame_that_shifts_the_rest_is_refused_with_its_place(film, tmp_path, moving, worsened):
    with pytest.raises(vmaf.PairingError, match="from reference frame 12 on it shows the frame before"):
        scored(film, tmp_path, moving, [*range(12), 11, *range(12, 29)], worsened)


def test_missing_frame_that_shifts_the_rest_is_refused_with_its_place(film, tmp_path, moving, worsened):
    with pytest.raises(vmaf.PairingError, match="from reference frame 12 on it shows the frame after"):
        scored(film, tmp_path, moving, [*range(12), *range(13, 30), 29], worsened)


def test_what_hardly_moves_has_no_place_to_lose(film, tmp_path, moving):
    breathing = np.stack([moving[0] + n % 2 for n in range(30)])
    order = [*range(1, 30), 0]
    assert scored(film, tmp_path, breathing, order, lambda pictures: pictures).duplicated_frames == ()
