"""The provider of one cluster's objects."""

import pulumi
import pulumi_kubernetes as kubernetes


def cluster_provider(
    name: str, kubeconfig: pulumi.Input[str], *, opts: pulumi.ResourceOptions | None = None
) -> kubernetes.Provider:
    """Make the provider; components reach it through `providers` of the options of whatever they are children of.

    Objects are applied on the server and their names are as they stand, so that nothing is adopted by accident.
    """
    return kubernetes.Provider(name, kubeconfig=kubeconfig, enable_server_side_apply=True, opts=opts)
