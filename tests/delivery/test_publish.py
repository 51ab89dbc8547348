"""A published presentation is complete at every moment, on folders and real servers."""

import json
import shutil
import subprocess
import threading

import pytest

import delivery
from delivery.publishing.publication import DOCUMENT
from delivery.targets.media_types import headers_of
from tests.delivery.complete import named_files
from tests.delivery.servers import nginx_server


def complete(target) -> set[str]:
    """Return the files that the manifests name, after a check that they are there."""
    named = named_files(target.read)
    assert set(target.find_sizes(named)) == named
    return named


class Broken(RuntimeError):
    pass


class Recording:
    """A target that records calls, and breaks at a given upload or deletion."""

    def __init__(self, target, stop=None):
        self.target, self.stop, self.calls = target, stop, []
        self.lock = threading.Lock()

    def __getattr__(self, name):
        return getattr(self.target, name)

    def _record(self, call):
        with self.lock:
            if self.stop is not None and len(self.calls) >= self.stop:
                raise Broken
            self.calls.append(call)

    def put(self, content, path, headers):
        self._record(("put", path))
        self.target.put(content, path, headers)

    def delete(self, path):
        self._record(("delete", path))
        self.target.delete(path)


@pytest.mark.parametrize("name", ["first", "ranges"])
def test_publish_makes_every_named_file_available(presentations, url, name):
    release, target = delivery.make_release(presentations[name]), delivery.open_target(url)
    result = delivery.publish(release, target)
    named = complete(target)
    assert named == {file.path for file in release.media + release.playlists}
    assert set(result.sent) == {file.path for file in release.files}
    for file in release.media:
        assert target.read(file.path) == file.content.read_bytes()
    again = delivery.publish(release, target)
    assert again.sent == () and len(again.kept) == len(release.files)


def test_publish_keeps_old_files_until_prune(presentations, url):
    first, second = (delivery.make_release(presentations[name]) for name in ("first", "second"))
    target = delivery.open_target(url)
    delivery.publish(first, target)
    old = complete(target)
    result = delivery.publish(second, target)
    new = complete(target)
    # the lower rung did not change and is not sent again
    assert not any("/low/" in path for path in result.sent)
    assert set(target.find_sizes(old)) == old
    assert result.old_files == len(old - new) > 0
    kept = delivery.publish(second, target, prune=3600)
    assert kept.deleted == ()
    pruned = delivery.publish(second, target, prune=0)
    assert set(pruned.deleted) == old - new and pruned.old_files == 0
    assert target.find_sizes(old - new) == {}
    assert complete(target) == new


def test_unpublish_deletes_manifests_first_and_everything_of_its_own(presentations, url):
    release, target = delivery.make_release(presentations["first"]), Recording(delivery.open_target(url))
    delivery.publish(release, target)
    target.calls.clear()
    deleted = delivery.unpublish(target)
    assert [path for _, path in target.calls][:2] == ["master.m3u8", "manifest.mpd"]
    assert target.calls[-1] == ("delete", DOCUMENT)
    assert set(deleted) == {file.path for file in release.files}
    assert target.find_sizes([*deleted, DOCUMENT]) == {}
    with pytest.raises(delivery.PublishError, match="holds no published presentation"):
        delivery.unpublish(target)


def test_publish_sends_media_then_playlists_then_manifests(presentations, tmp_path):
    release = delivery.make_release(presentations["first"])
    target = Recording(delivery.open_target(tmp_path / "target"))
    delivery.publish(release, target)
    order = [path for _, path in target.calls]
    assert order[0] == order[-1] == DOCUMENT
    assert order[-3:-1] == ["manifest.mpd", "master.m3u8"]
    media = len(release.media)
    assert set(order[1 : media + 1]) == {file.path for file in release.media}
    assert all(path.endswith(".m3u8") for path in order[media + 1 : -3])


