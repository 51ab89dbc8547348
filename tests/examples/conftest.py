"""A three-second clip and a store of its own, for scripts that encode."""

from pathlib import Path

import pytest

from training.clips import variants


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOTLADDER_STORE", str(tmp_path / "store"))
    # with AVX-512, x264's macroblock tree reads memory that it did not set unless the width is a multiple of 128; the
    # bytes of the clip would differ in every run
    return variants.write_clip(tmp_path / "clip.mp4", variants.generate(9, kind="cut", width=256, height=144), crf=18)
