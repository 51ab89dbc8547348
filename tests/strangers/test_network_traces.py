"""Network traces of other tools: the right rate and duration, a note of what was assumed, or one line of error."""

import dataclasses

import pytest
from click.testing import CliRunner

import abr
from abr.traces import trace_lines
from shotladder.commands.simulate import command

START = 1_284_026_574


@dataclasses.dataclass(frozen=True)
class Case:
    """A text; the mean rate in bit/s and the duration in s, with words of its note; or the words of the error."""

    text: str
    rate: float = 2e6
    seconds: float = 10.0
    note: str = ""
    error: str = ""
    units: str | None = None


def lines(row, count=11, separator="\n"):
    return separator.join(row(n) for n in range(count)) + "\n"


NORWAY = lines(lambda n: f"{START + n} {76626 + 1000 * n} 59.85 10.78 250000 1000", 10)
LATER = lines(lambda n: f"{START + 1000 + n} {76626 + 1000 * n} 59.85 10.78 250000 1000", 10)
GHENT = lines(lambda n: f"{START + n}934 {1000 * n} 51.04 3.73 250000 1000", 10)
TABLE = lines(lambda n: f"{n},2000")

CASES = {
    "a log of Norway": Case(NORWAY),
    "a log of Ghent in ms": Case(GHENT),
    "a log with pauses": Case(NORWAY + LATER, seconds=20, note="the log pauses"),
    "a log with an empty interval": Case(
        NORWAY + f"{START + 10} 1 59.85 10.78 0 0\n", note="1 lines with an interval of 0"
    ),
    "seconds and kbit/s": Case(lines(lambda n: f"{n} 2050"), 2.05e6, note="read as s and kbit/s"),
    "seconds and bit/s": Case(lines(lambda n: f"{n} 3000000000"), 3e9, note="", error="", units="s,bit/s"),
    "ms and Mbit/s": Case(lines(lambda n: f"{1000 * n} 2"), note="read as ms and Mbit/s"),
    "ms since 1970": Case(lines(lambda n: f"{START + n}000 2000"), note="its times are shifted"),
    "mmWave in Mbit/s": Case(lines(lambda n: f"{n} 900.0"), 9e8, note="read as s and Mbit/s"),
    "durations, kbit/s and ms": Case(
        lines(lambda n: "1000 2000 80", 10), note="duration in ms, kbit/s and latency in ms"
    ),
    "start, end and Mbit/s": Case(
        lines(lambda n: f"{n} {n + 1} 2", 10), note="start and end in s and Mbit/s (--trace-units"
    ),
    "start, end and kbit/s with a pause": Case(
        lines(lambda n: f"{1500 * n} {1500 * n + 1000} 2000", 10), note="pause for 4.5 s of 14.5 s"
    ),
    "packets and Mbit/s": Case(
        lines(lambda n: f"{n} {round((1.5 + n % 3 / 2) * 1e6 / 12000)} {1.5 + n % 3 / 2}"),
        note="time in s, packets of 1500 bytes and Mbit/s",
    ),
    "kbit/s and bytes": Case(lines(lambda n: f"{1000 * n} 2000 250000"), note="time in ms, kbit/s and bytes"),
    "packets and Mbit/s in steps of 10 ms": Case(
        lines(lambda n: f"{10 * n} {n % 2 + 1} {1.2 * (n % 2 + 1):.1f}", 101),
        1.8e6,
        seconds=1.0,
        note="time in ms, packets of 1500 bytes and Mbit/s",
    ),
    "a third column": Case(lines(lambda n: f"{n} 2 {n % 3}"), note="third column"),
    "five columns": Case(
        lines(lambda n: f"{n} 2 1 1 1"), error=":1: 5 columns of numbers without a header (0 2 1 1 1)"
    ),
    "tabs": Case(lines(lambda n: f"{n}\t2.0")),
    "commas without a header": Case(lines(lambda n: f"{n},2.0")),
    "decimal commas": Case(lines(lambda n: f"{n},0 2,0")),
    "decimal commas after semicolons": Case("time_s;Mbit/s\n" + lines(lambda n: f"{n},0;2,0")),
    "blank lines and comments": Case("\n# a comment\n\n" + lines(lambda n: f"{n} 2", separator="\n\n")),
    "blank lines before a header": Case("\n\ntime_s,kbps\n" + TABLE),
    "a byte order mark": Case("\ufefftime_s,kbps\n" + TABLE),
    "ends of lines of Windows": Case(("time_s,kbps\n" + TABLE).replace("\n", "\r\n")),
    "a table with tabs": Case("time_s\tkbps\n" + TABLE.replace(",", "\t")),
    "a table with spaces": Case("time_s   kbps\n" + TABLE.replace(",", "   ")),
    "brackets": Case("Time [ms],Throughput (Mbps)\n" + lines(lambda n: f"{1000 * n},2")),
    "words of units": Case("elapsed seconds,bits_per_second\n" + lines(lambda n: f"{n},2000000")),
    "bytes": Case("time_s,download_MB/s\n" + lines(lambda n: f"{n},0.25")),
    "download beside upload": Case("timestamp_ms,UL_kbps,DL_kbps\n" + lines(lambda n: f"{1000 * n},9,2000")),
    "two rates": Case("time_s,app_kbps,link_kbps\n0,1,2\n", error="several rates (app_kbps, link_kbps)"),
    "ms since 1970 in a table": Case(
        "timestamp,throughput_kbps\n" + lines(lambda n: f"{START + n}000,2000"),
        note="timestamp states no unit; it is read as ms",
    ),
    "ISO stamps": Case(
        "timestamp,kbps\n" + lines(lambda n: f"2024-03-31T00:59:{55 + n:02}Z,2000", 5), seconds=4, note="shifted"
    ),
    "stamps at the change to summer time": Case(
        "timestamp,kbps\n" + lines(lambda n: f"2019.03.31_0{n}.59.59,2000", 5), seconds=4 * 3600, note="shifted"
    ),
    "latency of a column": Case("time_s,kbps,rtt_ms\n" + lines(lambda n: f"{n},2000,40")),
    "a rate without a unit": Case(
        "time_s,bandwidth\n" + lines(lambda n: f"{n},2000000"), note="bandwidth states no unit"
    ),
    "a small rate without a unit": Case(
        "time_s,bandwidth\n" + TABLE, error="bandwidth states no unit, and its mean is 2000"
    ),
    "the unit of a user": Case("time_s,bandwidth\n" + TABLE, units="s,kbit/s"),
    "units of a user for numbers": Case(lines(lambda n: f"{n} 2000"), units="s,kbps"),
    "unknown columns": Case(
        "when,much\n1,2\n", error=":1: the header names no time and rate with a known unit; it has when, much"
    ),
    "an improbable rate": Case(lines(lambda n: f"{n} 0.001"), 1e3, note="the mean rate is 1000 bit/s; check the units"),
    "units of a user for JSON": Case("[]", units="s,kbit/s", error="the format sabre has its own units"),
    "unknown units": Case(TABLE, units="parsec,furlong", error="'parsec,furlong' does not name the units"),
    "a far time of mahimahi": Case("0\n1\n9999999999999\n", error=":3: the trace lasts 1e\\+10 s, more than 200000 s"),
    "a number that is out of range": Case(
        "time_s,kbps\n" + TABLE + "12,1e308\n", error=":13: '1e308' is not a number in range (column kbps)"
    ),
    "a row of words": Case("time_s,kbps\n0,1\n1,fast\n", error=":3: 'fast' is not a number in range (column kbps)"),
    "a short row": Case("0 1 2\n1 2\n", error=":2: '1 2' is not 3 numbers in range"),
    "binary": Case("\x00\x01\x02\n", error="names no time and rate"),
}


