"""Databases and caches: RDS, ElastiCache."""

from stacks.rehearsal.aws.table import Call, Listing, ResourceType, Update
from stacks.rehearsal.aws.types import tagging

_TAGS = tagging.by_resource_name()
_CACHE = (
    "replicationGroupId",
    "engine",
    "engineVersion",
    "automaticFailoverEnabled",
    "multiAzEnabled",
    "port",
    "atRestEncryptionEnabled",
    "kmsKeyId",
    "transitEncryptionEnabled",
    "transitEncryptionMode",
    "authToken",
    "autoMinorVersionUpgrade",
    "securityGroupIds",
    "snapshotRetentionLimit",
    "snapshotWindow",
    "numCacheClusters",
    "userGroupIds",
    "networkType",
    "ipDiscovery",
)
_INSTANCE_CHANGES = (
    "allocatedStorage",
    "autoMinorVersionUpgrade",
    "backupRetentionPeriod",
    "backupWindow",
    "caCertIdentifier",
    "copyTagsToSnapshot",
    "deletionProtection",
    "engineVersion",
    "instanceClass",
    "maintenanceWindow",
    "maxAllocatedStorage",
    "monitoringInterval",
    "monitoringRoleArn",
    "multiAz",
    "parameterGroupName",
    "storageThroughput",
    "storageType",
    "vpcSecurityGroupIds",
)
_CACHE_CHANGES = ("automaticFailoverEnabled", "multiAzEnabled", "snapshotRetentionLimit", "engine")

