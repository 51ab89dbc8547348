"""Artefacts named by the hash of what made them; each is complete and intact, or absent."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from shotladder_runtime.errors import StoreError
from shotladder_runtime.passwords import without_password
from shotladder_runtime.store import checksums, leftovers, locks, store_layout, verification
from shotladder_runtime.store.atomic_file import atomic_write
from shotladder_runtime.store.damage_log import StoreRun, begin_run

__all__ = ["Store"]

#: Environment variable that names the default store: a folder or a URL.
STORE_VARIABLE = "SHOTLADDER_STORE"


class _AlreadyWrittenError(Exception):
    """Another writer has finished the artefact."""


@dataclass(frozen=True, slots=True)
class Store:
    """Artefacts in a folder, optionally shared with other machines through a server.

    Attributes
    ----------
    root : Path
        The folder. It is created, with the marker file of a store in it, when the first artefact is written. A folder
        that holds other files is refused (`StoreError`).
    url : str or None
        Where the artefacts are for all machines; the folder then holds local copies.
    """

    root: Path
    url: str | None = None

    @classmethod
    def default(cls) -> Store:
        """Return the store of this user: the one named by `SHOTLADDER_STORE`, or a folder of the user's cache."""
        named = os.environ.get(STORE_VARIABLE)
        return cls.at(named) if named else cls(_cache_folder())

    @classmethod
    def at(cls, location: str | Path) -> Store:
        """Return the store at a folder or a URL.

        Examples
        --------
        >>> Store.at("/videos/store").root
        PosixPath('/videos/store')
        >>> Store.at("s3://bucket/store").url
        's3://bucket/store'
        """
        try:
            parts = urlsplit(str(location))
        except ValueError as error:
            raise StoreError(f"{without_password(str(location))}: is not a URL ({error})") from None
        if parts.scheme in ("file", "local"):
            return cls(Path(parts.path).absolute())
        if "://" not in str(location):
            return cls(Path(location).absolute())
        url = str(location).rstrip("/")
        copies = _cache_folder().with_name("shotladder-remote")
        return cls(copies / hashlib.blake2b(url.encode(), digest_size=8).hexdigest(), url)

    def __repr__(self) -> str:
        """Return the folder and the URL, without user and password."""
        url = None if self.url is None else without_password(self.url)
        return f"Store(root={self.root!r}, url={url!r})"

    @property
    def location(self) -> str:
        """Where the artefacts are, for messages: the URL without user and password, or the folder."""
        return without_password(self.url) if self.url else str(self.root)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by location: another machine keeps its own local copies of a remote store."""
        return (Store.at, (self.url,)) if self.url else (Store, (self.root,))

    def path(self, kind: str, cache_key: Mapping[str, Any], suffix: str) -> Path:
        """Return the path in the folder that the artefact of a cache key has or would have.

        Parameters
        ----------
        kind : str
            Kind of artefact: probe, chunk, audio...
        cache_key : mapping
            Everything that decides the content: source, frames, settings, versions of tools. JSON values only.
        suffix : str
            With the dot.
        """
        text = json.dumps({"kind": kind, **cache_key}, sort_keys=True, separators=(",", ":"))
        name = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        return self.root / kind / name[:2] / (name + suffix)

    def create(self) -> None:
        """Create the store if it does not exist: the folder with its marker, and the marker at the URL.

        Raises
        ------
        StoreError
            If the folder or the URL holds other files, or cannot be written.
        """
        store_layout.make_store(self.root)
        if self.url:
            _make_remote_store_once(self.url)

    def has(self, path: Path) -> bool:
        """Return whether an intact artefact exists, in the folder or at the URL.

        An artefact that is in the folder is then kept for as long as a run holds the store (`hold`). At the URL only
        the size is checked; `fetch` checks the content.
        """
        if store_layout.is_store(self.root) and verification.is_usable(self.root, path):
            return True
        return self.url is not None and verification.is_usable_at_url(self._remote_url(path), self.root)

    def find(self, path: Path) -> Path | None:
        """Return what `fetch` returns, or None if there is no intact artefact."""
        try:
            return self.fetch(path)
        except FileNotFoundError:
            return None

    def fetch(self, path: Path) -> Path:
        """Return the path of an intact artefact in the folder, after a download if it is only at the URL.

        It is hashed at each call, so that what is read next is what was written.

        Parameters
        ----------
        path : Path
            As the method `path` returned it, here or on the machine that made the artefact.

        Raises
        ------
        FileNotFoundError
            If the artefact is neither in the folder nor at the URL, or is damaged. A damaged artefact is removed.
        """
        local = self.root / self._name(path)
        if store_layout.is_store(self.root) and verification.is_usable(self.root, local, again=True):
            return local
        if self.url is None:
            raise FileNotFoundError(2, "this artefact is not in the store, or damaged", str(local))
        store_layout.make_store(self.root)
        url = self._remote_url(path)

        def make(part: Path) -> None:
            checksums.write(local, verification.download(url, part, self.root))

        atomic_write(local, make)
        checksums.remember(local)
        return local

    def fetch_known(self, path: Path) -> Path:
        """Return what `fetch` returns for an artefact that this run made or found before.

        Raises
        ------
        StoreError
            If it was damaged or deleted since then.
        """
        try:
            return self.fetch(path)
        except FileNotFoundError as error:
            raise StoreError(
                f"{path}: was damaged or deleted during this run; the same command makes it again"
            ) from error

    def write(self, path: Path, make: Callable[[Path], None]) -> None:
        """Make an artefact so that it appears only when it is complete, first at the URL, then in the folder.

        Parameters
        ----------
        path : Path
            As the method `path` returned it.
        make : callable
            Writes the file to the path that it is given.

        Notes
        -----
        The first of two writers counts: an intact artefact is kept, because equal keys have equal content.
        """

        def make_and_upload(part: Path) -> None:
            make(part)
            checksum = checksums.measure(part)
            # held until the artefact has its name
            locked.enter_context(locks.lock_publication(self.root, path.name))
            if verification.is_usable(self.root, path):
                raise _AlreadyWrittenError
            if self.url:
                verification.upload(part, self._remote_url(path), checksum)
            checksums.write(path, checksum)

        self.create()
        with suppress(_AlreadyWrittenError), ExitStack() as locked:
            atomic_write(path, make_and_upload)
            checksums.remember(path)

    def read_json(self, kind: str, cache_key: Mapping[str, Any]) -> Any | None:
        """Return a stored JSON artefact, or None if it does not exist or is damaged."""
        path = self.find(self.path(kind, cache_key, ".json"))
        return None if path is None else json.loads(path.read_text())

    def write_json(self, kind: str, cache_key: Mapping[str, Any], value: Any) -> None:
        """Store a JSON artefact."""
        self.write(self.path(kind, cache_key, ".json"), lambda path: _dump(path, value))

    def memoise(
        self,
        kind: str,
        cache_keys: Sequence[Mapping[str, Any]],
        compute: Callable[[Sequence[int]], Iterable[Any]],
    ) -> list[Any]:
        """Return the JSON artefacts of some cache keys; compute and store those that do not exist.

        The keys are locked together meanwhile, so that two runs on this machine never compute the same values.

        Parameters
        ----------
        kind : str
            Kind of artefact.
        cache_keys : sequence of mapping
            One per value, all different.
        compute : callable
            Takes the indices of the missing keys, increasing, and yields one JSON value for each in that order. It is
            not called if none is missing. Each value is stored as soon as it is yielded.

        Returns
        -------
        list
            One value per key, as JSON holds it: a new value is equal to one that was read (tuples are lists).

        Raises
        ------
        JobLockedError
            If another run is computing the same values now.

        Examples
        --------
        >>> store = Store(Path("store"))
        >>> store.memoise("square", [{"n": n} for n in numbers], lambda ns: (numbers[n] ** 2 for n in ns))
        ... # doctest: +SKIP
        """
        with self.lock_job(kind, cache_keys):
            values = [self.read_json(kind, cache_key) for cache_key in cache_keys]
            missing = [n for n, value in enumerate(values) if value is None]
            if missing:
                for n, value in zip(missing, compute(missing), strict=True):
                    self.write_json(kind, cache_keys[n], value)
                    values[n] = json.loads(json.dumps(value))
        return values

    def delete(self, path: Path) -> None:
        """Delete an artefact that nobody uses, in the folder and at the URL."""
        with locks.lock_for_deletion(self.root):
            for each in (path, checksums.checksum_path(path)):
                each.unlink(missing_ok=True)
        if self.url:
            verification.delete(self._remote_url(path))

    @contextmanager
    def hold(self) -> Iterator[StoreRun]:
        """Hold the store during a run: artefacts that the run looked up or made are not pruned before it ends.

        What killed runs left unfinished is deleted first. Every artefact is verified when the run first uses it.
        """
        store_layout.make_store(self.root)
        if self.url:
            # the server is asked at the start of each run, whatever this process saw there before
            store_layout.make_remote_store(self.url)
        deleted_count = leftovers.delete_leftovers(self.root)
        checksums.forget(self.root)
        has_failed = True
        try:
            with locks.hold_store(self.root):
                yield begin_run(self.root, deleted_count)
            has_failed = False
        finally:
            leftovers.delete_own_leftovers(self.root, has_failed=has_failed)
            # deleted during the run; without it, the next run would refuse what this one wrote
            with suppress(OSError, StoreError):
                store_layout.restore_marker(self.root)

    def delete_leftovers(self) -> int | None:
        """Delete what killed runs left unfinished, and return the number of files; None if no run was killed."""
        return leftovers.delete_leftovers(self.root) if store_layout.is_store(self.root) else None

    @contextmanager
    def lock_job(self, kind: str, cache_keys: Sequence[Mapping[str, Any]]) -> Iterator[None]:
        """Prevent other runs on this machine from making exactly these artefacts meanwhile.

        Raises
        ------
        JobLockedError
            If another run is making them now.
        """
        store_layout.make_store(self.root)
        names = "".join(self.path(kind, cache_key, "").name for cache_key in cache_keys)
        with locks.lock_job(self.root, hashlib.blake2b(names.encode(), digest_size=16).hexdigest()):
            yield

    def _remote_url(self, path: Path) -> str:
        return f"{self.url}/{self._name(path)}"

    def _name(self, path: Path) -> str:
        """Return the name of an artefact in any store: its kind, its folder, its file."""
        return "/".join(path.parts[-3:])


@functools.cache
def _make_remote_store_once(url: str) -> None:
    """Make a store at a URL; a process asks the server once, not for each artefact."""
    store_layout.make_remote_store(url)


def _cache_folder() -> Path:
    """Return the folder of this user's cache: `$XDG_CACHE_HOME/shotladder` or `~/.cache/shotladder` on Linux."""
    return platformdirs.user_cache_path("shotladder", appauthor=False).absolute()


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))
