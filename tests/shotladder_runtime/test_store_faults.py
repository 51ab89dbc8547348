"""What the leaves of a store do with faults: other files, locks that are not supported, disks that refuse to write."""

import errno
import fcntl
import json
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from shotladder_runtime.errors import JobLockedError, StoreError
from shotladder_runtime.store import checksums, damage_log, leftovers, locks, store_layout
from shotladder_runtime.store.atomic_file import atomic_write, delete_if_abandoned

NAME = "ab" + "0" * 30 + ".mp4"


def refuse(number):
    """Return a function that fails as the system does."""

    def fail(*args, **options):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"shotladder_store": 2}', "is a store of version 2; this shotladder supports up to version 1"),
        (b'{"shotladder_store": 0}', "is damaged"),
        (b'{"shotladder_store": ', "is damaged"),
        (b"\xff", "is damaged"),
        (b"{}", "is damaged"),
    ],
)
def test_is_store_refuses_a_marker_that_it_does_not_know(tmp_path, content, message):
    (tmp_path / store_layout.MARKER).write_bytes(content)
    with pytest.raises(StoreError, match=message):
        store_layout.is_store(tmp_path)


def test_is_store_accepts_an_older_marker_with_further_keys(tmp_path):
    (tmp_path / store_layout.MARKER).write_text(json.dumps({"shotladder_store": 1, "made": "2026"}))
    assert store_layout.is_store(tmp_path)


def test_is_store_reports_a_marker_that_cannot_be_read(tmp_path):
    (tmp_path / store_layout.MARKER).mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        store_layout.is_store(tmp_path)


def test_make_store_reports_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(store_layout, "atomic_write", refuse(errno.EROFS))
    with pytest.raises(StoreError, match="cannot be written"):
        store_layout.make_store(tmp_path)


@pytest.mark.parametrize(
    ("name", "is_known"),
    [
        (f"chunk/ab/{NAME}", store_layout.is_artefact),
        (f"chunk/ab/{NAME}.sum", store_layout.is_checksum),
        (f"chunk/ab/.{NAME.removesuffix('.mp4')}.0123abcd.mp4", store_layout.is_part),
        (f"chunk/ab/.{NAME}.0123abcd.sum", store_layout.is_part),
        (f"chunk/ab/.{NAME}.0123abcd", store_layout.is_remote_part),
        ("chunk/ab", store_layout.is_folder),
        ("chunk", store_layout.is_folder),
        (".chunk.0123abcd", store_layout.is_temporary_folder),
        (".shotladder-store.0123abcd.json", store_layout.is_marker_part),
    ],
)
def test_is_artefact_and_its_kind_know_one_form_each(name, is_known):
    kinds = {
        store_layout.is_artefact,
        store_layout.is_checksum,
        store_layout.is_part,
        store_layout.is_remote_part,
        store_layout.is_folder,
        store_layout.is_temporary_folder,
        store_layout.is_marker_part,
    }
    assert [kind for kind in kinds if kind(name)] == [is_known]


@pytest.mark.parametrize("name", [f"chunk/cd/{NAME}", f"chunk/{NAME}", "chunk/ab/notes.mp4", f"Chunk/ab/{NAME}"])
def test_is_artefact_refuses_other_names(name):
    assert not store_layout.is_artefact(name)


@pytest.mark.parametrize(
    ("content", "is_valid"),
    [
        (f"8 {'0' * 32} {NAME}\n", True),
        (f"8 {'0' * 32}\n", True),
        (f"8 {'0' * 32} other.mp4\n", False),
        (f"8 {'0' * 31}g {NAME}\n", False),
        (f"8 {'0' * 32} {NAME}", False),
        ("", False),
        ("\udcff", False),
    ],
)
def test_parse_returns_checksums_of_this_artefact_only(content, is_valid):
    found = checksums.parse(content.encode("utf-8", "surrogateescape"), NAME)
    assert found == (checksums.Checksum(8, "0" * 32) if is_valid else None)


