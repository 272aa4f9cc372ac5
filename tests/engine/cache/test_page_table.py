"""The page table: what is reused, what is evicted first, and that no page is ever lost or shared by mistake."""

from __future__ import annotations

import random

import pytest

from engine.budget import PAGE_TOKENS
from engine.cache.page_table import PageSequence, PageTable


def tokens(count: int, seed: int = 0) -> list[int]:
    return list(range(seed * 100_000, seed * 100_000 + count))


def served(table: PageTable, prompt: list[int], extra: int = 0) -> PageSequence:
    """Allocates, fills as a request would, and leaves the sequence running."""
    sequence = table.allocate(prompt, len(prompt) + extra)
    assert sequence is not None
    table.append(sequence, sequence.num_cached, prompt[sequence.num_cached :])
    return sequence


def indices(sequence: PageSequence) -> list[int]:
    return [page.index for page in sequence.pages]


def test_whole_pages_are_shared() -> None:
    table = PageTable(10)
    prompt = tokens(3 * PAGE_TOKENS + 10)
    first = served(table, prompt)
    second = table.allocate(prompt, len(prompt) + 5)
    assert second is not None
    assert indices(second)[:3] == indices(first)[:3]
    assert second.pages[3] is not first.pages[3]
    assert [page.references for page in second.pages] == [2, 2, 2, 1]


def test_a_shared_prefix_that_branches() -> None:
    table = PageTable(10)
    start = tokens(2 * PAGE_TOKENS)
    first = served(table, start + tokens(300, 1))
    second = table.allocate(start + tokens(300, 2), 900)
    assert second is not None
    assert indices(second)[:2] == indices(first)[:2]
    assert second.num_cached == 2 * PAGE_TOKENS
    assert second.copies == []


def test_equal_tokens_after_other_tokens_are_not_shared() -> None:
    table = PageTable(10)
    tail = tokens(PAGE_TOKENS, 3)
    served(table, tokens(PAGE_TOKENS, 1) + tail + [1])
    other = table.allocate(tokens(PAGE_TOKENS, 2) + tail + [1], 600)
    assert other is not None
    assert other.num_cached == 0


@pytest.mark.parametrize(("length", "cached"), [(2 * PAGE_TOKENS, 2 * PAGE_TOKENS - 1), (2 * PAGE_TOKENS + 1, 512)])
def test_the_last_token_is_always_computed(length: int, cached: int) -> None:
    table = PageTable(10)
    prompt = tokens(length)
    table.release(served(table, prompt))
    again = table.allocate(prompt, length + 1)
    assert again is not None
    assert again.num_cached == cached


def test_a_partial_page_is_copied_up_to_the_first_difference() -> None:
    table = PageTable(10)
    prompt = tokens(PAGE_TOKENS + 100)
    first = served(table, prompt)
    table.release(first)
    other = [*prompt[: PAGE_TOKENS + 60], 7, 7, 7]
    again = table.allocate(other, 500)
    assert again is not None
    assert again.num_cached == PAGE_TOKENS + 60
    assert again.copies == [(first.pages[1].index, again.pages[1].index)]
    assert again.pages[1].token_ids == prompt[PAGE_TOKENS : PAGE_TOKENS + 60]
    assert first.pages[1].token_ids == prompt[PAGE_TOKENS:]


def test_the_better_of_two_partial_pages() -> None:
    table = PageTable(10)
    prompt = tokens(100)
    table.release(served(table, [*prompt[:30], 5, 5]))
    longer = served(table, [*prompt[:60], 6, 6])
    again = table.allocate(prompt, 120)
    assert again is not None
    assert again.num_cached == 60
    assert again.copies[0][0] == longer.pages[0].index


def test_one_equal_token_is_not_worth_a_copy() -> None:
    table = PageTable(4)
    table.release(served(table, [1, 2, 3]))
    again = table.allocate([1, 9, 9], 10)
    assert again is not None
    assert (again.num_cached, again.copies) == (0, [])


def test_other_contexts_share_nothing() -> None:
    keys = {PageTable(1, key)._root for key in (b"", b"a", b"b")}
    assert len(keys) == 3


def test_leaves_go_before_their_parents() -> None:
    table = PageTable(4)
    prompt = tokens(3 * PAGE_TOKENS)
    old = served(table, prompt)
    table.release(old)
    taken = table.allocate_fresh(2 * PAGE_TOKENS)  # one page was empty, one must go: the end of the conversation
    assert taken is not None
    assert old.pages[2] in taken.pages
    assert old.pages[0] not in taken.pages
    table.release(taken)
    again = table.allocate([*prompt, 1], 3 * PAGE_TOKENS + 1)
    assert again is not None
    assert again.num_cached == 2 * PAGE_TOKENS


def test_the_longest_unused_goes_first() -> None:
    table = PageTable(2)
    first, second = served(table, tokens(10, 1)), served(table, tokens(10, 2))
    table.release(second)
    table.release(first)
    taken = table.allocate_fresh(1)
    assert taken is not None
    assert taken.pages == second.pages


