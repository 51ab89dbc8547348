"""Bring a presentation to viewers: publish it, plan what each edge holds, steer players between edges."""

from delivery.errors import FillError, PublishError, SteeringError, TargetError
from delivery.fill.fill_plan import FillFile, FillPlan, Site, plan_fill
from delivery.fill.replay_demand import bytes_per_view, zipf_views
from delivery.fill.site_file import plan_document, read_held, read_sites, read_views
from delivery.publishing.publisher import PublishResult, publish
from delivery.publishing.release import Release, make_release
from delivery.publishing.withdrawal import unpublish
from delivery.targets.target import Target
from delivery.targets.target_urls import open_target

__all__ = [
    "FillError",
    "FillFile",
    "FillPlan",
    "PublishError",
    "PublishResult",
    "Release",
    "Site",
    "SteeringError",
    "Target",
    "TargetError",
    "bytes_per_view",
    "make_release",
    "open_target",
    "plan_document",
    "plan_fill",
    "publish",
    "read_held",
    "read_sites",
    "read_views",
    "unpublish",
    "zipf_views",
]
