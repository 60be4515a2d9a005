"""Names, certificates, alarms, queues, audit, backup and budgets against a real moto server."""

from tests.support.aws_rehearsal import Cloud

TAGS = {"owner": "a"}
TRUST = '{"Version":"2012-10-17","Statement":[]}'
KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b"


def test_a_name_is_proved_by_a_record_and_its_certificate_is_issued(cloud: Cloud) -> None:
    zone = cloud.make("aws:route53/zone:Zone", "zone", name="models.example.test", tags=TAGS)
    assert len(cloud.output("zone", "nameServers")) == 4
    certificate = cloud.make(
        "aws:acm/certificate:Certificate",
        "certificate",
        domainName="models.example.test",
        subjectAlternativeNames=["*.models.example.test"],
        validationMethod="DNS",
        tags=TAGS,
    )
    proof = cloud.output("certificate", "domainValidationOptions")[0]
    cloud.make(
        "aws:route53/record:Record",
        "proof",
        zoneId=zone,
        name=proof["resourceRecordName"],
        type=proof["resourceRecordType"],
        records=[proof["resourceRecordValue"]],
        ttl=300,
    )
    assert cloud.output("proof", "fqdn") == proof["resourceRecordName"].rstrip(".")
    cloud.make("aws:acm/certificateValidation:CertificateValidation", "validated", certificateArn=certificate)
    cloud.change("proof", ttl=60)
    cloud.change("zone", comment="ours", tags={"owner": "b"})
    cloud.remove_all()


def test_queues_rules_alarms_and_dashboards_are_changed_in_place_and_show_drift(cloud: Cloud) -> None:
    queue = cloud.make(
        "aws:sqs/queue:Queue",
        "interruptions",
        messageRetentionSeconds=300,
        sqsManagedSseEnabled=True,
        policy=TRUST,
        tags=TAGS,
    )
    cloud.make(
        "aws:cloudwatch/eventRule:EventRule",
        "spot",
        eventPattern='{"source":["aws.ec2"]}',
        description="interruptions",
        tags=TAGS,
    )
    cloud.make(
        "aws:cloudwatch/eventTarget:EventTarget",
        "target",
        rule=cloud.output("spot", "name"),
        arn=cloud.output("interruptions", "arn"),
    )
    cloud.make(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "alarm",
        comparisonOperator="GreaterThanThreshold",
        evaluationPeriods=2,
        metricName="CPUUtilization",
        namespace="AWS/RDS",
        period=60,
        statistic="Average",
        threshold=80,
        dimensions={"DBInstanceIdentifier": "x"},
        alarmActions=["arn:aws:sns:eu-central-1:123456789012:page"],
        treatMissingData="missing",
        tags=TAGS,
    )
    cloud.make("aws:cloudwatch/dashboard:Dashboard", "board", dashboardName="service", dashboardBody='{"widgets":[]}')
    cloud.change("interruptions", messageRetentionSeconds=600, tags={"owner": "b"})
    cloud.change("alarm", threshold=90)
    cloud.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"MessageRetentionPeriod": "60"})
    assert set(cloud.drift("interruptions")) == {"messageRetentionSeconds"}
    cloud.client("cloudwatch").delete_alarms(AlarmNames=[cloud.output("alarm", "name")])
    assert not cloud.is_there("alarm")
    del cloud.made["alarm"]
    cloud.remove_all()


def test_the_account_s_records_are_read_back_with_their_switches(cloud: Cloud) -> None:
    bucket = cloud.make("aws:s3/bucket:Bucket", "records", objectLockEnabled=True, tags=TAGS)
    cloud.make(
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        "lock",
        bucket=bucket,
        rule={"defaultRetention": {"mode": "GOVERNANCE", "days": 30}},
    )
    trail = cloud.make(
        "aws:cloudtrail/trail:Trail",
        "trail",
        s3BucketName=bucket,
        s3KeyPrefix="trail",
        kmsKeyId=KEY,
        isMultiRegionTrail=True,
        includeGlobalServiceEvents=True,
        enableLogFileValidation=True,
        eventSelectors=[{"readWriteType": "All", "includeManagementEvents": True}],
        tags=TAGS,
    )
    cloud.client("cloudtrail").stop_logging(Name=trail)
    assert set(cloud.drift("trail")) == {"enableLogging"}
    cloud.make("aws:iam/role:Role", "role", assumeRolePolicy=TRUST)
    recorder = cloud.make(
        "aws:cfg/recorder:Recorder",
        "recorder",
        roleArn=cloud.output("role", "arn"),
        recordingGroup={"allSupported": True, "includeGlobalResourceTypes": True},
    )
    cloud.make("aws:cfg/deliveryChannel:DeliveryChannel", "channel", s3BucketName=bucket, s3KeyPrefix="config")
    cloud.make("aws:cfg/recorderStatus:RecorderStatus", "on", name=recorder, isEnabled=True)
    cloud.client("config").stop_configuration_recorder(ConfigurationRecorderName=recorder)
    assert set(cloud.drift("on")) == {"isEnabled"}
    detector = cloud.make(
        "aws:guardduty/detector:Detector", "detector", findingPublishingFrequency="FIFTEEN_MINUTES", tags=TAGS
    )
    cloud.client("guardduty").update_detector(DetectorId=detector, Enable=False)
    assert set(cloud.drift("detector")) == {"enable"}
    # The trail goes by its name, which moto wants.
    cloud.remove_all()
    assert cloud.client("cloudtrail").list_trails()["Trails"] == []


