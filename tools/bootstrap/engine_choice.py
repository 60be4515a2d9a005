"""Which engine a set-up takes, decided before anything is downloaded."""

from collections.abc import Callable
from dataclasses import dataclass

from tools.bootstrap.context import Context
from tools.bootstrap.engine import Engine, record_engine
from tools.bootstrap.engine_build import build_engine, is_built
from tools.bootstrap.engine_download import DownloadError, download_engine, official_problem
from tools.bootstrap.engine_on_path import find_on_path
from tools.bootstrap.machine import ENGINE_BUILD_BYTES, ENGINE_BUILD_MEMORY_BYTES, ENGINE_DOWNLOAD_BYTES

_TOPIC = "engine"


@dataclass(frozen=True)
class EnginePlan:
    """How the engine will be had, why so, and the disk and memory that it takes."""

    source: str
    why: str
    make: Callable[[], Engine]
    disk_bytes: int = 0
    memory_bytes: int = 0


def plan_engine(context: Context) -> EnginePlan:
    """Choose the first source that serves: PATH, the official download, the build; say what spoke against others."""
    found = find_on_path(context)
    if isinstance(found, Engine):
        engine = found
        return EnginePlan("path", engine.why, lambda: engine)
    problem = official_problem(context)
    if problem is not None:
        return _plan_build(context, f"{found}; {problem}")
    return EnginePlan("official", found, lambda: _download_or_build(context, found), ENGINE_DOWNLOAD_BYTES)


def ensure_engine(context: Context, plan: EnginePlan) -> Engine:
    """Carry a plan out and record the engine."""
    context.progress.say(_TOPIC, f"source: {plan.source} ({plan.why})")
    engine = plan.make()
    record_engine(context, engine)
    context.progress.say(_TOPIC, f"Pulumi {engine.version} at {engine.pulumi}, verified with its Python language host")
    return engine


def _plan_build(context: Context, why: str) -> EnginePlan:
    if is_built(context):
        return EnginePlan("build", f"{why}; built by an earlier set-up", lambda: build_engine(context, why))
    return EnginePlan("build", why, lambda: build_engine(context, why), ENGINE_BUILD_BYTES, ENGINE_BUILD_MEMORY_BYTES)


def _download_or_build(context: Context, why: str) -> Engine:
    try:
        return download_engine(context)
    except DownloadError as error:
        context.progress.say(_TOPIC, f"{error}; building it instead")
        return build_engine(context, f"{why}; {error}")
