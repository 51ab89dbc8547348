"""The master playlist conforms to RFC 8216: bitrates, groups, names and defaults, read independently."""

import re
import xml.etree.ElementTree as ET
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest

import encoder
from encoder import AudioStream, ChunkJob, Rendition, SubtitleStream, SubtitleTrack, inspect
from encoder.packaging.descriptors import describe_tracks
from encoder.packaging.hls_media_playlist import read_media_playlist
from encoder.tracks.audio import AudioTrack
from shotladder_runtime.store import Store
from tests.encoder.videos import beep, write_video

RUNGS = (Rendition("h264-64p-90k", "h264", 128, 64, "veryfast"), Rendition("h264-32p-9k", "h264", 64, 32, "ultrafast"))
NS = {"d": "urn:mpeg:dash:schema:mpd:2011"}
#: Language, title, dispositions, and which codecs the track is encoded to.
SOUND = (
    ("fra", "Version originale", (), ("aac",)),
    ("eng", None, ("default",), ("aac", "eac3")),
    ("eng", "Director", ("comment",), ("aac",)),
    (None, None, ("visual_impaired",), ("aac", "eac3")),
)
TEXT = (
    ("ger", None, ()),
    ("ger", "Schilder", ("forced",)),
    ("eng", None, ("default", "hearing_impaired")),
    ("eng", "Comments", ("comment",)),
)


def attributes(line):
    """The attribute list of a tag (RFC 8216, 4.2), strictly: every character of it must belong."""
    rest, found = line.partition(":")[2], {}
    while rest:
        match = re.match(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]+)(?:,(?=.)|$)', rest)
        assert match, f"{line}: not an attribute list from {rest!r} on"
        assert match[1] not in found, "an attribute occurs once"
        found[match[1]] = match[2]
        rest = rest[match.end() :]
    return found


def runs(folder, playlist):
    """(bits, seconds) of every segment, read from the lines of the playlist and the files."""
    lines = (folder / playlist).read_text().splitlines()
    target = next(int(line.partition(":")[2]) for line in lines if line.startswith("#EXT-X-TARGETDURATION"))
    segments, duration, span = [], None, None
    for line in lines:
        if line.startswith("#EXTINF:"):
            duration = Fraction(line[8:].split(",")[0])
        elif line.startswith("#EXT-X-BYTERANGE:"):
            span = int(line.partition(":")[2].split("@")[0])
        elif line and not line.startswith("#"):
            segments.append((8 * (span or (folder / line).stat().st_size), duration))
            duration = span = None
    return target, segments


