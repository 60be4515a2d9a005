"""Compare a data set on the disk with what the catalog says of it."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any

from inferloop_runtime.capture.catalog import Catalog
from inferloop_runtime.capture.manifest import damages
from inferloop_runtime.capture.settings import CaptureSettings
from inferloop_runtime.settings_file import read_secret


@dataclass(frozen=True)
class Verification:
    """What was found: `problems` is empty where everything is as recorded; `version` is None before the first."""

    dataset: str
    version: int | None
    path: str
    problems: list[str]

    def document(self) -> dict[str, Any]:
        """Return it as JSON values, with a `status`: "ok", "damaged" or "absent"."""
        status = "absent" if self.version is None else "damaged" if self.problems else "ok"
        return asdict(self) | {"status": status}


def verify_dataset(settings: CaptureSettings, *, every_version: bool = False) -> Verification:
    """Read all files of the newest version, or of every one, and compare them with the catalog's digests.

    Needs neither the source nor Arrow. Raises DatabaseError where the catalog cannot be read.
    """
    home = settings.datasets_dir / settings.dataset
    known = asyncio.run(Catalog(read_secret(settings.dsn_file)).versions(settings.dataset))
    if not known:
        problem = f"data set {settings.dataset} is not in the catalog"
        return Verification(settings.dataset, None, str(home.absolute()), [problem])
    problems = []
    for version, has_run in known if every_version else known[-1:]:
        folder = home / f"v{version.version}"
        problems += [f"{folder / name}: {problem}" for name, problem in damages(folder, version).items()]
        if not has_run:
            problems.append(f"the run of version {version.version} is not in the catalog")
    latest = known[-1][0].version
    return Verification(settings.dataset, latest, str((home / f"v{latest}").absolute()), problems)
