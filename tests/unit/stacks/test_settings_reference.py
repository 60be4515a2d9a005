"""A settings model is put in words, whatever stands in it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, SecretStr

from stacks.phases.registry import phase_named
from stacks.settings.reference import references_of_phase, setting_references
from stacks.settings.section import Section


class Disk(Section):
    """A disk."""

    size_gib: int = Field(default=1, ge=1, le=10)
    """Its size."""


class Example(Section):
    """Every shape that a setting may have."""

    disk: Disk = Field(default_factory=lambda: Disk(size_gib=7))
    """A section whose default is not that of its class."""
    needed: Disk
    """A section that must be given."""
    spare: Disk | None = None
    """A section that may be absent."""
    disks: tuple[Disk, ...] = (Disk(), Disk(size_gib=2))
    """Sections in a list."""
    by_name: dict[str, Disk] = Field(default_factory=dict)
    """Sections by name."""
    lists: dict[Literal["a", "b"], tuple[Disk, ...]] = Field(default_factory=dict)
    """Lists of sections by name."""
    labels: dict[str, str] = Field(default_factory=lambda: {"a": "b"})
    """Text by name."""
    number: Annotated[PositiveInt, Field(lt=9)] | None = None
    """A bounded number that may be absent."""
    limited: int | None = Field(default=None, gt=3)
    """A bound beside the union."""
    name: Annotated[str, Field(pattern="^a|b$")] = "a"
    """Text of a pattern."""
    choice: Literal["x", "y"] | None = None
    """A choice."""
    either: int | str = 3
    """One of two types."""
    folder: Path = Path("f")
    """A path."""
    key: SecretStr = SecretStr("hunter2")
    """A secret."""
    on: bool = True
    """A switch."""
    share: float = Field(default=0.5, ge=0.25)
    """A share,
    over two lines."""


REFERENCE = {it.key.removeprefix("inferloop:"): it for it in setting_references(Example)}


def test_every_setting_is_listed_under_its_whole_key() -> None:
    assert list(REFERENCE) == [
        *("disk.size_gib", "needed.size_gib", "spare", "spare.size_gib", "disks", "disks[].size_gib"),
        *("by_name", "by_name.<name>.size_gib", "lists", "lists.<name>[].size_gib", "labels", "number", "limited"),
        *("name", "choice", "either", "folder", "key", "on", "share"),
    ]


def test_what_a_setting_may_be_is_told_in_words() -> None:
    types = {key: item.type for key, item in REFERENCE.items()}
    assert types["disk.size_gib"] == "whole number ≥ 1, ≤ 10"
    assert types["spare"] == "section or none"
    assert types["disks"] == "list of section"
    assert types["by_name"] == "section by name"
    assert types["lists"] == "list of section by a | b"
    assert types["labels"] == "text by name"
    assert types["number"] == "whole number > 0, < 9 or none"
    assert types["limited"] == "whole number > 3 or none"
    assert types["name"] == "text like `^a|b$`"
    assert types["choice"] == "x | y or none"
    assert types["either"] == "whole number or text"
    assert (types["folder"], types["key"], types["on"]) == ("path", "secret text", "true or false")
    assert types["share"] == "number ≥ 0.25"


def test_a_default_is_the_one_in_force_and_no_secret() -> None:
    defaults = {key: item.default for key, item in REFERENCE.items()}
    assert defaults["disk.size_gib"] == "7"
    assert defaults["needed.size_gib"] == "1"
    assert defaults["spare"] == "none"
    assert defaults["disks"] == "1; 2"
    assert defaults["by_name"] == "empty"
    assert defaults["labels"] == "a: b"
    assert defaults["key"] == "set"
    assert defaults["on"] == "true"


def test_a_meaning_stands_on_one_line() -> None:
    assert REFERENCE["share"].description == "A share, over two lines."


def test_a_phase_lists_the_settings_of_every_cloud_that_has_it() -> None:
    keys = {item.key for item in phase_named("pilot").configuration_reference()}
    assert {"inferloop:account_id", "inferloop:database.multi_az", "inferloop:textnlp.models.<name>.source"} <= keys
    assert references_of_phase("air_gapped") == ()
