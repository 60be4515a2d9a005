"""The ways in which services take, drop and tell tags."""

import dataclasses
from typing import Any, Literal

from stacks.rehearsal.aws.table import Call, Tagging

EC2 = Tagging(
    add="create_tags", remove="delete_tags", member="Resources", value=["{id}"], keys="Tags", plain_keys=False
)
"""What EC2 has; its answers tell the tags."""


def ec2(kind: str) -> Tagging:
    """Describe the tags of a kind of EC2's (`vpc`, `subnet`), whose creation takes them too."""
    return dataclasses.replace(EC2, created={"TagSpecifications": [{"ResourceType": kind, "Tags": "{tagList}"}]})


def by_arn(
    member: str,
    *,
    value: Any = "{arn}",
    tags: str = "Tags",
    keys: str = "TagKeys",
    form: Literal["list", "map"] = "list",
    told: str = "",
    reader: str = "list_tags_for_resource",
    created: str = "",
    pair: tuple[str, str] = ("Key", "Value"),
) -> Tagging:
    """Describe `tag_resource` and `untag_resource`.

    `told` is a JMESPath to the tags in the answer of `reader`; `created` the member of the creation that takes them.
    """
    read = Call(operation=reader, params={member: value}, result=f"{{tags: {told}}}") if told else None
    return Tagging(
        add="tag_resource",
        remove="untag_resource",
        member=member,
        value=value,
        tags=tags,
        keys=keys,
        form=form,
        pair=pair,
        created={created: "{tagList}" if form == "list" else "{tags}"} if created else {},
        read=read,
    )


def by_resource_name() -> Tagging:
    """Describe the tags of RDS and ElastiCache."""
    return Tagging(
        add="add_tags_to_resource",
        remove="remove_tags_from_resource",
        member="ResourceName",
        created={"Tags": "{tagList}"},
        read=Call(operation="list_tags_for_resource", params={"ResourceName": "{arn}"}, result="{tags: TagList}"),
    )