def test_is_intact_hashes_a_file_again_when_asked_or_forgotten_or_changed(tmp_path):
    path = tmp_path / NAME
    path.write_bytes(b"12345678")
    checksums.write(path, checksums.measure(path))
    assert checksums.is_intact(path)
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(b"12345679")
    os.utime(path, ns=times)
    assert checksums.is_intact(path), "it was found intact before, and has the same size and time"
    assert not checksums.is_intact(path, again=True)
    checksums.forget(tmp_path / "other")
    assert checksums.is_intact(path)
    checksums.forget(tmp_path)
    assert not checksums.is_intact(path)
    path.unlink()
    assert checksums.is_intact(path) is False


def test_write_of_a_checksum_does_not_wait_for_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", refuse(errno.EIO))
    checksums.write(tmp_path / NAME, checksums.Checksum(8, "0" * 32))
    assert (tmp_path / f"{NAME}.sum").read_text() == f"8 {'0' * 32} {NAME}\n"


def test_remember_makes_a_file_intact_until_it_changes(tmp_path):
    path = tmp_path / NAME
    path.write_bytes(b"12345678")
    checksums.remember(path)
    assert checksums.is_intact(path)
    path.write_bytes(b"123456789")
    assert not checksums.is_intact(path)


def test_log_damage_lists_each_name_once_after_the_start_of_a_run(tmp_path):
    damage_log.log_damage(tmp_path, "chunk/ab/before")
    run = damage_log.begin_run(tmp_path, 3)
    assert run.deleted_count == 3
    assert run.damaged() == ()
    for name in ("chunk/ab/1", "chunk/ab/2", "chunk/ab/1"):
        damage_log.log_damage(tmp_path, name)
    assert run.damaged() == ("chunk/ab/1", "chunk/ab/2")


def test_log_damage_begins_a_new_file_when_the_log_is_large(tmp_path, monkeypatch):
    monkeypatch.setattr(damage_log, "MAX_SIZE", 40)
    run = damage_log.begin_run(tmp_path, None)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for n in range(12):
        damage_log.log_damage(tmp_path, f"chunk/ab/{n:04}")
        assert (tmp_path / ".damaged").stat().st_size <= 40 + len("chunk/ab/0000\n")
    assert len(list(Path("/proc/self/fd").iterdir())) == before, "the log is closed"
    assert run.damaged()[-1] == "chunk/ab/0011"
    later = damage_log.begin_run(tmp_path, None)
    (tmp_path / ".damaged").write_text("a\n")
    assert later.damaged() == ("a",), "a log that is smaller than at the start of the run is a new one"


def test_log_damage_needs_no_store_that_can_be_written_and_follows_no_link(tmp_path):
    damage_log.log_damage(tmp_path / "absent", "chunk/ab/1")
    run = damage_log.begin_run(tmp_path / "absent", None)
    assert (run.start, run.damaged()) == (0, ())
    (tmp_path / ".damaged").symlink_to(tmp_path / "mine.txt")
    damage_log.log_damage(tmp_path, "chunk/ab/1")
    assert not (tmp_path / "mine.txt").exists()


def test_mark_used_keeps_the_time_when_the_artefact_was_made(tmp_path):
    path = tmp_path / NAME
    assert not locks.mark_used(tmp_path, path)
    path.touch()
    os.utime(path, (10, 20))
    assert locks.get_last_use(path.stat()) == 20
    assert locks.mark_used(tmp_path, path)
    assert path.stat().st_mtime == 20
    assert locks.get_last_use(path.stat()) == path.stat().st_atime > 1e9


@pytest.mark.parametrize(("number", "is_used"), [(errno.ENOENT, False), (errno.EPERM, True)])
def test_mark_used_accepts_files_that_vanish_or_belong_to_another_user(tmp_path, monkeypatch, number, is_used):
    path = tmp_path / NAME
    path.touch()
    monkeypatch.setattr(os, "utime", refuse(number))
    assert locks.mark_used(tmp_path, path) is is_used


