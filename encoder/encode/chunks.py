"""Encode one chunk: one process decodes its frames once and encodes all renditions of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import av
import ffmpeg

from encoder.codecs.codec import Setting, join_settings
from encoder.codecs.codec_table import get_codec
from encoder.encode.filters import SINGLE_THREADED, Filter, frame_range, input_options, picture_filters
from encoder.encode.plan import Chunk, Rendition
from encoder.media.source import Source
from shotladder_runtime.errors import ProcessError
from shotladder_runtime.process import QUIET, run
from shotladder_runtime.store.store import Store
from shotladder_runtime.tools import ffmpeg_path, ffmpeg_version

__all__ = ["ChunkJob", "chunk_path", "encode_chunk", "encoder_options", "memory_for", "part_bits", "payload_bits"]

#: Bytes of a process, and for each pixel of a picture that it decodes or encodes: encoders hold tens of pictures.
MEMORY_BASE, MEMORY_A_PIXEL = 100_000_000, 150


@dataclass(frozen=True, slots=True)
class ChunkJob:
    """What one worker does at a time: a chunk in several renditions, each at its quantiser."""

    source: Source
    chunk: Chunk
    renditions: tuple[Rendition, ...]
    quantisers: tuple[float, ...]
    store: Store

    @property
    def cost(self) -> float:
        """About how long it takes: the pixels that are encoded, decoded and measured."""
        pictures = sum(rendition.width * rendition.height for rendition in self.renditions)
        return float(self.chunk.frame_count * (self.source.width * self.source.height + pictures))

    @property
    def memory(self) -> int:
        """About how many bytes it needs, at most."""
        pictures = sum(rendition.width * rendition.height for rendition in self.renditions)
        return memory_for(self.source.width * self.source.height + pictures)

    def split(self, count: int) -> list[ChunkJob]:
        """Return at most so many jobs that make the same renditions."""
        # taken in turn, so that each gets of the large ones
        parts = (slice(n, None, count) for n in range(min(count, len(self.renditions))))
        return [replace(self, renditions=self.renditions[part], quantisers=self.quantisers[part]) for part in parts]


def memory_for(pixels: int) -> int:
    """Return about how many bytes decoding or encoding takes at most, by the pixels of a picture of each."""
    return MEMORY_BASE + MEMORY_A_PIXEL * pixels


def encoder_options(rendition: Rendition, quantiser: float, source: Source) -> dict[str, str]:
    """Return FFmpeg's options for one encode."""
    codec = get_codec(rendition.codec)
    settings = [*codec.settings_for(rendition.tune, rendition.override)]
    settings += [_filled(codec.preset_setting, rendition.preset), _filled(codec.quantiser_setting, f"{quantiser:g}")]
    if rendition.peak_rate is not None and rendition.buffer_size is not None:
        bound = {"peak_rate": rendition.peak_rate, "buffer_size": rendition.buffer_size}
        settings += [_filled(setting, **bound) for setting in codec.vbv_settings]
    rate = source.frame_rate
    return {
        "c:v": codec.encoder,
        **join_settings(settings),
        "threads": "1",
        # every frame is kept, timed by its number
        "fps_mode": "passthrough",
        "enc_time_base": f"{rate.denominator}/{rate.numerator}",
        "video_track_timescale": str(rate.numerator),
    }


def _filled(setting: Setting, *values: str, **named: int) -> Setting:
    option, template = setting
    return option, template.format(*values, **named)


def chunk_path(job: ChunkJob, number: int) -> Path:
    """Return where the chunk in rendition `number` of the job is, or would be, in the store."""
    rendition, chunk = job.renditions[number], job.chunk
    cache_key: dict[str, Any] = asdict(rendition)
    # names change nothing in the picture: the options tell what an override does
    del cache_key["id"], cache_key["override"]
    cache_key |= {
        "source": job.source.content_id,
        "stream": job.source.stream_index,
        "frames": [chunk.start, chunk.stop],
        "keyframes": list(chunk.keyframes),
        "options": encoder_options(rendition, job.quantisers[number], job.source),
        "filters": [str(f) for f in _picture(job.source, rendition)],
        "passes": get_codec(rendition.codec).passes,
        "ffmpeg": ffmpeg_version(),
    }
    return job.store.path("chunk", cache_key, ".mp4")


