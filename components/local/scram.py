"""Compute what PostgreSQL stores of a password, so that the password itself never reaches its log.

The form and the derivation are those of RFC 5802 and https://www.postgresql.org/docs/18/catalog-pg-authid.html.
"""

import base64
import hashlib
import hmac
import os

ITERATIONS = 4096
_SALT_BYTES = 16


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """Return `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>` of an ASCII password."""
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
