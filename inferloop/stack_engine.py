"""Run the engine for one stack: with its state, its configuration and its user's environment."""

import importlib.util
import json
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inferloop.engine import Engine, EngineRunner, find_engine, login_environment
from inferloop.engine_run import run_with_progress
from inferloop.errors import EngineError
from inferloop.project import Project
from inferloop.sink import Sink
from inferloop.stack_config import configured_values, prepare_project, refresh_config, secrets_provider, stack_runs_here
from inferloop.state import StackState, parse_deployment, read_state
from inferloop.state_location import StateLocation, locate_state

_NO_STACK = "no stack named"


@dataclass(frozen=True)
class StackEngine:
    """The engine as one stack uses it.

    `config` is the configuration file that it reads, its own choice where None. `phase` is the one that the settings
    name.
    """

    project: Project
    stack: str
    runner: EngineRunner
    location: StateLocation
    config: Path | None
    runs_here: bool
    phase: str = ""

    def state(self) -> StackState:
        """Return what the engine last kept of the stack. Raises EngineError where the backend does not answer."""
        if self.location.in_home:
            return read_state(self.project.home, self.stack)
        try:
            exported = self.runner.run(["stack", "export", "--stack", self.stack], cwd=self.project.checkout)
        except EngineError as error:
            if _NO_STACK in str(error):
                return StackState()
            raise
        try:
            return parse_deployment(json.loads(exported).get("deployment") or {})
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise EngineError(f"the state of stack {self.stack} in {self.location.url} is not readable") from error

    def ensure_stack(self, state: StackState, sink: Sink) -> None:
        """Make the stack where its backend does not have it; nothing is made in a cloud."""
        if state.exists:
            return
        if not self.runs_here:
            sink.note(f"stack {self.stack} is new in {self.location.url}")
        arguments = ["stack", "init", self.stack, "--no-select"]
        provider = None if self.location.in_home else secrets_provider(self.project, self.stack, self.config)
        if provider is not None:
            arguments += ["--secrets-provider", provider]
        self.run(arguments)

    def policy_arguments(self, sink: Sink) -> tuple[str, ...]:
        """Return what has a preview or an update checked against the policies of the stack's phase.

        Nothing for a stack on this machine, and where the extra `policies` is not installed, which a note then says.
        """
        if self.runs_here:
            return ()
        if importlib.util.find_spec("pulumi_policy") is None:
            sink.note("no policy is checked: the extra `policies` is not installed")
            return ()
        from stacks.policies.engine_arguments import engine_arguments
        from stacks.policies.policy import PHASES

        return engine_arguments(self.phase) if self.phase in PHASES else ()

    def run(self, arguments: Sequence[str]) -> str:
        """Run a short command beside the state's own project. Raises EngineError."""
        folder = self.project.home.project if self.location.in_home else self.project.checkout
        return self.runner.run(arguments, cwd=folder)

    def run_long(
        self,
        arguments: Sequence[str],
        *,
        sink: Sink,
        title: str,
        name: str,
        observe: Callable[[dict[str, Any]], None] | None = None,
        announce: bool = True,
    ) -> int:
        """Run a long command in the checkout, with progress; return the number of changes.

        Raises EngineError and InterruptedByUserError.
        """
        whole = [*arguments, "--stack", self.stack]
        if self.config is not None:
            whole += ["--config-file", str(self.config)]
        patience = {} if self.runs_here else {"grace_s": None}
        return run_with_progress(
            self.runner,
            whole,
            cwd=self.project.checkout,
            sink=sink,
            title=title,
            name=name,
            observe=observe,
            announce=announce,
            **patience,
        )


def open_stack(
    project: Project, stack: str, *, local_state: bool = False, config_file: Path | None = None
) -> StackEngine:
    """Return the engine of a stack; the configuration copy in the home is written anew where that is used.

    Raises ProjectError, StateLocationError or EngineMissingError.
    """
    local = stack_runs_here(project, stack, config_file)
    if local:
        location = StateLocation(project.home.backend.as_uri(), in_home=True)
    else:
        location = locate_state(project, stack, local_state=local_state)
    engine = find_engine(project)
    prepare_project(project)
    if local:
        runner = EngineRunner(project, engine)
    else:
        # A cloud's running step must end in order, or the cloud holds what the state does not know.
        runner = EngineRunner(
            project, engine, environment=_environment_of(project, engine, location), orphan_signal=signal.SIGINT
        )
    config = refresh_config(project, stack, config_file) if location.in_home else config_file
    phase = configured_values(project, stack, config_file).get("phase", "")
    return StackEngine(project, stack, runner, location, config, local, phase)


def _environment_of(project: Project, engine: Engine, location: StateLocation) -> dict[str, str]:
    environment = login_environment(engine)
    if location.in_home:
        environment.pop("PULUMI_CONFIG_PASSPHRASE", None)
        environment["PULUMI_BACKEND_URL"] = project.home.backend.as_uri()
        environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(project.home.passphrase)
    return environment
