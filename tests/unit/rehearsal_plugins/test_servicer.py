"""The protocol over a real gRPC connection, with a plugin that keeps resources in memory."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from stacks.rehearsal.plugins.errors import NotFoundError, PartialFailureError
from stacks.rehearsal.plugins.faults import Fault, FaultPlan
from stacks.rehearsal.plugins.journal import Fidelity, Journal
from stacks.rehearsal.plugins.properties import UNKNOWN, decode, encode
from stacks.rehearsal.plugins.provider import InvalidProperty, ProviderPlugin, ResourceState
from stacks.rehearsal.plugins.servicer import ProviderServicer

URN = "urn:pulumi:dev::project::component:x:Y$mem:box:Box::one"


class MemoryPlugin(ProviderPlugin):
    name = "mem"
    version = "1.2.3"

    def __init__(self) -> None:
        self.boxes: dict[str, dict[str, Any]] = {}

    def check(self, resource: Any, inputs: Any, old_inputs: Any, seed: Any) -> Any:
        return {**inputs, "size": inputs.get("size", 1)}, [InvalidProperty("bad", "no")] if "bad" in inputs else []

    def replaces(self, resource: Any) -> frozenset[str]:
        return frozenset({"color"})

    def fidelity(self, resource: Any) -> Fidelity:
        return Fidelity.REAL

    def plan(self, resource: Any, inputs: Any, state: Any) -> Mapping[str, Any]:
        return {**inputs, "arn": UNKNOWN}

    def create(self, resource: Any, inputs: Any) -> ResourceState:
        self.boxes["b1"] = dict(inputs)
        if inputs.get("half"):
            raise PartialFailureError("only half", resource_id="b1", properties=inputs, reasons=["half"])
        return ResourceState(id="b1", properties={**inputs, "arn": "a"})

    def read(self, resource: Any, resource_id: str, state: Any, inputs: Any) -> ResourceState | None:
        found = self.boxes.get(resource_id)
        return None if found is None else ResourceState(id=resource_id, properties=found, inputs=found)

    def update(self, resource: Any, resource_id: str, state: Any, old_inputs: Any, inputs: Any) -> Mapping[str, Any]:
        if resource_id not in self.boxes:
            raise NotFoundError("gone")
        self.boxes[resource_id] = dict(inputs)
        return dict(inputs)

    def delete(self, resource: Any, resource_id: str, state: Any) -> None:
        self.boxes.pop(resource_id)

    def invoke(self, token: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"echo": arguments["text"]} if token == "mem:echo" else super().invoke(token, arguments)


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Any]:
    faults = FaultPlan([Fault.parse("delete:mem:box:Box:1")], tmp_path / "calls.json")
    servicer = ProviderServicer(MemoryPlugin(), faults=faults, journal=Journal(tmp_path / "journal.jsonl"))
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(None).wait()


def test_a_secret_input_is_a_secret_output(provider: Any) -> None:
    request = provider_pb2.CreateRequest(urn=URN, properties=encode({"pin": "1234"}, {"pin"}))
    assert decode(provider.Create(request).properties).secrets == {"pin"}


def test_a_preview_makes_nothing_and_leaves_outputs_unknown(provider: Any) -> None:
    request = provider_pb2.CreateRequest(urn=URN, properties=encode({"size": 1}), preview=True)
    assert decode(provider.Create(request).properties).values["arn"] is UNKNOWN
    assert provider.Read(provider_pb2.ReadRequest(id="b1", urn=URN)).id == ""


def test_a_check_completes_inputs_and_names_what_is_wrong(provider: Any) -> None:
    answer = provider.Check(provider_pb2.CheckRequest(urn=URN, news=encode({"bad": 1})))
    assert decode(answer.inputs).values["size"] == 1
    assert [(failure.property, failure.reason) for failure in answer.failures] == [("bad", "no")]


def test_a_difference_names_every_property_and_which_of_them_replaces(provider: Any) -> None:
    request = provider_pb2.DiffRequest(
        urn=URN, old_inputs=encode({"color": "red", "size": 1}), news=encode({"color": "blue", "size": 2})
    )
    answer = provider.Diff(request)
    assert list(answer.replaces) == ["color"]
    assert answer.detailedDiff["color"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
    assert answer.detailedDiff["size"].kind == provider_pb2.PropertyDiff.UPDATE


def test_a_resource_that_was_half_made_is_reported_with_its_id(provider: Any) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        provider.Create(provider_pb2.CreateRequest(urn=URN, properties=encode({"half": True})))
    trailers = dict(refused.value.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert (detail.id, list(detail.reasons)) == ("b1", ["half"])


def test_calls_are_recorded_without_values_and_a_fault_happens_once(provider: Any, tmp_path: Path) -> None:
    provider.Create(provider_pb2.CreateRequest(urn=URN, properties=encode({"pin": "1234"}, {"pin"})))
    with pytest.raises(grpc.RpcError, match="--fail"):
        provider.Delete(provider_pb2.DeleteRequest(id="b1", urn=URN))
    provider.Delete(provider_pb2.DeleteRequest(id="b1", urn=URN))
    entries = list(Journal(tmp_path / "journal.jsonl").entries())
    assert [(entry.operation, entry.type, bool(entry.error)) for entry in entries] == [
        ("create", "mem:box:Box", False),
        ("delete", "mem:box:Box", True),
        ("delete", "mem:box:Box", False),
    ]
    assert "1234" not in (tmp_path / "journal.jsonl").read_text()


def test_errors_become_statuses_with_their_message(provider: Any) -> None:
    with pytest.raises(grpc.RpcError) as gone:
        provider.Update(provider_pb2.UpdateRequest(id="b9", urn=URN, news=encode({})))
    assert gone.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError) as unknown:
        provider.Invoke(provider_pb2.InvokeRequest(tok="mem:nothing"))
    assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED
    with pytest.raises(grpc.RpcError) as defect:
        provider.Invoke(provider_pb2.InvokeRequest(tok="mem:echo"))
    assert defect.value.code() is grpc.StatusCode.INTERNAL


def test_the_answer_to_a_secret_argument_is_secret(provider: Any) -> None:
    answer = provider.Invoke(provider_pb2.InvokeRequest(tok="mem:echo", args=encode({"text": "s"}, {"text"})))
    assert decode(getattr(answer, "return")).secrets == {"echo"}


def test_the_provider_introduces_itself(provider: Any) -> None:
    assert provider.Handshake(provider_pb2.ProviderHandshakeRequest()).accept_secrets
    assert provider.GetPluginInfo(Empty()).version == "1.2.3"
    assert provider.Configure(provider_pb2.ConfigureRequest(args=encode({}))).supportsPreview
    assert provider.CheckConfig(provider_pb2.CheckRequest(news=encode({"region": "x"}))).inputs.fields["region"]
    request = provider_pb2.DiffRequest(old_inputs=encode({"a": 1}), news=encode({"a": 2}))
    assert provider.DiffConfig(request).changes == provider_pb2.DiffResponse.DIFF_SOME
    provider.Cancel(Empty())
