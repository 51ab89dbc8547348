"""Correlate the complexity of shots with the bits that x264 spends on them at a fixed CRF.

    python -m benchmarks.complexity [--crf 23] [--preset veryfast]

Every shared clip is encoded once, with a keyframe at each shot; the bits of a shot are those of its packets, per luma
sample. The table shows the Spearman correlation of each measure alone, and of a linear regression of logarithms that is
cross-validated (leave one clip out); the regression also uses frame size, frame rate and length of a shot.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

import av
import numpy as np
from scipy.stats import spearmanr

import encoder
import ladders
from shotladder_runtime import process
from shotladder_runtime.errors import ShotladderError
from shotladder_runtime.tools import ffmpeg_path

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"
NAMES = [f"{f.name} {s}" for f in fields(ladders.Complexity) for s in ("mean", "std", "p95")]
#: Inputs of the regression.
REGRESSION = ("inter_cost mean", "intra_cost mean", "temporal mean", "texture mean", "ti mean", "si mean", "grain mean",
              "residual mean", "brightness mean", "chroma_temporal mean", "inter_cost p95")  # fmt: skip
#: Minimum length of a shot that counts, in frames.
MIN_FRAMES = 8


def shot_bits(source: encoder.Source, shots: Sequence[ladders.Shot], crf: float, preset: str) -> list[int] | None:
    """Encode a source and return the bits of each shot; None if the encode has another number of frames."""
    times = ",".join(f"{float(source.time(shot.start)):.6f}" for shot in shots)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.mkv"
        process.run([
            ffmpeg_path(), "-v", "error", "-nostdin", "-i", source.path, "-map", f"0:{source.stream_index}",
            "-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-pix_fmt", "yuv420p", "-fps_mode", "passthrough",
            "-force_key_frames", times, "-x264-params", "scenecut=0:keyint=250", str(out),
        ])  # fmt: skip
        with av.open(str(out)) as container:
            packets = sorted((p.pts, p.size) for p in container.demux(video=0) if p.size)
    if len(packets) != source.frame_count:
        return None
    sizes = np.array([size for _, size in packets])
    return [8 * int(sizes[shot.start : shot.stop].sum()) for shot in shots]


def features(shot: ladders.Shot) -> list[float]:
    """Return every pooled value of a shot in the order of `NAMES`; NaN for one that does not exist."""
    return [v for pooled in astuple(shot.complexity) for v in (pooled if pooled is not None else (np.nan,) * 3)]


def regression(X: np.ndarray, y: np.ndarray, clips: np.ndarray, ridge: float = 1.0) -> np.ndarray:
    """Predict each shot from the shots of all other clips."""
    predicted = np.zeros_like(y)
    for clip in np.unique(clips):
        rest = clips != clip
        centre, scale = X[rest].mean(0), X[rest].std(0) + 1e-9
        A, b = (X[rest] - centre) / scale, y[rest] - y[rest].mean()
        weights = np.linalg.solve(A.T @ A + ridge * np.eye(A.shape[1]), A.T @ b)
        predicted[~rest] = (X[~rest] - centre) / scale @ weights + y[rest].mean()
    return predicted


def main(argv: Sequence[str] = ()) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crf", type=float, default=23)
    parser.add_argument("--preset", default="veryfast")
    options = parser.parse_args(list(argv))
    if not CLIPS.is_dir():
        print(f"skipped: needs the clips in {CLIPS}")
        return
    rows, shapes, bits, names = [], [], [], []
    for path in sorted(p for p in (*CLIPS.glob("*.*"), *(CLIPS / "odd").glob("*.*")) if p.is_file()):
        try:
            source = encoder.inspect(path)
            if source.duration > 120:
                continue
            shots = ladders.detect_shots(source)
            spent = shot_bits(source, shots, options.crf, options.preset)
        except ShotladderError as error:
            print(f"skipped: {error}", file=sys.stderr)
            continue
        if spent is None:
            print(f"skipped: {path.name}: the encode has another number of frames", file=sys.stderr)
            continue
        for shot, count in zip(shots, spent, strict=True):
            if shot.frame_count >= MIN_FRAMES:
                rows.append(features(shot))
                shapes.append((source.width * source.height, float(source.frame_rate), shot.frame_count))
                bits.append(count / (shot.frame_count * source.width * source.height))
                names.append(path.name)
    X, y, clips = np.array(rows), np.log2(bits), np.array(names)
    print(f"{len(y)} shots of {len(set(names))} clips; bits a luma sample at CRF {options.crf:g}, {options.preset}")
    alone = [(abs(spearmanr(X[:, k], y, nan_policy="omit").statistic), name) for k, name in enumerate(NAMES)]
    for rho, name in sorted(alone, reverse=True):
        print(f"{rho:7.4f}  {name}")
    seen = np.nan_to_num(X[:, [NAMES.index(name) for name in REGRESSION]]) + 1e-3
    chosen = np.log2(np.column_stack([seen, shapes]))
    predicted = regression(chosen, y, clips)
    print(f"{spearmanr(predicted, y).statistic:7.4f}  regression on {len(REGRESSION)} and shape, leave one clip out")
    print(f"residual of the regression: {np.std(predicted - y):.3f} octaves")


if __name__ == "__main__":
    main(sys.argv[1:])
