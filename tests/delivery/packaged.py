"""Small presentations that Shaka Packager writes from generated video, as `encode` does."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from shotladder_runtime.tools import packager_path

RATE = 12


def write_track(path: Path, seconds: int, size: tuple[int, int], seed: int) -> Path:
    """Write noise as H.264 with a key frame each second."""
    noise = np.random.default_rng(seed)
    options = {"crf": "30", "preset": "ultrafast", "threads": "1", "g": str(RATE), "sc_threshold": "0", "bf": "0"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for n in range(seconds * RATE):
            frame = av.VideoFrame.from_ndarray(noise.integers(0, 256, (size[1] * 3 // 2, size[0]), np.uint8), "yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def package(folder: Path, *, seeds=(1, 2), seconds: int = 3, single_file: bool = False) -> Path:
    """Package two rungs, a trick play track and subtitles; another seed changes the content of one rung only."""
    folder.mkdir(parents=True)
    inputs = folder.parent / f"{folder.name}.inputs"
    inputs.mkdir()
    argv = [packager_path()]
    for name, size, seed in zip(("low", "high"), ((64, 36), (96, 54)), seeds, strict=True):
        track = write_track(inputs / f"{name}.mp4", seconds, size, seed)
        argv.append(stream(track, f"video/{name}", single_file, "video", name))
        if name == "low":
            argv.append(stream(track, "video/trick-low", single_file, "video", None))
    words = inputs / "words.vtt"
    words.write_text("WEBVTT\n\n00:00.500 --> 00:02.000\nHello\n")
    argv.append(stream(words, "text/en", single_file, "text", "en"))
    argv += ["--segment_duration", "0.98", "--mpd_output", "manifest.mpd", "--hls_master_playlist_output"]
    argv += ["master.m3u8", "--generate_static_live_mpd", "--hls_playlist_type", "VOD", "--quiet"]
    subprocess.run([*argv, "--use_fake_clock_for_muxer"], cwd=folder, check=True)
    (folder / "presentation.json").write_text("{}")
    return folder


def stream(track: Path, folder: str, single_file: bool, kind: str, name: str | None) -> str:
    fields = {"in": track, "stream": kind}
    if single_file:
        fields |= {"output": f"{folder}.{'vtt' if kind == 'text' else 'mp4'}"}
    elif kind == "text":
        fields |= {"segment_template": f"{folder}/$Number%05d$.vtt"}
    else:
        fields |= {"init_segment": f"{folder}/init.mp4", "segment_template": f"{folder}/$Number%05d$.m4s"}
    if name is None:
        fields |= {"trick_play_factor": "1", "dash_only": "1"}
    else:
        fields |= {"playlist_name": f"{kind}_{name}.m3u8"}
        fields |= {"language": "en"} if kind == "text" else {"iframe_playlist_name": f"iframe_{name}.m3u8"}
    return ",".join(f"{key}={value}" for key, value in fields.items())
