"""The lock file of base images: which image each target stands on, by digest.

A digest is written only by `resolve`, from what a registry answered; none is ever typed in or guessed.
"""

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "runtime" / "image.lock"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class ImageError(Exception):
    """Building or resolving cannot go on; the message says what mends it."""


@dataclass(frozen=True)
class BaseImage:
    """One base image: its tag for people, its digest for builds."""

    build_arg: str
    reference: str
    digest: str | None
    resolved_at: str | None

    @property
    def pinned(self) -> str:
        """Give `repository@digest`.

        Raises ImageError, with the command that resolves it, where the digest is not known.
        """
        if self.digest is None:
            raise ImageError(
                f"the digest of {self.reference} is not resolved; run `python tools/image resolve` where its "
                f"registry is reached, and commit the lock file"
            )
        return f"{self.reference.rsplit(':', 1)[0]}@{self.digest}"


def read(path: Path = PATH) -> dict[str, BaseImage]:
    """Read the lock file: target → base image. Raises ImageError that names a wrong entry."""
    images = {}
    for target, entry in json.loads(path.read_text(encoding="utf-8"))["images"].items():
        image = BaseImage(**entry)
        if image.digest is not None and not _DIGEST.fullmatch(image.digest):
            raise ImageError(f"{path}: images.{target}.digest is no sha256 digest: {image.digest}")
        images[target] = image
    return images


def write(images: dict[str, BaseImage], path: Path = PATH) -> None:
    """Write the lock file atomically."""
    document = {"version": 1, "images": {target: asdict(image) for target, image in images.items()}}
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(document, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
