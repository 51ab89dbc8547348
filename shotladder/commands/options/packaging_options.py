"""The options of `encode` for audio, subtitles, packaging and encryption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from shotladder.commands.options.grouped_command import combine_options, option
from shotladder.commands.options.ladder_options import SegmentDuration
from shotladder.commands.options.library_values import AUDIO_CODECS, PROTECTION_SCHEMES, SPEECH_PACKAGE

__all__ = ["packaging_options", "track_options"]


class FilmGrainChoice(click.ParamType[str]):
    """`auto`, `none` or a strength."""

    name = "strength"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the choice as text."""
        if value in ("auto", "none"):
            return str(value)
        from shotladder.pipeline.source.film_grain import parse_film_grain

        try:
            return parse_film_grain(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class AudioCodecs(click.ParamType[tuple[str, ...]]):
    """Comma-separated names of audio codecs, or `none`."""

    name = "codecs"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the names without repetition; an empty tuple for `none`."""
        names = tuple(dict.fromkeys(str(value).split(",")))
        known = (*AUDIO_CODECS, "copy")
        if names == ("none",):
            return ()
        for name in names:
            if name not in known:
                self.fail(f"unknown audio codec {name!r} (choose from {', '.join(known)}, none)", param, ctx)
        return names


track_options = combine_options(
    option(
        "Encoder",
        "--film-grain",
        type=FilmGrainChoice(),
        metavar="[auto|none|STRENGTH]",
        default="none",
        show_default=True,
        help="Remove film grain from AV1 and synthesise it in players, at a strength from 1 to 50, or by the estimated"
        " grain of each shot (auto), without a comparison with a fixed ladder.",
    ),
    option(
        "Audio and subtitles",
        "--audio",
        type=AudioCodecs(),
        default="aac,eac3",
        show_default=True,
        help="Comma-separated audio codecs: aac (stereo), eac3 or ac3 (for 5.1 sources), opus (stereo and 5.1; listed"
        " in HLS only if it is the only codec), copy (AC-3, E-AC-3 and FLAC of the source, unchanged), or none.",
    ),
    option(
        "Audio and subtitles",
        "--no-audio",
        "audio",
        flag_value="none",
        type=AudioCodecs(),
        help="Leave out all audio; the same as `--audio none`.",
    ),
    option(
        "Audio and subtitles",
        "--loudness",
        metavar="LUFS",
        type=click.FloatRange(-40, -5),
        help="Change encoded audio to this loudness in LUFS (EBU R 128) by a constant gain, as far as its true peak"
        " allows, and state it as the dialogue level of AC-3 and E-AC-3. Default: the loudness of the source.",
    ),
    option(
        "Audio and subtitles",
        "--captions",
        metavar="[MODEL]",
        is_flag=False,
        flag_value=SPEECH_PACKAGE,
        help="Transcribe the speech of the main audio track to WebVTT with this model of Whisper: a folder of"
        f" CTranslate2, or an installed package with one; without a name, {SPEECH_PACKAGE}. Default: no captions.",
    ),
    option(
        "Audio and subtitles",
        "--captions-language",
        metavar="TAG",
        help="Language of the speech, such as en or pt-BR; requires --captions. Default: detected.",
    ),
    option(
        "Audio and subtitles",
        "--captions-translate",
        is_flag=True,
        help="Translate captions to English; requires --captions and a model that knows other languages.",
    ),
    option(
        "Audio and subtitles",
        "--no-subtitles",
        "subtitles",
        flag_value=False,
        default=True,
        help="Leave out all subtitles. Default: text subtitles of the source become WebVTT.",
    ),
)

packaging_options = combine_options(
    option(
        "Packaging",
        "--single-file",
        is_flag=True,
        help="Write one file per track, addressed by byte ranges, instead of one file per segment.",
    ),
    option(
        "Packaging",
        "--thumbnails",
        metavar="SECONDS",
        type=SegmentDuration(),
        help="Write tiled thumbnails for scrubbing, one per this many seconds, and a poster image. Default: none.",
    ),
    option(
        "Packaging",
        "--no-dynamic-hdr",
        "dynamic_hdr",
        flag_value=False,
        default=True,
        help="Leave out Dolby Vision and HDR10+ metadata. Default: HEVC and AV1 renditions carry that of the source.",
    ),
    option(
        "Encryption",
        "--encrypt",
        is_flag=True,
        help="Encrypt video and audio with Common Encryption, for Widevine, PlayReady and FairPlay.",
    ),
    option(
        "Encryption",
        "--protection-scheme",
        type=click.Choice(PROTECTION_SCHEMES),
        help="Protection scheme of Common Encryption; `cenc` supports older devices, but FairPlay requires `cbcs`."
        f" Default: {PROTECTION_SCHEMES[0]}.",
    ),
    option(
        "Encryption",
        "--keys",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help='JSON file with the content keys: {"keys": [{"label": "VIDEO", "key_id": HEX, "key": HEX}, {"label":'
        ' "AUDIO", ...}]}. Default: generate new keys.',
    ),
    option(
        "Encryption",
        "--hls-key-uri",
        metavar="URI",
        help="URI at which FairPlay requests the key. Default: skd://KEYID.",
    ),
    option(
        "Encryption",
        "--clear-lead",
        metavar="SECONDS",
        type=click.FloatRange(0),
        help="Duration of the unencrypted start of the presentation, in seconds. Default: 0.",
    ),
)
