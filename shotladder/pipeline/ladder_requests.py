"""From the request of a run to the ladder request of each codec, and to the hash that identifies the run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from encoder import Source, get_codec
from ladders import MODES, XPSNR, EncodeSettings, LadderRequest, RungRules, default_target
from shotladder import __version__
from shotladder.pipeline.client_population import ClientPopulation
from shotladder.pipeline.encode_request import EncodeRequest, EncryptionRequest
from shotladder.pipeline.tracks.captions import describe_captions
from shotladder.reporter import Reporter

__all__ = ["build_ladder_requests", "hash_request", "report_trace_notes"]


def build_ladder_requests(request: EncodeRequest, source: Source) -> tuple[LadderRequest, ...]:
    """Return the ladder request of each codec. Reads the network traces that the request names."""
    target = request.target if request.target is not None else default_target(source)
    if request.metric is not None:
        target = request.metric.target_quality
    rules = RungRules(target=target, count=request.rungs, max_rate=request.max_bitrate)
    if request.min_bitrate is not None:
        rules = replace(rules, bottom_rate=request.min_bitrate)
    if request.audience:
        clients = ClientPopulation.from_traces(request.audience, float(source.duration), float(request.segment))
        rules = replace(rules, expected_quality=clients)
    base = LadderRequest(
        rules=rules,
        constraints=request.constraints,
        max_height=request.max_height,
        segment_duration=request.segment,
        stopping=request.stop,
        traffic=request.views,
    )
    if request.metric is not None and request.metric.name == XPSNR.name:
        # frames that are not measured are decoded and compared all the same
        base = replace(base, frame_stride=1)
    presets = request.presets or tuple(get_codec(codec).preset for codec in request.codecs)
    settings = EncodeSettings(
        tune=request.tune,
        engine=request.engine,
        pooling=request.pooling,
        effort=request.effort,
        metric=request.metric,
    )
    requests = [
        replace(base, encoding=replace(settings, codec=codec, preset=preset))
        for codec, preset in zip(request.codecs, presets, strict=True)
    ]
    return tuple(each.with_mode(request.ladder) if request.ladder in MODES else each for each in requests)


def report_trace_notes(ladder_requests: Sequence[LadderRequest], reporter: Reporter) -> None:
    """Report what the readers of the network traces of a run left out, assumed or replaced."""
    clients = ladder_requests[0].rules.expected_quality
    if isinstance(clients, ClientPopulation):
        reporter.say_notes([(trace.name, trace.notes) for trace in clients.traces])


def hash_request(request: EncodeRequest, source: Source, ladder_requests: Sequence[LadderRequest]) -> str:
    """Return a hash of everything that decides the content of the output.

    Two runs with the same hash write the same presentation. Settings that only decide how it is made (workers,
    cluster, store, output) are not part of it; key IDs are, keys are not.
    """
    from_file = request.ladder not in MODES
    document = {
        "shotladder": __version__,
        "source": source.content_id,
        "ladder": _digest(Path(request.ladder).read_bytes()) if from_file else request.ladder,
        "audio": request.audio,
        "subtitles": request.subtitles,
        "tracks": _to_json([source.audio, source.subtitles]),
        "encryption": _describe_encryption(request.encryption),
        "single_file": request.single_file,
        "compare": request.compare,
        "requests": [_describe_ladder_request(each) for each in ladder_requests],
    }
    for name, path in (("shots", request.shots), ("zones", request.zones)):
        if path is not None:
            document[name] = _digest(path.read_bytes())
    if request.captions is not None:
        document["captions"] = describe_captions(request.captions)
    if request.loudness is not None:
        document["loudness"] = request.loudness
    if request.thumbnails is not None:
        document["thumbnails"] = str(request.thumbnails)
    if request.crop != "none":
        document["crop"] = request.crop
    if request.film_grain != "none":
        document["film_grain"] = request.film_grain
    if request.metric is not None:
        document["metric"] = [request.metric.key, request.metric.target]
    if request.measure:
        document["measure"] = sorted(request.measure)
    if source.hdr.dynamic:
        document["dynamic_hdr"] = request.dynamic_hdr
    return _digest(json.dumps(document, sort_keys=True).encode())


def _describe_ladder_request(request: LadderRequest) -> dict[str, Any]:
    """Return all fields of a ladder request as JSON; clients are represented by the hash of their traces."""
    clients = request.rules.expected_quality
    # a metric has functions, and is described by its key
    encoding = replace(request.encoding, metric=None)
    rules = replace(request.rules, expected_quality=None)
    document: dict[str, Any] = _to_json(replace(request, encoding=encoding, rules=rules))
    del document["encoding"]["metric"]
    # of chunks, which the request does not know: the file of zones is hashed
    document["constraints"].pop("zones", None)
    document.pop("overrides", None)
    if clients is not None:
        assert isinstance(clients, ClientPopulation)
        document["clients"] = [clients.networks, clients.duration, clients.segment]
    return document


def _describe_encryption(encryption: EncryptionRequest | None) -> dict[str, Any] | None:
    if encryption is None:
        return None
    return {
        "scheme": encryption.scheme,
        "key_ids": None if encryption.keys is None else [[key.label, key.key_id] for key in encryption.keys],
        "key_uri": encryption.key_uri,
        "clear_lead": encryption.clear_lead,
    }


def _to_json(value: object) -> Any:
    """Return a value of nested dataclasses as JSON types."""
    return msgspec.to_builtins(value, enc_hook=_encode_fraction)


def _encode_fraction(value: object) -> str:
    if isinstance(value, Fraction):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a request")


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
