import json
import re
from pathlib import Path

import pulumi_aws

from components.aws.tags import REQUIRED_TAGS
from stacks.policies.resource import UNKNOWN
from stacks.policies.tags import REQUIRED, taggable_types
from tests.support.policies import broken, findings, resource

ALL = dict.fromkeys(REQUIRED, "x")
SDK = Path(pulumi_aws.__file__).parent


def test_what_lacks_a_tag_is_found() -> None:
    assert broken("required-tags", resource("kms/key:Key", tags=ALL)) == []
    (found,) = findings("required-tags", resource("kms/key:Key", tags={**ALL, "inferloop:owner": ""}))
    assert found.problem == "inferloop:owner is missing"
    (found,) = findings("required-tags", resource("kms/key:Key"))
    assert found.problem.endswith("inferloop:cost-centre are missing")


def test_tags_that_the_provider_adds_count() -> None:
    assert broken("required-tags", resource("kms/key:Key", default_tags=ALL)) == []
    owner = {"inferloop:owner": "x"}
    others = {key: value for key, value in ALL.items() if key not in owner}
    assert broken("required-tags", resource("kms/key:Key", default_tags=others, tags=owner)) == []


def test_tags_that_only_the_update_tells_count() -> None:
    assert broken("required-tags", resource("kms/key:Key", tags=UNKNOWN)) == []
    assert broken("required-tags", resource("kms/key:Key", tags=dict.fromkeys(REQUIRED, UNKNOWN))) == []


def test_what_cannot_carry_tags_needs_none() -> None:
    assert broken("required-tags", resource("s3/bucketPolicy:BucketPolicy")) == []


def test_the_keys_can_be_chosen() -> None:
    assert broken("required-tags", resource("kms/key:Key", tags={"team": "x"}), keys=["team"]) == []


def test_the_keys_are_those_of_the_components() -> None:
    assert set(REQUIRED) == REQUIRED_TAGS


def test_the_types_that_take_tags_are_those_of_the_installed_sdk() -> None:
    """Run on a new SDK, it names what stacks/policies/taggable-aws.txt lacks and what it has too much."""
    registered = re.search(r'resource_modules="""(.*?)"""', (SDK / "__init__.py").read_text(), re.S)
    assert registered is not None
    taking = set()
    for module in json.loads(registered[1]):
        folder = SDK.joinpath(*module["fqn"].split(".")[1:])
        name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", module["mod"].rpartition("/")[2]).lower()
        for token, kind in module["classes"].items():
            source = next((folder / f"{it}.py" for it in (name, f"{name}_") if (folder / f"{it}.py").is_file()), None)
            texts = [source.read_text()] if source else [path.read_text() for path in folder.glob("*.py")]
            for text in texts:
                if f"class {kind}(pulumi.CustomResource)" in text:
                    arguments = text.split("def _internal_init(", 1)[1].split("):", 1)[0]
                    if re.search(r"^ +tags: .*Mapping\[str", arguments, re.M):
                        taking.add(token)
    assert sorted(taking - taggable_types()) == []
    assert sorted(taggable_types() - taking) == []
