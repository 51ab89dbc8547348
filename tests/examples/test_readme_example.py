"""The first Python example of README.md runs as it is printed."""

import json
import re
import shutil
from pathlib import Path

import pytest

import shotladder

README = Path(__file__).resolve().parents[2] / "README.md"


def prepare_files(folder: Path, clip: Path, names: set[str]) -> None:
    """Create the videos, the presentation and the traces that an example names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".mp4":
            shutil.copy(clip, path)
        elif path.name == "presentation.json":
            shotladder.encode(clip, path.parent, compare=False, rungs=2, preset="ultrafast")
        elif path.suffix == ".json":
            path.write_text(json.dumps([{"duration_ms": 60000, "bandwidth_kbps": 3000, "latency_ms": 40}]))


def test_readme_python_example_runs(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = re.search(r"```python\n(.*?)```", README.read_text(), re.S)
    assert example, "README.md has no Python example"
    folder = tmp_path / "example"
    folder.mkdir()
    monkeypatch.chdir(folder)
    # all string arguments with an extension are files; the output of an encode is created by the example itself
    names = set(re.findall(r'"([\w./-]+\.(?:mp4|json))"', example[1]))
    written = re.search(r'shotladder\.encode\([^)]*?"(\w+)/"', example[1])
    prepare_files(folder, clip, {name for name in names if not (written and name.startswith(f"{written[1]}/"))})
    if "traces/" in example[1]:
        prepare_files(folder, clip, {"traces/4g_0.json"})
    namespace: dict[str, object] = {}
    exec(compile(example[1], str(README), "exec"), namespace)
    assert {"source", "shots", "ladder", "scores", "session"} <= set(namespace)
    assert json.loads((folder / "out" / "presentation.json").read_text())["video"]
