"""What a stack's settings say of its rehearsal: its nodes, its region, the setting that is changed, the stand-ins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inferloop.errors import RehearsalRefusedError
from inferloop.project import Project
from inferloop.rehearsal.scenario import DEFAULT_REGION
from inferloop.rehearsal.workspace import SECRET_STAND_IN, Workspace, open_workspace, with_stand_ins, without_encrypted
from inferloop.stack_config import read_document, runs_here
from inferloop.stack_document import engine_text
from stacks.rehearsal.machine_pools import node_pools
from stacks.rehearsal.node_pool import NodePool
from stacks.rehearsal.stand_ins import stand_ins, with_settings
from stacks.settings import MEMBERS, parse_settings, settings_class

_MORE_MEMORY_MIB = 128


@dataclass(frozen=True)
class Subject:
    """A stack that can be rehearsed: its workspace, with stand-ins, and what its settings ask of the emulators."""

    workspace: Workspace
    pools: Sequence[NodePool]
    region: str
    definitions: Sequence[str] | None
    change: Mapping[str, Any] = field(default_factory=dict)


def subject_of(project: Project, stack: str, config_file: Path | None = None) -> Subject:
    """Read a stack's settings, as they are with the rehearsal's stand-ins.

    Raises ProjectError, SettingsError, or RehearsalRefusedError for a stack that runs on this machine anyway.
    """
    document = read_document(project, stack, config_file)
    if runs_here(document.settings):
        raise RehearsalRefusedError(
            f"stack {stack} runs on this machine as it is, so there is nothing to rehearse; "
            f"`inferloop up {stack}` starts it"
        )
    values, hidden = without_encrypted(document.content.get("config") or {})
    known = {"cloud": str(document.settings.get("cloud")), "phase": str(document.settings.get("phase"))}
    fields = settings_class(known["cloud"], known["phase"]).model_fields if _is_member(known) else {}
    own = {**stand_ins(fields, document.settings), **{key: SECRET_STAND_IN for key in hidden if "[" not in key}}
    settings = parse_settings(
        {
            key.rpartition(":")[2]: engine_text(value)
            for key, value in with_settings(values, own).items()
            if key.rpartition(":")[0] in ("", "inferloop")
        }
    )
    workspace = with_stand_ins(open_workspace(project, stack, config_file=config_file), own)
    return Subject(
        workspace,
        node_pools(settings),
        getattr(settings, "region", DEFAULT_REGION),
        # Charts that the stack installs bring their definitions; what is there already has brought them.
        None if getattr(settings, "operators", "") == "present" else (),
        _change(settings),
    )


def _is_member(known: Mapping[str, str]) -> bool:
    return (known["cloud"], known["phase"]) in MEMBERS


def _change(settings: Any) -> dict[str, Any]:
    """Choose a setting whose change touches a workload and replaces nothing."""
    gateway = getattr(settings, "gateway", None)
    return {} if gateway is None else {"gateway.memory_mib": gateway.memory_mib + _MORE_MEMORY_MIB}
