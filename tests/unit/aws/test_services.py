"""What the account's data services, recorders and routes make of their settings."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from components.aws.account import Account
from components.aws.alerts import Alerts, AlertsArgs
from components.aws.audit import Audit, AuditArgs
from components.aws.backup import Backup, BackupArgs
from components.aws.cache import Cache, CacheArgs
from components.aws.cost import Cost, CostArgs
from components.aws.edge import Edge, EdgeArgs
from components.aws.image_registry import ImageRegistry, ImageRegistryArgs
from components.aws.postgres import Postgres, PostgresArgs
from components.aws.telemetry import Telemetry, TelemetryArgs
from components.errors import SettingsError
from tests.support.aws_account import Deployment, deploy
from tests.support.aws_wiring import alerts_of, key_of, network_of, secret_of


def database(**values: Any) -> Deployment:
    def build(platform: Account) -> Any:
        args = PostgresArgs(**values)
        wiring = {"network": network_of(platform), "password": secret_of("a-password"), "key": key_of()}
        return Postgres("database", args, platform=platform, **wiring).endpoint  # type: ignore[arg-type]

    return deploy(build)


def test_a_database_takes_tls_only_and_can_go_back_in_time() -> None:
    made = database(backup_days=14, multi_az=True)
    server = made.one("rds/instance:Instance").inputs
    assert (server["backupRetentionPeriod"], server["multiAz"], server["deletionProtection"]) == (14, True, True)
    assert server["finalSnapshotIdentifier"] == "staging-aws-database-final"
    group = made.one("rds/parameterGroup:ParameterGroup").inputs
    assert group["family"] == "postgres17"
    assert {it["name"]: it["value"] for it in group["parameters"]}["rds.force_ssl"] == "1"


def test_a_database_is_reached_by_its_url_from_private_subnets_only() -> None:
    made = database()
    assert made.result.dsn.value == (
        "postgresql://inferloop:a-password@database-server.example.test:5432/inferloop?sslmode=require"
    )
    assert made.one("secretsmanager/secretVersion:SecretVersion").inputs["secretString"] == made.result.dsn.value
    rules = made.all("vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert [it.inputs["cidrIpv4"] for it in rules] == ["10.40.0.0/19", "10.40.32.0/19", "10.40.64.0/19"]
    assert {(it.inputs["fromPort"], it.inputs["toPort"]) for it in rules} == {(5432, 5432)}
    subnets = made.one("rds/subnetGroup:SubnetGroup").inputs["subnetIds"]
    assert all(subnet.startswith("subnet-isolated-") for subnet in subnets)


def test_aurora_gives_the_same_endpoint_by_a_writer_and_its_readers() -> None:
    made = database(engine="aurora", instance_class="db.r7g.large", multi_az=True, readers=2, backup_days=14)
    assert made.result.dsn.value == (
        "postgresql://inferloop:a-password@database-cluster.example.test:5432/inferloop?sslmode=require"
    )
    assert made.result.nodes == ["database-node-0", "database-node-1", "database-node-2"]
    assert made.result.cluster == "database-cluster"
    assert not made.all("rds/instance:Instance")
    nodes = made.all("rds/clusterInstance:ClusterInstance")
    assert {(it.inputs["engine"], it.inputs["publiclyAccessible"]) for it in nodes} == {("aurora-postgresql", False)}
    assert {it.inputs["clusterIdentifier"] for it in nodes} == {"database-cluster"}
    assert [it.inputs["promotionTier"] for it in nodes] == [0, 0, 1]


def test_aurora_takes_tls_only_is_encrypted_and_can_go_back_in_time() -> None:
    made = database(engine="aurora", backup_days=14)
    cluster = made.one("rds/cluster:Cluster")
    assert (cluster.protect, cluster.retain, "masterPassword" in cluster.secret_inputs) == (True, True, True)
    wanted = {"storageEncrypted": True, "deletionProtection": True, "backupRetentionPeriod": 14}
    assert {key: cluster.inputs[key] for key in wanted} == wanted
    assert cluster.inputs["kmsKeyId"]
    assert cluster.inputs["tags"]["inferloop:backup"] == "staging-aws"
    group = made.one("rds/clusterParameterGroup:ClusterParameterGroup").inputs
    assert group["family"] == "aurora-postgresql17"
    assert {it["name"]: it["value"] for it in group["parameters"]}["rds.force_ssl"] == "1"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"readers": 1}, "readers need engine: aurora"),
        ({"engine": "aurora", "multi_az": True}, "set readers to 1 or more"),
        ({"engine": "aurora", "instance_class": "db.m7g.large"}, "aurora does not run on db.m7g.large; take"),
        ({"engine": "aurora", "instance_class": "db.t4g.micro"}, "aurora does not run on db.t4g.micro; take"),
    ],
)
def test_what_an_engine_has_not_is_refused_with_what_it_has(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PostgresArgs(**values)


def test_restores_are_tested_for_each_kind_of_database() -> None:
    def build(platform: Account) -> Any:
        Backup("backup", BackupArgs(restore_tested=("RDS", "Aurora")), platform=platform, key=key_of())

    tested = deploy(build).all("backup/restoreTestingSelection:RestoreTestingSelection")
    assert [it.inputs["protectedResourceType"] for it in tested] == ["RDS", "Aurora"]
    assert [it.name for it in tested] == ["backup-restore-test-rds", "backup-restore-test-aurora"]


def test_an_unprotected_database_leaves_nothing_behind() -> None:
    made = database(protect=False, monitoring_interval_s=0, max_connections=200)
    server = made.one("rds/instance:Instance")
    assert not server.protect
    assert server.inputs["skipFinalSnapshot"] is True
    assert server.inputs.get("finalSnapshotIdentifier") is None
    assert made.all("iam/role:Role") == []
    parameters = made.one("rds/parameterGroup:ParameterGroup").inputs["parameters"]
    assert {it["name"]: it["value"] for it in parameters}["max_connections"] == "200"


@pytest.mark.parametrize(("replicas", "survives"), [(0, False), (2, True)])
def test_a_cache_with_replicas_survives_a_zone(replicas: int, survives: bool) -> None:
    def build(platform: Account) -> Any:
        wiring = {"network": network_of(platform), "password": secret_of("a-token"), "key": key_of()}
        return Cache("cache", CacheArgs(replicas=replicas), platform=platform, **wiring).endpoint  # type: ignore[arg-type]

    made = deploy(build)
    server = made.one("elasticache/replicationGroup:ReplicationGroup").inputs
    assert server["numCacheClusters"] == 1 + replicas
    assert (server["automaticFailoverEnabled"], server["multiAzEnabled"]) == (survives, survives)
    assert server["transitEncryptionMode"] == "required"
    assert made.result.url.value == "rediss://:a-token@cache-server.example.test:6379/0"


def test_images_are_scanned_never_overwritten_and_cleared_up() -> None:
    def build(platform: Account) -> Any:
        args = ImageRegistryArgs(images=("inferloop/runtime",), untagged_days=3, pull_through={"quay": "quay.io"})
        return ImageRegistry("images", args, platform=platform, key=key_of()).repositories

    made = deploy(build)
    repository = made.one("ecr/repository:Repository").inputs
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"]["scanOnPush"] is True
    rules = made.one("ecr/lifecyclePolicy:LifecyclePolicy").document()["rules"]
    assert rules[0]["selection"]["countNumber"] == 3
    assert made.one("ecr/pullThroughCacheRule:PullThroughCacheRule").inputs["upstreamRegistryUrl"] == "quay.io"
    assert made.result["inferloop/runtime"].url == "registry.example.test/staging-aws-inferloop/runtime"


def test_measurements_are_written_and_read_at_the_workspaces_address() -> None:
    made = deploy(
        lambda platform: (
            Telemetry(
                "telemetry", TelemetryArgs(logs=("gateway",)), platform=platform, key=key_of(), log_key=key_of()
            ).endpoint
        )
    )
    address = "https://telemetry-prometheus-workspace.example.test/"
    assert made.result.remote_write_url == f"{address}api/v1/remote_write"
    assert made.result.query_url == f"{address}api/v1/query"
    assert made.result.logs == {
        "prometheus": "/inferloop/staging-aws/prometheus",
        "gateway": "/inferloop/staging-aws/gateway",
    }


def test_each_severity_tells_its_own_people() -> None:
    subscribers = {"page": ("https://on-call.example.test/x",), "ticket": ("a@example.test", "b@example.test")}
    made = deploy(
        lambda platform: Alerts("alerts", AlertsArgs(subscribers=subscribers), platform=platform, key=key_of()).route
    )
    assert set(made.result.routes) == {"page", "ticket"}
    protocols = {it.name: it.inputs["protocol"] for it in made.all("sns/topicSubscription:TopicSubscription")}
    assert protocols == {"alerts-page-0": "https", "alerts-ticket-0": "email", "alerts-ticket-1": "email"}
    (statement,) = made.one("sns/topicPolicy:TopicPolicy", "-page-policy").document()["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def budget(**values: Any) -> Deployment:
    args = CostArgs(limit_usd_per_month=900, **values)
    return deploy(lambda platform: Cost("cost", args, platform=platform, alerts=alerts_of("ticket")).budget)


def test_a_budget_counts_the_stacks_own_resources_and_warns_in_time() -> None:
    made = budget(spent_percent=(50, 100), forecast_percent=(110,))
    asked = made.one("budgets/budget:Budget").inputs
    assert asked["costFilters"] == [{"name": "TagKeyValue", "values": ["user:inferloop:stack$staging-aws"]}]
    assert [(it["notificationType"], it["threshold"]) for it in asked["notifications"]] == [
        ("ACTUAL", 50),
        ("ACTUAL", 100),
        ("FORECASTED", 110),
    ]
    assert made.result.limit_usd_per_month == 900
    assert made.all("costexplorer/costAllocationTag:CostAllocationTag") == []
    assert len(budget(activate_tags=True).all("costexplorer/costAllocationTag:CostAllocationTag")) == 4


def test_a_budget_that_would_warn_nobody_is_refused() -> None:
    with pytest.raises(SettingsError, match="no alerts of severity 'page'; there are ticket"):
        budget(severity="page")


def backup(**values: Any) -> Deployment:
    args = BackupArgs(**values)
    return deploy(lambda platform: Backup("backup", args, platform=platform, key=key_of()).vault)


def test_what_carries_the_tag_is_backed_up_and_restored_as_a_test() -> None:
    made = backup(retention_days=30)
    (tag,) = made.one("backup/selection:Selection").inputs["selectionTags"]
    assert made.result.selector == {tag["key"]: tag["value"]} == {"inferloop:backup": "staging-aws"}
    (rule,) = made.one("backup/plan:Plan").inputs["rules"]
    assert (rule["lifecycle"]["deleteAfter"], rule["enableContinuousBackup"]) == (30, True)
    assert made.one("backup/restoreTestingPlan:RestoreTestingPlan").inputs["name"].startswith("staging_aws_backup")
    assert made.one("backup/vaultLockConfiguration:VaultLockConfiguration").inputs["minRetentionDays"] == 7


def test_the_lock_that_nobody_can_undo_and_the_restore_test_are_settings() -> None:
    lock = backup(compliance_lock=5).one("backup/vaultLockConfiguration:VaultLockConfiguration")
    assert lock.inputs["changeableForDays"] == 5
    assert backup(restore_test_schedule=None).all("backup/restoreTestingPlan:RestoreTestingPlan") == []


def audit(**values: Any) -> Deployment:
    args = AuditArgs(**values)
    return deploy(lambda platform: Audit("audit", args, platform=platform, key=key_of()).trail)


def test_every_regions_calls_are_recorded_where_nobody_can_change_them() -> None:
    made = audit(lock="compliance", retention_days=400)
    trail = made.one("cloudtrail/trail:Trail").inputs
    assert (trail["isMultiRegionTrail"], trail["enableLogFileValidation"]) == (True, True)
    lock = made.one("s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration").inputs
    assert lock["rule"]["defaultRetention"] == {"mode": "COMPLIANCE", "days": 400}
    statements = {it["Sid"]: it for it in made.one("s3/bucketPolicy:BucketPolicy").document()["Statement"]}
    source = "arn:aws:cloudtrail:eu-central-1:123456789012:trail/staging-aws-audit"
    assert statements["WriteCloudtrail"]["Condition"] == {"StringEquals": {"aws:SourceArn": source}}
    assert statements["WriteConfig"]["Resource"][0].endswith("/config/AWSLogs/123456789012/*")


def test_recorders_that_the_organisation_runs_can_be_left_out() -> None:
    whole, bare = audit(record_object_access=True), audit(record_configuration=False, detect_threats=False)
    for kind in ("cfg/recorder:Recorder", "cfg/recorderStatus:RecorderStatus", "guardduty/detector:Detector"):
        assert (len(whole.all(kind)), len(bare.all(kind))) == (1, 0)
    selectors = json.dumps(whole.one("cloudtrail/trail:Trail").inputs["eventSelectors"])
    assert "AWS::S3::Object" in selectors


def test_a_domain_has_a_validated_certificate_and_a_firewall_that_lets_long_prompts_through() -> None:
    args = EdgeArgs(domain="models.example.test", requests_per_address=100)
    made = deploy(lambda platform: Edge("edge", args, platform=platform, log_key=key_of()).edge)
    certificate = made.one("acm/certificate:Certificate").inputs
    assert certificate["subjectAlternativeNames"] == ["*.models.example.test"]
    assert made.one("acm/certificateValidation:CertificateValidation").inputs["validationRecordFqdns"]
    rules = made.one("wafv2/webAcl:WebAcl").inputs["rules"]
    assert rules[0]["statement"]["rateBasedStatement"]["limit"] == 100
    assert [rule["priority"] for rule in rules] == [0, 1, 2, 3]
    common = rules[2]["statement"]["managedRuleGroupStatement"]
    assert [it["name"] for it in common["ruleActionOverrides"]] == ["SizeRestrictions_BODY"]
    logging = made.one("wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration").inputs
    assert logging["redactedFields"] == [{"singleHeader": {"name": "authorization"}}]
    assert made.one("cloudwatch/logGroup:LogGroup").inputs["name"].startswith("aws-waf-logs-")
    assert (made.result.domain, made.result.name_servers) == ("models.example.test", ["ns-1.example.test"])


@pytest.mark.parametrize("domain", ["localhost", "Models.example.test", "https://x.test", "-a.test"])
def test_what_is_no_domain_is_refused(domain: str) -> None:
    with pytest.raises(ValidationError, match="domain"):
        EdgeArgs(domain=domain)
