"""The Kubernetes provider of a rehearsal: server-side apply, with the official provider's names, ids and rules."""

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stacks.rehearsal.kubernetes.api import ApiError, KubernetesApi, Object, ObjectRef, UnknownKindError, ref_of
from stacks.rehearsal.kubernetes.awaiting import Awaiter, NotReadyError, Patience
from stacks.rehearsal.kubernetes.drift import drifted_inputs, importable_inputs
from stacks.rehearsal.kubernetes.kubeconfig import read_kubeconfig
from stacks.rehearsal.kubernetes.naming import with_name, with_namespace
from stacks.rehearsal.kubernetes.release_record import recorded_definitions
from stacks.rehearsal.kubernetes.releases import RELEASE, REPLACES, Releases, checked_inputs, ensure_kind
from stacks.rehearsal.kubernetes.replacement import replacing_properties
from stacks.rehearsal.plugins.errors import PartialFailureError, RehearsalError
from stacks.rehearsal.plugins.journal import Fidelity
from stacks.rehearsal.plugins.properties import UNKNOWN, has_unknown
from stacks.rehearsal.plugins.provider import InvalidProperty, ProviderPlugin, ResourceRef, ResourceState
from stacks.rehearsal.stand_in_definitions import stand_in_set_of

KUBECONFIG = "INFERLOOP_REHEARSAL_KUBECONFIG"
"""Environment variable: the kubeconfig that takes the place of every provider's own, which points at a cloud."""
MANAGER = "pulumi.com/patchFieldManager"
FORCE = "pulumi.com/patchForce"
# Kept among the outputs, as the official provider does.
_FIELD_MANAGER = "__fieldManager"


