"""Make, read, change and remove table-described resources by calls to moto's server."""

import re
import threading
from collections.abc import Mapping
from typing import Any

import boto3
import jmespath
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stacks.rehearsal.aws.mapping import select, to_service
from stacks.rehearsal.aws.schema import type_schema
from stacks.rehearsal.aws.table import Call, ResourceType, Tagging
from stacks.rehearsal.plugins.errors import NotFoundError, PartialFailureError, RehearsalError
from stacks.rehearsal.plugins.provider import ResourceState

ACCOUNT = "123456789012"
_FIRST_REGION = "us-east-1"
_REFERENCE = re.compile(r"\{([A-Za-z0-9_]+)\}")
_MISSING = re.compile(r"NotFound|NoSuch|NotExist|ResourceNotFoundException|ServerSideEncryptionConfigurationNotFound")


class MotoBackend:
    """Call the services behind one endpoint; calls are made one at a time, because moto keeps its state unlocked."""

    def __init__(self, endpoint: str, region: str) -> None:
        self._endpoint = endpoint
        self._region = region
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.RLock()
        # Not the default session, which would read the user's own profiles. moto takes any credentials.
        placeholder = "rehearsal"
        self._session = boto3.Session(
            aws_access_key_id=placeholder, aws_secret_access_key=placeholder, region_name=region
        )

    def create(self, kind: ResourceType, inputs: Mapping[str, Any]) -> ResourceState:
        """Make a resource and read it back. Raises PartialFailureError where a later call than the first fails."""
        with self._lock:
            context = self._context(inputs)
            answer = self._call(kind, kind.create, context, inputs)
            context["id"] = kind.id if kind.id.startswith("{") else jmespath.search(kind.id, answer)
            context["id"] = _fill(context["id"], context)
            if not context["id"]:
                raise RehearsalError(f"{kind.type}: the service made nothing: {answer.get('Unsuccessful') or answer}")
            try:
                context = {**(self._read(kind, context) or {}), **context}
                for update in kind.updates:
                    if update.on_create and any(name in inputs for name in update.properties):
                        self._call(kind, update.call, context, inputs)
                if kind.tagging and inputs.get("tags"):
                    self._tag(kind, kind.tagging, context, inputs["tags"])
                return self._state(kind, context["id"], inputs)
            except (RehearsalError, NotFoundError) as error:
                raise PartialFailureError(
                    str(error), resource_id=context["id"], properties={**inputs}, reasons=[str(error)]
                ) from None

    def read(self, kind: ResourceType, resource_id: str, known: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what the services tell of a resource by the SDK's names, None where it is gone."""
        with self._lock:
            return self._read(kind, {**self._context(known), "id": resource_id})

    def update(
        self,
        kind: ResourceType,
        resource_id: str,
        state: Mapping[str, Any],
        changed: frozenset[str],
        old_inputs: Mapping[str, Any],
        inputs: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """Change the properties that differ and read the resource back."""
        with self._lock:
            context = {**self._context({**state, **inputs}), "id": resource_id}
            for update in kind.updates:
                if changed & set(update.properties):
                    self._call(kind, update.call, context, inputs)
            if kind.tagging and "tags" in changed:
                gone = sorted(set(old_inputs.get("tags") or {}) - set(inputs.get("tags") or {}))
                if gone:
                    self._untag(kind, kind.tagging, context, gone)
                if inputs.get("tags"):
                    self._tag(kind, kind.tagging, context, inputs["tags"])
            return self._state(kind, resource_id, inputs).properties

    def delete(self, kind: ResourceType, resource_id: str, state: Mapping[str, Any]) -> None:
        """Remove a resource; one that is gone is no failure."""
        with self._lock:
            context = {**self._context(state), "id": resource_id}
            for call in kind.delete:
                try:
                    self._call(kind, call, context, state)
                except NotFoundError:
                    continue

    def request(self, service: str, operation: str, params: Mapping[str, Any]) -> Any:
        """Make one call in the provider's region. Raises NotFoundError and RehearsalError."""
        with self._lock:
            return _send(self._client(service, self._region), operation, params)

    def _state(self, kind: ResourceType, resource_id: str, inputs: Mapping[str, Any]) -> ResourceState:
        found = self._read(kind, {**self._context(inputs), "id": resource_id})
        if found is None:
            raise NotFoundError(f"{kind.type} {resource_id}: was made, but cannot be read back")
        return ResourceState(id=resource_id, properties={**inputs, **found})

    def _read(self, kind: ResourceType, context: Mapping[str, Any]) -> dict[str, Any] | None:
        schema = type_schema(kind.type)
        found: dict[str, Any] = {}
        for call in (*kind.read, *([kind.tagging.read] if kind.tagging and kind.tagging.read else [])):
            try:
                answer = jmespath.search(call.result, self._call(kind, call, {**context, **found}, context))
            except NotFoundError:
                answer = None
            if call.match and answer is not None:
                wanted = context.get(call.match) or context["id"]
                answer = next((item for item in answer if item.get(call.match) == wanted), None)
            if answer is None:
                if call.optional:
                    continue
                return None
            found |= select(schema.outputs, {call.under: answer} if call.under else answer, kind.renames)
        for name in kind.unread:
            found.pop(name, None)
        whole = {**context, **found}
        found |= {name: _fill(template, whole) for name, template in kind.computed.items()}
        if "tagsAll" in schema.outputs:
            tags = {key: value for key, value in (found.get("tags") or {}).items() if not key.startswith("aws:")}
            found["tags"] = found["tagsAll"] = tags
        if "region" in schema.outputs:
            found["region"] = whole["region"]
        return found

    def _call(self, kind: ResourceType, call: Call, context: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
        if (call.when and not context.get(call.when)) or (call.unless and context.get(call.unless)):
            return {}
        client = self._client(call.service or kind.service, str(context["region"]))
        params = {name: _fill(value, context) for name, value in call.params.items()}
        if call.send:
            sent = {
                name: value
                for name, value in inputs.items()
                if (name in call.send or call.send == ("*",)) and name not in ("tags", "tagsAll", "region")
            }
            shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[call.operation])
            target = shape.input_shape
            if call.into:
                nested = target.members[call.into]
                params[call.into] = to_service(nested, sent, kind.renames) | params.get(call.into, {})
            else:
                params = to_service(target, sent, kind.renames) | params
        return _send(client, call.operation, _without_nulls(params))

    def _tag(self, kind: ResourceType, tagging: Tagging, context: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        content: Any = dict(tags)
        if tagging.form == "list":
            key, value = ("TagKey", "TagValue") if kind.service == "kms" else ("Key", "Value")
            content = [{key: name, value: text} for name, text in tags.items()]
        self._call(
            kind,
            Call(operation=tagging.add, params={tagging.member: tagging.value, tagging.tags: content}),
            context,
            {},
        )

    def _untag(self, kind: ResourceType, tagging: Tagging, context: Mapping[str, Any], names: list[str]) -> None:
        keys: list[Any] = list(names) if tagging.plain_keys else [{"Key": name} for name in names]
        self._call(
            kind,
            Call(operation=tagging.remove, params={tagging.member: tagging.value, tagging.keys: keys}),
            context,
            {},
        )

    def _context(self, values: Mapping[str, Any]) -> dict[str, Any]:
        tags = [{"Key": name, "Value": text} for name, text in (values.get("tags") or {}).items()]
        region = values.get("region") or self._region
        # The first region of S3 takes no location constraint, every other one needs it.
        location = None if region == _FIRST_REGION else {"LocationConstraint": region}
        return {
            **values,
            "region": region,
            "account": ACCOUNT,
            "partition": "aws",
            "tagList": tags,
            "bucketConfiguration": location,
        }

    def _client(self, service: str, region: str) -> Any:
        if (service, region) not in self._clients:
            self._clients[service, region] = self._session.client(
                service,
                region_name=region,
                endpoint_url=self._endpoint,
                config=Config(
                    retries={"max_attempts": 1}, s3={"addressing_style": "path"}, user_agent_extra="rehearsal"
                ),
            )
        return self._clients[service, region]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        # An item whose first member is null names nothing: a rule's range, say, when the rule has another source.
        named = [item for item in value if not isinstance(item, Mapping) or next(iter(item.values()), None) is not None]
        return [_without_nulls(item) for item in named]
    return value


def _send(client: Any, operation: str, params: Mapping[str, Any]) -> Any:
    try:
        answer = getattr(client, operation)(**params)
    except ClientError as error:
        detail = error.response.get("Error", {})
        code, text = str(detail.get("Code", "")), str(detail.get("Message", ""))
        message = f"{client.meta.service_model.service_name} {operation}: {code}: {text}"
        raise (NotFoundError if _MISSING.search(code) or code == "404" else RehearsalError)(message) from None
    except BotoCoreError as error:
        raise RehearsalError(f"{client.meta.service_model.service_name} {operation}: {error}") from None
    answer.pop("ResponseMetadata", None)
    return answer


def _fill(value: Any, context: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole:
            return context.get(whole[1])
        return _REFERENCE.sub(lambda found: str(context.get(found[1], "")), value)
    if isinstance(value, Mapping):
        return {name: _fill(item, context) for name, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, context) for item in value]
    return value
