"""Packaged presentations have the planned segments and every frame in both protocols."""

import re
import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import m3u8
import numpy as np
import pytest

import abr
import encoder
from encoder import (
    AudioStream,
    ChunkJob,
    PackagingRequest,
    Rendition,
    Segment,
    SubtitleStream,
    inspect,
    plan_chunks,
)
from encoder.tracks.audio import AudioTrack
from encoder.tracks.subtitles import SubtitleTrack
from shotladder_runtime.errors import ProcessError
from shotladder_runtime.store import Store
from tests.encoder.videos import beep, fetch_track, hashes_in, key_times_in, numbers_in, times_in, write_video

RUNGS = (Rendition("h264-64p-90k", "h264", 128, 64, "veryfast"), Rendition("h264-32p-9k", "h264", 64, 32, "ultrafast"))
FILMS = {
    "constant.mkv": {},
    "broadcast.mkv": {"rate": Fraction(24000, 1001)},
    "gaps.mkv": {"ticks": np.cumsum([1, 1, 7, 1, 2] * 28).tolist()},
    "telecine.mkv": {"ticks": np.cumsum([0] + [2, 3] * 70)[:140].tolist(), "time_base": Fraction(1001, 60000)},
}
SHOTS = (0, 21, 61, 90, 125)
NS = {"d": "urn:mpeg:dash:schema:mpd:2011"}


def stitched(source, chunks, segments, folder, rungs=RUNGS):
    tracks = []
    for rung, base in zip(rungs, (18, 30), strict=False):
        jobs = [ChunkJob(source, c, (rung,), (base + n,), Store(folder / "store")) for n, c in enumerate(chunks)]
        for job in jobs:
            encoder.encode_chunk(job)
        track = folder / f"{rung.id}.mp4"
        encoder.stitch(source, chunks, [encoder.chunk_path(job, 0) for job in jobs], track, segments)
        tracks.append((rung, track))
    return tracks


