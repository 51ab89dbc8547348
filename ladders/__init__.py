"""Decide: shots, complexity, probe encodes, hulls, allocation, rungs."""

from ladders.allocation.constraints import Constraints
from ladders.allocation.hull import convex_hull
from ladders.allocation.rung_placement import RungRules
from ladders.api import constant_quality, fixed, make_ladder, per_shot, per_title
from ladders.apple_ladders import APPLE_LADDERS
from ladders.complexity.complexity_meter import Complexity, Pooled, dct_energy
from ladders.complexity.si_ti import SITI_MODES, si_ti
from ladders.construction.find_ladder import find_ladder
from ladders.final.active_constraints import active_constraints
from ladders.final.constraint_costs import constraint_costs
from ladders.final.correction import encode_with_correction
from ladders.final.cost_prediction import predict_cost, predict_encode
from ladders.final.extra_metrics import EXTRA_METRICS, measure_extra
from ladders.final.final_encodes import FinalEncodes, add_final_encodes, encode_final_chunks
from ladders.final.fixed_baseline import Anchor, fixed_anchor
from ladders.ladder import HullPoint, Ladder, LadderError, ProbeCost, Rung
from ladders.ladder_json import load_ladder, load_ladders, save_ladder, save_ladders
from ladders.ladder_request import (
    AUTO,
    EFFORT_TOLERANCES,
    MODES,
    EncodeSettings,
    LadderRequest,
    StoppingRule,
    TrafficModel,
    default_target,
)
from ladders.metric import METRICS, XPSNR, ErrorScale, LinearScale, Metric
from ladders.probing.preset_choice import choose_preset
from ladders.probing.prober import Prober
from ladders.rate_curve import RateCurve
from ladders.rd.bd_rate import BDRate, NoOverlapError, bd_rate
from ladders.rd.pooling import POOLINGS
from ladders.resolutions import candidate_sizes
from ladders.shots.change_metrics import CHANGE_METRICS, ChangeMetrics, measure_changes
from ladders.shots.classifier import ModelError
from ladders.shots.detector import Analysis, Shot, analyse_shots, assemble_shots, detect_shots
from ladders.shots.parallel_scan import analyse_shots_in_parallel, plan_ranges
from ladders.shots.scan import ScanResult, ShotParameters, Transition, scan

__all__ = [
    "APPLE_LADDERS",
    "AUTO",
    "CHANGE_METRICS",
    "EFFORT_TOLERANCES",
    "EXTRA_METRICS",
    "METRICS",
    "MODES",
    "POOLINGS",
    "SITI_MODES",
    "XPSNR",
    "Analysis",
    "Anchor",
    "BDRate",
    "ChangeMetrics",
    "Complexity",
    "Constraints",
    "EncodeSettings",
    "ErrorScale",
    "FinalEncodes",
    "HullPoint",
    "Ladder",
    "LadderError",
    "LadderRequest",
    "LinearScale",
    "Metric",
    "ModelError",
    "NoOverlapError",
    "Pooled",
    "ProbeCost",
    "Prober",
    "RateCurve",
    "Rung",
    "RungRules",
    "ScanResult",
    "Shot",
    "ShotParameters",
    "StoppingRule",
    "TrafficModel",
    "Transition",
    "active_constraints",
    "add_final_encodes",
    "analyse_shots",
    "analyse_shots_in_parallel",
    "assemble_shots",
    "bd_rate",
    "candidate_sizes",
    "choose_preset",
    "constant_quality",
    "constraint_costs",
    "convex_hull",
    "dct_energy",
    "default_target",
    "detect_shots",
    "encode_final_chunks",
    "encode_with_correction",
    "find_ladder",
    "fixed",
    "fixed_anchor",
    "load_ladder",
    "load_ladders",
    "make_ladder",
    "measure_changes",
    "measure_extra",
    "per_shot",
    "per_title",
    "plan_ranges",
    "predict_cost",
    "predict_encode",
    "save_ladder",
    "save_ladders",
    "scan",
    "si_ti",
]
