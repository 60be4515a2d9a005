"""The whole set-up: check, then the environment and the engine side by side, each left alone where it is current."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from types import FrameType

from tools.bootstrap import machine
from tools.bootstrap.context import Context
from tools.bootstrap.diagnosis import OWN_COMMAND, refusal
from tools.bootstrap.engine import Engine, recorded_engine
from tools.bootstrap.engine_choice import EnginePlan, ensure_engine, plan_engine
from tools.bootstrap.environment import ensure_environment, is_cached, is_current, plan_torch
from tools.bootstrap.errors import SetupError, StoppedError
from tools.bootstrap.locks import exclusive
from tools.bootstrap.torch_build import TorchBuild
from tools.bootstrap.uv import ensure_uv

_TOPIC = "set-up"
_POLL_S = 0.2


def set_up(context: Context) -> None:
    """Bring the checkout to the state that `inferloop` needs; return at once where it is.

    Raises SetupError with the remedy, KeyboardInterrupt when interrupted (by SIGTERM and SIGHUP too); in both cases
    the next call goes on from what is there.
    """
    _check_writable(context)
    if is_current(context) and recorded_engine(context) is not None:
        return
    with (
        interruptible(),
        exclusive(context.layout.lock, topic=_TOPIC, progress=context.progress, stop=context.stop) as lock,
    ):
        try:
            _bring_up(replace(context, keep_open=(lock,)))
        except OSError as error:
            raise refusal("set-up could not write a file", error) from error
    context.progress.say(_TOPIC, "complete")


def _bring_up(context: Context) -> None:
    # Asked again, for another set-up may have finished while this one waited for the lock.
    torch = None if is_current(context) else plan_torch(context)
    engine = None if recorded_engine(context) is not None else plan_engine(context)
    _check_machine(context, torch, engine)
    uv = ensure_uv(context) if torch is not None else None
    steps: list[Callable[[], Engine | None]] = []
    if engine is not None:
        plan = engine
        steps.append(lambda: ensure_engine(context, plan))
    if torch is not None and uv is not None:
        build, program = torch, uv
        steps.append(lambda: ensure_environment(context, program, build))
    _together(context.stop, steps)


def _check_machine(context: Context, torch: TorchBuild | None, engine: EnginePlan | None) -> None:
    layout = context.layout
    needs = [machine.Need("the stack's data", layout.root, machine.STACK_BYTES)]
    if torch is not None:
        cached = is_cached(context)
        size = machine.CACHED_ENVIRONMENT_BYTES if cached else machine.ENVIRONMENT_BYTES[torch.name]
        needs.append(machine.Need("Python packages", layout.cache, size))
        if _device(layout.cache) != _device(layout.root):
            needs.append(
                machine.Need("the environment's copy of them", layout.root, machine.ENVIRONMENT_BYTES[torch.name])
            )
    memory, what = machine.STACK_MEMORY_BYTES, "the stack"
    if engine is not None and engine.disk_bytes:
        needs.append(machine.Need(f"the engine ({engine.source})", layout.cache, engine.disk_bytes))
    if engine is not None and engine.memory_bytes > memory:
        memory, what = engine.memory_bytes, "building the engine"
    machine.check_disk(needs)
    machine.check_memory(memory, what)


def _check_writable(context: Context) -> None:
    layout = context.layout
    for path in (layout.root, layout.tools, layout.environment):
        if path.exists() and not os.access(path, os.W_OK | os.X_OK):
            raise SetupError(
                f"{path} cannot be written by this user",
                mend=f"run as its owner, or `{OWN_COMMAND}` where an earlier run was as root",
            )


def _device(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return folder.stat().st_dev


def _together(stop: threading.Event, steps: list[Callable[[], Engine | None]]) -> None:
    with ThreadPoolExecutor(max_workers=max(1, len(steps))) as pool:
        futures: set[Future[Engine | None]] = {pool.submit(step) for step in steps}
        try:
            pending = futures
            while pending:
                done, pending = wait(pending, timeout=_POLL_S, return_when=FIRST_EXCEPTION)
                if any(future.exception() is not None for future in done):
                    stop.set()
        except BaseException:
            stop.set()
            raise
    errors = [error for future in futures if (error := future.exception()) is not None]
    # A step that was only told to stop says nothing about the cause.
    errors.sort(key=lambda error: isinstance(error, StoppedError))
    if errors:
        raise errors[0]


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt, so that a block can tidy up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
