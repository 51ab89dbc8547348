"""HLS playlists of other packagers: each gives the right ladder and notes what is left out, or one line of error."""

import pytest

from tests.strangers.manifests import END, PLAYLIST, Case, hls, is_expected, read, write

CASES = {
    "the audio codec first": Case(
        hls(('BANDWIDTH=8000,CODECS="mp4a.40.2, avc1.4d4015"', "v"), ('BANDWIDTH=64,CODECS="mp4a.40.2"', "v")),
        (8000,),
        note="left out: 1 variant without video",
    ),
    "audio without attributes": Case(
        hls(("BANDWIDTH=8000,RESOLUTION=64x36", "v"), ("BANDWIDTH=64", "w")),
        (8000,),
        note="left out: 1 variant without video",
    ),
    "no attributes at all": Case(hls(("BANDWIDTH=8000", "v"), ("BANDWIDTH=16000", "w")), (8000, 16000)),
    "SDR and PQ variants": Case(
        hls(
            ('BANDWIDTH=8000,CODECS="hvc1.2.4.L123.B0",VIDEO-RANGE=SDR', "v"),
            ('BANDWIDTH=9000,CODECS="hvc1.2.4.L123.B0",VIDEO-RANGE=PQ', "w"),
        ),
        (8000,),
        note="left out: 1 rung of HEVC PQ",
    ),
    "redundant variants": Case(
        hls(("BANDWIDTH=8000,RESOLUTION=64x36", "v"), ("BANDWIDTH=8000,RESOLUTION=64x36", "w")),
        (8000,),
        note="left out: 1 redundant stream",
    ),
    "variants with other audio": Case(
        hls(
            ('BANDWIDTH=8000,CODECS="avc1.4d4015,mp4a.40.2",AUDIO="a"', "v"),
            ('BANDWIDTH=8200,CODECS="avc1.4d4015,ec-3",AUDIO="b"', "v"),
        ),
        (8000,),
        note="left out: 1 redundant stream",
    ),
    "a trick-play playlist": Case(
        hls(("BANDWIDTH=8000,RESOLUTION=64x36", "v")) + '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=80,URI="i.m3u8"\n',
        (8000,),
        note="left out: 1 trick-play playlist",
    ),
    "variables": Case(hls(("BANDWIDTH=8000", "{$name}"), head='#EXT-X-DEFINE:NAME="name",VALUE="v"\n'), (8000,)),
    "a variable of nobody": Case(
        hls(("BANDWIDTH=8000", "{$name}"), head='#EXT-X-DEFINE:QUERYPARAM="name"\n'),
        error=r":2: EXT-X-DEFINE: there is no value for the variable 'name'",
    ),
    "an imported variable of a master playlist": Case(
        hls(("BANDWIDTH=8000", "v"), head='#EXT-X-DEFINE:IMPORT="name"\n'),
        error=r":2: EXT-X-DEFINE: there is no value for the variable 'name'",
    ),
    "a variant that is the master playlist": Case(
        hls(("BANDWIDTH=8000", "x.m3u8")), error="a variant is a multivariant playlist itself"
    ),
    "a bandwidth of words": Case(hls(("BANDWIDTH=fast", "v")), error="x.m3u8: [^\n]*BANDWIDTH|not an HLS playlist"),
    "an undefined variable": Case(
        hls(("BANDWIDTH=8000", "{$name}"), head='#EXT-X-DEFINE:NAME="x",VALUE="v"\n'),
        error=r":4: the variable name is not defined",
    ),
    "audio only": Case(hls(('BANDWIDTH=64,CODECS="mp4a.40.2"', "v")), error="no variant with video"),
    "a segment without a duration": Case(
        "#EXTM3U\nv.mp4\n" + END, error="EXTINF is None|not an HLS playlist|0 segments"
    ),
    "a range of words": Case(PLAYLIST.replace(":2000@0", ":many@0") + END, error="EXT-X-BYTERANGE is many"),
    "a segment of no duration": Case(
        PLAYLIST.replace("EXTINF:2", "EXTINF:1e-308", 1) + END, error="segments last 1e-308 to 2 s, expected 1e-06 to"
    ),
    "a segment of a year": Case(
        PLAYLIST.replace("EXTINF:2", "EXTINF:31622400", 1) + END, error=r"segments last 2 to 3\.16224e\+07 s, expected"
    ),
    "a segment without an address": Case(
        '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n#EXT-X-MAP:URI="i"\n' + END, error="segment 0 has no address"
    ),
    "no segment": Case("#EXTM3U\n#EXT-X-TARGETDURATION:2\n" + END, error="0 segments"),
}


@pytest.mark.parametrize("name", CASES)
def test_load_presentation_reads_the_ladder_or_names_the_place(tmp_path, name):
    path = write(tmp_path, CASES[name])
    assert is_expected(path, CASES[name]), read(path)