def test_publish_stopped_anywhere_leaves_complete_manifests_and_sends_nothing_twice(presentations, tmp_path):
    first, second = (delivery.make_release(presentations[name]) for name in ("first", "second"))
    total = len(second.files) + 2
    for stop in range(total):
        inner = delivery.open_target(tmp_path / str(stop))
        delivery.publish(first, inner)
        broken, whole = Recording(inner, stop), Recording(inner)
        try:
            delivery.publish(second, broken, prune=0)
        except Broken:
            complete(inner)
        delivery.publish(second, whole, prune=0)
        named = complete(inner)
        sent = [path for action, path in broken.calls + whole.calls if action == "put" and path != DOCUMENT]
        assert len(sent) == len(set(sent))
        there = {path.relative_to(inner.folder).as_posix() for path in inner.folder.rglob("*") if path.is_file()}
        assert there == named | {"manifest.mpd", "master.m3u8", DOCUMENT}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda text: text[:50], r"is damaged \("),
        (lambda text: text.replace('_publication":1', '_publication":2'), "was written by a newer shotladder"),
        (lambda text: text.replace('"media":["', '"media":["../outside","'), "names files outside the target"),
        (lambda text: text.replace('"media":["', '"media":["a/../../outside","'), "names files outside the target"),
        (lambda text: text.replace('"media":["', '"media":["/outside","'), "names files outside the target"),
    ],
)
def test_publish_and_unpublish_refuse_a_document_that_is_not_valid(presentations, tmp_path, change, fault):
    release, target = delivery.make_release(presentations["first"]), delivery.open_target(tmp_path / "target")
    delivery.publish(release, target)
    document = tmp_path / "target" / DOCUMENT
    document.write_text(change(document.read_text()))
    for act in (lambda: delivery.publish(release, target), lambda: delivery.unpublish(target)):
        with pytest.raises(delivery.PublishError, match=rf"{DOCUMENT}: [^\n]*{fault}"):
            act()
    complete(target)


def test_publish_names_a_file_that_changed_meanwhile_and_deletes_it(presentations, tmp_path):
    folder = shutil.copytree(presentations["first"], tmp_path / "show")
    release, inner = delivery.make_release(folder), delivery.open_target(tmp_path / "target")

    class Changing(Recording):
        def put(self, content, path, headers):
            super().put(content, path, headers)
            if path == release.media[0].path:
                content.write_bytes(content.read_bytes() + b"more")

    with pytest.raises(delivery.PublishError, match="changed while it was published; repeat the command"):
        delivery.publish(release, Changing(inner))
    assert inner.read(release.media[0].path) is None


def test_folder_target_names_a_copy_of_another_size(tmp_path, monkeypatch):
    (tmp_path / "whole").write_bytes(b"whole")
    target = delivery.open_target(tmp_path / "target")
    monkeypatch.setattr(shutil, "copyfile", lambda source, part: part.write_bytes(b"half"))
    with pytest.raises(delivery.TargetError, match=r"a/b\.bin has 4 bytes instead of 5"):
        target.put(tmp_path / "whole", "a/b.bin", headers_of("a/b.bin", is_immutable=True))
    assert not list((tmp_path / "target" / "a").iterdir())


def test_folder_target_names_a_path_that_cannot_be_read(tmp_path):
    target = delivery.open_target(tmp_path)
    for read in (target.read, lambda path: target.find_sizes([path])):
        with pytest.raises(delivery.TargetError, match=f"^{tmp_path}: cannot be read [^\n]+$"):
            read("a" * 300)


def test_publish_sends_a_file_again_that_is_incomplete(presentations, tmp_path):
    release, target = delivery.make_release(presentations["first"]), delivery.open_target(tmp_path / "target")
    delivery.publish(release, target)
    (tmp_path / "target" / release.media[0].path).write_bytes(b"half")
    assert delivery.publish(release, target).sent == (release.media[0].path,)


def test_publish_deletes_unfinished_uploads_of_killed_runs(presentations, tmp_path):
    release, target = delivery.make_release(presentations["first"]), delivery.open_target(tmp_path / "target")
    delivery.publish(release, target)
    place = tmp_path / "target" / release.media[0].path
    part = place.with_name(f".{place.stem}.0123abcd{place.suffix}")
    other = place.with_name(".notes.0123abcd.txt")
    for file in (part, other):
        file.write_bytes(b"half")
    delivery.publish(release, target)
    assert not part.exists() and other.exists()


def test_publish_refuses_a_target_with_other_files(presentations, url):
    release, target = delivery.make_release(presentations["first"]), delivery.open_target(url)
    target.put(b"mine", "manifest.mpd", release.media[0].headers)
    with pytest.raises(delivery.PublishError, match=r"holds other files.*--overwrite"):
        delivery.publish(release, target)
    assert target.read("manifest.mpd") == b"mine"
    delivery.publish(release, target, overwrite=True)
    complete(target)


def test_publish_refuses_a_target_in_the_presentation(presentations):
    release = delivery.make_release(presentations["first"])
    before = sorted(presentations["first"].rglob("*"))
    for place in (presentations["first"], presentations["first"] / "www"):
        with pytest.raises(delivery.PublishError, match="lies in the presentation itself"):
            delivery.publish(release, delivery.open_target(place), overwrite=True)
    assert sorted(presentations["first"].rglob("*")) == before


def test_publish_refuses_to_replace_another_title(presentations, tmp_path):
    target = delivery.open_target(tmp_path / "target")
    delivery.publish(delivery.make_release(presentations["first"]), target)
    other = shutil.copytree(presentations["first"], tmp_path / "other")
    with pytest.raises(delivery.PublishError, match=r"holds the presentation 'show'"):
        delivery.publish(delivery.make_release(other), target)


