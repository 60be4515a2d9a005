"""Rehearse one stack from beginning to end and report what was found, or keep it running, or end a kept one."""

import datetime
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inferloop.bring_up import describe_engine
from inferloop.errors import RehearsalRefusedError
from inferloop.rehearsal.scenario import DEFAULT_REGION, Scenario
from inferloop.rehearsal.session import Session, discard, open_session, rehearsal_lock
from inferloop.rehearsal.workspace import Workspace
from inferloop.sink import Sink
from stacks.rehearsal.emulators import find_emulators
from stacks.rehearsal.leftovers import CLUSTER, Inventory
from stacks.rehearsal.memory import MemoryWatch
from stacks.rehearsal.node_pool import NodePool
from stacks.rehearsal.object_file import write_objects
from stacks.rehearsal.plugins.faults import Fault
from stacks.rehearsal.plugins.journal import Fidelity, Journal
from stacks.rehearsal.report import Report
from stacks.rehearsal.types_used import types_used


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What is rehearsed and how.

    `pools` are the cluster's nodes, None where the stack has no cluster, and `definitions` the sets of custom resources
    that it has, None for all; `change` is the setting that the update
    changes, by its path below `inferloop:`; `objects` is a file for the cluster's objects after `up`.
    """

    pools: Sequence[NodePool] | None = None
    definitions: Sequence[str] | None = None
    region: str = DEFAULT_REGION
    change: Mapping[str, Any] | None = None
    official: bool = False
    faults: Sequence[Fault] = ()
    no_ops: int = 1
    objects: Path | None = None


def rehearse(workspace: Workspace, rehearsal: Rehearsal, *, sink: Sink) -> Report:
    """Run the whole scenario; nothing is left running and nothing is kept but logs.

    A step that is not as it must be is part of the report. Raises StackBusyError, RehearsalRefusedError,
    RehearsalError, EngineMissingError, EngineError, ProjectError or InterruptedByUserError where it cannot run at all.
    """
    _check_faults(rehearsal)
    with rehearsal_lock(workspace, f"inferloop rehearse {workspace.stack}"), MemoryWatch() as memory:
        started = time.monotonic()
        with open_session(
            workspace,
            pools=rehearsal.pools,
            definitions=rehearsal.definitions,
            sink=sink,
            official=rehearsal.official,
            faults=rehearsal.faults,
        ) as session:
            scenario = Scenario(session, region=rehearsal.region, change=rehearsal.change, faults=rehearsal.faults)
            scenario.ready(time.monotonic() - started)
            scenario.up()
            _write_objects(session, rehearsal, scenario.before)
            scenario.no_op(rehearsal.no_ops)
            scenario.secrets()
            scenario.drift()
            scenario.update()
            scenario.destroy()
            scenario.all_faults_happened()
            return _report(session, scenario, memory, started)


def keep(workspace: Workspace, rehearsal: Rehearsal, *, sink: Sink) -> Report:
    """Bring a stack up and leave it with its emulators, or update the one that was left; the report has endpoints.

    Raises as `rehearse` does.
    """
    _check_faults(rehearsal)
    with rehearsal_lock(workspace, f"inferloop rehearse {workspace.stack} --keep"):
        known = find_emulators(workspace.folder)
        with (
            MemoryWatch(lambda: known.pids if known else ()) as memory,
            open_session(
                workspace,
                pools=rehearsal.pools,
                definitions=rehearsal.definitions,
                sink=sink,
                official=rehearsal.official,
                keep=True,
                faults=rehearsal.faults,
            ) as session,
        ):
            started = time.monotonic()
            scenario = Scenario(session, region=rehearsal.region, change=None, faults=rehearsal.faults)
            scenario.up(update=not session.fresh)
            _write_objects(session, rehearsal, scenario.before)
            scenario.no_op(rehearsal.no_ops)
            scenario.secrets()
            scenario.all_faults_happened()
            report = _report(session, scenario, memory, started)
    endpoints = {"aws": session.emulators.aws, "region": rehearsal.region}
    endpoints["credentials"] = "dummy: AWS_ACCESS_KEY_ID=rehearsal AWS_SECRET_ACCESS_KEY=rehearsal"
    if session.emulators.kubeconfig is not None:
        endpoints["kubeconfig"] = str(session.emulators.kubeconfig)
    return report.model_copy(update={"endpoints": endpoints})


def stop(workspace: Workspace, *, sink: Sink) -> Report | None:
    """Destroy a kept rehearsal and end its emulators; return None where nothing was left but remains of a killed one.

    Everything is ended and removed whether the destroy went well or not.
    """
    with rehearsal_lock(workspace, f"inferloop rehearse {workspace.stack} --stop"):
        emulators = find_emulators(workspace.folder)
        if emulators is None or not workspace.kept.exists():
            discard(workspace)
            return None
        try:
            with (
                MemoryWatch(lambda: emulators.pids) as memory,
                open_session(workspace, pools=None, sink=sink, keep=True) as session,
            ):
                started = time.monotonic()
                scenario = Scenario(session, change=None)
                scenario.destroy_kept()
                return _report(session, scenario, memory, started)
        finally:
            discard(workspace)


def _check_faults(rehearsal: Rehearsal) -> None:
    if rehearsal.official and rehearsal.faults:
        raise RehearsalRefusedError("an official plugin cannot be made to fail; leave out --official, or --fail")


def _write_objects(session: Session, rehearsal: Rehearsal, before: Inventory) -> None:
    api = session.emulators.api()
    if rehearsal.objects is not None and api is not None:
        own = {text.partition(" ")[2] for text in before if text.startswith(f"{CLUSTER} ")}
        write_objects(api, rehearsal.objects, without=own)


def _report(session: Session, scenario: Scenario, memory: MemoryWatch, started: float) -> Report:
    found = scenario.found
    workspace = session.workspace
    journal = list(Journal(workspace.state / "journal.jsonl").entries())
    represented = {entry.urn.rsplit("::", 1)[-1] for entry in journal if entry.fidelity is Fidelity.REPRESENTED}
    return Report(
        stack=workspace.stack,
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        engine=describe_engine(session.runner),
        providers=session.providers,
        steps=tuple(found.steps),
        types=types_used(found.first, found.created, journal) if found.first else (),
        represented=tuple(sorted(represented)),
        stand_ins=workspace.settings,
        drift=tuple(found.drift),
        faults=tuple(found.faults),
        leftovers=found.leftovers,
        secrets=found.secrets,
        duration_s=round(time.monotonic() - started, 2),
        peak_memory_mib=memory.peak_mib,
        samples=tuple(memory.samples),
    )
