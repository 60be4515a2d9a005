"""Read JSON bodies into their models."""

from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from inferloop_runtime.serving.api.errors import invalid
from inferloop_runtime.serving.api.http import Request

ModelT = TypeVar("ModelT", bound=BaseModel)


def read_body(kind: type[ModelT], request: Request) -> ModelT:
    """Return the request's body as `kind`.

    Raises RequestError that names the first wrong key and what it should be; the message never repeats a value, since
    prompts are not to stand in logs.
    """
    try:
        value = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise invalid("the request's body is not valid JSON") from None
    if not isinstance(value, dict):
        raise invalid("the request's body must be a JSON object")
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        names = [str(part) for part in first["loc"]]
        message = first["msg"].removeprefix("Value error, ")
        key = ".".join(names)
        raise invalid(f"`{key}`: {message}" if key else message, param=names[0] if names else None) from None
