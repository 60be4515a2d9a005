"""Registries of container images."""

from stacks.rehearsal.aws.table import Call, Listing, ResourceType, Update
from stacks.rehearsal.aws.types import tagging

REGISTRIES = (
    ResourceType(
        type="aws:ecr/repository:Repository",
        service="ecr",
        id="repository.repositoryName",
        create=Call(
            operation="create_repository",
            params={"repositoryName": "{name}"},
            send=("imageTagMutability", "imageScanningConfiguration", "encryptionConfigurations"),
        ),
        read=(
            Call(operation="describe_repositories", params={"repositoryNames": ["{id}"]}, result="repositories[0]"),
            Call(operation="list_tags_for_resource", params={"resourceArn": "{arn}"}),
        ),
        delete=(Call(operation="delete_repository", params={"repositoryName": "{id}", "force": True}),),
        updates=(
            Update(
                properties=("imageTagMutability",),
                call=Call(
                    operation="put_image_tag_mutability",
                    params={"repositoryName": "{id}"},
                    send=("imageTagMutability",),
                ),
            ),
            Update(
                properties=("imageScanningConfiguration",),
                call=Call(
                    operation="put_image_scanning_configuration",
                    params={"repositoryName": "{id}"},
                    send=("imageScanningConfiguration",),
                ),
            ),
        ),
        renames={
            "name": "repositoryName",
            "arn": "repositoryArn",
            "repositoryUrl": "repositoryUri",
            "encryptionConfigurations": "encryptionConfiguration",
        },
        replaces=frozenset({"name", "encryptionConfigurations"}),
        name="name",
        name_limit=256,
        tagging=tagging.by_arn("resourceArn", tags="tags", keys="tagKeys", created="tags"),
        listing=Listing(operation="describe_repositories", ids="repositories[].repositoryName"),
    ),
    ResourceType(
        type="aws:ecr/lifecyclePolicy:LifecyclePolicy",
        service="ecr",
        id="{repository}",
        create=Call(
            operation="put_lifecycle_policy",
            params={"repositoryName": "{repository}", "lifecyclePolicyText": "{policy}"},
        ),
        read=(
            Call(
                operation="get_lifecycle_policy",
                params={"repositoryName": "{id}"},
                result="{repository: repositoryName, registryId: registryId, policy: lifecyclePolicyText}",
            ),
        ),
        delete=(Call(operation="delete_lifecycle_policy", params={"repositoryName": "{id}"}),),
        replaces=frozenset({"repository", "policy"}),
        part_of="aws:ecr/repository:Repository",
    ),
)
"""The types of this module."""
