"""What never reaches a log."""

import io
import json
import logging

import pytest
from inferloop_runtime.api_key import new_api_key, prefix_of
from inferloop_runtime.observability.logs import JsonFormatter, configure_logging
from inferloop_runtime.observability.redaction import RedactionFilter, redact


def test_keys_are_cut_to_their_public_part() -> None:
    key = new_api_key()
    text = redact(f"refused {key}, Bearer {key}")
    assert key not in text
    assert key[16:] not in text
    assert text.count(prefix_of(key) or "") == 2


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://inferloop:s3cret@127.0.0.1:5432/db",
        "cannot connect: postgresql+asyncpg://u:s3cret@h/d failed",
        "Authorization: Bearer s3cret",
    ],
)
def test_passwords_and_tokens_are_taken_out(text: str) -> None:
    assert "s3cret" not in redact(text)


def test_ordinary_text_is_left_alone() -> None:
    text = "listening on http://127.0.0.1:8080 (user@host, 12:30)"
    assert redact(text) == text


def test_arguments_and_tracebacks_of_a_record_are_redacted() -> None:
    key = new_api_key()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter("test"))
    handler.addFilter(RedactionFilter())
    logger = logging.Logger("redaction-test")
    logger.addHandler(handler)
    try:
        raise ValueError(f"postgresql://u:s3cret@h/{key}")
    except ValueError:
        logger.exception("failed with %s", key, extra={"request_id": "r1"})
    line = stream.getvalue()
    assert key not in line
    assert "s3cret" not in line
    document = json.loads(line)
    assert document["process"] == "test"
    assert document["request_id"] == "r1"
    assert "ValueError" in document["traceback"]


def test_the_root_logger_writes_redacted_json_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    key = new_api_key()
    try:
        configure_logging("gateway")
        logging.getLogger("some.library").warning("key %s", key)
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["level"] == "warning"
    assert key not in line