@pytest.mark.parametrize("name", CASES)
def test_load_trace_reads_the_rate_or_names_the_place(tmp_path, name):
    case = CASES[name]
    path = tmp_path / "trace"
    path.write_bytes(case.text.encode())
    if case.error:
        with pytest.raises(abr.TraceError) as caught:
            abr.load_trace(path, units=case.units)
        message = str(caught.value)
        assert case.error.replace("\\", "") in message
        assert "\n" not in message
        return
    trace = abr.load_trace(path, units=case.units)
    assert trace.mean_rate == pytest.approx(case.rate)
    assert trace.duration == pytest.approx(case.seconds)
    assert trace.latencies[0] == (0.04 if "rtt_ms" in case.text else pytest.approx(0.08))
    notes = "; ".join(trace.notes)
    assert case.note in notes
    assert bool(case.note) == bool(notes)


def test_load_trace_reads_utf_16(tmp_path):
    (tmp_path / "trace").write_bytes(("time_s,kbps\n" + TABLE).encode("utf-16"))
    assert abr.load_trace(tmp_path / "trace").mean_rate == pytest.approx(2e6)


def test_load_traces_takes_one_path(tmp_path):
    (tmp_path / "trace").write_text(TABLE)
    assert len(abr.load_traces(str(tmp_path / "trace"))) == len(abr.load_traces(tmp_path)) == 1


