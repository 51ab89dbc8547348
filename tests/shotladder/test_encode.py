"""`shotladder encode` end to end: what it leaves is whole, is what it says, and is what the film was."""

import json
import re
import shutil
from fractions import Fraction

import av
import m3u8
import numpy as np
import pytest

import encoder
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path
from tests.encoder.videos import fetch_track, hashes_in, key_times_in, times_in
from tests.naive.buffers import runs_empty
from tests.shotladder.running import BEEP, FAST, FRAMES, RATE, shotladder

NUMBER = (int, float)


def test_presentation_has_the_promised_shape(made):
    document = made.document
    assert document["version"] == 2
    assert document["title"] == "film"
    assert document["duration"] == pytest.approx(FRAMES / RATE)
    assert document["frame_rate"] == "24/1"
    for segment in document["segments"]:
        assert {"start", "duration", "shots"} <= set(segment)
        assert segment["shots"] == sorted(segment["shots"])
    for shot in document["shots"]:
        assert {"first_frame", "frame_count", "transition", "complexity"} <= set(shot)
        assert shot["transition"] in ("start", "cut", "dissolve", "fade", "wipe")
        for pooled in shot["complexity"].values():
            assert set(pooled) >= {"mean", "std", "p95"}
            assert all(isinstance(value, NUMBER) for value in pooled.values())
    for rung in document["video"]:
        assert {"id", "codec", "codecs", "width", "height", "average_bitrate", "peak_bitrate"} <= set(rung)
        assert rung["id"] == f"h264-{rung['height']}p-{rung['id'].split('-')[2]}"
        assert re.fullmatch(r"h264-\d+p-\d+k(-\d+)?", rung["id"])
        assert re.fullmatch(r"avc1\.[0-9a-f]{6}", rung["codecs"])
        assert set(rung["vmaf"]) == {"mean", "harmonic_mean", "p5", "min"}
        assert len(rung["quantisers"]) == len(document["shots"])
        assert set(rung["active_constraints"]) == {"floor", "cap", "peak", "max_quality_step"}
        assert {n for shots in rung["active_constraints"].values() for n in shots} <= set(range(len(document["shots"])))
        assert len(rung["segments"]) == len(document["segments"])
        assert all({"bytes", "vmaf", "url"} <= set(segment) for segment in rung["segments"])
    costs = {"analysis_cpu_seconds", "probe_cpu_seconds", "encode_cpu_seconds", "measure_cpu_seconds", "probes"}
    assert costs <= set(document["cost"])
    assert all(document["cost"][key] > 0 for key in costs)
    (comparison,) = document["comparisons"]
    assert comparison["sampled_chunks"] == comparison["chunks"]
    assert comparison["points"] and document["cost"]["comparison_cpu_seconds"] > 0
    parts = {"shotladder", "ffmpeg", "x264", "vmaf_model", "vmaf_engine", "packager"}
    assert parts <= set(document["made_with"])
    assert all(document["made_with"][key] for key in parts)
    assert isinstance(document["audio"], list) and len(document["audio"]) == 1
    assert document["text"] == []


def test_segments_and_shots_tile_the_film(made):
    document = made.document
    shots = document["shots"]
    assert [shot["first_frame"] for shot in shots] == [0, *np.cumsum([s["frame_count"] for s in shots])[:-1].tolist()]
    assert sum(shot["frame_count"] for shot in shots) == FRAMES
    assert shots[0]["transition"] == "start"
    end = 0.0
    for segment in document["segments"]:
        assert segment["start"] == pytest.approx(end)
        end = segment["start"] + segment["duration"]
        for n in segment["shots"]:
            first = shots[n]["first_frame"] / RATE
            assert first < end
            assert first + shots[n]["frame_count"] / RATE > segment["start"]
    assert end == pytest.approx(document["duration"])
    assert sorted({n for segment in document["segments"] for n in segment["shots"]}) == list(range(len(shots)))


def test_cuts_of_the_film_are_found_and_begin_segments(made):
    starts = [shot["first_frame"] for shot in made.document["shots"]]
    assert 168 in starts
    assert any(abs(start - 72) <= 4 for start in starts)
    assert any(segment["start"] == pytest.approx(BEEP) for segment in made.document["segments"])


def test_rungs_rise(made):
    rungs = made.document["video"]
    assert len(rungs) == 2
    assert rungs[0]["average_bitrate"] < rungs[1]["average_bitrate"]
    assert rungs[0]["vmaf"]["mean"] < rungs[1]["vmaf"]["mean"]
    assert rungs[1]["vmaf"]["mean"] == pytest.approx(85, abs=1)
    assert made.document["ladder"]["target_vmaf"] == 85
    assert 0 <= made.document["ladder"]["expected_excess_percent"]["h264"] < 20
    assert made.document["ladder"]["pooling"] == "mean"


