"""What a person is told about settings, whatever shape the settings have."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, SecretStr, model_validator

from stacks.settings import MEMBERS, PROJECT, StackSettings, cloud_names, phases_of, settings_class
from stacks.settings import judgement as judging
from stacks.settings.judgement import judge
from stacks.settings.problem import NOT_SHOWN, Problem, key_of
from stacks.settings.section import Section


class Disk(Section):
    kind: Literal["disk"]
    size_gib: int = Field(ge=1, le=10)


class Share(Section):
    kind: Literal["share"]
    server: str


class Job(Section):
    name: Annotated[str, Field(pattern="^[a-z]+$")]
    password: SecretStr = SecretStr("")


class Example(StackSettings):
    cloud: Literal["local"] = "local"
    phase: Literal["development"] = "development"
    storage: Annotated[Disk | Share, Field(discriminator="kind")] | None = None
    jobs: tuple[Job, ...] = ()
    by_name: dict[Annotated[str, Field(pattern="^[a-z]+$")], Job] = Field(default_factory=dict)
    fraction: float = 0.5
    dry: bool = False
    least: int = 0
    most: int = 9

    @model_validator(mode="after")
    def _be_in_order(self) -> "Example":
        if self.least > self.most:
            raise ValueError(f"{self.least} is much: most {self.most} is less than least {self.least}")
        if self.by_name and not self.jobs:
            raise ValueError("by_name.a.name needs jobs; the jobs are missing")
        return self


@pytest.fixture(autouse=True)
def _example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "settings_class", lambda *_: Example)


def problems(values: dict[str, Any], secret: tuple[str, ...] = ()) -> list[Problem]:
    judged = judge(values, secret)
    assert not isinstance(judged, StackSettings)
    return list(judged)


def told(values: dict[str, Any]) -> str:
    (problem,) = problems(values)
    return str(problem)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"fraction": "much"}, "inferloop:fraction: must be a number (given: 'much')"),
        ({"dry": "perhaps"}, "inferloop:dry: must be true or false (given: 'perhaps')"),
        ({"least": "1.5"}, "inferloop:least: must be a whole number (given: '1.5')"),
        ({"least": 1.5}, "inferloop:least: must be a whole number (given: 1.5)"),
        ({"jobs": {"name": "a"}}, "inferloop:jobs: must be a list"),
        ({"jobs": [{"name": 3}]}, "inferloop:jobs[0].name: must be text; put the value in quotes (given: 3)"),
        ({"jobs": ["a"]}, "inferloop:jobs[0]: must be a section; its keys are name, password (given: 'a')"),
        ({"jobs": [{}]}, "inferloop:jobs[0].name: is missing"),
        ({"by_name": "a"}, "inferloop:by_name: must be a section with names as keys (given: 'a')"),
        ({"by_name": {"a": {"name": "A"}}, "jobs": [{"name": "a"}]}, "inferloop:by_name.a.name: must match pattern"),
        ({"by_name": {"A": {"name": "a"}}}, "inferloop:by_name.A: cannot be a name here: it must match pattern"),
        ({"storage": {"kind": "disk", "size_gib": 11}}, "inferloop:storage.size_gib: must be less than or equal to 10"),
        ({"storage": {"kind": "share"}}, "inferloop:storage.server: is missing"),
        ({"storage": {"kind": "share", "server": "a", "sizes": 1}}, "no such setting; there are kind, server"),
        ({"storage": {"kind": "disk", "size_gib": 1, "size": 1}}, "there are kind, size_gib; did you mean size_gib?"),
    ],
)
def test_what_is_wrong_is_told_in_words_of_the_file(values: dict[str, Any], text: str) -> None:
    assert text in told(values)


def test_settings_that_contradict_each_other_are_seen_at_the_first_that_is_there() -> None:
    (problem,) = problems({"least": 9, "most": 3})
    assert (problem.path, problem.subject, problem.key) == ((), ("most",), PROJECT)
    (problem,) = problems({"by_name": {"a": {"name": "a"}}})
    assert problem.subject == ("by_name", "a", "name")
    (problem,) = problems({"least": 10})
    assert problem.subject == ("least",)


def test_the_value_of_a_secret_is_never_told() -> None:
    (problem,) = problems({"jobs": [{"name": "a", "password": 12345}]})
    assert problem.given is NOT_SHOWN
    assert "12345" not in str(problem)
    (problem,) = problems({"fraction": "hunter2"}, secret=("fraction",))
    assert "hunter2" not in str(problem)
    (problem,) = problems({"fraction": "must"}, secret=("fraction",))
    assert str(problem) == "inferloop:fraction: is refused"


def test_a_long_value_is_not_repeated() -> None:
    (problem,) = problems({"fraction": "x" * 200})
    assert problem.given is NOT_SHOWN


def test_of_a_misspelt_cloud_or_phase_the_nearest_is_judged_too() -> None:
    first, second = problems({"cloud": "locla", "dry": "perhaps"})
    assert (first.key, first.nearest) == ("inferloop:cloud", "local")
    assert second.key == "inferloop:dry"
    assert [problem.key for problem in problems({"phase": "developement"})] == ["inferloop:phase"]


def test_of_a_cloud_that_resembles_none_nothing_else_is_judged() -> None:
    (problem,) = problems({"cloud": 7, "dry": "perhaps"})
    assert problem.allowed == cloud_names()


def test_a_phase_that_the_cloud_does_not_have_is_refused_with_those_that_it_has() -> None:
    assert "must be one of staging, pilot, scale_up, enterprise, optimized on cloud aws (given: 'development')" in told(
        {"cloud": "aws", "phase": "development"}
    )
    assert "inferloop:phase: is missing; it must be one of staging" in told({"cloud": "aws"})


def test_a_path_is_named_as_the_engines_command_takes_it() -> None:
    assert key_of(("capture", 0, "columns", 1, "name")) == "inferloop:capture[0].columns[1].name"


@pytest.mark.parametrize("member", MEMBERS, ids="-".join)
def test_every_member_is_importable_and_says_which_stack_it_is_of(member: tuple[str, str]) -> None:
    model = settings_class(*member)
    assert issubclass(model, StackSettings)
    assert model.model_fields["cloud"].annotation == Literal[member[0]]
    assert model.model_fields["phase"].annotation == Literal[member[1]]
    assert member[1] in phases_of(member[0])
