"""The settings of every cloud and phase, imported when they are asked for: a stack never loads another cloud's."""

import importlib
from collections.abc import Mapping

from components.suggestion import did_you_mean, nearest_of
from stacks.settings.problem import NOT_SHOWN, Problem
from stacks.settings.stack import StackSettings

DEFAULT_CLOUD = "local"

# (cloud, phase) -> "module:Class". A cloud plugs in here and nowhere else; phases stand in their order.
MEMBERS: Mapping[tuple[str, str], str] = {
    ("local", "development"): "stacks.settings.local:LocalSettings",
    ("aws", "staging"): "stacks.settings.aws:StagingSettings",
    ("aws", "pilot"): "stacks.settings.aws:PilotSettings",
    ("aws", "scale_up"): "stacks.settings.aws:ScaleUpSettings",
    ("aws", "enterprise"): "stacks.settings.aws:EnterpriseSettings",
    ("aws", "optimized"): "stacks.settings.aws:OptimizedSettings",
}


def cloud_names() -> tuple[str, ...]:
    """Name every cloud that has settings."""
    return tuple(dict.fromkeys(cloud for cloud, _ in MEMBERS))


def phases_of(cloud: str) -> tuple[str, ...]:
    """Name the phases that a cloud has, in their order; none for an unknown cloud."""
    return tuple(phase for member, phase in MEMBERS if member == cloud)


def settings_class(cloud: str, phase: str) -> type[StackSettings]:
    """Import the settings of one phase on one cloud. Raises KeyError for a pair that is not registered."""
    module, _, name = MEMBERS[cloud, phase].partition(":")
    kind: type[StackSettings] = getattr(importlib.import_module(module), name)
    return kind


def member_of(values: Mapping[str, object]) -> tuple[tuple[str, str] | None, tuple[Problem, ...]]:
    """Choose the cloud and the phase that settings name, and say what is wrong with their names.

    The cloud is `local` where it is not named, and the phase may be left out where the cloud has only one. Of a
    misspelt name the nearest is taken, so that what else is wrong can be told too; there is no pair where none is near.
    """
    cloud, unknown_cloud = _chosen("cloud", values.get("cloud", DEFAULT_CLOUD), cloud_names(), "")
    if cloud is None:
        return None, unknown_cloud
    phases = phases_of(cloud)
    given = values.get("phase", phases[0] if len(phases) == 1 else NOT_SHOWN)
    phase, unknown_phase = _chosen("phase", given, phases, f" on cloud {cloud}")
    return (None if phase is None else (cloud, phase)), unknown_cloud + unknown_phase


def _chosen(key: str, given: object, allowed: tuple[str, ...], where: str) -> tuple[str | None, tuple[Problem, ...]]:
    if isinstance(given, str) and given in allowed:
        return given, ()
    nearest = nearest_of(given, allowed)
    what = f"must be one of {', '.join(allowed)}{where}{did_you_mean(nearest)}"
    if given is NOT_SHOWN:
        return None, (Problem((key,), f"is missing; it {what}", kind="missing", allowed=allowed),)
    return nearest, (Problem((key,), what, given=given, allowed=allowed, nearest=nearest),)
