"""Nothing secret and nothing of one machine is in the repository."""

import re
from pathlib import Path

import pytest

from tests.support.tracked_files import ROOT, tracked_files

SECRETS = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a key of this gateway": r"\bil_[a-z2-7]{12}_[a-z2-7]{52}\b",
    "an AWS access key": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "a Google key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "a GitHub token": r"\bgh[pousr]_[0-9A-Za-z]{36}\b",
    "a Hugging Face token": r"\bhf_[0-9A-Za-z]{34}\b",
    "a Pulumi token": r"\bpul-[0-9a-f]{40}\b",
}
MACHINES = {
    "a folder of one machine": r"(?<![\w.}$*/-])/(?:work|root|home/[a-z]\w*|Users/\w+|tmp)/[\w.]",
    # A range with its prefix length is a plan of a network, not the address of a machine.
    "a private address": r"\b(?:10|192\.168)(?:\.\d{1,3}){2,3}\b(?![\d.]*/\d)",
}
# What a file may name after all, and why.
EXCEPTIONS = {
    "components/kubernetes/serving_engines.py": "a cache folder inside a container",
    "runtime/Containerfile": "the image's own cache folder",
    "tests/unit/capture/test_privacy.py": "private addresses are what it looks for",
}
LOCKED_HOSTS = {"pypi.org", "files.pythonhosted.org", "download.pytorch.org", "download-r2.pytorch.org"}
TEXTS = [path for path in tracked_files() if path.suffix not in {".png", ".lock", ".sum", ".gz", ".whl"}]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TEXTS, ids=_name)
def test_a_tracked_file_holds_no_secret_and_names_no_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    patterns = SECRETS if _name(path) in EXCEPTIONS else SECRETS | MACHINES
    if path == Path(__file__):
        patterns = {}
    found = {what: match.group() for what, pattern in patterns.items() if (match := re.search(pattern, text))}
    assert found == {}


def test_the_lock_file_names_public_registries_only() -> None:
    hosts = set(re.findall(r"https?://([^/\"]+)", (ROOT / "uv.lock").read_text(encoding="utf-8")))
    assert hosts <= LOCKED_HOSTS


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("open('/home/alice/x')", True),
        ("/work/x", True),
        ("https://example.org/work/x", False),
        ("${HOME}/work/x", False),
        ("0.10.1", False),
        ("10.0.0.7", True),
        ("10.40.0.0/16", False),
    ],
)
def test_a_machines_folder_or_address_is_recognised(text: str, found: bool) -> None:
    assert any(re.search(pattern, text) for pattern in MACHINES.values()) is found
