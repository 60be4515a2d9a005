"""Networks: VPCs, subnets, gateways, routes, endpoints, security groups."""

from stacks.rehearsal.aws.table import Call, ResourceType, Tagging, Update

_TAGS = Tagging(
    add="create_tags", remove="delete_tags", member="Resources", value=["{id}"], keys="Tags", plain_keys=False
)
_ARN = "arn:{partition}:ec2:{region}:{account}"


def _vpc_attribute(name: str) -> Update:
    return Update(
        properties=(name,),
        call=Call(operation="modify_vpc_attribute", params={"VpcId": "{id}"}, send=(name,)),
        on_create=True,
    )


def _rule(direction: str, type_token: str) -> ResourceType:
    return ResourceType(
        type=type_token,
        service="ec2",
        id="SecurityGroupRules[0].SecurityGroupRuleId",
        create=Call(
            operation=f"authorize_security_group_{direction}",
            params={
                "GroupId": "{securityGroupId}",
                "IpPermissions": [
                    {
                        "IpProtocol": "{ipProtocol}",
                        "FromPort": "{fromPort}",
                        "ToPort": "{toPort}",
                        "IpRanges": [{"CidrIp": "{cidrIpv4}", "Description": "{description}"}],
                        "Ipv6Ranges": [{"CidrIpv6": "{cidrIpv6}", "Description": "{description}"}],
                        "PrefixListIds": [{"PrefixListId": "{prefixListId}", "Description": "{description}"}],
                        "UserIdGroupPairs": [
                            {"GroupId": "{referencedSecurityGroupId}", "Description": "{description}"}
                        ],
                    }
                ],
            },
        ),
        read=(
            Call(
                operation="describe_security_group_rules",
                params={"SecurityGroupRuleIds": ["{id}"]},
                result="SecurityGroupRules[0]",
            ),
        ),
        delete=(
            Call(
                operation=f"revoke_security_group_{direction}",
                params={"GroupId": "{securityGroupId}", "SecurityGroupRuleIds": ["{id}"]},
            ),
        ),
        renames={"securityGroupId": "GroupId"},
        computed={"arn": f"{_ARN}:security-group-rule/{{id}}", "securityGroupRuleId": "{id}"},
        unread=frozenset({"referencedSecurityGroupId", "description"}),
        replaces=frozenset(
            {
                "securityGroupId",
                "ipProtocol",
                "fromPort",
                "toPort",
                "cidrIpv4",
                "cidrIpv6",
                "prefixListId",
                "referencedSecurityGroupId",
                "description",
            }
        ),
        tagging=_TAGS,
    )


