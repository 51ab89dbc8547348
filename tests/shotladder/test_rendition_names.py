"""Renditions are named by the bitrates of their packaged segments, in files and manifests."""

import pytest

from encoder.packaging.hls_media_playlist import read_media_playlist
from shotladder.pipeline.rendition_names import rename_renditions

NAMES = {
    "h264-360p-283k": "h264-360p-285k",
    "h264-360p-285k": "h264-360p-285k-2",
    "h264-360p-283k-2": "h264-360p-290k",
    "h264-360p-900k": "h264-360p-900k",
}


def playlist(init, segment):
    return (
        f'#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI="{init}"\n#EXTINF:4.000,\n{segment}\n'
        "#EXT-X-ENDLIST\n"
    )


def package(folder, is_single):
    """Write what a packager writes for each rendition: one file, or a folder of segments."""
    for name in NAMES:
        files = [f"video/{name}.mp4"] * 2 if is_single else [f"video/{name}/init.mp4", f"video/{name}/00001.m4s"]
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(name)
        (folder / f"video_{name}.m3u8").write_text(playlist(*files))
        (folder / f"iframe_{name}.m3u8").write_text(playlist(*files))
    (folder / "video/trick-h264-360p-283k").mkdir()
    (folder / "video/trick-h264-360p-283k/00001.m4s").write_text("h264-360p-283k")
    (folder / "master.m3u8").write_text("".join(f"video_{name}.m3u8\n" for name in NAMES))
    (folder / "manifest.mpd").write_text('<T media="video/trick-h264-360p-283k/$Number%05d$.m4s"/>')
    return [read_media_playlist(folder, f"video_{name}.m3u8") for name in NAMES]


@pytest.mark.parametrize("is_single", [False, True], ids=["segments", "single files"])
def test_rename_renditions_renames_files_and_what_names_them(tmp_path, is_single):
    tracks = rename_renditions(tmp_path, package(tmp_path, is_single), NAMES)
    assert (tmp_path / "master.m3u8").read_text().split() == [f"video_{name}.m3u8" for name in NAMES.values()]
    for (old, new), track in zip(NAMES.items(), tracks, strict=True):
        assert track.playlist == f"video_{new}.m3u8"
        assert [(tmp_path / url).read_text() for url in (track.init, *track.urls)] == [old, old]
        assert read_media_playlist(tmp_path, f"iframe_{new}.m3u8").urls == track.urls
    assert "video/trick-h264-360p-285k/$Number" in (tmp_path / "manifest.mpd").read_text()
    assert (tmp_path / "video/trick-h264-360p-285k/00001.m4s").read_text() == "h264-360p-283k"
    assert len(list((tmp_path / "video").iterdir())) == len(NAMES) + 1
    assert len(list(tmp_path.iterdir())) == 2 * len(NAMES) + 3
