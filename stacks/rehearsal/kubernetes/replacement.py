"""Which changes of an object's inputs make another object necessary.

The API server refuses to change most of these in place. ConfigMap and Secret data could change, but are replaced as by
the official provider, so that what mounts them under a generated name is rolled out.
https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/ and the validation of each API group.
"""

_ALWAYS = ("apiVersion", "kind", "metadata.name", "metadata.namespace")
_POD_FIELDS = (
    "affinity",
    "automountServiceAccountToken",
    "containers",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostname",
    "imagePullSecrets",
    "initContainers",
    "nodeName",
    "nodeSelector",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "resourceClaims",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "shareProcessNamespace",
    "subdomain",
    "terminationGracePeriodSeconds",
    "topologySpreadConstraints",
    "volumes",
)
# By API group and kind; the same in every version of a group.
_BY_KIND: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "ConfigMap"): ("binaryData", "data"),
    ("", "PersistentVolumeClaim"): ("spec",),
    ("", "Pod"): tuple(f"spec.{name}" for name in _POD_FIELDS),
    ("", "Secret"): ("data", "stringData", "type"),
    ("", "Service"): ("spec.clusterIP",),
    ("apps", "DaemonSet"): ("spec.selector",),
    ("apps", "Deployment"): ("spec.selector",),
    ("apps", "StatefulSet"): (
        "spec.podManagementPolicy",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    ("batch", "Job"): ("spec.completionMode", "spec.completions", "spec.selector", "spec.template"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("scheduling.k8s.io", "PriorityClass"): ("preemptionPolicy", "value"),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"),
}


def replacing_properties(api_version: str, kind: str) -> frozenset[str]:
    """Return the property paths, without list indexes, whose change replaces an object."""
    group = api_version.rpartition("/")[0]
    return frozenset((*_ALWAYS, *_BY_KIND.get((group, kind), ())))
