"""Errors of clusters, and the pickled size of a source."""

import pickle
import socket
from dataclasses import replace
from fractions import Fraction

import pytest

from encoder import Colour, Source
from shotladder_runtime.errors import ClusterError
from shotladder_runtime.jobs import cluster, cluster_executor
from shotladder_runtime.store import Store


@pytest.fixture
def nobody():
    """An address at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{free.getsockname()[1]}"


def test_cluster_executor_reports_an_absent_scheduler(nobody, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "TIMEOUT", 0.3)
    with (
        pytest.raises(ClusterError, match=r"127\.0\.0\.1.*no Dask scheduler"),
        cluster_executor(nobody, Store(tmp_path)),
    ):
        pass
    with pytest.raises(ClusterError, match="no Dask scheduler"), cluster_executor("nonsense://", Store(tmp_path)):
        pass


def test_source_is_pickled_compactly_and_completely():
    video = Source(
        **{"path": "video", "content_id": "known", "stream_index": 0, "codec": "h264", "pixel_format": "yuv420p"},
        **{"width": 1920, "height": 1080, "sample_aspect_ratio": Fraction(1), "rotation": 0, "interlaced": False},
        **{"colour": Colour("bt709"), "bit_depth": 8, "time_base": Fraction(1, 24000)},
        **{"pts": tuple(range(-1001, 172_799 * 1001, 1001)), "keyframes": tuple(range(0, 172_800, 48))},
        **{"frame_rate": Fraction(24000, 1001), "end_pts": 172_799 * 1001},
    )
    packed = pickle.dumps(video)
    assert len(packed) < 5000
    assert pickle.loads(packed) == video
    varying = replace(video, pts=tuple(n * n for n in range(1000)), keyframes=(0,))
    assert pickle.loads(pickle.dumps(varying)) == varying
