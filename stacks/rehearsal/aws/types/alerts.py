"""What is told to whom: SNS topics, SQS queues, EventBridge rules, CloudWatch alarms and dashboards."""

from collections.abc import Mapping
from typing import Any

from stacks.rehearsal.aws.table import Call, Listing, ResourceType, Tagging, Update
from stacks.rehearsal.aws.types import tagging

_QUEUE_ATTRIBUTES = {
    "visibilityTimeoutSeconds": "VisibilityTimeout",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "maxMessageSize": "MaximumMessageSize",
    "delaySeconds": "DelaySeconds",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "policy": "Policy",
    "redrivePolicy": "RedrivePolicy",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "fifoQueue": "FifoQueue",
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
}
_TOLD_ATTRIBUTES = ", ".join(f"{name}: {attribute}" for name, attribute in _QUEUE_ATTRIBUTES.items())


def _attributes(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    told = {attribute: inputs[name] for name, attribute in _QUEUE_ATTRIBUTES.items() if inputs.get(name) is not None}
    return {
        "attributes": {key: str(it).lower() if isinstance(it, bool) else str(it) for key, it in told.items()} or None
    }


def _topic_attribute(name: str, attribute: str) -> Update:
    return Update(
        properties=(name,),
        call=Call(
            operation="set_topic_attributes",
            params={"TopicArn": "{arn}", "AttributeName": attribute, "AttributeValue": f"{{{name}}}"},
            when=name,
        ),
        on_create=True,
    )


_TOPIC_POLICY = Call(
    operation="set_topic_attributes",
    params={"TopicArn": "{arn}", "AttributeName": "Policy", "AttributeValue": "{policy}"},
)
_QUEUE_POLICY = Call(
    operation="set_queue_attributes", params={"QueueUrl": "{queueUrl}", "Attributes": {"Policy": "{policy}"}}
)
_SET_QUEUE = Call(
    operation="set_queue_attributes", params={"QueueUrl": "{id}", "Attributes": "{attributes}"}, when="attributes"
)
_RULE = Call(
    operation="put_rule",
    params={"Name": "{name}", "EventBusName": "{eventBusName}"},
    send=("description", "eventPattern", "scheduleExpression", "roleArn", "state"),
)
_TARGET = Call(
    operation="put_targets",
    params={
        "Rule": "{rule}",
        "EventBusName": "{eventBusName}",
        "Targets": [
            {
                "Id": "{targetId}",
                "Arn": "{arn}",
                "RoleArn": "{roleArn}",
                "Input": "{input}",
                "InputPath": "{inputPath}",
                "DeadLetterConfig": "{deadLetterConfig}",
            }
        ],
    },
)
_ALARM = Call(operation="put_metric_alarm", params={"AlarmName": "{name}"}, send=("*",))
_DASHBOARD = Call(
    operation="put_dashboard", params={"DashboardName": "{dashboardName}", "DashboardBody": "{dashboardBody}"}
)

ALERTS = (
    ResourceType(
        type="aws:sns/topic:Topic",
        service="sns",
        id="TopicArn",
        create=Call(operation="create_topic", params={"Name": "{name}"}),
        read=(
            Call(
                operation="get_topic_attributes",
                params={"TopicArn": "{id}"},
                result="merge(Attributes, {name: after(Attributes.TopicArn, ':')})",
            ),
            Call(operation="list_tags_for_resource", params={"ResourceArn": "{id}"}),
        ),
        delete=(Call(operation="delete_topic", params={"TopicArn": "{id}"}),),
        updates=(
            _topic_attribute("kmsMasterKeyId", "KmsMasterKeyId"),
            _topic_attribute("signatureVersion", "SignatureVersion"),
        ),
        computed={"arn": "{id}"},
        # A topic's policy is a resource of its own, and moto does not tell how messages are signed.
        unread=frozenset({"policy", "signatureVersion"}),
        replaces=frozenset({"name", "fifoTopic"}),
        name="name",
        name_limit=256,
        tagging=tagging.by_arn("ResourceArn", value="{id}", created="Tags"),
        listing=Listing(operation="list_topics", ids="Topics[].TopicArn"),
    ),
    ResourceType(
        type="aws:sns/topicPolicy:TopicPolicy",
        service="sns",
        id="{arn}",
        create=_TOPIC_POLICY,
        read=(
            Call(operation="get_topic_attributes", params={"TopicArn": "{id}"}, result="Attributes.{policy: Policy}"),
        ),
        # A policy ends with its topic.
        delete=(),
        updates=(Update(properties=("policy",), call=_TOPIC_POLICY),),
        computed={"arn": "{id}"},
        replaces=frozenset({"arn"}),
        part_of="aws:sns/topic:Topic",
    ),
    ResourceType(
        type="aws:sns/topicSubscription:TopicSubscription",
        service="sns",
        id="SubscriptionArn",
        create=Call(
            operation="subscribe",
            params={"TopicArn": "{topic}", "ReturnSubscriptionArn": True},
            send=("protocol", "endpoint"),
        ),
        read=(
            Call(
                operation="get_subscription_attributes",
                params={"SubscriptionArn": "{id}"},
                result="Attributes.{topic: TopicArn, protocol: Protocol, endpoint: Endpoint, ownerId: Owner}",
            ),
        ),
        delete=(Call(operation="unsubscribe", params={"SubscriptionArn": "{id}"}),),
        computed={"arn": "{id}"},
        replaces=frozenset({"topic", "protocol", "endpoint"}),
        listing=Listing(operation="list_subscriptions", ids="Subscriptions[].SubscriptionArn"),
    ),
    ResourceType(
        type="aws:sqs/queue:Queue",
        service="sqs",
        id="QueueUrl",
        create=Call(operation="create_queue", params={"QueueName": "{name}", "Attributes": "{attributes}"}),
        read=(
            Call(
                operation="get_queue_attributes",
                params={"QueueUrl": "{id}", "AttributeNames": ["All"]},
                result=f"Attributes.{{arn: QueueArn, {_TOLD_ATTRIBUTES}}}",
            ),
        ),
        delete=(Call(operation="delete_queue", params={"QueueUrl": "{id}"}),),
        updates=(Update(properties=tuple(_QUEUE_ATTRIBUTES), call=_SET_QUEUE),),
        derived=_attributes,
        computed={"url": "{id}"},
        # moto never tells it.
        unread=frozenset({"sqsManagedSseEnabled"}),
        replaces=frozenset({"name", "fifoQueue"}),
        name="name",
        name_limit=80,
        tagging=Tagging(
            add="tag_queue",
            remove="untag_queue",
            member="QueueUrl",
            value="{id}",
            form="map",
            created={"tags": "{tags}"},
            read=Call(operation="list_queue_tags", params={"QueueUrl": "{id}"}, result="{tags: Tags}"),
        ),
        listing=Listing(operation="list_queues", ids="QueueUrls"),
    ),
    ResourceType(
        type="aws:sqs/queuePolicy:QueuePolicy",
        service="sqs",
        id="{queueUrl}",
        create=_QUEUE_POLICY,
        read=(
            Call(
                operation="get_queue_attributes",
                params={"QueueUrl": "{id}", "AttributeNames": ["Policy"]},
                result="Attributes.Policy && {policy: Attributes.Policy}",
            ),
        ),
        delete=(Call(operation="set_queue_attributes", params={"QueueUrl": "{id}", "Attributes": {"Policy": ""}}),),
        updates=(Update(properties=("policy",), call=_QUEUE_POLICY),),
        computed={"queueUrl": "{id}"},
        replaces=frozenset({"queueUrl"}),
        part_of="aws:sqs/queue:Queue",
    ),
    ResourceType(
        type="aws:cloudwatch/eventRule:EventRule",
        service="events",
        id="{name}",
        create=_RULE,
        read=(Call(operation="describe_rule", params={"Name": "{id}", "EventBusName": "{eventBusName}"}, result="@"),),
        delete=(Call(operation="delete_rule", params={"Name": "{id}", "EventBusName": "{eventBusName}"}),),
        updates=(
            Update(properties=("description", "eventPattern", "scheduleExpression", "roleArn", "state"), call=_RULE),
        ),
        defaults={"eventBusName": "default"},
        replaces=frozenset({"name", "eventBusName"}),
        name="name",
        name_limit=64,
        tagging=tagging.by_arn("ResourceARN", told="Tags", created="Tags"),
        listing=Listing(operation="list_rules", ids="Rules[].Name"),
    ),
    ResourceType(
        type="aws:cloudwatch/eventTarget:EventTarget",
        service="events",
        id="{rule}-{targetId}",
        create=_TARGET,
        read=(
            Call(
                operation="list_targets_by_rule",
                params={"Rule": "{rule}", "EventBusName": "{eventBusName}"},
                result="Targets[].{targetId: Id, arn: Arn, roleArn: RoleArn, input: Input, inputPath: InputPath}",
                match="targetId",
            ),
        ),
        delete=(
            Call(
                operation="remove_targets",
                params={"Rule": "{rule}", "EventBusName": "{eventBusName}", "Ids": ["{targetId}"]},
            ),
        ),
        updates=(Update(properties=("arn", "roleArn", "input", "inputPath", "deadLetterConfig"), call=_TARGET),),
        defaults={"eventBusName": "default"},
        replaces=frozenset({"rule", "eventBusName", "targetId"}),
        name="targetId",
        name_limit=64,
        part_of="aws:cloudwatch/eventRule:EventRule",
    ),
    ResourceType(
        type="aws:cloudwatch/metricAlarm:MetricAlarm",
        service="cloudwatch",
        id="{name}",
        create=_ALARM,
        read=(Call(operation="describe_alarms", params={"AlarmNames": ["{id}"]}, result="MetricAlarms[0]"),),
        delete=(Call(operation="delete_alarms", params={"AlarmNames": ["{id}"]}),),
        updates=(
            Update(
                properties=(
                    "actionsEnabled",
                    "alarmActions",
                    "alarmDescription",
                    "comparisonOperator",
                    "datapointsToAlarm",
                    "dimensions",
                    "evaluationPeriods",
                    "extendedStatistic",
                    "insufficientDataActions",
                    "metricName",
                    "metricQueries",
                    "namespace",
                    "okActions",
                    "period",
                    "statistic",
                    "threshold",
                    "thresholdMetricId",
                    "treatMissingData",
                    "unit",
                ),
                call=_ALARM,
            ),
        ),
        renames={
            "name": "AlarmName",
            "arn": "AlarmArn",
            "okActions": "OKActions",
            "metricQueries": "Metrics",
            "metric": "MetricStat",
        },
        # moto answers a metric of a query in a form of its own.
        unread=frozenset({"metricQueries", "evaluateLowSampleCountPercentiles"}),
        replaces=frozenset({"name"}),
        name="name",
        name_limit=255,
        tagging=tagging.by_arn("ResourceARN", told="Tags", created="Tags"),
        listing=Listing(operation="describe_alarms", ids="MetricAlarms[].AlarmName"),
    ),
    ResourceType(
        type="aws:cloudwatch/dashboard:Dashboard",
        service="cloudwatch",
        id="{dashboardName}",
        create=_DASHBOARD,
        read=(Call(operation="get_dashboard", params={"DashboardName": "{id}"}),),
        delete=(Call(operation="delete_dashboards", params={"DashboardNames": ["{id}"]}),),
        updates=(Update(properties=("dashboardBody",), call=_DASHBOARD),),
        replaces=frozenset({"dashboardName"}),
        listing=Listing(operation="list_dashboards", ids="DashboardEntries[].DashboardName"),
    ),
)
"""The types of this module."""
