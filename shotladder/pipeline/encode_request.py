"""What one run of `encode` is asked for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from encoder import ContentKey, Source
from ladders import (
    MODES,
    Constraints,
    EncodeSettings,
    LadderRequest,
    RungRules,
    StoppingRule,
    TrafficModel,
    default_target,
)
from shotladder import __version__
from shotladder.pipeline.client_population import Viewers
from shotladder_runtime.store import Store

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
    codecs : tuple of str
        What to encode in, each with a ladder of its own.
    ladder : str
        A mode, or the path of a ladder's file.
    target : float or None
        VMAF of the top rung; None for the film's default.
    rungs : int or None
        How many; None for as many as the range of rates asks for.
    audience : tuple of Path
        Network traces of the viewers that the rungs are placed for; none leaves them to a distribution.
    max_height : int or None
    segment : Fraction
        What a segment should last, s.
    buffer : float or None
        Seconds of a decoder's buffer at twice a rung's average rate; None leaves it open.
    max_jump : float or None
        VMAF by which neighbouring shots of a rung may differ; None leaves it open.
    presets : tuple of str
        The encoder's, for each codec.
    tune : str
        "visual" or "metric".
    pooling : str
        How the VMAF of frames makes that of a rung.
    stop : Stop
        When trial encodes end.
    views : Views or None
        What refining shots is worth; None leaves them as the preset has them.
    compare : bool
        Whether to find out what a fixed ladder would have taken.
    engine : str
        What measures VMAF.
    audio : tuple of str
        Codecs of sound, see `encoder.choose_audio_codecs`; with none, text is left out as well.
    encryption : EncryptionRequest or None
        None leaves everything in the clear.
    single_file : bool
        Whether each track is one file rather than a folder of segments.
    overwrite : bool
        Whether an output that is there may be replaced.
    workers : int
        Jobs at a time on this machine.
    cluster : str or None
        Address of a Dask scheduler whose workers do the jobs instead.
    store : Store
        Of artefacts.
    """

    source: str
    output: Path
    codecs: tuple[str, ...]
    ladder: str
    target: float | None
    rungs: int | None
    audience: tuple[Path, ...]
    max_height: int | None
    segment: Fraction
    buffer: float | None
    max_jump: float | None
    presets: tuple[str, ...]
    tune: str
    pooling: str
    stop: StoppingRule
    views: TrafficModel | None
    compare: bool
    engine: str
    audio: tuple[str, ...]
    encryption: EncryptionRequest | None
    single_file: bool
    overwrite: bool
    workers: int
    cluster: str | None
    store: Store

    @property
    def limits(self) -> Constraints:
        """What no shot may cross."""
        return Constraints(buffer=self.buffer, jump=self.max_jump)

    def ladder_requests(self, source: Source) -> tuple[LadderRequest, ...]:
        """Return what the ladder of this film is to be, for each codec."""
        rules = RungRules(target=self.target if self.target is not None else default_target(source), count=self.rungs)
        if self.audience:
            viewers = Viewers.on(self.audience, float(source.duration), float(self.segment))
            rules = replace(rules, audience=viewers)
        request = LadderRequest(
            rules=rules,
            limits=self.limits,
            max_height=self.max_height,
            segment_duration=self.segment,
            stop=self.stop,
            views=self.views,
        )
        if self.ladder in MODES:
            request = replace(request, mode=self.ladder)
        return tuple(
            replace(
                request, encoding=EncodeSettings(codec, preset, self.tune, engine=self.engine, pooling=self.pooling)
            )
            for codec, preset in zip(self.codecs, self.presets, strict=True)
        )

    def fingerprint(self, source: Source) -> str:
        """Return a hash of all that decides what lies in the output when the run is done."""
        ladder = self.ladder if self.ladder in MODES else _digest(Path(self.ladder).read_bytes())
        decides: dict[str, Any] = {
            "shotladder": __version__,
            "source": source.content_id,
            "ladder": ladder,
            "audio": self.audio,
            "tracks": repr((source.audio, source.subtitles)),
            "encryption": repr(self.encryption),
            "single_file": self.single_file,
            "compare": self.compare,
            "requests": [repr(replace(request, mode=ladder)) for request in self.ladder_requests(source)],
        }
        return _digest(json.dumps(decides, sort_keys=True).encode())


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
