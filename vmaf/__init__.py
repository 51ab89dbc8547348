"""Measure VMAF, PSNR and SSIM of renditions against one reference, frame by frame."""

from vmaf.errors import MeasureError, ModelError, ModelFileError, PairingError
from vmaf.measurement import DEFAULT_ENGINE, score
from vmaf.measurement_request import METRICS, ScoreOptions
from vmaf.models import DEVICES, choose_model, model_aliases
from vmaf.native.native_engine import LIBVMAF_VERSION, warm_up
from vmaf.scores import Pool, Scores
from vmaf.single_metrics import FramePair, frame_pairs, xpsnr

__all__ = [
    "DEFAULT_ENGINE",
    "DEVICES",
    "LIBVMAF_VERSION",
    "METRICS",
    "FramePair",
    "MeasureError",
    "ModelError",
    "ModelFileError",
    "PairingError",
    "Pool",
    "ScoreOptions",
    "Scores",
    "choose_model",
    "frame_pairs",
    "model_aliases",
    "score",
    "warm_up",
    "xpsnr",
]
