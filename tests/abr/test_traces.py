"""`load_trace`, `load_traces`, `split_traces` and `generate_trace`: formats, repairs and invalid input."""

import gzip

import numpy as np
import pytest

import abr


def write_text(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


TRACE_FORMATS = {
    "sabre": '[{"duration_ms": 2000, "bandwidth_kbps": 1000, "latency_ms": 80},'
    '{"duration_ms": 1000, "bandwidth_kbps": 4000, "latency_ms": 80}]',
    "pensieve": "0.0 9.9\n2.0 1.0\n3.0 4.0\n",
    "oboe": "0 9900\n2000 1000\n3000 4000\n",
    "csv": "time_s,throughput_mbps\n0,9.9\n2,1\n3,4\n",
    "durations.csv": "duration_ms;bandwidth_kbps;latency_ms\n2000;1000;80\n1000;4000;80\n",
    "plain.csv": "0,9.9\n2,1\n3,4\n",
}


@pytest.mark.parametrize("trace_format", TRACE_FORMATS)
def test_load_trace_reads_the_same_trace_in_each_format(tmp_path, trace_format):
    trace = abr.load_trace(write_text(tmp_path, trace_format, TRACE_FORMATS[trace_format]))
    assert trace.durations == pytest.approx([2.0, 1.0])
    assert trace.rates == pytest.approx([1e6, 4e6])
    assert trace.latencies == pytest.approx([0.08, 0.08])


def test_load_trace_counts_packets_of_a_mahimahi_trace(tmp_path):
    # one packet of 12 kbit in each ms for 100 ms, then a pause until the last time stamp, where the trace repeats
    stamps = [*range(1, 101), 250]
    trace = abr.load_trace(write_text(tmp_path, "link.down", "\n".join(map(str, stamps))))
    assert trace.duration == pytest.approx(0.25)
    assert trace.mean_rate * trace.duration == pytest.approx(len(stamps) * 12_000)
    assert trace.rates[0] == pytest.approx(99 * 12_000 / 0.1)


def test_load_trace_drops_rows_without_a_download_of_an_irish_trace(tmp_path):
    text = "Timestamp,State,DL_bitrate\n2019.12.14_10.16.30,D,500\n2019.12.14_10.16.31,I,0\n2019.12.14_10.16.33,D,800\n"
    trace = abr.load_trace(write_text(tmp_path, "irish.csv", text))
    assert trace.durations == pytest.approx([3.0])
    assert trace.rates == pytest.approx([800e3])


def test_load_trace_keeps_the_latency_of_each_row(tmp_path):
    trace = abr.load_trace(write_text(tmp_path, "t.csv", "time_s,mbps,latency_ms\n0,1,10\n1,2,20\n1,9,99\n3,4,30\n"))
    assert trace.rates == pytest.approx([2e6, 4e6])
    assert trace.latencies == pytest.approx([0.02, 0.03])


PUFFER = """time (ns GMT),session_id,index,channel,format,size,ssim_index,min_rtt,rtt,delivery_rate
1000000000,alice,0,cbs,1280x720-24,400000,0.98,41000,43000,900000
3000000000,alice,0,cbs,1280x720-24,400000,0.98,40000,43000,500000
3500000000,bob,1,cbs,1280x720-24,400000,0.98,9000,9500,2000000
4000000000,alice,0,cbs,1280x720-24,400000,0.98,40000,43000,700000
64000000000,alice,0,cbs,1280x720-24,400000,0.98,40000,43000,700000
66000000000,alice,0,cbs,1280x720-24,400000,0.98,40000,43000,700000
"""
FCC = """unit_id,dtime,target,fetch_time,bytes_total,bytes_sec,bytes_sec_interval,sequence,threads,successes
386,2015-09-01 00:10:00,sp1,5000000,5000000,1000000,1000000,0,3,1
386,2015-09-01 00:10:05,sp1,5000000,9000000,900000,800000,1,3,1
712,2015-09-01 00:10:00,sp1,5000000,0,0,0,0,3,0
"""


def test_load_traces_reads_one_trace_for_each_session_of_a_puffer_table(tmp_path):
    path = write_text(tmp_path, "video_sent.csv", PUFFER)
    (alice,) = abr.load_traces([path])  # the session of bob has one chunk, and therefore no duration
    assert alice.name == "video_sent-alice-0"
    assert alice.durations == pytest.approx([2.0, 1.0, 2.0])
    assert alice.rates == pytest.approx([7.2e6, 4e6, 5.6e6])
    assert alice.latencies == pytest.approx([0.041, 0.04, 0.04])
    assert alice.app_limited
    assert "1 pauses of more than 20 s are left out" in alice.notes
    with pytest.raises(abr.TraceError, match=r":3: delivery_rate is -1"):
        abr.load_traces([write_text(tmp_path, "bad.csv", PUFFER.replace(",500000", ",-1"))])


def test_load_traces_reads_one_trace_for_each_unit_of_an_fcc_table(tmp_path):
    (only,) = abr.load_traces([write_text(tmp_path, "curr_httpgetmt.csv", FCC)])
    assert only.name == "curr_httpgetmt-386-sp1"
    assert only.durations == pytest.approx([5.0, 5.0])
    assert only.rates == pytest.approx([8e6, 6.4e6])
    assert not only.app_limited
    two = write_text(tmp_path, "two.csv", FCC.replace("5000000,0,0,0", "5000000,9,7,7"))
    assert len(abr.load_traces([two])) == 2
    with pytest.raises(abr.TraceError, match="contains 2 traces"):
        abr.load_trace(two)
    with pytest.raises(abr.TraceError, match="every rate is 0"):
        abr.load_traces([write_text(tmp_path, "none.csv", FCC.splitlines()[0] + "\n" + FCC.splitlines()[3])])


def test_load_trace_marks_traces_that_an_application_limited(tmp_path):
    text = "Timestamp,State,DL_bitrate\n2019.12.14_10.16.30,D,500\n2019.12.14_10.16.31,D,300\n"
    for folder, limited in (("Netflix", True), ("Amazon_Prime", True), ("Download", False)):
        (tmp_path / folder).mkdir()
        assert abr.load_trace(write_text(tmp_path / folder, "B_2019.csv", text)).app_limited is limited
    assert abr.load_trace(write_text(tmp_path, "oboe", TRACE_FORMATS["oboe"])).app_limited
    assert not abr.load_trace(write_text(tmp_path, "pensieve", TRACE_FORMATS["pensieve"])).app_limited


@pytest.mark.parametrize("seed", range(5))
def test_split_traces_keeps_each_route_on_one_side(seed):
    names = [f"norway_{kind}_{n}" for kind in ("bus", "tram", "ferry", "car", "metro") for n in range(3, 9)]
    traces = [abr.Trace(name, [1], [1e6], [0.1]) for name in names]
    first, second = abr.split_traces(traces, 0.6, seed=seed)
    assert sorted(t.name for t in first + second) == sorted(names)
    assert {abr.infer_route(t) for t in first}.isdisjoint(abr.infer_route(t) for t in second)
    assert len(first) == 18
    alone = [abr.Trace(f"trace{n:04}", [1], [1e6], [0.1]) for n in range(10)]
    assert [len(part) for part in abr.split_traces(alone, 0.3, seed=seed)] == [3, 7]
    with pytest.raises(abr.TraceError, match="cannot be split"):
        abr.split_traces(traces[:1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("0 1\n1 -2\n2 1\n", r":2: a negative rate, -2e\+06"),
        ("0 0\n1 0\n2 0\n", "every rate is 0"),
        ("0 1\n1 fast\n", r":2: '1 fast' is not 2 numbers"),
        ("0 1\n1 nan\n", r":2: .* is not 2 numbers"),
        ("[]", r"\$: expected a list of periods"),
        ('[{"duration_ms": 1000}]', r"\$\[0\]: object missing required field `bandwidth_kbps`"),
        ('[{"duration_ms": 1000, "bandwidth_kbps": -5}]', r"\$\[0\]\.bandwidth_kbps: .* >= 0, found -5"),
        ('[{"duration_ms": 1000,', "line 1: not valid JSON"),
        ("a,b\n1,2\n", "names no time and rate"),
        ("time,mbps\n0,1\n1,x\n", ":3: 'x' is not a number"),
        ("5\n9\n3\n", ":3: the times of a mahimahi trace must not decrease"),
    ],
)
def test_load_trace_names_file_location_and_value_of_a_fault(tmp_path, text, message):
    path = write_text(tmp_path, "bad", text)
    with pytest.raises(abr.TraceError, match=message) as caught:
        abr.load_trace(path)
    # once: not the name of the file again after its path
    assert str(caught.value).count("bad") == 1 + str(tmp_path).count("bad")


def test_load_trace_reports_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "trace.csv.gz"
    path.write_bytes(gzip.compress(b"0 1\n1 2\n"))
    with pytest.raises(abr.TraceError, match=r"gz: the file is not text in UTF-8, .* \(byte 1\)"):
        abr.load_trace(path)


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        (([], [], []), "the trace has no intervals"),
        (([1.0, 1.0], [1e6], [0.0]), "durations, rates and latencies differ in length"),
        (([1.0, 0.0], [1e6, 1e6], [0.0, 0.0]), "interval 1 lasts 0 s"),
        (([1.0], [0.0], [0.0]), "every rate is 0"),
        (([1.0], [float("nan")], [0.0]), r"rates\[0\] is nan"),
    ],
)
def test_trace_refuses_intervals_that_are_not_valid(columns, fault):
    with pytest.raises(abr.TraceError, match=f"^bad: {fault}"):
        abr.Trace("bad", *columns)


