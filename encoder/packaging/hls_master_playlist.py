"""What the packager leaves unsaid in HLS's master playlist: rates as RFC 8216 counts them, defaults, whole groups."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from encoder.packaging.hls_media_playlist import playlist_segments

__all__ = ["complete_master"]

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')
#: The group of sound that `encoder.packaging.descriptors` gives to Opus.
OPUS = "audio-opus"
_MEDIA, _VARIANT, _IFRAMES = "#EXT-X-MEDIA", "#EXT-X-STREAM-INF", "#EXT-X-I-FRAME-STREAM-INF"


@dataclass(slots=True)
class _Line:
    """A line: a tag with its attributes as they are written, or text."""

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


def complete_master(path: Path, defaults: Collection[str]) -> None:
    """Complete a master playlist in place.

    Parameters
    ----------
    path : Path
        It; the media playlists and segments lie beside it.
    defaults : collection of str
        Media playlists that play when nobody chooses.
    """

    def rates_of(playlist: str) -> tuple[Fraction, Fraction]:
        return playlist_segments(path.parent, playlist).peak_and_average

    lines = [_Line.read(text) for text in path.read_text().splitlines()]
    lines = _without_opus(lines)
    variants = [(line, uri.text) for line, uri in pairwise(lines) if line.text == _VARIANT]
    _complete_groups(lines, variants)
    media = [line for line in lines if line.text == _MEDIA]
    _set_choices(media, defaults)
    rates = {name: rates_of(name) for name in {line.get("URI") for line in media}}
    for line, uri in variants:
        _set_variant(line, media, rates, rates_of(uri))
    for line in lines:
        if line.text == _IFRAMES:
            _set_rates(line, [rates_of(line.get("URI"))])
    path.write_text("\n".join(map(str, lines)) + "\n")


def _without_opus(lines: list[_Line]) -> list[_Line]:
    """Leave Opus to DASH where there is other sound.

    HLS has it in browsers alone (Apple's authoring rules know no Opus), and Chromium's own HLS fails when it changes
    from a variant's AAC to another's Opus.
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
    """Give all groups of sound the same members, as RFC 8216 (4.3.4.2.1) demands.

    Where a group has no encode of a track, it gets that of the first group that has, and its variants name the codec.
    """
    groups: dict[str, dict[str, _Line]] = {}
    for line in lines:
        if line.get("TYPE") == "AUDIO":
            groups.setdefault(line.get("GROUP-ID"), {})[line.get("NAME")] = line
    codecs = {(line.get("AUDIO"), uri): line.get("CODECS").split(",") for line, uri in variants}
    tracks = dict.fromkeys(title for group in groups.values() for title in group)
    for name, group in groups.items():
        place = lines.index(list(group.values())[-1]) + 1
        for title in (title for title in tracks if title not in group):
            lender = next(other for other, members in groups.items() if title in members)
            lines.insert(place, _Line(_MEDIA, {**groups[lender][title].attributes, "GROUP-ID": f'"{name}"'}))
            place += 1
            for line, uri in variants:
                if line.get("AUDIO") == name:
                    named = dict.fromkeys([*line.get("CODECS").split(","), *codecs[lender, uri]])
                    line.attributes["CODECS"] = f'"{",".join(named)}"'


def _set_choices(media: Sequence[_Line], defaults: Collection[str]) -> None:
    """Set what plays by itself: no two of a group by default, none automatically that the player cannot tell apart."""
    seen = set()
    for line in media:
        line.attributes["DEFAULT"] = "YES" if line.get("URI") in defaults else "NO"
        alike = tuple(line.get(name) for name in ("TYPE", "GROUP-ID", "LANGUAGE", "FORCED", "CHARACTERISTICS"))
        default, first = line.get("DEFAULT") == "YES", alike not in seen
        seen.add(alike)
        line.attributes["AUTOSELECT"] = "YES" if first or default or line.get("FORCED") == "YES" else "NO"


def _set_variant(
    line: _Line,
    media: Sequence[_Line],
    rates: dict[str, tuple[Fraction, Fraction]],
    own: tuple[Fraction, Fraction],
) -> None:
    """Set the rates of a variant: those of the most costly combination of renditions that can be played with it."""
    parts = [own]
    for kind in ("AUDIO", "SUBTITLES"):
        group = [m for m in media if m.get("TYPE") == kind and m.get("GROUP-ID") == line.get(kind)]
        if group:
            members = [rates[member.get("URI")] for member in group]
            parts.append((max(peak for peak, _ in members), max(average for _, average in members)))
    _set_rates(line, parts)


def _set_rates(line: _Line, parts: Sequence[tuple[Fraction, Fraction]]) -> None:
    # rounded up: what is declared must not be exceeded
    line.attributes["BANDWIDTH"] = str(-(-sum(peak for peak, _ in parts) // 1))
    line.attributes["AVERAGE-BANDWIDTH"] = str(-(-sum(average for _, average in parts) // 1))
