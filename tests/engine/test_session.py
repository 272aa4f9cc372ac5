"""The engine's public face: what scripts and the application may ask of a loaded model, and what refuses them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from transformers import LlamaConfig

import engine
from engine import Message, SamplingSettings, load_model
from engine.chat.prompt_writer import PromptWriter
from engine.chat.template import ChatTemplate
from engine.errors import ChatTemplateError, ContextTooLongError, EngineError, InvalidRequestError
from engine.events import GenerationFinished, GenerationStarted, TextDelta
from engine.requests import GenerateRequest
from engine.session import Session
from tests.oracles.exl3_numpy import make_exl3_linear, with_prefix, write_safetensors
from tests.oracles.tiny_models import make_plain, write_tokenizer

GREEDY = SamplingSettings(temperature=0.0, max_new_tokens=12, ignore_eos=True)


@pytest.fixture(scope="module")
def session(demo_model: Path) -> Iterator[Session]:
    session = load_model(demo_model, cache_tokens=1024)
    yield session
    session.unload()


def test_the_face_of_the_engine() -> None:
    assert set(engine.__all__) == {"Message", "SamplingSettings", "load_model"}


def test_logits(session: Session) -> None:
    logits = session.logits([1, 2, 3])
    assert logits.dtype == torch.float32
    assert logits.shape == (3, session._model.spec.vocab_size)
    assert torch.equal(logits, session.logits(np.array([1, 2, 3])))
    assert torch.equal(logits[:2].argmax(-1), session.logits([1, 2]).argmax(-1))
    kept = logits.clone()
    session.logits([5, 6, 7])
    assert torch.equal(logits, kept)  # a result of one's own, not a buffer that the next call overwrites


def test_logits_leave_nothing_in_the_cache(session: Session) -> None:
    ids = session.tokenizer.encode("A sentence that nobody else says here: zebra umbrella.") * 3
    session.logits(ids)
    assert session._pages.num_free == session._pages.num_pages
    events = list(session.generate(session.tokenizer.decode(ids), GREEDY))
    assert isinstance(events[0], GenerationStarted)
    assert events[0].cached_tokens <= 1


def test_a_turn_that_is_begun_is_continued(session: Session) -> None:
    question = Message("user", "Tell me about the sea.")
    whole = "".join(event.text for event in session.chat([question], GREEDY) if isinstance(event, TextDelta))
    first, rest = whole[: whole.index(" ")], whole[whole.index(" ") :]
    begun = [question, Message("assistant", first)]
    shorter = session.prompt_ids(GenerateRequest(1, (question,)))
    assert session.prompt_ids(GenerateRequest(2, tuple(begun)))[: len(shorter)] == shorter
    said = "".join(event.text for event in session.chat(begun, GREEDY) if isinstance(event, TextDelta))
    assert said.startswith(rest[:-8])  # the same words from there on, and a few more


def test_words_begun_for_the_assistant_are_what_a_request_continues() -> None:
    assert GenerateRequest(1, (Message("user", "Hi"),)).begun == ""
    assert not GenerateRequest(1, (Message("user", "Hi"), Message("assistant", ""))).continues
    assert GenerateRequest(1, (Message("user", "Hi"), Message("assistant", "Well,"))).continues
    assert GenerateRequest(1, prompt="Once").continues


@pytest.mark.parametrize(
    ("ids", "error"),
    [
        ([], InvalidRequestError), ([-1], InvalidRequestError), ([10**9], InvalidRequestError),
        ([1] * 1025, ContextTooLongError),
    ],
    ids=["none", "negative", "beyond the vocabulary", "too many"],
)  # fmt: skip
def test_refused_tokens(session: Session, ids: list[int], error: type[EngineError]) -> None:
    with pytest.raises(error) as caught:
        session.logits(ids)
    assert caught.value.way_out


def test_generate_and_chat(session: Session) -> None:
    events = list(session.generate("Once upon a time", GREEDY))
    assert isinstance(events[0], GenerationStarted)
    assert isinstance(events[-1], GenerationFinished)
    assert "".join(event.text for event in events)
    as_dict = [event.text for event in session.chat([{"role": "user", "content": "Hello"}], GREEDY)]
    as_message = [event.text for event in session.chat([Message("user", "Hello")], GREEDY)]
    assert "".join(as_dict) == "".join(as_message) != ""


@pytest.mark.parametrize(
    "message", [{}, {"role": "user"}, {"role": "boss", "content": "x"}, {"role": "user", "content": 3}], ids=str
)
def test_refused_messages(session: Session, message: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        session.chat([message], GREEDY)
    assert not session.has_work


def test_too_long_prompts_and_empty_ones(session: Session) -> None:
    with pytest.raises(ContextTooLongError) as caught:
        session.generate("word " * 3000, GREEDY)
    assert "1024" in caught.value.message
    with pytest.raises(InvalidRequestError):
        session.chat([], GREEDY)
    assert not session.has_work


LONG_CHAT = (
    *(Message(role, f"{number}: " + "word " * 60) for number in range(12) for role in ("user", "assistant")),
    Message("user", "And now?"),
)


def test_counting_says_what_serving_will_do(session: Session) -> None:
    request = GenerateRequest(900, (Message("system", "Be short."), *LONG_CHAT), sampling=GREEDY)
    counted = session.count(request)
    assert counted.prompt_tokens == len(session.prompt_ids(request)) > session.info.context_tokens
    assert not counted.fits
    assert counted.can_be_cut
    assert counted.dropped_messages % 2 == 0 < counted.dropped_messages
    with pytest.raises(ContextTooLongError):
        session.submit(request)
    session.submit(replace(request, when_full="drop_oldest"))
    events = []
    while session.has_work:
        events += session.step()
    started = next(each for each in events if isinstance(each, GenerationStarted))
    assert started.dropped_messages == counted.dropped_messages
    assert started.prompt_tokens == counted.kept_tokens
    kept = (request.messages[0], *request.messages[1 + started.dropped_messages :])
    assert len(session.prompt_ids(replace(request, messages=kept))) == counted.kept_tokens
    assert counted.kept_tokens + counted.reply_tokens <= counted.context_tokens


def test_a_chat_that_fits_is_not_cut(session: Session) -> None:
    request = GenerateRequest(901, LONG_CHAT[-1:], sampling=GREEDY, when_full="drop_oldest")
    counted = session.count(request)
    assert (counted.dropped_messages, counted.kept_tokens) == (0, counted.prompt_tokens)
    assert counted.fits
    session.submit(request)
    events = []
    while session.has_work:
        events += session.step()
    assert [e.dropped_messages for e in events if isinstance(e, GenerationStarted)] == [0]


def test_a_last_turn_that_is_too_long_is_said_to_be(session: Session) -> None:
    request = GenerateRequest(902, (*LONG_CHAT[:2], Message("user", "word " * 3000)), when_full="drop_oldest")
    assert not session.count(request).can_be_cut
    with pytest.raises(ContextTooLongError, match="does not help"):
        session.submit(request)
    assert not session.has_work


def test_counting_needs_nothing_that_an_unload_takes_away(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:  # as when another thread unloads in the middle of a count
        for name in ("_model", "_generator", "_executor", "_pages"):
            patch.delattr(session, name)
        assert session.count(GenerateRequest(904, LONG_CHAT)).prompt_tokens > 1000


def test_a_wish_for_thinking_reaches_the_template(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "{{ messages[0].content }}{% if enable_thinking is false %} silent{% endif %}"
    asked = GenerateRequest(903, (Message("user", "Once"),))
    assert session.prompt_ids(replace(asked, thinking=False)) == session.prompt_ids(asked)  # it has no switch
    template = ChatTemplate(source, "chat_template.jinja", {})
    monkeypatch.setattr(session, "_writer", PromptWriter("model", session.tokenizer, template, 1 << 20))
    words = [
        session.tokenizer.decode(session.prompt_ids(replace(asked, thinking=wish))) for wish in (None, True, False)
    ]
    assert [each.strip() for each in words] == ["Once", "Once", "Once silent"]


def test_two_replies_at_once(session: Session) -> None:
    prompts = ["Once upon a time", "The weather is"]
    alone = ["".join(event.text for event in session.generate(prompt, GREEDY)) for prompt in prompts]
    replies = [session.generate(prompt, GREEDY) for prompt in prompts]
    texts = ["", ""]
    finished = [False, False]
    for _ in range(200):  # taken in turns, and one finds out late that it has ended
        for number, reply in enumerate(replies):
            event = next(reply, None)
            texts[number] += event.text if event is not None else ""
            finished[number] |= isinstance(event, GenerationFinished)
        if all(finished):
            break
    assert finished == [True, True]
    assert texts == alone


def test_a_reply_that_nobody_reads_to_its_end(session: Session) -> None:
    reply = session.generate("Once upon a time", SamplingSettings(max_new_tokens=500, ignore_eos=True))
    for event in reply:
        if isinstance(event, TextDelta):
            break
    reply.close()  # type: ignore[attr-defined]
    assert not session.has_work
    assert session._pages.num_free == session._pages.num_pages


def test_submit_step_cancel(session: Session) -> None:
    long = SamplingSettings(max_new_tokens=500, ignore_eos=True)
    session.submit(GenerateRequest(7, prompt="Once upon a time", sampling=long))
    assert session.has_work
    for _ in range(3):
        session.step()
    assert session.status().context_used_tokens > 3
    assert session.status().context_tokens == 1024
    session.cancel(7)
    last = session.step()[-1]
    assert isinstance(last, GenerationFinished)
    assert last.reason == "cancelled"
    assert session.step() == []


def test_a_model_without_a_chat_template(tmp_path: Path) -> None:
    make_plain(tmp_path, LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
    ))  # fmt: skip
    session = load_model(tmp_path, cache_tokens=256)
    assert not session.info.has_chat_template
    with pytest.raises(ChatTemplateError) as caught:
        session.chat([Message("user", "t1 t2")], GREEDY)
    assert caught.value.way_out
    assert "".join(event.text for event in session.generate("t1 t2", GREEDY))


def big_model(folder: Path) -> int:
    """Writes an EXL3 model of about 100 MB, the same random tiles everywhere; returns the bytes of its weights."""
    hidden, middle, vocab, layers = 1024, 4096, 2048, 12
    sizes = {"self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (hidden, 256), "self_attn.v_proj": (hidden, 256),
             "self_attn.o_proj": (hidden, hidden), "mlp.gate_proj": (hidden, middle), "mlp.up_proj": (hidden, middle),
             "mlp.down_proj": (middle, hidden)}  # fmt: skip
    tensors: dict[str, Any] = {"model.embed_tokens.weight": np.ones((vocab, hidden), np.float16)}
    made = {size: make_exl3_linear(*size, 5, "mul1", seed=0) for size in set(sizes.values())}
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        for name, size in sizes.items():
            tensors |= with_prefix(prefix + name, made[size])
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{prefix}{name}.weight"] = np.ones(hidden, np.float16)
    tensors["model.norm.weight"] = np.ones(hidden, np.float16)
    tensors |= with_prefix("lm_head", make_exl3_linear(hidden, vocab, 5, "mul1", seed=0))
    write_safetensors(folder / "model.safetensors", tensors)
    config = LlamaConfig(
        vocab_size=vocab, hidden_size=hidden, intermediate_size=middle, num_hidden_layers=layers,
        num_attention_heads=16, num_key_value_heads=4, max_position_embeddings=512, architectures=["LlamaForCausalLM"],
    )  # fmt: skip
    config.save_pretrained(folder)
    write_tokenizer(folder, vocab)
    return (folder / "model.safetensors").stat().st_size


def test_memory_of_a_loaded_model_is_about_its_file(tmp_path: Path) -> None:
    file_bytes = big_model(tmp_path)
    assert file_bytes > 90e6
    process = psutil.Process()
    warm = load_model(tmp_path, cache_tokens=512)  # compiles, fills the pools
    warm.logits([1, 2, 3])
    warm.unload()
    gc.collect()
    before = process.memory_info().rss
    session = load_model(tmp_path, cache_tokens=512)
    session.logits(list(range(300)))
    used = process.memory_info().rss - before
    planned = file_bytes + session.info.cache_bytes
    assert abs(session.info.weights_bytes / file_bytes - 1) < 0.02
    assert 0.8 * file_bytes < used < planned + 60e6  # and the buffers of 512 rows
    freed = session.unload()
    after = process.memory_info().rss - before
    assert freed > 0.8 * file_bytes
    assert after < 0.15 * file_bytes
