"""Every policy of the pack, by subject."""

from collections.abc import Mapping

from stacks.policies import audit, cluster, database, identity, namespaces, network, storage, tags, workloads
from stacks.policies.policy import Policy

SUBJECTS: Mapping[str, tuple[Policy, ...]] = {
    "Identity": identity.POLICIES,
    "Storage": storage.POLICIES,
    "Databases and caches": database.POLICIES,
    "Network": network.POLICIES,
    "Clusters and machines": cluster.POLICIES,
    "Pods": workloads.POLICIES,
    "Namespaces": namespaces.POLICIES,
    "Tags": tags.POLICIES,
    "Keys, records, backups and protection": audit.POLICIES,
}
POLICIES: tuple[Policy, ...] = tuple(policy for policies in SUBJECTS.values() for policy in policies)


def policy_named(name: str) -> Policy:
    """Return one policy. Raises KeyError for an unknown name."""
    return {policy.name: policy for policy in POLICIES}[name]
