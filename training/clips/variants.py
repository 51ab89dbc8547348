"""Labelled clips for shot detection: every kind of transition and of hard negative, generated from a seed.

    from training.clips import variants
    clip = variants.generate(17)                    # or generate(17, kind="dissolve")
    clip.frames                                     # uint8 RGB, (frames, height, width, 3)
    clip.truth["cuts"], clip.truth["gradual"], clip.truth["flashes"]
    variants.write_clip("v17.mp4", clip)            # x264 through PyAV; the truth goes to v17.mp4.json

Each seed belongs to a fold (`fold_of`): clips of different folds share no texture and no scene, so that a classifier
can be trained on some folds and tested on another. The same seed, kind and size give the same bytes. Without `kind`,
seeds go through `KINDS` in turn, so that a range of seeds contains all kinds equally often. The difficulty of a seed is
random: half of the clips have dark, flat or grainy shots, shots of a few frames, or adjacent shots that look alike (the
same scene from another position). Some clips are grey, have black bars, or show a logo or a ticker throughout.

Labels are half-open ranges of frames: `cuts` are first frames of new shots; `gradual` has `kind`, `start` and `stop` of
the frames that are visibly blended; `flashes` the brightened frames; `unsure` the black or white between fades. A file
may lack a cut: at a high quantiser x264 can keep the old shot for some frames after it. Such cuts are `unsure` in the
labels of the file.
"""

import itertools
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from samples.painting import Canvas, Size
from training.clips.hard_negatives import HARD_NEGATIVES, HardNegative
from training.clips.overlays import choose_overlay
from training.clips.scenes import (
    FOLDS,
    Shown,
    camera,
    choose_sample_scene,
    look,
    panorama,
    panorama_scene,
    sample_video_scene,
    title_card_scene,
)
from training.clips.staged_hard_negatives import STAGED_HARD_NEGATIVES
from training.clips.transitions import DISSOLVES, TRANSITIONS, WIPES, hold_colour, mix_frames, transition_weight

__all__ = ["ALL_HARD_NEGATIVES", "KINDS", "RATE", "Clip", "Editor", "fold_of", "generate", "write_clip"]

RATE = 24
"""Frames per second."""
ALL_HARD_NEGATIVES = HARD_NEGATIVES | STAGED_HARD_NEGATIVES
"""Every hard negative by name."""
KINDS = (*TRANSITIONS, *ALL_HARD_NEGATIVES)
"""Every kind of clip: transitions, then hard negatives, which contain no boundary except plain cuts outside it."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A labelled clip.

    Attributes
    ----------
    kind, seed
        What made it.
    frames
        (n, height, width, 3) uint8 RGB.
    truth
        See the module.
    crf
        The quantiser that `write_clip` uses where none is given.
    """

    kind: str
    seed: int
    frames: NDArray[np.uint8]
    truth: dict[str, Any]
    crf: float


def fold_of(seed: int) -> int:
    """Return which fold of textures and scenes a seed's clip is made of, 0 to 3."""
    return seed // len(KINDS) % FOLDS


def generate(seed: int, *, kind: str | None = None, width: int = 320, height: int = 180) -> Clip:
    """Make one labelled clip of 3 to 10 s.

    Parameters
    ----------
    seed
        Not negative; also chooses the kind, where none is given.
    kind
        One of `KINDS`.
    width, height
        Of the picture, even.

    Returns
    -------
    Clip
        Frames and truth.
    """
    kind = KINDS[seed % len(KINDS)] if kind is None else kind
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    size = Size(width, height)
    if kind in ALL_HARD_NEGATIVES:
        return _hard_negative_clip(kind, seed, rng, size)
    return _transition_clip(kind, seed, rng, size)


def _transition_clip(kind: str, seed: int, rng: np.random.Generator, size: Size) -> Clip:
    difficulty = float(rng.choice([0.0, 0.5, 1.0]))
    joins = int(rng.integers(2, 6)) if kind == "cut" else int(rng.integers(1, 4))
    shown = _shots(rng, size, fold_of(seed), joins + 1, difficulty)
    writer = Editor(rng, size)
    writer.hold(shown[0], 0, _length(rng, kind, difficulty))
    for number, (old, new) in enumerate(itertools.pairwise(shown)):
        # now and then a plain cut stands between gradual ones
        join = "cut" if number and rng.random() < 0.3 else kind
        writer.change(join, old, new)
        writer.hold(new, writer.at, _length(rng, kind, difficulty))
    return writer.clip(kind, seed, float(rng.choice([18, 23, 28, 33])))


