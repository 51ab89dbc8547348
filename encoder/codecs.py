"""What there is to know of each video codec and its encoder: one row a codec."""

from __future__ import annotations

from dataclasses import dataclass

from shotladder_errors import ShotladderError

__all__ = ["CODECS", "Codec", "UnknownCodecError", "codec_named"]


class UnknownCodecError(ShotladderError, ValueError):
    """No row of the table has this name."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec and the encoder that makes it.

    Attributes
    ----------
    name : str
        What users call it.
    encoder : str
        FFmpeg's name of the encoder.
    quantisers : tuple of float
        Lowest and highest quantiser (CRF) that makes sense for delivery; lower is better and larger.
    step : float
        The encoder tells quantisers apart to this step.
    rate_halving : float
        About so many steps of the quantiser halve the rate; where a search begins, never where it ends.
    presets : tuple of str
        The encoder's, fastest first.
    preset : str
        Default for production.
    parameters : tuple of (str, str)
        What makes chunks fit together when they are stitched by stream copy, and keeps key frames where the
        plan puts them.
    metric_tuning : tuple of (str, str)
        Added under `--tune metric`: the encoder's choices for eyes that metrics do not see are switched off.
    """

    name: str
    encoder: str
    quantisers: tuple[float, float]
    step: float
    rate_halving: float
    presets: tuple[str, ...]
    preset: str
    parameters: tuple[tuple[str, str], ...]
    metric_tuning: tuple[tuple[str, str], ...]


CODECS = {
    "h264": Codec(
        name="h264",
        encoder="libx264",
        quantisers=(12.0, 46.0),
        step=0.25,
        rate_halving=6.0,
        presets=(
            *("ultrafast", "superfast", "veryfast", "faster", "fast"),
            *("medium", "slow", "slower", "veryslow", "placebo"),
        ),
        preset="medium",
        parameters=(
            # without it x264 writes the quantiser into the picture parameter set, and chunks differ
            ("stitchable", "1"),
            # key frames stand where the plan puts them and nowhere else
            ("scenecut", "0"),
            ("keyint", "infinite"),
            ("open-gop", "0"),
            # more than one thread would make the frames depend on how many
            ("threads", "1"),
            ("lookahead-threads", "1"),
        ),
        metric_tuning=(("aq-mode", "0"), ("psy", "0")),
    ),
}


def codec_named(name: str) -> Codec:
    """Return the row of a codec.

    Raises
    ------
    UnknownCodecError
        If there is none of this name.
    """
    try:
        return CODECS[name]
    except KeyError:
        raise UnknownCodecError(f"{name}: no such codec (there are {', '.join(CODECS)})") from None
