"""Check that every file that a published manifest names, directly or through a playlist, is there and complete."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from urllib.parse import urljoin

import m3u8

DASH = "{urn:mpeg:dash:schema:mpd:2011}"


def named_files(read: Callable[[str], bytes | None]) -> set[str]:
    """Return the paths of all files that the manifests name; a playlist that does not exist is returned as well."""
    named: set[str] = set()
    master = read("master.m3u8")
    if master is not None:
        parsed = m3u8.loads(master.decode())
        playlists = [each.uri for each in (*parsed.playlists, *parsed.iframe_playlists, *parsed.media)]
        assert playlists and master.endswith(b"\n")
        for path in playlists:
            named.add(path)
            content = read(path)
            if content is not None:
                assert content.rstrip().endswith(b"#EXT-X-ENDLIST"), path
                named |= {urljoin(path, uri) for uri in re.findall(r'(?m)^(?!#)(\S+)$|URI="([^"]+)"', content.decode())
                          for uri in uri if uri}  # fmt: skip
    mpd = read("manifest.mpd")
    if mpd is not None:
        named |= dash_files(ET.fromstring(mpd))
    return named


def dash_files(root: ET.Element) -> set[str]:
    named = {element.text or "" for element in root.iter(f"{DASH}BaseURL")}
    for template in root.iter(f"{DASH}SegmentTemplate"):
        count = sum(1 + int(s.get("r", 0)) for s in template.iter(f"{DASH}S"))
        if "initialization" in template.attrib:
            named.add(template.attrib["initialization"])
        media = template.attrib["media"].replace("$Number%05d$", "{:05d}")
        named |= {media.format(number) for number in range(1, count + 1)}
    return named
