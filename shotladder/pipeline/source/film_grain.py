"""The strength of synthesised film grain: one for all chunks, or estimated for each."""

from __future__ import annotations

from collections.abc import Sequence

from encoder import Chunk, get_codec
from ladders import Ladder, Shot

__all__ = ["can_synthesise_grain", "choose_film_grain", "estimate_strengths", "format_strengths", "parse_film_grain"]

#: Strengths of SVT-AV1. A chunk without grain has 1, which changes no frame: the parameter sets of all chunks must
#: state that film grain may follow.
MIN_STRENGTH, MAX_STRENGTH = 1, 50
#: Strength per 8-bit level of the standard deviation of the grain. Chosen by hand: about half of the strength at which
#: the denoiser expects noise of this deviation (11, from `aom_noise_psd_get_default_value` of libaom).
STRENGTH_PER_LEVEL = 5.0
#: Standard deviation of the grain, in 8-bit levels, below which a shot has none. Chosen by hand.
MIN_DEVIATION = 0.8


def parse_film_grain(value: str) -> str:
    """Return "auto", "none" or a strength without leading zeros.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if value in ("auto", "none"):
        return value
    if not value.isascii() or not value.isdigit() or not MIN_STRENGTH <= int(value) <= MAX_STRENGTH:
        raise ValueError(f"{value!r} is neither auto, none nor a strength from {MIN_STRENGTH} to {MAX_STRENGTH}")
    return str(int(value))


def can_synthesise_grain(codecs: Sequence[str]) -> bool:
    """Return whether at least one codec can synthesise film grain in players."""
    return any(get_codec(codec).film_grain_settings for codec in codecs)


def estimate_strengths(shots: Sequence[Shot], chunks: Sequence[Chunk]) -> tuple[int, ...]:
    """Return the strength for each chunk, by the grain of the shot with the most of its frames; 1 without grain."""
    strengths = []
    for chunk in chunks:
        inside = [shots[n] for n in chunk.shots]
        shot = max(inside, key=lambda each: min(each.stop, chunk.stop) - max(each.start, chunk.start))
        grain = shot.complexity.grain
        deviation = 0.0 if grain is None else grain.mean
        strength = round(STRENGTH_PER_LEVEL * deviation) if deviation >= MIN_DEVIATION else MIN_STRENGTH
        strengths.append(min(max(strength, MIN_STRENGTH), MAX_STRENGTH))
    return tuple(strengths)


def choose_film_grain(ladder: Ladder, choice: str, shots: Sequence[Shot]) -> tuple[tuple[int, ...], str]:
    """Return the strength of synthesised film grain for each chunk of a ladder, and a note.

    Parameters
    ----------
    ladder : Ladder
    choice : str
        "auto" or a strength.
    shots : sequence of Shot
        With estimates of their grain.

    Returns
    -------
    strengths : tuple of int
        Empty if the codec cannot synthesise film grain, or no shot has grain.
    note : str
    """
    codec = ladder.codec
    if not get_codec(codec).film_grain_settings:
        return (), f"{codec}: film grain is encoded like other detail, because the encoder cannot synthesise it"
    strengths = estimate_strengths(shots, ladder.chunks) if choice == "auto" else (int(choice),) * len(ladder.chunks)
    if choice == "auto" and max(strengths) == MIN_STRENGTH:
        return (), f"{codec}: no shot has film grain, and none is synthesised"
    note = (
        f"{codec}: film grain is synthesised at strength {format_strengths(strengths)}. The quantisers are those of"
        " encodes with the grain of the source, because VMAF counts synthesised grain as an error"
    )
    return strengths, note


def format_strengths(strengths: Sequence[int]) -> str:
    """Return a strength, or the range of several, as text."""
    low, high = min(strengths), max(strengths)
    return f"{low}" if low == high else f"{low} to {high}"
