"""What one run of `encode` is asked for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from encoder import ContentKey, Source, Store, codec_named
from ladders import MODES, Encoding, LadderRequest, RungRules, default_target
from shotladder import __version__

__all__ = ["EncodeRequest", "EncryptionRequest"]


@dataclass(frozen=True, slots=True)
class EncryptionRequest:
    """How a presentation is to be encrypted; see `encoder.Encryption`.

    Attributes
    ----------
    scheme : str
    keys : tuple of ContentKey or None
        None makes new ones.
    key_uri : str or None
    clear_lead : float
    """

    scheme: str
    keys: tuple[ContentKey, ...] | None
    key_uri: str | None
    clear_lead: float


@dataclass(frozen=True, slots=True)
class EncodeRequest:
    """A film, what to make of it, and where.

    Attributes
    ----------
    source : str
        Path or URL of the film.
    output : Path
        Folder of the presentation.
    codec : str
    ladder : str
        A mode, or the path of a ladder's file.
    target : float or None
        VMAF of the top rung; None for the film's default.
    rungs : int or None
        How many; None for as many as the range of rates asks for.
    max_height : int or None
    segment : Fraction
        What a segment should last, s.
    preset : str or None
        The encoder's; None for the codec's default.
    tune : str
        "visual" or "metric".
    engine : str
        What measures VMAF.
    audio : bool
        Whether sound is encoded.
    encryption : EncryptionRequest or None
        None leaves everything in the clear.
    overwrite : bool
        Whether an output that is there may be replaced.
    workers : int
        Jobs at a time.
    store : Store
        Of artefacts.
    """

    source: str
    output: Path
    codec: str
    ladder: str
    target: float | None
    rungs: int | None
    max_height: int | None
    segment: Fraction
    preset: str | None
    tune: str
    engine: str
    audio: bool
    encryption: EncryptionRequest | None
    overwrite: bool
    workers: int
    store: Store

    def ladder_request(self, source: Source) -> LadderRequest:
        """Return what the ladder of this film is to be."""
        rules = RungRules(target=self.target if self.target is not None else default_target(source), count=self.rungs)
        preset = self.preset or codec_named(self.codec).preset
        request = LadderRequest(
            encoding=Encoding(self.codec, preset, self.tune, engine=self.engine),
            rules=rules,
            max_height=self.max_height,
            segment_duration=self.segment,
        )
        return replace(request, mode=self.ladder) if self.ladder in MODES else request

    def fingerprint(self, source: Source) -> str:
        """Return a hash of all that decides what lies in the output when the run is done."""
        ladder = self.ladder if self.ladder in MODES else _digest(Path(self.ladder).read_bytes())
        decides: dict[str, Any] = {
            "shotladder": __version__,
            "source": source.content_id,
            "ladder": ladder,
            "audio": self.audio,
            "encryption": repr(self.encryption),
            "request": repr(replace(self.ladder_request(source), mode=ladder)),
        }
        return _digest(json.dumps(decides, sort_keys=True).encode())


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
