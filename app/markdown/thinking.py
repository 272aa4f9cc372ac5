"""Parts a reply into what the model thought and what it says, while it arrives. Knows nothing of Qt.

Thinking is marked by a pair of tags at the beginning of a reply. Some chat templates open the pair themselves; then
only the closing tag arrives, and everything before it was thinking.
"""

from __future__ import annotations

from dataclasses import dataclass

TAG_PAIRS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
)
_LONGEST = max(len(tag) for pair in TAG_PAIRS for tag in pair)
_FIRSTS = frozenset(tag[0] for pair in TAG_PAIRS for tag in pair)


@dataclass(frozen=True)
class Parts:
    """What is new: more thinking, more of the answer; `restart` when all before must be taken as thinking."""

    thought: str = ""
    answer: str = ""
    restart: bool = False


class ThinkingSplitter:
    """Feed it the reply; it says what belongs where. A tag that has only half arrived is held back."""

    def __init__(self) -> None:
        self.is_thinking = False
        self._begun = False  # it is known whether the reply begins with a tag
        self._held = ""
        self._closer = ""
        self._answer = ""  # while an answer might turn out to be thinking

    def feed(self, text: str) -> Parts:
        """Takes more text."""
        self._held += text
        if not self._begun:
            self._begin()
            if not self._begun:
                return Parts()
        if self.is_thinking:
            return self._go_on_thinking()
        return self._go_on_answering()

    def finish(self) -> Parts:
        """Ends the reply and gives what was held back."""
        held, self._held = self._held, ""
        if self.is_thinking:
            return Parts(thought=held)
        return Parts(answer=held)

    def _begin(self) -> None:
        start = self._held.lstrip()
        for opener, closer in TAG_PAIRS:
            if start.startswith(opener):
                self._begun = self.is_thinking = True
                self._closer = closer
                self._held = start[len(opener) :].lstrip("\n")
                return
        self._begun = bool(start) and not any(opener.startswith(start) for opener, _ in TAG_PAIRS)

    def _go_on_thinking(self) -> Parts:
        thought, found, rest = self._held.partition(self._closer)
        if found:
            self.is_thinking = False
            self._closer, self._held = "", ""
            self._answer = "\0"  # no second time
            return Parts(thought=thought.rstrip(), answer=rest.lstrip("\n"))
        keep = _half(self._held, (self._closer,))
        thought, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return Parts(thought=thought)

    def _go_on_answering(self) -> Parts:
        if self._answer == "\0":
            answer, self._held = self._held, ""
            return Parts(answer=answer)
        closers = tuple(closer for _, closer in TAG_PAIRS)
        for closer in closers[:2]:
            before, found, rest = self._held.partition(closer)
            if found:
                thought = (self._answer + before).strip()
                self._answer, self._held = "\0", ""
                return Parts(thought=thought, answer=rest.lstrip("\n"), restart=True)
        keep = _half(self._held, closers[:2])
        answer, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        self._answer += answer
        return Parts(answer=answer)


def split_thinking(text: str) -> tuple[str, str]:
    """What a whole reply thought and what it says."""
    splitter = ThinkingSplitter()
    thought = answer = ""
    for parts in (splitter.feed(text), splitter.finish()):
        if parts.restart:
            thought, answer = "", ""
        thought += parts.thought
        answer += parts.answer
    return thought, answer


def _half(text: str, tags: tuple[str, ...]) -> int:
    """How many characters at the end may be the beginning of a tag."""
    if not _FIRSTS.intersection(text[-_LONGEST:]):
        return 0
    for length in range(min(len(text), _LONGEST - 1), 0, -1):
        if any(tag.startswith(text[-length:]) for tag in tags):
            return length
    return 0
