"""Properties of the readers of text: each gives a sound value or one error that names the file, for any content.

The examples are the same in each run. `python -m benchmarks.fuzz` tries many more, on changed files of each format.
"""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import abr
import shotladder
from abr.traces.trace_json import save_trace
from encoder.errors import TrackError
from encoder.media.subtitle_text import TEXT_CODECS, convert_to_utf8, decode_text, is_utf8_text
from encoder.tracks.subtitles import _clip_cues
from encoder.tracks.ttml import format_srt, merge_cues
from shotladder_runtime.errors import DocumentError, ShotladderError
from shotladder_runtime.json_document import parse_json
from tests.strangers.manifests import PLAYLIST, dash, hls

#: Few examples, so that the tests take seconds; files are written in the folder of the test.
FEW = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

numbers = st.one_of(
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=True),
    st.sampled_from(["", "nan", "1e999", "0x1", "1_000", "٣"]),
)
rows = st.lists(st.lists(numbers.map(str), min_size=1, max_size=4), min_size=1, max_size=12)
separators = st.sampled_from([" ", "\t", ",", ";", ", "])
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return path


def read_trace(path):
    """Return a trace that can be simulated, or None after an error that names the file."""
    try:
        trace = abr.load_trace(path)
    except ShotladderError as error:
        assert path.name in str(error)
        return None
    assert len(trace.durations) == len(trace.rates) == len(trace.latencies)
    assert np.isfinite(trace.durations).all() and (trace.durations > 0).all()
    assert np.isfinite(trace.rates).all() and (trace.rates >= 0).all()
    return trace


@FEW
@given(rows, separators)
def test_load_trace_gives_finite_intervals_for_any_table(tmp_path, table, separator):
    read_trace(write(tmp_path, "table.txt", "\n".join(separator.join(row) for row in table)))


@FEW
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_load_trace_gives_finite_intervals_for_any_bytes(tmp_path, content):
    read_trace(write(tmp_path, "bytes.txt", content))


@FEW
@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**9)), min_size=1, max_size=20))
def test_save_trace_writes_what_load_trace_reads(tmp_path, intervals):
    durations, rates = (np.array(column, float) for column in zip(*intervals, strict=True))
    if not rates.any():
        rates[0] = 1e6
    trace = abr.Trace("saved", durations / 1e3, rates, np.full(len(rates), 0.05))
    loaded = abr.load_trace(save_trace(trace, tmp_path / "saved.json"))
    assert np.allclose(loaded.durations, trace.durations, rtol=1e-9)
    assert np.allclose(loaded.rates, trace.rates, rtol=1e-9)


@FEW
@given(values)
def test_parse_json_returns_what_was_written(value):
    assert parse_json(json.dumps(value), "file.json") == value


@FEW
@given(st.text(max_size=60))
def test_parse_json_raises_one_kind_of_error(text):
    try:
        parse_json(text, "file.json")
    except DocumentError as error:
        assert "file.json" in str(error)


@FEW
@given(st.dictionaries(st.sampled_from(["version", "segments", "video", "duration", "audio", "shots"]), values))
def test_load_names_the_file_for_any_document(tmp_path, document):
    path = write(tmp_path, "presentation.json", json.dumps({"version": 2, **document}))
    for read in (shotladder.load, abr.load_presentation):
        with pytest.raises(ShotladderError, match=r"presentation\.json"):
            read(path)


def read_sizes(path):
    """Return the bytes of a presentation, or None after an error that names a file of the folder."""
    try:
        presentation = abr.load_presentation(path)
    except ShotladderError as error:
        assert str(path.parent) in str(error)
        return None
    assert np.isfinite(presentation.durations).all() and (presentation.durations > 0).all()
    assert (presentation.sizes >= 0).all()
    return presentation.sizes


@FEW
@given(st.lists(st.tuples(st.integers(1, 10_000), st.integers(1, 10**9)), min_size=1, max_size=12))
def test_load_presentation_reads_the_sizes_of_any_hls_playlist(tmp_path, segments):
    lines, offset = ["#EXTM3U", "#EXT-X-TARGETDURATION:10", "#EXT-X-VERSION:7"], 0
    for milliseconds, size in segments:
        lines += [f"#EXTINF:{milliseconds / 1000:.3f},", f"#EXT-X-BYTERANGE:{size}@{offset}", "v.mp4"]
        offset += size
    write(tmp_path, "v", "\n".join([*lines, "#EXT-X-ENDLIST", ""]))
    sizes = read_sizes(write(tmp_path, "master.m3u8", hls(("BANDWIDTH=8000,RESOLUTION=64x36", "v"))))
    assert sizes is not None
    assert sizes.ravel().tolist() == [size for _, size in segments]


