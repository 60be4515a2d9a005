"""Change something behind the engine's back, as a person at a console would, so that drift is there to be found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3

from stacks.rehearsal.deployment import Deployment, StoredThing
from stacks.rehearsal.kubernetes.api import KubernetesApi, ObjectRef

_PRIVATE_BUCKET = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_DEPLOYMENT = "kubernetes:apps/v1:Deployment"
MEDDLED = (_PRIVATE_BUCKET, _DEPLOYMENT)
"""The types of which a resource can be changed."""
_SETTINGS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


@dataclass(frozen=True)
class Meddling:
    """One change behind the engine's back: to which resource, what was done, and whether it is still so."""

    urn: str
    what: str
    remains: Callable[[], bool]


def meddle(deployment: Deployment, *, aws: str, region: str, api: KubernetesApi | None) -> list[Meddling]:
    """Make a bucket public and delete a Deployment, each where the stack has one; return what was done."""
    return [*_open_bucket(deployment, aws, region), *(_delete_deployment(deployment, api) if api else ())]


def _open_bucket(deployment: Deployment, endpoint: str, region: str) -> Iterator[Meddling]:
    for thing in deployment.of_type(_PRIVATE_BUCKET)[:1]:
        # moto takes any credentials.
        placeholder = "rehearsal"
        session = boto3.Session(
            aws_access_key_id=placeholder, aws_secret_access_key=placeholder, region_name=_region_of(thing, region)
        )
        s3 = session.client("s3", endpoint_url=endpoint)
        bucket = str(thing.inputs["bucket"])
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(_SETTINGS, False))

        def is_open(client: Any = s3, bucket: str = bucket) -> bool:
            found = client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
            return not all(found.get(name) for name in _SETTINGS)

        yield Meddling(thing.urn, f"bucket {bucket} made public", is_open)


def _delete_deployment(deployment: Deployment, api: KubernetesApi) -> Iterator[Meddling]:
    for thing in deployment.of_type(_DEPLOYMENT)[:1]:
        namespace, _, name = thing.id.rpartition("/")
        ref = ObjectRef("apps/v1", "Deployment", name, namespace)
        api.delete(ref, propagation="Background")

        def is_gone(ref: ObjectRef = ref) -> bool:
            return api.get(ref) is None

        yield Meddling(thing.urn, f"{ref} deleted", is_gone)


def _region_of(thing: StoredThing, region: str) -> str:
    return str(thing.outputs.get("region") or region)
