"""Replay: network traces and policies over a presentation to sessions, quality of experience, comparisons."""

from abr.audience import audience
from abr.batch import simulate_many, start_offsets
from abr.bound import Bound, can_bound, objective, offline_bound
from abr.comparison import Comparison, Effect, Guardrail, compare, shares
from abr.device import DEVICES
from abr.errors import PolicyError, PresentationError, TraceError
from abr.generator import NETWORKS, Network, generate
from abr.metrics import METRICS, UNITS
from abr.p1203 import p1203, p1203_input
from abr.policies import REGISTRY
from abr.policies import find as find_policy
from abr.policies.predictive import learn_prior, predictive
from abr.policy import Policy
from abr.presentation import Audio, Presentation, Rung, renamed
from abr.presentation_files import load_presentation
from abr.python_policy import State
from abr.replay import PolicyLike, simulate
from abr.routes import route, split
from abr.session import Event, Session
from abr.session_model import CATCH_UPS, MODES, REPLACEMENTS, SessionModel
from abr.table import Table
from abr.trace import Trace
from abr.trace_files import FORMATS, load_trace, load_traces

__all__ = [
    "CATCH_UPS",
    "DEVICES",
    "FORMATS",
    "METRICS",
    "MODES",
    "NETWORKS",
    "REGISTRY",
    "REPLACEMENTS",
    "UNITS",
    "Audio",
    "Bound",
    "Comparison",
    "Effect",
    "Event",
    "Guardrail",
    "Network",
    "Policy",
    "PolicyError",
    "PolicyLike",
    "Presentation",
    "PresentationError",
    "Rung",
    "Session",
    "SessionModel",
    "State",
    "Table",
    "Trace",
    "TraceError",
    "audience",
    "can_bound",
    "compare",
    "find_policy",
    "generate",
    "learn_prior",
    "load_presentation",
    "load_trace",
    "load_traces",
    "objective",
    "offline_bound",
    "p1203",
    "p1203_input",
    "predictive",
    "renamed",
    "route",
    "shares",
    "simulate",
    "simulate_many",
    "split",
    "start_offsets",
]
