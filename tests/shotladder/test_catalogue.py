"""Several sources in one call: folders and lists, failures, the second call, the limit of the store."""

import json
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from shotladder.catalogue.catalogue_run import CatalogueItem, _CatalogueRun
from shotladder.catalogue.source_list import SourceListError, check_names, list_sources, read_list
from shotladder.cli import group
from shotladder.commands import encode
from shotladder.commands.options.catalogue_builder import build_catalogue
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.reporter import Reporter
from shotladder_runtime.jobs import LocalExecutor
from shotladder_runtime.store import Store, list_artefacts
from shotladder_runtime.tools import ffmpeg_path
from tests.shotladder.running import shotladder

SETTINGS = ("--preset", "ultrafast", "--rungs", "1", "--target-vmaf", "60", "--no-compare", "--no-audio")


def write_clip(path: Path, pattern: str) -> Path:
    lavfi = f"{pattern}=size=64x48:rate=24:duration=0.5"
    command = [ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", lavfi, "-pix_fmt", "yuv420p", path]
    subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL)
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A folder with two videos, a damaged one, a text and a subfolder."""
    folder = tmp_path_factory.mktemp("videos")
    write_clip(folder / "a.mp4", "testsrc")
    write_clip(folder / "b.mkv", "testsrc2")
    (folder / "c.mov").write_bytes(b"no video")
    (folder / "notes.txt").write_text("notes")
    (folder / "extras").mkdir()
    return folder


@pytest.fixture(scope="module")
def made(videos, tmp_path_factory):
    """The answer of a call with a folder, and its directories."""
    folder = tmp_path_factory.mktemp("made")
    return shotladder("encode", videos, "-o", folder / "out", *SETTINGS, "--json", store=folder / "store"), folder


def test_encode_of_a_folder_encodes_every_video_and_goes_on_after_a_failure(made):
    answer, folder = made
    document = json.loads(answer.out)
    assert answer.status == 1
    assert [(s["name"], s["status"]) for s in document["sources"]] == [("a", "done"), ("b", "done"), ("c", "failed")]
    assert "c.mov" in document["sources"][2]["error"]
    assert document["counts"] == {"done": 2, "failed": 1}
    assert answer.lines[-1].startswith("error: 3 sources: 2 done, 1 failed")
    for name, result in zip("ab", document["sources"], strict=False):
        listed = json.loads((folder / "out" / name / "presentation.json").read_text())["files"]
        assert result["bytes"] == sum((folder / "out" / name / each).stat().st_size for each in listed)
    assert not (folder / "out" / "c").exists()


def test_encode_of_a_folder_reports_what_is_left_out(made):
    err = made[0].err
    assert "files without a video suffix are left out: notes.txt" in err
    assert "subfolders are not searched: extras" in err
    assert "a: shots ..." in err


def test_encode_of_a_catalogue_goes_on_with_the_same_command(made, videos, tmp_path):
    folder = made[1]
    good = tmp_path / "good"
    good.mkdir()
    for name in ("a.mp4", "b.mkv"):
        (good / name).symlink_to(videos / name)
    write_clip(good / "d.mp4", "smptebars")
    answer = shotladder("encode", good, "-o", folder / "out", *SETTINGS, store=folder / "store")
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[-1] == "3 sources: 1 done, 2 up to date"


def test_encode_deletes_what_no_source_uses_for_the_store_limit(videos, tmp_path):
    words = (videos / "a.mp4", videos / "b.mkv", "-o", tmp_path / "out", *SETTINGS, "--workers", "1")
    answer = shotladder("encode", *words, "--store-limit", "1k", store=tmp_path / "store")
    assert answer.status == 0, answer.err
    assert "deleted for --store-limit" in answer.err
    assert sum(artefact.size for artefact in list_artefacts(Store.at(tmp_path / "store"))) <= 1000


def items_of(*words: object) -> list[CatalogueItem]:
    context = encode.command.make_context("encode", [str(word) for word in words])
    sources = list_sources(context.params["source"], context.params["sources_file"], Reporter(quiet=True))
    return build_catalogue(context, sources)


def test_build_catalogue_overrides_options_by_those_of_a_line(tmp_path):
    text = '# comment\n\nfirst.mp4\n"second one.mp4" -o season/2 --target-vmaf 80 --priority 3 --no-subtitles\n'
    (tmp_path / "list").write_text(text)
    first, second = items_of("--list", tmp_path / "list", "-o", tmp_path / "out", "--codec", "h264", *SETTINGS)
    assert (first.name, first.request.target, first.request.subtitles, first.priority) == ("first", 60.0, True, 0.0)
    assert (second.name, second.request.target, second.request.subtitles) == ("season/2", 80.0, False)
    assert second.priority == 3.0
    assert first.request.source == str(tmp_path / "first.mp4")
    assert second.request.output == tmp_path / "out" / "season" / "2"
    assert first.request.audio == second.request.audio == ()
    assert first.request.rungs == second.request.rungs == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a.mp4\nb.mp4 --target-vmfa 3\n", "list, line 2: No such option"),
        ("a.mp4 --target-vmaf 300\n", r"list, line 1: .*300"),
        ('a.mp4 "b\n', "list, line 1: no closing quotation"),
        ("a.mp4 b.mp4\n", "line 1: a line names one source, not 2"),
        ("--rungs 3\n", "line 1: a line names one source, not 0"),
        ("a.mp4 --workers 3\n", "line 1: --workers holds for all sources"),
        ("a.mp4 --help\n", "line 1: --help"),
        ("x/a.mp4\ny/a.mkv\n", r"line 2 and .*line 1: both outputs have the name 'a'"),
        ("a.mp4 -o ../a\n", "line 1: the output '../a' is not inside"),
        ("a.mp4 -o s\nb.mp4 -o s/b\n", "line 2: the output 's/b' is inside that of .*line 1"),
        ("# nothing\n", "contains no source"),
        ("\x00\xff", "line 1|cannot be read"),
    ],
)
def test_build_catalogue_reports_a_broken_line_in_one_line(tmp_path, text, fault):
    (tmp_path / "list").write_bytes(text.encode("latin-1"))
    with pytest.raises(SourceListError, match=fault) as error:
        items_of("--list", tmp_path / "list", "-o", tmp_path / "out")
    assert "\n" not in str(error.value)


def test_list_sources_refuses_an_empty_folder(tmp_path):
    with pytest.raises(SourceListError, match="contains no video file"):
        list_sources([str(tmp_path)], None, Reporter(quiet=True))


def test_read_list_reports_a_missing_file(tmp_path):
    with pytest.raises(SourceListError, match="cannot be read"):
        read_list(tmp_path / "absent")


def test_check_names_accepts_different_folders():
    check_names([("line 1", "a/1"), ("line 2", "a/2"), ("line 3", "b")])


def test_encode_without_sources_is_wrong_usage(tmp_path):
    context = encode.command.make_context("encode", ["-o", str(tmp_path)])
    with pytest.raises(click.UsageError, match="name videos, a folder or --list"):
        encode.run_catalogue(context, Reporter(quiet=True))


def test_catalogue_run_starts_sources_by_priority(monkeypatch, tmp_path):
    begun = []

    def fail(request, reporter, executor):
        begun.append(request.source)
        raise OSError(5, "broken", request.source)

    monkeypatch.setattr("shotladder.catalogue.catalogue_run.encode", fail)
    items = [CatalogueItem(n, EncodeRequest(n, tmp_path / n), p) for n, p in (("low", -1), ("mid", 0), ("high", 2))]
    with LocalExecutor(1) as executor:
        results = _CatalogueRun(items, executor, Reporter(quiet=True), None).run()
    assert begun == ["high", "mid", "low"]
    assert [(r.name, r.status) for r in results] == [("low", "failed"), ("mid", "failed"), ("high", "failed")]


def test_encode_of_a_catalogue_plans_every_source_without_an_encode(videos, tmp_path, monkeypatch):
    needs = {"cpu_hours": 1.0, "wall_seconds": 60.0, "peak_memory_bytes": 7, "scratch_bytes": 1}
    needs |= {"store_bytes": 3, "output_bytes": 1, "egress_bytes": 1}
    planned = {"frames": 12, "shots": 1, "chunks": 1, "segments": 1, "sizes": [], "predicted_cpu_seconds": {}}
    planned |= {"workers": 1, "predicted_wall_seconds": 60.0, "predicted_bytes": 1}

    def plan(request, reporter):
        if request.source.endswith("c.mov"):
            raise SourceListError("no video")
        return planned | {"predicted_needs": needs}

    monkeypatch.setattr("shotladder.pipeline.encode_pipeline.plan", plan)
    words = ["encode", str(videos), "-o", str(tmp_path / "out"), "--dry-run", "--quiet"]
    answer = CliRunner().invoke(group, [*words, "--json"])
    assert answer.exit_code == 0, answer.output
    document = json.loads(answer.stdout)
    assert [each.get("error") for each in document["sources"]] == [None, None, "no video"]
    assert document["predicted_needs"] == needs | {"cpu_hours": 2.0, "wall_seconds": 120.0, "store_bytes": 6} | {
        "output_bytes": 2,
        "egress_bytes": 2,
    }
    text = CliRunner().invoke(group, [*words, "--price-cpu-hour", "3"]).stdout
    assert text.splitlines()[-1] == "price: 6.00, of CPU time and one upload"
    assert not (tmp_path / "out").exists()
