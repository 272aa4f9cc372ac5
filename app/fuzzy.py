"""How well a few letters name a text: the letters in their order, better at the beginnings of words and side by side.

Pure arithmetic on texts; knows nothing of what they name.
"""

from __future__ import annotations

WORD_START, ADJACENT, LETTER, GAP = 8, 5, 1, -1
WORSE_THAN_ALL = -(10**6)


def fuzzy_score(wanted: str, text: str) -> int | None:
    """A higher number the better `wanted` names `text`; None where its letters do not stand in it in this order.

    Case and spaces do not count. Takes time proportional to both lengths.
    """
    letters = [letter for letter in wanted.casefold() if not letter.isspace()]
    found = text.casefold()
    # best[i]: the best score of the letters so far when the last of them is taken at place i.
    best: list[int] = []
    for number, letter in enumerate(letters):
        best = _step(letter, found, best, number == 0)
        if not any(score > WORSE_THAN_ALL for score in best):
            return None
    return max(best) - len(text) // 8 if best else 0


def _step(letter: str, found: str, before: list[int], is_first: bool) -> list[int]:
    best = [WORSE_THAN_ALL] * len(found)
    reach = 0 if is_first else WORSE_THAN_ALL  # the best of what was before, less what lies between
    for place, other in enumerate(found):
        if not is_first and place >= 1:
            reach = max(reach + GAP if reach > WORSE_THAN_ALL else reach, before[place - 1])
        if other == letter and reach > WORSE_THAN_ALL:
            gain = LETTER + (WORD_START if _starts_word(found, place) else 0)
            beside = not is_first and place >= 1 and before[place - 1] > WORSE_THAN_ALL
            near = before[place - 1] + ADJACENT if beside else WORSE_THAN_ALL
            best[place] = max(reach, near) + gain
    return best


def _starts_word(text: str, place: int) -> bool:
    return place == 0 or not text[place - 1].isalnum()