NETWORK = (
    ResourceType(
        type="aws:ec2/vpc:Vpc",
        service="ec2",
        id="Vpc.VpcId",
        create=Call(operation="create_vpc", send=("cidrBlock", "instanceTenancy")),
        read=(
            Call(operation="describe_vpcs", params={"VpcIds": ["{id}"]}, result="Vpcs[0]"),
            Call(operation="describe_vpc_attribute", params={"VpcId": "{id}", "Attribute": "enableDnsSupport"}),
            Call(operation="describe_vpc_attribute", params={"VpcId": "{id}", "Attribute": "enableDnsHostnames"}),
            Call(
                operation="describe_security_groups",
                params={
                    "Filters": [{"Name": "vpc-id", "Values": ["{id}"]}, {"Name": "group-name", "Values": ["default"]}]
                },
                result="{defaultSecurityGroupId: SecurityGroups[0].GroupId}",
            ),
            Call(
                operation="describe_route_tables",
                params={
                    "Filters": [
                        {"Name": "vpc-id", "Values": ["{id}"]},
                        {"Name": "association.main", "Values": ["true"]},
                    ]
                },
                result="RouteTables[0].{mainRouteTableId: RouteTableId, defaultRouteTableId: RouteTableId}",
            ),
        ),
        delete=(Call(operation="delete_vpc", params={"VpcId": "{id}"}),),
        updates=(_vpc_attribute("enableDnsSupport"), _vpc_attribute("enableDnsHostnames")),
        computed={"arn": f"{_ARN}:vpc/{{id}}", "ownerId": "{account}"},
        replaces=frozenset({"cidrBlock", "instanceTenancy", "ipv4IpamPoolId", "ipv4NetmaskLength"}),
        tagging=_TAGS,
    ),
    ResourceType(
        type="aws:ec2/subnet:Subnet",
        service="ec2",
        id="Subnet.SubnetId",
        create=Call(operation="create_subnet", send=("vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId")),
        read=(Call(operation="describe_subnets", params={"SubnetIds": ["{id}"]}, result="Subnets[0]"),),
        delete=(Call(operation="delete_subnet", params={"SubnetId": "{id}"}),),
        updates=(
            Update(
                properties=("mapPublicIpOnLaunch",),
                call=Call(
                    operation="modify_subnet_attribute", params={"SubnetId": "{id}"}, send=("mapPublicIpOnLaunch",)
                ),
                on_create=True,
            ),
        ),
        computed={"arn": f"{_ARN}:subnet/{{id}}", "ownerId": "{account}"},
        replaces=frozenset(
            {"vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId", "ipv6Native", "outpostArn"}
        ),
        tagging=_TAGS,
    ),
    ResourceType(
        type="aws:ec2/internetGateway:InternetGateway",
        service="ec2",
        id="InternetGateway.InternetGatewayId",
        create=Call(operation="create_internet_gateway"),
        read=(
            Call(
                operation="describe_internet_gateways",
                params={"InternetGatewayIds": ["{id}"]},
                result="InternetGateways[0].{Tags: Tags, vpcId: Attachments[0].VpcId}",
            ),
        ),
        delete=(
            Call(
                operation="detach_internet_gateway",
                params={"InternetGatewayId": "{id}", "VpcId": "{vpcId}"},
                when="vpcId",
            ),
            Call(operation="delete_internet_gateway", params={"InternetGatewayId": "{id}"}),
        ),
        updates=(
            Update(
                properties=("vpcId",),
                call=Call(operation="attach_internet_gateway", params={"InternetGatewayId": "{id}"}, send=("vpcId",)),
                on_create=True,
            ),
        ),
        computed={"arn": f"{_ARN}:internet-gateway/{{id}}", "ownerId": "{account}"},
        replaces=frozenset({"vpcId"}),
        tagging=_TAGS,
    ),
    ResourceType(
        type="aws:ec2/eip:Eip",
        service="ec2",
        id="AllocationId",
        create=Call(operation="allocate_address", send=("domain",)),
        read=(Call(operation="describe_addresses", params={"AllocationIds": ["{id}"]}, result="Addresses[0]"),),
        delete=(Call(operation="release_address", params={"AllocationId": "{id}"}),),
        computed={"arn": f"{_ARN}:elastic-ip/{{id}}"},
        replaces=frozenset({"domain", "publicIpv4Pool", "networkBorderGroup"}),
        tagging=_TAGS,
    ),
    ResourceType(
        type="aws:ec2/natGateway:NatGateway",
        service="ec2",
        id="NatGateway.NatGatewayId",
        create=Call(operation="create_nat_gateway", send=("allocationId", "subnetId", "connectivityType")),
        read=(
            Call(
                operation="describe_nat_gateways",
                params={"NatGatewayIds": ["{id}"]},
                result="NatGateways[?State!='deleted'] | [0].{SubnetId: SubnetId, Tags: Tags, "
                "ConnectivityType: ConnectivityType, AllocationId: NatGatewayAddresses[0].AllocationId, "
                "PublicIp: NatGatewayAddresses[0].PublicIp, PrivateIp: NatGatewayAddresses[0].PrivateIp}",
            ),
        ),
        delete=(Call(operation="delete_nat_gateway", params={"NatGatewayId": "{id}"}),),
        replaces=frozenset({"allocationId", "subnetId", "connectivityType", "privateIp"}),
        tagging=_TAGS,
    ),
    ResourceType(
        type="aws:ec2/routeTable:RouteTable",
        service="ec2",
        id="RouteTable.RouteTableId",
        create=Call(operation="create_route_table", send=("vpcId",)),
        read=(
            Call(
                operation="describe_route_tables",
                params={"RouteTableIds": ["{id}"]},
                result="RouteTables[0].{VpcId: VpcId, Tags: Tags, OwnerId: OwnerId}",
            ),
        ),
        delete=(Call(operation="delete_route_table", params={"RouteTableId": "{id}"}),),
        computed={"arn": f"{_ARN}:route-table/{{id}}"},
        replaces=frozenset({"vpcId"}),
        tagging=_TAGS,
    ),
    ResourceType(
        type="aws:ec2/route:Route",
        service="ec2",
        id="{routeTableId}_{destinationCidrBlock}",
        create=Call(operation="create_route", send=("*",)),
        read=(
            Call(
                operation="describe_route_tables",
                params={"RouteTableIds": ["{routeTableId}"]},
                result="RouteTables[0].Routes[?Origin=='CreateRoute'] | [0].{State: State, Origin: Origin, "
                "DestinationCidrBlock: DestinationCidrBlock, NatGatewayId: NatGatewayId}",
            ),
        ),
        delete=(
            Call(
                operation="delete_route",
                params={"RouteTableId": "{routeTableId}", "DestinationCidrBlock": "{destinationCidrBlock}"},
            ),
        ),
        updates=(
            Update(
                properties=("gatewayId", "natGatewayId", "transitGatewayId", "vpcPeeringConnectionId"),
                call=Call(operation="replace_route", send=("*",)),
            ),
        ),
        replaces=frozenset({"routeTableId", "destinationCidrBlock"}),
    ),
    ResourceType(
        type="aws:ec2/routeTableAssociation:RouteTableAssociation",
        service="ec2",
        id="AssociationId",
        create=Call(operation="associate_route_table", send=("subnetId", "routeTableId", "gatewayId")),
        read=(
            Call(
                operation="describe_route_tables",
                params={"Filters": [{"Name": "association.route-table-association-id", "Values": ["{id}"]}]},
                result="RouteTables[0].Associations[?SubnetId!=null] | [0].{RouteTableId: RouteTableId}",
            ),
        ),
        delete=(Call(operation="disassociate_route_table", params={"AssociationId": "{id}"}),),
        replaces=frozenset({"subnetId", "routeTableId", "gatewayId"}),
    ),
    ResourceType(
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        service="ec2",
        id="VpcEndpoint.VpcEndpointId",
        create=Call(operation="create_vpc_endpoint", send=("*",)),
        read=(Call(operation="describe_vpc_endpoints", params={"VpcEndpointIds": ["{id}"]}, result="VpcEndpoints[0]"),),
        delete=(Call(operation="delete_vpc_endpoints", params={"VpcEndpointIds": ["{id}"]}),),
        renames={"policy": "PolicyDocument"},
        computed={"arn": f"{_ARN}:vpc-endpoint/{{id}}", "ownerId": "{account}"},
        # moto answers none of them as they were given, and cannot modify an endpoint.
        unread=frozenset({"policy", "securityGroupIds", "privateDnsEnabled", "subnetIds"}),
        replaces=frozenset({"vpcId", "serviceName", "vpcEndpointType", "policy", "routeTableIds", "subnetIds"}),
        tagging=_TAGS,
    ),
    ResourceType(
        type="aws:ec2/flowLog:FlowLog",
        service="ec2",
        id="FlowLogIds[0]",
        create=Call(
            operation="create_flow_logs",
            params={"ResourceIds": ["{vpcId}"], "ResourceType": "VPC", "DeliverLogsPermissionArn": "{iamRoleArn}"},
            send=("trafficType", "logDestination", "logDestinationType", "maxAggregationInterval", "logFormat"),
        ),
        read=(Call(operation="describe_flow_logs", params={"FlowLogIds": ["{id}"]}, result="FlowLogs[0]"),),
        delete=(Call(operation="delete_flow_logs", params={"FlowLogIds": ["{id}"]}),),
        computed={"arn": f"{_ARN}:vpc-flow-log/{{id}}"},
        unread=frozenset({"logFormat"}),
        replaces=frozenset(
            {"vpcId", "trafficType", "logDestination", "logDestinationType", "iamRoleArn", "maxAggregationInterval"}
        ),
        tagging=_TAGS,
    ),
    ResourceType(
        type="aws:ec2/securityGroup:SecurityGroup",
        service="ec2",
        id="GroupId",
        create=Call(
            operation="create_security_group",
            params={"GroupName": "{name}"},
            send=("vpcId", "description"),
        ),
        read=(
            Call(
                operation="describe_security_groups",
                params={"GroupIds": ["{id}"]},
                result="SecurityGroups[0].{name: GroupName, Description: Description, VpcId: VpcId, Tags: Tags}",
            ),
        ),
        delete=(Call(operation="delete_security_group", params={"GroupId": "{id}"}),),
        computed={"arn": f"{_ARN}:security-group/{{id}}", "ownerId": "{account}"},
        defaults={"description": "Managed by Pulumi"},
        replaces=frozenset({"name", "description", "vpcId"}),
        name="name",
        name_limit=255,
        tagging=_TAGS,
    ),
    _rule("ingress", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"),
    _rule("egress", "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"),
)
"""The types of this module."""
