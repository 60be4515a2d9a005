"""Speak the provider protocol for a ProviderPlugin.

Messages and their meaning: https://github.com/pulumi/pulumi/blob/v3.259.0/proto/pulumi/provider.proto
"""

import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from components.errors import InferloopError
from stacks.rehearsal.plugins.difference import Change, Difference, compare, top_level
from stacks.rehearsal.plugins.errors import NotFoundError, PartialFailureError, RehearsalError, UnknownTokenError
from stacks.rehearsal.plugins.faults import FaultKind, FaultPlan
from stacks.rehearsal.plugins.journal import Journal, JournalEntry
from stacks.rehearsal.plugins.properties import decode, encode
from stacks.rehearsal.plugins.provider import InvalidProperty, ProviderPlugin, ResourceRef

_Result = TypeVar("_Result")
_KINDS = {
    (Change.ADD, False): provider_pb2.PropertyDiff.ADD,
    (Change.ADD, True): provider_pb2.PropertyDiff.ADD_REPLACE,
    (Change.DELETE, False): provider_pb2.PropertyDiff.DELETE,
    (Change.DELETE, True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    (Change.UPDATE, False): provider_pb2.PropertyDiff.UPDATE,
    (Change.UPDATE, True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}
_REFUSALS = {
    FaultKind.FAIL: "InternalFailure: the call was made to fail (--fail)",
    FaultKind.THROTTLE: "ThrottlingException: Rate exceeded; the call was made to be throttled (--fail)",
}
_UNCONFIRMED = "RequestTimeout: the call was made to time out (--fail); it may have taken effect"


class _StatusWithDetails(grpc.Status):  # type: ignore[misc]
    """A failure with a message of the protocol that says more."""

    def __init__(self, message: str, detail: Message) -> None:
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message)
        status.details.add().Pack(detail)
        self.code = grpc.StatusCode.UNKNOWN
        self.details = message
        self.trailing_metadata = (("grpc-status-details-bin", status.SerializeToString()),)


class ProviderServicer(provider_pb2_grpc.ResourceProviderServicer):
    """Translate the engine's calls to a plugin's and its errors to statuses; inject faults; keep the journal."""

    def __init__(self, plugin: ProviderPlugin, *, faults: FaultPlan, journal: Journal) -> None:
        self._plugin = plugin
        self._faults = faults
        self._journal = journal

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Say what this side understands."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True, accept_outputs=True)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Return the version."""
        return plugin_pb2.PluginInfo(version=self._plugin.version)

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Check the provider's own settings."""

        def check() -> Any:
            news = decode(request.news)
            return _checked(news.values, news.secrets, self._plugin.check_settings(news.values))

        return _guarded(context, check)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Compare the provider's own settings; a change of them replaces nothing."""
        old = decode(request.old_inputs).values
        return _difference(compare(old, decode(request.news).values), deletes_first=False)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Take the provider's own settings."""

        def configure() -> Any:
            self._plugin.configure(decode(request.args).values)
            return provider_pb2.ConfigureResponse(
                acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=True
            )

        return _guarded(context, configure)

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Check a resource's inputs and complete them."""

        def check() -> Any:
            news = decode(request.news)
            values, failures = self._plugin.check(
                _reference(request), news.values, decode(request.olds).values, request.randomSeed
            )
            return _checked(values, news.secrets, failures)

        return _guarded(context, check)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Compare a resource's checked inputs."""

        def diff() -> Any:
            resource = _reference(request)
            old, new = decode(request.old_inputs).values, decode(request.news).values
            found = self._plugin.diff(resource, old, new, list(request.ignoreChanges))
            first = bool(found.replaces) and self._plugin.deletes_before_replacing(resource, old, new)
            return _difference(found, deletes_first=first)

        return _guarded(context, diff)

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Make a resource, or tell what it would be."""
        resource = _reference(request)
        inputs = decode(request.properties)
        secrets = inputs.secrets | self._plugin.secret_outputs(resource)

        def preview() -> Any:
            planned = self._plugin.plan(resource, inputs.values, None)
            return provider_pb2.CreateResponse(properties=encode(planned, secrets))

        def create() -> Any:
            fault = self._refuse_on_purpose("create", resource)
            made = self._plugin.create(resource, inputs.values)
            if fault is FaultKind.TIMEOUT:
                raise PartialFailureError(
                    _UNCONFIRMED, resource_id=made.id, properties=made.properties, reasons=[_UNCONFIRMED]
                )
            return provider_pb2.CreateResponse(id=made.id, properties=encode(made.properties, secrets))

        if request.preview:
            return _guarded(context, preview)
        return self._recorded("create", resource, "", context, create, inputs=inputs.values, secrets=secrets)

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Read a resource back, or import it."""
        resource = _reference(request)
        state, inputs = decode(request.properties), decode(request.inputs)
        secrets = state.secrets | inputs.secrets | self._plugin.secret_outputs(resource)

        def read() -> Any:
            if self._refuse_on_purpose("read", resource) is FaultKind.TIMEOUT:
                raise RehearsalError(_UNCONFIRMED)
            found = self._plugin.read(resource, request.id, state.values, inputs.values)
            if found is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(
                id=found.id, properties=encode(found.properties, secrets), inputs=encode(found.inputs, secrets)
            )

        return self._recorded("read", resource, request.id, context, read, inputs=inputs.values, secrets=secrets)

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Change a resource, or tell what it would become."""
        resource = _reference(request)
        state, old, new = decode(request.olds), decode(request.old_inputs), decode(request.news)
        secrets = new.secrets | self._plugin.secret_outputs(resource)

        def preview() -> Any:
            planned = self._plugin.plan(resource, new.values, state.values)
            return provider_pb2.UpdateResponse(properties=encode(planned, secrets))

        def update() -> Any:
            fault = self._refuse_on_purpose("update", resource)
            properties = self._plugin.update(resource, request.id, state.values, old.values, new.values)
            if fault is FaultKind.TIMEOUT:
                raise PartialFailureError(
                    _UNCONFIRMED, resource_id=request.id, properties=properties, reasons=[_UNCONFIRMED]
                )
            return provider_pb2.UpdateResponse(properties=encode(properties, secrets))

        if request.preview:
            return _guarded(context, preview)
        return self._recorded("update", resource, request.id, context, update, inputs=new.values, secrets=secrets)

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Remove a resource."""
        resource = _reference(request)

        def delete() -> Any:
            fault = self._refuse_on_purpose("delete", resource)
            self._plugin.delete(resource, request.id, decode(request.properties).values)
            if fault is FaultKind.TIMEOUT:
                raise RehearsalError(_UNCONFIRMED)
            return Empty()

        return self._recorded("delete", resource, request.id, context, delete, inputs={}, secrets=())

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Run a function; its answer is secret as a whole where an argument was."""

        def invoke() -> Any:
            arguments = decode(request.args)
            answer = self._plugin.invoke(request.tok, arguments.values)
            response = provider_pb2.InvokeResponse()
            getattr(response, "return").CopyFrom(encode(answer, answer if arguments.secrets else ()))
            return response

        return _guarded(context, invoke)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """End what waits."""
        self._plugin.cancel()
        return Empty()

    def _refuse_on_purpose(self, operation: str, resource: ResourceRef) -> FaultKind | None:
        fault = self._faults.next_call(operation, resource.type)
        if fault in _REFUSALS:
            raise RehearsalError(_REFUSALS[fault])
        return fault

    def _recorded(
        self,
        operation: str,
        resource: ResourceRef,
        resource_id: str,
        context: grpc.ServicerContext,
        work: Callable[[], Any],
        *,
        inputs: Mapping[str, Any],
        secrets: Iterable[str],
    ) -> Any:
        started = time.monotonic()
        error = ""

        def guarded() -> Any:
            nonlocal error
            try:
                return work()
            except Exception as failure:
                error = str(failure) or type(failure).__name__
                raise

        try:
            answer = _guarded(context, guarded, inputs=inputs, secrets=secrets)
            resource_id = getattr(answer, "id", "") or resource_id
            return answer
        finally:
            self._journal.append(
                JournalEntry(
                    operation=operation,
                    type=resource.type,
                    urn=resource.urn,
                    id=resource_id,
                    fidelity=self._plugin.fidelity(resource),
                    reason=self._plugin.unreal_because(resource),
                    duration_s=round(time.monotonic() - started, 6),
                    error=error,
                )
            )


def _guarded(
    context: grpc.ServicerContext,
    work: Callable[[], _Result],
    *,
    inputs: Mapping[str, Any] | None = None,
    secrets: Iterable[str] = (),
) -> _Result:
    try:
        return work()
    except PartialFailureError as failure:
        detail = provider_pb2.ErrorResourceInitFailed(
            id=failure.resource_id,
            properties=encode(failure.properties, secrets),
            reasons=failure.reasons,
            inputs=encode(inputs or {}, secrets),
        )
        context.abort_with_status(_StatusWithDetails(str(failure), detail))
    except NotFoundError as failure:
        context.abort(grpc.StatusCode.NOT_FOUND, str(failure))
    except UnknownTokenError as failure:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, str(failure))
    except InferloopError as failure:
        context.abort(grpc.StatusCode.UNKNOWN, str(failure))
    except Exception as failure:
        # A defect of the plugin: the engine shows what is written here beside the message.
        traceback.print_exc(file=sys.stderr)
        context.abort(grpc.StatusCode.INTERNAL, f"the plugin failed: {type(failure).__name__}: {failure}")
    raise AssertionError("an aborted call does not come here")


def _reference(request: Any) -> ResourceRef:
    # Engines before 3.131 send only the URN, which ends in `TYPE[$TYPE...]::NAME`.
    *_, chain, name = request.urn.split("::", 3)
    return ResourceRef(type=request.type or chain.rsplit("$", 1)[-1], name=request.name or name, urn=request.urn)


def _checked(values: Mapping[str, Any], secrets: Iterable[str], failures: Iterable[InvalidProperty]) -> Any:
    response = provider_pb2.CheckResponse(inputs=encode(values, secrets))
    for failure in failures:
        response.failures.add(property=failure.path, reason=failure.reason)
    return response


def _difference(found: Difference, *, deletes_first: bool) -> Any:
    response = provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if found.changes else provider_pb2.DiffResponse.DIFF_NONE,
        replaces=sorted({top_level(path) for path in found.replaces}),
        diffs=found.properties,
        deleteBeforeReplace=deletes_first,
        hasDetailedDiff=True,
    )
    for path, change in found.changes.items():
        response.detailedDiff[path].kind = _KINDS[change, path in found.replaces]
        response.detailedDiff[path].inputDiff = True
    return response
