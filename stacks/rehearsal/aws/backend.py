"""Make, read, change and remove table-described resources by calls to moto's server."""

import dataclasses
import os
import re
import threading
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stacks.rehearsal.aws.mapping import as_declared, select, to_service
from stacks.rehearsal.aws.paths import search
from stacks.rehearsal.aws.schema import type_schema
from stacks.rehearsal.aws.table import Call, ResourceType, Tagging
from stacks.rehearsal.plugins.errors import NotFoundError, PartialFailureError, RehearsalError
from stacks.rehearsal.plugins.provider import ResourceState

ACCOUNT = "123456789012"
_FIRST_REGION = "us-east-1"
CLUSTER_ENDPOINT = "INFERLOOP_REHEARSAL_CLUSTER_ENDPOINT"
"""Environment variable: the URL of the rehearsal's own API server, which clusters then answer as theirs."""
CLUSTER_AUTHORITY = "INFERLOOP_REHEARSAL_CLUSTER_CA"
"""Environment variable: the certificate of that API server's authority, as base64 of its PEM form."""
# As many as a plugin has threads.
_CONNECTIONS = 16
_REFERENCE = re.compile(r"\{([A-Za-z0-9_.]+)\}")
_MISSING = re.compile(r"NotFound|NoSuch|NotExist|Non[eE]xistent")
# GuardDuty has no code of its own for a detector that is gone.
_MISSING_TEXT = "is not owned by the current account"


