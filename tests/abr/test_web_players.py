"""Models of web players: the shared link, the media element, and what each player requests when."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import abr
from abr import Trace
from abr.web_players.clock import Clock
from abr.web_players.dashjs_player import DashjsPlayer
from abr.web_players.dashjs_rules import ThroughputAverage
from abr.web_players.hlsjs_player import HlsjsPlayer
from abr.web_players.media_element import VIDEO_UNDERFLOW, MediaElement
from abr.web_players.player_models import PLAYER_MODELS, play_web_session
from abr.web_players.player_session import PlayerSession
from abr.web_players.processing_times import ProcessingTimes
from abr.web_players.shaka_player import ShakaPlayer
from abr.web_players.shared_link import FIRST_BYTES, SharedLink
from abr.web_players.web_title import as_web_title, load_web_title

RATES = np.array([200_000, 450_000, 900_000, 1_800_000, 3_600_000])
LATENCY = 0.05


def presentation(segments=30, audio=True):
    sizes = np.tile(RATES * 4 // 8, (segments, 1))
    vmaf = np.tile(np.array([40.0, 60.0, 75.0, 88.0, 95.0]), (segments, 1))
    rungs = tuple(abr.Rung(f"{rate}", int(rate)) for rate in RATES)
    track = abr.Audio(np.full(segments, 4.0), np.full(segments, 32_000, np.int64)) if audio else None
    return abr.Presentation("video", rungs, np.full(segments, 4.0), sizes, vmaf, audio=track)


def played(player, *parts, segments=30, audio=True, **options):
    durations, rates = zip(*parts, strict=True)
    trace = Trace("steps", durations, rates, [LATENCY] * len(parts))
    session = PlayerSession(as_web_title(presentation(segments, audio)), trace)
    player(session, **options)
    session.run(1000.0)
    assert session.media.is_buffered
    return session


def video(session):
    return [request for request in session.requests if request.kind == "video"]


def naive_ends(trace, requests, step=1e-3):
    """Return when responses end, by steps of a millisecond: (time of the request, bytes) -> time."""
    left = [8.0 * size for _, size in requests]
    ends = [None] * len(requests)
    time = 0.0
    edges = np.cumsum(trace.durations)
    while None in ends:
        active = [n for n, (begun, _) in enumerate(requests) if ends[n] is None and begun + LATENCY <= time]
        rate = trace.rates[np.searchsorted(edges, time % trace.duration, side="right")]
        for n in active:
            left[n] -= rate * step / len(active)
            if left[n] <= 0:
                ends[n] = time + step
        time += step
    return ends


def test_shared_link_agrees_with_small_steps():
    trace = Trace("steps", [1.0, 0.5, 2.0], [4e5, 0.0, 1.5e6], [LATENCY] * 3)
    requests = [(0.0, 30_000), (0.3, 60_000), (0.7, 5_000), (3.0, 200_000)]
    clock = Clock()
    link = SharedLink(clock, trace)
    ends = [None] * len(requests)

    def send(n, size):
        def done(_):
            ends[n] = clock.now

        link.request(size, done)

    for n, (begun, size) in enumerate(requests):
        clock.at(begun, lambda n=n, size=size: send(n, size))
    clock.run(100.0)
    assert ends == pytest.approx(naive_ends(trace, requests), abs=0.01)


def test_shared_link_gives_the_rate_of_an_aborted_transfer_to_the_others():
    clock, ends = Clock(), []
    link = SharedLink(clock, Trace("a", [100.0], [8000.0], [0.0]))
    first = link.request(1000, lambda _: ends.append("first"))
    link.request(1000, lambda _: ends.append(round(clock.now, 6)))
    clock.at(1.0, lambda: link.abort(first))
    clock.run(100.0)
    assert ends == [1.5]
    assert link.received(first) == pytest.approx(500.0)


def test_shared_link_reports_the_first_byte_with_the_first_segment_of_tcp():
    clock = Clock()
    link = SharedLink(clock, Trace("a", [100.0], [8000.0], [0.5]))
    transfers = [link.request(size, lambda _: None) for size in (2 * FIRST_BYTES, 100.0)]
    clock.run(100.0)
    # 100 bytes of both first, which takes 0.2 s
    assert [transfer.headers for transfer in transfers] == [0.5, 0.5]
    assert [transfer.first_byte for transfer in transfers] == pytest.approx([0.6 + FIRST_BYTES / 1000, 0.7])
    assert [transfer.ended for transfer in transfers] == pytest.approx([0.6 + 2 * FIRST_BYTES / 1000, 0.7])


@pytest.mark.parametrize("player", [DashjsPlayer, HlsjsPlayer, ShakaPlayer])
def test_player_works_between_downloads(player):
    slow = played(player, (1000, 2e7), times=ProcessingTimes(0.3, 0.5, 0.1))
    assert 0.8 < slow.media.started < 1.5
    first, second = (request.transfer for request in video(slow)[:2])
    assert second.begun - first.ended >= 0.5


def test_shared_link_calls_on_first_byte_when_the_first_packet_has_arrived():
    clock, seen = Clock(), []
    link = SharedLink(clock, Trace("a", [100.0], [8e3], [LATENCY]))
    transfer = link.request(5000.0, lambda _: None)
    transfer.on_first_byte = lambda: seen.append(clock.now)
    clock.run(10.0)
    assert seen == pytest.approx([LATENCY + FIRST_BYTES / 1000])


def test_media_element_plays_audio_over_a_gap_of_the_video():
    clock = Clock()
    media = MediaElement(clock, 100.0, True)
    media.append("video", 4.0)
    media.append("audio", 20.0)
    clock.at(6.0, lambda: media.append("video", 8.0))
    clock.at(20.0, lambda: media.append("video", 30.0))
    clock.run(25.0)
    assert media.started == 0.0
    stalled = 8.0 + VIDEO_UNDERFLOW
    assert media.stalls == [(pytest.approx(stalled), pytest.approx(20.0 - stalled))]


def test_media_element_stalls_at_once_without_audio():
    clock = Clock()
    media = MediaElement(clock, 100.0, True)
    media.append("video", 20.0)
    media.append("audio", 4.0)
    clock.at(7.0, lambda: media.append("audio", 8.0))
    clock.run(9.0)
    assert media.stalls == [(pytest.approx(4.0), pytest.approx(3.0))]


def test_hlsjs_player_starts_below_its_default_estimate():
    # BANDWIDTH of the second variant, with audio, is above 500 kbit/s
    assert video(played(HlsjsPlayer, (1000, 2e7)))[0].rung == 0


def test_dashjs_player_starts_below_one_megabit():
    assert video(played(DashjsPlayer, (1000, 2e7)))[0].rung == 2


def test_shaka_player_starts_by_the_downlink_of_the_browser():
    assert video(played(ShakaPlayer, (1000, 2e7)))[0].rung == 1
    assert video(played(ShakaPlayer, (1000, 2e7), downlink=3e6))[0].rung == 3


def test_hlsjs_player_appends_nothing_before_the_codecs_of_both_tracks_are_known():
    pres = presentation()
    audio = abr.Audio(pres.audio.durations, pres.audio.sizes * 10)
    title = as_web_title(replace(pres, audio=audio))
    session = PlayerSession(title, Trace("steady", [1000], [2e6], [LATENCY]))
    HlsjsPlayer(session)
    session.run(1000.0)
    first, second = video(session)[:2]
    audio = next(request for request in session.requests if request.kind == "audio")
    assert first.transfer.ended < audio.transfer.ended < second.transfer.begun


def test_hlsjs_player_samples_a_small_first_segment_without_the_start_of_its_worker():
    pres = presentation()
    sizes = pres.sizes.copy()
    sizes[0] = 6000, *sizes[0, 1:]  # 12 kbit/s
    session = PlayerSession(as_web_title(replace(pres, sizes=sizes)), Trace("steady", [1000], [8e6], [LATENCY]))
    HlsjsPlayer(session)
    session.run(1000.0)
    assert [request.rung for request in video(session)[:2]] == [0, 3]


def test_hlsjs_player_keeps_its_first_choice_until_a_segment_is_loaded():
    # the playlist of the first level takes 5 s, after which the level is above what can be fetched in time
    pres = presentation()
    title = replace(as_web_title(pres), hls_bitrates=RATES * 2.0, playlist_sizes=np.full(len(RATES), 250_000.0))
    session = PlayerSession(title, Trace("steady", [1000], [4e5], [LATENCY]))
    HlsjsPlayer(session)
    session.run(20.0)
    playlists = [
        request.rung for request in session.requests if request.kind == "playlist" and request.rung is not None
    ]
    assert video(session)[0].rung == playlists[0]


def test_hlsjs_player_fills_60_megabytes_without_a_pause():
    session = played(HlsjsPlayer, (1000, 2.2e6))
    requests = video(session)
    pauses = [b.transfer.begun - a.transfer.ended for a, b in pairwise(requests)]
    assert max(pauses) < 0.3
    assert max(level for _, level in session.samples) > 40


@pytest.mark.parametrize(("player", "target"), [(DashjsPlayer, 18.0), (ShakaPlayer, 10.0)])
def test_player_waits_at_its_buffer_target(player, target):
    session = played(player, (1000, 1.5e6))
    steady = [level for time, level in session.samples if 60 < time < 100]
    assert target - 8 < min(steady)
    assert max(steady) < target + 4.5


def test_dashjs_player_replaces_the_playing_segment_after_a_switch_up():
    session = played(DashjsPlayer, (40, 1.2e6), (960, 2e7))
    requests = video(session)
    assert [request.segment for request in requests] != sorted({request.segment for request in requests})
    again = next(b for a, b in pairwise(requests) if b.segment < a.segment)
    assert 40 < again.transfer.begun < 60
    at = again.transfer.begun - session.media.started
    assert session.starts[again.segment] - 0.2 <= at <= session.starts[again.segment + 1]


def test_dashjs_player_repeats_the_first_sample_of_a_segment(monkeypatch):
    samples = []
    add = ThroughputAverage.add
    monkeypatch.setattr(ThroughputAverage, "add", lambda self, *sample: (samples.append(sample), add(self, *sample)))
    session = played(DashjsPlayer, (30, 7e5), (20, 2.5e6), (30, 6e5), segments=50)
    ended = sorted((r for r in video(session) if r.transfer.ended), key=lambda r: r.transfer.ended)
    first = {}
    for request, sample in zip(ended, samples, strict=True):
        first.setdefault((request.segment, request.rung), sample)
        assert sample == first[request.segment, request.rung]
    assert len(first) < len(ended)


@pytest.mark.parametrize(("duration", "waits"), [(4.0, True), (4.0 + 1 / 3000, False)])
def test_dashjs_player_compares_audio_with_a_level_in_milliseconds(duration, waits):
    title = as_web_title(presentation())
    audio = replace(title.presentation.audio, durations=np.full(30, duration))
    title = replace(title, presentation=replace(title.presentation, audio=audio))
    session = PlayerSession(title, Trace("a", [1000.0], [6e5], [LATENCY]))
    DashjsPlayer(session)
    session.run(3.0)
    one, two = [request.transfer for request in session.requests if request.kind == "audio"][:2]
    assert (two.begun - one.ended > 0.45) == waits


@pytest.mark.parametrize(("player", "seconds"), [(DashjsPlayer, 30), (HlsjsPlayer, 5), (ShakaPlayer, 30)])
def test_player_abandons_a_segment_when_the_link_breaks_down(player, seconds):
    requests = video(played(player, (seconds, 4.5e6), (1000 - seconds, 3e5)))
    pairs = pairwise(requests)
    again = [(a, b) for a, b in pairs if a.transfer.is_aborted and b.segment == a.segment and b.rung < a.rung]
    assert again
    assert again[0][0].transfer.begun < seconds + 8


@pytest.mark.parametrize("player", [DashjsPlayer, HlsjsPlayer, ShakaPlayer])
def test_player_fetches_every_segment_without_audio(player):
    session = played(player, (1000, 2e6), audio=False)
    assert min(session.rungs()) >= 0
    assert {request.kind for request in session.requests} >= {"manifest", "init", "video"}


def test_hlsjs_player_requests_each_playlist_once():
    session = played(HlsjsPlayer, (20, 1e6), (20, 6e6), (960, 1e6))
    playlists = [
        request.rung for request in session.requests if request.kind == "playlist" and request.rung is not None
    ]
    assert len(playlists) == len(set(playlists)) > 1


@pytest.mark.parametrize("policy", sorted(PLAYER_MODELS))
def test_simulate_plays_as_a_web_player(policy):
    pres = presentation()
    trace = Trace("steady", [1000], [2e6], [LATENCY])
    session = abr.simulate(pres, trace, policy, model="player")
    expected = play_web_session(as_web_title(pres), trace, policy)
    assert session.rungs == expected.rungs
    assert session.policy == f"{policy}@{PLAYER_MODELS[policy][0]}"
    assert session.metrics["startup_delay"] == pytest.approx(expected.startup)
    vmaf = [pres.vmaf[n, rung] for n, rung in enumerate(session.rungs)]
    assert session.metrics["vmaf_mean"] == pytest.approx(np.mean(vmaf))
    sizes = sum(event.bytes for event in session.events)
    assert session.metrics["downloaded_bytes"] >= sizes
    table = abr.simulate_many(pres, [trace], [policy], model="player")
    assert table["vmaf_mean"][0] == pytest.approx(session.metrics["vmaf_mean"])


def test_simulate_as_a_web_player_refuses_other_policies():
    trace = Trace("steady", [1000], [2e6], [LATENCY])
    with pytest.raises(abr.PolicyError, match="no model of 'bba-2'; it has models of dashjs-dynamic@"):
        abr.simulate(presentation(), trace, "bba-2", model="player")
    with pytest.raises(abr.PolicyError, match="names of their policies"):
        abr.simulate(presentation(), trace, lambda state: 0, model="player")


def test_play_web_session_ends_when_a_link_carries_almost_nothing():
    trace = Trace("slow", [1000], [2e3], [LATENCY])
    with pytest.raises(abr.PolicyError, match="more than 100 times"):
        play_web_session(as_web_title(presentation(segments=2)), trace, "hlsjs")


#: One video and one audio Representation, with attributes in two orders and templates at two levels.
MANIFEST = """<?xml version='1.0'?>
<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><Period duration='PT6S'>
<AdaptationSet contentType='video'><SegmentTemplate initialization='v.mp4' timescale='48000'>
<SegmentTimeline><S t='0' d='144000' r='1'/></SegmentTimeline></SegmentTemplate>
<!-- <Representation bandwidth="1" id="0"/> --><Representation id='0' bandwidth='8000'/></AdaptationSet>
<AdaptationSet contentType="audio"><Representation id="1" bandwidth="800">
<SegmentTemplate timescale="48000" initialization="a.mp4"><SegmentTimeline><S t="0" d="154624" r="{repeats}"/>
</SegmentTimeline></SegmentTemplate></Representation></AdaptationSet></Period></MPD>
"""


def write_output(folder, repeats=1):
    """Write an output directory with two video segments, two audio segments and a manifest."""
    video = {"id": "v", "init": "v.mp4", "width": 64, "height": 36, "playlist": "v.m3u8"}
    audio = {"init": "a.mp4", "playlist": "a.m3u8", "segments": [{"duration": 3.221, "url": "a1"}] * 2}
    document = {
        "segments": [{"duration": 3.0}] * 2,
        "video": [video | {"segments": [{"url": "v1", "vmaf": 90.0}] * 2}],
        "audio": [audio],
    }
    (folder / "presentation.json").write_text(json.dumps(document))
    (folder / "manifest.mpd").write_text(MANIFEST.format(repeats=repeats))
    (folder / "master.m3u8").write_text("#EXT-X-STREAM-INF:AVERAGE-BANDWIDTH=7000, BANDWIDTH=9000\nv.m3u8\n")
    for name in ("v.mp4", "v.m3u8", "v1", "a.mp4", "a.m3u8", "a1"):
        (folder / name).write_bytes(b"0")


def test_load_web_title_reads_the_exact_durations_of_audio(tmp_path):
    write_output(tmp_path)
    durations = load_web_title(tmp_path).presentation.audio.durations
    assert durations == pytest.approx([154624 / 48000] * 2, abs=1e-9)


def test_load_web_title_reads_bitrates_in_any_spelling_of_the_manifest(tmp_path):
    write_output(tmp_path)
    title = load_web_title(tmp_path)
    assert title.dash_bitrates == [8000]
    assert title.audio_bitrate == 800
    assert (title.hls_bitrates, title.hls_average_bitrates) == ([9000], [7000])


def test_load_web_title_refuses_a_manifest_with_another_number_of_segments(tmp_path):
    write_output(tmp_path, repeats=2)
    with pytest.raises(abr.PresentationError, match="3 audio segments"):
        load_web_title(tmp_path)


def test_load_web_title_names_the_folder(tmp_path):
    with pytest.raises(abr.PresentationError, match="not an output directory"):
        load_web_title(tmp_path)


def test_player_model_refuses_another_version():
    assert abr.player_model("hlsjs@1.7.4") == abr.player_model("hlsjs")
    with pytest.raises(abr.PolicyError, match=r"hlsjs@1\.7\.4"):
        abr.player_model("hlsjs@1.7.1")


def test_player_validations_name_the_release_of_each_player_model():
    for name, validation in abr.player_validations().items():
        assert validation.player.split()[-1] == abr.PLAYER_MODELS[name][0]
        assert str(validation) in {info.validation for info in abr.list_policies() if info.name == name}


@pytest.mark.parametrize("player", [DashjsPlayer, HlsjsPlayer, ShakaPlayer])
def test_seek_at_continues_with_the_segment_at_the_target(player):
    session = PlayerSession(as_web_title(presentation()), Trace("steady", [1000], [2e6], [LATENCY]))
    player(session)
    session.seek_at(20.0, 90.0)
    session.run(1000.0)
    assert session.media.is_buffered
    after = [request.segment for request in video(session) if request.transfer.begun >= 20.0]
    assert after[0] == 22
    assert set(range(22, 30)) <= set(after)
    skipped = [segment for segment, rung in enumerate(session.rungs()) if rung < 0]
    assert skipped and max(skipped) < 22
    (begin, duration), *_ = session.media.stalls
    assert begin == 20.0 and 0 < duration < 5
