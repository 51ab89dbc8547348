"""Zones and shots that a user gives are checked in one line, and limit the chunks that they cover."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import encoder
from encoder import Chunk
from ladders import EncodeSettings, Shot
from ladders.allocation.constraints import Constraints, RungTarget, feasible_mask
from ladders.allocation.equal_slope import equal_slope
from ladders.allocation.zone_limits import ZoneLimits, apply_zone_limits
from ladders.rd.curves import Curve, quantiser_grid
from shotladder.pipeline.source.shot_file import ShotFileError, read_shot_file
from shotladder.pipeline.source.zones import (
    Zone,
    ZonesError,
    choose_overrides,
    limit_chunks,
    place_zones,
    read_zones,
)
from tests.encoder.videos import write_video

GRID = quantiser_grid(12, 46, 1)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """100 frames, 4 s."""
    return encoder.inspect(write_video(tmp_path_factory.mktemp("zones") / "a.mp4", 100))


def shots_at(*starts, count=100):
    return [Shot(a, b, "cut", None, None) for a, b in zip(starts, (*starts[1:], count), strict=True)]


def chunks_at(*starts, count=100):
    return [Chunk(a, b, (a,), (n,)) for n, (a, b) in enumerate(zip(starts, (*starts[1:], count), strict=True))]


def write(tmp_path, text, name="zones.toml"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_read_zones_reads_every_unit_and_limit(tmp_path):
    text = """
        [[zone]]
        time = [0, 1.5]
        target = 97
        [[zone]]
        frames = [50, 75]
        floor = 80
        cap = 90
        quantiser = [20, 30]
        [[zone]]
        shots = [3, 3]
        quantiser = 24.5
        [[zone]]
        shots = [5, 5]
        override = "thorough"
    """
    zones = read_zones(write(tmp_path, text))
    assert zones == (
        Zone("time", 0, 1.5, target=97),
        Zone("frames", 50, 75, floor=80, cap=90, quantisers=(20, 30)),
        Zone("shots", 3, 3, quantisers=(24.5, 24.5)),
        Zone("shots", 5, 5, override="thorough"),
    )
    texts = ["target 97", "floor 80, cap 90, quantiser 20 to 30", "quantiser 24.5", "override thorough"]
    assert [zone.settings for zone in zones] == texts


def test_read_zones_reads_csv(tmp_path):
    text = "unit,start,stop,target,min_quantiser,override\ntime,0,1.5,97,,\nframes,50,75,,20,thorough\n"
    first, second = read_zones(write(tmp_path, text, "zones.csv"))
    assert first == Zone("time", 0, 1.5, target=97)
    assert second == Zone("frames", 50, 75, quantisers=(20, float("inf")), override="thorough")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "has no tables"),
        ('[[zone]]\nframes = [0, 5]\npreset = "slow"', "zone 1: a zone cannot have preset, because chunks with other"),
        ("[[zone]]\nframes = [0, 5]\nskip = true", "zone 1: a zone cannot have skip, because all tracks have the"),
        ("zone = 3", "has no tables"),
        ("[[zone]", "is not valid TOML"),
        ("[[zone]]\ntime = [0, 1]", "zone 1: has no limit"),
        ("[[zone]]\ntarget = 90", "zone 1: one of time, frames, shots must state its range"),
        ("[[zone]]\ntime = [0, 1]\nframes = [0, 9]\ntarget = 90", "zone 1: one of time"),
        ("[[zone]]\ntime = [2, 1]\ntarget = 90", "zone 1: time 2 to 1 contain nothing"),
        ("[[zone]]\nframes = [2, 2]\ntarget = 90", "contain nothing"),
        ("[[zone]]\nframes = [-2, 2]\ntarget = 90", "contain nothing"),
        ("[[zone]]\nshots = [0, 2]\ntarget = 90", "contain nothing"),
        ("[[zone]]\nframes = [0.5, 2]\ntarget = 90", "not whole numbers"),
        ("[[zone]]\ntime = [0, nan]\ntarget = 90", "not a number"),
        ("[[zone]]\ntime = 3\ntarget = 90", "must be a list of two numbers"),
        ("[[zone]]\ntime = [0, 1]\ntarget = 101", "is not a VMAF"),
        ("[[zone]]\ntime = [0, 1]\ntarget = true", "not a number"),
        ("[[zone]]\ntime = [0, 1]\ntarget = 90\ncap = 95", "target cannot be combined"),
        ("[[zone]]\ntime = [0, 1]\nfloor = 95\ncap = 90", "floor is above cap"),
        ("[[zone]]\ntime = [0, 1]\nquantiser = [30, 20]", "minimum of quantiser is above"),
        ("[[zone]]\ntime = [0, 1]\nquality = 90", "unknown key 'quality'"),
        ("[[zone]]\ntime = [0, 1]\noverride = 3", "override has 3, which is not a name"),
    ],
)
def test_read_zones_reports_a_fault_in_one_line(tmp_path, text, fault):
    with pytest.raises(ZonesError, match=r"zones\.toml: ") as raised:
        read_zones(write(tmp_path, text))
    assert fault in str(raised.value)
    assert "\n" not in str(raised.value).replace(text, "")


def test_read_zones_reports_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "zones.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ZonesError, match="not text"):
        read_zones(path)
    with pytest.raises(ZonesError, match="cannot be read"):
        read_zones(tmp_path / "missing.toml")


def test_place_zones_converts_times_and_shots_to_frames(source):
    zones = (Zone("shots", 2, 3, target=90), Zone("time", 0, 1, target=95))
    placed = place_zones(zones, source, shots_at(0, 25, 50, 80))
    assert [(each.start, each.stop) for each in placed] == [(0, 25), (25, 80)]


@pytest.mark.parametrize(
    ("zones", "fault"),
    [
        ((Zone("time", 0, 4.1, target=90),), "zone 1: 4.1 s is beyond the end, 4.000 s"),
        ((Zone("frames", 0, 101, target=90),), "zone 1: frame 101 is beyond the end, 100"),
        ((Zone("shots", 1, 5, target=90),), "zone 1: shot 5 is beyond the last one, 4"),
        ((Zone("frames", 0, 50, target=90), Zone("time", 1, 2, target=90)), "zones overlap at frame 25, 1.000 s"),
    ],
)
def test_place_zones_refuses_zones_outside_of_the_source(source, zones, fault):
    with pytest.raises(ZonesError, match=fault):
        place_zones(zones, source, shots_at(0, 25, 50, 80))


def test_limit_chunks_covers_chunks_with_half_of_their_frames(source):
    (zone,) = place_zones((Zone("frames", 10, 60, target=97),), source, None)
    limits = limit_chunks((zone,), chunks_at(0, 25, 50, 80), "h264", 93.0)
    assert limits == (ZoneLimits(4, 5), ZoneLimits(4, 5), None, None)


def test_choose_overrides_gives_them_to_the_chunks_of_a_zone(source):
    zones = place_zones((Zone("frames", 25, 50, override="decisions"),), source, None)
    medium = EncodeSettings(preset="medium")
    assert choose_overrides(zones, chunks_at(0, 25, 50), medium) == ("", "decisions", "")
    with pytest.raises(ZonesError, match="frame 25: h264 has no override 'decisions' for the preset slow"):
        choose_overrides(zones, chunks_at(0, 25, 50), replace(medium, preset="slow"))


def test_limit_chunks_refuses_a_zone_without_chunks_and_a_foreign_quantiser(source):
    (short,) = place_zones((Zone("frames", 10, 15, target=97),), source, None)
    with pytest.raises(ZonesError, match="frames 10 to 14 contains half of no chunk; add cuts"):
        limit_chunks((short,), chunks_at(0, 50), "h264", 93.0)
    (coarse,) = place_zones((Zone("frames", 0, 50, quantisers=(60, 63)),), source, None)
    with pytest.raises(ZonesError, match=r"quantiser 60 to 63 is not a quantiser of h264 \(12 to 46\)"):
        limit_chunks((coarse,), chunks_at(0, 50), "h264", 93.0)


def curves(count=4):
    quality = np.linspace(99, 40, len(GRID))
    bits = np.geomspace(1e6, 1e4, len(GRID))
    return [Curve(GRID, bits * (1 + 0.3 * n), quality - n) for n in range(count)]


@pytest.mark.parametrize(
    ("limits", "low", "high"),
    [(ZoneLimits(4, 5), 94, 95), (ZoneLimits(max_offset=-10), 0, 80), (ZoneLimits(min_offset=6), 96, 100)],
)
def test_feasible_mask_keeps_a_chunk_within_its_zone(limits, low, high):
    constraints = Constraints(zones=(None, limits, None, None))
    allocation = equal_slope(curves(), [25] * 4, constraints, RungTarget(90.0, 2e6)).for_quality(90.0)
    quality = curves()[1].quality[allocation.indices[1]]
    step = 59 / (len(GRID) - 1)
    assert low - step <= quality <= high + step
    free = equal_slope(curves(), [25] * 4, Constraints(), RungTarget(90.0, 2e6)).for_quality(90.0)
    assert not low <= curves()[1].quality[free.indices[1]] <= high


def test_feasible_mask_obeys_quantisers_before_the_rung_is_known():
    constraints = Constraints(zones=(None, ZoneLimits(min_quantiser=20, max_quantiser=22), None, None))
    mask = feasible_mask(curves(), np.full(4, 0.25), constraints)
    assert GRID[mask[1]].tolist() == [20, 21, 22]
    assert (mask[0] == feasible_mask(curves(), np.full(4, 0.25), Constraints())[0]).all()


def test_apply_zone_limits_always_leaves_a_quantiser():
    quality = np.linspace(90, 50, 5)[None]
    nothing = np.zeros((1, 5), bool)
    for zone in (ZoneLimits(20, 30), ZoneLimits(-90, -80), ZoneLimits(0, 1, 12.2, 12.3), ZoneLimits(3, -3)):
        assert apply_zone_limits(nothing, GRID[:5], quality, (zone,), 80.0).any()


def test_read_shot_file_takes_back_what_shots_writes_and_edits_of_it(tmp_path, source):
    shots = [
        {"first_frame": 0, "frame_count": 30, "transition": "start", "transition_frames": None, "complexity": {}},
        {"first_frame": 30, "frame_count": 70, "transition": "dissolve", "transition_frames": [25, 35]},
    ]
    document = {"frame_count": 100, "shots": shots}
    path = write(tmp_path, json.dumps(document), "shots.json")
    assert read_shot_file(path, source) == {0: ("start", None), 30: ("dissolve", (25, 35))}
    shots.append({"first_frame": 60})
    assert read_shot_file(write(tmp_path, json.dumps(document), "shots.json"), source)[60] == ("cut", None)


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ("{", "is not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "has no list of shots"),
        ('{"shots": []}', "has no list of shots"),
        ('{"frame_count": 99, "shots": [{"first_frame": 0}]}', "belongs to a source of 99 frames, not of 100"),
        ('{"frame_count": 100, "shots": [{"first_frame": 1}]}', "shot 1 starts at frame 1; shots must start"),
        ('{"frame_count": 100, "shots": [{"first_frame": 0}, {"first_frame": 0}]}', "shot 2 starts at frame 0"),
        ('{"frame_count": 100, "shots": [{"first_frame": 0}, {"first_frame": 100}]}', "shot 2 starts at frame 100"),
        ('{"frame_count": 100, "shots": [{"first_frame": "0"}]}', "shot 1 has no whole number as `first_frame`"),
        ('{"frame_count": 100, "shots": [{"first_frame": 0, "transition": "jump"}]}', "has the transition 'jump'"),
        ('{"frame_count": 100, "shots": [{"first_frame": 0, "transition_frames": 3}]}', "no two whole numbers"),
    ],
)
def test_read_shot_file_reports_a_fault_in_one_line(tmp_path, source, document, fault):
    with pytest.raises(ShotFileError, match=r"shots\.json: ") as raised:
        read_shot_file(write(tmp_path, document, "shots.json"), source)
    assert fault in str(raised.value)


def test_zones_are_exact_at_frame_times(source):
    (zone,) = place_zones((Zone("time", 0.04, float(Fraction(3, 25)), target=90),), source, None)
    assert (zone.start, zone.stop) == (1, 3)
