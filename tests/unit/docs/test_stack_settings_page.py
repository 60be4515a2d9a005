"""The page of stack settings has every setting of every cloud, and says where each begins."""

import pytest

from stacks.settings import MEMBERS, cloud_names, settings_class
from stacks.settings.reference import setting_references
from tools.docs.stack_settings import render

PAGE = render()


def section(cloud: str) -> str:
    return PAGE.split(f"## Settings on `{cloud}`")[1].split("\n## ")[0]


@pytest.mark.parametrize("member", MEMBERS, ids="-".join)
def test_every_setting_of_a_member_has_a_row(member: tuple[str, str]) -> None:
    rows = section(member[0])
    missing = [it.key for it in setting_references(settings_class(*member)) if f"| `{it.key}` |" not in rows]
    assert missing == []


def test_a_setting_that_begins_with_a_later_phase_says_so() -> None:
    rows = section("aws").splitlines()
    assert next(row for row in rows if "`inferloop:audit.lock`" in row).endswith("From `enterprise` on. |")
    assert "From" not in next(row for row in rows if "`inferloop:pools`" in row)
    assert "| `audit` |  | from enterprise |" in PAGE


def test_a_default_that_changes_with_the_phase_is_given_for_each() -> None:
    row = next(row for row in section("aws").splitlines() if "`inferloop:database.multi_az`" in row)
    assert "| `false`; from pilot: `true` |" in row


def test_the_phases_of_a_cloud_are_the_choices_of_its_phase() -> None:
    row = next(row for row in section("aws").splitlines() if "`inferloop:phase`" in row)
    assert "staging \\| pilot \\| scale_up \\| enterprise \\| optimized" in row


def test_every_cloud_has_a_section() -> None:
    assert [line for line in PAGE.splitlines() if line.startswith("## Settings on")] == [
        f"## Settings on `{cloud}`" for cloud in cloud_names()
    ]
