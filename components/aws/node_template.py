"""Launch templates of nodes: an encrypted disk, IMDSv2 only, tags on what is started, and EFA where it is asked for."""

import pulumi
import pulumi_aws as aws

from components.aws.account import Account
from components.contracts import KeyHandle

# The root device of Amazon Linux 2023.
_ROOT_DEVICE = "/dev/xvda"
_TAGGED = ("instance", "volume", "network-interface")


def node_template(
    name: str,
    *,
    parent: pulumi.Resource,
    platform: Account,
    disk_gib: int,
    disk_key: KeyHandle,
    fabric_interfaces: int = 0,
    fabric_groups: tuple[pulumi.Input[str], ...] = (),
    placement_group: pulumi.Input[str] | None = None,
    capacity_block: str | None = None,
) -> aws.ec2.LaunchTemplate:
    """Return a template for managed node groups; pods cannot reach the instance's credentials (one hop).

    `fabric_interfaces` EFA interfaces are made, one a network card, in `fabric_groups` (security groups).
    """
    interfaces = [
        aws.ec2.LaunchTemplateNetworkInterfaceArgs(
            # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html
            network_card_index=card,
            device_index=0 if card == 0 else 1,
            interface_type="efa",
            delete_on_termination="true",
            associate_public_ip_address="false",
            security_groups=list(fabric_groups),
        )
        for card in range(fabric_interfaces)
    ]
    placement = aws.ec2.LaunchTemplatePlacementArgs(group_name=placement_group)
    block = aws.ec2.LaunchTemplateCapacityReservationSpecificationArgs(
        capacity_reservation_target=aws.ec2.LaunchTemplateCapacityReservationSpecificationCapacityReservationTargetArgs(
            capacity_reservation_id=capacity_block
        )
    )
    return aws.ec2.LaunchTemplate(
        name,
        update_default_version=True,
        metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        monitoring=aws.ec2.LaunchTemplateMonitoringArgs(enabled=True),
        block_device_mappings=[
            aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                device_name=_ROOT_DEVICE,
                ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                    encrypted="true",
                    kms_key_id=disk_key.id,
                    volume_size=disk_gib,
                    volume_type="gp3",
                    delete_on_termination="true",
                ),
            )
        ],
        network_interfaces=interfaces or None,
        placement=placement if placement_group is not None else None,
        capacity_reservation_specification=block if capacity_block is not None else None,
        instance_market_options=(
            aws.ec2.LaunchTemplateInstanceMarketOptionsArgs(market_type="capacity-block")
            if capacity_block is not None
            else None
        ),
        tag_specifications=[
            aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=platform.tags(name)) for kind in _TAGGED
        ],
        tags=platform.tags(name),
        opts=platform.options(parent),
    )