@FEW
@given(st.data())
def test_load_presentation_reads_or_refuses_any_hls_playlist(tmp_path, data):
    lines = PLAYLIST.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(lines) - 1))
        lines[index] = data.draw(
            st.one_of(st.text(max_size=30), st.sampled_from(lines), numbers.map(lambda n: f"#EXTINF:{n},"))
        )
    write(tmp_path, "v", "\n".join(lines) + "\n#EXT-X-ENDLIST\n")
    read_sizes(write(tmp_path, "master.m3u8", hls(("BANDWIDTH=8000,RESOLUTION=64x36", "v"))))


@FEW
@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=4), st.text(max_size=10))
def test_load_presentation_reads_or_refuses_any_dash_timeline(tmp_path, entries, media):
    timeline = "".join(f'<S t="{t}" d="{d}" r="{r}"/>' for t, d, r in entries)
    name = "".join(c for c in media if c.isalnum())
    body = (
        '<AdaptationSet mimeType="video/mp4"><SegmentTemplate timescale="1000" '
        f'media="{name}$Number$.m4s"><SegmentTimeline>{timeline}</SegmentTimeline></SegmentTemplate>'
        '<Representation id="v" bandwidth="8000" width="64" height="36" codecs="avc1.42c00c"/></AdaptationSet>'
    )
    read_sizes(write(tmp_path, "manifest.mpd", dash(body)))


@FEW
@given(st.binary(max_size=80), st.sampled_from(sorted(TEXT_CODECS)))
def test_convert_to_utf8_gives_utf8_for_any_packet(data, codec):
    converted = convert_to_utf8(codec, data)
    assert convert_to_utf8(codec, converted) == converted
    assert codec == "mov_text" or is_utf8_text(codec, converted)
    decode_text(data).encode()


@FEW
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=8), st.integers(0, 10**7))
def test_clip_cues_ends_every_cue_with_the_video(times, end):
    def stamp(ms):
        return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"

    text = "WEBVTT\n\n" + "".join(f"00:00:00.000 --> {stamp(time)} line:0\ntext\n\n" for time in times)
    clipped = _clip_cues(text, Fraction(end, 1000))
    ends = [line.split()[2] for line in clipped.splitlines() if "-->" in line]
    assert ends == [stamp(min(time, end)) for time in times]


rates = st.one_of(st.integers(0, 100).map(str), st.sampled_from(["1e99999999", "9" * 5000, "1/0", "-1", "nan", "٣"]))
clocks = st.one_of(
    st.integers(0, 10**5).map(lambda n: f"{n}t"), st.sampled_from(["00:00:01", "9" * 5000 + ":00:00", "1e9s", "٣s", ""])
)


@FEW
@given(rates, rates, st.lists(st.tuples(clocks, clocks, st.text(max_size=10)), max_size=4))
def test_merge_cues_gives_cues_in_order_or_an_error(frame_rate, tick_rate, cues):
    escaped = [
        (begin, end, "".join(c for c in text if c.isprintable()).replace("&", "").replace("<", ""))
        for begin, end, text in cues
    ]
    body = "".join(f'<p begin="{begin}" end="{end}">{text}</p>' for begin, end, text in escaped)
    head = 'xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter"'
    document = f'<tt {head} ttp:frameRate="{frame_rate}" ttp:tickRate="{tick_rate}"><body>{body}</body></tt>'
    try:
        merged = merge_cues([(Fraction(0), Fraction(10), document.encode("utf-8", "replace"))])
    except TrackError:
        return
    assert all(cue.start < cue.stop for cue in merged)
    assert [cue.start for cue in merged] == sorted(cue.start for cue in merged)
    assert format_srt(merged).count("-->") == len(merged)


@FEW
@given(st.binary(max_size=120))
def test_merge_cues_raises_one_kind_of_error_for_any_bytes(document):
    try:
        merge_cues([(Fraction(0), Fraction(10), document)])
    except TrackError:
        return
