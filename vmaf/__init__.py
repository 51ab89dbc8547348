"""Measure: one reference and its renditions to per-frame scores."""

from vmaf.errors import MeasureError, ModelError, PairingError
from vmaf.measurement import DEFAULT_ENGINE, score
from vmaf.measurement_request import COMPANIONS
from vmaf.models import DEVICES, aliases, choose
from vmaf.native.native_engine import GENERATION, warm_up
from vmaf.scores import Pool, Scores

__all__ = [
    "COMPANIONS",
    "DEFAULT_ENGINE",
    "DEVICES",
    "GENERATION",
    "MeasureError",
    "ModelError",
    "PairingError",
    "Pool",
    "Scores",
    "aliases",
    "choose",
    "score",
    "warm_up",
]
