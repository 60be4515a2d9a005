"""Networks: VPCs, subnets, gateways, routes, endpoints, security groups."""

from stacks.rehearsal.aws.table import Call, Listing, ResourceType, Update
from stacks.rehearsal.aws.types import tagging

_ARN = "arn:{partition}:ec2:{region}:{account}"


def _vpc_attribute(name: str) -> Update:
    return Update(
        properties=(name,),
        call=Call(operation="modify_vpc_attribute", params={"VpcId": "{id}"}, send=(name,)),
        on_create=True,
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
        tagging=tagging.ec2("vpc"),
        listing=Listing(operation="describe_vpcs", ids="Vpcs[?!IsDefault].VpcId"),
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
        tagging=tagging.ec2("subnet"),
        listing=Listing(operation="describe_subnets", ids="Subnets[?!DefaultForAz].SubnetId"),
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
        tagging=tagging.ec2("internet-gateway"),
        listing=Listing(operation="describe_internet_gateways", ids="InternetGateways[].InternetGatewayId"),
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
        tagging=tagging.ec2("elastic-ip"),
        listing=Listing(operation="describe_addresses", ids="Addresses[].AllocationId"),
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
        tagging=tagging.ec2("natgateway"),
        listing=Listing(operation="describe_nat_gateways", ids="NatGateways[?State != 'deleted'].NatGatewayId"),
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
        tagging=tagging.ec2("route-table"),
        listing=Listing(operation="describe_route_tables", ids="RouteTables[?!(Associations[?Main])].RouteTableId"),
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
                result="RouteTables[0].Routes[?Origin=='CreateRoute'].{state: State, origin: Origin, "
                "destinationCidrBlock: DestinationCidrBlock, natGatewayId: NatGatewayId, gatewayId: GatewayId, "
                "transitGatewayId: TransitGatewayId, vpcPeeringConnectionId: VpcPeeringConnectionId}",
                match="destinationCidrBlock",
                tells=("natGatewayId", "gatewayId", "transitGatewayId", "vpcPeeringConnectionId"),
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
        part_of="aws:ec2/routeTable:RouteTable",
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
                result="RouteTables[].Associations[].{id: RouteTableAssociationId, subnetId: SubnetId, "
                "routeTableId: RouteTableId, gatewayId: GatewayId}",
                match="id",
            ),
        ),
        delete=(Call(operation="disassociate_route_table", params={"AssociationId": "{id}"}),),
        replaces=frozenset({"subnetId", "routeTableId", "gatewayId"}),
        part_of="aws:ec2/routeTable:RouteTable",
    ),
    ResourceType(
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        service="ec2",
        id="VpcEndpoint.VpcEndpointId",
        create=Call(operation="create_vpc_endpoint", send=("*",)),
        read=(
            Call(
                operation="describe_vpc_endpoints",
                params={"VpcEndpointIds": ["{id}"]},
                result="VpcEndpoints[?State != 'deleted'] | [0].merge(@, {SecurityGroupIds: Groups[].GroupId})",
            ),
        ),
        delete=(
            # moto makes no route for a table that was added later, and then fails to remove it.
            Call(
                operation="modify_vpc_endpoint",
                params={"VpcEndpointId": "{id}", "RemoveRouteTableIds": "{routeTableIds}"},
                when="routeTableIds",
            ),
            Call(operation="delete_vpc_endpoints", params={"VpcEndpointIds": ["{id}"]}),
        ),
        updates=(
            Update(
                properties=("policy", "subnetIds", "routeTableIds", "securityGroupIds"),
                call=Call(
                    operation="modify_vpc_endpoint",
                    params={
                        "VpcEndpointId": "{id}",
                        "PolicyDocument": "{policy}",
                        "AddSubnetIds": "{added.subnetIds}",
                        "RemoveSubnetIds": "{removed.subnetIds}",
                        "AddRouteTableIds": "{added.routeTableIds}",
                        "RemoveRouteTableIds": "{removed.routeTableIds}",
                        "AddSecurityGroupIds": "{added.securityGroupIds}",
                        "RemoveSecurityGroupIds": "{removed.securityGroupIds}",
                    },
                ),
            ),
        ),
        renames={"policy": "PolicyDocument"},
        computed={"arn": f"{_ARN}:vpc-endpoint/{{id}}", "ownerId": "{account}"},
        # moto has private names for every endpoint, and changes them for none.
        unread=frozenset({"privateDnsEnabled"}),
        replaces=frozenset({"vpcId", "serviceName", "vpcEndpointType"}),
        tagging=tagging.ec2("vpc-endpoint"),
        listing=Listing(operation="describe_vpc_endpoints", ids="VpcEndpoints[?State != 'deleted'].VpcEndpointId"),
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
        read=(
            Call(
                operation="describe_flow_logs",
                params={"FlowLogIds": ["{id}"]},
                result="FlowLogs[0].merge(@, {vpcId: ResourceId, iamRoleArn: DeliverLogsPermissionArn})",
            ),
        ),
        delete=(Call(operation="delete_flow_logs", params={"FlowLogIds": ["{id}"]}),),
        computed={"arn": f"{_ARN}:vpc-flow-log/{{id}}"},
        unread=frozenset({"logFormat"}),
        replaces=frozenset(
            {"vpcId", "trafficType", "logDestination", "logDestinationType", "iamRoleArn", "maxAggregationInterval"}
        ),
        tagging=tagging.ec2("vpc-flow-log"),
        listing=Listing(operation="describe_flow_logs", ids="FlowLogs[].FlowLogId"),
    ),
)
"""The types of this module."""
