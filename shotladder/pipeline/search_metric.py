"""The metric of the search and further metrics of a run: from options to values, and checks before any work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from encoder import Source
from ladders import EXTRA_METRICS, METRICS, MODES, Metric
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.source.zones import read_zones
from shotladder_runtime.errors import ShotladderError
from vmaf.measurement_request import MIN_CAMBI_SIDE

__all__ = ["MetricError", "check_metrics", "choose_extra_metrics", "choose_metric"]


class MetricError(ShotladderError, ValueError):
    """A metric is unknown, or cannot be combined with another option."""


def choose_metric(metric: str | Metric, target_vmaf: float | None, target_xpsnr: float | None) -> Metric | None:
    """Return the metric of the search with its target; None for VMAF.

    Raises
    ------
    MetricError
        If the metric is unknown, or the target is that of another one.
    """
    name = metric if isinstance(metric, str) else metric.name
    if isinstance(metric, str) and metric not in ("vmaf", *METRICS):
        raise MetricError(f"unknown metric {metric!r} (choose from vmaf, {', '.join(METRICS)})")
    if target_xpsnr is not None and name != "xpsnr":
        raise MetricError("a target XPSNR requires the metric xpsnr")
    if target_vmaf is not None and name != "vmaf":
        raise MetricError(f"a target VMAF cannot be combined with the metric {name}, which has a target of its own")
    if metric == "vmaf":
        return None
    chosen = METRICS[metric] if isinstance(metric, str) else metric
    return chosen if target_xpsnr is None else replace(chosen, target=target_xpsnr)


def choose_extra_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """Return known names of further metrics without repetition.

    Raises
    ------
    MetricError
        If a name is unknown.
    """
    for name in names:
        if name not in EXTRA_METRICS:
            raise MetricError(f"unknown metric {name!r} (choose from {', '.join(EXTRA_METRICS)})")
    return tuple(dict.fromkeys(names))


def check_metrics(request: EncodeRequest, source: Source) -> None:
    """Check that the metrics of a run can be measured and combined with its other options.

    Raises
    ------
    MetricError
    """
    if "cambi" in request.measure and max(source.display_size) < MIN_CAMBI_SIDE:
        width, height = source.display_size
        raise MetricError(
            f"{source.path}: {width}x{height} is too small for CAMBI, which needs {MIN_CAMBI_SIDE} samples"
        )
    if request.metric is None:
        return
    name = request.metric.name
    for is_given, option in (
        (request.ladder not in MODES, "a ladder file, which needs no search"),
        (request.pooling != "mean", f"pooling {request.pooling}, which is a pooling of VMAF"),
        (request.max_jump is not None, "a maximum quality step, which is a difference of VMAF"),
        (bool(request.audience), "network traces, whose viewers are scored by VMAF"),
        (_has_vmaf_limits(request), "zones with target, floor or cap, which are VMAF"),
    ):
        if is_given:
            raise MetricError(f"the metric {name} cannot be combined with {option}")


def _has_vmaf_limits(request: EncodeRequest) -> bool:
    zones = read_zones(request.zones) if request.zones else ()
    return any(value is not None for zone in zones for value in (zone.target, zone.floor, zone.cap))
