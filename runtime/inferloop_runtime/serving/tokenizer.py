"""Text to token ids and back, from a model folder's `tokenizer.json`, without importing torch or transformers."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inferloop_runtime.errors import ModelError

if TYPE_CHECKING:
    import tokenizers

DEFAULT_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ message['role'] | capitalize }}: {{ message['content'] }}\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)


class ModelTokenizer:
    """Encode, decode and render chats for one model; implements the `Tokenizer` of serving/engine.py.

    A model without a chat template gets `DEFAULT_CHAT_TEMPLATE`: one line `Role: content` a message, then
    `Assistant:`, for example `System: Be brief.\nUser: Hello\nAssistant:`.
    """

    def __init__(self, backend: "tokenizers.Tokenizer", settings: dict[str, Any], chat_template: str | None) -> None:
        import jinja2
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        self.backend = backend
        self.has_chat_template = chat_template is not None
        self.special_ids = frozenset(
            identifier for identifier, token in backend.get_added_tokens_decoder().items() if token.special
        )
        self._variables = {
            name: _token_text(settings.get(name)) for name in ("bos_token", "eos_token", "unk_token", "pad_token")
        }
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _raise_template_error
        environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)
        try:
            self._template = environment.from_string(chat_template or DEFAULT_CHAT_TEMPLATE)
        except jinja2.TemplateSyntaxError as error:
            raise ModelError(f"the model's chat template is not valid Jinja (line {error.lineno}): {error}") from error

    @property
    def vocabulary_size(self) -> int:
        """Count the tokens, added ones included."""
        return self.backend.get_vocab_size(with_added_tokens=True)

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, special tokens added as the model wants them."""
        return list(self.backend.encode(text).ids)

    def offsets(self, text: str) -> list[tuple[int, str, int, int]]:
        """Return (id, text, start, stop) for each token of `text`, positions in characters."""
        encoding = self.backend.encode(text)
        return [
            (identifier, text[start:stop] or token, start, stop)
            for identifier, token, (start, stop) in zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True)
        ]

    def decode(self, token_ids: list[int]) -> str:
        """Return the text of `token_ids`, special tokens left out."""
        return str(self.backend.decode(token_ids, skip_special_tokens=True))

    def token_text(self, token_id: int) -> str:
        """Return the text of one token alone, special tokens by their name; a part of a character gives `\ufffd`."""
        return str(self.backend.decode([token_id], skip_special_tokens=False))

    def render_chat(self, messages: list[dict[str, str]]) -> str:
        """Return the prompt of a conversation, by the model's template or the default, ready for the answer.

        A template that begins with the token that `encode` puts first loses it here, so it does not come twice.
        Raises ModelError with the template's own words where it refuses the conversation.
        """
        import jinja2

        try:
            prompt = self._template.render(messages=messages, add_generation_prompt=True, **self._variables)
        except (jinja2.TemplateError, TypeError) as error:
            raise ModelError(f"the model's chat template refuses this conversation: {error}") from error
        bos = self._variables["bos_token"]
        if bos and prompt.startswith(bos) and self._adds_bos(bos):
            return prompt.removeprefix(bos)
        return prompt

    def _adds_bos(self, bos: str) -> bool:
        identifier = self.backend.token_to_id(bos)
        return identifier is not None and self.encode("")[:1] == [identifier]


def load_tokenizer(model_folder: Path) -> ModelTokenizer:
    """Load the tokenizer of a model folder; it takes tens of milliseconds and a few MB.

    Reads `tokenizer.json`, `tokenizer_config.json`, and the chat template from `chat_template.jinja` or the config.
    Raises ModelError where a file is missing or damaged.
    """
    import tokenizers

    path = model_folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(
            f"{path} is missing: {model_folder} is not a prepared model; run `inferloop-runtime weights prepare`"
        )
    try:
        backend = tokenizers.Tokenizer.from_file(str(path))
    # The Rust binding raises plain Exception for a file that it cannot parse.
    except Exception as error:
        raise ModelError(f"{path} is damaged ({error}); run `inferloop-runtime weights prepare` again") from error
    settings = _read_settings(model_folder / "tokenizer_config.json")
    return ModelTokenizer(backend, settings, _chat_template(model_folder, settings))


def _read_settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        settings = json.loads(path.read_bytes())
    except ValueError as error:
        raise ModelError(f"{path} is damaged ({error}); run `inferloop-runtime weights prepare` again") from error
    return settings if isinstance(settings, dict) else {}


def _chat_template(model_folder: Path, settings: dict[str, Any]) -> str | None:
    separate = model_folder / "chat_template.jinja"
    if separate.is_file():
        return separate.read_text(encoding="utf-8")
    template = settings.get("chat_template")
    if isinstance(template, list):
        named = {item["name"]: item["template"] for item in template}
        template = named.get("default")
    return template if isinstance(template, str) else None


def _token_text(token: object) -> str:
    if isinstance(token, dict):
        return str(token.get("content", ""))
    return str(token) if token is not None else ""


def _raise_template_error(message: str) -> None:
    import jinja2

    raise jinja2.TemplateError(message)
