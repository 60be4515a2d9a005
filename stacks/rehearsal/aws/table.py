"""The form in which a resource type is described: the calls that make, read, change and remove it.

In a parameter, `"{name}"` stands for an input or an output of that name, `"{name.member}"` for a part of it, `"{id}"`
for the resource's id; the account, the region, the partition, `tagList` (the tags as a list of keys and values) and
`bucketConfiguration` (S3's location constraint) are there too. After a creation `made` is the `result` of its answer.
During an update `added` and `removed` hold, for every list and map that changes, what it gained (the changed members of
a map included) and what it lost (of a map: the keys). `clusterEndpoint` and `clusterAuthority` are the rehearsal's own
Kubernetes control plane. A text that is only such a reference keeps the value's type.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

EMPTY: Mapping[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a service.

    `params` are sent as they are written; `send` names inputs that are translated by the service's model (`"*"`: all),
    into the request or into its member `into`. `result` is a JMESPath (paths.py) to what the answer says of the
    resource, of a change to what later calls of the same update may refer to, and `under` the property that it is the
    value of; a read whose result is null finds the resource gone, unless it is `optional`. `match` picks from a list
    the item whose property is the resource's own; `tells` are properties that the answer holds whenever they are set,
    so that one which was asked for and is not told has been taken away. `when` is an input without which the call is
    not made, `unless` one with which it is not.
    """

    operation: str
    params: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    send: tuple[str, ...] = ()
    into: str = ""
    result: str = "@"
    under: str = ""
    optional: bool = False
    match: str = ""
    tells: tuple[str, ...] = ()
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
    """The calls that tag and untag, the member that names the resource, and what names it.

    `pair` names the members of one tag where they are a list; with `plain_keys` the removal takes names only, else tags
    without values. `params` are sent with every call of the three. `created` are parameters by which the creation takes
    the tags; without them they are added afterwards.
    """

    add: str
    remove: str
    member: str
    value: Any = "{arn}"
    keys: str = "TagKeys"
    tags: str = "Tags"
    read: Call | None = None
    form: Literal["list", "map"] = "list"
    pair: tuple[str, str] = ("Key", "Value")
    plain_keys: bool = True
    created: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    params: Mapping[str, Any] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The call that lists what stands of a type.

    `ids` is a JMESPath to the ids, without what an account has from birth. With `verify` each is read too, because the
    list also names what is gone.
    """

    operation: str
    ids: str
    params: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    verify: bool = False


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One resource type on moto.

    `id` is a JMESPath into the creation's answer, or a template that begins with a brace. `after` are calls that follow
    every creation. `derived` makes of the inputs further values that calls refer to. `computed` are outputs that are
    derived from others, left out where one of those is missing; `unread` are inputs that moto does not keep, so no
    drift is seen of them; `name` is the input that is generated where it is absent; `replaces` the inputs whose change
    makes another resource necessary. A `locked` type is read before it is changed or removed, because the service wants
    the lock token of that moment. What stands of the type is told by `listing`; a type without one is `part_of`
    another, with which it ends.
    """

    type: str
    service: str
    id: str
    create: Call
    read: tuple[Call, ...]
    delete: tuple[Call, ...]
    after: tuple[Call, ...] = ()
    listing: Listing | None = None
    part_of: str = ""
    locked: bool = False
    updates: tuple[Update, ...] = ()
    computed: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    renames: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    unread: frozenset[str] = frozenset()
    replaces: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    derived: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    name: str = ""
    name_limit: int = 63
    tagging: Tagging | None = None
