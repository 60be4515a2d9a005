"""The form in which a resource type is described: the calls that make, read, change and remove it.

In a parameter, `"{name}"` stands for an input or an output of that name, `"{id}"` for the resource's id; the account,
the region, the partition and `tagList` (the tags as a list of keys and values) are there
too, and `bucketConfiguration` (S3's location constraint). A text that is only such a reference keeps the value's type.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

EMPTY: Mapping[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a service.

    `params` are sent as they are written; `send` names inputs that are translated by the service's model (`"*"`: all),
    into the request or into its member `into`. `result` is a JMESPath to what the answer says of the resource, and
    `under` the property that it is the value of; a read whose result is null finds the resource gone,
    unless it is `optional`. `match`
    picks from a list the item whose property is the resource's own. `when` is an input without which the call is not
    made, `unless` one with which it is not.
    """

    operation: str
    params: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    send: tuple[str, ...] = ()
    into: str = ""
    result: str = "@"
    under: str = ""
    optional: bool = False
    match: str = ""
    when: str = ""
    unless: str = ""
    service: str = ""


@dataclass(frozen=True, kw_only=True)
class Update:
    """A call that changes some properties in place; `on_create` makes it after a creation that set one of them."""

    properties: tuple[str, ...]
    call: Call
    on_create: bool = False


@dataclass(frozen=True, kw_only=True)
class Tagging:
    """The calls that tag and untag, the member that names the resource, and what names it."""

    add: str
    remove: str
    member: str
    value: Any = "{arn}"
    keys: str = "TagKeys"
    tags: str = "Tags"
    read: Call | None = None
    form: Literal["list", "map"] = "list"
    plain_keys: bool = True


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One resource type on moto.

    `id` is a JMESPath into the creation's answer, or a template that begins with a brace. `computed` are outputs that
    are derived from others; `unread` are inputs that moto does not keep, so no drift is seen of them; `name` is the
    input that is generated where it is absent; `replaces` the inputs whose change makes another resource necessary.
    """

    type: str
    service: str
    id: str
    create: Call
    read: tuple[Call, ...]
    delete: tuple[Call, ...]
    updates: tuple[Update, ...] = ()
    computed: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    renames: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    unread: frozenset[str] = frozenset()
    replaces: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    name: str = ""
    name_limit: int = 63
    tagging: Tagging | None = None
