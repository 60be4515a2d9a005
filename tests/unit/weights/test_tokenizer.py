import json
import shutil
import subprocess
import sys

import pytest
from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.tokenizer import load_tokenizer

from tests.support.tiny_model import tiny_model

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(tiny_model(), tmp_path / "model")


def change_settings(folder, **changes):
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))


def test_a_model_without_a_chat_template_gets_the_documented_default(folder):
    tokenizer = load_tokenizer(folder)
    assert not tokenizer.has_chat_template
    assert tokenizer.render_chat(CHAT) == "System: Be brief.\nUser: Hello\nAssistant:"


def test_the_template_file_goes_before_the_one_in_the_settings(folder):
    change_settings(folder, chat_template="settings")
    assert load_tokenizer(folder).render_chat(CHAT) == "settings"
    (folder / "chat_template.jinja").write_text("file {{ bos_token }}{{ messages | tojson }}")
    assert load_tokenizer(folder).render_chat(CHAT[1:]) == 'file <s>[{"role": "user", "content": "Hello"}]'


def test_the_default_of_several_named_templates_is_used(folder):
    named = [{"name": "tool", "template": "tool"}, {"name": "default", "template": "usual"}]
    change_settings(folder, chat_template=named)
    assert load_tokenizer(folder).render_chat(CHAT) == "usual"


def test_a_first_token_that_encoding_adds_is_not_in_the_prompt_twice(folder):
    change_settings(folder, chat_template="{{ bos_token }}Hello", bos_token={"content": "<s>", "special": True})
    tokenizer = load_tokenizer(folder)
    assert tokenizer.encode(tokenizer.render_chat(CHAT)).count(256) == 1


def test_a_conversation_that_the_template_refuses_is_refused_in_its_words(folder):
    change_settings(folder, chat_template="{{ raise_exception('roles must alternate') }}")
    with pytest.raises(ModelError, match="roles must alternate"):
        load_tokenizer(folder).render_chat(CHAT)


def test_a_template_cannot_reach_outside_its_sandbox(folder):
    change_settings(folder, chat_template="{{ messages.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(ModelError, match="unsafe"):
        load_tokenizer(folder).render_chat(CHAT)


def test_a_template_that_is_no_jinja_is_refused(folder):
    change_settings(folder, chat_template="{% for %}")
    with pytest.raises(ModelError, match="not valid Jinja"):
        load_tokenizer(folder)


def test_offsets_are_in_characters(folder):
    tokenizer = load_tokenizer(folder)
    assert [(text, start, stop) for _, text, start, stop in tokenizer.offsets("hé")][:2] == [("<s>", 0, 0), ("h", 0, 1)]
    assert [stop for *_, stop in tokenizer.offsets("hé!")] == [0, 1, 2, 2, 3]


def test_special_tokens_are_left_out_of_text_and_named_alone(folder):
    tokenizer = load_tokenizer(folder)
    assert tokenizer.decode([*tokenizer.encode("hi"), 257]) == "hi"
    assert tokenizer.token_text(257) == "</s>"
    assert tokenizer.special_ids == {256, 257}
    assert tokenizer.vocabulary_size == 258


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_damaged_file_is_refused_by_name(folder, name):
    (folder / name).write_text("{")
    with pytest.raises(ModelError, match=name):
        load_tokenizer(folder)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(ModelError, match="weights prepare"):
        load_tokenizer(tmp_path)


def test_settings_may_be_missing(folder):
    (folder / "tokenizer_config.json").unlink()
    assert load_tokenizer(folder).decode([*load_tokenizer(folder).encode("hi")]) == "hi"


def test_loading_a_tokenizer_imports_neither_torch_nor_transformers():
    code = (
        "import sys, pathlib; from inferloop_runtime.serving.tokenizer import load_tokenizer;"
        "load_tokenizer(pathlib.Path(sys.argv[1])).render_chat([]);"
        "sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code, tiny_model()], check=False).returncode == 0
