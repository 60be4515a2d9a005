"""The stage that finds who asks."""

from collections.abc import Mapping

from inferloop_runtime.errors import DatabaseError
from inferloop_runtime.gateway.exchange import Exchange, Principal
from inferloop_runtime.gateway.key_table import KeyTable
from inferloop_runtime.gateway.refusal import Refusal

_CHALLENGE = ((b"www-authenticate", b'Bearer realm="inferloop"'),)
# A key is 68 characters; whatever is much longer is none and is not looked at.
_MAX_KEY_BYTES = 512


def presented_key(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the key of `Authorization: Bearer`, `x-api-key` or `api-key`, in this order; None where there is none."""
    authorization = headers.get(b"authorization", b"")
    if authorization[:7].lower() == b"bearer ":
        key = authorization[7:].strip()
    else:
        key = headers.get(b"x-api-key") or headers.get(b"api-key") or b""
    return key.decode("latin-1") if 0 < len(key) <= _MAX_KEY_BYTES else None


async def principal_of(headers: Mapping[bytes, bytes], keys: KeyTable, *, scope: str) -> Principal:
    """Return whom the presented key belongs to.

    Raises Refusal: 401 without a valid key, 403 where the key lacks `scope`, 503 where the keys cannot be read.
    """
    key = presented_key(headers)
    if key is None:
        raise Refusal(
            401,
            "missing_api_key",
            "no API key was sent; send it as `Authorization: Bearer il_…`",
            headers=_CHALLENGE,
        )
    try:
        principal = await keys.find(key)
    except DatabaseError:
        raise Refusal(
            503, "key_store_unavailable", "the API key cannot be checked now; try again soon", retry_after_s=2
        ) from None
    if principal is None:
        raise Refusal(
            401, "invalid_api_key", "the API key is not valid, was revoked or has expired", headers=_CHALLENGE
        )
    if scope not in principal.scopes:
        raise Refusal(
            403, "insufficient_scope", f"this API key lacks the scope `{scope}`; use or create one that has it"
        )
    return principal


class Authenticate:
    """Find the tenant of the presented key and refuse what may not use the model."""

    name = "authenticate"

    def __init__(self, keys: KeyTable) -> None:
        self._keys = keys

    async def process(self, exchange: Exchange) -> None:
        """Set `exchange.principal`."""
        exchange.principal = await principal_of(exchange.headers, self._keys, scope="inference")
