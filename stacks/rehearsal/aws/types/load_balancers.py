"""Load balancers, their listeners and target groups."""

from collections.abc import Mapping
from typing import Any

from stacks.rehearsal.aws.table import Call, Listing, ResourceType, Tagging, Update

_TAGS = Tagging(
    add="add_tags",
    remove="remove_tags",
    member="ResourceArns",
    value=["{id}"],
    created={"Tags": "{tagList}"},
    read=Call(operation="describe_tags", params={"ResourceArns": ["{id}"]}, result="{tags: TagDescriptions[0].Tags}"),
)
_ATTRIBUTES = {
    "accessLogs.enabled": "access_logs.s3.enabled",
    "accessLogs.bucket": "access_logs.s3.bucket",
    "accessLogs.prefix": "access_logs.s3.prefix",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
    "enableDeletionProtection": "deletion_protection.enabled",
    "enableHttp2": "routing.http2.enabled",
    "enableWafFailOpen": "waf.fail_open.enabled",
    "idleTimeout": "idle_timeout.timeout_seconds",
    "preserveHostHeader": "routing.http.preserve_host_header.enabled",
}
_TARGET_ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "slowStart": "slow_start.duration_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
}


def _told(attributes: Mapping[str, str]) -> str:
    """Return a JMESPath to the attributes that have an input of their own, by those inputs' names."""
    plain = {name: key for name, key in attributes.items() if "." not in name}
    return ", ".join(f"{name}: Attributes[?Key=='{key}'].Value | [0]" for name, key in plain.items())


_TOLD_LOGS = ", ".join(
    f"{name}: Attributes[?Key=='access_logs.s3.{name}'].Value | [0]" for name in ("enabled", "bucket", "prefix")
)
_CHECK = {
    "HealthCheckEnabled": "{healthCheck.enabled}",
    "HealthCheckPath": "{healthCheck.path}",
    "HealthCheckPort": "{healthCheck.port}",
    "HealthCheckProtocol": "{healthCheck.protocol}",
    "HealthCheckIntervalSeconds": "{healthCheck.interval}",
    "HealthCheckTimeoutSeconds": "{healthCheck.timeout}",
    "HealthyThresholdCount": "{healthCheck.healthyThreshold}",
    "UnhealthyThresholdCount": "{healthCheck.unhealthyThreshold}",
    "Matcher": {"HttpCode": "{healthCheck.matcher}"},
}
_LISTENER = ("port", "protocol", "sslPolicy", "defaultActions", "alpnPolicy")


def _given(inputs: Mapping[str, Any], attributes: Mapping[str, str]) -> list[dict[str, str]] | None:
    given = []
    for path, key in attributes.items():
        name, _, member = path.partition(".")
        value = inputs.get(name)
        value = value.get(member) if member and isinstance(value, Mapping) else value
        if value is not None:
            given.append({"Key": key, "Value": str(value).lower() if isinstance(value, bool) else str(value)})
    return given or None


