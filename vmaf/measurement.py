"""`score`: one reference, many renditions, one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import encoder
from encoder import Source
from vmaf import libvmaf_engine
from vmaf.errors import MeasureError
from vmaf.measurement_request import build, shown_size
from vmaf.models import DEVICES, choose, load
from vmaf.native import native_engine
from vmaf.scores import Scores

__all__ = ["DEFAULT_ENGINE", "score"]

#: libvmaf's numbers for less; what it lacks libvmaf itself does.
DEFAULT_ENGINE = "native"

#: The engines by name.
ENGINES = ("libvmaf", "native")


def score(
    reference: str | Path | Source,
    renditions: Sequence[str | Path | Source] | str | Path | Source,
    model: str | None = None,
    every: int = 1,
    engine: str = DEFAULT_ENGINE,
    *,
    frames: tuple[int, int] | None = None,
    offset: int = 0,
    size: tuple[int, int] | None = None,
    device: str | None = None,
    companions: Sequence[str] = (),
    threads: int | None = None,
    match_times: bool = True,
    partial: bool = False,
    progress: Callable[[float, float], None] | None = None,
) -> tuple[Scores, ...]:
    """Measure the VMAF of renditions against one reference, which is decoded once.

    Frames are paired by their numbers, never by their times; times are only used to notice that a frame
    is missing, doubled or shifted, and to say where.

    Parameters
    ----------
    reference : str, Path or Source
        The film; a `Source` saves inspecting it again.
    renditions : sequence of (str, Path or Source), or one of them
        What was made of it; each is scaled (bicubic) to `size`.
    model : str, optional
        `v0.6.1`, `neg`, `4k`, `4k-neg`, `phone`, `bootstrap`, `v1`, `v1-phone`, `v1-tv-4k`, `v1-tv-4k-3h`, any
        name of libvmaf, or a JSON file. By default the 4k model for displays of more than 1440 rows, else
        v0.6.1. `v1` is chosen by display and frame rate.
    every : int
        Measure the frames whose number is a multiple of this. Even strides fall on the same places of an
        encoder's pyramid; prefer odd ones.
    engine : {"native", "libvmaf"}
        `native` shares the reference's side and costs half; requests that it cannot do go to `libvmaf`, and
        `Scores.engine` says so.
    frames : (int, int), optional
        Frames [first, last) of the reference; by default all. Scores of a range equal those of a whole
        run: motion sees the reference's frames around it.
    offset : int
        Number of the reference frame that the renditions begin with: 0 for a whole film, `chunk.first`
        for a chunk.
    size : (int, int), optional
        Width and height to compare at; by default those of the reference, upright and in square pixels, or what
        they become on the screen of `device`.
    device : {"phone", "tv-1080p", "tv-4k"}, optional
        The screen that `v0.6.1`, `neg` or `v1` is to see with: it chooses among their models.
    companions : sequence of str
        Any of `neg` (the same model without enhancement gain), `interval` (95 % bootstrap; needs the
        model `bootstrap`), `psnr`, `ssim`, `cambi`.
    threads : int, optional
        By default one a core; renditions and frames are spread over them.
    match_times : bool
        Refuse a rendition whose frame times, from its start, are not the reference's. Say False for
        elementary streams and chunks whose times were not kept; the number of frames is still checked.
    partial : bool
        Score what there is of a damaged rendition, and say in `Scores.missing` what there is not: frames that cannot
        be decoded or, as times tell, were dropped or cut off. By default that is an error. Native engine only.
    progress : callable, optional
        Called with (frames done, frames in all).

    Returns
    -------
    tuple of Scores
        In the order of `renditions`.

    Raises
    ------
    MeasureError
        The request makes no sense: no frames, too small a picture, an unknown engine.
    ModelError
        There is no such model.
    PairingError
        A rendition does not hold the reference's frames one for one.
    SourceError
        A file cannot be read.

    Notes
    -----
    How the pipeline calls it. A probe or chunk file holds frames [first, last) of the source and nothing
    else, so every task, in any process, measures its own, all renditions of the chunk in one
    call::

        vmaf.score(source, files, frames=(chunk.first, chunk.last), offset=chunk.first, threads=1,
        match_times=False)

    A packaged rung holds the whole film; its ranges are measured by as many tasks as there are workers, and
    concatenated per-frame arrays equal one whole run to the digit::

        vmaf.score(source, rungs, frames=(first, last), threads=1)

    Ranges are cheap to open where they start at a keyframe of the source. `Scores.pools` then pools by
    segment or shot.

    Examples
    --------
    >>> score("film.mp4", [])
    Traceback (most recent call last):
    ...
    vmaf.errors.MeasureError: no rendition to measure
    """
    if engine not in ENGINES:
        raise MeasureError(f"unknown engine {engine!r}; known: {', '.join(ENGINES)}")
    listed = [renditions] if isinstance(renditions, str | Path | Source) else list(renditions)
    if not listed:
        raise MeasureError("no rendition to measure")
    threads = (os.cpu_count() or 1) if threads is None else threads
    if threads < 1:
        raise MeasureError(f"threads={threads}: at least one has to work")
    with ThreadPoolExecutor(threads) as pool:
        source, *films = pool.map(_inspected, [reference, *listed])
    size = size or shown_size(source, DEVICES.get(device or ""))
    request = build(
        source,
        films,
        frames=frames,
        offset=offset,
        size=size,
        model=load(choose(min(size), model, device, float(source.frame_rate))),
        every=every,
        companions=tuple(companions),
        threads=threads,
        match_times=match_times,
        partial=partial,
    )
    # what the native engine lacks libvmaf does; `Scores.engine` tells which it was
    if engine == "native" and native_engine.lacks(request) is None:
        return native_engine.measure(request, progress)
    return libvmaf_engine.measure(request)


def _inspected(film: str | Path | Source) -> Source:
    return film if isinstance(film, Source) else encoder.inspect(film)
