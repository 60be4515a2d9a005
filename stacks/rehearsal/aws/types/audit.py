"""Who did what, and what is how: CloudTrail, Config, GuardDuty."""

from stacks.rehearsal.aws.table import Call, Listing, ResourceType, Tagging, Update

_TRAIL = (
    "s3BucketName",
    "s3KeyPrefix",
    "snsTopicName",
    "includeGlobalServiceEvents",
    "isMultiRegionTrail",
    "enableLogFileValidation",
    "cloudWatchLogsGroupArn",
    "cloudWatchLogsRoleArn",
    "kmsKeyId",
    "isOrganizationTrail",
)


def _logging(operation: str, **condition: str) -> Call:
    return Call(operation=operation, params={"Name": "{arn}"}, **condition)  # type: ignore[arg-type]


_RECORDER = Call(
    operation="put_configuration_recorder",
    params={"ConfigurationRecorder": {"name": "{name}", "roleARN": "{roleArn}", "recordingGroup": "{recordingGroup}"}},
)
_CHANNEL = Call(
    operation="put_delivery_channel",
    params={
        "DeliveryChannel": {
            "name": "{name}",
            "s3BucketName": "{s3BucketName}",
            "s3KeyPrefix": "{s3KeyPrefix}",
            "s3KmsKeyArn": "{s3KmsKeyArn}",
            "snsTopicARN": "{snsTopicArn}",
            "configSnapshotDeliveryProperties": "{snapshotDeliveryProperties}",
        }
    },
)
_START = Call(
    operation="start_configuration_recorder", params={"ConfigurationRecorderName": "{name}"}, when="isEnabled"
)
_STOP = Call(
    operation="stop_configuration_recorder", params={"ConfigurationRecorderName": "{name}"}, unless="isEnabled"
)

