"""Cache of encodes and measurements, under the hash of everything that made them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shotladder-benchmarks" / "value"
REPOSITORY = Path(__file__).resolve().parents[2]


def cached(kind: str, key: Mapping[str, Any], make: Callable[[Path], Any]) -> Any:
    """Return the JSON that `make` returns; its files are kept in the folder that it is given."""
    name = hashlib.blake2b(json.dumps({"kind": kind, **key}, sort_keys=True).encode(), digest_size=16).hexdigest()
    folder = CACHE / kind / name
    if not (folder / "result.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        result = make(folder)
        part = folder / "result.json.part"
        part.write_text(json.dumps(result))
        part.replace(folder / "result.json")
    return json.loads((folder / "result.json").read_text())


def described(files: Sequence[str]) -> dict[str, Any]:
    """Return names, sizes and modification times of files, as the key of what is measured on them."""
    return {"files": list(files), "states": [[Path(f).stat().st_size, Path(f).stat().st_mtime_ns] for f in files]}


def code_digest() -> str:
    """Return a hash of all that `shotladder encode` runs."""
    digest = hashlib.blake2b(digest_size=16)
    for package in ("encoder", "ladders", "shotladder", "shotladder_runtime", "vmaf"):
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