def test_bytes_and_rates_are_those_of_the_files(made):
    for rung in made.document["video"]:
        sizes = [(made.folder / segment["url"]).stat().st_size for segment in rung["segments"]]
        assert [segment["bytes"] for segment in rung["segments"]] == sizes
        assert rung["average_bitrate"] == pytest.approx(8 * sum(sizes) / made.document["duration"], abs=1)
        assert rung["id"] == f"h264-{rung['height']}p-{round(rung['average_bitrate'] / 1000)}k"
        seconds = [segment["duration"] for segment in made.document["segments"]]
        assert rung["peak_bitrate"] == pytest.approx(max(8 * b / t for b, t in zip(sizes, seconds, strict=True)), abs=1)


def test_nothing_but_the_promised_is_left(made):
    names = {path.name for path in made.folder.iterdir()}
    assert {"manifest.mpd", "master.m3u8", "presentation.json", "report.html", "video", "audio"} <= names
    assert all(
        name in {"manifest.mpd", "presentation.json", "report.html", "video", "audio"} or name.endswith(".m3u8")
        for name in names
    )
    # other tests fetch rungs beside it
    beside = {path.name for path in made.folder.parent.iterdir() if not path.name.startswith("out-")}
    assert beside == {"out", "store"}
    listed = {made.folder / name for name in names if (made.folder / name).is_file()}
    for playlist in made.folder.glob("*.m3u8"):
        loaded = m3u8.load(str(playlist))
        listed |= {made.folder / part.uri for part in (*loaded.segment_map, *loaded.segments)}
    # DASH alone lists the key frames for seeking
    listed |= set((made.folder / "video").glob("trick-*/*"))
    assert {path for path in made.folder.rglob("*") if path.is_file()} == listed
    assert {made.folder / name for name in made.document["files"]} == listed


def test_every_rung_as_fetched_has_the_films_frames_at_their_times(made):
    source = encoder.inspect(made.film)
    keys = []
    for rung in made.document["video"]:
        whole = fetch_track(made.folder, rung["playlist"])
        assert times_in(whole) == [source.time(n) for n in range(FRAMES)] == [Fraction(n, RATE) for n in range(FRAMES)]
        keys.append(key_times_in(whole))
        # and as ffmpeg fetches it itself
        with av.open(str(made.folder / rung["playlist"])) as container:
            assert [frame.pts * frame.time_base for frame in container.decode(video=0)] == times_in(whole)
    assert keys[0] == keys[1]
    for segment in made.document["segments"]:
        assert any(float(key) == pytest.approx(segment["start"]) for key in keys[0])


def test_the_buffer_told_is_enough_for_the_track_as_fetched(made):
    for rung in made.document["video"]:
        bits, times = encoder.read_track_samples(fetch_track(made.folder, rung["playlist"]))
        assert not runs_empty(bits, times, rung["peak_bitrate"], rung["vbv_bits"] + 1)
        assert runs_empty(bits, times, rung["peak_bitrate"], 0.99 * rung["vbv_bits"])


def test_a_buffer_that_is_asked_for_never_runs_empty(made, tmp_path):
    plain = made.document["video"][0]
    bits, times = encoder.read_track_samples(fetch_track(made.folder, plain["playlist"]))
    average = bits.sum() / made.document["duration"]
    assert made.document["ladder"]["vbv_seconds"] is None
    assert plain["vbv_bitrate"] == plain["peak_bitrate"]
    # a buffer that the ladder does not keep to by itself
    assert encoder.min_vbv_bitrate(bits, times, 0.25) > 2.1 * average
    answer = shotladder("encode", made.film, "-o", tmp_path / "out", *FAST, "--vbv-seconds", "0.25", store=made.store)
    assert answer.status == 0, answer.err
    document = json.loads((tmp_path / "out" / "presentation.json").read_text())
    assert document["ladder"]["vbv_seconds"] == 0.25
    for rung in document["video"]:
        bits, times = encoder.read_track_samples(fetch_track(tmp_path / "out", rung["playlist"]))
        assert rung["vbv_bits"] <= 0.25 * rung["vbv_bitrate"] + 1
        assert not runs_empty(bits, times, rung["vbv_bitrate"], rung["vbv_bits"] + 1)
        needed = encoder.min_vbv_bitrate(bits, times, 0.25)
        assert rung["vbv_bitrate"] == pytest.approx(max(rung["peak_bitrate"], needed), abs=1)
        # three shots leave little room; what cannot be held is told
        too_fast = rung["vbv_bitrate"] > 2 * rung["average_bitrate"]
        assert any(line.startswith(f"{rung['id']}: the 0.25 s VBV buffer") for line in answer.lines) == too_fast