def test_load_traces_names_a_folder_without_traces(tmp_path):
    with pytest.raises(abr.TraceError, match=f"^no traces in {tmp_path}$"):
        abr.load_traces(tmp_path)


def test_load_trace_names_an_unknown_format_and_as_trace_another_type(tmp_path):
    path = write_text(tmp_path, "trace", "0 1\n1 2\n")
    with pytest.raises(abr.TraceError, match=r"^unknown trace format 'pcap' \(choose from "):
        abr.load_trace(path, format="pcap")
    with pytest.raises(abr.TraceError, match=r"^expected a Trace, a path or a URL, got int$"):
        abr.as_trace(7)


def test_load_trace_notes_its_repairs(tmp_path):
    late = abr.load_trace(write_text(tmp_path, "late", "180 1\n181 2\n181 9\n180 9\n183 0\n184 3\n"))
    assert late.durations == pytest.approx([1, 2, 1])
    assert late.rates == pytest.approx([2e6, 0, 3e6])
    assert any("2 samples are left out" in note and "line 3" in note for note in late.notes)
    assert any("starts at 180 s" in note for note in late.notes)
    one = abr.load_trace(write_text(tmp_path, "one", "0 1\n1 2\n1 9\n2 3\n"))
    assert any("1 sample is left out" in note and "line 3" in note for note in one.notes)
    assert any("the rate is 0 in 1 of 3" in note for note in late.notes)
    single = abr.load_trace(write_text(tmp_path, "single", "0 2.5\n"), format="pensieve")
    assert single.mean_rate == 2.5e6
    assert any("single sample" in note for note in single.notes)


