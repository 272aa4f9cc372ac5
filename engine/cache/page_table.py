"""Which physical page holds which tokens: reuse of prefixes, reference counts and eviction.

A page is 256 tokens of K and V over all layers. A complete page is known by a hash chained over its tokens and its
predecessor's hash, so that an equal prefix of another sequence finds it; the last, incomplete page of a finished
sequence is found by comparing tokens. Pages are evicted leaves first, the longest unused first, so that what survives
of a conversation is always a prefix of it. Knows nothing of devices: copying pages is the caller's part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from engine.budget import PAGE_TOKENS

ROOT = b""
MIN_PARTIAL_TOKENS = 2  # copying a page for fewer is not worth it


@dataclass
class Page:
    """One physical page.

    Attributes:
        previous: hash of the page before it in its sequence; `ROOT` for a first page.
        digest: the page's own chained hash once complete, else None.
        token_ids: the tokens whose K and V it holds.
        references: sequences that use it now.
        last_used: serial number of its last use, for eviction.
    """

    index: int
    previous: bytes = ROOT
    digest: bytes | None = None
    token_ids: list[int] = field(default_factory=list)
    references: int = 0
    last_used: int = 0


@dataclass
class PageSequence:
    """The pages of one running sequence, in order; `num_cached` of its prompt tokens need no computing."""

    pages: list[Page]
    num_cached: int
    copies: list[tuple[int, int]]  # (source, target) pages to copy before the first step


def chain_digest(previous: bytes, token_ids: Sequence[int]) -> bytes:
    """The hash of a complete page."""
    return blake2b(previous + np.asarray(token_ids, np.int64).tobytes(), digest_size=16).digest()


class PageTable:
    """Allocates pages to sequences.

    Args:
        num_pages: physical pages.
        context_key: starts every hash chain; differs for anything that changes K and V (weights, rope, cache bits).
    """

    def __init__(self, num_pages: int, context_key: bytes = b"") -> None:
        self.pages = [Page(i) for i in range(num_pages)]
        self._root = blake2b(context_key, digest_size=16).digest() if context_key else ROOT
        self._by_digest: dict[bytes, Page] = {}
        self._serial = 0

    @property
    def num_pages(self) -> int:
        return len(self.pages)

    @property
    def num_free(self) -> int:
        """Pages that no running sequence uses."""
        return sum(page.references == 0 for page in self.pages)

    def allocate(self, prompt_ids: Sequence[int], num_tokens: int) -> PageSequence | None:
        """Pages for a sequence that starts with a prompt and grows to `num_tokens`; None when they do not fit now.

        The last prompt token is never taken from the cache: its logits are needed.
        """
        needed = -(-num_tokens // PAGE_TOKENS)
        shared = self._shared_prefix(prompt_ids)
        for page in shared:
            self._use(page)
        if needed - len(shared) > self.num_free:
            self._release(shared)
            return None
        previous = shared[-1].digest if shared else self._root
        assert previous is not None
        start = len(shared) * PAGE_TOKENS
        partial, matched = self._best_partial(previous, prompt_ids[start : len(prompt_ids) - 1])
        if partial is not None:
            partial.references += 1  # not to be evicted while its copy is allocated
        pages = list(shared)
        for _ in range(needed - len(shared)):
            if partial is not None and self.num_free == 0:  # only the protected page is left: do without its tokens
                partial.references -= 1
                partial, matched = None, 0
            pages.append(self._take())
        copies = []
        if partial is not None:
            partial.references -= 1
            target = pages[len(shared)]
            target.previous = previous
            target.token_ids = list(partial.token_ids[:matched])
            copies.append((partial.index, target.index))
        return PageSequence(pages, start + matched, copies)

    def allocate_fresh(self, num_tokens: int) -> PageSequence | None:
        """Pages for a sequence that reuses nothing; None when they do not fit now."""
        needed = -(-num_tokens // PAGE_TOKENS)
        if needed > self.num_free:
            return None
        pages = [self._take() for _ in range(needed)]
        return PageSequence(pages, 0, [])

    def append(self, sequence: PageSequence, position: int, token_ids: Sequence[int]) -> None:
        """Notes that K and V of these tokens, from `position` on, are in the sequence's pages."""
        done = 0
        while done < len(token_ids):
            number, inside = divmod(position + done, PAGE_TOKENS)
            page = sequence.pages[number]
            assert len(page.token_ids) == inside
            if not page.token_ids:
                page.previous = self._previous_digest(sequence, number)
            taken = token_ids[done : done + PAGE_TOKENS - inside]
            page.token_ids.extend(taken)
            done += len(taken)
            if len(page.token_ids) == PAGE_TOKENS:
                self._complete(page)

    def release(self, sequence: PageSequence) -> None:
        """Ends a sequence; its pages stay in the cache until they are needed."""
        self._release(sequence.pages)

    def forget(self, sequence: PageSequence) -> None:
        """Ends a sequence whose latest K and V must not be reused (a step failed half-way)."""
        for page in sequence.pages:
            page.references -= 1
            if page.references == 0:
                self._clear(page)

    def _previous_digest(self, sequence: PageSequence, page_index: int) -> bytes:
        if page_index == 0:
            return self._root
        digest = sequence.pages[page_index - 1].digest
        assert digest is not None
        return digest

    def _shared_prefix(self, prompt_ids: Sequence[int]) -> list[Page]:
        pages: list[Page] = []
        previous = self._root
        for start in range(0, len(prompt_ids) - PAGE_TOKENS, PAGE_TOKENS):
            previous = chain_digest(previous, prompt_ids[start : start + PAGE_TOKENS])
            page = self._by_digest.get(previous)
            if page is None:
                break
            pages.append(page)
        return pages

    def _best_partial(self, previous: bytes, wanted: Sequence[int]) -> tuple[Page | None, int]:
        best, longest = None, MIN_PARTIAL_TOKENS - 1
        for page in self.pages:
            if page.previous == previous and page.token_ids:
                length = _common_length(page.token_ids, wanted)
                if length > longest:
                    best, longest = page, length
        return best, longest if best is not None else 0

    def _complete(self, page: Page) -> None:
        page.digest = chain_digest(page.previous, page.token_ids)
        # An equal page of another sequence stays the one that is found; this one ends with its sequence.
        self._by_digest.setdefault(page.digest, page)

    def _use(self, page: Page) -> None:
        page.references += 1
        self._serial += 1
        page.last_used = self._serial

    def _release(self, pages: Sequence[Page]) -> None:
        for page in pages:
            page.references -= 1
            assert page.references >= 0
            self._serial += 1
            page.last_used = self._serial

    def _take(self) -> Page:
        """Clears and claims the unused page whose loss costs least: empty or a duplicate, then the oldest leaf."""
        parents = {page.previous for page in self.pages if page.token_ids}

        def cost(page: Page) -> tuple[int, int]:
            if not page.token_ids or (page.digest is not None and self._by_digest.get(page.digest) is not page):
                return 0, page.last_used
            return (2 if page.digest in parents else 1), page.last_used

        page = min((page for page in self.pages if page.references == 0), key=cost)
        self._clear(page)
        self._use(page)
        return page

    def _clear(self, page: Page) -> None:
        if page.digest is not None and self._by_digest.get(page.digest) is page:
            del self._by_digest[page.digest]
        page.previous, page.digest, page.token_ids = ROOT, None, []


def _common_length(first: Sequence[int], second: Sequence[int]) -> int:
    length = 0
    for a, b in zip(first, second, strict=False):
        if a != b:
            break
        length += 1
    return length
