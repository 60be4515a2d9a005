"""Recognise secrets among the variables of a container, by their names and by the forms that credentials have."""

import itertools
import re
from typing import Any

_WORDS = {"CREDENTIAL", "CREDENTIALS", "DSN", "PASSPHRASE", "PASSWD", "PASSWORD", "SECRET", "TOKEN", "APIKEY"}
_PAIRS = {("ACCESS", "KEY"), ("API", "KEY"), ("AUTH", "KEY"), ("PRIVATE", "KEY"), ("SIGNING", "KEY")}
# A variable whose name ends so says where a secret is, not what it is.
_POINTERS = {"ARN", "DIR", "FILE", "ID", "KIND", "NAME", "PATH", "PATHS", "REF", "TYPE"}
# Form of a value → what it is.
_FORMS = {
    re.compile(r"://[^\s/:@]*:[^\s/:@]+@"): "a URL with a password",
    re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"): "an access key of AWS",
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"): "a private key",
    re.compile(r"\bil_[a-z2-7]{12}_[a-z2-7]{52}\b"): "an API key of Inferloop",
    re.compile(r"\bhf_[A-Za-z0-9]{30,}\b"): "a token of the Hugging Face hub",
    re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}\b"): "a token of GitHub",
}


def secret_in(name: Any, value: Any) -> str | None:
    """Say why a variable looks like a secret in clear, never with its value; None where it does not."""
    if value in (None, ""):
        return None
    if isinstance(value, str):
        for form, what in _FORMS.items():
            if form.search(value):
                return f"holds {what}"
    if not isinstance(name, str) or not _is_secret_name(name):
        return None
    # A path or a reference to another variable is no secret.
    if isinstance(value, str) and value.startswith(("/", "$(")):
        return None
    return "is named like a secret and holds its value in clear"


def _is_secret_name(name: str) -> bool:
    words = [word for word in re.split(r"[^A-Z0-9]+", name.upper()) if word]
    if not words or words[-1] in _POINTERS:
        return False
    return bool(_WORDS & set(words)) or bool(_PAIRS & set(itertools.pairwise(words)))
