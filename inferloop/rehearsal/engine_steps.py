"""Run the engine's commands of a rehearsal and tell what each did to which resource."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inferloop.engine import EngineRunner
from inferloop.engine_run import run_with_progress
from inferloop.errors import EngineError
from inferloop.rehearsal.interruption import noticed_interrupts
from inferloop.sink import Sink
from stacks.rehearsal.deployment import Deployment, read_deployment
from stacks.rehearsal.report import ResourceChange

_CHANGES = frozenset({"create", "create-replacement", "update", "delete", "delete-replaced", "replace", "import"})
_PROVIDER = "pulumi:providers:"


@dataclass
class EngineRun:
    """One command: what changed, how long it took, and the engine's errors where it failed."""

    changes: list[ResourceChange] = field(default_factory=list)
    duration_s: float = 0.0
    error: str = ""


class EngineSteps:
    """Run commands on one stack; the output and the events of each are kept in the home's log folder."""

    def __init__(self, runner: EngineRunner, stack: str, sink: Sink) -> None:
        self._runner = runner
        self._stack = stack
        self._sink = sink
        self._known: Deployment | None = None

    def run(self, verb: str, *, name: str, title: str, config: Path) -> EngineRun:
        """Run `up`, `refresh` or `destroy`; its failure is part of what is returned.

        Raises InterruptedByUserError after Ctrl-C.
        """
        arguments = [verb, "--stack", self._stack, "--yes", "--skip-preview", "--config-file", str(config)]
        if verb == "up":
            arguments.append("--skip-plugin-pre-install")
        self._known = None
        run = EngineRun()
        watch = _Watch(self._runner.project.home.log / f"{name}-events.jsonl")
        started = time.monotonic()
        try:
            with noticed_interrupts() as check:

                def observe(event: dict[str, Any]) -> None:
                    check()
                    watch.see(event)

                run_with_progress(
                    self._runner,
                    arguments,
                    cwd=self._runner.project.checkout,
                    sink=self._sink,
                    title=title,
                    name=name,
                    observe=observe,
                )
        except EngineError as error:
            run.error = str(error)
        finally:
            watch.close()
        run.duration_s = time.monotonic() - started
        run.changes = watch.changes
        return run

    def export(self) -> Deployment:
        """Return what the engine keeps since the last command, with secrets in plain text. Raises EngineError."""
        if self._known is None:
            text = self._runner.run(["stack", "export", "--show-secrets", "--stack", self._stack])
            self._known = read_deployment(text)
        return self._known


class _Watch:
    """Follow the events of one command and write them down (0600); secrets are masked in them."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8")
        self._begun: dict[str, float] = {}
        self.changes: list[ResourceChange] = []

    def see(self, event: dict[str, Any]) -> None:
        self._file.write(json.dumps(event) + "\n")
        if "resourcePreEvent" in event:
            self._begun[str(event["resourcePreEvent"]["metadata"].get("urn"))] = time.monotonic()
        if "resOutputsEvent" in event:
            metadata = event["resOutputsEvent"]["metadata"]
            if _is_change(metadata):
                begun = self._begun.pop(str(metadata["urn"]), time.monotonic())
                self.changes.append(
                    ResourceChange(
                        urn=metadata["urn"],
                        type=metadata["type"],
                        operation=metadata["op"],
                        properties=tuple(_properties(metadata)),
                        duration_s=round(time.monotonic() - begun, 3),
                    )
                )

    def close(self) -> None:
        self._file.close()


def _is_change(metadata: Mapping[str, Any]) -> bool:
    resource = metadata.get("new") or metadata.get("old") or {}
    # Components are groups without a thing of their own.
    return bool(
        metadata.get("op") in _CHANGES and resource.get("custom") and not str(metadata["type"]).startswith(_PROVIDER)
    )


def _properties(metadata: Mapping[str, Any]) -> Sequence[str]:
    detailed = metadata.get("detailedDiff")
    return sorted(detailed) if detailed else list(metadata.get("diffs") or ())
