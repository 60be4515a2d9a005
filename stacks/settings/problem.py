"""One thing that is wrong with a stack's settings, as a person is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from stacks.settings.checkout import PROJECT

SettingPath = tuple[str | int, ...]
ProblemKind = Literal["unknown_key", "wrong_key", "missing", "wrong_value", "contradiction"]


class _NotShown:
    """Marks a value that is absent, too long, or not for a person's eyes."""


NOT_SHOWN: Final = _NotShown()


@dataclass(frozen=True)
class Problem:
    """One wrong setting.

    `path` leads to it from the top of the settings. `what` says what is wrong and what is allowed; `given` is the value
    as it stands, never that of a secret. `allowed` lists the values or keys that are allowed, where they can be listed;
    `nearest` is the one of them that was probably meant. `subject` is where the problem is seen best, where that is not
    `path`: of several settings that contradict each other, the first.
    """

    path: SettingPath
    what: str
    kind: ProblemKind = "wrong_value"
    given: Any = NOT_SHOWN
    allowed: Sequence[str] = ()
    nearest: str | None = None
    subject: SettingPath | None = None

    @property
    def key(self) -> str:
        """The setting's name as `pulumi config set --path` takes it."""
        return key_of(self.path)

    @property
    def sentence(self) -> str:
        """What is wrong, what is allowed and what was given, without the key."""
        return self.what if isinstance(self.given, _NotShown) else f"{self.what} (given: {self.given!r})"

    def __str__(self) -> str:
        return f"{self.key}: {self.sentence}"


def key_of(path: SettingPath) -> str:
    """Name a setting as `pulumi config set --path` takes it, such as `inferloop:capture[0].uri`."""
    if not path:
        return PROJECT
    first, *rest = path
    inner = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
    return f"{PROJECT}:{first}{inner}"
