"""Prove that the same video and settings give the same bytes, and find what else could change them.

    python -m benchmarks.determinism [VIDEO...] [--seconds SECONDS]

The first table encodes the start of each video directly with the settings of each codec, and changes what should not
matter: the content of new memory (`MALLOC_PERTURB_` of the C library) and the instructions of the processor that the
encoder uses. CPU time is that of ffmpeg, in percent of the encode without a change.

The second table runs the command with 1, 2 and 4 workers, after it was killed, and on a Dask cluster of two workers,
each with a new store, and compares all segments and manifests. Without a video, it generates a small one.

With --seconds, only the command runs, on the first seconds of all videos at once, with the cheapest settings: with one
worker; then in reverse order, with two workers, and killed several times before it ends.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import encoder
from benchmarks.chaos.cluster_faults import open_cluster
from benchmarks.chaos.recovery_check import read_presentation
from benchmarks.chaos.small_source import make_source
from benchmarks.chaos.trial import SETTINGS, Trial, open_trial
from encoder.encode.chunks import add_portable_settings, encoder_options
from encoder.media.source import Source
from shotladder_runtime.process import QUIET, run
from shotladder_runtime.tools import ffmpeg_path

#: Frames of the direct encodes.
FRAMES = 48
#: Widths and heights of the direct encodes; x264 treats widths that are multiples of 128 in another way.
SIZES = ((256, 144), (322, 180))
#: Changes for each encoder: the option, its value and the environment that select other instructions.
INSTRUCTIONS: dict[str, tuple[tuple[str, tuple[str, str], dict[str, str]], ...]] = {
    "libx264": (("AVX2", ("x264-params", "asm=avx2"), {}), ("SSE4.2", ("x264-params", "asm=sse4.2"), {})),
    "libx265": (("AVX2", ("x265-params", "asm=avx2"), {}), ("SSE4", ("x265-params", "asm=sse4"), {})),
    "libsvtav1": (("AVX2", ("svtav1-params", "asm=avx2"), {}), ("SSE4.1", ("svtav1-params", "asm=sse4_1"), {})),
    "libvpx-vp9": (("SSE4.1", ("", ""), {"VPX_SIMD_CAPS_MASK": "0x3f"}),),
}
#: Options of chunks that concern their times and their container.
_OF_CHUNKS = ("enc_time_base", "fps_mode", "video_track_timescale")
#: Settings of the runs on short videos.
SHORT = (
    *("--preset", "ultrafast", "--effort", "fast", "--rungs", "2", "--max-height", "180"),
    *("--target-vmaf", "75", "--audio", "aac", "--no-compare"),
)
#: Videos after which a run is killed, and the CPU time that it has for the next one before, s.
VIDEOS_PER_KILL, CPU_BEFORE_KILL = 4, 1.0
#: Contents of new memory.
MEMORY = ("0", "85", "255")


def encode_directly(
    source: Source, size: tuple[int, int], options: dict[str, str], change: tuple[str, str], environment: dict[str, str]
) -> tuple[str, float]:
    """Return the hash of the packets of an encode, and the CPU time of ffmpeg, s."""
    name, value = change
    joined = options | ({name: f"{options[name]}:{value}" if name in options else value} if name else {})
    words = [word for option, text in joined.items() for word in (f"-{option}", text)]
    argv = [ffmpeg_path(), *QUIET, "-threads", "1", "-filter_threads", "1", "-i", source.path, "-an"]
    argv += ["-frames:v", str(FRAMES), "-vf", f"scale={size[0]}:{size[1]},format=yuv420p", *words, "-f", "md5", "-"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(argv, env=os.environ | {"SVT_LOG": "1"} | environment, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout.decode().strip(), after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def list_changes(encoder_name: str) -> Iterator[tuple[str, tuple[str, str], dict[str, str]]]:
    """Yield what should not matter: a title, an option and an environment."""
    yield "again", ("", ""), {}
    for content in MEMORY:
        yield f"memory filled with {content}", ("", ""), {"MALLOC_PERTURB_": content}
    yield from INSTRUCTIONS.get(encoder_name, ())


def compare_encoders(source: Source) -> int:
    """Print whether the bytes of direct encodes depend on memory and instructions; return the number of differences."""
    differences = 0
    for codec in encoder.load_codecs().values():
        for size in SIZES:
            rendition = encoder.Rendition("x", codec.name, *size, codec.preset)
            options = add_portable_settings(encoder_options(rendition, codec.quantisers[1] - 14, source), codec)
            direct = {name: text for name, text in options.items() if name not in _OF_CHUNKS}
            expected, cpu = encode_directly(source, size, direct, ("", ""), {})
            for title, change, environment in list_changes(codec.encoder):
                found, used = encode_directly(source, size, direct, change, environment)
                differences += found != expected
                verdict = "same" if found == expected else "DIFFERS"
                print(f"{codec.name:6} {size[0]}x{size[1]} {title:24} {verdict:8} CPU {used / cpu:6.0%}", flush=True)
    return differences


def run_variants(source: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield what runs of the command with other workers, interruptions and engines give."""
    for workers in (1, 2, 4):
        with open_trial(source) as trial:
            yield f"{workers} workers", _finish(trial, "--workers", str(workers))
    with open_trial(source) as trial:
        started = trial.start("--workers", "2")
        started.wait_for_stage("encode", 0.1)
        started.send(9)
        started.wait()
        yield "killed, then 3 workers", _finish(trial, "--workers", "3")
    with open_trial(source) as trial, open_cluster(trial) as cluster:
        yield "Dask cluster", _finish(trial, "--cluster", cluster.address)