def test_lock_lookups_goes_on_in_a_store_of_another_user(tmp_path, monkeypatch):
    path = tmp_path / NAME
    path.touch()
    monkeypatch.setattr(os, "open", refuse(errno.EACCES))
    assert locks.mark_used(tmp_path, path)


def test_lock_for_deletion_waits_for_lookups(tmp_path):
    path = tmp_path / NAME
    path.touch()
    done = threading.Event()
    with locks.lock_for_deletion(tmp_path):
        thread = threading.Thread(target=lambda: (locks.mark_used(tmp_path, path), done.set()))
        thread.start()
        assert not done.wait(0.05)
    assert done.wait(60)
    thread.join()


def test_find_oldest_run_ignores_other_files_and_forgets_killed_runs(tmp_path):
    assert locks.find_oldest_run(tmp_path, forget_ended=True) is None
    assert not locks.has_killed_run(tmp_path)
    runs = tmp_path / ".runs"
    runs.mkdir()
    (runs / "notes").touch()
    (runs / "tmp01234567").symlink_to(runs / "notes")
    assert not locks.has_killed_run(tmp_path)
    killed = runs / "tmp0123abcd"
    killed.touch()
    assert locks.has_killed_run(tmp_path)
    with locks.hold_store(tmp_path):
        (held,) = {path.name for path in runs.iterdir()} - {"notes", "tmp01234567", "tmp0123abcd"}
        begun = (runs / held).stat().st_mtime
        assert locks.find_oldest_run(tmp_path, forget_ended=False) == begun
        assert killed.exists()
        assert locks.has_killed_run(tmp_path)
        assert locks.find_oldest_run(tmp_path, forget_ended=True) == begun
        assert not killed.exists()
    assert {path.name for path in runs.iterdir()} == {"notes", "tmp01234567"}


@pytest.mark.parametrize("name", [".runs", ".jobs"])
def test_hold_store_and_lock_job_refuse_links_to_other_folders(tmp_path, name):
    (tmp_path / "other").mkdir()
    (tmp_path / name).symlink_to(tmp_path / "other")
    with (
        pytest.raises(StoreError, match="is a link"),
        locks.hold_store(tmp_path) if name == ".runs" else locks.lock_job(tmp_path, "job"),
    ):
        pass
    locks.delete_unlocked_jobs(tmp_path)
    assert not list((tmp_path / "other").iterdir())


def test_lock_job_ignores_attempts_of_other_numbers(tmp_path):
    with locks.lock_job(tmp_path, "job"):
        assert [path.name for path in (tmp_path / ".jobs").iterdir()] == ["job"]
        with pytest.raises(JobLockedError, match="another run does this job now"), locks.lock_job(tmp_path, "job"):
            pass
        with locks.number_attempt(2), locks.lock_job(tmp_path, "job"):
            assert (tmp_path / ".jobs" / "job.2").exists()
        with pytest.raises(JobLockedError), locks.lock_job(tmp_path, "job"):
            pass
    assert not list((tmp_path / ".jobs").iterdir())


