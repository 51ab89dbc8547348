"""Mixed pictures of gradual transitions: dissolves and wipes of several forms, and the pace at which they go."""

import numpy as np

from samples.painting import Canvas

__all__ = ["DISSOLVES", "TRANSITIONS", "WIPES", "hold_colour", "mix_frames", "transition_weight"]

DISSOLVES = ("dissolve", "dissolve_light", "dissolve_late")
"""Forms of dissolve: of samples, of light, and one whose new shot comes late, so that the picture dims between."""
WIPES = ("wipe_side", "wipe_down", "wipe_slant", "wipe_soft", "wipe_iris", "wipe_clock", "wipe_blinds", "wipe_push")
"""Forms of wipe."""
TRANSITIONS = ("cut", *DISSOLVES, "fade_black", "fade_white", *WIPES)
"""Every transition by name."""


def hold_colour(fade: str) -> float:
    """Return the grey level that a fade passes through."""
    return 1.0 if fade == "fade_white" else 0.0


def transition_weight(pace: str, part: float) -> float:
    """Return the weight that a transition has come to after `part` (0 to 1) of its time."""
    if pace == "smooth":
        return part * part * (3 - 2 * part)
    return {"even": part, "slow": part**1.7, "quick": 1 - (1 - part) ** 1.7}[pace]


def mix_frames(form: str, old: Canvas, new: Canvas, weight: float) -> Canvas:
    """Return the picture of a transition in which the new shot has come to `weight` (0 to 1, exclusive)."""
    if form == "dissolve":
        return old + (new - old) * np.float32(weight)
    if form == "dissolve_light":
        light = old**2.2 + (new**2.2 - old**2.2) * np.float32(weight)
        return light ** np.float32(1 / 2.2)
    if form == "dissolve_late":
        return old * np.float32(max(0.0, 1 - weight / 0.85)) + new * np.float32(max(0.0, (weight - 0.15) / 0.85))
    height, width = old.shape[:2]
    if form == "wipe_push":
        shift = round(weight * width)
        return np.concatenate([old[:, shift:], new[:, :shift]], 1)
    x = (np.arange(width, dtype=np.float32)[None, :] + 0.5) / width
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    soft = 0.25 if form == "wipe_soft" else 0.01
    # `when` is the share of the transition after which a pixel belongs to the new shot
    when = {
        "wipe_side": lambda: x + 0 * y,
        "wipe_soft": lambda: 1 - x + 0 * y,
        "wipe_down": lambda: y + 0 * x,
        "wipe_slant": lambda: 0.5 * (x + y),
        "wipe_iris": lambda: np.hypot(x - 0.5, y - 0.5) / np.float32(np.sqrt(0.5)),
        "wipe_clock": lambda: (np.arctan2(x - 0.5, 0.5 - y) / (2 * np.pi)) % 1.0,
        "wipe_blinds": lambda: (x * 8) % 1.0 + 0 * y,
    }[form]()
    cover = np.clip((weight * (1 + soft) - when) / soft, 0, 1)[..., None]
    return (old + (new - old) * cover).astype(np.float32)
