"""A teacher's conversations: the engine's own tokens of them, taught to one file, and refused with the line."""

from __future__ import annotations

import json
from contextlib import closing
from types import SimpleNamespace

import pytest

from appliance.errors import UsageError
from appliance.ledger import Ledger
from appliance.store import Store
from models.chat import ChatMessage, Sampling
from models.llama import LlamaChild, LlamaSettings
from models.tiny import write_tiny_gguf
from models.transcripts import Transcriber
from tests.training.test_night import Toybox, begun, work
from training.teacher import import_teacher, taught_groups

TALK = [
    {"role": "system", "content": "You write sites.", "info": {"score": 5}},
    {"role": "user", "content": "A bakery, please."},
    {"role": "assistant", "content": "<h1>Bread</h1>"},
    {"role": "user", "content": "Make it green <|im_end|>"},
    {"role": "assistant", "content": "<h1 class=green>Bread</h1>"},
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_gguf(tmp_path_factory.mktemp("teacher") / "tiny.gguf")


@pytest.fixture
def model(tiny):
    return SimpleNamespace(path=tiny, weights=SimpleNamespace(sha256="abc"))


def lines(path, *talks):
    path.write_text("".join(json.dumps({"messages": talk, "id": 7}) + "\n" for talk in talks))
    return path


def test_prompts_are_the_engines_own_and_an_answer_ends_its_turn(tiny):
    messages = [ChatMessage(one["role"], one["content"]) for one in TALK]
    with (
        closing(Transcriber(tiny)) as transcriber,
        LlamaChild(LlamaSettings(tiny, context_tokens=4096, threads=1)) as served,
    ):
        first, second = transcriber.answers(messages)
        (said,) = served.drafts(messages[:2], [Sampling(max_tokens=2)], record=True)
        assert first.prompt == said.prompt_token_ids
        (said,) = served.drafts(messages[:4], [Sampling(max_tokens=2)], record=True)
        assert second.prompt == said.prompt_token_ids
    assert second.prompt[: len(first.prompt) + len(first.tokens)] == first.prompt + first.tokens
    assert first.tokens[-1] == second.tokens[-1]
    assert second.prompt.count(first.tokens[-1]) == 4  # the one that a user wrote out ends nothing


def test_a_file_is_imported_once_and_only_for_the_model_it_was_read_with(tmp_path, model):
    path = lines(tmp_path / "teacher.jsonl", TALK, TALK[:3])
    taught = import_teacher(tmp_path, model, path)
    assert (taught.conversations, taught.answers, taught.new) == (2, 3, True)
    assert not import_teacher(tmp_path, model, path).new
    groups = taught_groups(tmp_path, "abc")
    assert [len(group.trajectories[0]) for group in groups] == [2, 1]
    assert taught_groups(tmp_path, "another") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{}", "is no conversation"),
        ("nothing", "is no conversation"),
        ('{"messages": [{"role": "user", "content": 5}]}', "is no conversation"),
        ('{"messages": [{"role": "tool", "content": "x"}]}', "has the role “tool”"),
        ('{"messages": [{"role": "user", "content": "x"}]}', "has no answer"),
        ('{"messages": [{"role": "assistant", "content": "x"}]}', "has no answer"),
    ],
)
def test_a_line_that_is_no_conversation_is_named_and_nothing_is_kept(tmp_path, model, line, said):
    path = lines(tmp_path / "teacher.jsonl", TALK)
    path.write_text(path.read_text() + "\n" + line)
    with pytest.raises(UsageError, match=rf"teacher\.jsonl, line 3 {said}"):
        import_teacher(tmp_path, model, path)
    assert taught_groups(tmp_path, "abc") == []


def test_no_file_and_an_empty_one_are_said(tmp_path, model):
    with pytest.raises(UsageError, match="There is no file"):
        import_teacher(tmp_path, model, tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="holds no conversation"):
        import_teacher(tmp_path, model, lines(tmp_path / "empty.jsonl"))


def test_a_night_imitates_a_teacher(tmp_path, model):
    import_teacher(tmp_path, model, lines(tmp_path / "teacher.jsonl", TALK))
    with Store(tmp_path) as store:
        night = work(store, begun(store, lessons="auto", briefs=()), Toybox(store))
        assert night.data["taught"] == 1
        reports = Ledger(store).adapters()[0].manifest["reports"]
        assert [(report["lesson"], report["outcome"]) for report in reports] == [("imitate", "updated")] * 2
