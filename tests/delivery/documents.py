"""A `presentation.json` for a packaged presentation, with the sizes of its files."""

import json
from pathlib import Path


def write_document(folder: Path, title: str) -> None:
    """Describe the two rungs of `packaged.package`."""
    pool = {"mean": 90.0, "harmonic_mean": 90.0, "p5": 80.0, "min": 70.0}
    video = []
    for name, width, height in (("low", 64, 36), ("high", 96, 54)):
        paths = sorted((folder / "video" / name).glob("*.m4s"))
        segments = [
            {"bytes": path.stat().st_size, "vmaf": 90.0, "url": path.relative_to(folder).as_posix()} for path in paths
        ]
        rate = 8 * sum(each["bytes"] for each in segments) // len(segments)
        video.append(
            {
                "id": name,
                "codec": "h264",
                "codecs": "avc1.42c00a",
                "video_range": "SDR",
                "width": width,
                "height": height,
                "average_bitrate": rate,
                "peak_bitrate": rate,
                "vbv_bitrate": rate,
                "vbv_bits": rate,
                "vmaf": pool,
                "quantisers": [30.0],
                "active_constraints": {"floor": [], "cap": [], "peak": [], "max_quality_step": []},
                "playlist": f"video_{name}.m3u8",
                "init": f"video/{name}/init.mp4",
                "segments": segments,
            }
        )
    timeline = [{"start": float(n), "duration": 1.0, "shots": [0]} for n in range(len(segments))]
    costs = ("analysis", "probe", "encode", "measure", "comparison")
    ladder = {"mode": "fixed", "preset": "", "tune": "visual", "pooling": "mean", "vbv_seconds": None}
    ladder |= {"max_quality_step": None, "target_vmaf": 93.0, "overrides": {}, "expected_excess_percent": {}}
    made_with = dict.fromkeys(("shotladder", "ffmpeg", "vmaf_model", "vmaf_engine", "packager"), "0")
    document = {"version": 2, "title": title, "duration": float(len(segments)), "frame_rate": "12/1"}
    document |= {"segments": timeline, "shots": [], "video": video, "audio": [], "text": [], "skipped_tracks": []}
    document |= {"encryption": None, "ladder": ladder, "comparisons": [], "made_with": made_with}
    document |= {"cost": {f"{name}_cpu_seconds": 0.0 for name in costs} | {"probes": 0}, "request": "", "files": []}
    (folder / "presentation.json").write_text(json.dumps(document))
