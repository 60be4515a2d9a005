"""One rehearsal at work: its lock, its emulators, and the engine that runs against them."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from inferloop.engine import EngineRunner, engine_environment, find_engine
from inferloop.errors import RehearsalRefusedError
from inferloop.recovery import end_orphans, recover
from inferloop.rehearsal.engine_steps import EngineSteps
from inferloop.rehearsal.providers import write_plugins
from inferloop.rehearsal.workspace import Workspace
from inferloop.sink import Sink
from inferloop.stack_lock import stack_lock
from inferloop.state import read_state
from stacks.rehearsal.aws.plugin import ENDPOINT, SCHEMAS
from stacks.rehearsal.aws.schema import keep_schemas_in
from stacks.rehearsal.control_plane import GARBAGE_PERCENT
from stacks.rehearsal.emulators import Emulators, find_emulators, start_emulators, stop_emulators
from stacks.rehearsal.node_pool import NodePool
from stacks.rehearsal.plugins.faults import Fault
from stacks.rehearsal.plugins.server import FAULTS, STATE_DIR

# What belongs to its user's own clouds and clusters, and must not reach a rehearsal.
_FOREIGN_PREFIXES = ("AWS_", "KUBE")


@dataclass(frozen=True)
class Session:
    """What a scenario works with; `fresh` tells that the emulators were started for it."""

    workspace: Workspace
    emulators: Emulators
    steps: EngineSteps
    runner: EngineRunner
    providers: Mapping[str, str]
    fresh: bool


@contextlib.contextmanager
def rehearsal_lock(workspace: Workspace, command: str) -> Iterator[None]:
    """Let one rehearsal of a stack run at a time. Raises StackBusyError where another does."""
    with stack_lock(workspace.lock, command, wait=False, tell=lambda text: None):
        yield


@contextlib.contextmanager
def open_session(
    workspace: Workspace,
    *,
    pools: Sequence[NodePool] | None,
    sink: Sink,
    definitions: Sequence[str] | None = None,
    official: bool = False,
    keep: bool = False,
    faults: Sequence[Fault] = (),
) -> Iterator[Session]:
    """Start or find the emulators and make the stack's engine ready; to be called with the lock held.

    At the end the emulators are stopped and everything but logs is removed, unless they are to be kept; they are
    stopped too where a kept rehearsal does not come as far as its first step. Raises RehearsalRefusedError where a
    kept rehearsal runs and this one is another.
    """
    found = find_emulators(workspace.folder) if workspace.kept.exists() else None
    if found is not None and not keep:
        raise RehearsalRefusedError(
            f"a rehearsal of {workspace.stack} was kept and still runs; end it by "
            f"`inferloop rehearse {workspace.stack} --stop`, or update it with --keep"
        )
    if found is None:
        discard(workspace)
    workspace.prepare()
    ready = False
    try:
        if keep:
            workspace.kept.touch(mode=0o600)
        sink.note("starting the emulators …" if found is None else "the kept emulators still run")
        emulators = found or start_emulators(workspace.folder, pools=pools, definitions=definitions, outlive=keep)
        session = _connect(workspace, emulators, sink, official=official, faults=faults, fresh=found is None)
        ready = True
        yield session
    except BaseException as error:
        # A failure leaves a kept rehearsal for inspection; who interrupts the first one wants it gone.
        ready = ready and (found is not None or isinstance(error, Exception))
        raise
    finally:
        if not keep or not ready:
            discard(workspace)


def discard(workspace: Workspace) -> None:
    """End whatever still runs of a rehearsal, kept or killed, and remove all of it but its logs."""
    end_orphans(workspace.project.home)
    stop_emulators(workspace.folder)
    workspace.clear()


def _connect(
    workspace: Workspace,
    emulators: Emulators,
    sink: Sink,
    *,
    official: bool,
    faults: Sequence[Fault],
    fresh: bool,
) -> Session:
    providers = write_plugins(emulators.programs, official=official)
    if emulators.kubeconfig is None:
        providers.pop("kubernetes")
    project = workspace.project
    engine = find_engine(project)
    own = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN_PREFIXES)}
    environment = engine_environment(project.home, engine, own)
    environment |= emulators.environment()
    environment |= {
        # A rehearsal that is killed is thrown away, so that only the end of each command need be written down.
        "PULUMI_EXPERIMENTAL": "true",
        "PULUMI_SKIP_CHECKPOINTS": "true",
        "GOGC": GARBAGE_PERCENT,
        "PATH": os.pathsep.join([str(emulators.programs), environment["PATH"]]),
        ENDPOINT: emulators.aws,
        STATE_DIR: str(workspace.state),
        SCHEMAS: str(workspace.schemas),
        FAULTS: ",".join(map(str, faults)),
    }
    # The look for what is left reads them too.
    keep_schemas_in(workspace.schemas)
    runner = EngineRunner(project, engine, environment=environment)
    workspace.configure()
    recover(runner, workspace.stack, sink)
    if not read_state(project.home, workspace.stack).exists:
        runner.run(["stack", "init", workspace.stack, "--no-select"])
    return Session(workspace, emulators, EngineSteps(runner, workspace.stack, sink), runner, providers, fresh)
