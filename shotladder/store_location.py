"""Open a store at a directory or a URL, and name the package that a URL needs before any work begins."""

from __future__ import annotations

import importlib.util
import os
from typing import NamedTuple
from urllib.parse import urlsplit

from shotladder_runtime.errors import MissingPackageError
from shotladder_runtime.passwords import without_password
from shotladder_runtime.store import Store

__all__ = ["STORE_PACKAGES", "StorePackage", "open_store"]


class StorePackage(NamedTuple):
    """A package that fsspec needs for some URLs.

    Attributes
    ----------
    name : str
    extra : str
        Extra of the distribution that installs it.
    schemes : tuple of str
        Of the URLs; the first is the usual one.
    """

    name: str
    extra: str
    schemes: tuple[str, ...]


#: Packages of the extras that a store may need.
STORE_PACKAGES = (
    StorePackage("paramiko", "sftp", ("sftp", "ssh")),
    StorePackage("s3fs", "s3", ("s3", "s3a")),
    StorePackage("gcsfs", "gcs", ("gs", "gcs")),
)


def open_store(location: str | os.PathLike[str]) -> Store:
    """Return the store at a directory or a URL.

    Raises
    ------
    MissingPackageError
        If the package for URLs of this kind is not installed; the message has the command that installs it.
    StoreError
        If the URL is not valid.
    """
    name = os.fspath(location)
    store = Store.at(name)
    scheme = urlsplit(store.url or "").scheme
    for package in STORE_PACKAGES:
        if scheme in package.schemes and importlib.util.find_spec(package.name) is None:
            raise MissingPackageError(
                f"{without_password(name)}: a store at {scheme}:// needs the package {package.name}, which is not"
                f" installed: pip install 'shotladder[{package.extra}]'"
            )
    return store
