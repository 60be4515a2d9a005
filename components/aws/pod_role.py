"""Roles that pods take by EKS Pod Identity, each tied to one cluster, namespace and service account."""

import pulumi
import pulumi_aws as aws

from components.aws.account import Account
from components.aws.policy import VERSION


def pod_role(
    name: str,
    *,
    parent: pulumi.Resource,
    platform: Account,
    cluster: pulumi.Input[str],
    namespace: str,
    service_account: str,
    description: str,
) -> aws.iam.Role:
    """Return a role that may do nothing yet, and that only the named service account of the cluster can take.

    The session's tags are those that Pod Identity sets:
    https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
    """
    trust = pulumi.Output.json_dumps(
        {
            "Version": VERSION,
            "Statement": [
                {
                    "Sid": "PodIdentity",
                    "Effect": "Allow",
                    "Principal": {"Service": "pods.eks.amazonaws.com"},
                    "Action": ["sts:AssumeRole", "sts:TagSession"],
                    "Condition": {
                        "StringEquals": {
                            "aws:SourceAccount": platform.account_id,
                            "aws:RequestTag/eks-cluster-name": cluster,
                            "aws:RequestTag/kubernetes-namespace": namespace,
                            "aws:RequestTag/kubernetes-service-account": service_account,
                        }
                    },
                }
            ],
        },
        sort_keys=True,
    )
    return aws.iam.Role(
        f"{name}-role",
        assume_role_policy=trust,
        description=description,
        tags=platform.tags(f"{name}-role"),
        opts=platform.options(parent),
    )
