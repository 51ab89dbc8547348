"""`shotladder.encode`: the command `encode` as a function with the same options, defaults and result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import encoder
import vmaf
from encoder.media.black_bars import parse_crop
from ladders import AUTO, MODES, POOLINGS, Metric, StoppingRule, TrafficModel
from shotladder.pipeline import encode_pipeline
from shotladder.pipeline.encode_request import CaptionRequest, EncodeRequest, EncryptionRequest
from shotladder.pipeline.encode_result import EncodeResult
from shotladder.pipeline.search_metric import choose_extra_metrics, choose_metric
from shotladder.pipeline.source.film_grain import can_synthesise_grain, parse_film_grain
from shotladder.reporter import Advance, Reporter
from shotladder.store_location import open_store
from shotladder_runtime.errors import ShotladderError
from shotladder_runtime.passwords import without_password
from shotladder_runtime.store import Store
from shotladder_runtime.tools import require_encoder

__all__ = ["OptionError", "encode"]

#: Takes the title of a stage, the units done and the total.
ProgressCallback = Callable[[str, float, float], None]


class OptionError(ShotladderError, ValueError):
    """An option of `encode` has no valid value, or contradicts another option."""


class _CollectingReporter(Reporter):
    """Collects messages; shows progress like the command, or passes it to a callable, or neither."""

    def __init__(self, progress: bool | ProgressCallback) -> None:
        super().__init__(quiet=progress is not True)
        self.notes: list[str] = []
        self._callback = progress if callable(progress) else None

    def say(self, text: str) -> None:
        self.notes.append(without_password(text))
        super().say(text)

    @contextmanager
    def stage(self, title: str) -> Iterator[Advance]:
        callback = self._callback
        if callback is not None:
            yield lambda done, total: callback(title, done, total)
        else:
            with super().stage(title) as advance:
                yield advance


def encode(
    source: str | Path,
    output: str | Path,
    *,
    codec: str | Sequence[str] = "h264",
    ladder: str | Path = "per-shot",
    target_vmaf: float | None = None,
    metric: str | Metric = "vmaf",
    target_xpsnr: float | None = None,
    rungs: int | None = None,
    client_traces: str | Path | Sequence[str | Path] = (),
    min_bitrate: float | None = None,
    max_bitrate: float | None = None,
    max_height: int | None = None,
    crop: str = "none",
    shots: str | Path | None = None,
    zones: str | Path | None = None,
    film_grain: str | int = "none",
    segment_duration: float | Fraction = 4,
    vbv_seconds: float | None = None,
    max_quality_step: float | None = None,
    preset: str | Mapping[str, str] | None = None,
    tune: str = "visual",
    pooling: str = "mean",
    effort: str = "balanced",
    probe_tolerance: float | None = None,
    probe_budget: float | None = None,
    expected_views: float | None = None,
    gb_per_cpu_hour: float | None = None,
    audio: str | Sequence[str] | None = ("aac", "eac3"),
    loudness: float | None = None,
    subtitles: bool = True,
    captions: str | Path | None = None,
    captions_language: str | None = None,
    captions_translate: bool = False,
    encrypt: bool | EncryptionRequest = False,
    single_file: bool = False,
    thumbnails: float | Fraction | None = None,
    dynamic_hdr: bool = True,
    compare: bool = True,
    engine: str = vmaf.DEFAULT_ENGINE,
    measure: str | Sequence[str] = (),
    workers: int | None = None,
    cluster: str | None = None,
    store: str | Path | Store | None = None,
    overwrite: bool = False,
    progress: bool | ProgressCallback = False,
) -> EncodeResult:
    """Encode a video as an adaptive DASH and HLS presentation with a per-shot bitrate ladder.

    The parameters are the options of the command `shotladder encode`, with the same defaults, and the result is the
    same. Like a click command, this function has one parameter per option, so that all are visible here.

    Parameters
    ----------
    source : str or Path
        Path or URL of the video.
    output : str or Path
        Directory of the presentation.
    codec : str or sequence of str
        Codec or codecs; each gets its own ladder. A string may list several, separated by commas.
    ladder : str or Path
        Bit allocation mode ("per-shot", "per-title", "constant-quality", "fixed"), or a ladder JSON file.
    target_vmaf : float, optional
        Target mean VMAF of the top rung. Default: 93 up to 1080p, 95 above.
    metric : str or Metric
        Metric of the search: "vmaf", "xpsnr", or a metric of your own, which has its target.
    target_xpsnr : float, optional
        Target XPSNR of the top rung, dB; requires the metric "xpsnr". Default: 38.
    rungs : int, optional
        Number of rungs. Default: derived from the bitrate range.
    client_traces : path or sequence of paths
        Choose rung bitrates by simulating playback over these network traces.
    min_bitrate : float, optional
        Bitrate of the lowest rung, kbit/s, if the video needs as much. Default: 120.
    max_bitrate : float, optional
        Maximum bitrate of the top rung, kbit/s, even if it does not reach the target. Default: no limit.
    max_height : int, optional
        Maximum rung height, pixels.
    crop : str
        "none"; "auto" removes the black bars that are in every frame; or "WIDTH:HEIGHT:X:Y" of the upright frame.
    shots : str or Path, optional
        File with the shots, as `shotladder shots --json` writes it, edited or not. Default: they are detected.
    zones : str or Path, optional
        TOML or CSV file with limits for parts of the source; requires a per-shot ladder. Default: no limits.
    film_grain : str or int
        "none"; "auto" or a strength from 1 to 50 to remove film grain and synthesise it in AV1.
    segment_duration : float or Fraction
        Target segment duration, s; segments last 0.5 to 1.5 times this.
    vbv_seconds : float, optional
        Decoder (VBV) buffer, s at twice the average bitrate of a rung. Default: unlimited.
    max_quality_step : float, optional
        Maximum VMAF difference between adjacent shots of a rung. Default: unlimited.
    preset : str or mapping of str to str, optional
        Encoder preset for all codecs, "CODEC=NAME,...", or a mapping by codec; "auto" requires `expected_views`.
    tune : {"visual", "metric"}
        Whether to keep psychovisual tools or to disable them.
    pooling : str
        Temporal pooling of VMAF, a key of `ladders.POOLINGS`.
    effort : {"fast", "balanced", "thorough"}
        Trades CPU time for bits: the number of probe encodes, and encoder settings in addition to the preset.
    probe_tolerance : float, optional
        Stop probing when further probes are expected to save less than this percentage of the bitrate.
    probe_budget : float, optional
        Approximate CPU time of the probe encodes per codec, s. Default: no limit.
    expected_views : float, optional
        Number of views; enables per-shot encoder overrides where the value of the saved traffic exceeds the CPU cost.
    gb_per_cpu_hour : float, optional
        Traffic that costs as much as one CPU-core hour, GB; requires `expected_views`.
    audio : str or sequence of str or None
        Audio codecs: aac, eac3, ac3, opus, copy; None for no audio.
    loudness : float, optional
        Target loudness of encoded audio, LUFS (EBU R 128). Default: the loudness of the source.
    subtitles : bool
        Whether to include subtitle tracks.
    captions : str or Path, optional
        Transcribe the speech with this model: a folder, or an installed package with one. Default: no captions.
    captions_language : str, optional
        BCP 47 tag of the speech; requires `captions`. Default: detected.
    captions_translate : bool
        Translate captions to English; requires `captions`.
    encrypt : bool or EncryptionRequest
        Encrypt video and audio; True generates new keys.
    single_file : bool
        Write one byte-range-addressed file per track.
    thumbnails : float or Fraction, optional
        Write thumbnails for scrubbing, one per this many seconds, and a poster image. Default: none.
    dynamic_hdr : bool
        Whether renditions carry the Dolby Vision and HDR10+ metadata of the source.
    compare : bool
        Estimate the saving over a fixed ladder on a sample of chunks.
    engine : {"native", "libvmaf"}
        VMAF implementation.
    measure : str or sequence of str
        Further metrics of every rung: neg, psnr, ssim, xpsnr, cambi.
    workers : int, optional
        Number of parallel jobs. Default: the number of CPU cores.
    cluster : str, optional
        Dask scheduler address; jobs run on its workers.
    store : path, URL or Store, optional
        Cache of intermediate files. Default: the user cache directory.
    overwrite : bool
        Replace an existing presentation, atomically, after a successful run.
    progress : bool or callable
        True shows progress on stderr; a callable receives (stage title, units done, total units).

    Returns
    -------
    EncodeResult
        Path, presentation, ladders and notes.

    Raises
    ------
    OptionError
        If an option has no valid value or contradicts another.
    ShotladderError
        If the source, the output or a tool is at fault; the output directory is then unchanged.
    """
    codecs = _split(codec)
    _require_known("codec", codecs, tuple(encoder.load_codecs()))
    if len(set(codecs)) < len(codecs):
        raise OptionError(f"codec: {', '.join(codecs)} names a codec twice")
    ladder, traces = os.fspath(ladder), _paths(client_traces)
    is_file = ladder not in MODES
    if is_file and not Path(ladder).is_file():
        raise OptionError(f"ladder: {ladder!r} is neither a mode ({', '.join(MODES)}) nor a file")
    presets = _presets(codecs, preset)
    choose_audio_codecs = _split(audio) if audio is not None and audio != "none" else ()
    for name, values, known in (
        ("tune", (tune,), ("visual", "metric")),
        ("pooling", (pooling,), tuple(POOLINGS)),
        ("engine", (engine,), ("native", "libvmaf")),
        ("effort", (effort,), encoder.EFFORTS),
        ("audio", choose_audio_codecs, (*encoder.AUDIO_CODECS, "copy")),
    ):
        _require_known(name, values, known)
    for name, value, low, high in (
        ("target_vmaf", target_vmaf, 1, 100),
        ("target_xpsnr", target_xpsnr, 21, 60),
        ("rungs", rungs, 1, 20),
        ("min_bitrate", min_bitrate, 10, 100_000),
        ("max_bitrate", max_bitrate, 10, 1_000_000),
        ("max_height", max_height, 32, None),
        ("segment_duration", segment_duration, 0.5, 60),
        ("vbv_seconds", vbv_seconds, 0.1, 60),
        ("loudness", loudness, -40, -5),
        ("thumbnails", thumbnails, 0.5, 60),
        ("max_quality_step", max_quality_step, 1, 100),
        ("probe_tolerance", probe_tolerance, 0, 100),
        ("gb_per_cpu_hour", gb_per_cpu_hour, 0, None),
        ("workers", workers, 1, None),
    ):
        _require_range(name, value, low, high)
    for name, value in (("probe_budget", probe_budget), ("expected_views", expected_views)):
        if value is not None and not value > 0:
            raise OptionError(f"{name}: {value} is not positive")
    for present, name, requirement, fulfilled in (
        (vbv_seconds is not None, "vbv_seconds", "ladder='per-shot'", ladder == "per-shot"),
        (max_quality_step is not None, "max_quality_step", "ladder='per-shot'", ladder == "per-shot"),
        (max_bitrate is not None, "max_bitrate", "a ladder mode that places rungs", not is_file and ladder != "fixed"),
        (
            film_grain != "none",
            "film_grain",
            "a codec that can synthesise it, such as av1",
            is_file or can_synthesise_grain(codecs),
        ),
        (
            loudness is not None,
            "loudness",
            "an audio codec that encodes audio",
            bool(set(choose_audio_codecs) - {"copy"}),
        ),
        (captions_language is not None, "captions_language", "captions", captions is not None),
        (captions_translate, "captions_translate", "captions", captions is not None),
        (zones is not None, "zones", "ladder='per-shot'", ladder == "per-shot"),
        (shots is not None, "shots", "a ladder mode, not a file", not is_file),
        (bool(traces), "client_traces", "a ladder mode that places rungs", not is_file and ladder != "fixed"),
        (expected_views is not None, "expected_views", "a ladder mode, not a file", not is_file),
        (gb_per_cpu_hour is not None, "gb_per_cpu_hour", "expected_views", expected_views is not None),
        (AUTO in presets, "preset 'auto'", "expected_views", expected_views is not None),
    ):
        if present and not fulfilled:
            raise OptionError(f"{name}: requires {requirement}")
    if min_bitrate is not None and max_bitrate is not None and min_bitrate > max_bitrate:
        raise OptionError(f"min_bitrate: {min_bitrate:g} is above max_bitrate {max_bitrate:g}")
    views = None if expected_views is None else TrafficModel(float(expected_views))
    if views is not None and gb_per_cpu_hour is not None:
        views = replace(views, gb_per_cpu_hour=float(gb_per_cpu_hour))
    for name in codecs:
        require_encoder(encoder.get_codec(name).encoder)
    source = os.fspath(source)
    if cluster and "://" not in source:
        source = os.path.abspath(source)  # noqa: PTH100 - workers have other working directories; links are kept
    request = EncodeRequest(
        source=source,
        output=Path(os.path.abspath(output)),  # noqa: PTH100 - `..` is resolved, links are kept
        codecs=codecs,
        ladder=ladder,
        target=_as_float(target_vmaf),
        metric=choose_metric(metric, target_vmaf, _as_float(target_xpsnr)),
        rungs=rungs,
        audience=traces,
        min_bitrate=None if min_bitrate is None else 1000.0 * min_bitrate,
        max_bitrate=None if max_bitrate is None else 1000.0 * max_bitrate,
        max_height=max_height,
        crop=_require_crop(crop),
        shots=None if shots is None else Path(shots),
        zones=None if zones is None else Path(zones),
        film_grain=_require_film_grain(film_grain),
        # a float is exact in binary only: 2.002 means 2002/1000
        segment=Fraction(str(segment_duration)),
        buffer=_as_float(vbv_seconds),
        max_jump=_as_float(max_quality_step),
        presets=presets,
        tune=tune,
        pooling=pooling,
        effort=effort,
        stop=StoppingRule.for_effort(effort, _as_float(probe_tolerance), _as_float(probe_budget)),
        views=views,
        compare=compare,
        engine=engine,
        measure=choose_extra_metrics(_split(measure)),
        audio=choose_audio_codecs,
        loudness=_as_float(loudness),
        subtitles=subtitles,
        captions=None
        if captions is None
        else CaptionRequest(os.fspath(captions), captions_language, captions_translate),
        encryption=encrypt if isinstance(encrypt, EncryptionRequest) else EncryptionRequest() if encrypt else None,
        single_file=single_file,
        thumbnails=None if thumbnails is None else Fraction(str(thumbnails)),
        dynamic_hdr=dynamic_hdr,
        overwrite=overwrite,
        workers=workers or os.cpu_count() or 1,
        cluster=cluster,
        store=store if isinstance(store, Store) else Store.default() if store is None else open_store(store),
    )
    reporter = _CollectingReporter(progress)
    result = encode_pipeline.encode(request, reporter)
    return replace(result, notes=tuple(reporter.notes))


def _as_float(value: float | None) -> float | None:
    """Return an int as float, as the command's options are: 93 and 93.0 are the same request with one hash."""
    return None if value is None else float(value)


