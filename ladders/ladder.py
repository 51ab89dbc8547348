"""A ladder: the rungs of a title and the quantiser of every chunk on each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from encoder import Chunk, EncodePlan, Rendition, Segment, Source, get_codec
from shotladder_runtime.errors import ShotladderError

__all__ = [
    "HullPoint",
    "Ladder",
    "LadderError",
    "ProbeCost",
    "Rung",
    "load_ladder",
    "load_ladders",
    "save_ladder",
    "save_ladders",
]

FORMAT_VERSION = 2


class LadderError(ShotladderError, ValueError):
    """A ladder cannot be made, or does not belong to the film."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung.

    Attributes
    ----------
    width, height : int
    quantisers : tuple of float
        One per chunk.
    rate : int
        Predicted bits/s of the video, averaged over the title.
    quality : float
        Predicted mean VMAF.
    peak_rate : int or None
        Bits/s that the encoder may not exceed (VBV); None without a bound.
    """

    width: int
    height: int
    quantisers: tuple[float, ...]
    rate: int
    quality: float
    peak_rate: int | None = None


@dataclass(frozen=True, slots=True)
class HullPoint:
    """A point of the title's curve at one height, for those who want to see where rungs come from."""

    height: int
    rate: int
    quality: float


@dataclass(frozen=True, slots=True)
class ProbeCost:
    """What finding the ladder took: trial encodes, CPU seconds of encoding and of measuring them."""

    probes: int = 0
    encode_cpu_seconds: float = 0.0
    measure_cpu_seconds: float = 0.0

    def __add__(self, other: ProbeCost) -> ProbeCost:
        """Count both."""
        return ProbeCost(
            self.probes + other.probes,
            self.encode_cpu_seconds + other.encode_cpu_seconds,
            self.measure_cpu_seconds + other.measure_cpu_seconds,
        )

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds in all."""
        return self.encode_cpu_seconds + self.measure_cpu_seconds


@dataclass(frozen=True, slots=True)
class Ladder:
    """Ordered rungs of a title.

    Attributes
    ----------
    mode : str
        How it was made: "per-shot", "per-title" or "fixed".
    codec, preset, tune : str
        The encoder's settings that it is for.
    target : float
        VMAF that the top rung was to reach.
    content_id : str
        The film that it is for.
    chunks : tuple of Chunk
    segments : tuple of Segment
    rungs : tuple of Rung
        Lowest rate first.
    hull : tuple of HullPoint
        The title's curve at each height, as predicted.
    cost : ProbeCost
    expected_excess_rate : float or None
        Percent of bits that more trials are expected to save; None if it was not estimated.
    pooling : str
        How the VMAF of frames makes that of a rung.
    overrides : tuple of str
        What every chunk has beyond the preset, on all rungs: a name of the codec's row, or nothing; empty if none has
        anything.
    """

    mode: str
    codec: str
    preset: str
    tune: str
    target: float
    content_id: str
    chunks: tuple[Chunk, ...]
    segments: tuple[Segment, ...]
    rungs: tuple[Rung, ...]
    hull: tuple[HullPoint, ...] = ()
    cost: ProbeCost = field(default_factory=ProbeCost)
    expected_excess_rate: float | None = None
    pooling: str = "mean"
    overrides: tuple[str, ...] = ()

    @property
    def refined(self) -> tuple[str, ...]:
        """What every chunk has beyond the preset."""
        return self.overrides or ("",) * len(self.chunks)

    def renditions(self) -> tuple[Rendition, ...]:
        """Return what the encoder is asked for, one a rung, each with a name of its own."""
        names: list[str] = []
        for rung in self.rungs:
            name = f"{self.codec}-{rung.height}p-{max(1, round(rung.rate / 1000))}k"
            same = sum(other == name or other.startswith(f"{name}-") for other in names)
            names.append(f"{name}-{same + 1}" if same else name)
        return tuple(
            Rendition(
                id=name,
                codec=self.codec,
                width=rung.width,
                height=rung.height,
                preset=self.preset,
                tune=self.tune,
                peak_rate=rung.peak_rate,
                buffer_size=rung.peak_rate,
            )
            for name, rung in zip(names, self.rungs, strict=True)
        )

    def check_belongs_to(self, source: Source) -> None:
        """Make sure that the ladder is for this film.

        Raises
        ------
        LadderError
            If it is for another, or cannot be encoded.
        """
        if self.content_id != source.content_id:
            raise LadderError(f"the ladder was made for another film than {source.path}")
        try:
            EncodePlan(source, self.chunks, self.renditions(), tuple(rung.quantisers for rung in self.rungs))
        except ValueError as error:
            raise LadderError(f"the ladder does not fit the film: {error}") from error
        edges = [0, *(segment.stop for segment in self.segments)]
        keys = {key for chunk in self.chunks for key in chunk.keyframes}
        if [s.start for s in self.segments] != edges[:-1] or edges[-1] != source.frame_count or set(edges[:-1]) - keys:
            raise LadderError("the ladder's segments do not tile the film from key frame to key frame")
        codec = get_codec(self.codec)
        known = {"", *(each.name for each in codec.overrides_for(self.preset, self.tune))}
        if set(self.refined) - known or len(self.refined) != len(self.chunks):
            raise LadderError(f"the ladder's overrides are not what {self.codec} has beyond {self.preset}")
        lowest, highest = codec.quantisers
        for rung in self.rungs:
            if rung.width % 2 or rung.height % 2 or min(rung.width, rung.height) < 2:
                raise LadderError(f"{rung.width}x{rung.height}: both must be even")
            if not all(lowest <= quantiser <= highest for quantiser in rung.quantisers):
                raise LadderError(f"a quantiser of the {rung.height}-line rung is not within {lowest:g} to {highest:g}")


def save_ladder(ladder: Ladder, path: Path) -> None:
    """Write a ladder as JSON."""
    path.write_text(json.dumps({"version": FORMAT_VERSION, **asdict(ladder)}, indent=1) + "\n")


def save_ladders(ladders: Sequence[Ladder], path: Path) -> None:
    """Write the ladders of a film in several codecs as JSON; a single one as `save_ladder` does."""
    if len(ladders) == 1:
        save_ladder(ladders[0], path)
    else:
        documents = [{"version": FORMAT_VERSION, **asdict(ladder)} for ladder in ladders]
        path.write_text(json.dumps(documents, indent=1) + "\n")


def load_ladder(path: str | Path) -> Ladder:
    """Read a ladder that `save_ladder` wrote.

    Raises
    ------
    LadderError
        If the file is not there, is not a ladder, or holds several.
    """
    ladders = load_ladders(path)
    if len(ladders) > 1:
        raise LadderError(f"{path}: holds {len(ladders)} ladders, not one")
    return ladders[0]


def load_ladders(path: str | Path) -> tuple[Ladder, ...]:
    """Read the ladders that `save_ladders` wrote, one a codec.

    Raises
    ------
    LadderError
        If the file is not there or holds no ladder.
    """
    try:
        data = json.loads(Path(path).read_text())
        documents = data if isinstance(data, list) else [data]
        if not documents:
            raise LadderError("it has no ladders")
        return tuple(_from_json(document) for document in documents)
    except OSError as error:
        raise LadderError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LadderError(f"{path}: not a ladder ({error})") from error


def _from_json(data: dict[str, Any]) -> Ladder:
    if data.pop("version") != FORMAT_VERSION:
        raise LadderError("made by another version")
    # ladders of before tell what a fixed one was thought to give
    data.pop("anchor", None)
    # and have no cuts where shots ride with others
    chunks = tuple(
        Chunk(c["start"], c["stop"], tuple(c["keyframes"]), tuple(c["shots"]), tuple(c.get("cuts", ())))
        for c in data.pop("chunks")
    )
    rungs = tuple(Rung(**{**r, "quantisers": tuple(r["quantisers"])}) for r in data.pop("rungs"))
    if not rungs:
        raise LadderError("it has no rungs")
    for rung in rungs:
        if len(rung.quantisers) != len(chunks):
            raise LadderError(f"a rung has {len(rung.quantisers)} quantisers for {len(chunks)} chunks")
    return Ladder(
        chunks=chunks,
        rungs=rungs,
        segments=tuple(Segment(**s) for s in data.pop("segments")),
        hull=tuple(HullPoint(**p) for p in data.pop("hull")),
        cost=ProbeCost(**data.pop("cost")),
        overrides=tuple(data.pop("overrides", ())),
        **data,
    )
