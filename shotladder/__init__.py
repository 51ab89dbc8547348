"""Per-shot video encoding and adaptive streaming: the command, and the function that does the same from Python.

>>> import shotladder
>>> result = shotladder.encode("video.mp4", "out/", target_vmaf=93)  # doctest: +SKIP
>>> shotladder.load("out/").video[-1].vmaf.mean  # doctest: +SKIP
93.1
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from shotladder_runtime.errors import ShotladderError

if TYPE_CHECKING:
    from shotladder.pipeline.encode_function import encode
    from shotladder.pipeline.encode_result import EncodeResult
    from shotladder.report.presentation_format import Presentation
    from shotladder.report.presentation_reader import load

__all__ = ["EncodeResult", "Presentation", "ShotladderError", "__version__", "encode", "load"]

__version__ = version("shotladder")

#: Module of each name that is imported at first use: the command's help must not wait for the libraries.
_LAZY = {
    "EncodeResult": "shotladder.pipeline.encode_result",
    "Presentation": "shotladder.report.presentation_format",
    "encode": "shotladder.pipeline.encode_function",
    "load": "shotladder.report.presentation_reader",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
