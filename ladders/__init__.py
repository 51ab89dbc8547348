"""Decide: shots, complexity, trial encodes, hulls, allocation, rungs."""

from ladders.allocation.equal_slope import (
    Allocation,
    Constraints,
    RungTarget,
    TitleCurve,
    convex_hull,
    equal_slope,
    one_quantiser,
)
from ladders.allocation.rung_placement import RungChoice, RungRules, choose_rungs
from ladders.api import corrected, fixed, ladder_from, make_ladder, per_shot, per_title
from ladders.complexity.complexity_meter import Complexity, Pooled, dct_energy
from ladders.complexity.si_ti import SITI_MODES, si_ti
from ladders.final.active_constraints import active_constraints
from ladders.final.correction import encode_with_correction, find_violations, segment_rates
from ladders.final.cost_prediction import predict_cost
from ladders.final.final_encodes import FinalChunk, FinalEncodes, add_final_encodes, encode_final_chunks
from ladders.final.fixed_baseline import Anchor, fixed_anchor
from ladders.ladder import (
    HullPoint,
    Ladder,
    LadderError,
    ProbeCost,
    Rung,
    load_ladder,
    load_ladders,
    save_ladder,
    save_ladders,
)
from ladders.ladder_request import MODES, LadderRequest, default_target
from ladders.probing.chunk_measurement import EncodeSettings
from ladders.probing.overrides import TrafficModel
from ladders.probing.preset_choice import AUTO, choose_preset
from ladders.probing.prober import ProbePoint, Prober
from ladders.probing.search import StoppingRule
from ladders.rd.bd_rate import BDRate, NoOverlapError, bd_rate
from ladders.rd.curves import Curve, RatePoint, fit_curve, quantiser_grid
from ladders.rd.pooling import POOLINGS
from ladders.resolutions import APPLE_LADDERS, candidate_sizes
from ladders.shots.change_metrics import CHANGE_METRICS, ChangeMetrics, measure_changes
from ladders.shots.classifier import ModelError
from ladders.shots.detector import Analysis, Shot, analyse_shots, assemble_shots, detect_shots
from ladders.shots.parallel_scan import analyse_shots_in_parallel, plan_ranges
from ladders.shots.scan import ScanResult, ShotParameters, Transition, scan

__all__ = [
    "APPLE_LADDERS",
    "AUTO",
    "CHANGE_METRICS",
    "MODES",
    "POOLINGS",
    "SITI_MODES",
    "Allocation",
    "Analysis",
    "Anchor",
    "BDRate",
    "ChangeMetrics",
    "Complexity",
    "Constraints",
    "Curve",
    "EncodeSettings",
    "FinalChunk",
    "FinalEncodes",
    "HullPoint",
    "Ladder",
    "LadderError",
    "LadderRequest",
    "ModelError",
    "NoOverlapError",
    "Pooled",
    "ProbeCost",
    "ProbePoint",
    "Prober",
    "RatePoint",
    "Rung",
    "RungChoice",
    "RungRules",
    "RungTarget",
    "ScanResult",
    "Shot",
    "ShotParameters",
    "StoppingRule",
    "TitleCurve",
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
    "choose_rungs",
    "convex_hull",
    "corrected",
    "dct_energy",
    "default_target",
    "detect_shots",
    "encode_final_chunks",
    "encode_with_correction",
    "equal_slope",
    "find_violations",
    "fit_curve",
    "fixed",
    "fixed_anchor",
    "ladder_from",
    "load_ladder",
    "load_ladders",
    "make_ladder",
    "measure_changes",
    "one_quantiser",
    "per_shot",
    "per_title",
    "plan_ranges",
    "predict_cost",
    "quantiser_grid",
    "save_ladder",
    "save_ladders",
    "scan",
    "segment_rates",
    "si_ti",
]
