"""AWS components against recorded answers: what was asked of the cloud, and what the components give back."""

import dataclasses
import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import wait_for_rpcs

from components.aws.account import Account, AccountArgs
from components.aws.tags import Tags
from tests.support.shallow_stack import run_in_thread

ACCOUNT_ID = "123456789012"
REGION = "eu-central-1"
TAGS = Tags(phase="staging", stack="staging-aws", owner="platform team", cost_centre="4711")


@dataclasses.dataclass(frozen=True)
class Recorded:
    """One resource as the engine was asked for it; `inputs` have the engine's own (camel case) names."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    protect: bool
    retain: bool
    parent: str
    provider: str
    secret_inputs: frozenset[str]

    def document(self, key: str = "policy") -> Mapping[str, Any]:
        """Return a policy that the resource was given."""
        parsed: Mapping[str, Any] = json.loads(self.inputs[key])
        return parsed


@dataclasses.dataclass(frozen=True)
class Deployment:
    """What a build made: `result` has every output resolved."""

    result: Any
    resources: tuple[Recorded, ...]

    def all(self, kind: str) -> list[Recorded]:
        """Return the resources of one type, named like `kms/key:Key`."""
        return [it for it in self.resources if it.type == f"aws:{kind}"]

    def one(self, kind: str, ending: str = "") -> Recorded:
        """Return the one resource of a type whose name ends so."""
        (found,) = [it for it in self.all(kind) if it.name.endswith(ending)]
        return found


class _Answers(pulumi.runtime.Mocks):
    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        outputs: dict[str, Any] = {"arn": f"arn:aws:{args.typ.split(':')[1]}:{REGION}:{ACCOUNT_ID}:{args.name}"}
        outputs |= {
            "name": args.name,
            "bucket": args.name,
            "keyId": f"{args.name}-id",
            "publicIp": "203.0.113.7",
            "address": f"{args.name}.example.test",
            "dnsName": f"{args.name}.example.test",
            "identifier": args.name,
            "primaryEndpointAddress": f"{args.name}.example.test",
            "repositoryUrl": f"registry.example.test/{args.inputs.get('name')}",
            "value": "0123456789abcdef",
            "revision": "a-revision",
            "endpoint": f"https://{args.name}.example.test",
            "certificateAuthority": {"data": "Y2VydGlmaWNhdGU="},
            "prometheusEndpoint": f"https://{args.name}.example.test/",
            "latestVersion": 1,
            "zoneId": "Z1",
            "nameServers": ["ns-1.example.test"],
            "fqdn": "proof.example.test",
            "domainValidationOptions": [
                {"resourceRecordName": "_p", "resourceRecordType": "CNAME", "resourceRecordValue": "_v"}
            ],
        }
        state = {**outputs, **{key: it for key, it in args.inputs.items() if it is not None}}
        if args.typ == "aws:eks/cluster:Cluster":
            state["vpcConfig"] = {**state["vpcConfig"], "clusterSecurityGroupId": "sg-of-the-cluster"}
        if args.typ == "aws:rds/cluster:Cluster":
            state |= {"endpoint": f"{args.name}.example.test", "clusterIdentifier": args.name}
        return f"{args.name}-id", state

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(f"{args.token}: a component asks the cloud for nothing while it is composed")


class _Monitor(MockMonitor):
    def __init__(self) -> None:
        super().__init__(_Answers())
        self.recorded: list[Recorded] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        secret = {
            key
            for key, value in request.object.fields.items()
            if value.HasField("struct_value") and "4dabf18193072939515e22adb298388d" in value.struct_value.fields
        }
        inputs = pulumi.runtime.rpc.deserialize_properties(request.object)
        if request.type != "pulumi:pulumi:Stack":
            self.recorded.append(
                Recorded(
                    type=request.type,
                    name=request.name,
                    inputs={key: _plain(value) for key, value in inputs.items()},
                    protect=request.protect,
                    retain=request.retainOnDelete,
                    parent=request.parent,
                    provider=request.provider,
                    secret_inputs=frozenset(secret),
                )
            )
        return super().RegisterResource(request)


def deploy(build: Callable[[Account], Any], **account: Any) -> Deployment:
    """Run `build` with an account as its platform, and return what was asked for once everything has settled."""

    def program() -> Any:
        args = AccountArgs(**{"account_id": ACCOUNT_ID, "region": REGION, "tags": TAGS, **account})
        return build(Account("account", args))

    return record(program)


def record(program: Callable[[], Any], *, stack: str = "contract") -> Deployment:
    """Run a program, and return what was asked for once everything has settled."""
    monitor = _Monitor()

    async def run() -> Any:
        pulumi.runtime.set_mocks(_Answers(), project="inferloop", stack=stack, preview=False, monitor=monitor)
        made = program()
        await wait_for_rpcs()
        return await _resolved(made)

    try:
        return Deployment(result=run_in_thread(run()), resources=tuple(monitor.recorded))
    finally:
        # What a program that failed left behind belongs to a loop that is closed.
        SETTINGS.rpc_manager.clear()
        SETTINGS.outputs.clear()


def can_carry_tags(kind: str) -> bool:
    """Tell whether the SDK's class of a type such as `aws:kms/key:Key` takes tags."""
    module, _, path = kind.split(":")[1].partition("/")
    name = kind.rpartition(":")[2]
    known = {"lambda": "lambda_"}
    owner = importlib.import_module(f"pulumi_aws.{known.get(module, module)}")
    assert path
    return "tags" in inspect.signature(getattr(owner, name)._internal_init).parameters


async def _resolved(value: Any) -> Any:
    """Return a copy of dataclasses and collections in which every output is its value."""
    if isinstance(value, pulumi.Output):
        return await value.future()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {it.name: await _resolved(getattr(value, it.name)) for it in dataclasses.fields(value)}
        return dataclasses.replace(value, **changes)
    if isinstance(value, Mapping):
        return {key: await _resolved(it) for key, it in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([await _resolved(it) for it in value])
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if "4dabf18193072939515e22adb298388d" in value:
            return _plain(value["value"])
        return {key: _plain(it) for key, it in value.items()}
    if isinstance(value, list):
        return [_plain(it) for it in value]
    return value
