"""Complete the HLS master playlist of the packager: bitrates according to RFC 8216, defaults, complete groups."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from encoder.packaging.dynamic_hdr_signalling import HDR10_PLUS_BRAND
from encoder.packaging.hls_media_playlist import read_media_playlist

__all__ = ["complete_master_playlist"]

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')
#: Name of the group of Opus tracks, given by `encoder.packaging.descriptors`.
OPUS = "audio-opus"
_MEDIA, _VARIANT, _IFRAMES = "#EXT-X-MEDIA", "#EXT-X-STREAM-INF", "#EXT-X-I-FRAME-STREAM-INF"


@dataclass(slots=True)
class _Line:
    """One line: a tag with its attributes in their written form, or other text without attributes."""

    text: str
    attributes: dict[str, str]

    @classmethod
    def read(cls, text: str) -> _Line:
        tag, _, rest = text.partition(":")
        return cls(tag, dict(_ATTRIBUTE.findall(rest))) if tag in (_MEDIA, _VARIANT, _IFRAMES) else cls(text, {})

    def __str__(self) -> str:
        if not self.attributes:
            return self.text
        return f"{self.text}:" + ",".join(f"{name}={value}" for name, value in self.attributes.items())

    def get(self, name: str) -> str:
        return self.attributes.get(name, "").strip('"')


def complete_master_playlist(
    path: Path, defaults: Collection[str], frame_rate: Fraction, hdr10_plus: Collection[str] = ()
) -> None:
    """Complete a master playlist in index.

    Parameters
    ----------
    path : Path
        Master playlist, in the folder of the media playlists and segments.
    defaults : collection of str
        Media playlists that play by default.
    frame_rate : Fraction
        Mean frame rate of the video; the packager takes the duration of the first frame.
    hdr10_plus : collection of str
        Media playlists and I-frame playlists of the renditions whose frames have HDR10+ metadata.
    """

    def get_bitrates(playlist: str) -> tuple[Fraction, Fraction]:
        return read_media_playlist(path.parent, playlist).peak_and_average

    lines = [_Line.read(text) for text in path.read_text().splitlines()]
    lines = _remove_opus(lines)
    variants = [(line, uri.text) for line, uri in pairwise(lines) if line.text == _VARIANT]
    _complete_groups(lines, variants)
    media = [line for line in lines if line.text == _MEDIA]
    _set_default_and_autoselect(media, defaults)
    bitrates = {name: get_bitrates(name) for name in {line.get("URI") for line in media}}
    for line, uri in variants:
        _set_variant(line, media, bitrates, get_bitrates(uri))
        # a decimal number rounded to three places (RFC 8216, 4.3.4.2)
        line.attributes["FRAME-RATE"] = f"{float(frame_rate):.3f}"
        if uri in hdr10_plus:
            _add_hdr10_plus(line)
    for line in lines:
        if line.text == _IFRAMES:
            _set_bandwidths(line, [get_bitrates(line.get("URI"))])
            if line.get("URI") in hdr10_plus:
                _add_hdr10_plus(line)
    path.write_text("\n".join(map(str, lines)) + "\n")


def _add_hdr10_plus(line: _Line) -> None:
    """Add the video codec with the brand of HDR10+ to SUPPLEMENTAL-CODECS (RFC 8216bis, 4.4.6.2)."""
    codec = f"{line.get('CODECS').split(',')[0]}/{HDR10_PLUS_BRAND}"
    stated = line.get("SUPPLEMENTAL-CODECS")
    line.attributes["SUPPLEMENTAL-CODECS"] = f'"{stated},{codec}"' if stated else f'"{codec}"'


def _remove_opus(lines: list[_Line]) -> list[_Line]:
    """Remove Opus from HLS if there is other audio; it remains in DASH.

    Only browsers support Opus in HLS (Apple's authoring specification does not list it), and the HLS player of Chromium
    fails when it switches from a variant with AAC to one with Opus.
    """
    if not any(line.get("TYPE") == "AUDIO" and line.get("GROUP-ID") != OPUS for line in lines):
        return lines
    after = [_Line("", {}), *lines]
    return [
        line
        for before, line in zip(after, lines, strict=False)
        if line.get("GROUP-ID") != OPUS
        and line.get("AUDIO") != OPUS
        and not (before.text == _VARIANT and before.get("AUDIO") == OPUS)
    ]


def _complete_groups(lines: list[_Line], variants: Sequence[tuple[_Line, str]]) -> None:
    """Give all audio groups the same members, as RFC 8216 (4.3.4.2.1) requires.

    A group without an encode of a track gets that of the first group that has one, and its variants list the codec.
    """
    groups: dict[str, dict[str, _Line]] = {}
    for line in lines:
        if line.get("TYPE") == "AUDIO":
            groups.setdefault(line.get("GROUP-ID"), {})[line.get("NAME")] = line
    codecs = {(line.get("AUDIO"), uri): line.get("CODECS").split(",") for line, uri in variants}
    tracks = dict.fromkeys(title for group in groups.values() for title in group)
    for name, group in groups.items():
        index = lines.index(list(group.values())[-1]) + 1
        for title in (title for title in tracks if title not in group):
            other_group = next(other for other, members in groups.items() if title in members)
            lines.insert(index, _Line(_MEDIA, {**groups[other_group][title].attributes, "GROUP-ID": f'"{name}"'}))
            index += 1
            for line, uri in variants:
                if line.get("AUDIO") == name:
                    named = dict.fromkeys([*line.get("CODECS").split(","), *codecs[other_group, uri]])
                    line.attributes["CODECS"] = f'"{",".join(named)}"'


def _set_default_and_autoselect(media: Sequence[_Line], defaults: Collection[str]) -> None:
    """Set DEFAULT and AUTOSELECT: no two tracks with the same properties are selected automatically."""
    seen = set()
    for line in media:
        line.attributes["DEFAULT"] = "YES" if line.get("URI") in defaults else "NO"
        properties = tuple(line.get(name) for name in ("TYPE", "GROUP-ID", "LANGUAGE", "FORCED", "CHARACTERISTICS"))
        default, first = line.get("DEFAULT") == "YES", properties not in seen
        seen.add(properties)
        line.attributes["AUTOSELECT"] = "YES" if first or default or line.get("FORCED") == "YES" else "NO"


def _set_variant(
    line: _Line,
    media: Sequence[_Line],
    bitrates: dict[str, tuple[Fraction, Fraction]],
    own: tuple[Fraction, Fraction],
) -> None:
    """Set the bitrates of a variant: those of the largest combination of renditions that can be played with it."""
    parts = [own]
    for kind in ("AUDIO", "SUBTITLES"):
        group = [m for m in media if m.get("TYPE") == kind and m.get("GROUP-ID") == line.get(kind)]
        if group:
            members = [bitrates[member.get("URI")] for member in group]
            parts.append((max(peak for peak, _ in members), max(average for _, average in members)))
    _set_bandwidths(line, parts)


def _set_bandwidths(line: _Line, parts: Sequence[tuple[Fraction, Fraction]]) -> None:
    # rounded up: the declared bitrate is an upper bound
    line.attributes["BANDWIDTH"] = str(-(-sum(peak for peak, _ in parts) // 1))
    line.attributes["AVERAGE-BANDWIDTH"] = str(-(-sum(average for _, average in parts) // 1))
