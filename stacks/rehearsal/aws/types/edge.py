"""The public edge: DNS zones and records, certificates, web application firewalls."""

from collections.abc import Mapping
from typing import Any

from stacks.rehearsal.aws.table import Call, Listing, ResourceType, Tagging, Update
from stacks.rehearsal.aws.types import tagging

_FIREWALL = (
    "defaultAction",
    "description",
    "rules",
    "visibilityConfig",
    "captchaConfig",
    "challengeConfig",
    "customResponseBodies",
    "tokenDomains",
    "associationConfig",
)
_THE_FIREWALL = {"Name": "{name}", "Scope": "{scope}", "Id": "{id}"}
_FIREWALL_LOGGING = Call(
    operation="put_logging_configuration",
    params={"LoggingConfiguration": {"ResourceArn": "{resourceArn}"}},
    send=("logDestinationConfigs", "redactedFields", "loggingFilter"),
    into="LoggingConfiguration",
)


def _record_set(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    aliases = inputs.get("aliases") or []
    return {
        "fqdn": str(inputs.get("name", "")).rstrip("."),
        "values": [{"Value": value} for value in inputs.get("records") or []] or None,
        "alias": {
            "HostedZoneId": aliases[0]["zoneId"],
            "DNSName": aliases[0]["name"],
            "EvaluateTargetHealth": aliases[0]["evaluateTargetHealth"],
        }
        if aliases
        else None,
    }


def _record(action: str) -> Call:
    record = {
        "Name": "{fqdn}",
        "Type": "{type}",
        "TTL": "{ttl}",
        "SetIdentifier": "{setIdentifier}",
        "ResourceRecords": "{values}",
        "AliasTarget": "{alias}",
    }
    return Call(
        operation="change_resource_record_sets",
        params={
            "HostedZoneId": "{zoneId}",
            "ChangeBatch": {"Changes": [{"Action": action, "ResourceRecordSet": record}]},
        },
    )


EDGE = (
    ResourceType(
        type="aws:route53/zone:Zone",
        service="route53",
        id="after(HostedZone.Id, '/')",
        create=Call(
            operation="create_hosted_zone",
            params={
                "Name": "{name}",
                "CallerReference": "{name}",
                "HostedZoneConfig": {"Comment": "{comment}", "PrivateZone": False},
            },
        ),
        read=(
            Call(
                operation="get_hosted_zone",
                params={"Id": "{id}"},
                result="{name: without_end(HostedZone.Name, '.'), comment: HostedZone.Config.Comment, "
                "zoneId: after(HostedZone.Id, '/'), nameServers: DelegationSet.NameServers, "
                "primaryNameServer: DelegationSet.NameServers[0]}",
            ),
        ),
        delete=(Call(operation="delete_hosted_zone", params={"Id": "{id}"}),),
        updates=(
            Update(
                properties=("comment",),
                call=Call(operation="update_hosted_zone_comment", params={"Id": "{id}", "Comment": "{comment}"}),
            ),
        ),
        computed={"arn": "arn:{partition}:route53:::hostedzone/{id}"},
        defaults={"comment": "Managed by Pulumi"},
        replaces=frozenset({"name", "delegationSetId"}),
        tagging=Tagging(
            add="change_tags_for_resource",
            remove="change_tags_for_resource",
            member="ResourceId",
            value="{id}",
            tags="AddTags",
            keys="RemoveTagKeys",
            params={"ResourceType": "hostedzone"},
            read=Call(
                operation="list_tags_for_resource",
                params={"ResourceType": "hostedzone", "ResourceId": "{id}"},
                result="{tags: ResourceTagSet.Tags}",
            ),
        ),
        listing=Listing(operation="list_hosted_zones", ids="HostedZones[].after(Id, '/')"),
    ),
    ResourceType(
        type="aws:route53/record:Record",
        service="route53",
        id="{zoneId}_{fqdn}_{type}",
        create=_record("UPSERT"),
        read=(
            Call(
                operation="list_resource_record_sets",
                params={"HostedZoneId": "{zoneId}", "StartRecordName": "{fqdn}", "StartRecordType": "{type}"},
                result="ResourceRecordSets[].{fqdn: without_end(Name, '.'), ttl: TTL, "
                "records: ResourceRecords[].Value, aliases: AliasTarget && [AliasTarget.{zoneId: HostedZoneId, "
                "name: without_end(DNSName, '.'), evaluateTargetHealth: EvaluateTargetHealth}] || null}",
                match="fqdn",
            ),
        ),
        delete=(_record("DELETE"),),
        updates=(Update(properties=("ttl", "records", "aliases"), call=_record("UPSERT")),),
        derived=_record_set,
        replaces=frozenset({"zoneId", "name", "type", "setIdentifier"}),
        part_of="aws:route53/zone:Zone",
    ),
    ResourceType(
        type="aws:acm/certificate:Certificate",
        service="acm",
        id="CertificateArn",
        create=Call(
            operation="request_certificate",
            send=("domainName", "subjectAlternativeNames", "validationMethod", "keyAlgorithm", "options"),
        ),
        read=(
            Call(
                operation="describe_certificate",
                params={"CertificateArn": "{id}"},
                result="Certificate.merge(@, {domainValidationOptions: DomainValidationOptions && "
                "sort_by(DomainValidationOptions, &DomainName)[].{domainName: DomainName, "
                "resourceRecordName: ResourceRecord.Name, resourceRecordType: ResourceRecord.Type, "
                "resourceRecordValue: ResourceRecord.Value}, "
                "validationMethod: DomainValidationOptions[0].ValidationMethod})",
            ),
        ),
        delete=(Call(operation="delete_certificate", params={"CertificateArn": "{id}"}),),
        computed={"arn": "{id}"},
        # moto's certificates have RSA keys whatever was asked for, and the first domain among the alternatives.
        unread=frozenset({"keyAlgorithm", "subjectAlternativeNames"}),
        replaces=frozenset({"domainName", "subjectAlternativeNames", "validationMethod", "keyAlgorithm"}),
        tagging=Tagging(
            add="add_tags_to_certificate",
            remove="remove_tags_from_certificate",
            member="CertificateArn",
            value="{id}",
            keys="Tags",
            plain_keys=False,
            created={"Tags": "{tagList}"},
            read=Call(operation="list_tags_for_certificate", params={"CertificateArn": "{id}"}, result="{tags: Tags}"),
        ),
        listing=Listing(operation="list_certificates", ids="CertificateSummaryList[].CertificateArn"),
    ),
    ResourceType(
        type="aws:acm/certificateValidation:CertificateValidation",
        service="acm",
        id="{certificateArn}",
        # It waits for the certificate to be issued, which moto does at once.
        create=Call(operation="describe_certificate", params={"CertificateArn": "{certificateArn}"}),
        read=(
            Call(
                operation="describe_certificate",
                params={"CertificateArn": "{id}"},
                result="Certificate.Status == 'ISSUED' && {certificateArn: Certificate.CertificateArn} || null",
            ),
        ),
        delete=(),
        replaces=frozenset({"certificateArn", "validationRecordFqdns"}),
        part_of="aws:acm/certificate:Certificate",
    ),
    ResourceType(
        type="aws:wafv2/webAcl:WebAcl",
        service="wafv2",
        id="Summary.Id",
        create=Call(operation="create_web_acl", params={"Name": "{name}", "Scope": "{scope}"}, send=_FIREWALL),
        read=(
            Call(
                operation="get_web_acl",
                params=_THE_FIREWALL,
                result="WebACL && merge(WebACL, {lockToken: LockToken})",
            ),
        ),
        delete=(Call(operation="delete_web_acl", params={**_THE_FIREWALL, "LockToken": "{lockToken}"}),),
        updates=(
            Update(
                properties=_FIREWALL,
                call=Call(
                    operation="update_web_acl", params={**_THE_FIREWALL, "LockToken": "{lockToken}"}, send=_FIREWALL
                ),
            ),
        ),
        locked=True,
        replaces=frozenset({"name", "scope"}),
        name="name",
        name_limit=128,
        tagging=tagging.by_arn("ResourceARN", told="TagInfoForResource.TagList", created="Tags"),
        listing=Listing(operation="list_web_acls", params={"Scope": "REGIONAL"}, ids="WebACLs[].Id"),
    ),
    ResourceType(
        type="aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        service="wafv2",
        id="{resourceArn}",
        create=_FIREWALL_LOGGING,
        read=(
            Call(
                operation="get_logging_configuration",
                params={"ResourceArn": "{id}"},
                result="LoggingConfiguration",
            ),
        ),
        delete=(Call(operation="delete_logging_configuration", params={"ResourceArn": "{id}"}),),
        updates=(
            Update(properties=("logDestinationConfigs", "redactedFields", "loggingFilter"), call=_FIREWALL_LOGGING),
        ),
        replaces=frozenset({"resourceArn"}),
        part_of="aws:wafv2/webAcl:WebAcl",
    ),
    ResourceType(
        type="aws:wafv2/webAclAssociation:WebAclAssociation",
        service="wafv2",
        id="{webAclArn},{resourceArn}",
        create=Call(operation="associate_web_acl", params={"WebACLArn": "{webAclArn}", "ResourceArn": "{resourceArn}"}),
        read=(
            Call(
                operation="get_web_acl_for_resource",
                params={"ResourceArn": "{resourceArn}"},
                result="WebACL && {webAclArn: WebACL.ARN}",
            ),
        ),
        delete=(Call(operation="disassociate_web_acl", params={"ResourceArn": "{resourceArn}"}),),
        replaces=frozenset({"webAclArn", "resourceArn"}),
        part_of="aws:wafv2/webAcl:WebAcl",
    ),
)
"""The types of this module."""