def rates(folder, playlist):
    """Peak and average segment bit rate as RFC 8216 (4.1) defines them, by trying every run of segments."""
    target, segments = runs(folder, playlist)
    average = sum(bits for bits, _ in segments) / sum(seconds for _, seconds in segments)
    peaks = [average]
    for first, last in product(range(len(segments)), repeat=2):
        some = segments[first : last + 1]
        seconds = sum(s for _, s in some)
        if some and Fraction(target, 2) <= seconds <= Fraction(3 * target, 2):
            peaks.append(sum(bits for bits, _ in some) / seconds)
    return max(peaks), average


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Package two renditions, four audio streams of which two have a second codec, and four subtitle streams."""
    root = tmp_path_factory.mktemp("master")
    source = inspect(write_video(root / "video.mkv", 140, audio=(Fraction(0), beep(5.6, 1))))
    chunks, segments = encoder.plan_chunks(source, (0, 61), Fraction(2))
    store, tracks = Store(root / "store"), []
    for rung, quantiser in zip(RUNGS, (18, 30), strict=True):
        jobs = [ChunkJob(source, chunk, (rung,), (quantiser,), store) for chunk in chunks]
        for job in jobs:
            encoder.encode_chunk(job)
        encoder.stitch(source, chunks, [encoder.chunk_path(j, 0) for j in jobs], root / f"{rung.id}.mp4", segments)
        tracks.append((rung, root / f"{rung.id}.mp4"))
    made = {codec: encoder.encode_audio(source, source.audio[0], store, codec) for codec in ("aac", "eac3")}
    audio = []
    for n, (language, title, dispositions, codecs) in enumerate(SOUND):
        stream = AudioStream(n + 1, "flac", 6, 48_000, Fraction(0), language, title, dispositions)
        audio += [AudioTrack(stream, made[c].path, c, made[c].channels, None, 0.0) for c in codecs]
    text = []
    for n, (language, title, dispositions) in enumerate(TEXT):
        words = root / f"{n}.vtt"
        words.write_text(f"WEBVTT\n\n00:00.500 --> 00:05.000\nHello {n}\n")
        text.append(SubtitleTrack(SubtitleStream(n + 9, "subrip", language, title, dispositions), words))
    out = root / "out"
    out.mkdir()
    encoder.package(out, source, segments, tracks, audio, text)
    return out


@pytest.fixture(scope="module")
def lines(folder):
    return (folder / "master.m3u8").read_text().splitlines()


@pytest.fixture(scope="module")
def media(lines):
    return [attributes(line) for line in lines if line.startswith("#EXT-X-MEDIA:")]


@pytest.fixture(scope="module")
def variants(lines):
    return [(attributes(line), lines[n + 1]) for n, line in enumerate(lines) if line.startswith("#EXT-X-STREAM-INF:")]


def test_bandwidth_is_that_of_the_largest_playable_combination(folder, media, variants):
    assert len(variants) == 4, "two rungs with two groups of sound"
    for listed, uri in variants:
        parts = [rates(folder, uri)]
        for kind in ("AUDIO", "SUBTITLES"):
            group = [m for m in media if m["TYPE"] == kind and m["GROUP-ID"] == listed[kind]]
            found = [rates(folder, m["URI"].strip('"')) for m in group]
            parts.append((max(peak for peak, _ in found), max(average for _, average in found)))
        peak, average = (sum(part) for part in zip(*parts, strict=True))
        assert 0 <= int(listed["BANDWIDTH"]) - peak < 1
        assert 0 <= int(listed["AVERAGE-BANDWIDTH"]) - average < 1


def test_iframe_bandwidth_is_that_of_the_byte_ranges(folder, lines):
    listed = [attributes(line) for line in lines if line.startswith("#EXT-X-I-FRAME-STREAM-INF:")]
    assert len(listed) == len(RUNGS)
    for line in listed:
        peak, average = rates(folder, line["URI"].strip('"'))
        assert (int(line["BANDWIDTH"]) - peak, int(line["AVERAGE-BANDWIDTH"]) - average) < (1, 1)


def test_complete_master_playlist_gives_audio_groups_the_same_members(media):
    """RFC 8216, 4.3.4.2.1: they differ in nothing but URI and CHANNELS."""
    groups = {}
    for line in media:
        if line["TYPE"] == "AUDIO":
            same = {k: v for k, v in line.items() if k not in ("URI", "CHANNELS", "GROUP-ID")}
            groups.setdefault(line["GROUP-ID"], []).append(tuple(sorted(same.items())))
    assert set(groups) == {'"audio-aac"', '"audio-eac3"'}
    aac, eac3 = groups.values()
    assert sorted(aac) == sorted(eac3)
    assert len(aac) == len(SOUND)
    channels = {(m["GROUP-ID"], m["NAME"]): m["CHANNELS"] for m in media if m["TYPE"] == "AUDIO"}
    assert channels['"audio-eac3"', '"eng"'] == '"6"'
    assert channels['"audio-eac3"', '"Director"'] == channels['"audio-aac"', '"Director"']


def test_variant_lists_the_codecs_of_its_groups(variants):
    for listed, _ in variants:
        video, *audio_track = listed["CODECS"].strip('"').split(",")
        assert re.fullmatch(r"avc1\.[0-9a-f]{6}", video)
        assert (
            set(audio_track) == {'"audio-aac"': {"mp4a.40.2"}, '"audio-eac3"': {"ec-3", "mp4a.40.2"}}[listed["AUDIO"]]
        )
        assert {"BANDWIDTH", "RESOLUTION", "FRAME-RATE", "SUBTITLES"} <= set(listed)


def test_group_has_distinct_names_and_at_most_one_default(media):
    for group in {(m["TYPE"], m["GROUP-ID"]) for m in media}:
        members = [m for m in media if (m["TYPE"], m["GROUP-ID"]) == group]
        assert len({m["NAME"] for m in members}) == len(members)
        assert sum(m["DEFAULT"] == "YES" for m in members) == 1
        assert all(m["AUTOSELECT"] == "YES" for m in members if m["DEFAULT"] == "YES"), "as 4.3.4.1 demands"
        chosen = [m for m in members if m["AUTOSELECT"] == "YES"]
        alike = [tuple(m.get(name) for name in ("LANGUAGE", "FORCED", "CHARACTERISTICS")) for m in chosen]
        assert len(set(alike)) == len(alike), "what is selected automatically can be listed apart"


def test_describe_tracks_keeps_roles_of_the_source(media):
    audio_track = {m["NAME"].strip('"'): m for m in media if m["GROUP-ID"] == '"audio-aac"'}
    words = {m["NAME"].strip('"'): m for m in media if m["TYPE"] == "SUBTITLES"}
    assert [m.get("LANGUAGE") for m in audio_track.values()] == ['"fr"', '"en"', '"en"', None]
    assert [name for name, m in audio_track.items() if m["DEFAULT"] == "YES"] == ["eng"]
    assert audio_track["und"]["CHARACTERISTICS"] == '"public.accessibility.describes-video"'
    assert [m["LANGUAGE"] for m in words.values()] == ['"de"', '"de"', '"en"', '"en"']
    assert [name for name, m in words.items() if m.get("FORCED") == "YES"] == ["Schilder"]
    assert [name for name, m in words.items() if m["DEFAULT"] == "YES"] == ["eng"]
    assert "transcribes-spoken-dialog" in words["eng"]["CHARACTERISTICS"]
    assert audio_track["Director"]["AUTOSELECT"] == "NO", "there is another track in English"


def test_dash_manifest_has_the_same_roles(folder):
    sets = ET.parse(folder / "manifest.mpd").getroot().findall(".//d:AdaptationSet", NS)
    listed = [
        (s.get("contentType"), s.get("lang"), {r.get("value") for r in s.findall("d:Role", NS)})
        for s in sets
        if s.get("contentType") != "video"
    ]
    for wanted in (
        ("audio", "fr", {"alternate"}),
        ("audio", "en", {"main"}),
        ("audio", "en", {"alternate", "commentary"}),
        ("audio", None, {"alternate", "description"}),
        ("text", "de", {"subtitle"}),
        ("text", "de", {"forced-subtitle"}),
        ("text", "en", {"caption"}),
        ("text", "en", {"commentary"}),
    ):
        assert wanted in listed
    channels = {
        s.find("d:Representation", NS).get("codecs"): s.find(".//d:AudioChannelConfiguration", NS).get("value")
        for s in sets
        if s.get("contentType") == "audio"
    }
    assert channels == {"mp4a.40.2": "1", "ec-3": "6"}


@pytest.mark.parametrize("playlist", ["media", "key frames"])
def test_media_playlists_are_well_formed(folder, playlist):
    """RFC 8216, 4.3.1 to 4.3.3."""
    names = [p for p in sorted(folder.glob("*.m3u8")) if p.name != "master.m3u8"]
    some = [p for p in names if p.name.startswith("iframe") == (playlist == "key frames")]
    assert some
    for path in some:
        lines = path.read_text().splitlines()
        assert lines[0] == "#EXTM3U"
        assert lines[-1] == "#EXT-X-ENDLIST"
        assert "#EXT-X-PLAYLIST-TYPE:VOD" in lines
        once = [line.partition(":")[0] for line in lines if line.startswith("#EXT-X-") and "BYTERANGE" not in line]
        assert len(set(once)) == len(once)
        version = next(int(line.partition(":")[2]) for line in lines if line.startswith("#EXT-X-VERSION"))
        assert version >= 6, "EXT-X-MAP outside of key-frame playlists"
        assert ("#EXT-X-I-FRAMES-ONLY" in lines) == (playlist == "key frames")
        target, segments = runs(folder, path.name)
        assert all(int(seconds + Fraction(1, 2)) <= target for _, seconds in segments)
        for line in lines:
            if line and not line.startswith("#"):
                assert (folder / line).is_file()


def test_master_playlist_is_well_formed(folder, lines, media, variants):
    assert lines[0] == "#EXTM3U"
    assert "#EXT-X-INDEPENDENT-SEGMENTS" in lines
    for uri in [*(uri for _, uri in variants), *(m["URI"].strip('"') for m in media)]:
        assert (folder / uri).is_file()
    groups = {(m["TYPE"], m["GROUP-ID"]) for m in media}
    for listed, _ in variants:
        assert {("AUDIO", listed["AUDIO"]), ("SUBTITLES", listed["SUBTITLES"])} <= groups
    quoted = {"CODECS", "AUDIO", "SUBTITLES", "NAME", "LANGUAGE", "GROUP-ID", "URI", "CHANNELS", "CHARACTERISTICS"}
    for line in [*media, *(listed for listed, _ in variants)]:
        for name, value in line.items():
            assert value.startswith('"') == (name in quoted)


def test_peak_covers_runs_of_about_the_target_duration(tmp_path):
    """A short dear segment counts with its neighbours, as 4.1 has it."""
    sizes, durations = (1000, 4000, 500, 800), (4, 1, 4, 4)
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:4"]
    for n, (size, duration) in enumerate(zip(sizes, durations, strict=True)):
        (tmp_path / f"{n}.m4s").write_bytes(bytes(size))
        lines += [f"#EXTINF:{duration},", f"{n}.m4s"]
    (tmp_path / "a.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST"]))
    assert read_media_playlist(tmp_path, "a.m3u8").peak_and_average == (8 * Fraction(5000, 5), 8 * Fraction(6300, 13))


def test_opus_is_removed_from_hls_if_there_is_other_audio(tmp_path):
    source = inspect(write_video(tmp_path / "video.mkv", 50, audio=(Fraction(0), beep(2, 1))))
    chunks, segments = encoder.plan_chunks(source, (0,), Fraction(2))
    job = ChunkJob(source, chunks[0], RUNGS[1:], (30,), Store(tmp_path / "store"))
    encoder.encode_chunk(job)
    encoder.stitch(source, chunks, [encoder.chunk_path(job, 0)], tmp_path / "a.mp4", segments)
    aac, opus = (encoder.encode_audio(source, source.audio[0], job.store, codec) for codec in ("aac", "opus"))
    for audio, listed in (([aac, opus], "mp4a.40.2"), ([opus], "opus")):
        out = tmp_path / f"out{len(audio)}"
        out.mkdir()
        encoder.package(out, source, segments, [(RUNGS[1], tmp_path / "a.mp4")], audio, [])
        lines = (out / "master.m3u8").read_text().splitlines()
        (variant,) = [attributes(line) for line in lines if line.startswith("#EXT-X-STREAM-INF:")]
        (audio_track,) = [attributes(line) for line in lines if line.startswith("#EXT-X-MEDIA:")]
        assert variant["CODECS"].strip('"').split(",")[1:] == [listed]
        assert variant["AUDIO"] == audio_track["GROUP-ID"]
        assert lines.count("video_h264-32p-9k.m3u8") == 1
        assert 'codecs="opus"' in (out / "manifest.mpd").read_text()


def test_describe_tracks_gives_captions_the_characteristics_of_apple():
    stream = SubtitleStream(2, "mov_text", language="eng", dispositions=("captions",))
    (fields,) = describe_tracks([], [SubtitleTrack(stream, Path("captions.vtt"))])
    expected = "public.accessibility.transcribes-spoken-dialog;public.accessibility.describes-music-and-sound"
    assert fields["hls_characteristics"] == expected
    assert (fields["stream"], fields["folder"], fields["dash_roles"]) == ("text", "text/eng", "caption")


def test_describe_tracks_replaces_line_breaks_in_titles_by_spaces():
    stream = SubtitleStream(2, "mov_text", language="eng", title='two\r\nlines, a = "b"')
    (fields,) = describe_tracks([], [SubtitleTrack(stream, Path("words.vtt"))])
    assert fields["hls_name"] == "two lines a b"