def _split(names: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(names.split(",")) if isinstance(names, str) else tuple(names)


def _paths(paths: str | Path | Sequence[str | Path]) -> tuple[Path, ...]:
    return (Path(paths),) if isinstance(paths, str | Path) else tuple(map(Path, paths))


def _presets(codecs: Sequence[str], preset: str | Mapping[str, str] | None) -> tuple[str, ...]:
    """Return the preset of each codec; a name without a codec is for all codecs."""
    presets = {name: encoder.get_codec(name).preset for name in codecs}
    if isinstance(preset, str):
        parts = [part.rpartition("=")[::2] for part in preset.split(",")]
    else:
        parts = list((preset or {}).items())
    for codec, name in parts:
        _require_known("preset", (codec,) if codec else (), codecs)
        presets |= {codec: name} if codec else dict.fromkeys(presets, name)
    for codec, name in presets.items():
        _require_known(f"preset of {codec}", (name,), (*encoder.get_codec(codec).presets, AUTO))
    return tuple(presets.values())


def _require_known(option: str, values: Sequence[str], known: Sequence[str]) -> None:
    for value in values:
        if value not in known:
            raise OptionError(f"{option}: unknown {value!r} (choose from {', '.join(known)})")


def _require_crop(crop: str) -> str:
    if crop not in ("auto", "none"):
        try:
            parse_crop(crop)
        except ValueError as error:
            raise OptionError(f"crop: {error}") from error
    return crop


def _require_film_grain(value: str | int) -> str:
    try:
        return parse_film_grain(str(value))
    except ValueError as error:
        raise OptionError(f"film_grain: {error}") from error


def _require_range(option: str, value: float | Fraction | None, low: float, high: float | None) -> None:
    if value is not None and not (low <= value and (high is None or value <= high)):
        upper = "" if high is None else f" to {high:g}"
        raise OptionError(f"{option}: {value} is out of range ({low:g}{upper or ' or more'})")
