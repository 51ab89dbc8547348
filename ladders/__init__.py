"""Decide: shots, complexity, trial encodes, hulls, allocation, rungs."""

from ladders.allocation.equal_slope import (
    Aim,
    Allocation,
    Limits,
    TitleCurve,
    convex_hull,
    equal_slope,
    one_quantiser,
)
from ladders.allocation.rung_placement import RungChoice, RungRules, choose_rungs
from ladders.api import corrected, fixed, ladder_from, make_ladder, per_shot, per_title
from ladders.complexity.complexity_meter import Complexity, Pooled, dct_energy
from ladders.complexity.si_ti import SITI_MODES, si_ti
from ladders.final.active_constraints import held_chunks
from ladders.final.correction import deliver, missed, segment_rates
from ladders.final.cost_prediction import predict_cost
from ladders.final.final_encodes import FinalChunk, Finals, encode_finals, with_finals
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
from ladders.probing.chunk_measurement import Encoding
from ladders.probing.overrides import Views
from ladders.probing.preset_choice import AUTO, with_preset
from ladders.probing.prober import Point, Prober
from ladders.probing.search import Stop
from ladders.rd.bd_rate import BDRate, NoOverlapError, bd_rate
from ladders.rd.curves import Curve, RatePoint, fit_curve, quantiser_grid
from ladders.rd.pooling import POOLINGS
from ladders.resolutions import APPLE_LADDERS, candidate_sizes
from ladders.shots.detector import Analysis, Shot, analyse, assemble, detect_shots
from ladders.shots.parallel_scan import analyse_in_ranges, plan_ranges
from ladders.shots.scan import ShotEvidence, ShotParameters, Transition, gather

__all__ = [
    "APPLE_LADDERS",
    "AUTO",
    "MODES",
    "POOLINGS",
    "SITI_MODES",
    "Aim",
    "Allocation",
    "Analysis",
    "Anchor",
    "BDRate",
    "Complexity",
    "Curve",
    "Encoding",
    "FinalChunk",
    "Finals",
    "HullPoint",
    "Ladder",
    "LadderError",
    "LadderRequest",
    "Limits",
    "NoOverlapError",
    "Point",
    "Pooled",
    "ProbeCost",
    "Prober",
    "RatePoint",
    "Rung",
    "RungChoice",
    "RungRules",
    "Shot",
    "ShotEvidence",
    "ShotParameters",
    "Stop",
    "TitleCurve",
    "Transition",
    "Views",
    "analyse",
    "analyse_in_ranges",
    "assemble",
    "bd_rate",
    "candidate_sizes",
    "choose_rungs",
    "convex_hull",
    "corrected",
    "dct_energy",
    "default_target",
    "deliver",
    "detect_shots",
    "encode_finals",
    "equal_slope",
    "fit_curve",
    "fixed",
    "fixed_anchor",
    "gather",
    "held_chunks",
    "ladder_from",
    "load_ladder",
    "load_ladders",
    "make_ladder",
    "missed",
    "one_quantiser",
    "per_shot",
    "per_title",
    "plan_ranges",
    "predict_cost",
    "quantiser_grid",
    "save_ladder",
    "save_ladders",
    "segment_rates",
    "si_ti",
    "with_finals",
    "with_preset",
]