def test_what_does_not_fit_changes_nothing() -> None:
    table = PageTable(3)
    prompt = tokens(PAGE_TOKENS + 10)
    running = served(table, prompt)
    before = [(page.references, list(page.token_ids)) for page in table.pages]
    assert table.allocate(prompt, 3 * PAGE_TOKENS) is None
    assert table.allocate_fresh(2 * PAGE_TOKENS) is None
    assert [(page.references, list(page.token_ids)) for page in table.pages] == before
    table.release(running)
    assert table.allocate(prompt, 3 * PAGE_TOKENS) is not None


def test_a_copy_that_would_need_one_page_more_is_given_up() -> None:
    table = PageTable(2)
    table.release(served(table, tokens(PAGE_TOKENS + 50)))
    again = table.allocate([*tokens(50), 999, 999], 2 * PAGE_TOKENS)
    assert again is not None
    assert len(again.pages) == 2
    assert len({page.index for page in again.pages}) == 2
    for source, target in again.copies:
        assert source != target


def test_forgotten_pages_are_not_found() -> None:
    table = PageTable(6)
    prompt = tokens(PAGE_TOKENS + 50)
    table.forget(served(table, prompt))
    again = table.allocate(prompt, len(prompt))
    assert again is not None
    assert again.num_cached == 0


def test_forgetting_leaves_shared_pages() -> None:
    table = PageTable(6)
    prompt = tokens(PAGE_TOKENS + 50)
    kept = served(table, prompt)
    failed = served(table, [*prompt, 5])
    table.forget(failed)
    assert kept.pages[0].references == 1
    again = table.allocate(prompt, len(prompt))
    assert again is not None
    assert again.pages[0] is kept.pages[0]


def test_a_forgotten_original_leaves_its_duplicate_findable() -> None:
    table = PageTable(6)
    prompt = tokens(PAGE_TOKENS + 50)
    first, second = table.allocate(prompt, 400), table.allocate(prompt, 400)  # both computed at the same time
    assert first is not None
    assert second is not None
    for sequence in (first, second):
        table.append(sequence, 0, prompt)
    table.forget(first)
    third = table.allocate(prompt, 400)
    assert third is not None
    assert third.num_cached > 0


@pytest.mark.parametrize("seed", range(20))
def test_random_lives(seed: int) -> None:
    """Requests of a few shared texts come and go; the pages' contents are checked against a store of their own."""
    rng = random.Random(seed)
    table = PageTable(rng.choice([2, 5, 12]))
    texts = [[rng.randrange(3) for _ in range(1500)] for _ in range(2)]
    store: dict[int, list[int]] = {page.index: [] for page in table.pages}  # what a device would hold
    running: list[tuple[PageSequence, list[int], int]] = []
    for _ in range(120):
        if rng.random() < 0.6:
            text = rng.choice(texts)
            prompt = text[: rng.randrange(1, 900)] + [rng.randrange(3) for _ in range(rng.randrange(300))]
            total = len(prompt) + rng.randrange(1, 200)
            sequence = table.allocate(prompt, total)
            if sequence is None:
                continue
            for source, target in sequence.copies:
                store[target] = list(store[source])
            assert sequence.num_cached < len(prompt)
            assert len(sequence.pages) == -(-total // PAGE_TOKENS)
            for position in range(sequence.num_cached):  # what is taken over is really there
                assert store[sequence.pages[position // PAGE_TOKENS].index][position % PAGE_TOKENS] == prompt[position]
            end = rng.randrange(len(prompt), total + 1)
            ids = prompt + [rng.randrange(3) for _ in range(end - len(prompt))]
            for position in range(sequence.num_cached, end):
                held = store[sequence.pages[position // PAGE_TOKENS].index]
                held[position % PAGE_TOKENS :] = [ids[position]]
            table.append(sequence, sequence.num_cached, ids[sequence.num_cached :])
            running.append((sequence, ids, total))
        elif running:
            sequence, _, _ = running.pop(rng.randrange(len(running)))
            rng.choice([table.release, table.release, table.forget])(sequence)
        check(table, store, running)
    for sequence, _, _ in running:
        table.release(sequence)
    assert table.num_free == table.num_pages


def check(table: PageTable, store: dict[int, list[int]], running: list[tuple[PageSequence, list[int], int]]) -> None:
    counts = dict.fromkeys(range(table.num_pages), 0)
    for sequence, ids, _ in running:
        for number, page in enumerate(sequence.pages):
            counts[page.index] += 1
            expected = ids[number * PAGE_TOKENS : (number + 1) * PAGE_TOKENS]
            assert page.token_ids == expected
            assert store[page.index][: len(expected)] == expected
    assert counts == {page.index: page.references for page in table.pages}
    for page in table.pages:
        assert store[page.index][: len(page.token_ids)] == page.token_ids
