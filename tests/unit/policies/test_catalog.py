import json
import re
from pathlib import Path
from typing import get_args

import pulumi_aws
import pulumi_kubernetes
import pytest

from stacks.policies import catalog
from stacks.policies.catalog import POLICIES, SUBJECTS, policy_named
from stacks.policies.controls import Control, Framework
from stacks.policies.engine_arguments import Form, engine_arguments
from stacks.policies.levels import FOLDER, level_file, levels_of, rendered, write_levels
from stacks.policies.policy import ALWAYS, PHASES, STRICTEST, Enforcement, Level, Policy, Severity
from stacks.settings.stack import PhaseName

ORDER = (Level.DISABLED, Level.ADVISORY, Level.MANDATORY)


def test_every_policy_has_a_name_of_its_own_and_says_what_it_asks_for() -> None:
    names = [policy.name for policy in POLICIES]
    assert len(names) == len(set(names)) > 40
    for policy in POLICIES:
        assert re.fullmatch(r"[a-z][a-z0-9-]{1,98}", policy.name)
        assert policy.description.endswith(".")
        assert policy.types
        assert policy_named(policy.name) is policy
    assert sum(len(policies) for policies in SUBJECTS.values()) == len(names)


def test_every_policy_serves_controls_and_every_control_is_served() -> None:
    served = {control for policy in POLICIES for control in policy.controls}
    assert served == set(Control)
    assert all(len(set(policy.controls)) == len(policy.controls) >= 1 for policy in POLICIES)


@pytest.mark.parametrize("control", Control)
def test_a_control_has_a_number_of_its_framework_and_words(control: Control) -> None:
    forms = {
        Framework.GDPR: r"GDPR Art\. \d+\(\d\)(\([a-f]\))?",
        Framework.HIPAA: r"HIPAA 164\.3\d\d\([a-e]\)(\(\d\))?(\([ivx]+\))?(\([A-D]\))?",
        Framework.SOC_2: r"SOC 2 (CC\d|A1|C1)\.\d",
    }
    assert re.fullmatch(forms[control.framework], control.value)
    assert control.words


def test_every_type_that_the_policies_name_is_one_of_the_sdks() -> None:
    named = {kind for policy in POLICIES for kind in policy.types if not kind.startswith("pulumi:")}
    for path in Path(catalog.__file__).parent.glob("*.py"):
        named.update(re.findall(r'"(aws:\w+/\w+:\w+|kubernetes:[\w./]+:\w+)"', path.read_text(encoding="utf-8")))
    registered = "".join(Path(str(sdk.__file__)).read_text(encoding="utf-8") for sdk in (pulumi_aws, pulumi_kubernetes))
    assert len(named) > 800
    assert [kind for kind in sorted(named) if f'"{kind}"' not in registered] == []


def test_the_phases_are_those_of_the_settings() -> None:
    assert set(PHASES) == set(get_args(PhaseName))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_a_policy_never_becomes_milder(policy: Policy) -> None:
    levels = [ORDER.index(policy.enforcement.in_phase(phase)) for phase in PHASES]
    assert levels == sorted(levels)
    assert levels[-1] > 0


def test_an_enterprise_stack_is_held_to_all_but_advice() -> None:
    advice = {name for name, level in levels_of("enterprise").items() if level is not Level.MANDATORY}
    assert advice == {"key-deleted-late", "network-protected"}
    assert levels_of("enterprise") == levels_of("optimized") == levels_of(STRICTEST)


def test_development_refuses_nothing() -> None:
    assert Level.MANDATORY not in levels_of("development").values()


def test_what_is_public_is_refused_from_staging_on() -> None:
    for name in ("bucket-closed-to-public", "database-not-public", "cluster-endpoint-not-open", "no-open-ingress"):
        assert levels_of("staging")[name] is Level.MANDATORY


def test_an_unknown_phase_is_refused_with_those_that_there_are() -> None:
    for refuse in (levels_of, level_file, engine_arguments):
        with pytest.raises(ValueError, match=r"there is no phase 'prod'; phases are development, staging, "):
            refuse("prod")


def test_a_policy_without_a_check_or_with_two_is_refused() -> None:
    data = {"name": "x", "description": "X.", "severity": Severity.LOW, "controls": (), "enforcement": ALWAYS}
    with pytest.raises(ValueError, match="policy x needs one check"):
        Policy(**data, types=frozenset())


def test_a_policy_may_be_off_for_ever() -> None:
    assert Enforcement(advisory_from=None, mandatory_from=None).in_phase(STRICTEST) is Level.DISABLED


@pytest.mark.parametrize("phase", PHASES)
def test_the_files_of_levels_are_what_the_policies_say(phase: str) -> None:
    """Where it fails, `python -m stacks.policies.levels` writes them anew."""
    assert level_file(phase).read_text(encoding="utf-8") == rendered(phase)


def test_there_is_a_file_for_each_phase_and_no_other(tmp_path: Path) -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(PHASES)
    assert {path.name for path in write_levels(tmp_path / "levels")} == {path.name for path in FOLDER.iterdir()}


@pytest.mark.parametrize("form", Form)
def test_the_engines_arguments_name_what_is_there(form: Form) -> None:
    pack_flag, pack, config_flag, config = engine_arguments("staging", form=form)
    assert (pack_flag, config_flag) == ("--policy-pack", "--policy-pack-config")
    assert json.loads(level_file("staging").read_text()) == levels_of("staging")
    assert config == str(level_file("staging"))
    ending = "/pulumi-analyzer-inferloop" if form is Form.EXECUTABLE else "/policies"
    assert pack.endswith(ending)
