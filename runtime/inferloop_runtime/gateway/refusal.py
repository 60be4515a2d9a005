"""Answers that the gateway itself gives instead of an upstream's, in OpenAI's error shape."""

import orjson

from inferloop_runtime.gateway.exchange import Headers, Response

# https://platform.openai.com/docs/guides/error-codes: the type that OpenAI gives each status.
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
}

# nginx's status for a client that left before its answer; it is metered, never sent.
CLIENT_CLOSED_REQUEST = 499


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of the program
    """End a request's way through the pipeline with an error answer; `code` is for programs, the message for people."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after_s: int | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        self.headers = headers

    def body(self, request_id: str) -> bytes:
        """Return the error as OpenAI writes it, with the request's id."""
        return orjson.dumps(
            {
                "error": {
                    "message": str(self),
                    "type": _TYPES.get(self.status, "server_error"),
                    "param": None,
                    "code": self.code,
                    "request_id": request_id,
                }
            }
        )

    def response(self, request_id: str) -> Response:
        """Return the whole answer."""
        headers: Headers = [(b"content-type", b"application/json"), *self.headers]
        if self.retry_after_s is not None:
            headers.append((b"retry-after", str(self.retry_after_s).encode()))
        return Response(self.status, headers, self.body(request_id))