def test_a_locked_vault_a_plan_and_a_budget_come_back_as_they_were_asked_for(cloud: Cloud) -> None:
    vault = cloud.make("aws:backup/vault:Vault", "vault", kmsKeyArn=KEY, tags=TAGS)
    cloud.make(
        "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        "lock",
        backupVaultName=vault,
        minRetentionDays=7,
        maxRetentionDays=365,
    )
    cloud.change("lock", maxRetentionDays=400)
    cloud.make(
        "aws:backup/plan:Plan",
        "plan",
        rules=[
            {
                "ruleName": "daily",
                "targetVaultName": vault,
                "schedule": "cron(0 3 * * ? *)",
                "enableContinuousBackup": True,
                "lifecycle": {"deleteAfter": 35},
                "recoveryPointTags": TAGS,
            }
        ],
        tags=TAGS,
    )
    warning = {
        "comparisonOperator": "GREATER_THAN",
        "notificationType": "ACTUAL",
        "threshold": 80,
        "thresholdType": "PERCENTAGE",
        "subscriberSnsTopicArns": ["arn:aws:sns:eu-central-1:123456789012:ticket"],
    }
    cloud.make(
        "aws:budgets/budget:Budget",
        "budget",
        budgetType="COST",
        timeUnit="MONTHLY",
        limitAmount="900",
        limitUnit="USD",
        costFilters=[{"name": "TagKeyValue", "values": ["user:stack$staging-aws"]}],
        notifications=[warning],
        tags=TAGS,
    )
    cloud.change("budget", limitAmount="1200")
    cloud.client("backup").delete_backup_vault_lock_configuration(BackupVaultName=vault)
    assert not cloud.is_there("lock")
    del cloud.made["lock"]
    cloud.remove_all()


def test_measurements_secrets_and_caches_come_back_as_they_were_asked_for(cloud: Cloud) -> None:
    cloud.make("aws:cloudwatch/logGroup:LogGroup", "log", retentionInDays=7)
    cloud.make(
        "aws:amp/workspace:Workspace",
        "metrics",
        alias="metrics",
        loggingConfiguration={"logGroupArn": f"{cloud.output('log', 'arn')}:*"},
        tags=TAGS,
    )
    cloud.change("metrics", alias="measurements", tags={"owner": "b"})
    cloud.client("logs").delete_retention_policy(logGroupName=cloud.output("log", "name"))
    assert set(cloud.drift("log")) == {"retentionInDays"}
    cloud.make("aws:secretsmanager/secret:Secret", "secret", policy=TRUST, tags=TAGS)
    cloud.client("secretsmanager").delete_resource_policy(SecretId=cloud.made["secret"][1].id)
    assert set(cloud.drift("secret")) == {"policy"}
    cloud.make(
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "cache",
        description="cache",
        engine="valkey",
        engineVersion="8.0",
        nodeType="cache.t4g.small",
        numCacheClusters=2,
        automaticFailoverEnabled=True,
        multiAzEnabled=True,
        port=6379,
        atRestEncryptionEnabled=True,
        kmsKeyId=KEY,
        transitEncryptionEnabled=True,
        transitEncryptionMode="required",
        authToken="0123456789abcdef",
        snapshotRetentionLimit=1,
        tags=TAGS,
    )
    assert cloud.output("cache", "primaryEndpointAddress")
    cloud.change("cache", nodeType="cache.t4g.medium", multiAzEnabled=False, tags={"owner": "b"})
    cloud.make(
        "aws:elasticache/user:User",
        "user",
        userId="reader",
        userName="reader",
        engine="valkey",
        accessString="on ~* +@read",
        passwords=["0123456789abcdef"],
    )
    cloud.remove_all()
