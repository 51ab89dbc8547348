"""A run's folder is there as a whole or not at all, and takes the place of nothing but a presentation."""

import json
import shutil
from types import SimpleNamespace

import pytest

from shotladder.pipeline import output
from shotladder.pipeline.output import OutputError, atomic_directory, check_output, files_below, require_intact


def build(folder, text):
    """Write a presentation of a few files, and the list of them."""
    (folder / "video" / "one").mkdir(parents=True)
    (folder / "video" / "one" / "1.m4s").write_text(text)
    names = sorted([*files_below(folder), "presentation.json"])
    (folder / "presentation.json").write_text(json.dumps({"request": text, "files": names}))


def texts(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def old(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    build(folder, "old")
    return folder


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "1.m4s").write_text("mine")
    return folder


#: What a user may have put into a presentation's folder, and how it is named.
OTHERS = {
    "notes": (lambda out, outside: (out / "notes.txt").write_text("mine"), "notes.txt"),
    "notes among segments": (lambda out, outside: (out / "video/one/notes.txt").write_text("mine"), "notes.txt"),
    "a hidden file": (lambda out, outside: (out / ".git").write_text("mine"), ".git"),
    "an empty folder": (lambda out, outside: (out / "more").mkdir(), "more"),
    "a folder": (lambda out, outside: shutil.copytree(outside, out / ".git"), ".git/1.m4s"),
    "a linked folder": (lambda out, outside: (out / "linked").symlink_to(outside), "linked"),
    "a linked file": (lambda out, outside: (out / "2.m4s").symlink_to(outside / "1.m4s"), "2.m4s"),
    "a broken link": (lambda out, outside: (out / "2.m4s").symlink_to(outside / "gone"), "2.m4s"),
    "segments elsewhere": (
        lambda out, outside: (shutil.rmtree(out / "video/one"), (out / "video/one").symlink_to(outside)),
        "video/one",
    ),
    "a presentation without a list": (
        lambda out, outside: (out / "presentation.json").write_text('{"request": "old"}'),
        "video/one/1.m4s",
    ),
    "a list of what is elsewhere": (
        lambda out, outside: (out / "presentation.json").write_text(
            json.dumps(
                {"request": "old", "files": ["../outside/1.m4s", str(outside / "1.m4s"), 7, "presentation.json"]}
            )
        ),
        "video/one/1.m4s",
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("moment", ["before the work", "during the work"])
def test_overwrite_deletes_nothing_that_the_presentation_does_not_list(old, outside, kind, moment):
    put, name = OTHERS[kind]
    if moment == "before the work":
        put(old, outside)
    before = texts(old)
    with pytest.raises(OutputError, match=f"contains .*{name}, which its presentation does not list"):
        check_output(old, "film.mp4", overwrite=True)
        with atomic_directory(old, overwrite=True) as folder:
            build(folder, "new")
            put(old, outside)
            before = texts(old)
    assert texts(old) == before
    assert texts(outside) == {"1.m4s": "mine"}
    assert sorted(path.name for path in old.parent.iterdir()) == ["out", "outside"]


def test_overwrite_replaces_what_the_presentation_lists(old):
    (old / "video" / "two").mkdir()
    (old / "video" / "two" / "1.m4s").write_text("old")
    listed = sorted(files_below(old))
    (old / "presentation.json").write_text(json.dumps({"request": "old", "files": [*listed, "gone.m4s"]}))
    check_output(old, "film.mp4", overwrite=True)
    with atomic_directory(old, overwrite=True) as folder:
        build(folder, "new")
    assert texts(old)["video/one/1.m4s"] == "new"
    assert not (old / "video" / "two").exists()
    assert [path.name for path in old.parent.iterdir()] == ["out"]


def test_overwrite_keeps_what_comes_in_the_last_moment(old, monkeypatch):
    deleted = output._delete_listed

    def late(folder):
        (folder / "notes.txt").write_text("mine")
        deleted(folder)

    monkeypatch.setattr(output, "_delete_listed", late)
    with pytest.raises(OutputError, match="the rest is in") as caught, atomic_directory(old, overwrite=True) as folder:
        build(folder, "new")
    assert texts(old)["video/one/1.m4s"] == "new"
    (kept,) = old.parent.glob(".out.old.*/out")
    assert texts(kept) == {"notes.txt": "mine"}
    assert str(kept) in str(caught.value)


def test_a_linked_output_folder_is_refused(old, tmp_path):
    (tmp_path / "link").symlink_to(old)
    with pytest.raises(OutputError, match="is a symbolic link"):
        check_output(tmp_path / "link", "film.mp4", overwrite=True)
    assert texts(old)["video/one/1.m4s"] == "old"


#: Ways in which a finished presentation is damaged: to what its file is cut, in bytes; None deletes it.
DAMAGES = {"deleted": None, "empty": 0, "cut": 2}


@pytest.mark.parametrize("damage", DAMAGES)
def test_require_intact_names_a_damaged_file(old, damage):
    segment = old / "video/one/1.m4s"
    track = SimpleNamespace(segments=[SimpleNamespace(url="video/one/1.m4s", bytes=3)])
    presentation = SimpleNamespace(files=files_below(old), video=[track], audio=[])
    require_intact(old, presentation)
    if DAMAGES[damage] is None:
        segment.unlink()
    else:
        segment.write_bytes(b"x" * DAMAGES[damage])
    with pytest.raises(OutputError, match=r"is damaged: video/one/1.m4s.*--overwrite"):
        require_intact(old, presentation)


def test_require_intact_accepts_one_file_with_all_segments_of_a_track(old):
    segments = [SimpleNamespace(url="video/one/1.m4s", bytes=1) for _ in range(2)]
    presentation = SimpleNamespace(files=files_below(old), video=[], audio=[SimpleNamespace(segments=segments)])
    require_intact(old, presentation)
    (old / "video/one/1.m4s").write_bytes(b"x")
    with pytest.raises(OutputError, match="has 1 bytes"):
        require_intact(old, presentation)
