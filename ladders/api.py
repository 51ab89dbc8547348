"""Make the ladder of a video in every mode, with the common settings as keywords."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import encoder
from encoder import EFFORTS, Source, get_codec, plan_chunks
from ladders.allocation.rung_placement import RungRules
from ladders.construction.find_ladder import find_ladder
from ladders.ladder import Ladder
from ladders.ladder_request import EncodeSettings, LadderRequest, StoppingRule
from ladders.probing.preset_choice import choose_preset
from ladders.probing.prober import Prober
from shotladder_runtime.jobs import LocalExecutor
from shotladder_runtime.store import Store

__all__ = ["constant_quality", "fixed", "make_ladder", "per_shot", "per_title"]

#: Takes the finished part and the total of the work.
Progress = Callable[[float, float], None]


class _HasStart(Protocol):
    @property
    def start(self) -> int: ...


#: Start frames of the shots, or values with a `start`, such as the result of `detect_shots`.
Shots = Sequence[int] | Sequence[_HasStart]


def per_shot(
    source: Source | str | Path,
    shots: Shots | None = None,
    *,
    codec: str = "h264",
    target_vmaf: float | None = None,
    max_height: int | None = None,
    rungs: int | None = None,
    segment_duration: float | Fraction = 4,
    preset: str | None = None,
    tune: str = "visual",
    pooling: str = "mean",
    effort: str = "balanced",
    probe_tolerance: float | None = None,
    probe_budget: float | None = None,
    request: LadderRequest | None = None,
    store: Store | None = None,
    executor: Executor | None = None,
    progress: bool | Progress | None = None,
) -> Ladder:
    """Make a ladder whose bits are allocated to the shots of every rung by equal slope.

    Parameters
    ----------
    source : Source, str or Path
        The video, or its path.
    shots : sequence of int or of Shot, optional
        Start frame of every shot, or the shots. By default they are detected.
    codec : str
        Name of the codec: "h264", "hevc", "vp9" or "av1".
    target_vmaf : float, optional
        Target mean VMAF of the top rung. By default 95 for sources above 1080p and 93 otherwise.
    max_height : int, optional
        Maximum nominal height of a rung, pixels. By default the height of the source.
    rungs : int, optional
        Number of rungs. By default it is derived from the range of bitrates.
    segment_duration : float or Fraction
        Target segment duration, s.
    preset : str, optional
        Encoder preset. By default that of the codec.
    tune : {"visual", "metric"}
        Whether to keep psychovisual tools, or to disable them for higher VMAF.
    pooling : {"mean", "harmonic"}
        Temporal pooling of the VMAF of frames.
    effort : {"fast", "balanced", "thorough"}
        Trades CPU time for bits: the number of probes, and encoder settings in addition to the preset.
    probe_tolerance : float, optional
        Stop probing if further probes are expected to save less than this percentage of the bits. By default that of
        the effort.
    probe_budget : float, optional
        Approximate CPU time of all probe encodes, s. By default unlimited.
    request : LadderRequest, optional
        All settings in one value, instead of the keywords above. Its mode is replaced by the mode of this function.
    store : Store, optional
        Cache of the probes. By default that of the user.
    executor : concurrent.futures.Executor, optional
        Runs the probes. By default one worker per CPU core.
    progress : bool or callable, optional
        True prints the finished percentage on stderr. A callable receives (done, total).

    Returns
    -------
    Ladder

    Raises
    ------
    LadderError
        If there is no ladder of this kind.
    ValueError
        If both a request and one of its settings are given.
    """
    return _make("per-shot", **locals())


def per_title(
    source: Source | str | Path,
    shots: Shots | None = None,
    *,
    codec: str = "h264",
    target_vmaf: float | None = None,
    max_height: int | None = None,
    rungs: int | None = None,
    segment_duration: float | Fraction = 4,
    preset: str | None = None,
    tune: str = "visual",
    pooling: str = "mean",
    effort: str = "balanced",
    probe_tolerance: float | None = None,
    probe_budget: float | None = None,
    request: LadderRequest | None = None,
    store: Store | None = None,
    executor: Executor | None = None,
    progress: bool | Progress | None = None,
) -> Ladder:
    """Make a ladder with one quantiser for all shots of a rung; parameters as in `per_shot`.

    See Also
    --------
    per_shot
    """
    return _make("per-title", **locals())


def constant_quality(
    source: Source | str | Path,
    shots: Shots | None = None,
    *,
    codec: str = "h264",
    target_vmaf: float | None = None,
    max_height: int | None = None,
    rungs: int | None = None,
    segment_duration: float | Fraction = 4,
    preset: str | None = None,
    tune: str = "visual",
    pooling: str = "mean",
    effort: str = "balanced",
    probe_tolerance: float | None = None,
    probe_budget: float | None = None,
    request: LadderRequest | None = None,
    store: Store | None = None,
    executor: Executor | None = None,
    progress: bool | Progress | None = None,
) -> Ladder:
    """Make a ladder with one VMAF for all shots of a rung; parameters as in `per_shot`.

    See Also
    --------
    per_shot
    """
    return _make("constant-quality", **locals())


def fixed(
    source: Source | str | Path,
    shots: Shots | None = None,
    *,
    codec: str = "h264",
    target_vmaf: float | None = None,
    max_height: int | None = None,
    rungs: int | None = None,
    segment_duration: float | Fraction = 4,
    preset: str | None = None,
    tune: str = "visual",
    pooling: str = "mean",
    effort: str = "balanced",
    probe_tolerance: float | None = None,
    probe_budget: float | None = None,
    request: LadderRequest | None = None,
    store: Store | None = None,
    executor: Executor | None = None,
    progress: bool | Progress | None = None,
) -> Ladder:
    """Make Apple's recommended ladder; parameters as in `per_shot`.

    Every rung has the one quantiser that gives it its recommended bitrate, as two-pass rate control would.

    See Also
    --------
    per_shot
    """
    return _make("fixed", **locals())


def _make(
    mode: str,
    source: Source | str | Path,
    shots: Shots | None,
    request: LadderRequest | None,
    store: Store | None,
    executor: Executor | None,
    progress: bool | Progress | None,
    **settings: Any,
) -> Ladder:
    """Make a ladder by a request, or by the keywords of `per_shot`."""
    if request is None:
        request = _request(settings)
    elif changed := [n for n, value in settings.items() if value != inspect.signature(per_shot).parameters[n].default]:
        raise ValueError(f"both request and {', '.join(changed)} are given; set the values in the request")
    source = encoder.inspect(source) if isinstance(source, str | Path) else source
    if shots is None:
        # shot detection compiles its kernels when it is imported
        from ladders.shots.detector import detect_shots

        shots = detect_shots(source)
    return make_ladder(source, shots, request.with_mode(mode), store=store, executor=executor, progress=progress)


def _request(settings: Mapping[str, Any]) -> LadderRequest:
    """Return the request of the keywords of `per_shot`."""
    codec = settings["codec"]
    preset = settings["preset"] or get_codec(codec).preset
    effort = settings["effort"]
    if effort not in EFFORTS:
        raise ValueError(f"effort: unknown {effort!r} (choose from {', '.join(EFFORTS)})")
    return LadderRequest(
        encoding=EncodeSettings(codec, preset, settings["tune"], pooling=settings["pooling"], effort=effort),
        rules=RungRules(target=settings["target_vmaf"], count=settings["rungs"]),
        max_height=settings["max_height"],
        segment_duration=Fraction(settings["segment_duration"]),
        stopping=StoppingRule.for_effort(effort, settings["probe_tolerance"], settings["probe_budget"]),
    )


def make_ladder(
    source: Source,
    shots: Shots,
    request: LadderRequest,
    *,
    store: Store | None = None,
    executor: Executor | None = None,
    progress: bool | Progress | None = None,
) -> Ladder:
    """Make a ladder by a request.

    Parameters
    ----------
    source : Source
    shots : sequence of int or of Shot
        Start frame of every shot, or the shots.
    request : LadderRequest
    store, executor, progress
        As in `per_shot`.

    Returns
    -------
    Ladder

    Raises
    ------
    LadderError
        If the mode is unknown, or the codec has no fixed ladder.
    """
    starts = [shot if isinstance(shot, int) else shot.start for shot in shots]
    chunks, segments = plan_chunks(source, starts, request.segment_duration)
    store = store or Store.default()
    advance = _print_progress if progress is True else progress or None
    with LocalExecutor(os.cpu_count() or 1) as pool, store.hold():
        request, cost = choose_preset(request, source, chunks, store, executor or pool)
        prober = Prober(
            source, chunks, request.encoding, store, executor or pool, frame_stride=request.frame_stride, cost=cost
        )
        return find_ladder(prober, segments, request, advance)


def _print_progress(done: float, total: float) -> None:
    """Print the finished percentage on stderr, on one line."""
    end = "\n" if done >= total else ""
    sys.stderr.write(f"\r{100 * done / max(total, 1e-9):3.0f} %{end}")
    sys.stderr.flush()
