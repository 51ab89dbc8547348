"""Replay: network traces and policies over a presentation to sessions, quality of experience, comparisons."""

from abr.batch import simulate_many, start_offsets
from abr.bounds.offline_bound import Bound, can_bound, objective, offline_bound
from abr.errors import PolicyError, PresentationError, TraceError
from abr.expected_quality import audience
from abr.player.session_model import CATCH_UPS, MODES, REPLACEMENTS, SessionModel
from abr.policies import REGISTRY, get_policy
from abr.policies.policy import Policy
from abr.policies.policy_list import list_policies
from abr.policies.predictive import learn_prior, predictive
from abr.policies.python_policy import State
from abr.presentations.device import DEVICES
from abr.presentations.presentation import Audio, Presentation, Rung, renamed
from abr.presentations.presentation_files import load_presentation
from abr.results.ab_comparison import Comparison, Effect, Guardrail, compare, shares
from abr.results.metrics import METRICS, UNITS
from abr.results.p1203 import p1203, p1203_input
from abr.results.session import Event, Session
from abr.results.session_table import Table
from abr.simulation import PolicyLike, simulate
from abr.traces.split import route, split
from abr.traces.trace import Trace
from abr.traces.trace_files import FORMATS, load_trace, load_traces
from abr.traces.trace_generator import NETWORKS, Network, generate

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
    "generate",
    "get_policy",
    "learn_prior",
    "list_policies",
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
