"""The request of one run of `encode`: a value, without any work."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import vmaf
from encoder import PROTECTION_SCHEMES, ContentKey
from ladders import Constraints, Metric, StoppingRule, TrafficModel
from shotladder_runtime.store import Store

__all__ = ["CaptionRequest", "EncodeRequest", "EncryptionRequest"]


@dataclass(frozen=True, slots=True)
class EncryptionRequest:
    """How to encrypt a presentation; see `encoder.Encryption`.

    Attributes
    ----------
    scheme : {"cbcs", "cenc"}
        Protection scheme of Common Encryption.
    keys : tuple of ContentKey or None
        None generates new keys.
    key_uri : str or None
        HLS key URI for FairPlay; None for `skd://` and the key ID.
    clear_lead : float
        Unencrypted duration at the start, s.
    """

    scheme: str = PROTECTION_SCHEMES[0]
    keys: tuple[ContentKey, ...] | None = None
    key_uri: str | None = None
    clear_lead: float = 0.0


@dataclass(frozen=True, slots=True)
class CaptionRequest:
    """How to make captions from speech.

    Attributes
    ----------
    model : str
        Folder of a CTranslate2 model of Whisper, or name of an installed package that carries one.
    language : str or None
        BCP 47 tag of the speech; None detects it.
    is_translated : bool
        Whether the captions are translated to English.
    """

    model: str
    language: str | None = None
    is_translated: bool = False


@dataclass(frozen=True, slots=True)
class EncodeRequest:
    """A source, what to encode it to, and where; the defaults are those of the command.

    Attributes
    ----------
    source : str
        Path or URL of the video.
    output : Path
        Directory of the presentation.
    codecs : tuple of str
        Each codec gets its own ladder.
    ladder : str
        A mode of `ladders.MODES`, or the path of a ladder JSON file.
    target : float or None
        Target VMAF of the top rung; None for the default of the source's resolution.
    metric : Metric or None
        Metric of the search, with its target; None for VMAF.
    rungs : int or None
        Number of rungs; None derives it from the bitrate range.
    audience : tuple of Path
        Network traces of the clients that the rungs are placed for; empty places them without simulation.
    min_bitrate : float or None
        Bitrate of the lowest rung in bits/s, if the video needs as much; None for the default of `RungRules`.
    max_bitrate : float or None
        Maximum bitrate of the top rung in bits/s, even if it does not reach the target; None for no limit.
    max_height : int or None
        Maximum height of a rung, pixels.
    crop : str
        "none", "auto" to remove black bars, or "WIDTH:HEIGHT:X:Y" in samples of the upright frame.
    shots : Path or None
        File of shots, see `read_shot_file`; None detects them.
    zones : Path or None
        File of zones, see `read_zones`.
    film_grain : str
        "none"; "auto" or a strength from 1 to 50 to synthesise it in AV1.
    segment : Fraction
        Target duration of a segment, s.
    buffer : float or None
        Decoder (VBV) buffer in seconds at twice the average bitrate of a rung; None for no limit.
    max_jump : float or None
        Maximum VMAF difference between adjacent shots of a rung; None for no limit.
    presets : tuple of str
        Encoder preset of each codec, or "auto"; empty for the default of each codec.
    tune : {"visual", "metric"}
    pooling : str
        Temporal pooling of VMAF; a key of `ladders.POOLINGS`.
    effort : {"fast", "balanced", "thorough"}
        Trades CPU time for bits: encoder settings in addition to the preset.
    stop : StoppingRule
        When the probe encodes end.
    views : TrafficModel or None
        Value of saved traffic, for per-shot encoder overrides; None for the default override of all shots.
    compare : bool
        Whether to measure the fixed ladder on a sample of chunks.
    engine : {"native", "libvmaf"}
        VMAF implementation.
    measure : tuple of str
        Further metrics of the final encodes; keys of `ladders.EXTRA_METRICS`.
    audio : tuple of str
        Audio codecs, see `encoder.choose_audio_codecs`; empty for no audio.
    loudness : float or None
        Target loudness of encoded audio, LUFS; None keeps that of the source.
    subtitles : bool
        Whether to include the subtitle tracks.
    captions : CaptionRequest or None
        None makes no captions.
    encryption : EncryptionRequest or None
        None for no encryption.
    single_file : bool
        Whether each track is one file instead of one file per segment.
    thumbnails : Fraction or None
        Seconds between two thumbnails for scrubbing; None for no thumbnails.
    dynamic_hdr : bool
        Whether renditions carry the Dolby Vision and HDR10+ metadata of the source.
    overwrite : bool
        Whether to replace an existing presentation.
    workers : int
        Number of parallel jobs on this machine.
    cluster : str or None
        Address of a Dask scheduler whose workers run the jobs instead.
    store : Store
        Cache of intermediate files.
    log : Path or None
        File that receives a JSON line for each attempt of a job.
    metrics_port : int or None
        Port at which the run serves Prometheus metrics.
    command_line : str
        The call that the report shows; empty for a call from Python.
    """

    source: str
    output: Path
    codecs: tuple[str, ...] = ("h264",)
    ladder: str = "per-shot"
    target: float | None = None
    metric: Metric | None = None
    rungs: int | None = None
    audience: tuple[Path, ...] = ()
    min_bitrate: float | None = None
    max_bitrate: float | None = None
    max_height: int | None = None
    crop: str = "none"
    shots: Path | None = None
    zones: Path | None = None
    film_grain: str = "none"
    segment: Fraction = Fraction(4)
    buffer: float | None = None
    max_jump: float | None = None
    presets: tuple[str, ...] = ()
    tune: str = "visual"
    pooling: str = "mean"
    effort: str = "balanced"
    stop: StoppingRule = field(default_factory=StoppingRule)
    views: TrafficModel | None = None
    compare: bool = True
    engine: str = vmaf.DEFAULT_ENGINE
    measure: tuple[str, ...] = ()
    audio: tuple[str, ...] = ("aac", "eac3")
    loudness: float | None = None
    subtitles: bool = True
    captions: CaptionRequest | None = None
    encryption: EncryptionRequest | None = None
    single_file: bool = False
    thumbnails: Fraction | None = None
    dynamic_hdr: bool = True
    overwrite: bool = False
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    cluster: str | None = None
    store: Store = field(default_factory=Store.default)
    log: Path | None = None
    metrics_port: int | None = None
    command_line: str = field(default="", compare=False)

    @property
    def constraints(self) -> Constraints:
        """Constraints of the allocation."""
        return Constraints(vbv_seconds=self.buffer, max_quality_step=self.max_jump)
