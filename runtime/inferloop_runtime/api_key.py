"""API keys: how they are made, recognised and compared.

A key reads `il_<public part>_<secret part>`: 12 lower-case base32 characters that name it, then 52 that hold 32 random
bytes. The database keeps the first two parts, joined, as the key's `prefix`, and the SHA-256 of the whole key. 256
random bits cannot be guessed from a fast hash, so no slow one is needed.
"""

import base64
import hashlib
import hmac
import re
import secrets

_PUBLIC_CHARACTERS = 12
_SECRET_BYTES = 32
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"

KEY_PATTERN = re.compile(r"il_[a-z2-7]{12}_[a-z2-7]{52}")


def new_api_key() -> str:
    """Make a new key from the system's random source; the result is secret."""
    public = "".join(secrets.choice(_ALPHABET) for _ in range(_PUBLIC_CHARACTERS))
    secret = base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=").lower()
    return f"il_{public}_{secret}"


def prefix_of(key: str) -> str | None:
    """Return the public part of `key` (`il_` and 12 characters), or None for anything that is no key."""
    if KEY_PATTERN.fullmatch(key) is None:
        return None
    return key[: 3 + _PUBLIC_CHARACTERS]


def hash_of(key: str) -> bytes:
    """Return the SHA-256 of the whole key, 32 bytes."""
    return hashlib.sha256(key.encode()).digest()


def matches(key: str, key_hash: bytes) -> bool:
    """Tell in constant time whether `key_hash` is the hash of `key`."""
    return hmac.compare_digest(hash_of(key), key_hash)
