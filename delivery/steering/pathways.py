"""Pathways in manifests: the same files at several servers, among which a steering server chooses.

HLS: EXT-X-CONTENT-STEERING and PATHWAY-ID (draft-pantos-hls-rfc8216bis, 4.4.6.6 and 4.4.6.2). DASH: BaseURL with
serviceLocation, and ContentSteering (ETSI TS 103 998, clause 5).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit
from xml.sax.saxutils import escape, quoteattr

from delivery.errors import SteeringError

__all__ = ["Pathway", "add_pathways"]

#: Characters of a PATHWAY-ID (draft-pantos-hls-rfc8216bis, 4.4.6.2).
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_URI = re.compile(r'(?<=[:,])URI="([^"]*)"')
_GROUPS = re.compile(r'(?<=[:,])(GROUP-ID|AUDIO|SUBTITLES|VIDEO)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Pathway:
    """A server that has the files of a presentation.

    Attributes
    ----------
    name : str
        PATHWAY-ID in HLS, service location in DASH.
    url : str
        HTTP address of the folder of the presentation.
    """

    name: str
    url: str

    def __post_init__(self) -> None:
        """Check the name and the address."""
        if not _NAME.fullmatch(self.name):
            raise SteeringError(
                f"the pathway {self.name!r} has other characters than letters, digits, '.', '-' and '_'"
            )
        check_address(self.url, f"the address of the pathway {self.name}")
        object.__setattr__(self, "url", self.url.rstrip("/") + "/")


def check_address(url: str, name: str) -> None:
    """Raise `SteeringError` unless a text is an HTTP address that can stand in a manifest."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        is_valid = False
    if not is_valid or re.search(r'["\s<>]', url):
        raise SteeringError(f"{name} is not an HTTP address without a user: {re.sub('//[^/]*@', '//', url)}")


def add_pathways(path: str, text: str, pathways: Sequence[Pathway], steering_url: str) -> str:
    """Return a DASH manifest or HLS master playlist with pathways.

    Parameters
    ----------
    path : str
        Name of the manifest.
    text : str
        Its content; all references are relative.
    pathways : sequence of Pathway
        The first one is used until the steering server answers.
    steering_url : str
        HTTP address of the steering server.

    Raises
    ------
    SteeringError
        When two pathways have the same name, or an address is not valid.
    """
    names = [pathway.name for pathway in pathways]
    if not names or len(set(names)) < len(names):
        raise SteeringError("pathways need different names, and there must be at least one")
    check_address(steering_url, "the address of the steering server")
    if path.endswith(".mpd"):
        return _add_to_dash(path, text, pathways, steering_url)
    return _add_to_hls(text, pathways, steering_url)


def _add_to_dash(path: str, text: str, pathways: Sequence[Pathway], steering_url: str) -> str:
    period = re.search(r"[ \t]*<Period\b", text)
    if period is None:
        raise SteeringError(f"{path}: has no Period")
    lines = [f"  <BaseURL serviceLocation={quoteattr(each.name)}>{escape(each.url)}</BaseURL>\n" for each in pathways]
    lines.append(
        f'  <ContentSteering defaultServiceLocation={quoteattr(pathways[0].name)} queryBeforeStart="false">'
        f"{escape(steering_url)}</ContentSteering>\n"
    )
    return text[: period.start()] + "".join(lines) + text[period.start() :]


def _add_to_hls(text: str, pathways: Sequence[Pathway], steering_url: str) -> str:
    lines = text.splitlines()
    head = [line for line in lines if line.startswith("#") and not line.startswith(_TAGS)]
    start = f'#EXT-X-CONTENT-STEERING:SERVER-URI="{steering_url}",PATHWAY-ID="{pathways[0].name}"'
    made = [head[0], start, *head[1:]]
    for pathway in pathways:
        made += _lines_of(lines, pathway)
    return "\n".join(made) + "\n"


#: Tags of a master playlist that are repeated for each pathway.
_TAGS = ("#EXT-X-MEDIA:", "#EXT-X-STREAM-INF:", "#EXT-X-I-FRAME-STREAM-INF:")


def _lines_of(lines: Sequence[str], pathway: Pathway) -> list[str]:
    """Return the renditions and variants at one pathway; its groups have names of their own."""

    def uri(match: re.Match[str]) -> str:
        return f'URI="{urljoin(pathway.url, match[1])}"'

    made = []
    for line in lines:
        if line.startswith(_TAGS):
            tag = _GROUPS.sub(lambda match: f'{match[1]}="{match[2]}-{pathway.name}"', _URI.sub(uri, line))
            is_variant = not line.startswith("#EXT-X-MEDIA:")
            made.append(f'{tag},PATHWAY-ID="{pathway.name}"' if is_variant else tag)
        elif line.strip() and not line.startswith("#"):
            made.append(urljoin(pathway.url, line.strip()))
    return made