def encode_chunk(job: ChunkJob) -> float:
    """Encode what is not in the store yet.

    Parameters
    ----------
    job : ChunkJob
        The chunk and its renditions.

    Returns
    -------
    float
        CPU seconds that it took, 0 when everything was there.

    Raises
    ------
    ProcessError
        If ffmpeg fails, or does not give exactly the frames of the chunk.
    """
    missing = [n for n in range(len(job.renditions)) if not job.store.has(chunk_path(job, n))]
    if not missing:
        return 0.0
    job.store.create()
    with tempfile.TemporaryDirectory(prefix=".chunk.", dir=job.store.root) as folder:
        made = [Path(folder) / f"{n}.mp4" for n in missing]
        try:
            cpu = _encode(job, missing, made, seek=True)
        except ProcessError as error:
            # killed: whoever did that does not want it again
            if error.returncode < 0:
                raise
            # some files seek wrongly; reading from the start is slow but sure
            cpu = _encode(job, missing, made, seek=False)
        for n, path in zip(missing, made, strict=True):
            job.store.write(chunk_path(job, n), partial(_move, path))
    return cpu


def payload_bits(path: Path) -> int:
    """Return the bits of an encoded chunk's video, without its container."""
    return sum(part_bits(path))


def part_bits(path: Path) -> tuple[int, ...]:
    """Return the bits of an encoded chunk's video from each key frame to the next, without its container."""
    parts: list[int] = []
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            if packet.is_keyframe or not parts:
                parts.append(0)
            parts[-1] += 8 * packet.size
    return tuple(parts)


def _encode(job: ChunkJob, numbers: Sequence[int], outputs: Sequence[Path], *, seek: bool) -> float:
    """Encode the chunk in the given renditions, in as many passes as their codecs have; return CPU seconds."""
    passes = max(get_codec(job.renditions[number].codec).passes for number in numbers)
    cpu = 0.0
    argv: tuple[str, ...] = ()
    for number in range(1, passes + 1):
        argv = _command(job, numbers, outputs, seek=seek, pass_number=number)
        cpu += run(argv).cpu_seconds
    _check(argv, outputs, job.chunk)
    return cpu


def _command(
    job: ChunkJob, numbers: Sequence[int], outputs: Sequence[Path], *, seek: bool, pass_number: int
) -> tuple[str, ...]:
    """Return the command of one pass over the chunk in the given renditions."""
    source, chunk = job.source, job.chunk
    opened = ffmpeg.input(source.path, **input_options(source, chunk.start if seek else 0))
    frames = _apply(opened[str(source.stream_index)], frame_range(source, chunk.start, chunk.stop))
    copies = frames.filter_multi_output("split", len(numbers))
    inner = "+".join(f"eq(n,{key - chunk.start})" for key in chunk.keyframes)
    streams = []
    for place, (number, path) in enumerate(zip(numbers, outputs, strict=True)):
        rendition = job.renditions[number]
        picture = _apply(copies[place], _picture(source, rendition))
        options = encoder_options(rendition, job.quantisers[number], source)
        options |= {"f": "mp4", "force_key_frames": f"expr:{inner}"}
        file, passes = str(path), get_codec(rendition.codec).passes
        if passes > 1:
            options |= {"pass": str(pass_number), "passlogfile": str(path.with_suffix(""))}
        if pass_number < passes:
            file, options["f"] = os.devnull, "null"
        streams.append(ffmpeg.output(picture, file, an=None, **options))
    rows = [get_codec(job.renditions[number].codec) for number in numbers]
    devices = dict.fromkeys(setting for row in rows for setting in row.devices)
    opening = [word for option, value in devices for word in (f"-{option}", value)]
    argv = ffmpeg.merge_outputs(*streams).global_args(*QUIET, *SINGLE_THREADED, *opening).overwrite_output()
    return tuple(argv.compile(cmd=ffmpeg_path()))


def _picture(source: Source, rendition: Rendition) -> tuple[Filter, ...]:
    codec = get_codec(rendition.codec)
    return picture_filters(source, (rendition.width, rendition.height), codec) + tuple(map(Filter, codec.upload))


def _apply(stream: Any, filters: Sequence[Filter]) -> Any:
    for each in filters:
        stream = stream.filter(each.name, **dict(each.options))
    return stream


def _move(made: Path, path: Path) -> None:
    made.replace(path)


def _check(argv: tuple[str, ...], paths: Sequence[Path], chunk: Chunk) -> None:
    """Make sure that each file holds as many frames as the chunk, and key frames where they belong."""
    wanted = {key - chunk.start for key in chunk.keyframes}
    for path in paths:
        with av.open(str(path)) as container:
            # ffmpeg makes no track of no frames
            tracks = container.streams.video
            packets = [(p.pts, p.is_keyframe) for p in container.demux(tracks) if p.size] if tracks else []
        ordered = sorted(packets)
        keys = {n for n, (_, is_key) in enumerate(ordered) if is_key}
        if len(packets) != chunk.frame_count or keys != wanted:
            fault = f"{len(packets)} frames instead of {chunk.frame_count}, key frames {sorted(keys)}"
            raise ProcessError(argv, 0, fault)
