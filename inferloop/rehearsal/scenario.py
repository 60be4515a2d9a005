"""The scenario of a rehearsal: up, nothing to do, drift, update, rollback, destroy, nothing left."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from inferloop.errors import EngineError
from inferloop.rehearsal.engine_steps import EngineRun
from inferloop.rehearsal.session import Session
from inferloop.state import read_state
from stacks.rehearsal.behind_back import MEDDLED, Meddling, meddle
from stacks.rehearsal.deployment import Deployment, changed_inputs
from stacks.rehearsal.leftovers import Inventory, cluster_inventory, take_inventory, what_is_left
from stacks.rehearsal.plugins.errors import RehearsalError
from stacks.rehearsal.plugins.faults import Fault
from stacks.rehearsal.report import DriftFound, FaultSeen, Outcome, ResourceChange, SecretCheck, Step
from stacks.rehearsal.secret_scan import find_secrets

DEFAULT_REGION = "us-east-1"
_BY_FAULT = "(--fail)"
_SHOWN = 6


class StepFailedError(Exception):
    """A step was not as it must be."""

    def __init__(self, detail: str, changes: Sequence[ResourceChange] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.changes = tuple(changes)


@dataclass
class Findings:
    """What the steps have found so far."""

    steps: list[Step] = field(default_factory=list)
    drift: list[DriftFound] = field(default_factory=list)
    faults: list[FaultSeen] = field(default_factory=list)
    leftovers: tuple[str, ...] = ()
    secrets: SecretCheck = field(default_factory=SecretCheck)
    first: Deployment | None = None
    created: tuple[ResourceChange, ...] = ()


_Result = tuple[str, Sequence[ResourceChange]]


class Scenario:
    """Run steps one after the other; where one fails that the next ones stand on, those are skipped."""

    def __init__(
        self,
        session: Session,
        *,
        change: Mapping[str, Any] | None,
        region: str = DEFAULT_REGION,
        faults: Sequence[Fault] = (),
    ) -> None:
        self.found = Findings()
        self._session = session
        self._region = region
        self._change = change
        self._waiting = list(faults)
        self._config = session.workspace.configure()
        self.before = cluster_inventory(session.emulators.api())
        self._broken = False

    def ready(self, duration_s: float) -> None:
        """Record how long it took until the emulators answered."""
        emulators = self._session.emulators
        what = "moto's server" if emulators.kubeconfig is None else "moto's server, control plane and nodes"
        self.found.steps.append(
            Step(name="start", title="start", outcome=Outcome.OK, duration_s=round(duration_s, 3), detail=what)
        )

    def up(self, *, update: bool = False) -> None:
        """Make the stack, or make it what its settings now say."""
        title = "update what was kept" if update else "up"

        def work() -> _Result:
            try:
                run = self._engine("up", "up", title)
            except StepFailedError as failure:
                # What came up is reported, too.
                self.found.first, self.found.created = self._session.steps.export(), failure.changes
                raise
            deployment = self._session.steps.export()
            self.found.first, self.found.created = deployment, tuple(run.changes)
            if not deployment.things:
                raise StepFailedError("the stack's program makes nothing", run.changes)
            return f"{len(deployment.things)} resources", run.changes

        self._step("up", title, work, needed=True)

    def no_op(self, times: int) -> None:
        """See that nothing is left to do, several times in a row."""

        def work() -> _Result:
            for number in range(1, times + 1):
                run = self._engine("up", "no-op", f"up again, {number} of {times}")
                if run.changes:
                    which = ", ".join(f"{change.operation} {change.name}" for change in run.changes[:_SHOWN])
                    raise StepFailedError(f"up number {number + 1} still changes {which}", run.changes)
            return f"0 changes{f', {times} times in a row' if times > 1 else ''}", ()

        self._step("no-op", "up with nothing to do", work)

    def secrets(self) -> None:
        """Look for the stack's secrets in its state as it is kept, in logs and in events."""

        def work() -> _Result:
            values = self._session.steps.export().secrets
            home = self._session.workspace.project.home
            places = (
                home.backend,
                home.log,
                home.pulumi_home / "logs",
                self._session.workspace.folder / "control-plane",
            )
            files = [path for place in places for path in place.rglob("*") if path.is_file() and path.suffix != ".key"]
            files = [path for path in files if path.name not in ("kubeconfig", "tokens.csv", "credential.json")]
            files = [path for path in files if "etcd" not in path.parts] + [
                self._session.workspace.state / "journal.jsonl"
            ]
            held = find_secrets(values, files)
            names = tuple(str(path).removeprefix(f"{home.root}/") for path in held)
            self.found.secrets = SecretCheck(values=len(values), files=len(files), found=names)
            if names:
                raise StepFailedError(f"a secret stands in plain text in {', '.join(names)}")
            return f"none; {len(values)} values looked for in {len(files)} files", ()

        self._step("secrets", "secrets in plain text", work)

    def drift(self) -> None:
        """Change something behind the engine's back, see it and nothing else in a refresh, and have it repaired."""
        meddlings: list[Meddling] = []
        before: list[Deployment] = []

        def see() -> _Result:
            before.append(self._session.steps.export())
            emulators = self._session.emulators
            meddlings.extend(meddle(before[0], aws=emulators.aws, region=self._region, api=emulators.api()))
            self._engine("refresh", "drift", "looking for drift that was made")
            drifted = changed_inputs(before[0], self._session.steps.export())
            self.found.drift = [
                DriftFound(what=item.what, urn=item.urn, seen=item.urn in drifted, repaired=False) for item in meddlings
            ]
            unseen = [item.what for item in self.found.drift if not item.seen]
            changes = _as_changes(drifted, before[0])
            made = {item.urn for item in meddlings}
            _refuse_nobodys({urn: names for urn, names in drifted.items() if urn not in made}, changes)
            if unseen:
                raise StepFailedError(f"not seen: {'; '.join(unseen)}", changes)
            return "; ".join(item.what for item in meddlings), changes

        def repair() -> _Result:
            run = self._engine("up", "repair", "repairing the drift")
            self.found.drift = [
                item.model_copy(update={"repaired": not meddling.remains()})
                for item, meddling in zip(self.found.drift, meddlings, strict=True)
            ]
            left = changed_inputs(before[0], self._session.steps.export())
            if left or not all(item.repaired for item in self.found.drift):
                broken = [item.what for item in self.found.drift if not item.repaired]
                raise StepFailedError(f"not repaired: {'; '.join(broken) or _told(left)}", run.changes)
            return "all of it", run.changes

        kinds = () if self.found.first is None else self.found.first.things.values()
        if not self._broken and not any(thing.type in MEDDLED for thing in kinds):
            self._refresh()
            self._skip(
                "drift", "drift behind the engine's back", "the stack has neither a private bucket nor a Deployment"
            )
            return
        self._step("drift", "drift behind the engine's back", see)
        self._step("repair", "repair of the drift", repair)

    def _refresh(self) -> None:
        """See that nothing has drifted of itself."""

        def work() -> _Result:
            before = self._session.steps.export()
            self._engine("refresh", "refresh", "looking for drift where there is none")
            drifted = changed_inputs(before, self._session.steps.export())
            _refuse_nobodys(drifted, _as_changes(drifted, before))
            return "no drift", ()

        self._step("refresh", "refresh", work)

    def update(self) -> None:
        """Change a setting, and list what it changed."""
        change = self._change
        if not change and not self._broken:
            self._skip("update", "update", "no setting to change was named (--set KEY=VALUE)")
            self._skip("rollback", "rollback", "nothing was updated")
            return
        said = ", ".join(f"{key} = {json.dumps(value)}" for key, value in (change or {}).items())

        def work() -> _Result:
            self._config = self._session.workspace.configure(change)
            run = self._engine("up", "update", f"changing {said}")
            if not run.changes:
                raise StepFailedError(f"{said} changed nothing")
            return said, run.changes

        def roll_back() -> _Result:
            self._config = self._session.workspace.configure()
            run = self._engine("up", "rollback", "changing it back")
            now = self._session.steps.export()
            first = self.found.first
            different = changed_inputs(first, now) if first else {}
            if different:
                raise StepFailedError(f"not as after the first up: {_told(different)}", run.changes)
            return "everything as after the first up", run.changes

        self._step("update", "update", work)
        self._step("rollback", "rollback", roll_back)

    def destroy(self) -> None:
        """Remove the stack, whatever came before; then look for what is left."""

        def look() -> _Result:
            self.found.leftovers = what_is_left(self.before, self._inventory)
            if self.found.leftovers:
                shown = ", ".join(self.found.leftovers[:_SHOWN])
                raise StepFailedError(f"{len(self.found.leftovers)} things were left: {shown}")
            return "nothing", ()

        self.destroy_kept()
        self._step("leftovers", "left behind", look)

    def destroy_kept(self) -> None:
        """Remove the stack, whatever came before."""

        def work() -> _Result:
            run = self._engine("destroy", "destroy", "destroying")
            left = read_state(self._session.workspace.project.home, self._session.workspace.stack).resources
            if left:
                raise StepFailedError(f"{left} resources are still in the state", run.changes)
            return "the state is empty", run.changes

        self._broken = False
        self._step("destroy", "destroy", work)

    def all_faults_happened(self) -> None:
        """See that every fault that was asked for struck, and that the run after it recovered."""
        if not self._waiting and not self.found.faults:
            return

        def work() -> _Result:
            self.found.faults += [FaultSeen(spec=str(fault)) for fault in self._waiting]
            never = [fault.spec for fault in self.found.faults if not fault.step]
            lost = [fault.spec for fault in self.found.faults if fault.step and not fault.recovered]
            if never:
                raise StepFailedError(f"never happened, there were not so many such calls: {', '.join(never)}")
            if lost:
                raise StepFailedError(f"no run recovered from {', '.join(lost)}")
            return f"{len(self.found.faults)} struck, and the next run recovered each time", ()

        self._step("faults", "faults", work)

    def _engine(self, verb: str, name: str, title: str) -> EngineRun:
        """Run the engine; after a fault that was asked for run it again, as its user would."""
        changes: list[ResourceChange] = []
        started = time.monotonic()
        while True:
            run = self._session.steps.run(verb, name=name, title=title, config=self._config)
            changes += run.changes
            if not run.error:
                self._recovered(name)
                return replace(run, changes=changes, duration_s=time.monotonic() - started)
            struck = self._struck() if _BY_FAULT in run.error else []
            if not struck:
                raise StepFailedError(run.error, changes)
            said = next(line for line in run.error.splitlines() if _BY_FAULT in line).strip()
            self.found.faults += [FaultSeen(spec=str(fault), step=name, said=said) for fault in struck]

    def _struck(self) -> list[Fault]:
        """Return the faults whose calls have been made by now, and wait for them no more."""
        try:
            counts = json.loads((self._session.workspace.state / "calls.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        struck = [fault for fault in self._waiting if counts.get(f"{fault.operation}:{fault.type}", 0) >= fault.call]
        self._waiting = [fault for fault in self._waiting if fault not in struck]
        return struck

    def _recovered(self, name: str) -> None:
        self.found.faults = [
            fault.model_copy(update={"recovered": True}) if fault.step == name else fault for fault in self.found.faults
        ]

    def _inventory(self) -> Inventory:
        session = self._session
        return take_inventory(session.emulators.aws, self._region, session.workspace.state, session.emulators.api())

    def _step(self, name: str, title: str, work: Callable[[], _Result], *, needed: bool = False) -> None:
        if self._broken:
            self._skip(name, title, "the stack did not come up")
            return
        started = time.monotonic()
        outcome = Outcome.OK
        try:
            detail, changes = work()
        except StepFailedError as failure:
            outcome, detail, changes = Outcome.FAILED, failure.detail, failure.changes
        except (EngineError, RehearsalError) as failure:
            outcome, detail, changes = Outcome.FAILED, str(failure), ()
        self._broken = self._broken or (needed and outcome is Outcome.FAILED)
        self.found.steps.append(
            Step(
                name=name,
                title=title,
                outcome=outcome,
                duration_s=round(time.monotonic() - started, 3),
                detail=detail,
                changes=tuple(changes),
            )
        )

    def _skip(self, name: str, title: str, why: str) -> None:
        self.found.steps.append(Step(name=name, title=title, outcome=Outcome.SKIPPED, duration_s=0, detail=why))


def _refuse_nobodys(drifted: Mapping[str, Sequence[str]], changes: Sequence[ResourceChange]) -> None:
    if drifted:
        raise StepFailedError(f"drift that nobody made: {_told(drifted)}", changes)


def _told(different: Mapping[str, Sequence[str]]) -> str:
    items = [f"{urn.rsplit('::', 1)[-1]} ({', '.join(properties)})" for urn, properties in different.items()]
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def _as_changes(different: Mapping[str, Sequence[str]], known: Deployment) -> list[ResourceChange]:
    return [
        ResourceChange(
            urn=urn,
            type=known.things[urn].type if urn in known.things else "",
            operation="drift",
            properties=tuple(properties),
        )
        for urn, properties in different.items()
    ]
