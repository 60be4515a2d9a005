"""Helm releases: a chart that is had is rendered and its objects are made, another one is represented.

Represented means: the kinds that it brings can be made, its values are checked as far as that can be done without the
chart, and a record in the cluster tells what was asked for. Charts that are published must be locked.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from components.catalog.charts import Chart, Charts, load_charts
from components.errors import CatalogError
from stacks.rehearsal.custom_resources import RECORD, install_kind, read_definitions
from stacks.rehearsal.kubernetes.api import ApiError, KubernetesApi, Object, ObjectRef, UnknownKindError, ref_of
from stacks.rehearsal.kubernetes.awaiting import Awaiter, NotReadyError
from stacks.rehearsal.kubernetes.helm_chart import Rendered, local_chart, render, stored_package, wrong_values
from stacks.rehearsal.kubernetes.naming import with_namespace
from stacks.rehearsal.kubernetes.release_record import (
    ReleaseRecord,
    digest_of_values,
    read_record,
    recorded_definitions,
)
from stacks.rehearsal.plugins.errors import PartialFailureError, RehearsalError
from stacks.rehearsal.plugins.properties import UNKNOWN, has_unknown
from stacks.rehearsal.plugins.provider import InvalidProperty, ResourceRef, ResourceState
from stacks.rehearsal.stand_in_definitions import stand_in_sets

RELEASE: Final = "kubernetes:helm.sh/v3:Release"
REPLACES: Final = frozenset(("name", "namespace"))
_MANAGER = "helm"
_SUFFIX_LENGTH = 8
# What the provider fetches or runs beside the chart itself, which no rehearsal does.
_NOT_REHEARSED = ("postrender", "valueYamlFiles")


class Releases:
    """Install, read, change and remove the releases of one cluster."""

    def __init__(
        self, api: KubernetesApi, awaiter: Callable[[], Awaiter], *, lock: Charts | None = None, record: Path = RECORD
    ) -> None:
        self._api = api
        self._awaiter = awaiter
        self._lock = lock or load_charts()
        self._record = record

    def plan(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Render the chart where it is had, so that a preview fails where its templates do."""
        if not has_unknown(inputs):
            self._render(inputs)
        return {**inputs, "resourceNames": UNKNOWN, "status": UNKNOWN}

    def create(self, inputs: Mapping[str, Any]) -> ResourceState:
        """Install a release; one that fails and is `atomic` is taken back."""
        self._ensure_namespace(inputs)
        try:
            properties = self._install(inputs, None)
        except RehearsalError as error:
            if inputs.get("atomic"):
                self.delete(inputs["namespace"], inputs["name"])
                raise RehearsalError(f"{error}; it was taken back, for it is atomic") from error
            raise
        return ResourceState(id=_id(inputs), properties=properties)

    def read(self, namespace: str, name: str, inputs: Mapping[str, Any]) -> ResourceState | None:
        """Return a release as the cluster knows it; what is gone of its objects shows in the input `resourceNames`."""
        record = read_record(self._api, namespace, name)
        if record is None:
            return None
        current = {"name": name, "namespace": namespace, **inputs, "chart": record.chart}
        if (inputs.get("version") or "") != record.version:
            current["version"] = record.version
        if digest_of_values(inputs.get("values") or {}) != record.values_sha256:
            # They are not kept, so that all that can be told is that they are others.
            current.pop("values", None)
        left = [ref for ref in record.objects if self._is_there(ref)]
        if len(left) != len(record.objects):
            current["resourceNames"] = _names(left)
        return ResourceState(id=f"{namespace}/{name}", properties={**current, **_outputs(record, left)}, inputs=current)

    def update(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Upgrade a release, and remove the objects that it no longer has."""
        return self._install(inputs, read_record(self._api, inputs["namespace"], inputs["name"]))

    def delete(self, namespace: str, name: str) -> None:
        """Remove a release's objects and its record; definitions stay, as helm leaves them."""
        record = read_record(self._api, namespace, name)
        if record is not None:
            self._remove(record.objects)
            self._remove([record.ref])

    def is_rendered(self, inputs: Mapping[str, Any]) -> bool:
        """Tell whether the objects of a release are really made; not those of a chart that is locked no more."""
        try:
            return bool(inputs.get("chart")) and self._package(inputs) is not None
        except CatalogError:
            return False

    def _install(self, inputs: Mapping[str, Any], former: ReleaseRecord | None) -> Mapping[str, Any]:
        rendered = self._render(inputs)
        if rendered is not None:
            self._define(rendered.definitions)
        objects = [self._placed(item, inputs["namespace"]) for item in (rendered.objects if rendered else ())]
        record = ReleaseRecord(
            name=inputs["name"],
            namespace=inputs["namespace"],
            chart=inputs["chart"],
            version=inputs.get("version") or "",
            values_sha256=digest_of_values(inputs.get("values") or {}),
            revision=former.revision + 1 if former else 1,
            rendered=rendered is not None,
            definitions=self._definitions(inputs) if rendered is None else (),
            objects=tuple(dict.fromkeys(ref_of(item) for item in objects)),
        )
        # Before the objects, so that whatever becomes of them they are known to be the release's.
        self._api.apply(record.as_object(), manager=_MANAGER, force=True)
        try:
            live = [self._api.apply(item, manager=_MANAGER, force=True) for item in objects]
            self._remove([ref for ref in (former.objects if former else ()) if ref not in record.objects])
            if not inputs.get("skipAwait"):
                self._wait(live, inputs)
        except (ApiError, NotReadyError, UnknownKindError) as error:
            raise PartialFailureError(
                f"the release {_id(inputs)}: {error}",
                resource_id=_id(inputs),
                properties={**inputs, **_outputs(record, record.objects)},
                reasons=[str(error)],
            ) from error
        return {**inputs, **_outputs(record, record.objects)}

    def _render(self, inputs: Mapping[str, Any]) -> Rendered | None:
        package = self._package(inputs)
        if package is None:
            return None
        return render(
            package,
            name=inputs["name"],
            namespace=inputs["namespace"],
            values=inputs.get("values") or {},
            kube_version=self._api.server_version(),
            kinds=self._api.kinds(),
        )

    def _package(self, inputs: Mapping[str, Any]) -> Path | None:
        return local_chart(inputs["chart"]) or stored_package(self._locked(inputs), self._record)

    def _locked(self, inputs: Mapping[str, Any]) -> Chart:
        return locked_chart(self._lock, inputs)

    def _definitions(self, inputs: Mapping[str, Any]) -> tuple[str, ...]:
        if inputs.get("skipCrds"):
            return ()
        locked = self._locked(inputs)
        names = locked.definitions
        for name in names:
            # Refused here, where the command that fetches them belongs, and not where the first kind is used.
            read_definitions(self._lock.definition_set(name), self._record)
        return (*names, *stand_in_sets([locked.name]))

    def _define(self, definitions: Sequence[Object]) -> None:
        for item in definitions:
            live = self._api.apply(item, manager=_MANAGER, force=True)
            self._awaiter().until_ready(live)

    def _placed(self, item: Object, namespace: str) -> Object:
        ensure_kind(self._api, item["apiVersion"], item["kind"])
        namespaced = self._api.is_namespaced(item["apiVersion"], item["kind"])
        return with_namespace(item, namespace, namespaced=namespaced)

    def _wait(self, objects: Sequence[Object], inputs: Mapping[str, Any]) -> None:
        awaiter = self._awaiter().with_patience(inputs.get("timeout"))
        for item in objects:
            awaiter.until_ready(item)

    def _remove(self, refs: Sequence[ObjectRef]) -> None:
        there = []
        for ref in reversed(refs):
            try:
                live = self._api.get(ref)
            except UnknownKindError:
                continue
            if live is not None:
                self._api.delete(ref)
                there.append((ref, live["metadata"]["uid"]))
        for ref, uid in there:
            self._awaiter().until_gone(ref, uid)

    def _is_there(self, ref: ObjectRef) -> bool:
        try:
            return self._api.get(ref) is not None
        except UnknownKindError:
            return False

    def _ensure_namespace(self, inputs: Mapping[str, Any]) -> None:
        ref = ObjectRef("v1", "Namespace", inputs["namespace"])
        if self._api.get(ref) is not None:
            return
        if not inputs.get("createNamespace"):
            raise RehearsalError(
                f"the namespace {ref.name} of the release {inputs['name']} is not there; "
                "does the release depend on it, or should it set createNamespace?"
            )
        self._api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ref.name}})


