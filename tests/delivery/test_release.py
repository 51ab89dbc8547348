"""A release names every file by its content."""

import shutil

import pytest

import delivery
from delivery.publishing.references import replace_references


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda d: (d / "video/high/00002.m4s").unlink(), "names video/high/00002.m4s, which does not exist"),
        (lambda d: (d / "video_high.m3u8").unlink(), "names video_high.m3u8, which does not exist"),
        (lambda d: [f.unlink() for f in d.glob("ma*")], "contains no DASH manifest and no HLS master playlist"),
        (lambda d: (d / "video_high.m3u8").write_text("#EXTM3U\n../secret\n"), "is outside the folder"),
        (lambda d: (d / "video_high.m3u8").write_text("#EXTM3U\nhttp://a/b\n"), "is not a file of the presentation"),
        (lambda d: (d / "manifest.mpd").write_bytes(b"\xff\xfe\xfa"), "cannot be read"),
        (shutil.rmtree, "show: is not a folder"),
        (
            lambda d: (d / "manifest.mpd").write_text('<SegmentTemplate media="$RepresentationID$/$Number$.m4s"/>'),
            "the name of a folder contains an identifier",
        ),
    ],
)
def test_make_release_names_what_is_missing(presentations, tmp_path, change, fault):
    folder = shutil.copytree(presentations["first"], tmp_path / "show")
    change(folder)
    with pytest.raises(delivery.PublishError, match=fault):
        delivery.make_release(folder)


def test_make_release_gives_changed_content_another_name(presentations):
    first, second = (delivery.make_release(presentations[name]) for name in ("first", "second"))
    common = {file.path for file in first.files} & {file.path for file in second.files}
    assert any("/low/" in path for path in common)
    assert not any("/high/" in path for path in common)
    assert first.id != second.id == delivery.make_release(presentations["second"]).id


def test_make_release_skips_files_that_no_manifest_names(presentations):
    assert delivery.make_release(presentations["first"]).skipped == ("presentation.json",)


def test_replace_references_decodes_and_encodes_names():
    text = '#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://key"\na%20b.m4s\n'
    seen = []
    result = replace_references("v/a.m3u8", text, lambda path: seen.append(path) or "v/é/a b.m4s")
    assert seen == ["v/a b.m4s"]
    assert result.splitlines()[1:] == ['#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://key"', "%C3%A9/a%20b.m4s"]
