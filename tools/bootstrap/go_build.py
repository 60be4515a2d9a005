"""Build one command of a pinned Go module, with news of how far it is."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.bootstrap import processes
from tools.bootstrap.atomic import sha256_of
from tools.bootstrap.context import Context
from tools.bootstrap.diagnosis import failure
from tools.bootstrap.go_toolchain import Go, go_environment

# Package, module and the module's folder; the last two are empty for the standard library.
_LIST_FORMAT = "{{.ImportPath}}\t{{with .Module}}{{.Path}}\t{{.Dir}}{{end}}"
_PACKAGE = re.compile(r"^[\w.-]+(/[\w.@~+-]+)*$")


@dataclass(frozen=True)
class GoBuild:
    """Where builds of one topic take place: `lock` stays held while one of their processes lives."""

    context: Context
    go: Go
    topic: str
    what: str
    lock: int

    def command(
        self, module: Path, package: str, target: Path, source: str, variables: Sequence[tuple[str, str]] = ()
    ) -> Path:
        """Build `package` as pinned by the go.mod in `module`, with string variables set.

        Gives the folder of the module `source`, one of those that went into it. Raises SetupError where the build
        fails, StoppedError when told to stop.
        """
        started = self.context.progress.elapsed_s

        def report_modules(lines: list[str]) -> str:
            return f"{target.name}: downloaded {sum(line.startswith('go: downloading') for line in lines)} Go modules"

        listing = ["list", "-deps", "-f", _LIST_FORMAT, package]
        listed = [line.split("\t") for line in self._go(module, listing, report_modules)]
        total = sum(bool(_PACKAGE.match(name)) for name, *_ in listed)
        folder = next(Path(rest[1]) for _, *rest in listed if rest[:1] == [source])

        def report(lines: list[str]) -> str:
            compiled = [line for line in lines if _PACKAGE.match(line)]
            seconds = self.context.progress.elapsed_s - started
            last = (compiled or ["…"])[-1]
            return f"{target.name}: compiled {len(compiled)} of {total} packages in {seconds:.0f} s: {last}"

        flags = " ".join(("-s -w", *(f"-X {name}={value}" for name, value in variables)))
        building = ["build", "-v", "-trimpath", f"-ldflags={flags}", "-o", str(target), package]
        self._go(module, building, report)
        self.context.progress.say(
            self.topic, f"{target.name}: built in {self.context.progress.elapsed_s - started:.0f} s"
        )
        return folder

    def _go(self, module: Path, arguments: list[str], report: Callable[[list[str]], str]) -> list[str]:
        lines: list[str] = []
        assert self.go.path is not None  # noqa: S101 - ensure_go has installed it
        environ = go_environment(self.context)
        Path(environ["GOTMPDIR"]).mkdir(parents=True, exist_ok=True)
        finished = processes.run(
            [self.go.path, *arguments],
            stop=self.context.stop,
            on_line=lines.append,
            on_wait=lambda: self.context.progress.tick(self.topic, report(lines)),
            environ=environ,
            folder=module,
            keep_open=(*self.context.keep_open, self.lock),
        )
        if finished.status != 0:
            raise failure(f"{self.what} could not be built", finished)
        return lines


def module_digest(module: Path) -> str:
    """Give the mark of what go.mod and go.sum pin."""
    return "".join(sha256_of(module / name)[:8] for name in ("go.mod", "go.sum"))