def test_a_buffer_is_not_promised_of_ladders_that_cannot_keep_to_one(made):
    answer = shotladder("ladder", made.film, "--ladder", "per-title", "--vbv-seconds", "1", store=made.store)
    assert answer.status == 2
    assert "--vbv-seconds: requires --ladder per-shot" in answer.lines[-1]


def test_frames_of_a_rung_are_those_of_its_chunks(made):
    chunks = {}
    for path in (made.store / "chunk").rglob("*.mp4"):
        chunks.setdefault(tuple(hashes_in(path)), path)
    for rung in made.document["video"]:
        frames = hashes_in(fetch_track(made.folder, rung["playlist"]))
        place = 0
        while place < len(frames):
            fits = [c for c in chunks if tuple(frames[place : place + len(c)]) == c]
            assert fits, f"no chunk in the store decodes to the frames from {place} on"
            place += max(map(len, fits))


def test_measured_vmaf_is_what_libvmaf_says_of_the_packaged_rung(made, tmp_path):
    for rung in made.document["video"]:
        whole, log = fetch_track(made.folder, rung["playlist"]), tmp_path / "log.json"
        graph = (
            f"[0:v]setpts=N,scale=160:90:flags=bicubic,format=yuv420p[a];[1:v]setpts=N,format=yuv420p[b];"
            f"[a][b]libvmaf=log_fmt=json:log_path={log}"
        )
        argv = [ffmpeg_path(), "-v", "error", "-i", str(whole), "-i", str(made.film)]
        run([*argv, "-lavfi", graph, "-f", "null", "-"])
        measured = json.loads(log.read_text())
        assert len(measured["frames"]) == FRAMES
        scores = np.array([frame["metrics"]["vmaf"] for frame in measured["frames"]])
        assert rung["vmaf"]["mean"] == pytest.approx(scores.mean(), abs=0.05)
        assert rung["vmaf"]["min"] == pytest.approx(scores.min(), abs=0.3)
        for told, segment in zip(rung["segments"], made.document["segments"], strict=True):
            first, last = (round(t * RATE) for t in (segment["start"], segment["start"] + segment["duration"]))
            assert told["vmaf"] == pytest.approx(scores[first:last].mean(), abs=0.1)


def test_the_beep_is_heard_when_its_picture_is_seen(made):
    (playlist,) = {m.uri for m in m3u8.load(str(made.folder / "master.m3u8")).media if m.type == "AUDIO"}
    with av.open(str(fetch_track(made.folder, playlist))) as container:
        frames = list(container.decode(audio=0))
    begin = float(frames[0].pts * frames[0].time_base)
    samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1).mean(axis=0)
    # the beep is the only thing that is high: a difference of neighbours leaves little else
    high = np.abs(np.diff(samples, 4))
    heard = begin + int(np.argmax(high > 0.5 * high.max())) / 48_000
    assert heard == pytest.approx(BEEP, abs=0.5 / RATE)


def test_shots_of_a_rendition_add_up_to_its_segments(made):
    for rung in made.document["video"]:
        frames = [shot["frame_count"] for shot in made.document["shots"]]
        means = [shot["vmaf"] for shot in rung["shots"]]
        assert np.average(means, weights=frames) == pytest.approx(rung["vmaf"]["mean"], abs=0.001)
        assert min(shot["vmaf_min"] for shot in rung["shots"]) == pytest.approx(rung["vmaf"]["min"])
        coded = sum(shot["bits"] for shot in rung["shots"]) / 8
        # segments contain boxes as well
        assert 0.7 < coded / sum(segment["bytes"] for segment in rung["segments"]) <= 1


def test_run_says_what_it_made(made):
    assert "manifest.mpd" in made.answer.out
    assert all(rung["id"] in made.answer.out for rung in made.document["video"])
    assert "probe encodes" in made.answer.err
    reached, saved, following = made.answer.out.splitlines()[-3:]
    assert reached.startswith("Reaches VMAF ")
    assert "equal quality" in saved
    assert following == f"next: shotladder play {made.folder}"


