"""`score`: one reference, many renditions, one call."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Unpack

import encoder
from encoder import Source
from shotladder_runtime.progress import Progress, progress_callback
from vmaf import libvmaf_engine
from vmaf.errors import MeasureError
from vmaf.measurement_request import ScoreOptions, build_request, thread_count
from vmaf.native import native_engine
from vmaf.scores import Scores

__all__ = ["DEFAULT_ENGINE", "ENGINES", "score"]

#: the default: libvmaf's numbers in less CPU time (benchmarks.vmaf_shared_reference)
DEFAULT_ENGINE = "native"

#: the engines by name
ENGINES = ("libvmaf", "native")


def score(
    reference: str | Path | Source,
    renditions: Sequence[str | Path | Source] | str | Path | Source,
    *,
    model: str | None = None,
    metrics: Sequence[str] = (),
    frame_stride: int = 1,
    engine: str = DEFAULT_ENGINE,
    progress: bool | Progress | None = None,
    **options: Unpack[ScoreOptions],
) -> tuple[Scores, ...]:
    """Measure the VMAF of renditions against one reference, which is decoded once.

    Frames are paired by their numbers, never by their times. Times are only used to detect that a frame is missing,
    duplicated or shifted, and to report where.

    Parameters
    ----------
    reference : str, Path or Source
        The source video. A `Source` saves inspecting the file again.
    renditions : sequence of (str, Path or Source), or one of them
        Encodes of the reference; each is scaled (bicubic) to the size of the comparison.
    model : str, optional
        `v0.6.1`, `neg`, `4k`, `4k-neg`, `phone`, `bootstrap`, `v1`, `v1-phone`, `v1-tv-4k`, `v1-tv-4k-3h`, any
        name of libvmaf, or a JSON file. The default is the 4k model for displays of more than 1440 rows, else
        v0.6.1. With `v1`, display and frame rate select the model.
    metrics : sequence of str
        Additional metrics, any of `neg` (the same model without enhancement gain), `interval` (95 % bootstrap; needs
        the model `bootstrap`), `psnr`, `ssim`, `xpsnr`, `cambi`.
    frame_stride : int
        Measure the frames whose number is a multiple of this. Prefer an odd stride: encoders arrange frames in pyramids
        of 2, 4 and 8, so an even stride measures frames of the same layer only.
    engine : {"native", "libvmaf"}
        `native` computes the reference's features once for all renditions. It hands requests that it does not support
        to `libvmaf`; `Scores.engine` names the engine that was used.
    progress : bool or callable, optional
        True draws a progress bar on stderr; a callable is called with (frames done, total frames). Native engine only.
    **options
        `frames`, `offset`, `size`, `device`, `crop`, `threads`, `match_times`, `check_content`, `partial`: see
        `vmaf.ScoreOptions`.

    Returns
    -------
    tuple of Scores
        In the order of `renditions`.

    Raises
    ------
    MeasureError
        The request is not valid: no frames, frames that are too small, an unknown engine or metric.
    ModelError
        There is no such model.
    PairingError
        A rendition does not hold the reference's frames one for one.
    SourceError
        A file cannot be read.

    Notes
    -----
    A chunk file holds frames [start, stop) of the source and nothing else. So every job, in any process, measures its
    own chunk, all renditions of it in one call::

        vmaf.score(
            source, files, frames=(chunk.start, chunk.stop), offset=chunk.start, threads=1, match_times=False
        )

    A packaged rendition holds the whole video. Its ranges can be measured by as many jobs as there are workers; the
    concatenated per-frame arrays equal those of one whole run to the digit::

        vmaf.score(source, renditions, frames=(start, stop), threads=1)

    A range is opened fastest where it starts at a keyframe of the source. `Scores.pools` pools by segment or shot.

    Examples
    --------
    >>> score("source.mp4", ["1080p.mp4", "720p.mp4"])[0].mean  # doctest: +SKIP
    94.3
    >>> score("source.mp4", [])
    Traceback (most recent call last):
    ...
    vmaf.errors.MeasureError: no rendition to measure
    """
    if unknown := options.keys() - ScoreOptions.__optional_keys__:
        raise TypeError(f"score() got an unexpected keyword argument {min(unknown)!r}")
    if engine not in ENGINES:
        raise MeasureError(f"unknown engine {engine!r}; known: {', '.join(ENGINES)}")
    listed = [renditions] if isinstance(renditions, str | Path | Source) else list(renditions)
    if not listed:
        raise MeasureError("no rendition to measure")
    with ThreadPoolExecutor(thread_count(options)) as pool:
        source, *inspected = pool.map(_as_source, [reference, *listed])
    request = build_request(source, inspected, model=model, metrics=metrics, frame_stride=frame_stride, options=options)
    if engine == "native" and native_engine.unsupported_feature(request) is None:
        return native_engine.measure(request, progress_callback(progress, "VMAF"))
    return libvmaf_engine.measure(request)


def _as_source(video: str | Path | Source) -> Source:
    return video if isinstance(video, Source) else encoder.inspect(video)
