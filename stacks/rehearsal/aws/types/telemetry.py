"""Where logs and measurements go: log groups, workspaces of managed Prometheus."""

from stacks.rehearsal.aws.table import Call, Listing, ResourceType, Tagging, Update
from stacks.rehearsal.aws.types import tagging

TELEMETRY = (
    ResourceType(
        type="aws:cloudwatch/logGroup:LogGroup",
        service="logs",
        id="{name}",
        create=Call(operation="create_log_group", params={"logGroupName": "{name}"}, send=("kmsKeyId",)),
        read=(
            Call(
                operation="describe_log_groups",
                params={"logGroupNamePrefix": "{id}"},
                result="logGroups[].{name: logGroupName, retentionInDays: retentionInDays, kmsKeyId: kmsKeyId}",
                match="name",
                tells=("retentionInDays", "kmsKeyId"),
            ),
            Call(operation="list_tags_log_group", params={"logGroupName": "{id}"}),
        ),
        delete=(Call(operation="delete_log_group", params={"logGroupName": "{id}"}),),
        updates=(
            Update(
                properties=("retentionInDays",),
                call=Call(operation="put_retention_policy", params={"logGroupName": "{id}"}, send=("retentionInDays",)),
                on_create=True,
            ),
        ),
        computed={"arn": "arn:{partition}:logs:{region}:{account}:log-group:{id}"},
        replaces=frozenset({"name", "kmsKeyId", "logGroupClass"}),
        name="name",
        name_limit=512,
        tagging=Tagging(
            add="tag_log_group",
            remove="untag_log_group",
            member="logGroupName",
            value="{id}",
            tags="tags",
            keys="tags",
            form="map",
            created={"tags": "{tags}"},
        ),
        listing=Listing(operation="describe_log_groups", ids="logGroups[].logGroupName"),
    ),
    ResourceType(
        type="aws:amp/workspace:Workspace",
        service="amp",
        id="workspaceId",
        create=Call(operation="create_workspace", send=("alias", "kmsKeyArn")),
        read=(
            Call(operation="describe_workspace", params={"workspaceId": "{id}"}, result="workspace"),
            Call(
                operation="describe_logging_configuration",
                params={"workspaceId": "{id}"},
                result="loggingConfiguration.logGroupArn && loggingConfiguration",
                under="loggingConfiguration",
                optional=True,
            ),
        ),
        delete=(Call(operation="delete_workspace", params={"workspaceId": "{id}"}),),
        updates=(
            Update(
                properties=("alias",),
                call=Call(operation="update_workspace_alias", params={"workspaceId": "{id}"}, send=("alias",)),
            ),
            Update(
                properties=("loggingConfiguration",),
                call=Call(
                    operation="create_logging_configuration",
                    params={"workspaceId": "{id}", "logGroupArn": "{loggingConfiguration.logGroupArn}"},
                    when="loggingConfiguration",
                ),
                on_create=True,
            ),
            Update(
                properties=("loggingConfiguration",),
                call=Call(
                    operation="delete_logging_configuration",
                    params={"workspaceId": "{id}"},
                    unless="loggingConfiguration",
                ),
            ),
        ),
        # moto encrypts no workspace.
        unread=frozenset({"kmsKeyArn"}),
        replaces=frozenset({"kmsKeyArn"}),
        tagging=tagging.by_arn("resourceArn", tags="tags", keys="tagKeys", form="map", created="tags"),
        listing=Listing(operation="list_workspaces", ids="workspaces[].workspaceId"),
    ),
)
"""The types of this module."""
