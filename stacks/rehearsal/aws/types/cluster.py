"""EKS clusters and their node groups, and the launch templates that nodes start from."""

import dataclasses

from stacks.rehearsal.aws.table import Call, Listing, ResourceType, Update
from stacks.rehearsal.aws.types import tagging

_TEMPLATE = (
    "blockDeviceMappings",
    "capacityReservationSpecification",
    "cpuOptions",
    "creditSpecification",
    "disableApiStop",
    "disableApiTermination",
    "ebsOptimized",
    "enclaveOptions",
    "hibernationOptions",
    "iamInstanceProfile",
    "imageId",
    "instanceInitiatedShutdownBehavior",
    "instanceMarketOptions",
    "instanceRequirements",
    "instanceType",
    "kernelId",
    "keyName",
    "licenseSpecifications",
    "maintenanceOptions",
    "metadataOptions",
    "monitoring",
    "networkInterfaces",
    "placement",
    "privateDnsNameOptions",
    "ramDiskId",
    "securityGroupNames",
    "tagSpecifications",
    "userData",
    "vpcSecurityGroupIds",
)
_NODE_GROUP = {"clusterName": "{clusterName}", "nodegroupName": "{nodeGroupName}"}
_CLUSTER_GROUP = "eks-cluster-sg-{id}"


def _node_group_change(*properties: str, **params: object) -> Update:
    return Update(
        properties=properties,
        call=Call(operation="update_nodegroup_config", params={**_NODE_GROUP, **params}),
    )


