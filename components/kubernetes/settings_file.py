"""A process's settings file in a ConfigMap whose name follows from its content."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.kubernetes.api_object import ApiObject

_FOLDER = "/etc/inferloop"
_VOLUME = "settings"


class SettingsFile:
    """One immutable ConfigMap with one JSON file.

    New settings make a new ConfigMap, so pods are renewed by a rolling update, and one that is rolled back finds the
    settings that it ran with. `mount` and `volume` are the container's and the pod's part.
    """

    def __init__(
        self,
        name: str,
        file_name: str,
        settings: Mapping[str, Any],
        *,
        namespace: pulumi.Input[str],
        labels: Mapping[str, str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        text = pulumi.Output.json_dumps(settings, indent=2, sort_keys=True)
        self.path = f"{_FOLDER}/{file_name}"
        self.revision = text.apply(lambda content: hashlib.sha256(content.encode()).hexdigest()[:10])
        self.config_map = kubernetes.core.v1.ConfigMap(
            name,
            metadata={
                "name": pulumi.Output.concat(name, "-", self.revision),
                "namespace": namespace,
                "labels": dict(labels),
            },
            data={file_name: text},
            immutable=True,
            opts=opts,
        )
        self.mount: ApiObject = {"name": _VOLUME, "mountPath": _FOLDER, "readOnly": True}
        self.volume: ApiObject = {"name": _VOLUME, "configMap": {"name": self.config_map.metadata["name"]}}
