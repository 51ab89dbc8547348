"""Several codecs in one presentation: a ladder each, on the same segments, and nothing made twice."""

import json
import re
from fractions import Fraction

import av
import m3u8
import pytest

import abr
import encoder
from shotladder.report.readable_units import codec_label
from tests.encoder.videos import fetch_track, key_times_in, times_in
from tests.shotladder.running import FRAMES, RATE, shotladder

CODECS = ("h264", "hevc", "av1")
FAST = ("--preset", "h264=ultrafast,hevc=ultrafast,av1=12", "--rungs", "2", "--target-vmaf", "85")


def list_artefacts(store):
    """What is in the store, by what it is; the lock files and the like of other kinds left out."""
    return {
        path: path.stat().st_mtime_ns
        for kind in ("chunk", "probe", "final")
        for path in (store / kind).rglob("*.*")
        if path.suffix != ".sum"
    }


@pytest.fixture(scope="module")
def several(made, tmp_path_factory):
    before = list_artefacts(made.store)
    out = tmp_path_factory.mktemp("several") / "out"
    answer = shotladder("encode", made.film, "-o", out, "--codec", ",".join(CODECS), *FAST, store=made.store)
    assert answer.status == 0, answer.err
    return before, out, json.loads((out / "presentation.json").read_text()), answer


def test_each_codec_has_its_ladder_on_the_same_segments(several, made):
    _, out, document, _ = several
    assert [rung["codec"] for rung in document["video"]] == [codec for codec in CODECS for _ in range(2)]
    assert document["segments"] == made.document["segments"]
    keys = set()
    for rung in document["video"]:
        whole = fetch_track(out, rung["playlist"])
        assert times_in(whole) == [Fraction(n, RATE) for n in range(FRAMES)]
        keys.add(tuple(key_times_in(whole))[:1])
        assert len(rung["segments"]) == len(document["segments"])
        with av.open(str(whole)) as film:
            assert film.streams.video[0].codec_context.codec.canonical_name == rung["codec"]
    for low, high in zip(document["video"][::2], document["video"][1::2], strict=True):
        assert low["average_bitrate"] < high["average_bitrate"]
        assert high["vmaf"]["mean"] == pytest.approx(85, abs=1.5)


def test_made_with_states_the_library_of_each_codec(several):
    made_with = several[2]["made_with"]
    assert {"x264", "x265", "svt_av1"} <= set(made_with)
    assert "libvpx" not in made_with


def test_a_further_codec_leaves_what_was_there_untouched(several, made):
    before, _, document, _ = several
    after = list_artefacts(made.store)
    assert {path: after[path] for path in before} == before
    names = set()
    for path in set(after) - set(before):
        if path.parent.parent.name == "chunk":
            with av.open(str(path)) as chunk:
                names.add(chunk.streams.video[0].codec_context.codec.canonical_name)
    assert names == {"hevc", "av1"}
    alike = ("id", "vmaf", "quantisers", "average_bitrate", "segments", "codecs")
    assert [[r[k] for k in alike] for r in document["video"][:2]] == [
        [r[k] for k in alike] for r in made.document["video"]
    ]


def test_manifests_and_report_tell_all_codecs(several):
    _, out, document, answer = several
    told = {p.uri: p.stream_info.codecs for p in m3u8.load(str(out / "master.m3u8")).playlists}
    for rung in document["video"]:
        assert told[rung["playlist"]].split(",")[0] == rung["codecs"]
    sets = re.findall(r"<AdaptationSet.*?</AdaptationSet>", (out / "manifest.mpd").read_text(), re.S)
    of_video = [each for each in sets if 'contentType="video"' in each and "trickmode" not in each]
    assert len(of_video) == 3
    report = (out / "report.html").read_text()
    for codec in CODECS:
        label = codec_label(codec)
        # one figure holds all codecs, each with its entry of the legend
        assert re.search(rf'<li><i class="swatch c\d"></i>{label}</li>', report)
        assert f"{codec}: probe encodes" in answer.err
    assert document["ladder"]["preset"] == FAST[1]


def test_ladders_of_several_codecs_travel_in_one_file(several, made, tmp_path):
    _, _, document, _ = several
    words = ("--codec", ",".join(CODECS), *FAST)
    file = tmp_path / "ladders.json"
    answer = shotladder("ladder", made.film, "-o", file, *words, "--quiet", "--json", store=made.store)
    assert (answer.status, answer.err) == (0, "")
    assert [ladder["codec"] for ladder in json.loads(answer.out)] == list(CODECS)
    answer = shotladder("encode", made.film, "-o", tmp_path / "out", "--ladder", file, store=made.store)
    assert answer.status == 0, answer.err
    again = json.loads((tmp_path / "out" / "presentation.json").read_text())
    assert [rung["codec"] for rung in again["video"]] == [rung["codec"] for rung in document["video"]]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--codec", "h264,mpeg2"), "unknown codec 'mpeg2'"),
        (("--codec", "h264,h264"), "contains a codec twice"),
        (("--codec", "h264,av1", "--preset", "medium"), "unknown preset 'medium' for av1"),
        (("--codec", "h264", "--preset", "av1=8"), "'av1=8' names a codec that --codec does not list"),
    ],
)
def test_wrong_codecs_and_presets_are_told(made, tmp_path, words, fault):
    answer = shotladder("encode", made.film, "-o", tmp_path / "out", *words, store=made.store)
    assert answer.status == 2
    assert fault in " ".join(answer.err.split())


def test_replay_takes_the_ladder_of_one_codec(several):
    _, out, document, _ = several
    rungs = [rung["id"] for rung in document["video"] if rung["codec"] == "h264"]
    presentation = abr.load_presentation(out)
    assert [rung.id for rung in presentation.rungs] == rungs
    assert "h264, hevc, av1" in presentation.notes[0]
    assert [rung.id for rung in abr.load_presentation(out / "master.m3u8").rungs] == [
        rung["playlist"] for rung in document["video"][:2]
    ]
    assert len(abr.load_presentation(out / "manifest.mpd").rungs) == 2


def test_chunks_are_refined_where_views_are_worth_it(made, tmp_path):
    words = ("--preset", "veryfast", "--rungs", "2", "--target-vmaf", "85", "--no-audio", "--tune", "metric")
    answer = shotladder(
        "encode",
        made.film,
        "-o",
        tmp_path / "out",
        *words,
        "--expected-views",
        "1e9",
        "--gb-per-cpu-hour",
        "0",
        store=made.store,
    )
    assert answer.status == 0, answer.err
    document = json.loads((tmp_path / "out" / "presentation.json").read_text())
    (names,) = document["ladder"]["overrides"].values()
    assert len(names) == len(document["shots"])
    assert set(names) <= {"", "b-frames", "light deblocking"}
    name = max(names)
    assert name
    assert f"{names.count(name)} shots with override ({name})" in (tmp_path / "out" / "report.html").read_text()
    assert document["video"][-1]["vmaf"]["mean"] == pytest.approx(85, abs=1)


def test_a_preset_is_chosen_by_views(made):
    words = ("--rungs", "2", "--target-vmaf", "85", "--max-height", "72", "--quiet", "--json")
    auto = ("--preset", "auto", "--expected-views", "1e9", "--gb-per-cpu-hour", "0")
    answer = shotladder("ladder", made.film, *words, *auto, store=made.store)
    assert answer.status == 0, answer.err
    ladder = json.loads(answer.out)
    assert ladder["preset"] in encoder.load_codecs()["h264"].presets
    assert len(ladder["rungs"]) == 2
