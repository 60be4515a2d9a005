"""A small client of the Kubernetes API: objects of any group, version and kind, as plain dictionaries.

https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from stacks.rehearsal.kubernetes.kubeconfig import Connection
from stacks.rehearsal.plugins.errors import RehearsalError

Object = dict[str, Any]
_TIMEOUT_S = 30.0
_CONNECTIONS = 16


class ApiError(RehearsalError):
    """The API server refused a request; `status` is its HTTP status, `reason` Kubernetes' own word for it."""

    def __init__(self, message: str, *, status: int, reason: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class UnknownKindError(RehearsalError):
    """The API server has no such kind; its custom resource definition may not be there yet."""


@dataclass(frozen=True)
class ObjectRef:
    """One object's address; `namespace` is empty for an object that belongs to none."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""

    @property
    def id(self) -> str:
        """The id that the official provider gives it: NAMESPACE/NAME, or NAME."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


@dataclass(frozen=True)
class _Kind:
    plural: str
    namespaced: bool


class KubernetesApi:
    """Speak to one API server; may be used from several threads."""

    def __init__(self, connection: Connection) -> None:
        self.namespace = connection.namespace
        self._server = connection.server
        self._headers = {"Authorization": f"Bearer {connection.token}", "Accept": "application/json"}
        self._pool = urllib3.PoolManager(
            maxsize=_CONNECTIONS,
            ssl_context=ssl.create_default_context(cadata=connection.certificates),
            timeout=_TIMEOUT_S,
            retries=urllib3.Retry(connect=3, read=0, redirect=0, backoff_factor=0.2),
        )
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._lock = threading.Lock()

    def is_namespaced(self, api_version: str, kind: str) -> bool:
        """Tell whether objects of a kind belong to a namespace. Raises UnknownKindError."""
        return self._kind(api_version, kind).namespaced

    def kinds(self) -> list[tuple[str, str]]:
        """Return (group and version, kind) of every kind that can be listed, each in its group's preferred version."""
        groups = self._request("GET", "/apis")["groups"]
        found = []
        for api_version in ("v1", *(group["preferredVersion"]["groupVersion"] for group in groups)):
            for item in self._request("GET", _group_path(api_version))["resources"]:
                if "/" not in item["name"] and "list" in item["verbs"]:
                    found.append((api_version, item["kind"]))
        return found

    def server_version(self) -> str:
        """Return the version of Kubernetes, such as v1.36.0."""
        return str(self._request("GET", "/version")["gitVersion"])

    def is_ready(self) -> bool:
        """Tell whether the API server takes requests."""
        try:
            answer = self._pool.request("GET", f"{self._server}/readyz", headers=self._headers, retries=False)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200

    def get(self, ref: ObjectRef) -> Object | None:
        """Return an object, None where it is not there."""
        try:
            return self._request("GET", self._path(ref))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, api_version: str, kind: str, *, namespace: str = "", selector: str = "") -> list[Object]:
        """Return the objects of a kind, of one namespace or of all, by label selector."""
        path = self._path(ObjectRef(api_version, kind, "", namespace))
        items: list[Object] = self._request("GET", path, {"labelSelector": selector} if selector else {})["items"]
        return items

    def create(self, item: Mapping[str, Any]) -> Object:
        """Create an object. Raises ApiError with status 409 where it exists."""
        path = self._path(ObjectRef(item["apiVersion"], item["kind"], "", item["metadata"].get("namespace", "")))
        return self._request("POST", path, {"fieldValidation": "Strict"}, body=item)

    def apply(self, item: Mapping[str, Any], *, manager: str, force: bool = False, dry_run: bool = False) -> Object:
        """Apply an object on the server's side; a field that its kind does not have is refused.

        https://kubernetes.io/docs/reference/using-api/server-side-apply/
        """
        query = {"fieldManager": manager, "fieldValidation": "Strict", "force": str(force).lower()}
        if dry_run:
            query["dryRun"] = "All"
        return self._request(
            "PATCH", self._path(ref_of(item)), query, body=item, content_type="application/apply-patch+yaml"
        )

    def set_status(self, ref: ObjectRef, status: Mapping[str, Any]) -> Object:
        """Merge fields into an object's status, as its controller does."""
        return self._request(
            "PATCH",
            f"{self._path(ref)}/status",
            body={"status": status},
            content_type="application/merge-patch+json",
        )

    def delete(self, ref: ObjectRef, *, propagation: str = "Foreground") -> None:
        """Ask for an object's removal, which finalizers may delay; one that is gone is no failure."""
        try:
            self._request("DELETE", self._path(ref), {"propagationPolicy": propagation})
        except ApiError as error:
            if error.status != 404:
                raise

    def _path(self, ref: ObjectRef) -> str:
        kind = self._kind(ref.api_version, ref.kind)
        parts = [_group_path(ref.api_version)]
        if kind.namespaced and ref.namespace:
            parts += ["namespaces", quote(ref.namespace, safe="")]
        parts += [kind.plural, *([quote(ref.name, safe=":")] if ref.name else [])]
        return "/".join(parts)

    def _kind(self, api_version: str, kind: str) -> _Kind:
        with self._lock:
            if (api_version, kind) not in self._kinds:
                self._discover(api_version)
            try:
                return self._kinds[api_version, kind]
            except KeyError:
                raise UnknownKindError(
                    f"the cluster has no kind {kind} in {api_version}; is its custom resource definition installed, "
                    "and does the resource depend on it?"
                ) from None

    def _discover(self, api_version: str) -> None:
        try:
            answer = self._request("GET", _group_path(api_version))
        except ApiError as error:
            if error.status == 404:
                return
            raise
        for item in answer["resources"]:
            # Subresources, such as pods/status, have a slash.
            if "/" not in item["name"]:
                self._kinds[api_version, item["kind"]] = _Kind(item["name"], item["namespaced"])

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        url = f"{self._server}{path}{'?' + urlencode(query) if query else ''}"
        headers = {**self._headers, **({"Content-Type": content_type} if body is not None else {})}
        data = None if body is None else json.dumps(body).encode()
        try:
            answer = self._pool.request(method, url, headers=headers, body=data)
        except urllib3.exceptions.HTTPError as error:
            raise RehearsalError(f"the Kubernetes API server at {self._server} does not answer: {error}") from error
        try:
            content = json.loads(answer.data)
        except ValueError:
            content = {"message": answer.data.decode(errors="replace")}
        if answer.status >= 400:
            raise ApiError(
                f"the Kubernetes API server refused it: {content.get('message') or answer.reason}",
                status=answer.status,
                reason=content.get("reason") or "",
            )
        result: Object = content
        return result


def ref_of(item: Mapping[str, Any]) -> ObjectRef:
    """Return the address of an object that has a name."""
    metadata = item["metadata"]
    return ObjectRef(item["apiVersion"], item["kind"], metadata["name"], metadata.get("namespace") or "")


def _group_path(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
