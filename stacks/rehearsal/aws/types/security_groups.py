"""Security groups, their rules, and the group that a VPC has from birth."""

from stacks.rehearsal.aws.table import Call, Listing, ResourceType, Update
from stacks.rehearsal.aws.types import tagging

_ARN = "arn:{partition}:ec2:{region}:{account}"
_RULES = (
    "{protocol: IpProtocol, fromPort: FromPort, toPort: ToPort, cidrBlocks: IpRanges[].CidrIp, "
    "ipv6CidrBlocks: Ipv6Ranges[].CidrIpv6, securityGroups: UserIdGroupPairs[].GroupId}"
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
        tagging=tagging.ec2("security-group-rule"),
        part_of="aws:ec2/securityGroup:SecurityGroup",
    )


def _revoke_all(direction: str, rules: str) -> Call:
    return Call(
        operation=f"revoke_security_group_{direction}",
        params={"GroupId": "{id}", "IpPermissions": f"{{made.{rules}}}"},
        when=f"made.{rules}",
    )


SECURITY_GROUPS = (
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
        tagging=tagging.ec2("security-group"),
        listing=Listing(operation="describe_security_groups", ids="SecurityGroups[?GroupName != 'default'].GroupId"),
    ),
    _rule("ingress", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"),
    _rule("egress", "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"),
    ResourceType(
        type="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        service="ec2",
        # The group is there already: it is taken over, and its rules are taken away.
        id="SecurityGroups[0].GroupId",
        create=Call(
            operation="describe_security_groups",
            params={
                "Filters": [{"Name": "vpc-id", "Values": ["{vpcId}"]}, {"Name": "group-name", "Values": ["default"]}]
            },
            result="SecurityGroups[0]",
        ),
        after=(_revoke_all("ingress", "IpPermissions"), _revoke_all("egress", "IpPermissionsEgress")),
        read=(
            Call(
                operation="describe_security_groups",
                params={"GroupIds": ["{id}"]},
                result="SecurityGroups[0].{name: GroupName, description: Description, vpcId: VpcId, tags: Tags, "
                f"ingress: IpPermissions[].{_RULES}, egress: IpPermissionsEgress[].{_RULES}}}",
            ),
        ),
        # It goes with its VPC.
        delete=(),
        updates=(
            # What was added behind the engine's back is taken away again.
            Update(
                properties=("ingress", "egress"),
                call=Call(
                    operation="describe_security_groups",
                    params={"GroupIds": ["{id}"]},
                    result="{made: SecurityGroups[0]}",
                ),
            ),
            Update(properties=("ingress",), call=_revoke_all("ingress", "IpPermissions")),
            Update(properties=("egress",), call=_revoke_all("egress", "IpPermissionsEgress")),
        ),
        computed={"arn": f"{_ARN}:security-group/{{id}}", "ownerId": "{account}"},
        replaces=frozenset({"vpcId"}),
        tagging=tagging.EC2,
        part_of="aws:ec2/vpc:Vpc",
    ),
)
"""The types of this module."""
