"""`python tools/image resolve | wheels | build`: the image's base digests, its wheels and its build."""

import argparse
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Run as a folder, Python puts the folder itself on the path, where its modules would hide others of the same names.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != HERE]
sys.path.insert(0, str(HERE.parents[1]))

from tools.image import lock  # noqa: E402 - found only through the path above
from tools.image.build import ROOT, build  # noqa: E402
from tools.image.registry import digest_of  # noqa: E402
from tools.image.wheels import gather  # noqa: E402


def resolve(path: Path) -> None:
    """Ask each registry for its digest and write those that answered; raise ImageError if one did not."""
    images = lock.read(path)
    problems = []
    for target, image in images.items():
        try:
            digest = digest_of(image.reference)
        except lock.ImageError as error:
            problems.append(f"{target}: {error}")
            continue
        print(f"{target}: {image.reference} is {digest}")
        if digest != image.digest:
            images[target] = replace(image, digest=digest, resolved_at=datetime.now(UTC).isoformat(timespec="seconds"))
    lock.write(images, path)
    if problems:
        raise lock.ImageError("; ".join(problems))


def main() -> None:
    """Run one command; a failure is one line on standard error and exit code 1."""
    parser = argparse.ArgumentParser(prog="python tools/image", description="Resolve, gather and build the image.")
    commands = parser.add_subparsers(dest="command", required=True)
    resolving = commands.add_parser("resolve", help="write the base images' digests into the lock file")
    resolving.add_argument("--lock", type=Path, default=lock.PATH)
    gathering = commands.add_parser("wheels", help="gather every wheel that the image needs")
    gathering.add_argument("--to", type=Path, default=ROOT / "build" / "wheels")
    gathering.add_argument("--extras", default="capture,s3,serving")
    building = commands.add_parser("build", help="build one target from those wheels")
    building.add_argument("--target", choices=sorted(lock.read()), required=True)
    building.add_argument("--wheels", type=Path, default=ROOT / "build" / "wheels")
    building.add_argument("--tag", help="default: localhost/inferloop-runtime:<target>")
    building.add_argument("--extras", help="default: the target's own, see runtime/Containerfile")
    arguments = parser.parse_args()
    try:
        if arguments.command == "resolve":
            resolve(arguments.lock)
        elif arguments.command == "wheels":
            gather(arguments.to, tuple(extra for extra in arguments.extras.split(",") if extra))
        else:
            tag = arguments.tag or f"localhost/inferloop-runtime:{arguments.target}"
            build(arguments.target, arguments.wheels, tag, arguments.extras)
    except lock.ImageError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
