"""Ask one address whether it is healthy, with the standard library alone: it runs every few seconds in containers."""

import http.client
from urllib.parse import urlsplit


def probe_health(url: str, timeout_s: float) -> str | None:
    """Return None where a GET of `url` answers 200 within `timeout_s`, else the reason in a few words."""
    parts = urlsplit(url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    if parts.scheme not in kinds or not parts.hostname:
        return "not an http or https address"
    try:
        connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=timeout_s)
        try:
            connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
            status = connection.getresponse().status
        finally:
            connection.close()
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error) or type(error).__name__
    return None if status == 200 else f"status {status}"