def _settings(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    arn = inputs.get("certificateArn")
    return {
        "attributes": _given(inputs, _ATTRIBUTES),
        "targetAttributes": _given(inputs, _TARGET_ATTRIBUTES),
        "scheme": "internal" if inputs.get("internal") else "internet-facing",
        "certificates": [{"CertificateArn": arn}] if arn else None,
    }


_SET_ATTRIBUTES = Call(
    operation="modify_load_balancer_attributes",
    params={"LoadBalancerArn": "{id}", "Attributes": "{attributes}"},
    when="attributes",
)

LOAD_BALANCERS = (
    ResourceType(
        type="aws:lb/loadBalancer:LoadBalancer",
        service="elbv2",
        id="LoadBalancers[0].LoadBalancerArn",
        create=Call(
            operation="create_load_balancer",
            params={"Name": "{name}", "Scheme": "{scheme}", "Type": "{loadBalancerType}"},
            send=("subnets", "securityGroups", "ipAddressType"),
        ),
        read=(
            Call(
                operation="describe_load_balancers",
                params={"LoadBalancerArns": ["{id}"]},
                result="LoadBalancers[0].{arn: LoadBalancerArn, arnSuffix: after(LoadBalancerArn, ':loadbalancer/'), "
                "name: LoadBalancerName, dnsName: DNSName, "
                "vpcId: VpcId, zoneId: CanonicalHostedZoneId, internal: Scheme == 'internal', loadBalancerType: Type, "
                "subnets: AvailabilityZones[].SubnetId, securityGroups: SecurityGroups, ipAddressType: IpAddressType}",
            ),
            Call(
                operation="describe_load_balancer_attributes",
                params={"LoadBalancerArn": "{id}"},
                result=f"{{{_told(_ATTRIBUTES)}, accessLogs: {{{_TOLD_LOGS}}}}}",
            ),
        ),
        delete=(Call(operation="delete_load_balancer", params={"LoadBalancerArn": "{id}"}),),
        updates=(
            Update(
                properties=("securityGroups",),
                call=Call(
                    operation="set_security_groups",
                    params={"LoadBalancerArn": "{id}", "SecurityGroups": "{securityGroups}"},
                ),
            ),
            Update(
                properties=("subnets",),
                call=Call(operation="set_subnets", params={"LoadBalancerArn": "{id}", "Subnets": "{subnets}"}),
            ),
            Update(
                properties=tuple({path.split(".")[0]: 0 for path in _ATTRIBUTES}), call=_SET_ATTRIBUTES, on_create=True
            ),
        ),
        derived=_settings,
        defaults={"loadBalancerType": "application"},
        replaces=frozenset({"name", "internal", "loadBalancerType"}),
        name="name",
        name_limit=32,
        tagging=_TAGS,
        listing=Listing(operation="describe_load_balancers", ids="LoadBalancers[].LoadBalancerArn"),
    ),
    ResourceType(
        type="aws:lb/targetGroup:TargetGroup",
        service="elbv2",
        id="TargetGroups[0].TargetGroupArn",
        create=Call(
            operation="create_target_group",
            params={"Name": "{name}", **_CHECK},
            send=("protocol", "protocolVersion", "port", "vpcId", "targetType", "ipAddressType"),
        ),
        read=(
            Call(
                operation="describe_target_groups",
                params={"TargetGroupArns": ["{id}"]},
                result="TargetGroups[0].{arn: TargetGroupArn, name: TargetGroupName, protocol: Protocol, port: Port, "
                "vpcId: VpcId, targetType: TargetType, protocolVersion: ProtocolVersion, "
                "healthCheck: {enabled: HealthCheckEnabled, path: HealthCheckPath, port: HealthCheckPort, "
                "protocol: HealthCheckProtocol, interval: HealthCheckIntervalSeconds, "
                "timeout: HealthCheckTimeoutSeconds, healthyThreshold: HealthyThresholdCount, "
                "unhealthyThreshold: UnhealthyThresholdCount, matcher: Matcher.HttpCode}, "
                "arnSuffix: after(TargetGroupArn, ':'), loadBalancerArns: LoadBalancerArns}",
            ),
            Call(
                operation="describe_target_group_attributes",
                params={"TargetGroupArn": "{id}"},
                result=f"{{{_told(_TARGET_ATTRIBUTES)}}}",
            ),
        ),
        delete=(Call(operation="delete_target_group", params={"TargetGroupArn": "{id}"}),),
        updates=(
            Update(
                properties=("healthCheck",),
                call=Call(operation="modify_target_group", params={"TargetGroupArn": "{id}", **_CHECK}),
            ),
            Update(
                properties=tuple(_TARGET_ATTRIBUTES),
                call=Call(
                    operation="modify_target_group_attributes",
                    params={"TargetGroupArn": "{id}", "Attributes": "{targetAttributes}"},
                    when="targetAttributes",
                ),
                on_create=True,
            ),
        ),
        derived=_settings,
        replaces=frozenset({"name", "port", "protocol", "vpcId", "targetType", "protocolVersion"}),
        name="name",
        name_limit=32,
        tagging=_TAGS,
        listing=Listing(operation="describe_target_groups", ids="TargetGroups[].TargetGroupArn"),
    ),
    ResourceType(
        type="aws:lb/listener:Listener",
        service="elbv2",
        id="Listeners[0].ListenerArn",
        create=Call(
            operation="create_listener",
            params={"LoadBalancerArn": "{loadBalancerArn}", "Certificates": "{certificates}"},
            send=_LISTENER,
        ),
        read=(
            Call(
                operation="describe_listeners",
                params={"ListenerArns": ["{id}"]},
                result="Listeners[0].merge(@, {arn: ListenerArn, certificateArn: Certificates[0].CertificateArn})",
            ),
        ),
        delete=(Call(operation="delete_listener", params={"ListenerArn": "{id}"}),),
        updates=(
            Update(
                properties=(*_LISTENER, "certificateArn"),
                call=Call(
                    operation="modify_listener",
                    params={"ListenerArn": "{id}", "Certificates": "{certificates}"},
                    send=_LISTENER,
                ),
            ),
        ),
        derived=_settings,
        replaces=frozenset({"loadBalancerArn"}),
        tagging=_TAGS,
        part_of="aws:lb/loadBalancer:LoadBalancer",
    ),
)
"""The types of this module."""
