"""Where the files of one local stack lie."""

import re
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class StackLayout(BaseModel):
    """The folder of one stack and every place in it. Nothing of a local stack lies outside `root`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    root: Path

    @property
    def data(self) -> Path:
        """Protected volumes, one folder each."""
        return self.root / "data"

    @property
    def models(self) -> Path:
        """Prepared weights, one folder for each source."""
        return self.root / "models"

    @property
    def config(self) -> Path:
        """Settings files of the processes."""
        return self.root / "config"

    @property
    def programs(self) -> Path:
        """The supervisor's programs, one file each."""
        return self.config / "programs"

    @property
    def secrets(self) -> Path:
        """Secret files (0600)."""
        return self.root / "secrets"

    @property
    def run(self) -> Path:
        """Process id files and what processes say about themselves."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        """Rotated logs, one for each process."""
        return self.root / "log"

    @property
    def supervisor_config(self) -> Path:
        """The supervisor's own configuration (0600)."""
        return self.config / "supervisord.conf"

    @property
    def disposable(self) -> tuple[Path, ...]:
        """The folders that go with the stack; volumes are not among them."""
        return (self.models, self.config, self.secrets, self.run, self.log)


def environment_executable(name: str) -> Path:
    """Return the path of a command that is installed beside the running Python."""
    # Language hosts reach the same environment by different links; the path must not change with the host.
    return Path(sys.prefix).resolve() / "bin" / name


def python_executable() -> str:
    """Return the path of the environment's Python."""
    return str(environment_executable("python"))


def folder_name(source: str) -> str:
    """Turn a model source into a folder name: `sample:smollm2` becomes `sample-smollm2`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", source.rstrip("/").rsplit("/", 1)[-1]).strip("-.") or "model"