def test_load_traces_keeps_one_of_two_equal_traces(tmp_path):
    for name in ("a", "b"):
        write_text(tmp_path, name, TRACE_FORMATS["pensieve"])
    assert len(abr.load_traces([tmp_path])) == 1


def test_trace_scaled_cropped_and_load_ratio(tmp_path):
    trace = abr.load_trace(write_text(tmp_path, "a", TRACE_FORMATS["pensieve"]))
    assert trace.scaled(2).mean_rate == pytest.approx(2 * trace.mean_rate)
    part = trace.cropped(1.5, 2.5)
    assert part.durations == pytest.approx([0.5, 0.5])
    assert part.rates == pytest.approx([1e6, 4e6])
    assert trace.load_ratio(np.array([1e6, 2e6, 4e6])) == pytest.approx(1.0)


@pytest.mark.parametrize("network", sorted(abr.NETWORKS))
def test_generate_trace_has_the_stated_mean_and_repeats_for_a_seed(network):
    one, same, other = (abr.generate_trace(network, seed=seed, duration=3600) for seed in (1, 1, 2))
    assert (one.rates == same.rates).all()
    assert (one.rates != other.rates).any()
    assert one.duration == pytest.approx(3600)
    stated = abr.NETWORKS[network].mean_rate
    many = np.mean([abr.generate_trace(network, seed=seed, duration=3600).mean_rate for seed in range(10)])
    assert many == pytest.approx(stated, rel=0.2)


@pytest.mark.shared
def test_load_traces_reads_each_measured_trace(shared):
    counts = {}
    for folder in sorted((shared / "traces").iterdir()):
        if folder.is_dir():
            traces = abr.load_traces([folder])
            counts[folder.name] = len(traces)
            assert all(1e3 < trace.mean_rate < 2e9 for trace in traces)
    assert counts["norway3g"] == 43
    assert counts["pensieve"] == 35


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": np.zeros((2, 2))}, "segment 0 of rung low has 0 bytes"),
        ({"sizes": np.ones((3, 2))}, "sizes have shape"),
        ({"durations": [4.0, -1.0]}, "segment 1 lasts -1.0 s"),
        ({"durations": [4.0, np.nan]}, "segment 1 lasts nan s"),
        ({"rungs": (abr.Rung("low", 2), abr.Rung("high", 1))}, "not in increasing order"),
        ({"rungs": (abr.Rung("low", 0), abr.Rung("high", 1))}, "a rung has a bitrate of 0 bit/s"),
        ({"vmaf": np.ones((2, 3))}, "vmaf has shape"),
    ],
)
def test_presentation_refuses_invalid_values(change, message):
    valid = {
        "title": "film",
        "rungs": (abr.Rung("low", 1_000_000), abr.Rung("high", 2_000_000)),
        "durations": [4.0, 4.0],
        "sizes": np.full((2, 2), 1000),
    }
    assert abr.Presentation(**valid).duration == 8.0
    with pytest.raises(abr.PresentationError, match=message):
        abr.Presentation(**valid | change)


def test_simulate_refuses_a_buffer_that_cannot_hold_a_segment(film, networks):
    with pytest.raises(abr.PresentationError, match="give a larger --buffer"):
        abr.simulate(film, networks[0], "bba-0", buffer=3)
