"""Replay: network traces and policies over a presentation to sessions, quality of experience, comparisons."""

from abr.batch import simulate_many, start_offsets
from abr.bounds.offline_bound import Bound, can_bound, objective, offline_bound
from abr.edges.edge_network import Edge, EdgeNetwork, Outage
from abr.edges.edge_replay import EDGE_METRICS, simulate_edges
from abr.errors import PolicyError, PresentationError, TraceError
from abr.expected_quality import ExpectedQuality
from abr.player.session_model import CATCH_UPS, MODES, REPLACEMENTS, SessionModel
from abr.policies import REGISTRY, get_policy
from abr.policies.policy_list import list_policies
from abr.policies.predictive import learn_prior, predictive
from abr.policy_interface.policy import Policy
from abr.policy_interface.python_policy import State
from abr.policy_interface.validation import Validation, describe_validation, player_validations
from abr.presentations.device import DEVICES
from abr.presentations.presentation import Audio, Presentation, Rung, SourceFile
from abr.presentations.presentation_files import as_presentation, load_presentation
from abr.results.ab_comparison import ArmComparison, Effect, Guardrail, compare_arms, decompose_effect
from abr.results.metrics import METRICS, UNITS
from abr.results.p1203 import make_p1203_input, run_p1203
from abr.results.session import Event, Session
from abr.results.session_table import SessionTable
from abr.simulation import PolicyLike, simulate
from abr.traces.trace import Trace
from abr.traces.trace_files import FORMATS, as_trace, load_trace, load_traces
from abr.traces.trace_generator import NETWORKS, Network, generate_trace
from abr.traces.trace_split import infer_route, split_traces
from abr.web_players.player_models import PLAYER_MODELS, player_model

__all__ = [
    "CATCH_UPS",
    "DEVICES",
    "EDGE_METRICS",
    "FORMATS",
    "METRICS",
    "MODES",
    "NETWORKS",
    "PLAYER_MODELS",
    "REGISTRY",
    "REPLACEMENTS",
    "UNITS",
    "ArmComparison",
    "Audio",
    "Bound",
    "Edge",
    "EdgeNetwork",
    "Effect",
    "Event",
    "ExpectedQuality",
    "Guardrail",
    "Network",
    "Outage",
    "Policy",
    "PolicyError",
    "PolicyLike",
    "Presentation",
    "PresentationError",
    "Rung",
    "Session",
    "SessionModel",
    "SessionTable",
    "SourceFile",
    "State",
    "Trace",
    "TraceError",
    "Validation",
    "as_presentation",
    "as_trace",
    "can_bound",
    "compare_arms",
    "decompose_effect",
    "describe_validation",
    "generate_trace",
    "get_policy",
    "infer_route",
    "learn_prior",
    "list_policies",
    "load_presentation",
    "load_trace",
    "load_traces",
    "make_p1203_input",
    "objective",
    "offline_bound",
    "player_model",
    "player_validations",
    "predictive",
    "run_p1203",
    "simulate",
    "simulate_edges",
    "simulate_many",
    "split_traces",
    "start_offsets",
]