def _hard_negative_clip(kind: str, seed: int, rng: np.random.Generator, size: Size) -> Clip:
    difficulty = float(rng.choice([0.0, 0.5]))
    frames = int(rng.integers(96, 200))
    negative = ALL_HARD_NEGATIVES[kind](rng, size, frames)
    writer = Editor(rng, size)
    shot = _shots(rng, size, fold_of(seed), 1, difficulty, negative)[0]
    if rng.random() < 0.35:  # a real cut before the effect, so that a detector without detections does not score best
        before = _shots(rng, size, fold_of(seed), 1, difficulty)[0]
        writer.hold(before, 0, int(rng.integers(24, 60)))
        writer.change("cut", before, shot)
    start = len(writer.frames)
    for k in range(frames):
        picture = shot(k)
        writer.add(picture if negative.effect is None else negative.effect(picture, k))
    writer.flashes = [{"start": start + first, "stop": start + last} for first, last in negative.flashes]
    return writer.clip(kind, seed, negative.crf if negative.crf is not None else float(rng.choice([18, 23, 28, 33])))


def _length(rng: np.random.Generator, kind: str, difficulty: float) -> int:
    if kind == "cut" and rng.random() < difficulty * 0.5:
        return int(rng.integers(6, 16))
    return int(rng.integers(24, 60))


def _shots(
    rng: np.random.Generator, size: Size, fold: int, count: int, difficulty: float, negative: HardNegative | None = None
) -> list[Shown]:
    shots: list[Shown] = []
    last: int | None = None
    picture, taken = panorama(rng, size, fold), look(rng, difficulty)
    while len(shots) < count:
        alike = shots and rng.random() < 0.35 * difficulty
        if not alike:
            picture = panorama(rng, size, fold)
            taken = look(rng, difficulty) if rng.random() < 0.7 else taken
        world = rng.random() if negative is None and not alike else 1.0
        scene: int | None = None
        if world < 0.25:
            scene = choose_sample_scene(rng, fold, last)
            shot = sample_video_scene(rng, size, taken, scene)
        elif world < 0.35:
            shot = title_card_scene(rng, size, taken)
        else:
            seen = camera(rng, size)
            if negative is not None and negative.path is not None:
                # the hard negative controls the camera
                seen = type(seen)(seen.x, seen.y, seen.zoom, path=negative.path)
            shot = panorama_scene(rng, size, picture, seen, taken, actors=int(rng.integers(0, 5)))
        if not shots or _differ(shots[-1](40), shot(0), taken.grain):
            shots.append(shot)
            last = scene
    return shots


def _differ(old: Canvas, new: Canvas, grain: float) -> bool:
    # two shots that no eye could tell apart are no test
    old, new = (cv2.GaussianBlur(p.mean(-1), (0, 0), 2) for p in (old, new))
    return float(np.abs(old - new).mean()) > 0.02 + 0.5 * grain


