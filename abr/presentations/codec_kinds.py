"""Kinds of streams, by the parameter CODECS (RFC 6381): the codec of the video, its dynamic range, audio only."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["is_without_video", "transfer_range", "video_codec", "video_range"]

#: code at the start of an entry of CODECS -> codec; streams of different codes of a codec share a ladder
VIDEO_CODECS = {
    "avc1": "H.264",
    "avc2": "H.264",
    "avc3": "H.264",
    "avc4": "H.264",
    "svc1": "H.264",
    "hvc1": "HEVC",
    "hev1": "HEVC",
    "hvt1": "HEVC",
    "lhv1": "HEVC",
    "dvh1": "Dolby Vision",
    "dvhe": "Dolby Vision",
    "dva1": "Dolby Vision",
    "dvav": "Dolby Vision",
    "dav1": "Dolby Vision",
    "vvc1": "VVC",
    "vvi1": "VVC",
    "evc1": "EVC",
    "vp8": "VP8",
    "vp08": "VP8",
    "vp9": "VP9",
    "vp09": "VP9",
    "av1": "AV1",
    "av01": "AV1",
    "mp4v": "MPEG-4 Visual",
    "s263": "H.263",
    "h263": "H.263",
    "theora": "Theora",
    "mjpg": "Motion JPEG",
    "jpeg": "Motion JPEG",
}
#: codes of audio and subtitles
OTHER_CODECS = frozenset(
    {
        "mp4a",
        "ac-3",
        "ec-3",
        "ac-4",
        "opus",
        "vorbis",
        "flac",
        "alac",
        "dtsc",
        "dtse",
        "dtsh",
        "dtsl",
        "dtsx",
        "dts-",
        "mp3",
        "samr",
        "sawb",
        "mha1",
        "mha2",
        "mhm1",
        "mhm2",
        "iamf",
        "stpp",
        "wvtt",
        "tx3g",
        "c608",
        "c708",
        "ttml",
        "webvtt",
        "sbtt",
    }
)

#: values of TransferCharacteristics (ISO/IEC 23091-2); all others are SDR
TRANSFERS = {16: "PQ", 18: "HLG"}

#: the transfer characteristics are the last but one field of `av01.P.LLT.DD.M.CCC.cp.tc.mc.F` (AV1 in ISOBMFF, 5) and
#: of `vp09.PP.LL.DD.CC.cp.tc.mc.FF` (VP codecs in ISOBMFF)
_TRANSFER = re.compile(r"av01\.(?:[^.]+\.){6}(\d+)|vp09\.(?:[^.]+\.){5}(\d+)")


def _codes(codecs: str | None) -> list[str]:
    return [entry.strip().lower() for entry in (codecs or "").split(",") if entry.strip()]


def video_codec(codecs: str | None) -> str | None:
    """Return the codec of the video, which may stand anywhere in CODECS; None when there is none or it is unknown.

    Examples
    --------
    >>> video_codec("mp4a.40.2, avc1.4d401e"), video_codec("mp4a.40.2")
    ('H.264', None)
    """
    names = [entry.partition(".")[0] for entry in _codes(codecs)]
    return next((VIDEO_CODECS[name] for name in names if name in VIDEO_CODECS), None)


def is_without_video(codecs: str | None) -> bool:
    """Return whether CODECS is stated and has only codecs of audio and subtitles."""
    names = [entry.partition(".")[0] for entry in _codes(codecs)]
    return bool(names) and all(name in OTHER_CODECS for name in names)


def transfer_range(value: str | None) -> str:
    """Return the dynamic range of a value of TransferCharacteristics: SDR, PQ or HLG."""
    return TRANSFERS.get(int(value), "SDR") if value and value.isdecimal() and len(value) < 4 else "SDR"


def video_range(codecs: str | None) -> str:
    """Return the dynamic range that AV1 and VP9 state in CODECS; SDR for all others."""
    matches: Sequence[re.Match[str] | None] = [_TRANSFER.match(entry) for entry in _codes(codecs)]
    return next((transfer_range(match[1] or match[2]) for match in matches if match), "SDR")
