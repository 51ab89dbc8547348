"""SFTP, S3, GCS and every other protocol of fsspec as a target."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import fsspec

from delivery.errors import TargetError
from delivery.targets.media_types import Headers
from delivery.targets.target import target_fault
from shotladder_runtime.passwords import without_password

__all__ = ["FsspecTarget"]

T = TypeVar("T")

#: Attempts per request (chosen by hand): connections break, and servers refuse many connections at once.
ATTEMPTS = 3
#: Seconds before the second attempt; twice as many before the third (chosen by hand).
PAUSE = 0.5
#: Protocols whose servers show an object only when it is complete; the others get a temporary name and a rename.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}
#: Protocol -> extra of the distribution that installs its package.
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "sftp": "sftp", "ssh": "sftp"}


class FsspecTarget:
    """A folder at a URL of an fsspec protocol.

    Parameters
    ----------
    url : str
        URL of the folder; credentials come from the URL or from the configuration of the protocol's package.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self.location = without_password(self._url)
        self._scheme = urlsplit(url).scheme.lower()
        self._is_object_store = self._scheme in _OBJECT_STORES
        self.has_headers = self._is_object_store and self._scheme != "memory"

    def is_empty(self, probes: Iterable[str]) -> bool:
        """Return whether the target holds no files."""

        def look(files: Any, root: str) -> bool:
            return not files.exists(root) or not files.ls(root, detail=False)

        return self._request(look, "be read")

    def read(self, path: str) -> bytes | None:
        """Return the content of a small file, or None if it does not exist."""

        def get(files: Any, root: str) -> bytes | None:
            try:
                return bytes(files.cat_file(f"{root}/{path}"))
            except FileNotFoundError:
                return None

        return self._request(get, "be read")

    def find_sizes(self, paths: Iterable[str]) -> dict[str, int]:
        """Return the sizes in bytes of those of the files that exist."""
        wanted = set(paths)
        return {path: size for path, size in self._list().items() if path in wanted}

    def put(self, content: Path | bytes, path: str, headers: Headers) -> None:
        """Store a file so that it appears only when it is complete, and verify its size and checksum."""
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        options = self._header_options(headers)
        if self._scheme in ("s3", "s3a"):
            # the server refuses content with another checksum
            options["ContentMD5"] = _md5(content)

        def send(files: Any, root: str) -> None:
            place = f"{root}/{path}"
            folder, name = place.rsplit("/", 1)
            part = place if self._is_object_store else f"{folder}/.{name}.{secrets.token_hex(4)}"
            if not self._is_object_store:
                files.makedirs(folder, exist_ok=True)
            if isinstance(content, bytes):
                files.pipe_file(part, content, **options)
            else:
                files.put_file(str(content), part, **options)
            _verify(files, part, content, size)
            if part != place:
                files.mv(part, place)

        self._request(send, "be written")

    def delete(self, path: str) -> None:
        """Delete a file if it exists."""

        def remove(files: Any, root: str) -> None:
            with contextlib.suppress(FileNotFoundError):
                files.rm_file(f"{root}/{path}")

        self._request(remove, "be written")

    def delete_leftovers(self, paths: Iterable[str]) -> None:
        """Delete unfinished uploads of killed processes, and folders of these files that are empty."""
        if self._is_object_store:
            return
        wanted = set(paths)
        for path in self._list():
            match = re.fullmatch(r"(.*/)?\.(.+)\.[0-9a-f]{8}", path)
            if match and f"{match[1] or ''}{match[2]}" in wanted:
                self.delete(path)
        folders = {path.rsplit("/", n)[0] for path in wanted for n in range(1, path.count("/") + 1)}

        def remove(files: Any, root: str) -> None:
            for folder in sorted(folders, key=lambda name: -name.count("/")):
                with contextlib.suppress(Exception):  # it is not empty, or does not exist
                    if not files.ls(f"{root}/{folder}", detail=False):
                        files.rmdir(f"{root}/{folder}")

        self._request(remove, "be written")

    def _list(self) -> dict[str, int]:
        def find(files: Any, root: str) -> dict[str, int]:
            found = files.find(root, detail=True) if files.exists(root) else {}
            below = len(root.rstrip("/")) + 1
            return {
                name[below:]: int(info["size"])
                for name, info in found.items()
                if info.get("type") == "file" and not info.get("islink")
            }

        return self._request(find, "be read")

    def _header_options(self, headers: Headers) -> dict[str, Any]:
        """Return the keywords by which the package of the protocol sets headers."""
        if self._scheme in ("s3", "s3a"):
            return {"ContentType": headers.content_type, "CacheControl": headers.cache_control}
        if self._scheme in ("gs", "gcs"):
            return {
                "content_type": headers.content_type,
                "fixed_key_metadata": {"cache_control": headers.cache_control},
            }
        return {}

    def _request(self, action: Callable[[Any, str], T], name: str) -> T:
        """Call an action on the file system of the server; repeat it over a new connection if the connection breaks."""
        try:
            protocol = fsspec.get_filesystem_class(self._scheme)
        except ImportError:
            extra = _EXTRAS.get(self._scheme)
            install = f"pip install 'shotladder[{extra}]'" if extra else "install the package of this protocol"
            raise TargetError(
                f"{self.location}: the package for {self._scheme}:// is not installed: {install}"
            ) from None
        except ValueError as error:
            raise target_fault(self._url, error) from None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                # opened for each request: fsspec keeps one connection per thread, and threads must not share it
                files, root = fsspec.core.url_to_fs(self._url)
                files.invalidate_cache()
                return action(files, root.rstrip("/"))
            except PermissionError as error:
                raise target_fault(self._url, error, name) from None
            except Exception as error:  # each protocol has its own errors
                fault = error
                protocol.clear_instance_cache()
            if attempt < ATTEMPTS:
                time.sleep(PAUSE * attempt)
        raise target_fault(self._url, fault, name) from None


def _verify(files: Any, place: str, content: Path | bytes, size: int) -> None:
    """Compare the size, and the MD5 if the server reports one, with the file that was sent."""
    files.invalidate_cache()
    info = files.info(place)
    if int(info["size"]) != size:
        raise OSError(f"{place.rsplit('/', 1)[-1]} has {info['size']} bytes instead of {size}")
    reported = info.get("md5Hash")
    if reported and reported != _md5(content):
        raise OSError(f"{place.rsplit('/', 1)[-1]} has another checksum than the file that was sent")


def _md5(content: Path | bytes) -> str:
    """Return the MD5 in Base64, the form in which S3 and GCS take and report it (RFC 1864)."""
    if isinstance(content, bytes):
        digest = hashlib.md5(content, usedforsecurity=False)
    else:
        with content.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return base64.b64encode(digest.digest()).decode()
