"""The local cloud's foundation: the stack's folder, its ports and the supervisor that runs its processes.

It makes no volume (they must outlive it) and starts no program of its own but the supervisor's keeper.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pulumi
from pydantic import BaseModel, ConfigDict, Field

from components.contracts import Capabilities
from components.local.layout import StackLayout
from components.local.providers.directory import Directory
from components.local.providers.port import Port
from components.local.providers.process import Process
from components.local.providers.secret_file import GeneratedSecret
from components.local.providers.supervisor import SupervisorDaemon
from components.local.readiness import Readiness
from components.local.supervision import USER, Program

_OWN_PORT = "supervisor"


class SupervisorArgs(BaseModel):
    """A stack's name and folder, and its ports by name, of which 0 is chosen by the kernel once and then kept.

    `setting_prefix` is what a stack setting that names a port starts with, for error messages.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    stack: str
    root: Path
    host: str = "127.0.0.1"
    ports: dict[str, int] = Field(default_factory=dict)
    setting_prefix: str = "inferloop:ports."


class Supervisor(pulumi.ComponentResource):
    """Make the stack's folder, hold its ports and run supervisord, which a keeper brings back when it is killed.

    Ports come first: a port that somebody else holds is reported before anything starts. Outputs: url, and
    description (url, user and password file of supervisord's interface, for `inferloop status`).
    """

    Args: ClassVar[type[SupervisorArgs]] = SupervisorArgs
    capabilities: ClassVar[Capabilities] = Capabilities(
        accounts=False,
        managed_database=False,
        object_store=False,
        autoscaling=False,
        load_balancer=False,
        tls=False,
        public_network=False,
    )
    url: pulumi.Output[str]
    description: pulumi.Output[Mapping[str, Any]]

    def __init__(self, name: str, args: SupervisorArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferloop:local:Supervisor", name, {}, opts)
        self.args = args
        self.layout = StackLayout(root=args.root)
        inside = pulumi.ResourceOptions(parent=self)
        self._ports = {
            role: Port(
                f"{name}-port-{role}",
                host=args.host,
                wanted=wanted,
                setting=f"{args.setting_prefix}{role}",
                opts=inside,
            )
            for role, wanted in {_OWN_PORT: 0, **args.ports}.items()
        }
        self.folders = Directory(
            f"{name}-folders",
            root=args.root,
            folders=[str(folder.relative_to(args.root)) for folder in (*self.layout.disposable, self.layout.programs)],
            opts=inside,
        )
        password = GeneratedSecret(
            f"{name}-password",
            path=str(self.layout.secrets / "supervisor-password"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.folders]),
        )
        daemon = SupervisorDaemon(
            f"{name}-daemon",
            root=args.root,
            host=args.host,
            port=self.port(_OWN_PORT),
            password_file=self.layout.secrets / "supervisor-password",
            revision=password.revision,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.folders, *self._ports.values()]),
        )
        # The address is known in a preview, where the daemon's own output may not be.
        self.url = pulumi.Output.all(daemon.urn, self.address(_OWN_PORT)).apply(lambda known: str(known[1]))
        self.description = pulumi.Output.from_input(
            {
                "url": self.url,
                "user": USER,
                "password_file": str(self.layout.secrets / "supervisor-password"),
            }
        )
        self.register_outputs({"url": self.url, "description": self.description})

    def port(self, role: str) -> pulumi.Output[int]:
        """Return the port of a role that is named in `ports`."""
        return self._ports[role].port.apply(int)

    def address(self, role: str, path: str = "") -> pulumi.Output[str]:
        """Return `http://host:port` of a role with `path` behind it."""
        return pulumi.Output.concat("http://", self.args.host, ":", self.port(role).apply(str), path)

    def process(
        self,
        name: str,
        *,
        role: str,
        program: Program | pulumi.Output[Program],
        readiness: Mapping[str, Any],
        triggers: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
        depends_on: Sequence[pulumi.Resource] = (),
    ) -> Process:
        """Run one program under this supervisor on the role's port; `readiness` are fields of Readiness."""
        inputs = {
            "root": str(self.args.root),
            "supervisor_url": self.url,
            "supervisor_password_file": str(self.layout.secrets / "supervisor-password"),
            "program": pulumi.Output.from_input(program).apply(
                lambda it: it.model_dump(mode="json", exclude_none=True)
            ),
            "host": self.args.host,
            "port": self.port(role),
            "port_setting": f"{self.args.setting_prefix}{role}",
            "readiness": pulumi.Output.from_input(dict(readiness)).apply(
                lambda fields: Readiness.model_validate(fields).model_dump(mode="json", exclude_none=True)
            ),
            "triggers": dict(triggers),
        }
        waiting = pulumi.ResourceOptions(depends_on=[self.folders, *depends_on])
        return Process(name, inputs=inputs, opts=pulumi.ResourceOptions.merge(opts, waiting))