def test_lock_job_and_hold_store_close_their_files(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with locks.hold_store(tmp_path), locks.lock_job(tmp_path, "job"):
            with suppress(JobLockedError), locks.lock_job(tmp_path, "job"):
                pass
            locks.delete_unlocked_jobs(tmp_path)
            locks.find_oldest_run(tmp_path, forget_ended=True)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_lock_job_keeps_the_lock_file_of_a_process_that_took_the_lock(tmp_path):
    path = tmp_path / ".jobs" / "job"
    with locks.lock_job(tmp_path, "job"):
        path.unlink()
        path.touch()
    assert path.exists()
    locks.delete_unlocked_jobs(tmp_path)
    assert not path.exists()


def test_delete_unlocked_jobs_keeps_jobs_in_progress(tmp_path):
    locks.delete_unlocked_jobs(tmp_path)
    with locks.lock_job(tmp_path, "job"):
        (tmp_path / ".jobs" / "left").touch()
        locks.delete_unlocked_jobs(tmp_path)
        assert [path.name for path in (tmp_path / ".jobs").iterdir()] == ["job"]


def test_delete_leftovers_reports_none_without_a_killed_run_and_keeps_parts(tmp_path):
    part = tmp_path / f"chunk/ab/.{NAME.removesuffix('.mp4')}.0123abcd.mp4"
    part.parent.mkdir(parents=True)
    part.touch()
    assert leftovers.delete_leftovers(tmp_path) is None
    leftovers.delete_own_leftovers(tmp_path, has_failed=False)
    assert part.exists(), "the search is left out"
    (tmp_path / ".runs").mkdir()
    (tmp_path / ".runs" / "tmp0123abcd").touch()
    mine = part.with_name(".notes.mp4")
    mine.touch()
    assert leftovers.delete_leftovers(tmp_path) == 1
    assert not locks.has_killed_run(tmp_path), "it is reported once"
    assert not part.exists()
    assert mine.exists()
    part.touch()
    leftovers.delete_own_leftovers(tmp_path, has_failed=True)
    assert not part.exists()
    leftovers.delete_own_leftovers(tmp_path / "absent", has_failed=True)


def test_atomic_write_needs_no_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refuse(errno.ENOLCK))
    atomic_write(tmp_path / "a.json", lambda part: part.write_text("{}"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "{}"


@pytest.mark.parametrize("is_durable", [True, False])
def test_atomic_write_waits_for_the_disk_before_the_file_has_its_name(tmp_path, monkeypatch, is_durable):
    path, named = tmp_path / "folder" / "a.json", []
    monkeypatch.setattr(os, "fsync", lambda handle: named.append(path.exists()))
    atomic_write(path, lambda part: part.write_text(part.suffix), is_durable=is_durable)
    assert named == ([False] if is_durable else [])
    assert path.read_text() == ".json"
    umask = os.umask(0o027)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_delete_if_abandoned_keeps_files_in_use_and_links(tmp_path):
    path, link, mine = tmp_path / "a", tmp_path / "link", tmp_path / "mine.txt"
    assert delete_if_abandoned(path) is False
    path.touch()
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert delete_if_abandoned(path) is False
    assert delete_if_abandoned(path) is True
    assert not path.exists()
    mine.touch()
    link.symlink_to(mine)
    assert not delete_if_abandoned(link)
    assert link.is_symlink()
    assert Path(mine).exists()


def count_open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_lock_job_closes_the_files_of_locks_that_it_does_not_get(tmp_path):
    with locks.lock_job(tmp_path, "job"):
        before = count_open_files()
        for _ in range(5):
            with pytest.raises(JobLockedError), locks.lock_job(tmp_path, "job"):
                pass
        assert count_open_files() == before


def test_lock_job_takes_the_file_that_others_can_find_and_closes_the_other(tmp_path, monkeypatch):
    path, real, deleted = tmp_path / locks.JOBS / "job", fcntl.flock, []
    before = count_open_files()

    def flock(handle, kind):
        # the previous holder deletes the file between open and flock; once a third run makes another
        if len(deleted) < 2:
            path.unlink()
            if deleted:
                path.touch()
            deleted.append(handle)
        real(handle, kind)

    monkeypatch.setattr(fcntl, "flock", flock)
    with locks.lock_job(tmp_path, "job"):
        assert path.is_file()
        assert count_open_files() == before + 1
    assert not path.exists()
    assert count_open_files() == before and len(deleted) == 2


def test_is_store_reports_a_folder_that_it_cannot_list(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "iterdir", refuse(errno.EACCES))
    with pytest.raises(StoreError, match="cannot be read \\(Permission denied\\)"):
        store_layout.is_store(tmp_path)
