"""Publish a presentation so that no manifest at the target ever names a file that is missing or incomplete."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from delivery.errors import PublishError
from delivery.publishing.publication import (
    DOCUMENT,
    Publication,
    new_publication,
    read_publication,
    write_publication,
)
from delivery.publishing.release import Release, ReleaseFile
from delivery.publishing.withdrawal import delete_replaced
from delivery.targets.target import Target
from shotladder_runtime.progress import Progress, progress_callback

__all__ = ["PublishResult", "publish"]

#: Concurrent uploads (chosen by hand): more do not fill a connection better, and servers refuse many.
UPLOADS = 4


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What a run did.

    Attributes
    ----------
    location : str
        The target without user and password.
    release : str
        Id of the release.
    sent, kept, deleted : tuple of str
        Files that were uploaded, that were complete at the target before, and that were deleted.
    sent_bytes : int
    old_files : int
        Files of replaced releases that remain.
    """

    location: str
    release: str
    sent: tuple[str, ...]
    kept: tuple[str, ...]
    deleted: tuple[str, ...]
    sent_bytes: int
    old_files: int


def publish(
    release: Release,
    target: Target,
    *,
    overwrite: bool = False,
    prune: float | None = None,
    bytes_per_second: float | None = None,
    progress: bool | Progress | None = None,
) -> PublishResult:
    """Publish a release: media first, then media playlists, the DASH manifest, and the HLS master playlist last.

    Parameters
    ----------
    release : Release
    target : Target
    overwrite : bool
        Whether to publish into a target that holds other files, or a presentation with another title.
    prune : float, optional
        Delete the files of releases that were replaced this many seconds ago or earlier. By default nothing.
    bytes_per_second : float, optional
        Limit of the mean upload rate, bytes/s.
    progress : bool or callable, optional
        Called with (bytes done, total bytes).

    Raises
    ------
    PublishError
        When the target holds something else, another process publishes there, or a file changes meanwhile.
    TargetError
        When the target cannot be read or written.

    Notes
    -----
    A run that is killed leaves the previous release as it was; the same call continues it, and sends no file again that
    is complete at the target.
    """
    report = progress_callback(progress, "publish")
    found = read_publication(target)
    _check_target(release, target, found, overwrite=overwrite)
    publication = found or new_publication(release.title)
    publication = msgspec.structs.replace(publication, title=release.title, writer=new_publication("").writer)
    live = next((each for each in publication.releases if each.state == "live"), None)
    if live is None or live.id != release.id:
        publication = publication.with_release(release, "uploading", time.time())
    write_publication(target, publication)
    early = (*release.media, *release.playlists)
    present = target.find_sizes(file.path for file in early) if found else {}
    missing = [file for file in early if present.get(file.path) != file.size]
    changed = [file for file in release.manifests if target.read(file.path) != file.content]
    meter = _Meter(report, sum(file.size for file in (*missing, *changed)), bytes_per_second)
    paths = {file.path for file in release.media}
    for group in ([f for f in missing if f.path in paths], [f for f in missing if f.path not in paths]):
        _upload(group, target, meter)
    _check_writer(target, publication)
    for file in changed:
        _upload([file], target, meter)
    publication = publication.with_release(release, "live", time.time())
    write_publication(target, publication)
    deleted: Sequence[str] = ()
    if prune is not None:
        publication, deleted = delete_replaced(target, publication, prune)
    target.delete_leftovers([*(file.path for file in release.files), DOCUMENT])
    sent = (*missing, *changed)
    sent_paths = {file.path for file in sent}
    current = {file.path for file in release.files}
    return PublishResult(
        target.location,
        release.id,
        tuple(file.path for file in sent),
        tuple(file.path for file in release.files if file.path not in sent_paths),
        tuple(deleted),
        sum(file.size for file in sent),
        len({path for each in publication.releases for path in (*each.media, *each.playlists)} - current),
    )


def _check_target(release: Release, target: Target, found: Publication | None, *, overwrite: bool) -> None:
    folder: Path | None = getattr(target, "folder", None)
    if folder is not None and folder.resolve().is_relative_to(release.source.resolve()):
        raise PublishError(f"{target.location}: lies in the presentation itself; name another place")
    if overwrite:
        return
    if found is None and not target.is_empty([file.path for file in release.manifests] or [DOCUMENT]):
        raise PublishError(
            f"{target.location}: holds other files; name another place, or use --overwrite to publish beside them"
        )
    if found is not None and found.title != release.title:
        raise PublishError(
            f"{target.location}: holds the presentation {found.title!r}; name another place, or use --overwrite to"
            f" replace it by {release.title!r}"
        )


def _check_writer(target: Target, publication: Publication) -> None:
    """Check that no other process has begun to publish to the target."""
    found = read_publication(target)
    if found is None or found.writer != publication.writer:
        raise PublishError(f"{target.location}: another process publishes there; repeat the command when it is done")


class _Meter:
    """Counts the bytes that threads have sent, and delays them to a mean rate."""

    def __init__(self, report: Progress, total: int, rate: float | None) -> None:
        self._report, self._total, self._rate = report, total, rate
        self._lock = threading.Lock()
        self._start, self._done = time.monotonic(), 0

    def add(self, size: int) -> None:
        with self._lock:
            self._done += size
            done = self._done
            self._report(done, self._total)
        if self._rate:
            time.sleep(max(self._start + done / self._rate - time.monotonic(), 0))


def _upload(files: Iterable[ReleaseFile], target: Target, meter: _Meter) -> None:
    def send(file: ReleaseFile) -> None:
        before = _stamp(file)
        target.put(file.content, file.path, file.headers)
        if _stamp(file) != before:
            target.delete(file.path)
            raise PublishError(f"{file.content!s}: changed while it was published; repeat the command")
        meter.add(file.size)

    files = list(files)
    with ThreadPoolExecutor(UPLOADS) as pool:
        futures = [pool.submit(send, file) for file in files]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _stamp(file: ReleaseFile) -> tuple[int, int] | None:
    if not isinstance(file.content, Path):
        return None
    try:
        status = file.content.stat()
    except OSError as error:
        raise PublishError(f"{file.content}: cannot be read ({error.strerror})") from error
    return status.st_size, status.st_mtime_ns