DATABASES = (
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
        tagging=_TAGS,
        listing=Listing(operation="describe_db_subnet_groups", ids="DBSubnetGroups[].DBSubnetGroupName"),
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
        tagging=_TAGS,
        listing=Listing(
            operation="describe_db_parameter_groups",
            ids="DBParameterGroups[?!starts_with(DBParameterGroupName, 'default.')].DBParameterGroupName",
        ),
    ),
    ResourceType(
        type="aws:rds/instance:Instance",
        service="rds",
        id="DBInstance.DBInstanceIdentifier",
        create=Call(
            operation="create_db_instance",
            params={
                "DBName": "{dbName}",
                "MasterUsername": "{username}",
                "MasterUserPassword": "{password}",
                "EnableCloudwatchLogsExports": "{enabledCloudwatchLogsExports}",
            },
            send=("*",),
        ),
        read=(
            Call(
                operation="describe_db_instances",
                params={"DBInstanceIdentifier": "{id}"},
                result="DBInstances[0].merge(@, {dbName: DBName, username: MasterUsername, "
                "address: Endpoint.Address, port: Endpoint.Port, hostedZoneId: Endpoint.HostedZoneId, endpoint: null, "
                "arn: DBInstanceArn, resourceId: DbiResourceId, status: DBInstanceStatus, "
                "DBSubnetGroupName: DBSubnetGroup.DBSubnetGroupName, "
                "DBParameterGroupName: DBParameterGroups[0].DBParameterGroupName, "
                "vpcSecurityGroupIds: VpcSecurityGroups[].VpcSecurityGroupId, tags: TagList, "
                "engineVersionActual: EngineVersion})",
            ),
        ),
        delete=(
            Call(operation="delete_db_instance", params={"DBInstanceIdentifier": "{id}", "SkipFinalSnapshot": True}),
        ),
        updates=(
            Update(
                properties=(*_INSTANCE_CHANGES, "password"),
                call=Call(
                    operation="modify_db_instance",
                    params={
                        "DBInstanceIdentifier": "{id}",
                        "MasterUserPassword": "{password}",
                        "ApplyImmediately": True,
                    },
                    send=_INSTANCE_CHANGES,
                ),
            ),
            Update(
                properties=("enabledCloudwatchLogsExports",),
                call=Call(
                    operation="modify_db_instance",
                    params={
                        "DBInstanceIdentifier": "{id}",
                        "CloudwatchLogsExportConfiguration": {
                            "EnableLogTypes": "{added.enabledCloudwatchLogsExports}",
                            "DisableLogTypes": "{removed.enabledCloudwatchLogsExports}",
                        },
                        "ApplyImmediately": True,
                    },
                ),
            ),
        ),
        computed={"endpoint": "{address}:{port}"},
        renames={
            "identifier": "DBInstanceIdentifier",
            "instanceClass": "DBInstanceClass",
            "parameterGroupName": "DBParameterGroupName",
            "caCertIdentifier": "CACertificateIdentifier",
            "maintenanceWindow": "PreferredMaintenanceWindow",
            "backupWindow": "PreferredBackupWindow",
            "performanceInsightsEnabled": "EnablePerformanceInsights",
        },
        # The service never tells the password, and moto nothing of Performance Insights.
        unread=frozenset(
            {
                "password",
                "performanceInsightsEnabled",
                "performanceInsightsKmsKeyId",
                "performanceInsightsRetentionPeriod",
                "masterUserSecretKmsKeyId",
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
        tagging=_TAGS,
        listing=Listing(operation="describe_db_instances", ids="DBInstances[].DBInstanceIdentifier"),
    ),
    ResourceType(
        type="aws:elasticache/replicationGroup:ReplicationGroup",
        service="elasticache",
        id="ReplicationGroup.ReplicationGroupId",
        create=Call(
            operation="create_replication_group",
            params={
                "ReplicationGroupDescription": "{description}",
                "CacheNodeType": "{nodeType}",
                "CacheParameterGroupName": "{parameterGroupName}",
                "CacheSubnetGroupName": "{subnetGroupName}",
            },
            send=_CACHE,
        ),
        read=(
            Call(
                operation="describe_replication_groups",
                params={"ReplicationGroupId": "{id}"},
                result="ReplicationGroups[?Status != 'deleting'] | [0].{arn: ARN, "
                "replicationGroupId: ReplicationGroupId, description: Description, nodeType: CacheNodeType, "
                "engine: Engine, "
                "automaticFailoverEnabled: AutomaticFailover == 'enabled', multiAzEnabled: MultiAZ == 'enabled', "
                "atRestEncryptionEnabled: AtRestEncryptionEnabled, kmsKeyId: KmsKeyId, "
                "transitEncryptionEnabled: TransitEncryptionEnabled, transitEncryptionMode: TransitEncryptionMode, "
                "snapshotRetentionLimit: SnapshotRetentionLimit, clusterEnabled: ClusterEnabled, "
                "autoMinorVersionUpgrade: AutoMinorVersionUpgrade, memberClusters: MemberClusters, "
                "port: NodeGroups[0].PrimaryEndpoint.Port, "
                "primaryEndpointAddress: NodeGroups[0].PrimaryEndpoint.Address, "
                "readerEndpointAddress: NodeGroups[0].ReaderEndpoint.Address, "
                "configurationEndpointAddress: ConfigurationEndpoint.Address}",
            ),
        ),
        delete=(Call(operation="delete_replication_group", params={"ReplicationGroupId": "{id}"}),),
        updates=(
            Update(
                properties=("description", "nodeType", *_CACHE_CHANGES),
                call=Call(
                    operation="modify_replication_group",
                    params={
                        "ReplicationGroupId": "{id}",
                        "ReplicationGroupDescription": "{description}",
                        "CacheNodeType": "{nodeType}",
                        "ApplyImmediately": True,
                    },
                    send=_CACHE_CHANGES,
                ),
            ),
        ),
        # The service tells some of them elsewhere, and moto nowhere.
        unread=frozenset(
            {
                "authToken",
                "engineVersion",
                "numCacheClusters",
                "parameterGroupName",
                "subnetGroupName",
                "securityGroupIds",
                "snapshotWindow",
            }
        ),
        replaces=frozenset(
            {"replicationGroupId", "subnetGroupName", "atRestEncryptionEnabled", "kmsKeyId", "port", "networkType"}
        ),
        name="replicationGroupId",
        name_limit=40,
        tagging=_TAGS,
        listing=Listing(
            operation="describe_replication_groups",
            ids="ReplicationGroups[?Status != 'deleting'].ReplicationGroupId",
        ),
    ),
    ResourceType(
        type="aws:elasticache/user:User",
        service="elasticache",
        id="UserId",
        create=Call(
            operation="create_user",
            params={"Tags": "{tagList}"},
            send=(
                "userId",
                "userName",
                "engine",
                "accessString",
                "passwords",
                "noPasswordRequired",
                "authenticationMode",
            ),
        ),
        read=(
            Call(
                operation="describe_users",
                params={"UserId": "{id}"},
                result="Users[?Status != 'deleting'] | [0].{userId: UserId, userName: UserName, engine: Engine, "
                "accessString: AccessString, arn: ARN}",
            ),
        ),
        delete=(Call(operation="delete_user", params={"UserId": "{id}"}),),
        # moto changes no user in place, as the service does.
        unread=frozenset({"tags", "passwords", "authenticationMode"}),
        replaces=frozenset({"userId", "userName", "engine", "accessString", "passwords", "authenticationMode"}),
        listing=Listing(operation="describe_users", ids="Users[?UserId != 'default' && Status != 'deleting'].UserId"),
    ),
)
"""The types of this module."""
