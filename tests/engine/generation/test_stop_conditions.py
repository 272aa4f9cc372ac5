"""When a reply ends and what text it has, however the text is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import FinishReason
from engine.generation.stop_conditions import StopConditions, StopMatcher
from engine.requests import SamplingSettings


def matcher(*stops: str, limit: int = 1000, eos: tuple[int, ...] = (), stop_ids: tuple[int, ...] = ()) -> StopMatcher:
    return StopMatcher(StopConditions(frozenset(eos), frozenset(stop_ids), stops, limit))


def run(follower: StopMatcher, texts: list[str]) -> tuple[str, FinishReason | None]:
    emitted = ""
    for text in texts:
        step = follower.push(1, text)
        emitted += step.text
        if step.reason:
            return emitted, step.reason
    return emitted + follower.flush(), None


def offline(text: str, stops: list[str]) -> tuple[str, FinishReason | None]:
    """The answer from the definition: the shortest start of the text that ends in a stop string."""
    for end in range(len(text) + 1):
        lengths = [len(stop) for stop in stops if stop and text[:end].endswith(stop)]
        if lengths:
            return text[: end - max(lengths)], "stop_string"
    return text, None


def test_without_conditions_text_passes_at_once() -> None:
    follower = matcher("", limit=3)
    assert [follower.push(1, text).text for text in ("a", "b")] == ["a", "b"]
    assert follower.new_tokens == 2


def test_partial_match_is_held_and_released() -> None:
    follower = matcher("User:")
    assert follower.push(1, "Hi Us").text == "Hi "
    assert follower.push(1, "er").text == ""
    assert follower.push(1, "s").text == "Users"


def test_stop_string_over_several_tokens() -> None:
    follower = matcher("User:")
    steps = [follower.push(1, text) for text in ("a\nU", "se", "r: me")]
    assert "".join(step.text for step in steps) == "a\n"
    assert [step.reason for step in steps] == [None, None, "stop_string"]
    assert follower.flush() == ""


@pytest.mark.parametrize(
    ("stops", "text", "expected"),
    [
        (("late", "now"), "a now late", "a "),
        (("abcd", "bc"), "xabcd", "xa"),
        (("c", "abc"), "xabc", "x"),
        (("aab",), "aaab", "a"),
        (("\u00e9\U0001f600",), "x\u00e9\U0001f600", "x"),
    ],
)
def test_the_first_complete_match_wins(stops: tuple[str, ...], text: str, expected: str) -> None:
    assert run(matcher(*stops), [text]) == (expected, "stop_string")
    assert run(matcher(*stops), list(text)) == (expected, "stop_string")


def test_partial_of_one_does_not_hide_a_match_of_another() -> None:
    assert run(matcher("abXXXX", "b"), ["ab"]) == ("a", "stop_string")


@pytest.mark.parametrize(("eos", "stop_ids"), [((7,), ()), ((), (7,))])
def test_stop_token_drops_its_text_and_releases_held(eos: tuple[int, ...], stop_ids: tuple[int, ...]) -> None:
    follower = matcher("User:", eos=eos, stop_ids=stop_ids)
    assert follower.push(1, "Us").text == ""
    step = follower.push(7, "</s>")
    assert (step.text, step.reason, follower.new_tokens) == ("Us", "stop_token", 2)


def test_length_is_exact_and_releases_held() -> None:
    follower = matcher("User:", limit=3)
    steps = [follower.push(1, text) for text in ("a", "b", "U")]
    assert [(step.text, step.reason) for step in steps] == [("a", None), ("b", None), ("U", "length")]
    with pytest.raises(AssertionError):
        follower.push(1, "more")


@pytest.mark.parametrize(
    ("token", "text", "reason"), [(7, "", "stop_token"), (1, "x!", "stop_string"), (1, "x", "length")]
)
def test_reason_on_the_last_allowed_token(token: int, text: str, reason: FinishReason) -> None:
    assert matcher("!", limit=1, eos=(7,)).push(token, text).reason == reason


def test_cancelled_reply_gets_its_held_text() -> None:
    follower = matcher("User:")
    follower.push(1, "User")
    assert follower.flush() == "User"
    assert follower.flush() == ""


def test_conditions_of_a_request() -> None:
    settings = SamplingSettings(stop_strings=("x",), stop_token_ids=(5,), max_new_tokens=9)
    assert StopConditions.from_settings(settings, frozenset({2})) == StopConditions(
        frozenset({2}), frozenset({5}), ("x",), 9
    )
    beyond = SamplingSettings(stop_token_ids=(5,), ignore_eos=True)
    assert StopConditions.from_settings(beyond, frozenset({2})).eos_ids == frozenset()


@given(
    st.text("ab\u00e9", max_size=30),
    st.lists(st.text("ab\u00e9", max_size=5), max_size=4),
    st.lists(st.integers(0, 30)),
)
def test_any_cut_gives_the_offline_answer(text: str, stops: list[str], cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
    assert run(matcher(*stops), pieces) == offline(text, stops)


@given(st.lists(st.text("ab", max_size=3), max_size=40), st.lists(st.text("ab", min_size=4, max_size=9), max_size=3))
def test_holds_less_than_the_longest_stop_string(texts: list[str], stops: list[str]) -> None:
    follower = matcher(*stops)
    arrived = emitted = 0
    for text in texts:
        step = follower.push(1, text)
        arrived, emitted = arrived + len(text), emitted + len(step.text)
        if step.reason:
            return
        assert arrived - emitted < max(map(len, stops), default=1)