def _finish(trial: Trial, *words: str) -> dict[str, object]:
    started = trial.start(*words)
    assert started.wait() == 0, started.text()
    return read_presentation(trial.output)


def compare_runs(source: Path) -> int:
    """Print whether runs give the same files; return the number of differences."""
    expected: dict[str, object] | None = None
    differences = 0
    for title, files in run_variants(source):
        expected = expected or files
        differences += compare_files(title, files, expected)
    return differences


def compare_files(title: str, files: dict[str, object], expected: dict[str, object]) -> bool:
    """Print whether a run gave the expected files, and return whether one differs."""
    different = sorted(name for name in files.keys() | expected.keys() if files.get(name) != expected.get(name))
    content = b"".join(value for _, value in sorted(files.items()) if isinstance(value, bytes))
    digest = hashlib.blake2b(content, digest_size=4).hexdigest()
    print(f"{title:24} {len(files)} files, {digest}: {', '.join(different) or 'same'}", flush=True)
    return bool(different)


def compare_short_runs(videos: Sequence[Path]) -> int:
    """Print whether a catalogue of short videos gives the same files in both runs; return the number of differences."""
    expected, _ = run_catalogue(videos, "1", 0)
    found, kills = run_catalogue(videos[::-1], "2", VIDEOS_PER_KILL)
    print(f"1 worker; then reversed, 2 workers, killed {kills} times", flush=True)
    return sum(compare_files(video.name, found[video.name], expected[video.name]) for video in videos)


def run_catalogue(videos: Sequence[Path], workers: str, step: int) -> tuple[dict[str, dict[str, object]], int]:
    """Encode videos by one command, which is killed after each `step` of them; return their files and the kills."""
    first, *others = videos
    kills = 0
    with open_trial(first, SHORT, name=first.name) as trial:
        words = [str(shutil.copy2(video, trial.source.parent)) for video in others]
        words += ["--workers", workers]
        folders = {video.name: trial.output / video.stem if others else trial.output for video in videos}

        def count_finished() -> int:
            time.sleep(0.1)
            return sum((folder / "presentation.json").is_file() for folder in folders.values())

        while True:
            started = trial.start(*words)
            limit = count_finished() + step
            if step and started.wait_for(lambda: count_finished() >= limit):  # noqa: B023
                # in the middle of the next video
                end = started.cpu_seconds() + CPU_BEFORE_KILL
                if started.wait_for(lambda: started.cpu_seconds() >= end):  # noqa: B023
                    started.send(9)
                    kills += started.wait() == -9
                    continue
            if started.wait():
                print(*(line for line in started.text().splitlines() if line.startswith("error")), sep="\n", flush=True)
            return {name: read_presentation(folder) for name, folder in folders.items()}, kills


def cut(video: Path, seconds: float, folder: Path) -> Path:
    """Write the first seconds of the video and audio of a file, without encoding them again."""
    path = folder / f"{video.stem}{video.suffix}"
    streams = ["-map", "0:v:0", "-map", "0:a:0?", "-c", "copy"]
    run([ffmpeg_path(), *QUIET, "-i", str(video), "-t", str(seconds), *streams, "-y", str(path)])
    return path


def main(words: Sequence[str] = ()) -> int:
    """Run the benchmark and print its results; the exit status is 1 if anything differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.determinism")
    parser.add_argument("videos", nargs="*", type=Path, metavar="VIDEO")
    parser.add_argument("--seconds", type=float)
    options = parser.parse_args(words)
    differences = 0
    with tempfile.TemporaryDirectory() as name:
        videos = options.videos or [make_source(Path(name) / "video.mp4")]
        if options.seconds is not None:
            folder = Path(name) / "cut"
            folder.mkdir()
            print(f"the first {options.seconds:g} s of each video, {' '.join(SHORT)}")
            differences += compare_short_runs([cut(video, options.seconds, folder) for video in videos])
            videos = []
        for video in videos:
            print(f"{video.name}: encoders")
            differences += compare_encoders(encoder.inspect(video))
            print(f"{video.name}: runs with {' '.join(SETTINGS)}")
            differences += compare_runs(video)
    print(f"{differences} differences")
    return int(differences > 0)
