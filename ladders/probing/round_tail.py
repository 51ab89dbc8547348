"""What follows a round of jobs of one codec, so that the codec with the longest remaining chain goes first."""

from __future__ import annotations

from collections.abc import Sequence

from encoder import Chunk, ChunkJob, Source
from ladders.ladder_request import EncodeSettings
from ladders.rd.curves import Size
from ladders.resolutions import candidate_sizes
from shotladder_runtime.store import Store

__all__ = ["correction_tail", "final_tail"]


def final_tail(source: Source, chunks: Sequence[Chunk], encoding: EncodeSettings, store: Store) -> float:
    """Return the approximate cost of the jobs that follow a round of probes, in the unit of `ChunkJob.cost`.

    That is the final encode of the longest chunk. Its rungs are not known yet; it counts once in every candidate size.
    """
    return _cost(source, chunks, encoding, store, list(candidate_sizes(source.display_size).values()))


def correction_tail(source: Source, chunks: Sequence[Chunk], encoding: EncodeSettings, store: Store) -> float:
    """Return the approximate cost of the jobs that follow the final encodes, in the unit of `ChunkJob.cost`.

    That is a correction of the longest chunk in the size of the source.
    """
    return _cost(source, chunks, encoding, store, list(candidate_sizes(source.display_size).values())[:1])


def _cost(
    source: Source, chunks: Sequence[Chunk], encoding: EncodeSettings, store: Store, sizes: Sequence[Size]
) -> float:
    longest = max(chunks, key=lambda chunk: chunk.frame_count)
    renditions = tuple(encoding.rendition(size) for size in sizes)
    return ChunkJob(source, longest, renditions, (0.0,) * len(sizes), store).cost
