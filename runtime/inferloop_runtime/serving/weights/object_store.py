"""One prefix of an S3-compatible object store, where a model lies as its files and, written last, its manifest.

Credentials, region and endpoint are found where every AWS client looks: Pod Identity, profiles, `AWS_REGION`,
`AWS_ENDPOINT_URL`. Objects are encrypted as the bucket says.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.weights.manifest import MANIFEST_NAME, FileEntry, Manifest

SCHEME = "s3://"
_DIGEST = "inferloop-sha256"
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_CHUNK_BYTES = 2**20
_UPLOAD_PART_BYTES = 32 * 2**20
_ABSENT = {"404", "NoSuchKey", "NotFound"}
_REFUSED = {"403", "AccessDenied", "AllAccessDisabled", "KMS.DisabledException"}
_UNKNOWN_CALLER = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "ExpiredTokenException",
}


class ObjectStore:
    """Read and write the objects of one prefix. Raises ModelError for whatever goes wrong, with what mends it."""

    def __init__(self, uri: str, *, connections: int = 8) -> None:
        """Take `s3://bucket/prefix`; `connections` calls may be made at once, from as many threads."""
        bucket, _, prefix = uri.removeprefix(SCHEME).partition("/")
        if not uri.startswith(SCHEME) or not bucket or not prefix.strip("/"):
            raise ModelError(f"{uri} names no model in an object store; write it like s3://bucket/models/name")
        self.uri = f"{SCHEME}{bucket}/{prefix.strip('/')}"
        self.connections = connections
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._client = _client(connections)

    def manifest(self) -> Manifest:
        """Return the manifest of the model that lies here."""
        found = self.published()
        if found is None:
            raise ModelError(
                f"{self.uri} holds no {MANIFEST_NAME}: no model was published there, or not to its end; "
                f"run `inferloop-runtime weights publish FOLDER --to {self.uri}`"
            )
        return found

    def published(self) -> Manifest | None:
        """Return the manifest of the model that lies here, or None where there is none."""
        text = self._get(MANIFEST_NAME)
        if text is None:
            return None
        try:
            manifest = Manifest.model_validate_json(text)
        except ValidationError:
            raise ModelError(
                f"{self.uri}/{MANIFEST_NAME} is not a weights manifest; publish the model again with --replace"
            ) from None
        # A name is joined to a local folder: it must not lead out of it.
        if strange := [name for name in manifest.files if PurePosixPath(name).name != name or name.startswith(".")]:
            raise ModelError(f"{self.uri}/{MANIFEST_NAME} names {strange[0]!r}, which is no plain file name")
        return manifest

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` up to, not including, `end` of one object, in pieces of up to 1 MiB.

        A connection that breaks raises ConnectionError; the bytes that were given are good.
        """
        from botocore.exceptions import HTTPClientError, IncompleteReadError, ResponseStreamingError

        with self._explained(name):
            try:
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=self._key(name), Range=f"bytes={start}-{end - 1}"
                )
                received = 0
                while piece := answer["Body"].read(_CHUNK_BYTES):
                    received += len(piece)
                    yield piece
            except (HTTPClientError, IncompleteReadError, ResponseStreamingError) as error:
                raise ConnectionError(f"{type(error).__name__}: {error}") from error
            if received != end - start:
                raise ConnectionError(f"{received} bytes of {end - start} arrived")

    def holds(self, name: str, entry: FileEntry) -> bool:
        """Tell whether an object is there that was published with this digest and size."""
        from botocore.exceptions import ClientError

        with self._explained(name):
            try:
                answer = self._client.head_object(Bucket=self._bucket, Key=self._key(name))
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return False
                raise
        return bool(answer["ContentLength"] == entry.size and answer["Metadata"].get(_DIGEST) == entry.sha256)

    def upload(self, path: Path, name: str, entry: FileEntry) -> None:
        """Write one file, in parts where it is large; an upload that breaks off leaves no object."""
        from boto3.s3.transfer import TransferConfig

        parts = TransferConfig(
            multipart_threshold=_UPLOAD_PART_BYTES,
            multipart_chunksize=_UPLOAD_PART_BYTES,
            max_concurrency=self.connections,
        )
        with self._explained(name, write=True):
            self._client.upload_file(
                str(path),
                self._bucket,
                self._key(name),
                ExtraArgs={"Metadata": {_DIGEST: entry.sha256}},
                Config=parts,
            )

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest, which is what makes a model whole."""
        with self._explained(MANIFEST_NAME, write=True):
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._key(MANIFEST_NAME),
                Body=(manifest.model_dump_json(indent=2) + "\n").encode(),
                ContentType="application/json",
            )

    def remove_manifest(self) -> None:
        """Remove the manifest, so that nobody takes files that are about to change for a model."""
        with self._explained(MANIFEST_NAME, write=True):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(MANIFEST_NAME))

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    def _get(self, name: str) -> bytes | None:
        from botocore.exceptions import ClientError

        with self._explained(name):
            try:
                return bytes(self._client.get_object(Bucket=self._bucket, Key=self._key(name))["Body"].read())
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise

    @contextlib.contextmanager
    def _explained(self, name: str, *, write: bool = False) -> Iterator[None]:
        """Turn what the client raises into a ModelError that says what to change."""
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        where = f"{self.uri}/{name}"
        try:
            yield
        except ClientError as error:
            raise ModelError(self._refusal(where, _code(error), write=write)) from error
        except S3UploadFailedError as error:
            # It keeps the client's error only as its cause.
            code = _code(error.__context__) if isinstance(error.__context__, ClientError) else str(error)
            raise ModelError(self._refusal(where, code, write=write)) from error
        except NoCredentialsError as error:
            raise ModelError(
                f"no credentials for {where}: give the pod's service account an identity, or set AWS_PROFILE"
            ) from error
        except BotoCoreError as error:
            raise ModelError(
                f"the object store cannot be reached for {where} ({type(error).__name__}): check the network, "
                "AWS_REGION and AWS_ENDPOINT_URL"
            ) from error

    def _refusal(self, where: str, code: str, *, write: bool) -> str:
        if code == "NoSuchBucket":
            return f"there is no bucket {self._bucket} for {where}; check the address and AWS_REGION"
        if code in _REFUSED:
            right = "s3:PutObject" if write else "s3:GetObject"
            return (
                f"{where} may not be {'written' if write else 'read'} ({code}), or is not there; allow this identity "
                f"{right} on it, and {'kms:GenerateDataKey' if write else 'kms:Decrypt'} with the bucket's key"
            )
        if code in _UNKNOWN_CALLER:
            return f"the object store does not accept this machine's credentials for {where} ({code}); renew them"
        if code in _ABSENT:
            return f"{where} is named by the manifest and is not there; publish the model again with --replace"
        return f"the object store answered {code} for {where}; try again"


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", "an error"))


def _client(connections: int) -> Any:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise ModelError("an object store needs the package boto3: install inferloop-runtime[s3]") from error
    # Stores other than AWS's have no names of their own for buckets, and not all know its newest checksums.
    elsewhere = any(os.environ.get(name) for name in _ENDPOINTS)
    settings: dict[str, Any] = (
        {
            "s3": {"addressing_style": "path"},
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
        if elsewhere
        else {}
    )
    config = Config(
        retries={"mode": "standard", "max_attempts": 5},
        max_pool_connections=connections + 2,
        connect_timeout=10,
        read_timeout=60,
        **settings,
    )
    try:
        return boto3.session.Session().client("s3", config=config)
    except (BotoCoreError, ValueError) as error:
        raise ModelError(f"no client for the object store can be made: {error}") from error
