"""Every policy broken at least once; the name of a resource is the policy that it breaks, or the first of several."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

cloud = ResourceOptions(provider=aws.Provider("cloud", region="eu-central-1"))
ZONE = "eu-central-1a"


def statement(**more: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", **more}]})


aws.iam.RolePolicy("no-star-action-on-star-resource", role="r", policy=statement(Resource="*"), opts=cloud)
aws.iam.RolePolicyAttachment(
    "administrator", role="r", policy_arn="arn:aws:iam::aws:policy/AdministratorAccess", opts=cloud
)
aws.iam.AccessKey("no-long-lived-credentials", user="somebody", opts=cloud)
everybody = aws.s3.Bucket("bucket-closed-to-public", bucket="open-to-all", acl="public-read", opts=cloud)
aws.s3.BucketPolicy(
    "no-grant-to-everybody",
    bucket=everybody.bucket,
    policy=statement(Principal="*", Resource="arn:aws:s3:::open-to-all"),
    opts=cloud,
)
by_service_key = aws.s3.Bucket("bucket-encrypted-by-own-key", opts=cloud)
aws.s3.BucketServerSideEncryptionConfiguration(
    "by-service-key",
    bucket=by_service_key.id,
    rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
    opts=cloud,
)
aws.sns.Topic("encrypted-by-own-key", opts=cloud)
aws.sqs.Queue("queue-encrypted", opts=cloud)
aws.ebs.Volume("disk-encrypted", availability_zone=ZONE, size=1, opts=cloud)
aws.ecr.Repository("image-tags-immutable", opts=cloud)
aws.rds.Instance(
    "database-not-public",
    engine="postgres",
    instance_class="db.t4g.micro",
    publicly_accessible=True,
    skip_final_snapshot=True,
    opts=cloud,
)
aws.elasticache.ReplicationGroup("cache-tls-and-password", description="open", engine="valkey", opts=cloud)
network = aws.ec2.Vpc("traffic-recorded", cidr_block="10.0.0.0/16", opts=cloud)
group = aws.ec2.SecurityGroup("clients", vpc_id=network.id, opts=cloud)
aws.vpc.SecurityGroupIngressRule(
    "no-open-ingress",
    security_group_id=group.id,
    ip_protocol="tcp",
    from_port=5432,
    to_port=5432,
    cidr_ipv4="0.0.0.0/0",
    opts=cloud,
)
aws.lb.Listener(
    "load-balancer-tls",
    load_balancer_arn="arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/a/b",
    port=80,
    protocol="HTTP",
    default_actions=[{"type": "forward", "target_group_arn": "arn:aws:elasticloadbalancing:::targetgroup/a/b"}],
    opts=cloud,
)
aws.eks.Cluster("cluster-endpoint-not-open", role_arn="r", vpc_config={"subnet_ids": ["a", "b"]}, opts=cloud)
aws.ec2.LaunchTemplate("instance-metadata-v2", metadata_options={"http_tokens": "optional"}, opts=cloud)
aws.kms.Key("key-rotates", deletion_window_in_days=7, opts=cloud)
aws.cloudwatch.LogGroup("logs-retained", retention_in_days=3, opts=cloud)
aws.backup.Vault("backup-vault-locked", opts=cloud)
aws.cloudtrail.Trail("trail-complete", s3_bucket_name="records", enable_logging=False, opts=cloud)

# A kubeconfig that only the update tells keeps the plugin from looking for a cluster.
cluster = ResourceOptions(provider=kubernetes.Provider("cluster", kubeconfig=network.arn))
namespace = kubernetes.core.v1.Namespace("namespace-restricted", metadata={"name": "open"}, opts=cluster)
kubernetes.core.v1.Service(
    "no-service-beside-edge", metadata={"namespace": "open"}, spec={"type": "NodePort"}, opts=cluster
)
kubernetes.rbac.v1.ClusterRole(
    "no-star-verb-in-cluster-roles",
    rules=[{"api_groups": ["*"], "resources": ["*"], "verbs": ["*"]}],
    opts=cluster,
)
careless = {
    "name": "careless",
    "image": "registry.example.test/server:latest",
    "env": [{"name": "DATABASE_PASSWORD", "value": pulumi.Output.secret("hunter2-plain")}],
    "security_context": {"privileged": True, "capabilities": {"add": ["SYS_ADMIN"]}},
}
kubernetes.apps.v1.Deployment(
    "container-not-privileged",
    metadata={"namespace": namespace.metadata.name},
    spec={
        "selector": {"match_labels": {"app": "a"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {"host_network": True, "containers": [careless]},
        },
    },
    opts=cluster,
)
