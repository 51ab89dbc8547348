"""Bring a presentation to viewers: publish it, plan what each edge holds, steer players between edges."""

from delivery.errors import FillError, PublishError, SteeringError, TargetError
from delivery.fill.edge_file import EdgeExperiment, read_edges
from delivery.fill.fill_plan import FillFile, FillPlan, Site, plan_fill
from delivery.fill.replay_demand import bytes_per_view, zipf_views
from delivery.fill.site_file import plan_document, read_held, read_sites, read_views
from delivery.publishing.publisher import PublishResult, publish
from delivery.publishing.release import Release, make_release
from delivery.publishing.withdrawal import unpublish
from delivery.steering.pathways import Pathway, add_pathways
from delivery.steering.steering_config import SteeringConfig, read_steering_config
from delivery.steering.steering_decision import Client, Decision, EdgeState, choose_pathways, steering_manifest
from delivery.steering.steering_server import SteeringServer
from delivery.targets.target import Target
from delivery.targets.target_urls import open_target

__all__ = [
    "Client",
    "Decision",
    "EdgeExperiment",
    "EdgeState",
    "FillError",
    "FillFile",
    "FillPlan",
    "Pathway",
    "PublishError",
    "PublishResult",
    "Release",
    "Site",
    "SteeringConfig",
    "SteeringError",
    "SteeringServer",
    "Target",
    "TargetError",
    "add_pathways",
    "bytes_per_view",
    "choose_pathways",
    "make_release",
    "open_target",
    "plan_document",
    "plan_fill",
    "publish",
    "read_edges",
    "read_held",
    "read_sites",
    "read_steering_config",
    "read_views",
    "steering_manifest",
    "unpublish",
    "zipf_views",
]
