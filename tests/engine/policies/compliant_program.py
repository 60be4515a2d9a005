"""What breaks no policy, of every kind that the policies look at; what only the update tells breaks none either."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

DIGEST = "sha256:" + "0" * 64
TAGS = {f"inferloop:{key}": "a value" for key in ("phase", "stack", "owner", "cost-centre")}
provider = aws.Provider("cloud", region="eu-central-1")
# Tags that the provider adds count too.
tagging = aws.Provider("tagging", region="eu-central-1", default_tags={"tags": TAGS})
cloud = ResourceOptions(provider=provider)
data = ResourceOptions(provider=provider, protect=True, retain_on_delete=True)


def document(statement: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def closed(name: str, bucket: aws.s3.Bucket, algorithm: str, key: pulumi.Input[str] | None) -> None:
    aws.s3.BucketPublicAccessBlock(
        f"{name}-closed",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=cloud,
    )
    by_default = {"sse_algorithm": algorithm, "kms_master_key_id": key}
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.id,
        rules=[{"apply_server_side_encryption_by_default": by_default}],
        opts=cloud,
    )
    aws.s3.BucketVersioning(
        f"{name}-versions", bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=cloud
    )
    refused = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    only_tls = document({**refused, "Condition": {"Bool": {"aws:SecureTransport": "false"}}})
    aws.s3.BucketPolicy(f"{name}-policy", bucket=bucket.id, policy=only_tls, opts=cloud)


key = aws.kms.Key("key", enable_key_rotation=True, deletion_window_in_days=30, tags=TAGS, opts=data)
closed("bucket", aws.s3.Bucket("bucket", tags=TAGS, opts=data), "aws:kms", key.arn)
log = aws.s3.Bucket("log", tags=TAGS, opts=data)
closed("log", log, "AES256", None)
network = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16", tags=TAGS, opts=data)
aws.ec2.FlowLog("traffic", vpc_id=network.id, traffic_type="ALL", log_destination=log.arn, tags=TAGS, opts=cloud)
balancer = aws.lb.LoadBalancer("balancer", access_logs={"bucket": log.bucket, "enabled": True}, tags=TAGS, opts=cloud)
aws.lb.Listener(
    "https",
    load_balancer_arn=balancer.arn,
    port=443,
    protocol="HTTPS",
    ssl_policy="ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    default_actions=[{"type": "forward", "target_group_arn": "arn:aws:elasticloadbalancing:::targetgroup/a/b"}],
    tags=TAGS,
    opts=cloud,
)
group = aws.ec2.SecurityGroup("edge", vpc_id=network.id, tags=TAGS, opts=cloud)
aws.vpc.SecurityGroupIngressRule(
    "https-from-all",
    security_group_id=group.id,
    ip_protocol="tcp",
    from_port=443,
    to_port=443,
    cidr_ipv4="0.0.0.0/0",
    tags=TAGS,
    opts=cloud,
)
trust = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
role = aws.iam.Role("role", assume_role_policy=document(trust), tags=TAGS, opts=cloud)
aws.iam.RolePolicy(
    "reads",
    role=role.id,
    policy=log.arn.apply(lambda arn: document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{arn}/*"})),
    opts=cloud,
)
aws.iam.RolePolicyAttachment(
    "node", role=role.name, policy_arn="arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy", opts=cloud
)
aws.ebs.Volume(
    "disk", availability_zone="eu-central-1a", size=1, encrypted=True, kms_key_id=key.arn, tags=TAGS, opts=cloud
)
aws.ecr.Repository(
    "images",
    image_tag_mutability="IMMUTABLE",
    image_scanning_configuration={"scan_on_push": True},
    encryption_configurations=[{"encryption_type": "KMS", "kms_key": key.arn}],
    tags=TAGS,
    opts=data,
)
parameters = aws.rds.ParameterGroup(
    "parameters", family="postgres18", parameters=[{"name": "rds.force_ssl", "value": "1"}], tags=TAGS, opts=cloud
)
aws.rds.Instance(
    "database",
    engine="postgres",
    instance_class="db.t4g.micro",
    storage_encrypted=True,
    kms_key_id=key.arn,
    parameter_group_name=parameters.name,
    backup_retention_period=14,
    deletion_protection=True,
    tags=TAGS,
    opts=data,
)
aws.elasticache.ReplicationGroup(
    "cache",
    description="closed",
    engine="valkey",
    at_rest_encryption_enabled=True,
    kms_key_id=key.arn,
    transit_encryption_enabled=True,
    auth_token=pulumi.Output.secret("a-long-enough-password"),
    tags=TAGS,
    opts=cloud,
)
control_plane = aws.eks.Cluster(
    "cluster",
    role_arn=role.arn,
    vpc_config={"subnet_ids": ["a", "b"], "endpoint_private_access": True, "endpoint_public_access": False},
    encryption_config={"resources": ["secrets"], "provider": {"key_arn": key.arn}},
    enabled_cluster_log_types=["api", "audit", "authenticator"],
    tags=TAGS,
    opts=data,
)
aws.ec2.LaunchTemplate(
    "machines",
    metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1},
    block_device_mappings=[{"device_name": "/dev/xvda", "ebs": {"encrypted": "true", "volume_size": 20}}],
    tags=TAGS,
    opts=cloud,
)
aws.sqs.Queue("events", sqs_managed_sse_enabled=True, tags=TAGS, opts=cloud)
aws.sns.Topic("alerts", kms_master_key_id=key.id, opts=ResourceOptions(provider=tagging))
aws.cloudwatch.LogGroup("logs", retention_in_days=90, kms_key_id=key.arn, tags=TAGS, opts=cloud)
vault = aws.backup.Vault("vault", kms_key_arn=key.arn, tags=TAGS, opts=data)
aws.backup.VaultLockConfiguration("lock", backup_vault_name=vault.name, min_retention_days=7, opts=cloud)
plan = aws.backup.Plan(
    "plan",
    rules=[{"rule_name": "daily", "target_vault_name": vault.name, "schedule": "cron(0 3 * * ? *)"}],
    tags=TAGS,
    opts=cloud,
)
aws.backup.Selection("selection", plan_id=plan.id, iam_role_arn=role.arn, resources=["*"], opts=cloud)
aws.cloudtrail.Trail(
    "trail",
    s3_bucket_name=log.bucket,
    is_multi_region_trail=True,
    enable_log_file_validation=True,
    kms_key_id=key.arn,
    tags=TAGS,
    opts=cloud,
)
aws.cfg.Recorder("recorder", role_arn=role.arn, opts=cloud)
aws.guardduty.Detector("detector", enable=True, tags=TAGS, opts=cloud)

# A kubeconfig that only the update tells keeps the plugin from looking for a cluster.
inside = ResourceOptions(provider=kubernetes.Provider("inside", kubeconfig=control_plane.endpoint))
namespace = kubernetes.core.v1.Namespace(
    "namespace",
    metadata={"name": "serving", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    opts=inside,
)
kubernetes.networking.v1.NetworkPolicy(
    "default-deny",
    metadata={"namespace": namespace.metadata.name},
    spec={"pod_selector": {}, "policy_types": ["Ingress", "Egress"]},
    opts=inside,
)
kubernetes.core.v1.Service(
    "service", metadata={"namespace": namespace.metadata.name}, spec={"type": "ClusterIP"}, opts=inside
)
kubernetes.core.v1.Service("edge-service", metadata={"namespace": "edge"}, spec={"type": "LoadBalancer"}, opts=inside)
kubernetes.rbac.v1.ClusterRole(
    "reader", rules=[{"api_groups": [""], "resources": ["pods"], "verbs": ["get"]}], opts=inside
)
careful = {
    "name": "careful",
    "image": f"registry.example.test/server@{DIGEST}",
    "env": [
        {"name": "MAX_TOTAL_TOKENS", "value": "2048"},
        {"name": "DATABASE_PASSWORD_FILE", "value": "/secrets/password"},
        {"name": "DATABASE_PASSWORD", "value_from": {"secret_key_ref": {"name": "database", "key": "password"}}},
    ],
    "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
    "security_context": {
        "allow_privilege_escalation": False,
        "capabilities": {"drop": ["ALL"]},
        "read_only_root_filesystem": True,
    },
}
kubernetes.apps.v1.Deployment(
    "server",
    metadata={"namespace": namespace.metadata.name},
    spec={
        "selector": {"match_labels": {"app": "a"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {
                "security_context": {"run_as_non_root": True, "seccomp_profile": {"type": "RuntimeDefault"}},
                "containers": [careful],
            },
        },
    },
    opts=inside,
)
# A driver, which must reach into its machine.
kubernetes.apps.v1.DaemonSet(
    "driver",
    metadata={"namespace": "gpu-operator"},
    spec={
        "selector": {"match_labels": {"app": "driver"}},
        "template": {
            "metadata": {"labels": {"app": "driver"}},
            "spec": {
                "containers": [
                    {"name": "driver", "image": "driver:1", "security_context": {"privileged": True}},
                ],
                "host_pid": True,
            },
        },
    },
    opts=inside,
)
