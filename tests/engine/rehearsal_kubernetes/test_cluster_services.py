"""All services of a cluster from the real engine, by our plugin, on a real control plane."""

from pathlib import Path

import pytest

from stacks.rehearsal.control_plane import ControlPlane
from stacks.rehearsal.kubernetes.api import ObjectRef
from tests.support.kubernetes_program import KubernetesProgram

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """from components.kubernetes.cluster_services import ClusterServices
from tests.support.cluster_facts import cloud_facts, services_args

ClusterServices("cluster", services_args(), facts=cloud_facts())
"""
CUSTOM = {
    "services-issuer": ObjectRef("cert-manager.io/v1", "ClusterIssuer", "public"),
    "gateway": ObjectRef("gateway.networking.k8s.io/v1", "GatewayClass", "edge"),
    "secrets": ObjectRef("external-secrets.io/v1", "ClusterSecretStore", "cloud"),
    "nodes": ObjectRef("karpenter.sh/v1", "NodePool", "large-fallback"),
    "backups": ObjectRef("velero.io/v1", "Schedule", "cluster-backup", "velero"),
}


def test_operators_come_before_what_is_asked_of_them_and_go_after_it(
    program: KubernetesProgram, control_plane: ControlPlane
) -> None:
    (program.folder / "__main__.py").write_text(PROGRAM)
    program.environment["PYTHONPATH"] = str(ROOT)
    changed = program.up({})
    assert set(changed.values()) == {"create"}
    api = control_plane.api()
    for name, ref in CUSTOM.items():
        assert api.get(ref) is not None, name
    assert program.up({}) == {}
    program.destroy()
    for ref in (ObjectRef("v1", "Namespace", "edge"), ObjectRef("storage.k8s.io/v1", "StorageClass", "encrypted")):
        assert api.get(ref) is None, ref
