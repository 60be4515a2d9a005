"""Objects of the Kubernetes API as plain data, in the API's own JSON."""

from typing import Annotated, Any, TypeAlias

from pydantic import Field

ApiObject: TypeAlias = Any
"""A Kubernetes object or a part of one: a mapping with the API's own keys, in which outputs may stand for values.

The SDK's typed dictionaries have other keys, so it is not typed further here; the tests check every object that a
component makes against the API's published schema.
"""

ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
"""A DNS label (RFC 1123), which is what most objects may be named."""

ImageDigest = Annotated[str, Field(pattern=r"^[a-z0-9][^\s@]*@sha256:[0-9a-f]{64}$")]
"""A container image by digest; a tag alone is refused, because what it names may change."""

Cidr = Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$")]
"""A range of addresses."""
