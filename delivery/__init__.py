"""Bring a presentation to viewers: publish it, plan what each edge holds, steer players between edges."""

from delivery.errors import FillError, PublishError, SteeringError, TargetError
from delivery.publishing.publisher import PublishResult, publish
from delivery.publishing.release import Release, make_release
from delivery.publishing.withdrawal import unpublish
from delivery.targets.target import Target
from delivery.targets.target_urls import open_target

__all__ = [
    "FillError",
    "PublishError",
    "PublishResult",
    "Release",
    "SteeringError",
    "Target",
    "TargetError",
    "make_release",
    "open_target",
    "publish",
    "unpublish",
]