def ensure_kind(api: KubernetesApi, api_version: str, kind: str) -> None:
    """Install the definition of a kind that the cluster does not have yet and that one of its releases brings."""
    try:
        api.is_namespaced(api_version, kind)
    except UnknownKindError:
        install_kind(api, api_version, kind, recorded_definitions(api))


def checked_inputs(
    resource: ResourceRef,
    inputs: Mapping[str, Any],
    old_inputs: Mapping[str, Any],
    *,
    seed: bytes,
    namespace: str,
    lock: Charts | None = None,
    record: Path = RECORD,
) -> tuple[dict[str, Any], Sequence[InvalidProperty]]:
    """Return a release's inputs with its name and namespace, and what is wrong with them."""
    suffix = hashlib.sha256(seed + resource.name.encode()).hexdigest()[:_SUFFIX_LENGTH]
    generated = old_inputs.get("name") or f"{resource.name}-{suffix}"
    completed = {**inputs, "name": inputs.get("name") or generated, "namespace": inputs.get("namespace") or namespace}
    return completed, _refusals(lock or load_charts(), inputs, record)


def locked_chart(lock: Charts, inputs: Mapping[str, Any]) -> Chart:
    """Return the locked chart that a release asks for. Raises CatalogError that names what is locked."""
    chart = _of_reference(lock, inputs)
    if problem := _other_version(chart, inputs):
        raise CatalogError(problem)
    return chart


