"""Thumbnails for scrubbing: images of many frames each, which DASH and HLS players show above the time line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from encoder.encode.filters import Filter, make_preparation_filters
from encoder.media.geometry import NO_CROP
from encoder.media.source import Source
from encoder.tracks.tool_notes import limit_time
from shotladder_runtime.process import QUIET, run
from shotladder_runtime.tools import ffmpeg_path

__all__ = ["Thumbnails", "list_thumbnails", "write_poster", "write_thumbnails"]

#: Max width and height of a thumbnail, pixels. Chosen by hand, as all values here.
MAX_SIZE = (320, 180)
#: Columns and rows of thumbnails in an image.
GRID = (5, 5)
#: FFmpeg's quality of JPEG, 2 (best) to 31.
QUALITY, POSTER_QUALITY = 6, 3
FOLDER, PLAYLIST, POSTER = "thumbnails", "thumbnails.m3u8", "poster.jpg"
#: Scheme of tiled thumbnails (DASH-IF Interoperability Points 4.3, 6.2.6).
_SCHEME = "http://dashif.org/guidelines/thumbnail_tile"
_TEMPLATE = f"{FOLDER}/$Number%05d$.jpg"


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """The thumbnails of a presentation.

    Attributes
    ----------
    interval : Fraction
        Seconds between two thumbnails.
    width, height : int
        Of one thumbnail, pixels.
    columns, rows : int
        Of an image.
    count : int
        Number of thumbnails.
    sizes : tuple of int
        Bytes of each image.
    """

    interval: Fraction
    width: int
    height: int
    columns: int
    rows: int
    count: int
    sizes: tuple[int, ...]

    @property
    def image_seconds(self) -> Fraction:
        """Seconds that a full image covers."""
        return self.interval * self.columns * self.rows

    @property
    def bitrate(self) -> int:
        """Maximum bits of an image per second that it covers."""
        return round(8 * max(self.sizes) / self.image_seconds)


def write_thumbnails(
    folder: Path, source: Source, track: Path, size: tuple[int, int], interval: Fraction
) -> Thumbnails:
    """Write the images of the thumbnails of a presentation.

    Parameters
    ----------
    folder : Path
        Of the presentation.
    source : Source
        Provides duration and colour.
    track : Path
        Stitched track of a rendition, from which the frames are taken: the first at or after each multiple of the
        interval.
    size : (int, int)
        Width and height of the rendition.
    interval : Fraction
        Seconds.
    """
    width, height = _fit(size)
    columns, rows = GRID
    chosen = Filter("select", (("expr", f"'gte(t,selected_n*{float(interval):.6f})'"),))
    tile = Filter("tile", (("layout", f"{columns}x{rows}"),))
    images = folder / FOLDER
    images.mkdir()
    output = ["-fps_mode", "passthrough", "-q:v", str(QUALITY), str(images / "%05d.jpg")]
    _run(source, track, (chosen, *_make_filters(source, (width, height)), tile), output)
    count = int(source.time(source.frame_count - 1) // interval) + 1
    sizes = tuple(path.stat().st_size for path in sorted(images.glob("*.jpg")))
    return Thumbnails(interval, width, height, columns, rows, min(count, len(sizes) * columns * rows), sizes)


def write_poster(folder: Path, source: Source, track: Path, size: tuple[int, int], time: Fraction) -> None:
    """Write one frame of a track, the first at or after a time in seconds, as the poster image."""
    chosen = Filter("select", (("expr", f"'gte(t,{float(time):.6f})'"),))
    filters = (chosen, *_make_filters(source, size))
    _run(source, track, filters, ["-frames:v", "1", "-q:v", str(POSTER_QUALITY), str(folder / POSTER)])


def _run(source: Source, track: Path, filters: Sequence[Filter], output: Sequence[str]) -> None:
    graph = ",".join(map(str, filters))
    argv = [ffmpeg_path(), *QUIET, "-threads", "1", "-i", str(track), "-an", "-vf", graph, "-threads", "1"]
    run([*argv, "-y", *output], time_limit=limit_time(source))


def _make_filters(source: Source, size: tuple[int, int]) -> tuple[Filter, ...]:
    """Return the filters to small SDR frames of full range, which JPEG has."""
    width, height = size
    # a rendition has square pixels, is upright and progressive; what remains is to map HDR to SDR
    upright = replace(source, width=width, height=height, crop=NO_CROP, interlaced=False)
    scale = Filter("scale", (("w", str(width)), ("h", str(height)), ("flags", "area")))
    stated = {
        "color_primaries": source.colour.primaries,
        "color_trc": source.colour.transfer,
        "colorspace": source.colour.matrix,
        "range": source.colour.range,
    }
    tags = tuple((name, value) for name, value in stated.items() if value)
    tagged = (Filter("setparams", tags),) if tags else ()
    last = Filter("scale", (("out_range", "pc"),))
    return (scale, *tagged, *make_preparation_filters(upright), last, Filter("format", (("pix_fmts", "yuvj420p"),)))


def _fit(size: tuple[int, int]) -> tuple[int, int]:
    """Return a size that is not larger than a thumbnail, both even."""
    scale = min(Fraction(1), *(Fraction(limit, own) for limit, own in zip(MAX_SIZE, size, strict=True)))
    width, height = (2 * max(1, round(own * scale / 2)) for own in size)
    return width, height


def list_thumbnails(folder: Path, thumbnails: Thumbnails, manifest: str, master: str) -> None:
    """Write the playlist of the thumbnails, and name them in the DASH manifest and in the HLS master playlist.

    References
    ----------
    .. [1] DASH-IF, "Interoperability Points" 4.3, section 6.2.6: tiles of thumbnail images.
    .. [2] Image Media Playlist specification 0.4 (Disney, Roku, WarnerMedia): EXT-X-IMAGE-STREAM-INF, EXT-X-TILES.
    """
    path = folder / manifest
    path.write_text(path.read_text().replace("</Period>", f"{_render_set(thumbnails)}  </Period>", 1))
    (folder / PLAYLIST).write_text(_render_playlist(thumbnails))
    resolution = f"{thumbnails.width}x{thumbnails.height}"
    stated = f'BANDWIDTH={thumbnails.bitrate},RESOLUTION={resolution},CODECS="jpeg",URI="{PLAYLIST}"'
    with (folder / master).open("a") as file:
        file.write(f"#EXT-X-IMAGE-STREAM-INF:{stated}\n")


def _render_set(thumbnails: Thumbnails) -> str:
    duration = thumbnails.image_seconds
    width, height = thumbnails.width * thumbnails.columns, thumbnails.height * thumbnails.rows
    tile = f"{thumbnails.columns}x{thumbnails.rows}"
    return (
        '  <AdaptationSet contentType="image" mimeType="image/jpeg">\n'
        f'      <SegmentTemplate media="{_TEMPLATE}" startNumber="1"'
        f' duration="{duration.numerator}" timescale="{duration.denominator}"/>\n'
        f'      <Representation id="{FOLDER}" bandwidth="{thumbnails.bitrate}" width="{width}" height="{height}">\n'
        f'        <EssentialProperty schemeIdUri="{_SCHEME}" value="{tile}"/>\n'
        "      </Representation>\n    </AdaptationSet>\n"
    )


def _render_playlist(thumbnails: Thumbnails) -> str:
    per_image = thumbnails.columns * thumbnails.rows
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{-int(-thumbnails.image_seconds // 1)}",
        "#EXT-X-MEDIA-SEQUENCE:1",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-IMAGES-ONLY",
    ]
    layout = f"{thumbnails.columns}x{thumbnails.rows}"
    for n in range(len(thumbnails.sizes)):
        shown = min(per_image, thumbnails.count - n * per_image)
        lines.append(f"#EXTINF:{float(shown * thumbnails.interval):.3f},")
        size = f"{thumbnails.width}x{thumbnails.height}"
        lines.append(f"#EXT-X-TILES:RESOLUTION={size},LAYOUT={layout},DURATION={float(thumbnails.interval):.3f}")
        lines.append(re.sub(r"\$Number%05d\$", f"{n + 1:05d}", _TEMPLATE))
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"
