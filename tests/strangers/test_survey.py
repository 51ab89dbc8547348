"""What only later frames of a source state counts as much as what the first one states."""

from pathlib import Path

import av
import pytest

import encoder
from encoder import Chunk, ChunkJob, HDRMetadata, Rendition
from shotladder_runtime.process import run
from shotladder_runtime.store.store import Store
from shotladder_runtime.tools import ffmpeg_path

FFMPEG = (ffmpeg_path(), "-v", "error", "-nostdin", "-y")
PROGRESSIVE = ("-vf", "fps=25")
WOVEN = ("-vf", "interlace=scan=tff,setfield=tff", "-flags", "+ildct+ilme")
MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
PQ = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
#: A53 captions of the text "HI": channel 1 of CEA-608, roll-up captions, three triplets a frame.
CAPTION = bytes.fromhex("b500314741393403") + bytes(
    [0x43, 0xFF, 0xFC, 0x94, 0x25, 0xFC, 0xC8, 0x49, 0xFC, 0x94, 0x2C, 0xFF]
)


def write_part(path: Path, start: int, *options: str, source: str = "mandelbrot=size=160x96:rate=50") -> bytes:
    """Write two seconds of a transport stream that begins at `start` seconds."""
    argv = [*FFMPEG, "-f", "lavfi", "-i", f"{source},trim=duration=2"]
    run([*argv, *options, "-pix_fmt", "yuv420p", "-output_ts_offset", str(start), "-f", "mpegts", str(path)])
    return path.read_bytes()


def join(folder: Path, *parts: tuple[str, ...]) -> Path:
    joined = folder / "joined.ts"
    joined.write_bytes(b"".join(write_part(folder / f"{n}.ts", 2 * n, *each) for n, each in enumerate(parts)))
    return joined


def count_interlaced(path: Path) -> int:
    """Return the number of frames that FFmpeg's `idet` finds interlaced."""
    report = run([ffmpeg_path(), "-nostdin", "-i", str(path), "-vf", "idet", "-an", "-f", "null", "-"]).stderr
    counts = report.rpartition("Multi frame detection: TFF:")[2].replace("BFF:", "").split()
    return int(counts[0]) + int(counts[1])


X264 = ("-c:v", "libx264", "-preset", "ultrafast")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "4")


@pytest.mark.parametrize(
    "parts",
    [
        [(*PROGRESSIVE, *X264), (*WOVEN, *X264, "-x264-params", "tff=1")],
        [(*WOVEN, *X264, "-x264-params", "tff=1"), (*PROGRESSIVE, *X264)],
        [(*PROGRESSIVE, *MPEG2), (*WOVEN, *MPEG2)],
    ],
    ids=["later H.264", "earlier H.264", "later MPEG-2"],
)
def test_encode_chunk_deinterlaces_a_source_with_an_interlaced_part(tmp_path, parts):
    path = join(tmp_path, *parts)
    source = encoder.inspect(path)
    assert count_interlaced(path) > 20
    assert source.interlaced
    rendition = Rendition("a", "h264", 160, 96, "ultrafast")
    chunk = Chunk(0, source.frame_count, (0,), (0,))
    job = ChunkJob(source, chunk, (rendition,), (12.0,), Store(tmp_path / "store"))
    encoder.encode_chunk(job)
    assert count_interlaced(encoder.chunk_path(job, 0)) == 0


