import asyncio
import dataclasses
import inspect
import re
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
from pulumi.runtime.stack import Stack
from pydantic import BaseModel

from components.contracts import CONTRACTS, Capabilities, Capability, Foundation
from components.errors import RegistryError
from components.registry import capabilities_of, clouds, component
from stacks.phases.registry import phase_named
from tests.contract.clouds import EXAMPLES, RecordingMocks

PROVIDED = [(cloud, capability) for cloud in clouds() for capability in capabilities_of(cloud)]
# Elsewhere these are workloads of a cluster, which components/kubernetes has for every cloud.
ON_ONE_MACHINE = set(Capability)
OF_AN_ACCOUNT = {Capability.PLATFORM, Capability.SECRETS, Capability.VOLUMES, Capability.DATABASE, *Foundation}


def _kind(cloud: str, capability: Capability | Foundation) -> Any:
    return component(cloud, capability)


@pytest.mark.parametrize("cloud", clouds())
def test_a_cloud_provides_every_capability(cloud: str) -> None:
    has_accounts = _kind(cloud, Capability.PLATFORM).capabilities.accounts
    assert set(capabilities_of(cloud)) == (OF_AN_ACCOUNT if has_accounts else ON_ONE_MACHINE)


@pytest.mark.parametrize(("cloud", "capability"), PROVIDED)
def test_a_component_takes_frozen_args_and_named_wiring(cloud: str, capability: Capability | Foundation) -> None:
    kind = _kind(cloud, capability)
    assert issubclass(kind.Args, BaseModel)
    assert kind.Args.model_config["frozen"]
    assert kind.Args.model_config["extra"] == "forbid"
    parameters = list(inspect.signature(kind).parameters.values())
    assert [parameter.name for parameter in parameters[:2]] == ["name", "args"]
    assert {parameter.kind for parameter in parameters[2:]} == {inspect.Parameter.KEYWORD_ONLY}
    assert parameters[-1].name == "opts"


@pytest.mark.parametrize(("cloud", "capability"), PROVIDED)
def test_a_component_says_what_it_does(cloud: str, capability: Capability | Foundation) -> None:
    kind = _kind(cloud, capability)
    assert kind.__doc__
    assert inspect.getmodule(kind).__doc__


@pytest.mark.parametrize("cloud", clouds())
def test_a_clouds_capabilities_are_stated_as_data(cloud: str) -> None:
    assert isinstance(_kind(cloud, Capability.PLATFORM).capabilities, Capabilities)


def test_an_unknown_cloud_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RegistryError, match="registered: local, aws"):
        component("mars", Capability.DATABASE)


def test_an_unknown_phase_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RegistryError, match="registered: development"):
        phase_named("retirement")


@dataclasses.dataclass
class Composed:
    """A phase that was composed against recorded answers."""

    outputs: dict[str, Any]
    secret: dict[str, bool]
    mocks: RecordingMocks
    components: list[pulumi.ComponentResource]


def _compose(cloud: str, phase_name: str, monkeypatch: pytest.MonkeyPatch) -> Composed:
    mocks = RecordingMocks(EXAMPLES[cloud].outputs)
    made: list[pulumi.ComponentResource] = []
    registered: set[int] = set()
    original_init = pulumi.ComponentResource.__init__
    original_register = pulumi.ComponentResource.register_outputs

    def remember(self: pulumi.ComponentResource, *arguments: Any, **options: Any) -> None:
        made.append(self)
        original_init(self, *arguments, **options)

    def note(self: pulumi.ComponentResource, outputs: Mapping[str, Any]) -> None:
        registered.add(id(self))
        original_register(self, outputs)

    monkeypatch.setattr(pulumi.ComponentResource, "__init__", remember)
    monkeypatch.setattr(pulumi.ComponentResource, "register_outputs", note)

    async def run() -> tuple[dict[str, Any], dict[str, bool]]:
        pulumi.runtime.set_mocks(mocks, project="inferloop", stack="contract", preview=False)
        outputs = phase_named(phase_name).compose("contract", EXAMPLES[cloud].parsed())
        values = {name: await pulumi.Output.from_input(it).future() for name, it in outputs.items()}
        secret = {name: await pulumi.Output.from_input(it).is_secret() for name, it in outputs.items()}
        return values, secret

    values, secret = asyncio.run(run())
    components = [it for it in made if not isinstance(it, Stack)]
    assert {id(it) for it in components} <= registered
    return Composed(outputs=values, secret=secret, mocks=mocks, components=components)


# Stacks in accounts are composed by test_cloud_stacks.py.
PHASES = [("local", "development")]


@pytest.mark.parametrize(("cloud", "phase"), PHASES)
def test_a_phase_delivers_what_it_promises(cloud: str, phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    composed = _compose(cloud, phase, monkeypatch)
    assert set(composed.outputs) == {item.name for item in phase_named(phase).deliverables}


@pytest.mark.parametrize(("cloud", "phase"), PHASES)
def test_secret_deliverables_are_secret_and_no_other(cloud: str, phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    composed = _compose(cloud, phase, monkeypatch)
    promised = {item.name for item in phase_named(phase).deliverables if item.secret}
    assert {name for name, is_secret in composed.secret.items() if is_secret} == promised


@pytest.mark.parametrize(("cloud", "phase"), PHASES)
def test_every_component_satisfies_its_contract(cloud: str, phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    composed = _compose(cloud, phase, monkeypatch)
    for capability in capabilities_of(cloud):
        kind = _kind(cloud, capability)
        found = [it for it in composed.components if isinstance(it, kind)]
        assert found, f"the phase makes no {capability}"
        assert all(isinstance(it, CONTRACTS[capability]) for it in found)


@pytest.mark.parametrize(("cloud", "phase"), PHASES)
def test_type_tokens_and_names_follow_the_rules(cloud: str, phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    composed = _compose(cloud, phase, monkeypatch)
    components = {it.pulumi_resource_name: it for it in composed.components}
    for it in components.values():
        assert re.fullmatch(rf"inferloop:{cloud}:{type(it).__name__}", it.pulumi_resource_type)
    for child in composed.mocks.registered:
        if not child.typ.startswith(("inferloop:", "pulumi:")):
            assert any(child.name.startswith(f"{name}-") for name in components), child.name