AUDIT = (
    ResourceType(
        type="aws:cloudtrail/trail:Trail",
        service="cloudtrail",
        id="TrailARN",
        create=Call(operation="create_trail", params={"Name": "{name}"}, send=_TRAIL),
        read=(
            Call(
                operation="get_trail",
                params={"Name": "{id}"},
                result="merge(Trail, {enableLogFileValidation: Trail.LogFileValidationEnabled})",
            ),
            Call(operation="get_trail_status", params={"Name": "{id}"}, result="{enableLogging: IsLogging}"),
            Call(
                operation="get_event_selectors", params={"TrailName": "{id}"}, result="{eventSelectors: EventSelectors}"
            ),
        ),
        # By its name: moto takes an ARN too, and then removes nothing.
        delete=(Call(operation="delete_trail", params={"Name": "{name}"}),),
        updates=(
            Update(properties=_TRAIL, call=Call(operation="update_trail", params={"Name": "{id}"}, send=_TRAIL)),
            Update(
                properties=("eventSelectors",),
                call=Call(operation="put_event_selectors", params={"TrailName": "{id}"}, send=("eventSelectors",)),
                on_create=True,
            ),
            Update(properties=("enableLogging",), call=_logging("start_logging", when="enableLogging"), on_create=True),
            Update(properties=("enableLogging",), call=_logging("stop_logging", unless="enableLogging")),
        ),
        computed={"arn": "{id}"},
        # A trail records as soon as it is made, unless it is told not to.
        defaults={"enableLogging": True},
        renames={
            "arn": "TrailARN",
            "cloudWatchLogsGroupArn": "CloudWatchLogsLogGroupArn",
            "snsTopicArn": "SnsTopicARN",
        },
        replaces=frozenset({"name"}),
        name="name",
        name_limit=128,
        tagging=Tagging(
            add="add_tags",
            remove="remove_tags",
            member="ResourceId",
            value="{id}",
            tags="TagsList",
            keys="TagsList",
            plain_keys=False,
            created={"TagsList": "{tagList}"},
            read=Call(
                operation="list_tags",
                params={"ResourceIdList": ["{id}"]},
                result="{tags: ResourceTagList[0].TagsList}",
            ),
        ),
        listing=Listing(operation="list_trails", ids="Trails[].TrailARN"),
    ),
    ResourceType(
        type="aws:cfg/recorder:Recorder",
        service="config",
        id="{name}",
        create=_RECORDER,
        read=(
            Call(
                operation="describe_configuration_recorders",
                params={"ConfigurationRecorderNames": ["{id}"]},
                result="ConfigurationRecorders[0]",
            ),
        ),
        delete=(Call(operation="delete_configuration_recorder", params={"ConfigurationRecorderName": "{id}"}),),
        updates=(Update(properties=("roleArn", "recordingGroup"), call=_RECORDER),),
        renames={"roleArn": "roleARN"},
        unread=frozenset({"recordingMode"}),
        replaces=frozenset({"name"}),
        name="name",
        name_limit=256,
        listing=Listing(operation="describe_configuration_recorders", ids="ConfigurationRecorders[].name"),
    ),
    ResourceType(
        type="aws:cfg/deliveryChannel:DeliveryChannel",
        service="config",
        id="{name}",
        create=_CHANNEL,
        read=(
            Call(
                operation="describe_delivery_channels",
                params={"DeliveryChannelNames": ["{id}"]},
                result="DeliveryChannels[0]",
            ),
        ),
        delete=(Call(operation="delete_delivery_channel", params={"DeliveryChannelName": "{id}"}),),
        updates=(
            Update(
                properties=("s3BucketName", "s3KeyPrefix", "s3KmsKeyArn", "snsTopicArn", "snapshotDeliveryProperties"),
                call=_CHANNEL,
            ),
        ),
        renames={"snsTopicArn": "snsTopicARN", "snapshotDeliveryProperties": "configSnapshotDeliveryProperties"},
        replaces=frozenset({"name"}),
        name="name",
        name_limit=256,
        listing=Listing(operation="describe_delivery_channels", ids="DeliveryChannels[].name"),
    ),
    ResourceType(
        type="aws:cfg/recorderStatus:RecorderStatus",
        service="config",
        id="{name}",
        create=_START,
        read=(
            Call(
                operation="describe_configuration_recorder_status",
                params={"ConfigurationRecorderNames": ["{id}"]},
                result="ConfigurationRecordersStatus[0].{name: name, isEnabled: recording}",
            ),
        ),
        delete=(Call(operation="stop_configuration_recorder", params={"ConfigurationRecorderName": "{id}"}),),
        updates=(Update(properties=("isEnabled",), call=_START), Update(properties=("isEnabled",), call=_STOP)),
        replaces=frozenset({"name"}),
        part_of="aws:cfg/recorder:Recorder",
    ),
    ResourceType(
        type="aws:guardduty/detector:Detector",
        service="guardduty",
        id="DetectorId",
        create=Call(
            operation="create_detector",
            params={"Tags": "{tags}"},
            send=("enable", "findingPublishingFrequency"),
        ),
        read=(
            Call(
                operation="get_detector",
                params={"DetectorId": "{id}"},
                result="{enable: Status == 'ENABLED', findingPublishingFrequency: FindingPublishingFrequency}",
            ),
        ),
        delete=(Call(operation="delete_detector", params={"DetectorId": "{id}"}),),
        updates=(
            Update(
                properties=("enable", "findingPublishingFrequency"),
                call=Call(
                    operation="update_detector",
                    params={"DetectorId": "{id}"},
                    send=("enable", "findingPublishingFrequency"),
                ),
            ),
        ),
        computed={"arn": "arn:{partition}:guardduty:{region}:{account}:detector/{id}", "accountId": "{account}"},
        # moto's detectors are tagged when they are made, and never after.
        unread=frozenset({"tags", "datasources"}),
        # The service's own default.
        defaults={"enable": True},
        listing=Listing(operation="list_detectors", ids="DetectorIds"),
    ),
)
"""The types of this module."""
