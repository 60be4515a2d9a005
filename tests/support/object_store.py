"""Buckets on a moto server of the test's own, and the environment in which clients find it."""

import contextlib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

from stacks.rehearsal.aws.moto_server import MotoServer

REGION = "eu-central-1"
BUCKET = "models"


@contextlib.contextmanager
def running_object_store() -> Iterator[str]:
    """Run a server with one bucket; yield its endpoint."""
    with MotoServer() as server:
        client_of(server.endpoint).create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        yield server.endpoint


def client_of(endpoint: str) -> Any:
    """Return an S3 client of the server's."""
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )


def environment_of(endpoint: str, *, key: str = "test", secret: str = "test") -> dict[str, str]:
    """Return the variables by which every client finds the server, and nothing of the machine's own."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


def refuse_the_unauthorised(endpoint: str) -> dict[str, str]:
    """Make the server check permissions from now on; return the environment of a user who has none."""
    iam = boto3.client(
        "iam", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )
    iam.create_user(UserName="nobody")
    made = iam.create_access_key(UserName="nobody")["AccessKey"]
    text = {"Content-Type": "text/plain"}
    request = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", data=b"0", headers=text, method="POST")
    with urllib.request.urlopen(request, timeout=10):
        return environment_of(endpoint, key=made["AccessKeyId"], secret=made["SecretAccessKey"])


def objects_of(endpoint: str, prefix: str) -> dict[str, Any]:
    """Return each object below a prefix, by name, with its size and when it was written."""
    listed = client_of(endpoint).list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", [])
    return {Path(item["Key"]).name: (item["Size"], item["LastModified"], item["ETag"]) for item in listed}
