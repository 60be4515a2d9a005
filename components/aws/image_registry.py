"""ECR repositories: scanned on push, tags that are never overwritten, encrypted, old untagged images removed.

Pull-through caches of public registries are made by setting; they hold copies, which is why their tags may move.
"""

import json
from collections.abc import Mapping
from typing import Annotated, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from components.aws.account import Account
from components.contracts import KeyHandle, RepositoryHandle

ImageName = Annotated[str, Field(pattern=r"^[a-z0-9]+([._/-][a-z0-9]+)*$", max_length=200)]
# Registries that answer without a login: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html
OPEN_UPSTREAMS = ("public.ecr.aws", "registry.k8s.io", "quay.io")


class ImageRegistryArgs(BaseModel):
    """The images to keep, for how long, and the public registries to cache, each by the prefix that its copies get.

    `pull_through` maps a prefix to a registry's host. One that wants a login needs the ARN of its secret in
    `upstream_credentials`, under the same prefix; that secret's name must begin with `ecr-pullthroughcache/`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    images: tuple[ImageName, ...]
    untagged_days: PositiveInt = 14
    keep_releases: PositiveInt = 200
    pull_through: Mapping[Annotated[str, Field(pattern=r"^[a-z0-9]+([._/-][a-z0-9]+)*$", min_length=2)], str] = Field(
        default_factory=dict
    )
    upstream_credentials: Mapping[str, str] = Field(default_factory=dict)
    protect: bool = True

    @model_validator(mode="after")
    def _logins_are_there(self) -> "ImageRegistryArgs":
        for prefix, host in self.pull_through.items():
            if host not in OPEN_UPSTREAMS and prefix not in self.upstream_credentials:
                raise ValueError(
                    f"{host} wants a login: put the ARN of its secret under upstream_credentials.{prefix}, "
                    f"or take one of {', '.join(OPEN_UPSTREAMS)}"
                )
        if unused := sorted(set(self.upstream_credentials) - set(self.pull_through)):
            raise ValueError(f"upstream_credentials names {', '.join(unused)}, which pull_through does not; remove it")
        return self


class ImageRegistry(pulumi.ComponentResource):
    """Make one repository for each image, and the caches; push nothing. Outputs: urls by image."""

    Args: ClassVar[type[ImageRegistryArgs]] = ImageRegistryArgs
    repositories: Mapping[str, RepositoryHandle]

    def __init__(
        self,
        name: str,
        args: ImageRegistryArgs,
        *,
        platform: Account,
        key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:ImageRegistry", name, {}, opts)
        repositories: dict[str, RepositoryHandle] = {}
        for image in args.images:
            role = f"{name}-{image.replace('/', '-')}"
            repository = aws.ecr.Repository(
                role,
                name=platform.physical_name("repository", image),
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
                encryption_configurations=[
                    aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=key.id)
                ],
                tags=platform.tags(role),
                opts=platform.options(self, protect=args.protect),
            )
            aws.ecr.LifecyclePolicy(
                f"{role}-lifecycle",
                repository=repository.name,
                policy=_lifecycle(args.untagged_days, args.keep_releases),
                opts=platform.options(self),
            )
            repositories[image] = RepositoryHandle(id=repository.arn, url=repository.repository_url)
        for prefix, host in args.pull_through.items():
            aws.ecr.PullThroughCacheRule(
                f"{name}-cache-{prefix.replace('/', '-')}",
                ecr_repository_prefix=prefix,
                upstream_registry_url=host,
                credential_arn=args.upstream_credentials.get(prefix),
                opts=platform.options(self),
            )
        self.repositories = repositories
        self.register_outputs({"urls": {image: handle.url for image, handle in repositories.items()}})


def _lifecycle(untagged_days: int, keep_releases: int) -> str:
    def rule(priority: int, description: str, **selection: object) -> dict[str, object]:
        return {
            "rulePriority": priority,
            "description": description,
            "selection": selection,
            "action": {"type": "expire"},
        }

    old = rule(
        1,
        f"untagged for {untagged_days} days",
        tagStatus="untagged",
        countType="sinceImagePushed",
        countUnit="days",
        countNumber=untagged_days,
    )
    many = rule(
        2,
        f"all but the newest {keep_releases}",
        tagStatus="any",
        countType="imageCountMoreThan",
        countNumber=keep_releases,
    )
    return json.dumps({"rules": [old, many]}, sort_keys=True)
