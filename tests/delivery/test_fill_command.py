"""`shotladder fill` plans by replay, and copies exactly the planned rungs."""

import json
import shutil

import pytest

from tests.delivery.documents import write_document
from tests.shotladder.running import shotladder


@pytest.fixture
def catalogue(presentations, tmp_path):
    """Two titles, a trace that allows the upper rung, and a site with room for one upper rung."""
    folders = []
    for title in ("popular", "rare"):
        folders.append(shutil.copytree(presentations["first"], tmp_path / title))
        write_document(folders[-1], title)
    (tmp_path / "trace.csv").write_text("time,throughput\n" + "".join(f"{n},50000000\n" for n in range(60)))
    size = sum(path.stat().st_size for path in (folders[0] / "video" / "high").glob("*.m4s"))
    edge = f'[[site]]\nname = "edge"\nurl = "{tmp_path}/edge"\ndisk_gb = {1.1 * size / 1e9}\n'
    (tmp_path / "sites.toml").write_text(edge)
    return tmp_path


def fill(folder, *words):
    traces = ("--traces", "trace.csv", "--policy", "throughput")
    return shotladder("fill", "sites.toml", "popular", "rare", *traces, *words, store=folder, cwd=folder)


def test_fill_command_copies_the_rung_that_viewers_request(catalogue):
    (catalogue / "views.csv").write_text("presentation,views\npopular,900\nrare,100\n")
    answer = fill(catalogue, "--views", "views.csv", "-o", "plan.json", "--apply", "--json")
    assert answer.status == 0, answer.err
    plan = json.loads(answer.out)
    assert plan == json.loads((catalogue / "plan.json").read_text())
    assert [(each["presentation"], each["rung"]) for each in plan["sites"][0]["files"]] == [("popular", "high")]
    assert 0.4 < plan["offload"] <= 0.9 and plan["gap_percent"] < 1e-6
    names = {path.name for path in (catalogue / "edge" / "popular").rglob("*.m4s")}
    assert names == {"00001.m4s", "00002.m4s", "00003.m4s"}
    assert not (catalogue / "edge" / "rare").exists()
    # the views change: the planned copy is exchanged
    (catalogue / "views.csv").write_text("presentation,views\npopular,1\nrare,100\n")
    answer = fill(catalogue, "--views", "views.csv", "--previous", "plan.json", "--apply", "--json")
    assert answer.status == 0, answer.err
    assert not list((catalogue / "edge" / "popular").rglob("*.m4s"))
    assert len(list((catalogue / "edge" / "rare").rglob("*.m4s"))) == 3


def test_fill_command_names_files_of_the_previous_plan_that_are_gone(catalogue):
    assert fill(catalogue, "-o", "plan.json").status == 0
    (catalogue / "plan.json").write_text((catalogue / "plan.json").read_text().replace("popular", "gone"))
    answer = fill(catalogue, "--previous", "plan.json")
    assert answer.status == 0
    assert "plan.json: 1 presentations have files that are not in DIR..., for example gone" in answer.err


def test_fill_command_refuses_to_apply_a_plan_without_addresses(catalogue):
    (catalogue / "sites.toml").write_text('[[site]]\nname = "edge"\ndisk_gb = 1\n')
    answer = fill(catalogue, "--apply", "--quiet")
    assert answer.status == 1
    assert answer.lines == ["error: sites.toml: no site has a url, which --apply requires"]


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("views.csv", "presentation,views\npopular,nan\n", "views.csv: line 2: views are 'nan'"),
        ("views.csv", "presentation,views\ngone,5\n", "views.csv: no presentation has the title 'gone'"),
        ("sites.toml", '[[site]]\nname = "edge"\ndisk_gb = 0\n', "site edge: the disk is 0.0 bytes"),
        ("sites.toml", '[[site]]\nname = "edge"\ndisk = 1\n', "sites.toml: "),
    ],
)
def test_fill_command_names_a_fault_in_one_line(catalogue, file, text, fault):
    (catalogue / "views.csv").write_text("presentation,views\npopular,900\n")
    (catalogue / file).write_text(text)
    answer = fill(catalogue, "--views", "views.csv", "--quiet")
    assert answer.status == 1
    assert len(answer.lines) == 1 and fault in answer.err
