"""What Karpenter's controller may do: start, tag and end its own cluster's nodes, and nothing else.

The statements are those of https://karpenter.sh/docs/reference/cloudformation/, less the making of instance profiles
(nodes are given one that is made here), and with the use of the key that encrypts their disks.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from components.aws.account import Account
from components.aws.policy import Statement, allow

_STARTED = ("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request")
_READ = (
    "ec2:DescribeCapacityReservations",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribePlacementGroups",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSpotPriceHistory",
    "ec2:DescribeSubnets",
)


def controller_statements(
    platform: Account, *, cluster: str, queue: str, node_role: str, profile: str, disk_key: str
) -> list[Statement]:
    """Return the statements; `cluster` is a name, the others are ARNs. Every right is tied to the cluster's own tag."""
    owned = f"kubernetes.io/cluster/{cluster}"
    pool = "karpenter.sh/nodepool"

    def ec2(kinds: Sequence[str], *, account: str = "*") -> list[str]:
        return [f"arn:{platform.partition}:ec2:{platform.region}:{account}:{kind}/*" for kind in kinds]

    def tagged(where: str, **more: Any) -> Mapping[str, Any]:
        return {
            "StringEquals": {f"aws:{where}/{owned}": "owned", **more},
            "StringLike": {f"aws:{where}/{pool}": "*"},
        }

    named = {"aws:RequestTag/eks:eks-cluster-name": cluster}
    region = {"StringEquals": {"aws:RequestedRegion": platform.region}}
    return [
        allow(
            "StartFrom",
            ("ec2:RunInstances", "ec2:CreateFleet"),
            [
                *ec2(("image", "snapshot"), account=""),
                *ec2(("security-group", "subnet", "capacity-reservation", "placement-group")),
            ],
        ),
        allow(
            "StartFromOwnTemplates",
            ("ec2:RunInstances", "ec2:CreateFleet"),
            ec2(("launch-template",)),
            condition=tagged("ResourceTag"),
        ),
        allow(
            "StartTagged",
            ("ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"),
            ec2(_STARTED),
            condition=tagged("RequestTag", **named),
        ),
        allow(
            "TagWhatIsStarted",
            ("ec2:CreateTags",),
            ec2(_STARTED),
            condition=tagged(
                "RequestTag", **named, **{"ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"]}
            ),
        ),
        allow(
            "NameOwnNodes",
            ("ec2:CreateTags",),
            ec2(("instance",)),
            condition={
                **tagged("ResourceTag"),
                "StringEqualsIfExists": named,
                "ForAllValues:StringEquals": {
                    "aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]
                },
            },
        ),
        allow(
            "EndOwnNodes",
            ("ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"),
            ec2(("instance", "launch-template")),
            condition=tagged("ResourceTag"),
        ),
        allow("LookAround", _READ, ["*"], condition=region),
        allow(
            "ReadImageParameters",
            ("ssm:GetParameter",),
            [f"arn:{platform.partition}:ssm:{platform.region}::parameter/aws/service/*"],
        ),
        # Prices of all regions are read in one. It looks for profiles that it made itself, of which there are none.
        allow("ReadPrices", ("pricing:GetProducts",), ["*"]),
        allow("ListProfiles", ("iam:ListInstanceProfiles",), ["*"]),
        allow("ReadProfile", ("iam:GetInstanceProfile",), [profile]),
        allow("HearOfInterruptions", ("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"), [queue]),
        allow(
            "GiveNodesTheirRole",
            ("iam:PassRole",),
            [node_role],
            condition={"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}},
        ),
        allow("FindTheCluster", ("eks:DescribeCluster",), [platform.arn("eks", f"cluster/{cluster}")]),
        # https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
        allow(
            "EncryptDisks",
            (
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ),
            [disk_key],
            condition={"StringEquals": {"kms:ViaService": f"ec2.{platform.region}.amazonaws.com"}},
        ),
        allow(
            "LetDisksUseTheirKey",
            ("kms:CreateGrant",),
            [disk_key],
            condition={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]
