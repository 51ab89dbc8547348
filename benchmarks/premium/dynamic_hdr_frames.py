"""The frames of packaged rungs that carry Dolby Vision and HDR10+, for every clip with such metadata.

    python -m benchmarks.premium.dynamic_hdr_frames [FILE ...]

For every clip of ../shared/clips and its folder `odd`, or FILE: HEVC and AV1 in two small sizes are encoded in chunks,
stitched and packaged. Then FFmpeg's decoders read the packaged segments, and the frames whose side data has an RPU of
Dolby Vision or HDR10+ are counted. A column is "equal" if the RPUs and messages in the packaged samples are bit by bit
those of the source (an RPU with its active area scaled). A clip that is refused, and what is left out, has a line.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av

import encoder
from encoder import ChunkJob, DynamicMetadata, PackagedTrack, Rendition, RenditionMetadata, Source
from encoder.dynamic_hdr.access_units import find_messages
from shotladder_runtime.errors import ShotladderError
from shotladder_runtime.store import Store

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "clips"
#: Presets that encode fastest.
PRESETS = {"hevc": "ultrafast", "av1": "12"}
#: Heights of the rungs.
HEIGHTS = (72, 144)
#: Distance of the starts of chunks, s.
CHUNK = 2
#: Side data of FFmpeg's decoders.
DOLBY_VISION, HDR10_PLUS = "DOVI_METADATA", "DYNAMIC_HDR_PLUS"


def make_renditions(source: Source, codec: str) -> list[Rendition]:
    """Return a rung of each height, with even sides."""
    width, height = source.display_size
    short = min(width, height)
    sizes = [(2 * round(width * each / short / 2), 2 * round(height * each / short / 2)) for each in HEIGHTS]
    return [Rendition(f"{codec}-{n}", codec, *size, PRESETS[codec]) for n, size in enumerate(sizes)]


def package_rungs(
    source: Source, metadata: DynamicMetadata, folder: Path
) -> list[tuple[Rendition, PackagedTrack, RenditionMetadata]]:
    """Encode a source in chunks in all rungs, stitch and package them."""
    step = max(round(CHUNK * source.frame_rate), 2)
    chunks, segments = encoder.plan_chunks(source, range(0, source.frame_count, step), Fraction(2))
    store, tracks, carried = Store(folder / "store"), [], []
    for codec in PRESETS:
        rungs = make_renditions(source, codec)
        jobs = [ChunkJob(source, chunk, tuple(rungs), (40.0,) * len(rungs), store) for chunk in chunks]
        for job in jobs:
            encoder.encode_chunk(job)
        for n, rung in enumerate(rungs):
            made = metadata.for_rendition(source, codec, (rung.width, rung.height))
            assert made is not None, codec
            path = folder / f"{rung.id}.mp4"
            encoder.stitch(source, chunks, [encoder.chunk_path(job, n) for job in jobs], path, segments, made)
            tracks.append((rung, path))
            carried.append(made)
    plus = frozenset(rung.id for (rung, _), made in zip(tracks, carried, strict=True) if made.hdr10_plus)
    out = folder / "out"
    out.mkdir()
    packaged = encoder.package(out, source, segments, tracks, [], [], encoder.PackagingRequest(hdr10_plus=plus))
    return [(rung, track, made) for (rung, _), track, made in zip(tracks, packaged, carried, strict=True)]


def read_track(folder: Path, track: PackagedTrack) -> bytes:
    """Return the initialisation segment and all media segments of a track."""
    return b"".join((folder / name).read_bytes() for name in (track.init, *track.urls))


def count_side_data(content: bytes) -> tuple[int, int, int]:
    """Return the decoded frames, those with an RPU of Dolby Vision and those with HDR10+, as FFmpeg decodes them."""
    frames = rpus = messages = 0
    with av.open(io.BytesIO(content)) as container:
        for frame in container.decode(video=0):
            kinds = {data.type.name for data in frame.side_data}
            frames, rpus, messages = frames + 1, rpus + (DOLBY_VISION in kinds), messages + (HDR10_PLUS in kinds)
    return frames, rpus, messages


def is_equal(content: bytes, made: RenditionMetadata) -> bool:
    """Return whether the metadata of the samples is that of the source, in the order of presentation."""
    with av.open(io.BytesIO(content)) as container:
        found = {p.pts: find_messages(made.family, bytes(p)) for p in container.demux(video=0) if p.size}
    ordered = [found[time] for time in sorted(found)]
    return (not made.rpus or [rpu for rpu, _ in ordered] == list(made.rpus)) and (
        not made.hdr10_plus or [b"".join(each) for _, each in ordered] == list(made.hdr10_plus)
    )


def main(argv: Sequence[str] = ()) -> None:
    """Print a row for each rung of each clip with dynamic metadata, and the number of frames without it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="clips; by default the shared ones")
    options = parser.parse_args(argv)
    found = sorted(path for folder in (CLIPS, CLIPS / "odd") for path in folder.glob("*.*"))
    print(f"{'clip':40}{'rung':>8}{'size':>10}{'frames':>8}{'Dolby Vision':>14}{'HDR10+':>8}  metadata")
    lost = rungs = 0
    for path in options.files or found:
        try:
            source = encoder.inspect(path)
            if not source.hdr.dynamic:
                continue
            metadata = encoder.read_dynamic_metadata(source)
        except ShotladderError as error:
            print(f"{path.name}: refused: {str(error).removeprefix(f'{path}: ')}", flush=True)
            continue
        for note in (*source.notes, *metadata.notes):
            print(f"{path.name}: {note}")
        if not metadata.kinds:
            continue
        with tempfile.TemporaryDirectory() as name:
            for rung, track, made in package_rungs(source, metadata, Path(name)):
                content = read_track(Path(name) / "out", track)
                frames, rpus, messages = count_side_data(content)
                expected = len(made.rpus), sum(map(bool, made.hdr10_plus))
                rungs += 1
                lost += (frames, rpus, messages) != (source.frame_count, *expected)
                size = f"{rung.width}x{rung.height}"
                equal = "equal" if is_equal(content, made) else "differs"
                print(f"{path.name:40}{rung.id:>8}{size:>10}{frames:8}{rpus:14}{messages:8}  {equal}", flush=True)
    print(f"{rungs} rungs; {lost} of them without metadata on a frame that has it in the source")


if __name__ == "__main__":
    main(sys.argv[1:])
