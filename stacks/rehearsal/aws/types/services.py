"""Logs, alerts, registries, databases and caches."""

from stacks.rehearsal.aws.table import Call, ResourceType, Tagging, Update

_RDS_TAGS = Tagging(
    add="add_tags_to_resource",
    remove="remove_tags_from_resource",
    member="ResourceName",
    read=Call(operation="list_tags_for_resource", params={"ResourceName": "{arn}"}, result="{tags: TagList}"),
)

SERVICES = (
    ResourceType(
        type="aws:cloudwatch/logGroup:LogGroup",
        service="logs",
        id="{name}",
        create=Call(
            operation="create_log_group", params={"logGroupName": "{name}", "tags": "{tags}"}, send=("kmsKeyId",)
        ),
        read=(
            Call(
                operation="describe_log_groups",
                params={"logGroupNamePrefix": "{id}"},
                result="logGroups[].{name: logGroupName, retentionInDays: retentionInDays, kmsKeyId: kmsKeyId}",
                match="name",
            ),
            Call(operation="list_tags_log_group", params={"logGroupName": "{id}"}),
        ),
        delete=(Call(operation="delete_log_group", params={"logGroupName": "{id}"}),),
        updates=(
            Update(
                properties=("retentionInDays",),
                call=Call(operation="put_retention_policy", params={"logGroupName": "{id}"}, send=("retentionInDays",)),
                on_create=True,
            ),
        ),
        computed={"arn": "arn:{partition}:logs:{region}:{account}:log-group:{id}"},
        replaces=frozenset({"name", "kmsKeyId", "logGroupClass"}),
        name="name",
        name_limit=512,
        tagging=Tagging(
            add="tag_log_group",
            remove="untag_log_group",
            member="logGroupName",
            value="{id}",
            tags="tags",
            keys="tags",
            form="map",
        ),
    ),
    ResourceType(
        type="aws:sns/topic:Topic",
        service="sns",
        id="TopicArn",
        create=Call(operation="create_topic", params={"Name": "{name}"}),
        read=(
            Call(operation="get_topic_attributes", params={"TopicArn": "{id}"}, result="Attributes"),
            Call(operation="list_tags_for_resource", params={"ResourceArn": "{id}"}),
        ),
        delete=(Call(operation="delete_topic", params={"TopicArn": "{id}"}),),
        updates=(
            Update(
                properties=("kmsMasterKeyId",),
                call=Call(
                    operation="set_topic_attributes",
                    params={
                        "TopicArn": "{id}",
                        "AttributeName": "KmsMasterKeyId",
                        "AttributeValue": "{kmsMasterKeyId}",
                    },
                ),
                on_create=True,
            ),
        ),
        computed={"arn": "{id}"},
        replaces=frozenset({"name", "fifoTopic"}),
        name="name",
        name_limit=256,
        tagging=Tagging(add="tag_resource", remove="untag_resource", member="ResourceArn", value="{id}"),
    ),
    ResourceType(
        type="aws:sns/topicPolicy:TopicPolicy",
        service="sns",
        id="{arn}",
        create=Call(
            operation="set_topic_attributes",
            params={"TopicArn": "{arn}", "AttributeName": "Policy", "AttributeValue": "{policy}"},
        ),
        read=(
            Call(operation="get_topic_attributes", params={"TopicArn": "{id}"}, result="Attributes.{policy: Policy}"),
        ),
        # A policy ends with its topic.
        delete=(),
        updates=(
            Update(
                properties=("policy",),
                call=Call(
                    operation="set_topic_attributes",
                    params={"TopicArn": "{arn}", "AttributeName": "Policy", "AttributeValue": "{policy}"},
                ),
            ),
        ),
        computed={"arn": "{id}"},
        replaces=frozenset({"arn"}),
    ),
    ResourceType(
        type="aws:sns/topicSubscription:TopicSubscription",
        service="sns",
        id="SubscriptionArn",
        create=Call(
            operation="subscribe",
            params={"TopicArn": "{topic}", "ReturnSubscriptionArn": True},
            send=("protocol", "endpoint"),
        ),
        read=(
            Call(
                operation="get_subscription_attributes",
                params={"SubscriptionArn": "{id}"},
                result="Attributes.{topic: TopicArn, protocol: Protocol, endpoint: Endpoint, ownerId: Owner}",
            ),
        ),
        delete=(Call(operation="unsubscribe", params={"SubscriptionArn": "{id}"}),),
        computed={"arn": "{id}"},
        replaces=frozenset({"topic", "protocol", "endpoint"}),
    ),
    ResourceType(
        type="aws:ecr/repository:Repository",
        service="ecr",
        id="repository.repositoryName",
        create=Call(
            operation="create_repository",
            params={"repositoryName": "{name}", "tags": "{tagList}"},
            send=("imageTagMutability", "imageScanningConfiguration", "encryptionConfigurations"),
        ),
        read=(
            Call(operation="describe_repositories", params={"repositoryNames": ["{id}"]}, result="repositories[0]"),
            Call(operation="list_tags_for_resource", params={"resourceArn": "{arn}"}),
        ),
        delete=(Call(operation="delete_repository", params={"repositoryName": "{id}", "force": True}),),
        updates=(
            Update(
                properties=("imageTagMutability",),
                call=Call(
                    operation="put_image_tag_mutability",
                    params={"repositoryName": "{id}"},
                    send=("imageTagMutability",),
                ),
            ),
            Update(
                properties=("imageScanningConfiguration",),
                call=Call(
                    operation="put_image_scanning_configuration",
                    params={"repositoryName": "{id}"},
                    send=("imageScanningConfiguration",),
                ),
            ),
        ),
        renames={
            "name": "repositoryName",
            "arn": "repositoryArn",
            "repositoryUrl": "repositoryUri",
            "encryptionConfigurations": "encryptionConfiguration",
        },
        replaces=frozenset({"name", "encryptionConfigurations"}),
        name="name",
        name_limit=256,
        tagging=Tagging(add="tag_resource", remove="untag_resource", member="resourceArn", tags="tags", keys="tagKeys"),
    ),
    ResourceType(
        type="aws:ecr/lifecyclePolicy:LifecyclePolicy",
        service="ecr",
        id="{repository}",
        create=Call(
            operation="put_lifecycle_policy",
            params={"repositoryName": "{repository}", "lifecyclePolicyText": "{policy}"},
        ),
        read=(
            Call(
                operation="get_lifecycle_policy",
                params={"repositoryName": "{id}"},
                result="{repository: repositoryName, registryId: registryId, policy: lifecyclePolicyText}",
            ),
        ),
        delete=(Call(operation="delete_lifecycle_policy", params={"repositoryName": "{id}"}),),
        replaces=frozenset({"repository", "policy"}),
    ),
    ResourceType(
        type="aws:rds/subnetGroup:SubnetGroup",
        service="rds",
        id="DBSubnetGroup.DBSubnetGroupName",
        create=Call(
            operation="create_db_subnet_group",
            params={"DBSubnetGroupName": "{name}", "DBSubnetGroupDescription": "{description}"},
            send=("subnetIds",),
        ),
        read=(
            Call(
                operation="describe_db_subnet_groups",
                params={"DBSubnetGroupName": "{id}"},
                result="DBSubnetGroups[0].{name: DBSubnetGroupName, description: DBSubnetGroupDescription, "
                "vpcId: VpcId, arn: DBSubnetGroupArn, subnetIds: Subnets[].SubnetIdentifier}",
            ),
        ),
        delete=(Call(operation="delete_db_subnet_group", params={"DBSubnetGroupName": "{id}"}),),
        updates=(
            Update(
                properties=("subnetIds", "description"),
                call=Call(
                    operation="modify_db_subnet_group",
                    params={"DBSubnetGroupName": "{id}", "DBSubnetGroupDescription": "{description}"},
                    send=("subnetIds",),
                ),
            ),
        ),
        defaults={"description": "Managed by Pulumi"},
        replaces=frozenset({"name"}),
        name="name",
        name_limit=255,
        tagging=_RDS_TAGS,
    ),
    ResourceType(
        type="aws:rds/parameterGroup:ParameterGroup",
        service="rds",
        id="DBParameterGroup.DBParameterGroupName",
        create=Call(
            operation="create_db_parameter_group",
            params={
                "DBParameterGroupName": "{name}",
                "DBParameterGroupFamily": "{family}",
                "Description": "{description}",
            },
        ),
        read=(
            Call(
                operation="describe_db_parameter_groups",
                params={"DBParameterGroupName": "{id}"},
                result="DBParameterGroups[0].{family: DBParameterGroupFamily, "
                "description: Description, arn: DBParameterGroupArn}",
            ),
            Call(
                operation="describe_db_parameters",
                params={"DBParameterGroupName": "{id}"},
                result="{parameters: Parameters}",
            ),
        ),
        delete=(Call(operation="delete_db_parameter_group", params={"DBParameterGroupName": "{id}"}),),
        updates=(
            Update(
                properties=("parameters",),
                call=Call(
                    operation="modify_db_parameter_group",
                    params={"DBParameterGroupName": "{id}"},
                    send=("parameters",),
                ),
                on_create=True,
            ),
        ),
        renames={"name": "ParameterName", "value": "ParameterValue"},
        computed={"name": "{id}"},
        defaults={"description": "Managed by Pulumi"},
        replaces=frozenset({"name", "family", "description"}),
        name="name",
        name_limit=255,
        tagging=_RDS_TAGS,
    ),
    ResourceType(
        type="aws:rds/instance:Instance",
        service="rds",
        id="DBInstance.DBInstanceIdentifier",
        create=Call(
            operation="create_db_instance",
            params={
                "DBInstanceIdentifier": "{identifier}",
                "DBInstanceClass": "{instanceClass}",
                "DBName": "{dbName}",
                "MasterUsername": "{username}",
                "MasterUserPassword": "{password}",
                "DBSubnetGroupName": "{dbSubnetGroupName}",
                "DBParameterGroupName": "{parameterGroupName}",
                "EnableCloudwatchLogsExports": "{enabledCloudwatchLogsExports}",
            },
            send=("*",),
        ),
        read=(
            Call(
                operation="describe_db_instances",
                params={"DBInstanceIdentifier": "{id}"},
                result="DBInstances[0].merge(@, {identifier: DBInstanceIdentifier, instanceClass: DBInstanceClass, "
                "dbName: DBName, username: MasterUsername, address: Endpoint.Address, port: Endpoint.Port, "
                "hostedZoneId: Endpoint.HostedZoneId, endpoint: null, arn: DBInstanceArn, resourceId: DbiResourceId, "
                "status: DBInstanceStatus, dbSubnetGroupName: DBSubnetGroup.DBSubnetGroupName, "
                "parameterGroupName: DBParameterGroups[0].DBParameterGroupName, "
                "vpcSecurityGroupIds: VpcSecurityGroups[].VpcSecurityGroupId, "
                "enabledCloudwatchLogsExports: EnabledCloudwatchLogsExports, tags: TagList, "
                "engineVersionActual: EngineVersion})",
            ),
        ),
        delete=(
            Call(operation="delete_db_instance", params={"DBInstanceIdentifier": "{id}", "SkipFinalSnapshot": True}),
        ),
        updates=(
            Update(
                properties=(
                    "allocatedStorage",
                    "backupRetentionPeriod",
                    "backupWindow",
                    "deletionProtection",
                    "engineVersion",
                    "instanceClass",
                    "maintenanceWindow",
                    "multiAz",
                    "parameterGroupName",
                    "vpcSecurityGroupIds",
                    "password",
                ),
                call=Call(
                    operation="modify_db_instance",
                    params={
                        "DBInstanceIdentifier": "{id}",
                        "DBInstanceClass": "{instanceClass}",
                        "MasterUserPassword": "{password}",
                        "DBParameterGroupName": "{parameterGroupName}",
                        "ApplyImmediately": True,
                    },
                    send=(
                        "allocatedStorage",
                        "backupRetentionPeriod",
                        "deletionProtection",
                        "engineVersion",
                        "multiAz",
                        "vpcSecurityGroupIds",
                    ),
                ),
            ),
        ),
        computed={"endpoint": "{address}:{port}"},
        unread=frozenset(
            {
                "password",
                "multiAz",
                "engineVersion",
                "caCertIdentifier",
                "maintenanceWindow",
                "backupWindow",
                "performanceInsightsEnabled",
                "performanceInsightsKmsKeyId",
                "performanceInsightsRetentionPeriod",
                "monitoringInterval",
                "monitoringRoleArn",
                "enabledCloudwatchLogsExports",
                "maxAllocatedStorage",
                "storageType",
                "storageThroughput",
                "kmsKeyId",
                "masterUserSecretKmsKeyId",
                "copyTagsToSnapshot",
            }
        ),
        replaces=frozenset(
            {
                "identifier",
                "engine",
                "dbName",
                "username",
                "storageEncrypted",
                "kmsKeyId",
                "dbSubnetGroupName",
                "availabilityZone",
                "characterSetName",
                "snapshotIdentifier",
            }
        ),
        name="identifier",
        tagging=_RDS_TAGS,
    ),
)
"""The types of this module."""
