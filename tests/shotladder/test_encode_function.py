"""`shotladder.encode` has the options, the defaults and the result of the command."""

import inspect
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import click
import pytest

import shotladder
from encoder import EFFORTS
from ladders import StoppingRule
from shotladder.commands.encode import command
from shotladder.pipeline.encode_function import OptionError
from shotladder.pipeline.ladder_requests import build_ladder_requests
from shotladder.report.presentation_reader import load
from tests.ladders.synthetic import film

FAST = {"preset": "ultrafast", "rungs": 2, "target_vmaf": 85}
#: Options of the command that are not parameters: they are about the terminal, or are the keys of `EncryptionRequest`.
OF_THE_COMMAND = {"as_json", "quiet", "dry_run", "ffmpeg", "protection_scheme", "keys", "hls_key_uri", "clear_lead"}


def test_encode_with_the_settings_of_a_finished_run_deletes_leftovers_and_does_nothing_else(made):
    left = made.folder.with_name(f".{made.folder.name}.12345678")
    left.mkdir()
    (left / ".shotladder-temporary").touch()
    result = shotladder.encode(made.film, made.folder, store=made.store, **FAST)
    assert result.already_there
    assert not left.exists()
    assert (result.path, result.presentation) == (made.folder, load(made.folder))


def test_encode_returns_what_the_command_writes(made, tmp_path, capfd):
    seen = []
    result = shotladder.encode(
        str(made.film), tmp_path / "out", store=str(made.store), progress=lambda *call: seen.append(call), **FAST
    )
    assert not result.already_there
    assert result.presentation == load(tmp_path / "out") == load(made.folder)
    assert [ladder.codec for ladder in result.ladders] == ["h264"]
    assert result.notes == ()
    assert {title for title, _, _ in seen} & {"shots", "probe encodes", "encode the top rung"}
    assert capfd.readouterr() == ("", "")
    assert len(repr(result)) < 200 + len(str(tmp_path))
    assert result._repr_html_().count("<tr>") == 1 + len(result.presentation.video)


def test_encode_has_the_defaults_of_the_command():
    parameters = inspect.signature(shotladder.encode).parameters
    context, compared = click.Context(command), 0
    for option in command.params:
        name = {"codecs": "codec"}.get(option.name, option.name)
        if name in OF_THE_COMMAND | {"source", "output", "workers", "store"} or name not in parameters:
            continue
        default, ours = option.get_default(context, call=True), parameters[name].default
        if isinstance(default, str) and "," in default:
            default = tuple(default.split(","))
        if name == "segment_duration":
            default, ours = Fraction(default), Fraction(ours)
        # click has no value where a function has None or an empty sequence
        assert (default or None) == (ours or None) or default is False or repr(default) == "Sentinel.UNSET", name
        compared += 1
    assert compared > 8


class ReceivedError(Exception):
    """Carries the request that reaches the pipeline."""


def received(*args):
    raise ReceivedError(args[0])


@pytest.fixture(params=["command", "function"])
def request_of(request, monkeypatch, tmp_path):
    """Call `shotladder encode` or `shotladder.encode`, and return the request that reaches the pipeline."""

    def call(**options):
        words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        with pytest.raises(ReceivedError) as error:
            monkeypatch.setattr("shotladder.pipeline.encode_pipeline.encode", received)
            if request.param == "command":
                source = tmp_path / "empty.mp4"
                source.touch()
                command([str(source), "-o", str(tmp_path / "out"), *words], standalone_mode=False)
            else:
                shotladder.encode("absent.mp4", tmp_path / "out", **options)
        return error.value.args[0]

    return call


@pytest.mark.parametrize("effort", EFFORTS)
def test_encode_passes_the_effort_on(request_of, effort):
    request = request_of(effort=effort)
    assert (request.effort, request.stop) == (effort, StoppingRule.for_effort(effort))
    (ladder_request,) = build_ladder_requests(request, film(96))
    assert ladder_request.encoding.effort == effort
    assert ladder_request.stopping == request.stop
    (fixed,) = build_ladder_requests(request_of(effort=effort, ladder="fixed"), film(96))
    assert (fixed.mode, fixed.encoding.effort) == ("fixed", "")


def test_encode_has_balanced_effort_and_prefers_a_given_probe_tolerance(request_of):
    assert request_of() == request_of(effort="balanced")
    assert request_of(effort="fast", probe_tolerance=0.0).stop == StoppingRule(0.0)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"codec": "mpeg2"}, "codec: unknown 'mpeg2'"),
        ({"codec": "h264,h264"}, "names a codec twice"),
        ({"ladder": "per-scene"}, "neither a mode"),
        ({"preset": "av1=8"}, "preset: unknown 'av1'"),
        ({"preset": {"h264": "warp"}}, "preset of h264: unknown 'warp'"),
        ({"preset": "auto"}, "preset 'auto': requires expected_views"),
        ({"gb_per_cpu_hour": 4}, "requires expected_views"),
        ({"ladder": "fixed", "vbv_seconds": 1}, "requires ladder='per-shot'"),
        ({"film_grain": 10, "codec": "h264"}, "film_grain: requires a codec"),
        ({"loudness": -23, "audio": "none"}, "loudness: requires an audio codec"),
        ({"ladder": "fixed", "client_traces": "traces"}, "places rungs"),
        ({"target_vmaf": 0}, "target_vmaf: 0 is out of range"),
        ({"segment_duration": float("nan")}, "segment_duration: nan is out of range"),
        ({"audio": "mp3"}, "audio: unknown 'mp3'"),
        ({"effort": "slow"}, r"effort: unknown 'slow' \(choose from fast, balanced, thorough\)"),
        ({"expected_views": 0}, "is not positive"),
    ],
)
def test_encode_rejects_options_before_any_work(tmp_path, options, fault):
    with pytest.raises(OptionError, match=fault):
        shotladder.encode("absent.mp4", tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_import_shotladder_loads_no_library():
    heavy = ("numba", "scipy", "av", "cv2", "plotly", "msgspec", "click", "rich", "ladders", "encoder", "vmaf", "abr")
    code = f"import sys, shotladder; dir(shotladder); print([n for n in {heavy!r} if n in sys.modules])"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"


def test_all_names_of_the_package_resolve():
    assert shotladder.__all__ == sorted(shotladder.__all__)
    assert all(getattr(shotladder, name) is not None for name in shotladder.__all__)
    with pytest.raises(AttributeError):
        _ = shotladder.absent
