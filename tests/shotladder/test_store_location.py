"""A store at a URL without its package fails before any work, with the command that installs the package."""

import importlib.util

import pytest

from shotladder import cli
from shotladder.store_location import STORE_PACKAGES, open_store
from shotladder_runtime.errors import MissingPackageError


@pytest.fixture
def bare(monkeypatch):
    """An environment without the packages of the extras."""
    names = {package.name for package in STORE_PACKAGES}
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in names else found(name, *rest))


@pytest.mark.parametrize(("scheme", "extra"), [("s3", "s3"), ("gs", "gcs"), ("gcs", "gcs"), ("sftp", "sftp")])
def test_open_store_names_the_extra_of_a_missing_package(bare, scheme, extra):
    with pytest.raises(MissingPackageError, match=rf"pip install 'shotladder\[{extra}\]'"):
        open_store(f"{scheme}://user:secret@host/store")


def test_open_store_hides_the_password(bare):
    with pytest.raises(MissingPackageError) as caught:
        open_store("sftp://user:secret@host/store")
    assert "secret" not in str(caught.value)


def test_open_store_needs_no_package_for_a_folder(bare, tmp_path):
    assert open_store(tmp_path / "store").root == tmp_path / "store"
    assert open_store("memory://store").url


def test_encode_refuses_a_store_without_its_package_before_the_source_is_read(bare, monkeypatch, capfd):
    with pytest.raises(SystemExit) as ended:
        monkeypatch.setattr(
            "sys.argv", ["shotladder", "encode", "no such video.mp4", "-o", "out", "--store", "s3://bucket/store"]
        )
        cli.main()
    assert ended.value.code == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.endswith("pip install 'shotladder[s3]'")


def test_doctor_lists_the_packages_of_stores(bare, monkeypatch, capfd):
    with pytest.raises(SystemExit):
        monkeypatch.setattr("sys.argv", ["shotladder", "doctor"])
        cli.main()
    lines = {line.split()[1]: line for line in capfd.readouterr().out.splitlines() if line.startswith("absent")}
    assert "shotladder[s3]" in lines["s3fs"]
    assert "shotladder[gcs]" in lines["gcsfs"]
    assert "shotladder[sftp]" in lines["paramiko"]
