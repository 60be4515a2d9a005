"""Protected folders for data that must outlive every process."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pulumi
from pydantic import BaseModel, ConfigDict

from components.contracts import VolumeHandle
from components.local.layout import StackLayout
from components.local.providers.directory import Directory

# A server that may not run as root must be able to pass through; what lies inside stays closed to others.
_PASSABLE = 0o711


class VolumesArgs(BaseModel):
    """The stack's folder and the names of its volumes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    root: Path
    names: tuple[str, ...]
    protect: bool = True


class Volumes(pulumi.ComponentResource):
    """Make one folder for each volume and protect it from deletion.

    Volumes depend on nothing, so `pulumi destroy --exclude-protected` keeps them and takes the rest. Outputs: uris.
    """

    Args: ClassVar[type[VolumesArgs]] = VolumesArgs
    handles: Mapping[str, VolumeHandle]

    def __init__(self, name: str, args: VolumesArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferloop:local:Volumes", name, {}, opts)
        layout = StackLayout(root=args.root)
        handles: dict[str, VolumeHandle] = {}
        for role in args.names:
            folder = Directory(
                f"{name}-{role}",
                root=args.root,
                folders=[str((layout.data / role).relative_to(args.root))],
                mode=_PASSABLE,
                opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
            )
            handles[role] = VolumeHandle(uri=folder.location)
        self.handles = handles
        self.register_outputs({"uris": {role: handle.uri for role, handle in handles.items()}})
