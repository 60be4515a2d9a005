"""A setting's meaning stands beside it in the source, and is read where somebody asks for it."""

import subprocess
import sys

from pydantic import Field

from stacks.settings.checkout import CHECKOUT
from stacks.settings.descriptions import described
from stacks.settings.section import Section


class Inner(Section):
    """A section."""

    size: int = 1
    """How large
    it is."""
    silent: int = 1


class Base(Section):
    """What others build on."""

    kept: int = 1
    """From the base."""
    changed: int = 1
    """From the base, too."""


class Outer(Base):
    """A model with sections in all places."""

    changed: int = 2
    """Its own."""
    one: Inner | None = None
    """A section."""
    many: dict[str, tuple[Inner, ...]] = Field(default_factory=dict)
    """Sections in a mapping."""


def test_each_setting_and_those_of_sections_get_the_docstring_beside_them() -> None:
    assert described(Outer) is Outer
    told = {name: field.description for name, field in Outer.model_fields.items()}
    assert told == {
        "kept": "From the base.",
        "changed": "Its own.",
        "one": "A section.",
        "many": "Sections in a mapping.",
    }
    assert Inner.model_fields["size"].description == "How large\nit is."
    assert Inner.model_fields["silent"].description is None


def test_the_json_schema_of_a_described_model_has_the_descriptions() -> None:
    schema = described(Outer).model_json_schema()
    assert schema["properties"]["changed"]["description"] == "Its own."
    assert schema["$defs"]["Inner"]["properties"]["size"]["description"] == "How large\nit is."


def test_a_class_in_a_function_is_found_too() -> None:
    class Local(Section):
        """A section of this test's own."""

        name: str = ""
        """What it is called."""

    assert described(Local).model_fields["name"].description == "What it is called."


def test_reading_settings_reads_no_source() -> None:
    program = "import stacks.settings, sys; assert 'stacks.settings.descriptions' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, check=True, timeout=120)