def test_load_trace_limits_rows_and_lines(tmp_path, monkeypatch):
    (tmp_path / "long").write_text("0 1\n1 " + "9" * 70_000 + "\n")
    with pytest.raises(abr.TraceError, match=":2: the line has 70002 characters"):
        abr.load_trace(tmp_path / "long")
    monkeypatch.setattr(trace_lines, "MAX_BINS", 10)
    (tmp_path / "bins").write_text("0\n1001\n")
    with pytest.raises(abr.TraceError, match=":2: the trace lasts"):
        abr.load_trace(tmp_path / "bins")


def test_simulate_command_takes_the_units_of_traces(tmp_path):
    (tmp_path / "movie.json").write_text(
        '{"segment_duration_ms": 2000, "bitrates_kbps": [500], "segment_sizes_bits": [[1000000], [1000000]]}'
    )
    (tmp_path / "trace").write_text("time_s,bandwidth\n" + TABLE)
    argv = [str(tmp_path / "movie.json"), "--traces", str(tmp_path / "trace"), "--quiet"]
    assert CliRunner().invoke(command, [*argv, "--trace-units", "s,kbit/s"]).exit_code == 0
    assert "states no unit" in str(CliRunner().invoke(command, argv).exception)


PUFFER = "time (ns GMT),session_id,index,delivery_rate\n" + lines(lambda n: f"{15 * 10**17 + n * 2 * 10**9},s,0,250000")
FCC = "unit_id,dtime,target,bytes_sec_interval\n" + lines(lambda n: f"7,2019-01-01 00:00:{n:02},host,250000")


@pytest.mark.parametrize("text", [PUFFER, FCC])
def test_load_trace_reads_tables_of_sessions_with_other_line_ends(tmp_path, text):
    for number, end in enumerate(("\n", "\r\n", "\r", "\r\n\r\n")):
        (tmp_path / f"{number}.csv").write_bytes(text.replace("\n", end).encode())
        assert abr.load_trace(tmp_path / f"{number}.csv").mean_rate == pytest.approx(2e6)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (PUFFER + '1,s,0,"' + "9" * 140_000, ":13: field larger than field limit"),
        (FCC.replace("250000\n", "1e308\n", 1), ":2: bytes_sec_interval is 1e+308"),
    ],
)
def test_load_trace_names_the_line_of_a_fault_in_a_table_of_sessions(tmp_path, text, place):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(abr.TraceError) as caught:
        abr.load_trace(tmp_path / "a.csv")
    assert f"a.csv{place}" in str(caught.value)
