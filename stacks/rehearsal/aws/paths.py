"""JMESPath as the tables write it: with functions for what services put around a name."""

import functools
from typing import Any

import jmespath
from jmespath.functions import Functions, signature
from jmespath.parser import ParsedResult


class _TableFunctions(Functions):  # type: ignore[misc]
    @signature({"types": ["object", "null"], "variadic": True})  # type: ignore[untyped-decorator]
    def _func_merge(self, *objects: Any) -> Any:
        return None if objects[0] is None else super()._func_merge(*objects)

    @signature({"types": ["string", "null"]}, {"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_after(self, text: str | None, separator: str) -> str | None:
        return None if text is None else text.rpartition(separator)[2]

    @signature({"types": ["string", "null"]}, {"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_without_end(self, text: str | None, ending: str) -> str | None:
        return None if text is None else text.removesuffix(ending)


_OPTIONS = jmespath.Options(custom_functions=_TableFunctions())


def search(expression: str, value: Any) -> Any:
    """Return what an expression finds.

    Beside the standard's functions there are `after(text, separator)`, the part after the last separator, and
    `without_end(text, ending)`, the text without that ending; and nothing merged
    with something stays nothing.
    """
    return _compiled(expression).search(value, options=_OPTIONS)


@functools.cache
def _compiled(expression: str) -> ParsedResult:
    return jmespath.compile(expression)
