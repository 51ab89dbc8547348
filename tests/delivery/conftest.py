"""Small presentations, and targets of every kind."""

import uuid
from pathlib import Path

import pytest

from tests.delivery.packaged import package
from tests.delivery.servers import free_port, nginx_server
from tests.sftp import sftp_server


@pytest.fixture(scope="session")
def presentations(tmp_path_factory) -> dict[str, Path]:
    """A presentation, the same with another upper rung, and one whose tracks are single files."""
    root = tmp_path_factory.mktemp("presentations")
    return {
        "first": package(root / "first" / "show"),
        "second": package(root / "second" / "show", seeds=(1, 3)),
        "ranges": package(root / "ranges" / "show", single_file=True),
    }


@pytest.fixture(scope="session")
def nginx(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx")
    with nginx_server(folder) as address:
        yield address, folder / "root"


@pytest.fixture(scope="session")
def sftp(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sftp")
    with sftp_server(folder) as address:
        yield address, folder


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    """moto speaks the protocol of S3; it does not prove authentication, limits of rate, or eventual failures."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=free_port(), verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server._port}"
    server.stop()


@pytest.fixture(params=["folder", "nginx", "sftp", "s3"])
def url(request, tmp_path, monkeypatch):
    name = uuid.uuid4().hex
    if request.param == "folder":
        return str(tmp_path / "target")
    if request.param == "nginx":
        return f"{request.getfixturevalue('nginx')[0]}/{name}"
    if request.param == "sftp":
        address, folder = request.getfixturevalue("sftp")
        monkeypatch.setenv("HOME", str(folder))
        return f"{address}{folder}/{name}"
    return request.getfixturevalue("s3_url")


@pytest.fixture
def s3_url(s3, monkeypatch):
    """A folder in a new bucket; the credentials are in the environment, as S3 packages expect them."""
    import fsspec
    import s3fs

    for name, value in {"ACCESS_KEY_ID": "name", "SECRET_ACCESS_KEY": "secret", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    # fsspec reads its environment variables when it is imported
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": s3})
    s3fs.S3FileSystem.clear_instance_cache()
    bucket = f"bucket-{uuid.uuid4().hex}"
    s3fs.S3FileSystem().mkdir(bucket)
    return f"s3://{bucket}/show"
