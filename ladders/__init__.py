"""Decide: shots, complexity, trial encodes, hulls, allocation, rungs."""

from ladders.allocation import Aim, Allocation, Limits, TitleCurve, convex_hull, equal_slope, one_quantiser
from ladders.anchor import Anchor, fixed_anchor
from ladders.bdrate import BDRate, NoOverlapError, bd_rate
from ladders.complexity import Complexity, Pooled, dct_energy
from ladders.curves import Curve, RatePoint, fit_curve, quantiser_grid
from ladders.delivery import deliver, missed, segment_rates
from ladders.finals import FinalChunk, Finals, encode_finals, with_finals
from ladders.heights import APPLE_LADDERS, candidate_sizes
from ladders.held import held_chunks
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
from ladders.making import corrected, fixed, ladder_from, make_ladder, per_shot, per_title
from ladders.measured_chunks import Encoding
from ladders.pooling import POOLINGS
from ladders.prediction import predict_cost
from ladders.presets import AUTO, with_preset
from ladders.probes import Point, Prober
from ladders.refining import Views
from ladders.rungs import RungChoice, RungRules, choose_rungs
from ladders.search import Stop
from ladders.shot_evidence import ShotEvidence, ShotParameters, Transition, gather
from ladders.shot_ranges import analyse_in_ranges, plan_ranges
from ladders.shots import Analysis, Shot, analyse, assemble, detect_shots
from ladders.si_ti import SITI_MODES, si_ti

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
