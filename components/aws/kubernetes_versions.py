"""Which Kubernetes versions EKS supports until when, and the add-on versions that were released for each.

The table is data that a release of the suite brings up to date; a version out of support is refused, not warned about.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from components.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class SupportedVersion:
    """One Kubernetes version: the last day of standard and of (paid) extended support, and its add-ons' versions."""

    standard_until: datetime.date
    extended_until: datetime.date
    addons: Mapping[str, str]


# Dates: https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html, as https://endoflife.date/amazon-eks
# and public answers of `aws eks describe-cluster-versions` had them on 2026-11-23; nothing newer than 1.36 was found on
# that day. Add-ons: builds that clusters of that version were reported to run in September 2026, since AWS
# withdraws older builds; `aws eks describe-addon-versions --kubernetes-version V --addon-name N` lists today's.
SUPPORTED: Mapping[str, SupportedVersion] = {
    "1.36": SupportedVersion(
        standard_until=datetime.date(2027, 8, 2),
        extended_until=datetime.date(2028, 8, 2),
        addons={
            "vpc-cni": "v1.22.4-eksbuild.3",
            "kube-proxy": "v1.36.0-eksbuild.25",
            "coredns": "v1.14.3-eksbuild.23",
            "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
            "aws-ebs-csi-driver": "v1.66.0-eksbuild.1",
        },
    ),
    "1.35": SupportedVersion(
        standard_until=datetime.date(2027, 3, 27),
        extended_until=datetime.date(2028, 3, 27),
        addons={
            "vpc-cni": "v1.22.4-eksbuild.3",
            "kube-proxy": "v1.35.3-eksbuild.29",
            "coredns": "v1.13.2-eksbuild.31",
            "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
            "aws-ebs-csi-driver": "v1.66.0-eksbuild.1",
        },
    ),
    "1.34": SupportedVersion(
        standard_until=datetime.date(2026, 12, 2),
        extended_until=datetime.date(2027, 12, 2),
        addons={
            "vpc-cni": "v1.22.4-eksbuild.3",
            "kube-proxy": "v1.34.6-eksbuild.29",
            "coredns": "v1.12.4-eksbuild.38",
            "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
            "aws-ebs-csi-driver": "v1.66.0-eksbuild.1",
        },
    ),
}


def supported_version(version: str) -> SupportedVersion:
    """Return what is known of a version; raises SettingsError that names the supported ones."""
    if version not in SUPPORTED:
        raise SettingsError(f"Kubernetes {version!r} is not supported on EKS; take one of {', '.join(SUPPORTED)}")
    return SUPPORTED[version]


def check_in_support(version: str, *, on: datetime.date, extended: bool = False) -> None:
    """Refuse a version whose support has ended on a given day.

    Extended support costs six times as much and must be asked for. Raises SettingsError that names the newest version.
    """
    known = supported_version(version)
    last = known.extended_until if extended else known.standard_until
    if on > last:
        kind = "extended" if extended else "standard"
        newest = next(iter(SUPPORTED))
        advice = f"take {newest}" if newest != version else "bring the suite up to date"
        raise SettingsError(f"{kind} support of Kubernetes {version} ended on {last.isoformat()}; {advice}")