class KubernetesPlugin(ProviderPlugin):
    """Manage objects of any group, version and kind, custom resources included, and releases of locked charts.

    Other ways to charts, `*Patch` types and functions are refused.
    """

    name = "kubernetes"
    version = "4.34.2"

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._cancelled = threading.Event()
        self._api: KubernetesApi | None = None
        self._namespace = "default"
        # By URN: which releases were rendered in this run.
        self._rendered: dict[str, bool] = {}

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Connect to the cluster of the environment's, the provider's or the user's kubeconfig, in this order."""
        text = os.environ.get(KUBECONFIG) or settings.get("kubeconfig") or os.environ.get("KUBECONFIG")
        if text is UNKNOWN:
            # A preview in which the cluster has yet to be made.
            return
        context = settings.get("context") if KUBECONFIG not in os.environ else None
        self._api = KubernetesApi(read_kubeconfig(text or str(Path.home() / ".kube" / "config"), context=context))
        self._namespace = settings.get("namespace") or self._api.namespace

    def check(
        self, resource: ResourceRef, inputs: dict[str, Any], old_inputs: Mapping[str, Any], seed: bytes
    ) -> tuple[dict[str, Any], Sequence[InvalidProperty]]:
        """Complete the name and the namespace; a release's chart must be locked."""
        if resource.type == RELEASE:
            return checked_inputs(resource, inputs, old_inputs, seed=seed, namespace=self._namespace)
        refusals = _refusals(resource, inputs)
        if refusals:
            return inputs, refusals
        named = with_name(inputs, resource=resource.name, old_inputs=old_inputs, seed=seed or resource.urn.encode())
        if self._api is None:
            return named, ()
        try:
            namespaced = self._api.is_namespaced(named["apiVersion"], named["kind"])
        except UnknownKindError:
            # Its definition may come with this very update; creation tells.
            return named, ()
        return with_namespace(named, self._namespace, namespaced=namespaced), ()

    def replaces(self, resource: ResourceRef) -> frozenset[str]:
        """Return what the API server, or the official provider, does not change in place."""
        if resource.type == RELEASE:
            return REPLACES
        api_version, _, kind = resource.type.removeprefix("kubernetes:").rpartition(":")
        return replacing_properties(api_version.removeprefix("core/"), kind)

    def deletes_before_replacing(self, resource: ResourceRef, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Tell whether both have the same name in the same namespace."""
        return resource.type != RELEASE and _address(old) == _address(new)

    def fidelity(self, resource: ResourceRef) -> Fidelity:
        """Every object is made in a real API server, but for charts and definitions that are not had."""
        if resource.type == RELEASE:
            represented = not self._rendered.get(resource.urn, False)
        else:
            represented = self._is_of_stand_in(resource)
        return Fidelity.REPRESENTED if represented else Fidelity.REAL

    def _is_of_stand_in(self, resource: ResourceRef) -> bool:
        api_version, _, kind = resource.type.removeprefix("kubernetes:").rpartition(":")
        stand_in = stand_in_set_of(api_version, kind)
        return stand_in is not None and self._api is not None and stand_in in recorded_definitions(self._api)

    def plan(
        self, resource: ResourceRef, inputs: Mapping[str, Any], state: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        """Have the API server try the change and forget it; what it would set is left unknown."""
        if resource.type == RELEASE:
            return inputs if self._api is None else self._releases(resource, inputs).plan(inputs)
        if self._api is not None and not has_unknown(inputs):
            try:
                self._apply(resource, inputs, state or {}, dry_run=True)
            except UnknownKindError:
                pass
            except ApiError as error:
                # The namespace may come with the same update.
                if error.status != 404:
                    raise
        return inputs

    def create(self, resource: ResourceRef, inputs: Mapping[str, Any]) -> ResourceState:
        """Apply the object and wait until it is ready."""
        if resource.type == RELEASE:
            return self._releases(resource, inputs).create(inputs)
        ensure_kind(self._connected(), inputs["apiVersion"], inputs["kind"])
        namespaced = self._connected().is_namespaced(inputs["apiVersion"], inputs["kind"])
        inputs = with_namespace(inputs, self._namespace, namespaced=namespaced)
        live = self._apply(resource, inputs, {})
        return ResourceState(id=ref_of(live).id, properties=self._settled(resource, live, {}))

    def read(
        self, resource: ResourceRef, resource_id: str, state: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> ResourceState | None:
        """Return the live object and the inputs that somebody else's changes come to."""
        if resource.type == RELEASE:
            namespace, _, name = resource_id.rpartition("/")
            return self._releases(resource, inputs).read(namespace or self._namespace, name, inputs)
        live = self._connected().get(_reference(resource, resource_id, inputs))
        if live is None:
            return None
        current = drifted_inputs(inputs, state, live) if inputs else importable_inputs(live)
        return ResourceState(
            id=resource_id, properties={**live, _FIELD_MANAGER: _manager(resource, inputs, state)}, inputs=current
        )

    def update(
        self,
        resource: ResourceRef,
        resource_id: str,
        state: Mapping[str, Any],
        old_inputs: Mapping[str, Any],
        inputs: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """Apply the object anew, which removes what the inputs no longer have, and wait until it is ready."""
        if resource.type == RELEASE:
            return self._releases(resource, inputs).update(inputs)
        return self._settled(resource, self._apply(resource, inputs, state), state)

    def delete(self, resource: ResourceRef, resource_id: str, state: Mapping[str, Any]) -> None:
        """Delete the object and all that belongs to it, and wait until it is gone."""
        if resource.type == RELEASE:
            namespace, _, name = resource_id.rpartition("/")
            self._releases(resource, state).delete(namespace, name)
            return
        api = self._connected()
        ref = _reference(resource, resource_id, state)
        try:
            live = api.get(ref)
        except UnknownKindError:
            # Removed with its definition.
            return
        if live is None:
            return
        api.delete(ref)
        self._awaiter().until_gone(ref, live["metadata"]["uid"])

    def secret_outputs(self, resource: ResourceRef) -> frozenset[str]:
        """Hide what a Secret holds, whichever way it came."""
        hidden = ("data", "stringData") if resource.type == "kubernetes:core/v1:Secret" else ()
        return frozenset(hidden)

    def cancel(self) -> None:
        """End every wait."""
        self._cancelled.set()

    def _apply(
        self, resource: ResourceRef, inputs: Mapping[str, Any], state: Mapping[str, Any], *, dry_run: bool = False
    ) -> Object:
        annotations = inputs["metadata"].get("annotations") or {}
        item = {name: value for name, value in inputs.items() if not name.startswith("__")}
        try:
            return self._connected().apply(
                item,
                manager=_manager(resource, inputs, state),
                force=annotations.get(FORCE) == "true",
                dry_run=dry_run,
            )
        except ApiError as error:
            if error.status != 409:
                raise
            raise RehearsalError(
                f'{error}\nSet the annotation {FORCE}: "true" on {ref_of(item)} to take these fields over'
            ) from error

    def _settled(self, resource: ResourceRef, live: Object, state: Mapping[str, Any]) -> Mapping[str, Any]:
        kept = {_FIELD_MANAGER: _manager(resource, live, state)}
        try:
            return {**self._awaiter().until_ready(live), **kept}
        except NotReadyError as error:
            raise PartialFailureError(
                str(error),
                resource_id=ref_of(live).id,
                properties={**error.live, **kept},
                reasons=[str(error)],
            ) from error

    def _releases(self, resource: ResourceRef, inputs: Mapping[str, Any]) -> Releases:
        releases = Releases(self._connected(), self._awaiter)
        self._rendered[resource.urn] = releases.is_rendered(inputs)
        return releases

    def _connected(self) -> KubernetesApi:
        if self._api is None:
            raise RehearsalError(f"no cluster is known yet; name one in the provider's kubeconfig or in {KUBECONFIG}")
        return self._api

    def _awaiter(self) -> Awaiter:
        return Awaiter(self._connected(), self._cancelled, self._patience)


def _refusals(resource: ResourceRef, inputs: Mapping[str, Any]) -> list[InvalidProperty]:
    for group in ("helm.sh/", "kustomize:", "yaml:", "yaml/"):
        if resource.type.startswith(f"kubernetes:{group}"):
            why = "declare a Release of helm.sh/v3, or render it to plain objects first"
            return [InvalidProperty("", f"{resource.type} is not rehearsed; {why}")]
    if resource.type.endswith("Patch") and not str(inputs.get("kind", "")).endswith("Patch"):
        return [InvalidProperty("", f"{resource.type} is not rehearsed; declare the whole object")]
    return [InvalidProperty(name, f"{name} is missing") for name in ("apiVersion", "kind") if not inputs.get(name)]


def _manager(resource: ResourceRef, inputs: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    annotations = (inputs.get("metadata") or {}).get("annotations") or {}
    kept = annotations.get(MANAGER) or state.get(_FIELD_MANAGER)
    return kept or f"pulumi-kubernetes-{hashlib.sha256(resource.urn.encode()).hexdigest()[:8]}"


def _address(inputs: Mapping[str, Any]) -> tuple[Any, Any]:
    metadata = inputs.get("metadata") or {}
    return metadata.get("namespace"), metadata.get("name")


def _reference(resource: ResourceRef, resource_id: str, known: Mapping[str, Any]) -> ObjectRef:
    api_version, _, kind = resource.type.removeprefix("kubernetes:").rpartition(":")
    namespace, _, name = resource_id.rpartition("/")
    return ObjectRef(
        known.get("apiVersion") or api_version.removeprefix("core/"), known.get("kind") or kind, name, namespace
    )
