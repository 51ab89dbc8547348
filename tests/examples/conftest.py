"""A three-second clip and a store of its own, for scripts that encode."""

from pathlib import Path

import pytest

from training.clips import variants


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOTLADDER_STORE", str(tmp_path / "store"))
    return variants.write_clip(tmp_path / "clip.mp4", variants.generate(22, kind="cut", width=160, height=90), crf=18)
