"""Scenes with text: the title card, a scrolling terminal, the final card."""

import cv2
import numpy as np

from samples import brushes
from samples.painting import Canvas, Painter, Size, blend, letter, noise_tile, ramp

__all__ = ["end_card", "terminal", "title"]

INK = (0.96, 0.93, 0.86)


def _paper(size: Size, top: tuple[float, float, float], foot: tuple[float, float, float]) -> Canvas:
    down = np.linspace(0, 1, size.height, dtype=np.float32)[:, None]
    paper = np.broadcast_to(ramp([(0, top), (1, foot)], down), (size.height, size.width, 3)).copy()
    fibre = noise_tile(301, coarsest=128, octaves=3)
    paper += 0.03 * (cv2.resize(fibre, (size.width, size.height), interpolation=cv2.INTER_AREA) - 0.5)[..., None]
    return paper


def title(size: Size) -> Painter:
    """Paint the title card, a still frame."""
    card = _paper(size, (0.035, 0.065, 0.135), (0.10, 0.145, 0.215))
    middle = size.aspect / 2
    brushes.splat(card, np.array([[middle, 0.30, 0.42, 0.16, 0.13, 0.08], [middle, 0.30, 0.10, 0.55, 0.45, 0.25]]) *
                  np.array([size.height, size.height, size.height, 1, 1, 1]), 0.0)  # fmt: skip
    cv2.circle(card, (int(middle * size.height * 16), int(0.30 * size.height * 16)), int(0.035 * size.height * 16),
               (1.0, 0.93, 0.78), -1, cv2.LINE_AA, 4)  # fmt: skip
    blend(card, INK, letter(size, "FAR LIGHT", (middle, 0.575), 0.125, weight=300, spacing=0.22))
    blend(card, (0.78, 0.70, 0.55), letter(size, "a night in sixteen shots", (middle, 0.70), 0.036, spacing=0.08))
    half = 0.16 * size.height
    y = round(0.632 * size.height)
    card[y : y + max(1, size.height // 480), round(size.width / 2 - half) : round(size.width / 2 + half)] = (
        0.62,
        0.54,
        0.40,
    )
    return lambda canvas, _time: np.copyto(canvas, card)


def end_card(size: Size) -> Painter:
    """Paint the final card, another still frame."""
    card = _paper(size, (0.925, 0.895, 0.835), (0.87, 0.825, 0.745))
    middle = size.aspect / 2
    blend(
        card, (0.16, 0.19, 0.25), letter(size, "and then it was day", (middle, 0.50), 0.062, weight=300, spacing=0.05)
    )
    blend(
        card,
        (0.55, 0.44, 0.34),
        letter(size, "EVERY PICTURE HERE IS ARITHMETIC", (middle, 0.60), 0.024, weight=500, spacing=0.26),
    )
    return lambda canvas, _time: np.copyto(canvas, card)


KEY, NAME, TEXT, NUMBER, NOTE = (
    (0.95, 0.47, 0.55),
    (0.50, 0.75, 1.0),
    (0.83, 0.86, 0.90),
    (0.98, 0.76, 0.45),
    (0.42, 0.50, 0.58),
)


def _listing(count: int) -> list[list[tuple[str, tuple[float, float, float]]]]:
    rng = np.random.default_rng(311)
    places = ("harbour", "north pier", "sandbank", "outer reef", "breakwater", "headland", "far light")
    lines: list[list[tuple[str, tuple[float, float, float]]]] = []
    for k in range(count):
        place = places[int(rng.integers(len(places)))]
        kind = int(rng.integers(6))
        if kind == 0:
            lines.append(
                [
                    ("for ", KEY),
                    ("lamp ", TEXT),
                    ("in ", KEY),
                    ("coast.", TEXT),
                    ("between", NAME),
                    (f"({k}, {k + 7}):", NUMBER),
                ]
            )
        elif kind == 1:
            lines.append(
                [("    bearing = ", TEXT), ("atan2", NAME), ("(lamp.north - ship.north, lamp.east - ship.east)", TEXT)]
            )
        elif kind == 2:
            lines.append([(f"    # {place}: seen {rng.integers(1, 58)} min after sunset", NOTE)])
        elif kind == 3:
            lines.append(
                [
                    ("    if ", KEY),
                    ("lamp.period ", TEXT),
                    ("== ", KEY),
                    (f"{rng.integers(3, 30)}.{rng.integers(10)}", NUMBER),
                    (" and ", KEY),
                    ("lamp.colour ", TEXT),
                    ("!= ", KEY),
                    (f'"{place}"', NUMBER),
                ]
            )
        elif kind == 4:
            lines.append(
                [
                    ("        log.", TEXT),
                    ("write", NAME),
                    (
                        f'("{place}", range={rng.integers(2, 24)}.{rng.integers(10)}, height={rng.integers(9, 70)})',
                        NUMBER,
                    ),
                ]
            )
        else:
            lines.append(
                [
                    (f"{rng.integers(22, 24)}:{rng.integers(10, 60)}:{rng.integers(10, 60)}  ", NOTE),
                    (f"{place:<12}", NAME),
                    (
                        f"  {rng.integers(1, 360):03d} deg   {rng.random() * 20:5.2f} nm   flash {rng.integers(1, 5)}",
                        TEXT,
                    ),
                ]
            )
    return lines


def terminal(size: Size) -> Painter:
    """Paint a scrolling screen of code: sharp text that moves by whole pixels per frame."""
    pitch = max(6, round(0.042 * size.height))
    points = max(4, round(0.027 * size.height))
    lines = _listing(64)
    left = round(0.16 * size.height)
    page = np.full((pitch * len(lines), size.width, 3), (22, 19, 16), np.uint8)
    face = cv2.FontFace("sans")
    for k, pieces in enumerate(lines):
        base = k * pitch + round(0.72 * pitch)
        cv2.putText(page, f"{k + 214}", (left - round(2.6 * points), base), (88, 76, 66), face, points, 400)
        pen = left
        for text, colour in pieces:
            shade = tuple(round(255 * c) for c in colour[::-1])
            # a leading blank has no width of its own at the start of a string
            indent = len(text) - len(text.lstrip(" "))
            pen += indent * points // 2
            (pen, _), _ = cv2.putText(page, text.lstrip(" "), (pen, base), shade, face, points, 400)
            pen += (len(text) - len(text.rstrip(" "))) * points // 3
    text_page = page[..., ::-1].astype(np.float32) / 255
    across = np.linspace(-1, 1, size.width, dtype=np.float32)[None, :]
    down = np.linspace(-1, 1, size.height, dtype=np.float32)[:, None]
    vignette = (1.06 - 0.22 * across**2 - 0.16 * down**2)[..., None].astype(np.float32)
    bar = round(0.07 * size.height)

    def paint(canvas: Canvas, time: float) -> None:
        # the scroll speed varies twice a second: slow to read, then fast
        beat = time * 1.25
        step = np.floor(beat) + np.clip((beat - np.floor(beat)) * 1.6, 0, 1) ** 2 * (
            3 - 2 * np.clip((beat - np.floor(beat)) * 1.6, 0, 1)
        )
        shift = round(step * 5 * pitch)
        rows = (np.arange(size.height) + shift) % len(text_page)
        np.multiply(text_page[rows], vignette, out=canvas)
        canvas[:bar] = (0.115, 0.130, 0.155)
        canvas[bar - max(1, size.height // 360) : bar] = (0.20, 0.23, 0.28)
        for k, colour in enumerate(((0.93, 0.38, 0.36), (0.95, 0.75, 0.30), (0.40, 0.78, 0.42))):
            cv2.circle(
                canvas,
                ((round((0.05 + 0.035 * k) * size.height)) * 16, bar * 8),
                round(0.011 * size.height * 16),
                colour,
                -1,
                cv2.LINE_AA,
                4,
            )
        caret = round(0.5 * size.height / pitch) * pitch
        if (time * 2) % 1 < 0.55:
            canvas[caret : caret + pitch, left - points // 2 : left - points // 2 + max(2, size.height // 300)] = (
                0.55,
                0.80,
                1.0,
            )

    return paint