@pytest.fixture(scope="module", params=FILMS)
def title(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packaged")
    audio_track = (Fraction(0), beep(3, 1))
    source = inspect(write_video(folder / request.param, 140, audio=audio_track, **FILMS[request.param]))
    chunks, segments = plan_chunks(source, SHOTS, Fraction(2))
    tracks = stitched(source, chunks, segments, folder)
    audio_track = encoder.encode_audio(source, source.audio[0], Store(folder / "store"))
    said = [("fr", 'Version "française", 5,1=a'), ("fr", None), (None, None)]
    audio = []
    for n, (language, name) in enumerate(said):
        copy = Path(shutil.copy(audio_track.path, folder / f"audio_track-{n}.mp4"))
        audio.append(replace(audio_track, path=copy, stream=replace(audio_track.stream, language=language, title=name)))
    text = []
    for language in ("fr", "de"):
        words = folder / f"{language}.vtt"
        words.write_text(f"WEBVTT\n\n00:00.500 --> 00:02.000\nHello {language}\n")
        text.append(SubtitleTrack(SubtitleStream(2, "subrip", language), words))
    out = folder / "out"
    out.mkdir()
    packaged = encoder.package(out, source, segments, tracks, audio, text)[: len(tracks)]
    return source, segments, tracks, packaged, out


def test_package_keeps_the_planned_segments(title):
    source, segments, _, packaged, out = title
    for track in packaged:
        assert len(track.urls) == len(segments) == len(track.durations)
        for segment, duration in zip(segments, track.durations, strict=True):
            assert duration == pytest.approx(float(source.time(segment.stop) - source.time(segment.start)), abs=0.002)
        assert all((out / url).stat().st_size > 0 for url in (track.init, *track.urls))


def test_package_states_the_mean_frame_rate(title):
    source, _, _, _, out = title
    expected = {
        "constant.mkv": (Fraction(25), "25"),
        "broadcast.mkv": (Fraction(24000, 1001), "24000/1001"),
        "telecine.mkv": (Fraction(24000, 1001), "24000/1001"),
    }
    rate, written = expected.get(Path(source.path).name, (source.frame_rate, str(source.frame_rate)))
    assert source.frame_rate == rate
    assert abs(source.frame_rate - source.frame_count / source.duration) < rate / 50
    sets = ET.parse(out / "manifest.mpd").getroot().findall(".//d:AdaptationSet", NS)
    modes = {"trickmode": [], "": []}
    for each in sets:
        properties = each.findall("d:EssentialProperty", NS)
        mode = "trickmode" if any("trickmode" in item.get("schemeIdUri") for item in properties) else ""
        modes[mode] += [item.get("frameRate") for item in each.iter() if item.get("frameRate")]
    assert set(modes[""]) == {written}
    assert len(modes["trickmode"]) == 1
    variants = m3u8.load(str(out / "master.m3u8")).playlists
    assert {variant.stream_info.frame_rate for variant in variants} == {float(f"{float(rate):.3f}")}


def test_package_aligns_key_frames_of_all_renditions(title):
    _, segments, _, packaged, out = title
    starts = []
    for track in packaged:
        found = []
        for url in track.urls:
            part = out.parent / "part.mp4"
            part.write_bytes((out / track.init).read_bytes() + (out / url).read_bytes())
            with av.open(str(part)) as container:
                packets = [p for p in container.demux(video=0) if p.size]
            assert packets[0].is_keyframe
            assert packets[0].pts == min(p.pts for p in packets)
            found.append(packets[0].pts * packets[0].time_base)
        starts.append(found)
    assert starts[0] == starts[1]
    whole = [key_times_in(fetch_track(out, track.playlist)) for track in packaged]
    assert whole[0] == whole[1]
    assert len(starts[0]) == len(segments)


def test_package_keeps_every_frame(title):
    source, _, tracks, packaged, out = title
    for (_, track), listed in zip(tracks, packaged, strict=True):
        rung = fetch_track(out, listed.playlist)
        assert numbers_in(rung) == list(range(source.frame_count))
        assert hashes_in(rung) == hashes_in(track)
        assert times_in(rung) == times_in(track)


def test_package_lists_the_same_segments_in_dash(title):
    source, segments, _, packaged, out = title
    mpd = ET.parse(out / "manifest.mpd").getroot()
    assert mpd.get("type") == "static"
    video = [s for s in mpd.iterfind(".//d:AdaptationSet", NS) if s.get("contentType") == "video"]
    video = [s for s in video if s.find("d:EssentialProperty", NS) is None]
    representations = [r for s in video for r in s.iterfind("d:Representation", NS)]
    assert len(representations) == len(packaged)
    for representation in representations:
        template = representation.find("d:SegmentTemplate", NS)
        scale = int(template.get("timescale"))
        durations = []
        for entry in template.iterfind("d:SegmentTimeline/d:S", NS):
            durations += [Fraction(int(entry.get("d")), scale)] * (1 + int(entry.get("r", 0)))
        planned = [source.time(s.stop) - source.time(s.start) for s in segments]
        assert len(durations) == len(planned)
        for told, wanted in zip(durations, planned, strict=True):
            assert abs(told - wanted) <= 2 * source.time_base
        base = representation.findtext("d:BaseURL", "", NS)
        first = template.get("media").replace("$Number%05d$", "00001")
        assert (out / base / first).is_file()


def test_package_adds_trick_play_to_dash_and_iframes_to_hls(title):
    source, segments, _, packaged, out = title
    sets = ET.parse(out / "manifest.mpd").getroot().findall(".//d:AdaptationSet", NS)
    trick = [s for s in sets if s.find("d:EssentialProperty", NS) is not None]
    (adaptation,) = trick
    said = adaptation.find("d:EssentialProperty", NS)
    assert said.get("schemeIdUri") == "http://dashif.org/guidelines/trickmode"
    (main,) = {s.get("id") for s in sets if s.get("contentType") == "video" and s not in trick}
    assert said.get("value") == main, "the set that they are of (DASH-IF IOP, 3.2.9)"
    template = adaptation.find(".//d:SegmentTemplate", NS)
    parts = [template.get("initialization")]
    parts += [template.get("media").replace("$Number%05d$", f"{n + 1:05}") for n in range(len(segments))]
    whole = out.parent / "trick.mp4"
    whole.write_bytes(b"".join((out / part).read_bytes() for part in parts))
    with av.open(str(whole)) as video:
        packets = [p for p in video.demux(video=0) if p.size]
    assert all(packet.is_keyframe for packet in packets)
    assert [float(p.pts * p.time_base) for p in packets] == pytest.approx(
        [float(source.time(s.start)) for s in segments], abs=0.001
    )
    assert "trick" not in (out / "master.m3u8").read_text()
    assert len(m3u8.load(str(out / "master.m3u8")).iframe_playlists) == len(packaged)


@pytest.mark.parametrize("count", [1, 2])
def test_trick_play_is_never_listed_as_a_rendition(tmp_path, count):
    source = inspect(write_video(tmp_path / "video.mkv", 50 * count))
    chunks, segments = plan_chunks(source, range(0, 50 * count, 50), Fraction(2))
    assert len(segments) == count
    out = tmp_path / "out"
    out.mkdir()
    encoder.package(out, source, segments, stitched(source, chunks, segments, tmp_path), [], [])
    sets = ET.parse(out / "manifest.mpd").getroot().findall(".//d:AdaptationSet", NS)
    rungs = [len(s.findall("d:Representation", NS)) for s in sets if s.find("d:EssentialProperty", NS) is None]
    assert sum(rungs) == len(RUNGS)
    assert len(sets) == count, "one for the rungs, and one for seeking where there is more than one key frame"


def ranges(out, track):
    """The bytes of each segment of a track of one file."""
    data = (out / track.urls[0]).read_bytes()
    return [data[o : o + n] for o, n in zip(track.offsets, track.sizes, strict=True)]


def test_package_writes_byte_ranges_in_single_files(title, tmp_path):
    source, segments, tracks, packaged, out = title
    single = encoder.package(tmp_path, source, segments, tracks, [], [], PackagingRequest(single_file=True))
    for parts, one in zip(packaged, single, strict=True):
        assert set(one.urls) == {one.init}
        assert one.durations == parts.durations
        data = (tmp_path / one.init).read_bytes()
        assert one.offsets[-1] + one.sizes[-1] == len(data)
        # the media is the same to the byte
        assert [part[part.index(b"mdat") :] for part in ranges(tmp_path, one)] == [
            (out / url).read_bytes()[(out / url).read_bytes().index(b"mdat") :] for url in parts.urls
        ]
        assert hashes_in(tmp_path / one.init) == hashes_in(fetch_track(out, parts.playlist))
        assert times_in(tmp_path / one.init) == times_in(fetch_track(out, parts.playlist))
    mpd = ET.parse(tmp_path / "manifest.mpd").getroot()
    assert "urn:mpeg:dash:profile:isoff-on-demand:2011" in mpd.get("profiles")
    for manifest in ("manifest.mpd", "master.m3u8"):
        # who replays it reads the ranges, and takes the key frames for no rung
        read = abr.load_presentation(tmp_path / manifest)
        assert sorted(map(tuple, read.sizes.T)) == sorted(track.sizes for track in single)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.mp4")}
    assert names == {base.text for base in mpd.iterfind(".//d:BaseURL", NS)}


def test_package_lists_renditions_tracks_and_languages_in_hls(title):
    _, _, _, packaged, out = title
    master = m3u8.load(str(out / "master.m3u8"))
    assert {p.uri for p in master.playlists} == {track.playlist for track in packaged}
    assert {p.stream_info.codecs.split(",")[0][:5] for p in master.playlists} == {"avc1."}
    media = [m for m in master.media if m.type in ("AUDIO", "SUBTITLES")]
    audio_track = [m for m in media if m.type == "AUDIO"]
    assert len({m.uri for m in audio_track}) == 3
    assert sorted(str(m.language) for m in audio_track) == ["None", "fr", "fr"]
    assert {m.language for m in media if m.type == "SUBTITLES"} == {"fr", "de"}
    assert len({m.name for m in audio_track}) == 3, "players tell tracks apart by their names"
    assert "Version française 51a" in {m.name for m in audio_track}
    for m in media:
        assert (out / m.uri).is_file()
        assert all((out / s.uri).is_file() for s in m3u8.load(str(out / m.uri)).segments)


def test_package_is_independent_of_the_folder(title, tmp_path):
    _, segments, tracks, packaged, out = title
    source = title[0]
    again = encoder.package(tmp_path, source, segments, tracks, [], [])
    for a, b in zip(packaged, again, strict=True):
        names = zip((a.init, *a.urls), (b.init, *b.urls), strict=True)
        assert all((out / one).read_bytes() == (tmp_path / other).read_bytes() for one, other in names)


def test_package_rejects_segments_that_differ_from_the_plan(tmp_path):
    source = inspect(write_video(tmp_path / "video.mkv", 140))
    chunks, segments = plan_chunks(source, SHOTS, Fraction(2))
    tracks = stitched(source, chunks, segments, tmp_path)
    first, second, *rest = segments
    moved = (Segment(0, first.stop + 1), Segment(first.stop + 1, second.stop), *rest)
    for wrong in (segments[:-1], moved):
        out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        out.mkdir()
        with pytest.raises(ProcessError, match=r"have durations .* instead of"):
            encoder.package(out, source, wrong, tracks[:1], [], [])


QUICK = {"h264": "ultrafast", "hevc": "ultrafast", "vp9": "5", "av1": "12"}
NAMES = {
    "h264": r"avc1\.[0-9a-f]{6}",
    "hevc": r"hvc1\.[12]\.[0-9A-F]+\.L\d+\.[0-9A-F.]+",
    "vp9": r"vp09\.0[02]\.\d\d\.(08|10)(\.\d\d)*",
    "av1": r"av01\.0\.\d\dM\.(08|10)(\.[\d.]+)?",
}


@pytest.mark.parametrize("depth", [8, 10])
def test_package_accepts_several_codecs(tmp_path, depth):
    pixels = "yuv420p" if depth == 8 else "yuv420p10le"
    source = inspect(write_video(tmp_path / "video.mkv", 140, pixel_format=pixels))
    chunks, segments = plan_chunks(source, SHOTS, Fraction(2))
    tracks = []
    for codec, preset in QUICK.items():
        rung = Rendition(f"{codec}-64p-1k", codec, 128, 64, preset)
        tracks += stitched(source, chunks, segments, tmp_path, [rung])
    out = tmp_path / "out"
    out.mkdir()
    packaged = encoder.package(out, source, segments, tracks, [], [])
    told = {p.uri: p.stream_info.codecs for p in m3u8.load(str(out / "master.m3u8")).playlists}
    for (rung, track), listed in zip(tracks, packaged, strict=True):
        rung_file = fetch_track(out, listed.playlist)
        assert hashes_in(rung_file) == hashes_in(track)
        assert times_in(rung_file) == times_in(track) == [Fraction(n, 25) for n in range(140)]
        assert re.fullmatch(NAMES[rung.codec], told[listed.playlist])
    mpd = ET.parse(out / "manifest.mpd").getroot()
    sets = [
        {r.get("codecs", s.get("codecs"))[:4] for r in s.iterfind("d:Representation", NS)}
        for s in mpd.iterfind(".//d:AdaptationSet", NS)
        if s.find("d:EssentialProperty", NS) is None
    ]
    # no player may switch from one codec to another as if they were rungs of one ladder
    assert sorted(map(sorted, sets)) == [["av01"], ["avc1"], ["hvc1"], ["vp09"]]


def test_package_reports_an_invalid_track(tmp_path):
    source = inspect(write_video(tmp_path / "video.mkv", 20))
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"nothing")
    track = AudioTrack(AudioStream(0, "aac", 2, 48_000, Fraction(0)), bad, "aac", 2, 1, 0.0)
    with pytest.raises(ProcessError, match="packager"):
        encoder.package(tmp_path, source, [Segment(0, 20)], [(RUNGS[0], bad)], [track], [])