class MotoBackend:
    """Call the services behind one endpoint, from several threads; moto_process.py answers one call at a time."""

    def __init__(self, endpoint: str, region: str) -> None:
        self._endpoint = endpoint
        self._region = region
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        # Not the default session, which would read the user's own profiles. moto takes any credentials.
        placeholder = "rehearsal"
        self._session = boto3.Session(
            aws_access_key_id=placeholder, aws_secret_access_key=placeholder, region_name=region
        )

    def create(self, kind: ResourceType, inputs: Mapping[str, Any]) -> ResourceState:
        """Make a resource and read it back. Raises PartialFailureError where a later call than the first fails."""
        context = self._context(inputs, kind)
        making = kind.create
        tags_later = kind.tagging if inputs.get("tags") else None
        if tags_later and tags_later.created:
            making = dataclasses.replace(making, params={**making.params, **tags_later.created})
            tags_later = None
        answer = self._call(kind, making, context, inputs)
        context["made"] = search(kind.create.result, answer)
        context["id"] = kind.id if kind.id.startswith("{") else search(kind.id, answer)
        context["id"] = _fill(context["id"], context)
        if not context["id"]:
            raise RehearsalError(f"{kind.type}: the service made nothing: {answer.get('Unsuccessful') or answer}")
        try:
            later = [
                *kind.after,
                *(
                    update.call
                    for update in kind.updates
                    if update.on_create and any(name in inputs for name in update.properties)
                ),
            ]
            named = [call.params for call in later] + ([tags_later.value] if tags_later else [])
            if not _complete(named, context):
                # Outputs; an input is never overwritten by what the service has made of it.
                known = {name: value for name, value in context.items() if value is not None}
                context = self._read(kind, context) or {}
                _merge(context, known)
            for call in later:
                self._call(kind, call, context, inputs)
            if tags_later:
                self._tag(kind, tags_later, context, inputs["tags"])
            return self._state(kind, context["id"], inputs)
        except (RehearsalError, NotFoundError) as error:
            raise PartialFailureError(
                str(error), resource_id=context["id"], properties={**inputs}, reasons=[str(error)]
            ) from None

    def read(self, kind: ResourceType, resource_id: str, known: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what the services tell of a resource by the SDK's names, None where it is gone."""
        return self._read(kind, {**self._context(known, kind), "id": resource_id})

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
        context = self._fresh(kind, {**self._context({**state, **inputs}, kind), "id": resource_id})
        context["added"], context["removed"] = (
            _gained(changed, old_inputs, inputs),
            _lost(changed, old_inputs, inputs),
        )
        for update in kind.updates:
            if changed & set(update.properties):
                answer = self._call(kind, update.call, context, inputs)
                if update.call.result != "@":
                    context |= search(update.call.result, answer) or {}
        if kind.tagging and "tags" in changed:
            gone = sorted(set(old_inputs.get("tags") or {}) - set(inputs.get("tags") or {}))
            if gone:
                self._untag(kind, kind.tagging, context, gone)
            if inputs.get("tags"):
                self._tag(kind, kind.tagging, context, inputs["tags"])
        return self._state(kind, resource_id, inputs).properties

    def delete(self, kind: ResourceType, resource_id: str, state: Mapping[str, Any]) -> None:
        """Remove a resource; one that is gone is no failure."""
        try:
            context = self._fresh(kind, {**self._context(state, kind), "id": resource_id})
        except NotFoundError:
            return
        for call in kind.delete:
            try:
                self._call(kind, call, context, state)
            except NotFoundError:
                continue

    def request(self, service: str, operation: str, params: Mapping[str, Any]) -> Any:
        """Make one call in the provider's region. Raises NotFoundError and RehearsalError."""
        return _send(self._client(service, self._region), operation, params)

    def standing(self, kind: ResourceType) -> list[str]:
        """Return the ids of what stands of a type now, without what an account has from birth."""
        listing = kind.listing
        if listing is None:
            return []
        client = self._client(kind.service, self._region)
        context = self._context({}, kind)
        params = {name: _fill(value, context) for name, value in listing.params.items()}
        ids: list[str] = search(listing.ids, _send_pages(client, listing.operation, params)) or []
        if not listing.verify:
            return sorted(ids)
        return sorted(one for one in ids if self._read(kind, {**context, "id": one}) is not None)

    def _fresh(self, kind: ResourceType, context: dict[str, Any]) -> dict[str, Any]:
        if not kind.locked:
            return context
        found = self._read(kind, context)
        if found is None:
            raise NotFoundError(f"{kind.type} {context['id']}: is gone")
        return {**found, **context, "lockToken": found.get("lockToken")}

    def _state(self, kind: ResourceType, resource_id: str, inputs: Mapping[str, Any]) -> ResourceState:
        found = self._read(kind, {**self._context(inputs, kind), "id": resource_id})
        if found is None:
            raise NotFoundError(f"{kind.type} {resource_id}: was made, but cannot be read back")
        return ResourceState(id=resource_id, properties={**inputs, **found})

    def _read(self, kind: ResourceType, context: Mapping[str, Any]) -> dict[str, Any] | None:
        schema = type_schema(kind.type)
        found: dict[str, Any] = {}
        for call in (*kind.read, *([kind.tagging.read] if kind.tagging and kind.tagging.read else [])):
            try:
                answer = search(call.result, self._call(kind, call, {**context, **found}, context))
            except NotFoundError:
                answer = None
            if call.match and answer is not None:
                wanted = context.get(call.match) or context["id"]
                answer = next((item for item in answer if item.get(call.match) == wanted), None)
            if answer is None and not call.optional:
                return None
            told = {call.under: answer} if call.under and answer else answer or {}
            _merge(found, select(schema.outputs, told, kind.renames))
            found |= {name: "" for name in call.tells if name not in found and context.get(name) is not None}
        for name in kind.unread:
            found.pop(name, None)
        whole = {**context, **found}
        for name, template in kind.computed.items():
            if _complete(template, whole):
                _merge(found, {name: _fill(template, whole)})
        if "tagsAll" in schema.outputs:
            told = (context if "tags" in kind.unread else found).get("tags") or {}
            found["tags"] = found["tagsAll"] = {key: text for key, text in told.items() if not key.startswith("aws:")}
        if "region" in schema.outputs:
            found["region"] = whole["region"]
        return found

    def _call(self, kind: ResourceType, call: Call, context: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
        if (call.when and not _look_up(call.when, context)) or (call.unless and _look_up(call.unless, context)):
            return {}
        client = self._client(call.service or kind.service, str(context["region"]))
        operation = client.meta.method_to_api_mapping[call.operation]
        target = client.meta.service_model.operation_model(operation).input_shape
        params = {name: as_declared(target, name, _fill(value, context)) for name, value in call.params.items()}
        if call.send:
            sent = {
                name: value
                for name, value in inputs.items()
                if (name in call.send or call.send == ("*",)) and name not in ("tags", "tagsAll", "region")
            }
            if call.into:
                nested = target.members[call.into]
                params[call.into] = to_service(nested, sent, kind.renames) | params.get(call.into, {})
            else:
                params = to_service(target, sent, kind.renames) | params
        return _send(client, call.operation, _without_nulls(params))

    def _tag(self, kind: ResourceType, tagging: Tagging, context: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        content: Any = dict(tags)
        if tagging.form == "list":
            key, value = tagging.pair
            content = [{key: name, value: text} for name, text in tags.items()]
        self._call(
            kind,
            Call(
                operation=tagging.add,
                params={**tagging.params, tagging.member: tagging.value, tagging.tags: content},
            ),
            context,
            {},
        )

    def _untag(self, kind: ResourceType, tagging: Tagging, context: Mapping[str, Any], names: list[str]) -> None:
        keys: list[Any] = list(names) if tagging.plain_keys else [{tagging.pair[0]: name} for name in names]
        self._call(
            kind,
            Call(
                operation=tagging.remove, params={**tagging.params, tagging.member: tagging.value, tagging.keys: keys}
            ),
            context,
            {},
        )

    def _context(self, values: Mapping[str, Any], kind: ResourceType) -> dict[str, Any]:
        key, value = kind.tagging.pair if kind.tagging else ("Key", "Value")
        tags = [{key: name, value: text} for name, text in (values.get("tags") or {}).items()]
        region = values.get("region") or self._region
        # The first region of S3 takes no location constraint, every other one needs it.
        location = None if region == _FIRST_REGION else {"LocationConstraint": region}
        return {
            **values,
            **(kind.derived(values) if kind.derived else {}),
            "region": region,
            "account": ACCOUNT,
            "partition": "aws",
            "tagList": tags,
            "bucketConfiguration": location,
            "clusterEndpoint": os.environ.get(CLUSTER_ENDPOINT),
            "clusterAuthority": os.environ.get(CLUSTER_AUTHORITY),
        }

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._session.client(
                    service,
                    region_name=region,
                    endpoint_url=self._endpoint,
                    config=Config(
                        retries={"max_attempts": 1},
                        s3={"addressing_style": "path"},
                        user_agent_extra="rehearsal",
                        max_pool_connections=_CONNECTIONS,
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
        missing = _MISSING.search(code) or code == "404" or _MISSING_TEXT in text
        raise (NotFoundError if missing else RehearsalError)(message) from None
    except BotoCoreError as error:
        raise RehearsalError(f"{client.meta.service_model.service_name} {operation}: {error}") from None
    answer.pop("ResponseMetadata", None)
    return answer


def _fill(value: Any, context: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole:
            return _look_up(whole[1], context)
        return _REFERENCE.sub(lambda found: _text(_look_up(found[1], context)), value)
    if isinstance(value, Mapping):
        return {name: _fill(item, context) for name, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, context) for item in value]
    return value


def _look_up(path: str, context: Mapping[str, Any]) -> Any:
    value: Any = context
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _complete(template: Any, context: Mapping[str, Any]) -> bool:
    if isinstance(template, Mapping):
        return all(_complete(item, context) for item in template.values())
    if isinstance(template, list):
        return all(_complete(item, context) for item in template)
    if not isinstance(template, str):
        return True
    return all(_look_up(name, context) is not None for name in _REFERENCE.findall(template))


def _merge(found: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        known = found.get(name)
        found[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, Mapping) else value


def _gained(changed: frozenset[str], old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    gained: dict[str, Any] = {}
    for name in changed:
        before, after = old.get(name), new.get(name)
        if isinstance(after, Mapping):
            known = before if isinstance(before, Mapping) else {}
            gained[name] = {key: item for key, item in after.items() if known.get(key) != item} or None
        elif isinstance(after, list):
            gained[name] = [item for item in after if item not in (before or [])] or None
    return gained


def _lost(changed: frozenset[str], old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    lost: dict[str, Any] = {}
    for name in changed:
        before, after = old.get(name), new.get(name)
        if isinstance(before, Mapping | list):
            lost[name] = [item for item in before if item not in (after or [])] or None
    return lost


def _send_pages(client: Any, operation: str, params: Mapping[str, Any]) -> Any:
    if not client.can_paginate(operation):
        return _send(client, operation, params)
    try:
        return client.get_paginator(operation).paginate(**params).build_full_result()
    except (BotoCoreError, ClientError) as error:
        raise RehearsalError(f"{client.meta.service_model.service_name} {operation}: {error}") from None