CLUSTER = (
    ResourceType(
        type="aws:eks/cluster:Cluster",
        service="eks",
        id="cluster.name",
        create=Call(
            operation="create_cluster",
            params={
                "name": "{name}",
                "logging": {"clusterLogging": [{"enabled": True, "types": "{enabledClusterLogTypes}"}]},
            },
            send=("version", "roleArn", "vpcConfig", "encryptionConfig", "kubernetesNetworkConfig"),
        ),
        # The service makes a security group for the control plane and its nodes; moto does not.
        after=(
            Call(
                operation="create_security_group",
                service="ec2",
                params={
                    "GroupName": _CLUSTER_GROUP,
                    "VpcId": "{vpcConfig.vpcId}",
                    "Description": "EKS created security group applied to ENI that is attached to EKS Control Plane",
                },
            ),
        ),
        read=(
            Call(
                operation="describe_cluster",
                params={"name": "{id}"},
                result="cluster.merge(@, {identities: [{oidcs: [identity.oidc]}], "
                "enabledClusterLogTypes: logging.clusterLogging[?enabled].types | [0]})",
            ),
            Call(
                operation="describe_subnets",
                service="ec2",
                params={"SubnetIds": "{vpcConfig.subnetIds}"},
                result="Subnets[0].{resourcesVpcConfig: {vpcId: VpcId}}",
                optional=True,
            ),
            Call(
                operation="describe_security_groups",
                service="ec2",
                params={"Filters": [{"Name": "group-name", "Values": [_CLUSTER_GROUP]}]},
                result="SecurityGroups[0] && {resourcesVpcConfig: {clusterSecurityGroupId: SecurityGroups[0].GroupId}}",
                optional=True,
            ),
        ),
        delete=(
            Call(operation="delete_cluster", params={"name": "{id}"}),
            Call(
                operation="delete_security_group",
                service="ec2",
                params={"GroupId": "{vpcConfig.clusterSecurityGroupId}"},
                when="vpcConfig.clusterSecurityGroupId",
            ),
        ),
        updates=(
            Update(
                properties=("vpcConfig",),
                call=Call(operation="update_cluster_config", params={"name": "{id}"}, send=("vpcConfig",)),
            ),
            Update(
                properties=("enabledClusterLogTypes",),
                call=Call(
                    operation="update_cluster_config",
                    params={
                        "name": "{id}",
                        "logging": {"clusterLogging": [{"enabled": True, "types": "{enabledClusterLogTypes}"}]},
                    },
                ),
            ),
        ),
        computed={
            # Where the rehearsal has an API server of its own, the cluster is that one.
            "endpoint": "{clusterEndpoint}",
            "certificateAuthority": {"data": "{clusterAuthority}"},
        },
        renames={"vpcConfig": "resourcesVpcConfig"},
        unread=frozenset(
            {"accessConfig", "bootstrapSelfManagedAddons", "deletionProtection", "upgradePolicy", "zonalShiftConfig"}
        ),
        replaces=frozenset({"name", "roleArn", "encryptionConfig", "kubernetesNetworkConfig", "vpcConfig.subnetIds"}),
        name="name",
        name_limit=100,
        tagging=tagging.by_arn("resourceArn", tags="tags", keys="tagKeys", form="map", told="tags", created="tags"),
        listing=Listing(operation="list_clusters", ids="clusters"),
    ),
    ResourceType(
        type="aws:eks/nodeGroup:NodeGroup",
        service="eks",
        id="{clusterName}:{nodeGroupName}",
        create=Call(
            operation="create_nodegroup",
            params={
                "clusterName": "{clusterName}",
                "nodegroupName": "{nodeGroupName}",
                "nodeRole": "{nodeRoleArn}",
                "subnets": "{subnetIds}",
                "tags": "{tags}",
            },
            send=(
                "scalingConfig",
                "diskSize",
                "instanceTypes",
                "amiType",
                "remoteAccess",
                "labels",
                "taints",
                "launchTemplate",
                "capacityType",
                "version",
                "releaseVersion",
            ),
        ),
        read=(
            Call(
                operation="describe_nodegroup",
                params=_NODE_GROUP,
                result="nodegroup.merge(@, {nodeRoleArn: nodeRole, subnetIds: subnets, arn: nodegroupArn, "
                "resources: [{autoscalingGroups: resources.autoScalingGroups}]})",
            ),
        ),
        delete=(Call(operation="delete_nodegroup", params=_NODE_GROUP),),
        # moto takes the settings of updates only in a change, not in a creation.
        after=(
            Call(
                operation="update_nodegroup_config",
                params={**_NODE_GROUP, "updateConfig": "{updateConfig}"},
                when="updateConfig",
            ),
        ),
        updates=(
            _node_group_change("scalingConfig", scalingConfig="{scalingConfig}"),
            _node_group_change("updateConfig", updateConfig="{updateConfig}"),
            _node_group_change(
                "labels", labels={"addOrUpdateLabels": "{added.labels}", "removeLabels": "{removed.labels}"}
            ),
            _node_group_change(
                "taints", taints={"removeTaints": "{removed.taints}", "addOrUpdateTaints": "{added.taints}"}
            ),
        ),
        # moto changes none of these in place, as the service does.
        unread=frozenset({"tags", "forceUpdateVersion", "launchTemplate", "version", "releaseVersion"}),
        replaces=frozenset(
            {
                "clusterName",
                "nodeGroupName",
                "nodeRoleArn",
                "subnetIds",
                "amiType",
                "capacityType",
                "diskSize",
                "instanceTypes",
                "remoteAccess",
            }
        ),
        name="nodeGroupName",
        part_of="aws:eks/cluster:Cluster",
    ),
    ResourceType(
        type="aws:ec2/launchTemplate:LaunchTemplate",
        service="ec2",
        id="LaunchTemplate.LaunchTemplateId",
        create=Call(
            operation="create_launch_template",
            params={"LaunchTemplateName": "{name}"},
            send=_TEMPLATE,
            into="LaunchTemplateData",
        ),
        read=(
            Call(
                operation="describe_launch_templates",
                params={"LaunchTemplateIds": ["{id}"]},
                result="LaunchTemplates[0].{name: LaunchTemplateName, defaultVersion: DefaultVersionNumber, "
                "latestVersion: LatestVersionNumber}",
            ),
            Call(
                operation="describe_launch_template_versions",
                params={"LaunchTemplateId": "{id}", "Versions": ["$Latest"]},
                result="LaunchTemplateVersions[0].LaunchTemplateData",
            ),
        ),
        delete=(Call(operation="delete_launch_template", params={"LaunchTemplateId": "{id}"}),),
        updates=(
            Update(
                properties=_TEMPLATE,
                call=Call(
                    operation="create_launch_template_version",
                    params={"LaunchTemplateId": "{id}"},
                    send=_TEMPLATE,
                    into="LaunchTemplateData",
                    result="LaunchTemplateVersion.{nextVersion: to_string(VersionNumber)}",
                ),
            ),
            Update(
                properties=_TEMPLATE,
                call=Call(
                    operation="modify_launch_template",
                    params={"LaunchTemplateId": "{id}", "DefaultVersion": "{nextVersion}"},
                    when="updateDefaultVersion",
                ),
            ),
        ),
        computed={"arn": "arn:{partition}:ec2:{region}:{account}:launch-template/{id}"},
        renames={"ipv4Addresses": "PrivateIpAddresses", "securityGroups": "Groups"},
        replaces=frozenset({"name"}),
        name="name",
        name_limit=128,
        # A template's own answer has the tags that it was made with.
        tagging=dataclasses.replace(
            tagging.EC2,
            read=Call(
                operation="describe_tags",
                params={"Filters": [{"Name": "resource-id", "Values": ["{id}"]}]},
                result="{tags: Tags}",
            ),
        ),
        listing=Listing(operation="describe_launch_templates", ids="LaunchTemplates[].LaunchTemplateId"),
    ),
)
"""The types of this module."""