def files(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*")}


def test_a_second_run_says_so_and_does_nothing(made):
    before, stored = files(made.folder), files(made.store)
    answer = shotladder("encode", made.film, "-o", made.folder, *FAST, store=made.store)
    assert answer.status == 0
    assert "up to date" in answer.err
    assert answer.out == ""
    assert (files(made.folder), files(made.store)) == (before, stored)


def test_json_is_one_document_and_nothing_else(made):
    answer = shotladder("encode", made.film, "-o", made.folder, *FAST, "--json", "--quiet", store=made.store)
    assert (answer.status, answer.err) == (0, "")
    assert json.loads(answer.out) == made.document


def test_another_request_on_the_same_folder_is_refused(made):
    before = files(made.folder)
    answer = shotladder("encode", made.film, "-o", made.folder, *FAST, "--segment-duration", "2", store=made.store)
    assert answer.status == 1
    assert answer.lines == [
        f"error: {made.folder}: is not empty; name another directory, or use --overwrite to replace the presentation"
    ]
    assert files(made.folder) == before


def test_overwrite_replaces_a_presentation_as_a_whole(made, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(made.folder, out)
    (out / "old.txt").write_text("old")
    words = ("encode", made.film, "-o", out, *FAST, "--no-audio", "--quiet")
    assert shotladder(*words, store=made.store).status == 1
    assert (out / "old.txt").exists()
    before = files(out)
    answer = shotladder(*words, "--overwrite", store=made.store)
    assert (answer.status, len(answer.lines)) == (1, 1)
    assert "contains old.txt, which its presentation does not list" in answer.err
    assert files(out) == before
    (out / "old.txt").unlink()
    answer = shotladder(*words, "--overwrite", store=made.store)
    assert answer.status == 0, answer.err
    document = json.loads((out / "presentation.json").read_text())
    assert document["audio"] == []
    assert not (out / "audio").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_overwrite_replaces_nothing_but_presentations(made, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    answer = shotladder("encode", made.film, "-o", tmp_path, *FAST, "--overwrite", "--quiet", store=made.store)
    assert (answer.status, len(answer.lines)) == (1, 1)
    assert "contains no presentation" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.fixture(scope="module")
def ladder(made, tmp_path_factory):
    file = tmp_path_factory.mktemp("ladder") / "ladder.json"
    # accurate predictions, which the encodes are held against
    words = (*FAST, "--probe-tolerance", "0.25", "--json", "--quiet")
    answer = shotladder("ladder", made.film, "-o", file, *words, store=made.store)
    assert (answer.status, answer.err) == (0, "")
    assert json.loads(answer.out)["rungs"] == json.loads(file.read_text())["rungs"]
    return file


def test_a_ladder_from_a_file_is_encoded_as_it_stands(made, ladder, tmp_path):
    answer = shotladder("encode", made.film, "-o", tmp_path / "out", "--ladder", ladder, store=made.store)
    assert answer.status == 0, answer.err
    document = json.loads((tmp_path / "out" / "presentation.json").read_text())
    rungs = json.loads(ladder.read_text())["rungs"]
    assert [(r["width"], r["height"]) for r in document["video"]] == [(r["width"], r["height"]) for r in rungs]
    for rung, told in zip(rungs, document["video"], strict=True):
        assert set(told["quantisers"]) <= set(rung["quantisers"])
        assert told["average_bitrate"] == pytest.approx(rung["rate"], rel=0.2)


def test_a_ladder_of_another_film_is_refused(made, ladder, tmp_path):
    other = tmp_path / "other.json"
    other.write_text(json.dumps(json.loads(ladder.read_text()) | {"content_id": "other"}))
    answer = shotladder("encode", made.film, "-o", tmp_path / "out", "--ladder", other, "--quiet", store=made.store)
    assert (answer.status, len(answer.lines)) == (1, 1)
    assert "another source" in answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("more", [(), ("--expected-views", "1e9", "--preset", "veryfast")])
def test_dry_run_encodes_nothing_and_leaves_nothing(made, tmp_path, more):
    words = (*FAST, *more, "--dry-run", "--json", "--quiet")
    answer = shotladder("encode", made.film, "-o", tmp_path / "out", *words, store=tmp_path / "store")
    assert (answer.status, answer.err) == (0, "")
    planned = json.loads(answer.out)
    assert planned["frames"] == FRAMES
    assert planned["segments"] == len(made.document["segments"])
    assert all(seconds > 0 for seconds in planned["predicted_cpu_seconds"].values())
    assert planned["predicted_wall_seconds"] > 0
    measured = sum(segment["bytes"] for rung in made.document["video"] for segment in rung["segments"])
    assert measured / 4 < planned["predicted_bytes"] < 4 * measured
    assert list(tmp_path.iterdir()) == []