def _of_reference(lock: Charts, inputs: Mapping[str, Any]) -> Chart:
    return lock.of_reference(inputs["chart"], (inputs.get("repositoryOpts") or {}).get("repo") or "")


def _other_version(chart: Chart, inputs: Mapping[str, Any]) -> str:
    version = str(inputs.get("version") or "")
    if version.removeprefix("v") == chart.version.removeprefix("v"):
        return ""
    asked = f"version {version}" if version else "no version"
    return f"the release asks for {asked} of the chart {chart.name}; locked is {chart.version}"


def _refusals(lock: Charts, inputs: Mapping[str, Any], record: Path) -> list[InvalidProperty]:
    wrong = [
        InvalidProperty(name, f"{name} is not rehearsed; give all values in values")
        for name in _NOT_REHEARSED
        if inputs.get(name)
    ]
    values = inputs.get("values", {})
    if values is not UNKNOWN and not isinstance(values, Mapping):
        wrong.append(InvalidProperty("values", f"values must be an object, not {type(values).__name__}"))
    chart = inputs.get("chart")
    if not chart:
        return [*wrong, InvalidProperty("chart", "chart is missing")]
    asked = {name: inputs.get(name) for name in ("chart", "repositoryOpts", "version")}
    if has_unknown(asked) or local_chart(chart) is not None:
        return wrong
    try:
        locked = _of_reference(lock, inputs)
    except CatalogError as error:
        return [*wrong, InvalidProperty("chart", str(error))]
    if problem := _other_version(locked, inputs):
        return [*wrong, InvalidProperty("version", problem)]
    if isinstance(values, Mapping) and not has_unknown(values):
        wrong += [InvalidProperty("values", reason) for reason in wrong_values(locked, values, record)]
    return wrong


def _id(inputs: Mapping[str, Any]) -> str:
    return f"{inputs['namespace']}/{inputs['name']}"


def _outputs(record: ReleaseRecord, objects: Sequence[ObjectRef]) -> dict[str, Any]:
    return {
        "resourceNames": _names(objects),
        "status": {
            "name": record.name,
            "namespace": record.namespace,
            "chart": record.chart,
            "version": record.version,
            "revision": record.revision,
            "status": "deployed",
        },
    }


def _names(objects: Sequence[ObjectRef]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for ref in objects:
        names.setdefault(f"{ref.kind}/{ref.api_version}", []).append(ref.id)
    return {kind: sorted(ids) for kind, ids in sorted(names.items())}
