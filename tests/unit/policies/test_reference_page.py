from pathlib import Path

from stacks.policies.catalog import POLICIES
from stacks.policies.controls import Control
from stacks.policies.policy import PHASES
from tools.docs.policy_reference import render

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "policies.md"


def test_the_page_is_what_the_policies_say() -> None:
    """Where it fails, `python tools/docs generate` writes it anew."""
    assert PAGE.read_text(encoding="utf-8").rstrip("\n") == render().rstrip("\n")


def test_the_page_names_every_policy_option_and_control_with_where_it_holds() -> None:
    rows = {line.split("|")[1].strip(): line for line in render().splitlines() if line.startswith("| ")}
    for policy in POLICIES:
        row = rows[f"`{policy.name}`"]
        assert all(control in row for control in policy.controls)
        assert all(f"`{option.name}`" in row for option in policy.options)
        first = next(phase for phase in PHASES if policy.enforcement.in_phase(phase) != "disabled")
        assert f"`{first}`" in row
    for control in Control:
        assert control.words in rows[control.value]