class Editor:
    """Joins shots, and collects the frames and what is true of them.

    Parameters
    ----------
    rng
        Chooses how long transitions take, and what form they have.
    size
        Of the picture.
    has_overlays
        Whether there may be black bars, a logo or a ticker.
    """

    def __init__(self, rng: np.random.Generator, size: Size, *, has_overlays: bool = True) -> None:
        self.rng = rng
        self.size = size
        self.dress = choose_overlay(rng, size) if has_overlays else lambda picture, _: picture
        self.frames: list[NDArray[np.uint8]] = []
        self.cuts: list[int] = []
        self.gradual: list[dict[str, Any]] = []
        self.unsure: list[dict[str, Any]] = []
        self.flashes: list[dict[str, int]] = []
        self.at = 0
        """The running shot's own frame number."""

    def add(self, picture: Canvas) -> None:
        """Add a frame."""
        has_overlays = self.dress(picture, len(self.frames))
        self.frames.append((np.clip(has_overlays, 0, 1) * 255 + 0.5).astype(np.uint8))

    def hold(self, shot: Shown, first: int, frames: int) -> None:
        """Show so many frames of a shot, from its own frame `first`."""
        for k in range(first, first + frames):
            self.add(shot(k))
        self.at = first + frames

    def change(self, join: str, old: Shown, new: Shown) -> None:
        """Go from the running shot to the first frames of another by one of `TRANSITIONS`."""
        if join == "cut":
            self._cut()
        elif join.startswith("fade"):
            self._fade(join, old, new)
        else:
            longest = 30 if join in WIPES else 56
            mixed = round(float(np.exp(self.rng.uniform(np.log(5), np.log(longest)))))
            pace = str(self.rng.choice(["even", "even", "even", "smooth", "slow", "quick"]))
            # an editor's still, or an old shot that was at its end
            frozen = self.at if join in DISSOLVES and self.rng.random() < 0.15 else None
            weights = [transition_weight(pace, (k + 1) / (mixed + 1)) for k in range(mixed)]
            self._mix("dissolve" if join in DISSOLVES else "wipe", join, weights)
            for k, weight in enumerate(weights):
                self.add(mix_frames(join, old(self.at + k if frozen is None else frozen), new(k), weight))
            self.at = mixed

    def _cut(self) -> None:
        self.cuts.append(len(self.frames))
        self.at = 0

    def _mix(self, kind: str, form: str, weights: list[float]) -> None:
        """Note a transition that begins with the next frame: those of its frames that can be told from its ends."""
        seen = [k for k, weight in enumerate(weights) if 0.02 <= weight <= 0.98]
        first = len(self.frames)
        self.gradual.append({"kind": kind, "start": first + seen[0], "stop": first + seen[-1] + 1, "form": form})

    def _fade(self, join: str, old: Shown, new: Shown) -> None:
        colour = np.zeros((self.size.height, self.size.width, 3), np.float32) + hold_colour(join)
        out, back = np.exp(self.rng.uniform(np.log(5), np.log(48), 2)).round().astype(int)
        if self.rng.random() < 0.4:
            back = out
        # one of the two may be sudden, with some colour between
        sudden = str(self.rng.choice(["", "", "", "", "out", "in"]))
        held = int(self.rng.integers(0, 12)) if not sudden else int(self.rng.integers(6, 24))
        pace = str(self.rng.choice(["even", "even", "smooth"]))
        if sudden == "out":
            self.cuts.append(len(self.frames))
        else:
            weights = [transition_weight(pace, (k + 1) / (out + 1)) for k in range(out)]
            self._mix("fade_out", join, weights)
            for k, weight in enumerate(weights):
                self.add(mix_frames("dissolve", old(self.at + k), colour, weight))
        hold = len(self.frames)
        for _ in range(held):
            self.add(colour)
        if held and not sudden:
            self.unsure.append({"start": hold, "stop": hold + held, "why": "the hold between fades"})
        if sudden == "in":
            self._cut()
            return
        weights = [transition_weight(pace, (k + 1) / (back + 1)) for k in range(back)]
        self._mix("fade_in", join, weights)
        for k, weight in enumerate(weights):
            self.add(mix_frames("dissolve", colour, new(k), weight))
        self.at = int(back)

    def clip(self, kind: str, seed: int, crf: float) -> Clip:
        """Return what was collected."""
        truth = {
            "kind": kind,
            "seed": seed,
            "frame_rate": f"{RATE}/1",
            "frame_count": len(self.frames),
            "cuts": self.cuts,
            "gradual": self.gradual,
            "flashes": self.flashes,
            "unsure": self.unsure,
        }
        return Clip(kind, seed, np.stack(self.frames), truth, crf)


def write_clip(path: str | os.PathLike[str], clip: Clip, *, crf: float | None = None, preset: str = "veryfast") -> Path:
    """Encode a clip with x264 (8-bit 4:2:0, BT.709 limited range); the file's truth goes to `path` + `.json`."""
    path = Path(path)
    height, width = clip.frames.shape[1:3]
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    options = {"crf": str(clip.crf if crf is None else crf), "preset": preset, "threads": "1"}
    try:
        with av.open(part, "w", format="matroska" if path.suffix == ".mkv" else "mp4") as container:
            video = container.add_stream("libx264", rate=RATE, options=options)
            video.width, video.height, video.pix_fmt = width, height, "yuv420p"
            context = video.codec_context
            context.color_primaries = context.color_trc = context.colorspace = context.color_range = 1
            for n, picture in enumerate(_planes(clip.frames)):
                picture.pts, picture.time_base = n, Fraction(1, RATE)
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
        path.with_name(path.name + ".json").write_text(json.dumps(_truth_of_file(part, clip), indent=1) + "\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _truth_of_file(path: Path, clip: Clip) -> dict[str, Any]:
    """Return a clip's truth; cuts after which the file goes on with the old shot are unsure until it shows the new."""
    if not clip.truth.get("cuts"):
        return clip.truth
    with av.open(path) as container:
        shown = [_outline(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    truth = clip.truth | {"cuts": [], "unsure": list(clip.truth["unsure"])}
    for cut, following in itertools.pairwise([*clip.truth["cuts"], len(shown)]):
        old, n = _outline(clip.frames[cut - 1]), cut
        while n < following and _likeness(shown[n], old) > max(
            0.5, _likeness(shown[n], _outline(clip.frames[n])) + 0.1
        ):
            n += 1
        if n == cut:
            truth["cuts"].append(cut)
        else:
            truth["unsure"].append({"start": cut, "stop": n + 1, "why": "the encoder still shows the old shot"})
    return truth


def _outline(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return a small grey copy of a picture, less its mean."""
    small = cv2.resize(picture, (80, 45), interpolation=cv2.INTER_AREA).mean(-1)
    return small - small.mean()


def _likeness(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the correlation of two outlines; those without contrast (in levels) are like nothing."""
    return float((one * other).mean() / np.sqrt(((one**2).mean() + 1) * ((other**2).mean() + 1)))


def _planes(frames: Iterable[NDArray[np.uint8]]) -> Iterable[av.VideoFrame]:
    for picture in frames:
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        yield rgb.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
