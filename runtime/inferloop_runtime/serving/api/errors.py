"""Refused and failed requests, and the two JSON shapes in which clients expect them.

TGI's statuses and `error_type` words are those of its router (https://github.com/huggingface/text-generation-inference,
router/src/infer/mod.rs and router/src/server.rs of 3.3); OpenAI's are those of
https://platform.openai.com/docs/guides/error-codes.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from inferloop_runtime.errors import InferloopError


@dataclass(frozen=True, slots=True)
class _Shape:
    tgi_status: int
    tgi_type: str
    openai_status: int
    openai_type: str


class Problem(Enum):
    """Say what kind of failure a request met; each has one status and one type in either API."""

    VALIDATION = _Shape(422, "validation", 400, "invalid_request_error")
    TEMPLATE = _Shape(422, "template_error", 400, "invalid_request_error")
    TOO_LARGE = _Shape(413, "validation", 413, "invalid_request_error")
    NOT_FOUND = _Shape(404, "not_found", 404, "invalid_request_error")
    METHOD = _Shape(405, "method_not_allowed", 405, "invalid_request_error")
    OVERLOADED = _Shape(429, "overloaded", 429, "rate_limit_error")
    UNHEALTHY = _Shape(503, "healthcheck", 503, "service_unavailable_error")
    STOPPING = _Shape(503, "unavailable", 503, "service_unavailable_error")
    GENERATION = _Shape(424, "generation", 500, "server_error")
    INCOMPLETE = _Shape(500, "incomplete_generation", 500, "server_error")
    TIMEOUT = _Shape(504, "timeout", 504, "timeout_error")
    INTERNAL = _Shape(500, "internal", 500, "server_error")


class RequestError(InferloopError):
    """One request that is refused or failed; `param` names the wrong parameter, `code` is OpenAI's machine word."""

    def __init__(self, problem: Problem, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message
        self.param = param
        self.code = code

    @property
    def retry_after_s(self) -> int | None:
        """Tell after how many seconds another try makes sense; None where it would fail again."""
        return 1 if self.problem in (Problem.OVERLOADED, Problem.UNHEALTHY, Problem.STOPPING) else None


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> RequestError:
    """Make the refusal of a wrong parameter."""
    return RequestError(Problem.VALIDATION, message, param=param, code=code)


def tgi_error(error: RequestError) -> tuple[int, dict[str, Any]]:
    """Return the status and body of `error` as TGI's router gives them."""
    shape = error.problem.value
    message = f"Input validation error: {error.message}" if shape.tgi_type == "validation" else error.message
    return shape.tgi_status, {"error": message, "error_type": shape.tgi_type}


def openai_error(error: RequestError) -> tuple[int, dict[str, Any]]:
    """Return the status and body of `error` as OpenAI's API gives them."""
    shape = error.problem.value
    body = {"message": error.message, "type": shape.openai_type, "param": error.param, "code": error.code}
    return shape.openai_status, {"error": body}
