"""Artefacts named by the hash of what made them, whole or not there at all."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shotladder_runtime.store import locks, remote, store_layout
from shotladder_runtime.store.atomic_file import atomic_write

__all__ = ["Store"]


@dataclass(frozen=True, slots=True)
class Store:
    """Artefacts in a folder, and perhaps on a server behind it that other machines share.

    Attributes
    ----------
    root : Path
        The folder; made, with the marker of a store in it, when the first artefact is. One that holds other files is
        refused (`StoreError`).
    url : str or None
        Where the artefacts are for everybody; what is in the folder then is there as well.
    """

    root: Path
    url: str | None = None

    @classmethod
    def default(cls) -> Store:
        """Return the store of this user: what `SHOTLADDER_STORE` names, or a folder of the cache."""
        named = os.environ.get("SHOTLADDER_STORE")
        return cls.at(named) if named else cls(_cache())

    @classmethod
    def at(cls, place: str | Path) -> Store:
        """Return the store at a folder or a URL.

        Examples
        --------
        >>> Store.at("/films/store").root
        PosixPath('/films/store')
        >>> Store.at("s3://bucket/store").url
        's3://bucket/store'
        """
        parts = urlsplit(str(place))
        if parts.scheme in ("file", "local"):
            return cls(Path(parts.path).absolute())
        if "://" not in str(place):
            return cls(Path(place).absolute())
        url = str(place).rstrip("/")
        return cls(_cache().with_name("shotladder-far") / hashlib.blake2b(url.encode(), digest_size=8).hexdigest(), url)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another machine, which has a cache of its own of what lies at a URL."""
        return (Store.at, (self.url,)) if self.url else (Store, (self.root,))

    def path(self, kind: str, cache_key: Mapping[str, Any], suffix: str) -> Path:
        """Return where the artefact of a cache key is or would be in the folder.

        Parameters
        ----------
        kind : str
            What it is: probe, chunk, audio...
        cache key : mapping
            Everything that decides its content: source, frames, settings, versions of tools. JSON values only.
        suffix : str
            With the dot.
        """
        text = json.dumps({"kind": kind, **cache_key}, sort_keys=True, separators=(",", ":"))
        name = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        return self.root / kind / name[:2] / (name + suffix)

    def create(self) -> None:
        """Make the store if nobody has: the folder and its marker, and the marker at the URL.

        Raises
        ------
        StoreError
            If the folder or the URL holds other files, or cannot be written.
        """
        store_layout.make_store(self.root)
        if self.url:
            _make_far_store_once(self.url)

    def has(self, path: Path) -> bool:
        """Tell whether an artefact is there, in the folder or at the URL.

        One that is in the folder then stays there for as long as a run holds the store (`in_use`).
        """
        if store_layout.is_store(self.root) and locks.touch(self.root, path):
            return True
        return self.url is not None and remote.exists(self._far(path))

    def fetch(self, path: Path) -> Path:
        """Return where an artefact is in the folder, brought there if need be.

        Parameters
        ----------
        path : Path
            As `path` named it, here or on the machine that made it.

        Raises
        ------
        FileNotFoundError
            If it is neither in the folder nor at the URL.
        """
        here = self.root / self._name(path)
        if store_layout.is_store(self.root) and locks.touch(self.root, here):
            return here
        if self.url is None:
            raise FileNotFoundError(2, "this artefact is no longer in the store", str(here))
        store_layout.make_store(self.root)
        atomic_write(here, lambda part: remote.download(self._far(path), part))
        return here

    def write(self, path: Path, make: Callable[[Path], None]) -> None:
        """Make an artefact so that it appears only when it is whole, first at the URL, then in the folder.

        Parameters
        ----------
        path : Path
            As `path` named it.
        make : callable
            Writes the file under the name that it is given.
        """

        def make_and_send(part: Path) -> None:
            make(part)
            if self.url:
                remote.upload(part, self._far(path))

        self.create()
        atomic_write(path, make_and_send)

    def read_json(self, kind: str, cache_key: Mapping[str, Any]) -> Any | None:
        """Return a stored JSON artefact, or None if there is none."""
        try:
            return json.loads(self.fetch(self.path(kind, cache_key, ".json")).read_text())
        except FileNotFoundError:
            return None

    def write_json(self, kind: str, cache_key: Mapping[str, Any], value: Any) -> None:
        """Store a JSON artefact."""
        self.write(self.path(kind, cache_key, ".json"), lambda path: _dump(path, value))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Hold the store during a run: what the run has asked for or made is not pruned before it ends."""
        store_layout.make_store(self.root)
        if self.url:
            # at the start of a run the server is asked, whatever was seen there before
            store_layout.make_far_store(self.url)
        with locks.lease(self.root):
            yield

    @contextmanager
    def claim(self, kind: str, cache_keys: Sequence[Mapping[str, Any]]) -> Iterator[None]:
        """Keep other runs on this machine from making just these artefacts meanwhile.

        Raises
        ------
        JobLockedError
            If another run is making them now.
        """
        store_layout.make_store(self.root)
        names = "".join(self.path(kind, cache_key, "").name for cache_key in cache_keys)
        with locks.claim(self.root, hashlib.blake2b(names.encode(), digest_size=16).hexdigest()):
            yield

    def _far(self, path: Path) -> str:
        return f"{self.url}/{self._name(path)}"

    def _name(self, path: Path) -> str:
        """Return an artefact's name in any store: its kind, its folder, its file."""
        return "/".join(path.parts[-3:])


@functools.cache
def _make_far_store_once(url: str) -> None:
    """Make a store at a URL; a process asks the server once, not for each artefact."""
    store_layout.make_far_store(url)


def _cache() -> Path:
    return (Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shotladder").absolute()


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))
