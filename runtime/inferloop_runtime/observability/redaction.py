"""Keep secrets out of what is logged."""

import logging
import re

from inferloop_runtime.api_key import KEY_PATTERN

# The password of `scheme://user:password@host`; it may hold anything but the characters that end it.
_URL_PASSWORD = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/@]+(?=@)", re.IGNORECASE)
_BEARER = re.compile(r"(?P<before>\bbearer\s+)[^\s,;'\"]+", re.IGNORECASE)


def redact(text: str) -> str:
    """Return `text` with API keys cut to their public part, and URL passwords and bearer tokens taken out."""
    text = KEY_PATTERN.sub(lambda found: f"{found[0][:15]}_[redacted]", text)
    text = _URL_PASSWORD.sub(r"\g<before>[redacted]", text)
    return _BEARER.sub(_redact_bearer, text)


def _redact_bearer(found: re.Match[str]) -> str:
    return found[0] if "[redacted]" in found[0] else f"{found['before']}[redacted]"


class RedactionFilter(logging.Filter):
    """Redact each record's whole message and traceback; put it on the root logger's handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; always let it pass."""
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True
