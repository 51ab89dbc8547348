"""Encode one chunk: a single process decodes its frames once and encodes all renditions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import av
import ffmpeg

from encoder.codecs.codec import Codec, Setting, join_settings
from encoder.codecs.codec_table import get_codec
from encoder.codecs.processor import has_avx512
from encoder.encode.filters import SINGLE_THREADED, Filter, input_options, make_frame_filters, select_frames
from encoder.encode.job_needs import predict_memory, predict_seconds
from encoder.encode.plan import Chunk, Rendition
from encoder.media.source import Source
from encoder.media.unchanged_source import require_unchanged, unchanged_source
from shotladder_runtime.errors import ProcessError
from shotladder_runtime.jobs.job_progress import job_part, report_job_progress
from shotladder_runtime.printable_text import printable
from shotladder_runtime.process import QUIET, run
from shotladder_runtime.store.store import Store
from shotladder_runtime.temporary_folder import temporary_folder
from shotladder_runtime.tools import ffmpeg_path, ffmpeg_version

__all__ = [
    "ChunkJob",
    "add_portable_settings",
    "chunk_path",
    "count_part_bits",
    "encode_chunk",
    "encoder_options",
    "estimate_memory",
]

#: Bytes of a process without frames (chosen by hand).
MEMORY_BASE = 100_000_000
#: Bytes per pixel of a frame that is decoded or encoded: encoders buffer tens of frames (chosen by hand).
MEMORY_PER_PIXEL = 150
#: Seconds in which ffmpeg must start on a loaded machine (chosen by hand).
MIN_TIME_LIMIT = 600
#: FFmpeg writes the number of encoded frames on standard output twice a second.
PROGRESS_LINES = ("-progress", "pipe:1")
#: Seconds in which a frame of a rendition must be encoded (chosen by hand: 8K with the slowest presets).
MAX_FRAME_TIME = 120


@dataclass(frozen=True, slots=True)
class ChunkJob:
    """One job of a worker: a chunk in several renditions, each with its quantiser."""

    source: Source
    chunk: Chunk
    renditions: tuple[Rendition, ...]
    quantisers: tuple[float, ...]
    store: Store

    @property
    def cost(self) -> float:
        """Approximate CPU time, s."""
        return predict_seconds(self.source.width * self.source.height, self.renditions, self.chunk.frame_count)

    @property
    def memory(self) -> int:
        """Approximate maximum memory, bytes."""
        return predict_memory(self.source.width * self.source.height, self.renditions)

    def split(self, count: int) -> list[ChunkJob]:
        """Return at most `count` jobs that together make the same renditions."""
        # dealt in turn, so that each part gets large and small renditions
        parts = (slice(n, None, count) for n in range(min(count, len(self.renditions))))
        return [replace(self, renditions=self.renditions[part], quantisers=self.quantisers[part]) for part in parts]


def estimate_memory(pixels: int) -> int:
    """Return the approximate maximum memory of a process, bytes.

    Parameters
    ----------
    pixels : int
        Sum of the pixels per frame of everything that is decoded or encoded.
    """
    return MEMORY_BASE + MEMORY_PER_PIXEL * pixels


def encoder_options(rendition: Rendition, quantiser: float, source: Source, film_grain: int = 0) -> dict[str, str]:
    """Return the output options of FFmpeg for one encode; `film_grain` is the strength of synthesised grain."""
    codec = get_codec(rendition.codec)
    settings = [*codec.settings_for(rendition.tune, rendition.override)]
    settings += [_fill(codec.preset_setting, rendition.preset), _fill(codec.quantiser_setting, f"{quantiser:g}")]
    if rendition.peak_rate is not None and rendition.buffer_size is not None:
        bound = {"peak_rate": rendition.peak_rate, "buffer_size": rendition.buffer_size}
        settings += [_fill(setting, **bound) for setting in codec.vbv_settings]
    if film_grain:
        settings += [_fill(setting, str(film_grain)) for setting in codec.film_grain_settings]
    rate = source.coding_rate
    return {
        "c:v": codec.encoder,
        **join_settings(settings),
        "threads": "1",
        # every frame is kept, and its time is its number
        "fps_mode": "passthrough",
        "enc_time_base": f"{rate.denominator}/{rate.numerator}",
        "video_track_timescale": str(rate.numerator),
    }


def _fill(setting: Setting, *values: str, **named: int) -> Setting:
    option, template = setting
    return option, template.format(*values, **named)


def chunk_path(job: ChunkJob, number: int) -> Path:
    """Return the path in the store of rendition `number` of a job, whether it exists or not."""
    rendition, chunk = job.renditions[number], job.chunk
    cache_key: dict[str, Any] = asdict(rendition)
    # names do not change the frames: the options contain the settings of an override
    del cache_key["id"], cache_key["override"]
    cache_key |= {
        "source": job.source.content_id,
        "stream": job.source.stream_index,
        "frames": [chunk.start, chunk.stop],
        "keyframes": list(chunk.keyframes),
        "options": encoder_options(rendition, job.quantisers[number], job.source, chunk.film_grain),
        "filters": [str(f) for f in _frame_filters(job.source, rendition)],
        "passes": get_codec(rendition.codec).passes,
        "ffmpeg": ffmpeg_version(),
    }
    if portable := get_codec(rendition.codec).portable_settings:
        # the same on all processors, because the settings make the bytes the same
        cache_key["portable"] = [list(setting) for setting in portable]
    return job.store.path("chunk", cache_key, ".mp4")


def encode_chunk(job: ChunkJob) -> float:
    """Encode the renditions of a chunk that are not in the store yet.

    Parameters
    ----------
    job : ChunkJob
        The chunk and its renditions.

    Returns
    -------
    float
        CPU seconds, 0 if all renditions were in the store.

    Raises
    ------
    ProcessError
        If ffmpeg fails, or its output does not have exactly the frames of the chunk.
    SourceError
        If the source has changed since its inspection.
    """
    missing = [n for n in range(len(job.renditions)) if not job.store.has(chunk_path(job, n))]
    if not missing:
        return 0.0
    job.store.create()
    with temporary_folder(job.store.root, ".chunk.") as folder:
        made = [folder / f"{n}.mp4" for n in missing]
        with unchanged_source(job.source):
            try:
                cpu = _encode(job, missing, made, seek=True)
            except ProcessError as error:
                # killed by a signal: a second attempt would be killed as well
                if error.returncode < 0:
                    raise
                require_unchanged(job.source)
                # in some files a seek ends at a wrong frame; decoding from the start is slow but always exact
                cpu = _encode(job, missing, made, seek=False)
        for n, path in zip(missing, made, strict=True):
            job.store.write(chunk_path(job, n), partial(_move, path))
    return cpu


def count_part_bits(path: Path) -> tuple[int, ...]:
    """Return the bits of an encoded chunk from each key frame to the next, without container overhead."""
    parts: list[int] = []
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            if packet.is_keyframe or not parts:
                parts.append(0)
            parts[-1] += 8 * packet.size
    return tuple(parts)


def _encode(job: ChunkJob, numbers: Sequence[int], outputs: Sequence[Path], *, seek: bool) -> float:
    """Encode the chunk in the given renditions, in one or two passes; return CPU seconds."""
    passes = max(get_codec(job.renditions[number].codec).passes for number in numbers)
    cpu = 0.0
    argv: tuple[str, ...] = ()
    for number in range(1, passes + 1):
        argv = _build_command(job, numbers, outputs, seek=seek, pass_number=number)
        with job_part((number - 1) / passes, number / passes):
            report = partial(_report_frames, job.chunk.frame_count)
            cpu += run(argv, time_limit=_limit_time(job), on_line=report).cpu_seconds
    _check_outputs(argv, outputs, job.chunk)
    return cpu


def _report_frames(total: int, line: bytes) -> None:
    """Report the number of encoded frames that a progress line of ffmpeg has."""
    key, _, value = line.strip().partition(b"=")
    if key == b"frame" and value.isdigit():
        report_job_progress(int(value), total)


def _limit_time(job: ChunkJob) -> float:
    """Return the seconds in which one pass must end; without a seek, all frames before the chunk are decoded too."""
    return MIN_TIME_LIMIT + MAX_FRAME_TIME * job.chunk.stop * len(job.renditions)


def _build_command(
    job: ChunkJob, numbers: Sequence[int], outputs: Sequence[Path], *, seek: bool, pass_number: int
) -> tuple[str, ...]:
    """Return the command of one pass over the chunk in the given renditions."""
    source, chunk = job.source, job.chunk
    # ffmpeg-python hashes names as UTF-8, so a name that is not UTF-8 replaces its escaped form at the end
    name = printable(source.path)
    opened = ffmpeg.input(name, **input_options(source, chunk.start if seek else 0))
    frames = _apply_filters(opened[str(source.stream_index)], select_frames(source, chunk.start, chunk.stop))
    copies = frames.filter_multi_output("split", len(numbers))
    inner = "+".join(f"eq(n,{key - chunk.start})" for key in chunk.keyframes)
    streams = []
    for index, (number, path) in enumerate(zip(numbers, outputs, strict=True)):
        rendition = job.renditions[number]
        scaled = _apply_filters(copies[index], _frame_filters(source, rendition))
        options = encoder_options(rendition, job.quantisers[number], source, chunk.film_grain)
        options = add_portable_settings(options, get_codec(rendition.codec))
        options |= {"f": "mp4", "force_key_frames": f"expr:{inner}"}
        file, passes = str(path), get_codec(rendition.codec).passes
        if passes > 1:
            options |= {"pass": str(pass_number), "passlogfile": str(path.with_suffix(""))}
        if pass_number < passes:
            file, options["f"] = os.devnull, "null"
        streams.append(ffmpeg.output(scaled, file, an=None, **options))
    codecs = [get_codec(job.renditions[number].codec) for number in numbers]
    devices = dict.fromkeys(setting for codec in codecs for setting in codec.devices)
    opening = [word for option, value in devices for word in (f"-{option}", value)]
    argv = (
        ffmpeg.merge_outputs(*streams)
        .global_args(*QUIET, *PROGRESS_LINES, *SINGLE_THREADED, *opening)
        .overwrite_output()
    )
    return tuple(source.path if word == name else word for word in argv.compile(cmd=ffmpeg_path()))


def add_portable_settings(options: dict[str, str], codec: Codec) -> dict[str, str]:
    """Add, on a processor with AVX-512, the settings with which the encoder gives the bytes of other processors."""
    settings = codec.portable_settings if has_avx512() else ()
    names = {name for name, _ in settings}
    return options | join_settings([*(item for item in options.items() if item[0] in names), *settings])


def _frame_filters(source: Source, rendition: Rendition) -> tuple[Filter, ...]:
    codec = get_codec(rendition.codec)
    return make_frame_filters(source, (rendition.width, rendition.height), codec) + tuple(map(Filter, codec.upload))


def _apply_filters(stream: Any, filters: Sequence[Filter]) -> Any:
    for each in filters:
        stream = stream.filter(each.name, **dict(each.options))
    return stream


def _move(made: Path, path: Path) -> None:
    made.replace(path)


def _check_outputs(argv: tuple[str, ...], paths: Sequence[Path], chunk: Chunk) -> None:
    """Check that each file has as many frames as the chunk, and key frames exactly where the plan places them."""
    expected = {key - chunk.start for key in chunk.keyframes}
    for path in paths:
        with av.open(str(path)) as container:
            # without frames ffmpeg writes no track
            tracks = container.streams.video
            packets = [(p.pts, p.is_keyframe) for p in container.demux(tracks) if p.size] if tracks else []
        ordered = sorted(packets)
        keys = {n for n, (_, is_key) in enumerate(ordered) if is_key}
        if len(packets) != chunk.frame_count or keys != expected:
            fault = (
                f"{len(packets)} frames instead of {chunk.frame_count}, "
                f"key frames {sorted(keys)} instead of {sorted(expected)}"
            )
            raise ProcessError(argv, 0, fault)
