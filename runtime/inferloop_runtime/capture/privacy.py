"""Keep, hash, mask or drop columns, and say what was done and what looks as if it should have been.

Hashing is BLAKE2b with a key, 128 bits, over a value's text: equal values stay equal in every data set made with the
same key, so joins work, and without the key no list of guesses can be tried. Masking keeps length, case, digits'
places and punctuation.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from inferloop_runtime.capture.detect import Findings, look_for_personal_data
from inferloop_runtime.capture.settings import Column
from inferloop_runtime.capture.uniques import over_uniques
from inferloop_runtime.errors import CaptureError
from inferloop_runtime.settings_file import read_secret

_DIGEST_BYTES = 16
_MINIMUM_KEY_CHARACTERS = 16
# Every letter that is no capital, then capitals, then digits: none of the replacements matches a later pattern.
_MASKS = ((r"[\p{Ll}\p{Lt}\p{Lm}\p{Lo}]", "x"), (r"\p{Lu}", "X"), (r"\p{N}", "0"))


def privacy_key(path: Path, columns: tuple[Column, ...]) -> bytes:
    """Read the key of hashed columns; empty where none is hashed. Raises CaptureError where the key is too short."""
    if not any(column.privacy == "hash" for column in columns):
        return b""
    secret = read_secret(path)
    if len(secret) < _MINIMUM_KEY_CHARACTERS:
        raise CaptureError(f"the key in {path} has fewer than {_MINIMUM_KEY_CHARACTERS} characters; make a longer one")
    # BLAKE2b takes keys of at most 64 bytes.
    return hashlib.blake2b(secret.encode()).digest()


def key_fingerprint(key: bytes) -> str:
    """Return a text that tells two keys apart and gives neither away."""
    return hashlib.blake2b(b"fingerprint", key=key, digest_size=8).hexdigest() if key else ""


@dataclass
class PrivacyStage:
    """Apply each column's privacy to valid rows; `findings` gathers what kept columns look like."""

    columns: tuple[Column, ...]
    key: bytes
    findings: Findings = field(default_factory=Findings)

    def apply(self, table: pa.Table) -> pa.Table:
        """Return the table as it may be stored: hashed and masked columns as text, dropped ones gone."""
        arrays, names = [], []
        for column in self.columns:
            values = table.column(column.name).combine_chunks()
            if column.privacy == "drop":
                continue
            if column.privacy == "hash":
                values = _hashed(values, self.key)
            elif column.privacy == "mask":
                values = _masked(values)
            else:
                look_for_personal_data(column.name, values, self.findings)
            arrays.append(values)
            names.append(column.name)
        return pa.table(arrays, names)


def privacy_report(columns: tuple[Column, ...], key: bytes, findings: Findings) -> dict[str, Any]:
    """Return what was done to each column, with warnings about kept columns that look personal."""
    done: dict[str, Any] = {column.name: {"action": column.privacy} for column in columns}
    for column in columns:
        if column.privacy == "hash":
            done[column.name] |= {"algorithm": "blake2b-128, keyed", "key_fingerprint": key_fingerprint(key)}
    return {"columns": done, "warnings": findings.warnings()}


def _hashed(values: pa.Array, key: bytes) -> pa.Array:
    def digests(texts: pa.Array) -> pa.Array:
        made = (hashlib.blake2b(text.encode(), key=key, digest_size=_DIGEST_BYTES) for text in texts.to_pylist())
        return pa.array([digest.hexdigest() for digest in made], pa.string())

    return over_uniques(pc.cast(values, pa.string()), digests)


def _masked(values: pa.Array) -> pa.Array:
    def shapes(texts: pa.Array) -> pa.Array:
        for pattern, shape in _MASKS:
            texts = pc.replace_substring_regex(texts, pattern, shape)
        return texts

    return over_uniques(pc.cast(values, pa.string()), shapes)
