"""A checkout with one small stack of AWS resources and, where it is asked for, Kubernetes objects in an EKS cluster."""

import sys
from pathlib import Path

import yaml

from inferloop.project import Project
from inferloop.rehearsal.workspace import Workspace, open_workspace

STACK = "small"
AWS = """
import json
import pulumi
import pulumi_aws as aws

config = pulumi.Config()
owner = config.get("owner") or "one"
tags = {"owner": owner}
opts = pulumi.ResourceOptions(protect=config.get_bool("protect"))
bucket = aws.s3.Bucket("data", tags=tags, opts=opts)
aws.s3.BucketPublicAccessBlock(
    "private", bucket=bucket.id, block_public_acls=True, block_public_policy=True, ignore_public_acls=True,
    restrict_public_buckets=True,
)
secret = aws.secretsmanager.Secret("secret")
password = pulumi.Output.secret("correct-horse-battery-staple")
aws.secretsmanager.SecretVersion("version", secret_id=secret.id, secret_string=password)
aws.amp.Workspace("metrics", alias="metrics", tags=tags)
for number in range(config.get_int("buckets") or 2):
    aws.s3.Bucket(f"more-{number}")
pulumi.export("bucket", bucket.bucket)
"""
KUBERNETES = """
import pulumi_kubernetes as kubernetes

trust = aws.iam.get_policy_document(statements=[{
    "actions": ["sts:AssumeRole"], "principals": [{"type": "Service", "identifiers": ["eks.amazonaws.com"]}],
}])
role = aws.iam.Role("cluster", assume_role_policy=trust.json)
vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
zones = ("eu-central-1a", "eu-central-1b")
subnets = [
    aws.ec2.Subnet(f"subnet-{n}", vpc_id=vpc.id, cidr_block=f"10.0.{n}.0/24", availability_zone=zone)
    for n, zone in enumerate(zones)
]
cluster = aws.eks.Cluster("cluster", role_arn=role.arn, vpc_config={"subnet_ids": [it.id for it in subnets]})


def kubeconfig(known):
    name, endpoint, authority = known
    login = {
        "apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws", "interactiveMode": "Never",
        "args": ["eks", "get-token", "--output", "json", "--cluster-name", name],
    }
    return json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": endpoint, "certificate-authority-data": authority}}],
        "users": [{"name": name, "user": {"exec": login}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }, sort_keys=True)


provider = kubernetes.Provider(
    "cluster",
    kubeconfig=pulumi.Output.all(cluster.name, cluster.endpoint, cluster.certificate_authority.data).apply(kubeconfig),
)
inside = pulumi.ResourceOptions(provider=provider)
gpus = config.get("gpus") or "1"
namespace = kubernetes.core.v1.Namespace("serving", metadata={"name": "serving"}, opts=inside)
labels = {"app": "model"}
kubernetes.core.v1.Secret(
    "password", metadata={"name": "password", "namespace": namespace.metadata.name},
    string_data={"password": password}, opts=inside,
)
kubernetes.apps.v1.Deployment(
    "model",
    metadata={"name": "model", "namespace": namespace.metadata.name, "labels": {"owner": owner}},
    spec={
        "replicas": 2,
        "selector": {"match_labels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "node_selector": {"inferloop.io/pool": "gpu"},
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
                "containers": [
                    {"name": "c", "image": "c:1", "resources": {"limits": {"nvidia.com/gpu": gpus}}}
                ],
            },
        },
    },
    opts=inside,
)
"""


def rehearsed_checkout(folder: Path, *programs: str, settings: dict[str, object] | None = None) -> Project:
    """Write a checkout whose one stack runs the programs one after the other."""
    (folder / "stacks" / "config").mkdir(parents=True)
    virtualenv = {"virtualenv": sys.prefix}
    runtime = {"name": "python", "options": virtualenv}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "inferloop", "runtime": runtime, "main": "stacks/"}))
    (folder / "stacks" / "__main__.py").write_text("".join(programs))
    values = {"aws:region": "eu-central-1", **{f"inferloop:{key}": value for key, value in (settings or {}).items()}}
    (folder / "stacks" / "config" / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump({"config": values}))
    return Project(folder)


def rehearsed_workspace(folder: Path, *programs: str, settings: dict[str, object] | None = None) -> Workspace:
    """Write such a checkout and open its stack's rehearsal."""
    return open_workspace(rehearsed_checkout(folder, *programs, settings=settings), STACK)
