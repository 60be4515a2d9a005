"""Serve the Kubernetes plugin to the engine that started it."""

from stacks.rehearsal.kubernetes.plugin import KubernetesPlugin
from stacks.rehearsal.plugins.server import serve

if __name__ == "__main__":
    serve(KubernetesPlugin())
