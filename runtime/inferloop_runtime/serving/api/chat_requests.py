"""OpenAI's chat request: its JSON and the prompt that it becomes."""

from typing import Any, Literal

import jinja2
from pydantic import BaseModel, ConfigDict, Field, model_validator

from inferloop_runtime.errors import InferloopError
from inferloop_runtime.serving.api.errors import Problem, RequestError, invalid
from inferloop_runtime.serving.api.generation import GenerationService
from inferloop_runtime.serving.api.openai_options import OpenAIOptions


class ContentPart(BaseModel):
    """One part of a message's content; only text is served."""

    model_config = ConfigDict(extra="ignore")

    type: str
    text: str = ""


class ChatMessage(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    tool_calls: list[Any] | None = None

    def text(self, index: int) -> str:
        """Return the content as text; raises RequestError for images, audio, files and tool calls."""
        if self.role in ("tool", "function") or self.tool_calls:
            raise invalid(f"`messages[{index}]`: tool calls are not supported by this engine", param="messages")
        if self.content is None:
            if self.role == "assistant":
                return ""
            raise invalid(f"`messages[{index}].content` is missing", param="messages")
        if isinstance(self.content, str):
            return self.content
        for part in self.content:
            if part.type != "text":
                raise invalid(
                    f"`messages[{index}].content` has a part of type `{part.type[:40]}`: only `text` is supported",
                    param="messages",
                )
        return "".join(part.text for part in self.content)


class ChatRequest(OpenAIOptions):
    """The body of `/v1/chat/completions`."""

    messages: list[ChatMessage] = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    tools: list[Any] | None = None
    tool_choice: Any = None
    functions: list[Any] | None = None
    function_call: Any = None
    response_format: dict[str, Any] | None = None
    modalities: list[str] | None = None
    audio: Any = None

    @model_validator(mode="after")
    def _logprobs_asked_for(self) -> "ChatRequest":
        if self.top_logprobs and not self.logprobs:
            raise ValueError("`top_logprobs` needs `logprobs` to be true")
        return self

    def refuse_unsupported(self) -> None:
        """Raise RequestError that names what this engine does not do."""
        super().refuse_unsupported()
        if self.response_format is not None and self.response_format.get("type") != "text":
            raise invalid(
                "`response_format` other than `text` is not supported by this engine", param="response_format"
            )
        asked = {
            "tools": bool(self.tools),
            "tool_choice": self.tool_choice not in (None, "none", "auto"),
            "functions": bool(self.functions),
            "function_call": self.function_call not in (None, "none", "auto"),
            "modalities": self.modalities not in (None, ["text"]),
            "audio": self.audio is not None,
        }
        for name, given in asked.items():
            if given:
                raise invalid(f"`{name}` is not supported by this engine: leave it out", param=name)


def render(service: GenerationService, body: ChatRequest) -> str:
    """Return the prompt of a conversation, by the model's chat template.

    Raises RequestError where the template refuses the conversation (for example, roles that do not alternate).
    """
    messages = [
        {"role": "system" if message.role == "developer" else message.role, "content": message.text(index)}
        for index, message in enumerate(body.messages)
    ]
    try:
        return service.engine.tokenizer.render_chat(messages)
    except (jinja2.TemplateError, InferloopError) as error:
        raise RequestError(Problem.TEMPLATE, f"Template error: {error}", param="messages") from error
