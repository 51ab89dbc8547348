"""Film grain is estimated for each shot, removed, and synthesised by the players of AV1 renditions."""

import json
from types import SimpleNamespace

import av
import pytest

from encoder import Chunk
from shotladder.pipeline.source.film_grain import MIN_STRENGTH, choose_film_grain, estimate_strengths, parse_film_grain
from shotladder_runtime.process import run
from shotladder_runtime.tools import ffmpeg_path
from tests.shotladder.running import shotladder


def shot(start, stop, grain):
    measured = None if grain is None else SimpleNamespace(mean=grain)
    return SimpleNamespace(start=start, stop=stop, complexity=SimpleNamespace(grain=measured))


@pytest.mark.parametrize(("text", "value"), [("auto", "auto"), ("none", "none"), ("08", "8"), ("50", "50")])
def test_parse_film_grain_accepts_a_strength(text, value):
    assert parse_film_grain(text) == value


@pytest.mark.parametrize("text", ["0", "51", "-1", "8.5", "", "\u0663"])
def test_parse_film_grain_refuses_other_text(text):
    with pytest.raises(ValueError, match="neither auto, none nor a strength from 1 to 50"):
        parse_film_grain(text)


def test_estimate_strengths_follows_the_shot_with_most_frames():
    shots = [shot(0, 10, 3.0), shot(10, 40, 0.2), shot(40, 80, 30.0), shot(80, 90, None)]
    chunks = [Chunk(0, 30, (0,), (0, 1)), Chunk(30, 80, (30,), (1, 2)), Chunk(80, 90, (80,), (3,))]
    assert estimate_strengths(shots, chunks) == (MIN_STRENGTH, 50, MIN_STRENGTH)
    assert estimate_strengths(shots, [Chunk(0, 15, (0,), (0, 1))]) == (15,)


@pytest.mark.parametrize(
    ("codec", "grain", "note"),
    [("h264", 3.0, "h264: film grain is encoded like other detail"), ("av1", 0.1, "av1: no shot has film grain")],
)
def test_choose_film_grain_states_why_there_is_none(codec, grain, note):
    ladder = SimpleNamespace(codec=codec, chunks=(Chunk(0, 10, (0,), (0,)),))
    strengths, said = choose_film_grain(ladder, "auto", [shot(0, 10, grain)])
    assert strengths == ()
    assert said.startswith(note)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A smooth shot of 24 frames and a shot of 24 frames with noise, encoded with and without synthesised grain."""
    folder = tmp_path_factory.mktemp("grain")
    graph = "testsrc2=s=160x90:r=24:d=2,gblur=2,noise=alls=16:allf=t:enable='gte(n,24)',format=yuv420p"
    source = folder / "grain.mkv"
    run([ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", graph, "-c:v", "ffv1", str(source)])
    (folder / "shots.json").write_text('{"frame_count": 48, "shots": [{"first_frame": 0}, {"first_frame": 24}]}')
    quick = ("--codec", "av1", "--preset", "12", "--rungs", "1", "--effort", "fast", "--target-vmaf", "85")
    quick = (*quick, "--workers", "1", "--no-compare", "--shots", folder / "shots.json")
    answers = {}
    for choice in ("none", "auto"):
        words = (source, "-o", folder / choice, *quick, "--film-grain", choice)
        answers[choice] = shotladder("encode", *words, store=folder / "store")
        assert answers[choice].status == 0, answers[choice].err
    return folder, answers["auto"]


def read_rung(folder):
    """Return the document and the video of the only rung, as one file."""
    document = json.loads((folder / "presentation.json").read_text())
    (rung,) = document["video"]
    joined = folder.with_suffix(".mp4")
    urls = [rung["init"], *(segment["url"] for segment in rung["segments"])]
    joined.write_bytes(b"".join((folder / url).read_bytes() for url in urls))
    return document, joined


def frames_with_grain(path):
    """Return the numbers of the frames that state parameters of film grain."""
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.options = {"export_side_data": "film_grain"}
        return [
            n
            for n, frame in enumerate(container.decode(video=0))
            if any(data.type.name == "FILM_GRAIN_PARAMS" for data in frame.side_data)
        ]


def test_encode_synthesises_grain_in_the_packaged_frames_of_the_grainy_shot(made):
    folder, _ = made
    document, joined = read_rung(folder / "auto")
    (grain,) = document["ladder"]["film_grain"]
    assert grain["codec"] == "av1"
    assert grain["strengths"][0] == MIN_STRENGTH
    assert grain["strengths"][1] > 10
    assert set(frames_with_grain(joined)) >= set(range(24, 48))
    _, plain = read_rung(folder / "none")
    assert frames_with_grain(plain) == []


def test_encode_saves_bits_by_synthesised_grain_at_the_same_quantisers(made):
    folder, answer = made
    document, _ = read_rung(folder / "auto")
    plain, _ = read_rung(folder / "none")
    assert "film_grain" not in plain["ladder"]
    synthesised, kept, grain = document["video"][0], plain["video"][0], document["ladder"]["film_grain"][0]
    assert synthesised["quantisers"] == kept["quantisers"]
    # the bitrate of a rendition counts the overhead of its segments as well
    assert grain["source_grain_bitrate"] == [pytest.approx(kept["average_bitrate"], rel=0.1)]
    assert grain["source_grain_vmaf"] == [kept["vmaf"]["mean"]]
    assert synthesised["average_bitrate"] < 0.9 * kept["average_bitrate"]
    assert "film grain is synthesised at strength 1 to" in answer.err
    assert "synthesised at strength 1 to" in (folder / "auto" / "report.html").read_text()