def test_inspect_finds_hdr_metadata_after_the_first_frames(tmp_path):
    x265 = ("-vf", "fps=25", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params")
    later = f"log-level=none:{PQ}:master-display={MASTERING}:max-cll=1000,200"
    source = encoder.inspect(join(tmp_path, (*x265, f"log-level=none:{PQ}"), (*x265, later)))
    assert source.hdr == HDRMetadata(True, 1000.0, 1000, 200)


def test_inspect_notes_a_change_of_the_transfer_function(tmp_path):
    x265 = ("-vf", "fps=25", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params")
    sdr = "log-level=none:colorprim=bt709:transfer=bt709:colormatrix=bt709"
    source = encoder.inspect(join(tmp_path, (*x265, sdr), (*x265, f"log-level=none:{PQ}")))
    assert source.colour.transfer == "bt709"
    assert any("transfer function changes from bt709 to smpte2084 at " in note for note in source.notes)


def write_captions(path: Path, from_frame: int) -> Path:
    """Write H.264 with captions in SEI messages from a frame on."""
    plain = path.with_suffix(".h264")
    argv = [*FFMPEG, "-f", "lavfi", "-i", "testsrc2=size=160x96:rate=25,trim=duration=2", *X264, "-bf", "0"]
    run([*argv, "-pix_fmt", "yuv420p", "-bsf:v", "h264_metadata=aud=insert", str(plain)])
    message = bytes([4, len(CAPTION)]) + CAPTION
    units = plain.read_bytes().split(b"\x00\x00\x00\x01\x09")
    with_captions = [units[0]]
    for n, unit in enumerate(units[1:]):
        delimiter, rest = unit[:1], unit[1:]
        sei = b"\x00\x00\x00\x01\x06" + message + b"\x80" if n >= from_frame else b""
        with_captions.append(delimiter + sei + rest)
    plain.write_bytes(b"\x00\x00\x00\x01\x09".join(with_captions))
    run([*FFMPEG, "-r", "25", "-i", str(plain), "-c", "copy", str(path)])
    return path


@pytest.mark.parametrize("from_frame", [0, 13, 49])
@pytest.mark.parametrize("name", ["video.mp4", "video.ts"])
def test_inspect_finds_captions_that_begin_later(tmp_path, name, from_frame):
    path = write_captions(tmp_path / name, from_frame)
    with av.open(str(path)) as container:
        carrying = [
            n for n, f in enumerate(container.decode(video=0)) if "A53_CC" in {d.type.name for d in f.side_data}
        ]
    assert carrying[:1] == [from_frame]
    assert [each.codec for each in encoder.inspect(path).subtitles] == ["eia_608"]


def write_scte_20(path: Path, from_frame: int) -> Path:
    """Write MPEG-2 with SCTE 20 captions of the text "HI" from a frame on."""
    plain = path.with_suffix(".m2v")
    run([*FFMPEG, "-f", "lavfi", "-i", "testsrc2=size=160x96:rate=25,trim=duration=2", *MPEG2, "-g", "99", str(plain)])
    # count; for each pair of characters: priority, field, line, characters from their lowest bit on, marker
    pairs = (0x94, 0x25), (0xC8, 0x49), (0x94, 0x2C)
    bits = "00011" + "".join("00" + "10" + "01011" + f"{a:08b}"[::-1] + f"{b:08b}"[::-1] + "1" for a, b in pairs)
    data = int(bits.ljust(88, "1"), 2).to_bytes(11, "big")
    # the user data stand before the first slice of a frame
    first, *frames = plain.read_bytes().split(b"\x00\x00\x01\x01")
    captioned = [b"\x00\x00\x01\xb2\x03\x81" + data if n >= from_frame else b"" for n in range(len(frames))]
    parts = zip(captioned, frames, strict=True)
    plain.write_bytes(first + b"".join(each + b"\x00\x00\x01\x01" + frame for each, frame in parts))
    run([*FFMPEG, "-i", str(plain), "-c", "copy", "-bsf:v", "setts=ts=N/25/TB", str(path)])
    return path


@pytest.mark.parametrize("from_frame", [0, 13, 50])
def test_inspect_finds_scte_20_captions(tmp_path, from_frame):
    source = encoder.inspect(write_scte_20(tmp_path / "video.ts", from_frame))
    assert source.frame_count == 50
    assert [each.codec for each in source.subtitles] == ["eia_608"] * (from_frame < 50)
    if source.subtitles:
        track = encoder.extract_subtitles(source, source.subtitles[0], Store(tmp_path / "store"))
        assert "HI" in track.path.read_text()


def test_inspect_finds_no_captions_in_plain_video(tmp_path):
    path = write_captions(tmp_path / "video.mp4", 50)
    assert encoder.inspect(path).subtitles == ()