def test_publish_stops_when_another_process_publishes(presentations, tmp_path):
    release, target = delivery.make_release(presentations["first"]), delivery.open_target(tmp_path / "target")

    class Raced(Recording):
        def put(self, content, path, headers):
            super().put(content, path, headers)
            if path == release.playlists[-1].path:
                document = json.loads(self.target.read(DOCUMENT)) | {"writer": "another"}
                self.target.put(json.dumps(document).encode(), DOCUMENT, headers)

    with pytest.raises(delivery.PublishError, match="another process publishes"):
        delivery.publish(release, Raced(target))
    assert target.read("manifest.mpd") is None


def test_publish_sets_content_types_and_cache_headers(presentations, s3_url):
    import s3fs

    release = delivery.make_release(presentations["first"])
    delivery.publish(release, delivery.open_target(s3_url))
    for path, kind, cache in (
        ("manifest.mpd", "application/dash+xml", "public, max-age=2"),
        (release.media[-1].path, "video/mp4", "public, max-age=31536000, immutable"),
    ):
        head = s3fs.S3FileSystem().call_s3("head_object", Bucket=s3_url.split("/")[2], Key=f"show/{path}")
        assert (head["ContentType"], head["CacheControl"]) == (kind, cache)


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("limit_except GET HEAD { deny all; }", "access is refused"),
        ("if ($request_method = PUT) { return 507; }", "the disk is full"),
        ("if ($request_method = PUT) { return 401; }", "the credentials are refused"),
    ],
)
def test_publish_names_the_fault_of_a_server_without_credentials(presentations, tmp_path, rules, reason):
    release = delivery.make_release(presentations["first"])
    with nginx_server(tmp_path / "nginx", rules=rules) as address:
        url = address.replace("//", "//anna:s3cret@") + "/show"
        with pytest.raises(delivery.TargetError, match=reason) as caught:
            delivery.publish(release, delivery.open_target(url))
    assert "s3cret" not in str(caught.value) and "anna" not in str(caught.value)


@pytest.mark.parametrize(("option", "reason"), [("size=64k", "the disk is full"), ("ro", "the target is read-only")])
def test_publish_names_a_full_or_read_only_disk(presentations, tmp_path, option, reason):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", option, "none", str(disk)], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with pytest.raises(delivery.TargetError, match=f"cannot be written \\({reason}\\)"):
            delivery.publish(delivery.make_release(presentations["first"]), delivery.open_target(disk))
        assert not (disk / "manifest.mpd").exists() and not (disk / "master.m3u8").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_publish_creates_folders_where_the_server_does_not(presentations, tmp_path):
    release = delivery.make_release(presentations["first"])
    with nginx_server(tmp_path / "nginx", full="off") as address:
        target = delivery.open_target(f"{address}/show")
        delivery.publish(release, target)
        assert complete(target)


@pytest.mark.parametrize(
    "url",
    ["http://anna:s3cret@127.0.0.1:1/show", "sftp://anna:s3cret@127.0.0.1:1/show", "nowhere://anna:s3cret@host/x"],
)
def test_publish_names_an_absent_server_without_credentials(presentations, url, monkeypatch):
    monkeypatch.setattr("delivery.targets.http_target.PAUSE", 0)
    monkeypatch.setattr("delivery.targets.fsspec_target.PAUSE", 0)
    with pytest.raises(delivery.TargetError, match=r"127\.0\.0\.1:1|host") as caught:
        delivery.publish(delivery.make_release(presentations["first"]), delivery.open_target(url))
    assert "s3cret" not in str(caught.value) and "anna" not in str(caught.value)


@pytest.mark.parametrize("url", ["gs://", "gs:///show", "gcs://Bucket/show", "s3://a/show", "s3://-bucket/show"])
def test_open_target_refuses_an_address_without_a_bucket(url):
    with pytest.raises(delivery.TargetError, match="name of a bucket"):
        delivery.open_target(url)


@pytest.mark.parametrize("url", ["http://anna:s3cret@host:port/show", "http://anna:s3cret@[host/show"])
def test_open_target_refuses_what_is_not_a_url_without_its_password(url):
    with pytest.raises(delivery.TargetError, match="is not a URL") as caught:
        delivery.open_target(url)
    assert "s3cret" not in str(caught.value)


def test_open_target_takes_a_url_of_a_folder(tmp_path):
    assert delivery.open_target(f"file://{tmp_path}/a%20b").folder == tmp_path / "a b"


@pytest.mark.parametrize("url", ["gs://my-bucket/show", "gcs://my.bucket_1", "s3://key:secret@bucket/show"])
def test_open_target_accepts_buckets_and_hides_passwords(url):
    assert "secret" not in delivery.open_target(url).location
