"""Asks about drawn scenes: questions in many wordings, each with the answer that the scene makes true.

Knows nothing of how scenes are drawn or of models.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import picture_wordings as wordings
from picture_scenes import (
    COLOURS,
    POSITIONS,
    SHAPES,
    Bars,
    Line,
    Pie,
    Scene,
    Shapes,
    Thing,
    Writing,
    is_clearly_placed,
    position_of,
)

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
CLEARLY_APART = 0.17  # parts of a side by which two things differ where one is called left of or above the other
BLIND = (
    "I can't see a picture. Drop one into the chat and ask again.",
    "There is no picture yet. Drop one into the chat.",
)


@dataclass(frozen=True)
class Turn:
    """A question and its answer.

    Attributes:
        about: what is asked: shape, colour, count, position, text, chart or whole.
        key: words of which the answer must have each; for scoring.
    """

    question: str
    answer: str
    about: str
    key: tuple[str, ...]


def turns_about(scene: Scene, rng: random.Random, count: int) -> list[Turn]:
    """Up to `count` different questions about a scene; the first is often what one asks first of a picture."""
    makers = _MAKERS[type(scene)]
    turns: list[Turn] = []
    if rng.random() < 0.3:
        turns.append(_whole(scene, rng))
    for _ in range(4 * count):
        if len(turns) >= count:
            break
        turn = rng.choice(makers)(scene, rng)
        if turn is not None and all(turn.question != each.question and turn.answer != each.answer for each in turns):
            turns.append(turn)
    return turns or [_whole(scene, rng)]


def turn_about(scene: Scene, about: str, rng: random.Random) -> Turn | None:
    """One question of a kind, None where the scene has none."""
    for _ in range(40):
        turn = rng.choice(_MAKERS[type(scene)])(scene, rng)
        if turn is not None and turn.about == about:
            return turn
    return None


def describe(scene: Scene) -> str:
    """The scene in a sentence."""
    if isinstance(scene, Shapes):
        groups = Counter((thing.colour, thing.shape) for thing in scene.things)
        words = [_counted(number, f"{colour} {shape}") for (colour, shape), number in groups.items()]
        return _sentence(_listed(words))
    if isinstance(scene, Writing):
        kind = "number" if scene.text.isdigit() else "word" if len(scene.text) > 1 else "letter"
        return _sentence(f'the {kind} "{scene.text}" in {scene.colour}')
    if isinstance(scene, Bars):
        return _sentence(f"a bar chart with {_plural(len(scene.heights), 'bar')}")
    if isinstance(scene, Pie):
        return _sentence(f"a pie chart with {_plural(len(scene.shares), 'slice')}")
    return _sentence(f"a {scene.colour} line that {'rises' if scene.rises else 'falls'}")


def blind_question(rng: random.Random) -> Turn:
    """A question about a picture where there is none."""
    counts = [form.format("circle") for form in wordings.HOW_MANY]
    asked = [*filter(None, wordings.WHOLE), *counts, "What colour is the circle?", "What does it say?"]
    return Turn(_varied(rng, rng.choice(asked)), rng.choice(BLIND), "blind", ("picture",))


def _whole(scene: Scene, rng: random.Random) -> Turn:
    key: tuple[str, ...] = ()
    if isinstance(scene, Shapes):
        key = tuple({word for thing in scene.things for word in (thing.colour, thing.shape)})
    elif isinstance(scene, Writing):
        key = (f'"{scene.text}"',)
    return Turn(_varied(rng, rng.choice(wordings.WHOLE)), describe(scene), "whole", key)


def _count(scene: Scene, rng: random.Random) -> Turn | None:
    assert isinstance(scene, Shapes)
    things = scene.things
    kind = rng.random()
    if kind < 0.2:
        name, number = rng.choice(("shape", "thing", "object")), len(things)
    elif kind < 0.65:
        shape = rng.choice(things).shape if rng.random() < 0.9 else rng.choice(SHAPES)
        name, number = shape, sum(thing.shape == shape for thing in things)
    elif kind < 0.85:
        one = rng.choice(things)
        colour = one.colour if rng.random() < 0.9 else rng.choice(tuple(COLOURS))
        name = f"{colour} {one.shape}"
        number = sum(thing.shape == one.shape and thing.colour == colour for thing in things)
    else:
        colour = rng.choice(things).colour
        name, number = f"{colour} {rng.choice(('shape', 'thing'))}", sum(thing.colour == colour for thing in things)
    question = _plurals(_varied(rng, rng.choice(wordings.HOW_MANY).format(name)))
    answer = f"There {'is' if number == 1 else 'are'} {_plural(number, name)}."
    return Turn(question, answer, "count", (NUMBERS[number],))


def _colour(scene: Scene, rng: random.Random) -> Turn | None:
    assert isinstance(scene, Shapes)
    if rng.random() < 0.08:
        question = rng.choice(
            ("What colour is the background?", "What color is the background?", "And the background?")
        )
        return Turn(question, f"The background is {scene.background}.", "background", (scene.background,))
    thing = rng.choice(scene.things)
    if len({each.colour for each in scene.things if each.shape == thing.shape}) > 1:
        return None
    alike = sum(each.shape == thing.shape for each in scene.things)
    if alike > 1:
        question = f"What {rng.choice(('colour', 'color'))} are the {_many(thing.shape)}?"
        return Turn(_varied(rng, question), f"The {_many(thing.shape)} are {thing.colour}.", "colour", (thing.colour,))
    name = rng.choice(("shape", "thing", "object")) if len(scene.things) == 1 and rng.random() < 0.25 else thing.shape
    form = rng.choice((*wordings.COLOUR, "What colour is it?") if len(scene.things) == 1 else wordings.COLOUR)
    subject = "It" if form == "What colour is it?" else f"The {name}"
    return Turn(_varied(rng, form.format(name)), f"{subject} is {thing.colour}.", "colour", (thing.colour,))


def _shape(scene: Scene, rng: random.Random) -> Turn | None:
    assert isinstance(scene, Shapes)
    thing = rng.choice(scene.things)
    if len({each.shape for each in scene.things if each.colour == thing.colour}) > 1:
        return None
    if len(scene.things) == 1 and rng.random() < 0.5:
        form = rng.choice(
            ("What shape is this?", "Which shape is it?", "What shape do you see?", "What shape is it?",
             "Which shape do you see?", "What is the shape?", "Name the shape.", "What shape is in the picture?")
        )  # fmt: skip
        return Turn(_varied(rng, form), f"It is {_a(thing.shape)}.", "shape", (thing.shape,))
    if sum(each.colour == thing.colour for each in scene.things) > 1:
        question = f"What are the {thing.colour} {rng.choice(('shapes', 'things'))}?"
        return Turn(_varied(rng, question), f"They are {_many(thing.shape)}.", "shape", (thing.shape,))
    question = rng.choice(wordings.SHAPE).format(thing.colour)
    return Turn(_varied(rng, question), f"It is {_a(thing.shape)}.", "shape", (thing.shape,))


def _named(thing: Thing, scene: Shapes, rng: random.Random) -> str | None:
    """What to call one thing so that no other is meant."""
    is_only_shape = sum(each.shape == thing.shape for each in scene.things) == 1
    is_only_colour = sum(each.colour == thing.colour for each in scene.things) == 1
    both = f"{thing.colour} {thing.shape}"
    if sum(each.shape == thing.shape and each.colour == thing.colour for each in scene.things) > 1:
        return None
    kind = rng.random()
    if is_only_shape and kind < 0.5:
        return thing.shape
    if is_only_colour and kind > 0.85:
        return f"{thing.colour} {rng.choice(('shape', 'thing'))}"
    return both


def _where(scene: Scene, rng: random.Random) -> Turn | None:
    assert isinstance(scene, Shapes)
    thing = rng.choice(scene.things)
    name = _named(thing, scene, rng)
    if name is None or not is_clearly_placed(thing) or len(scene.things) > 4:
        return None
    place = position_of(thing)
    words = _at(place)
    key = f"{words}."  # with its end: "at the top left" is not "at the top"
    kind = rng.random()
    if kind < 0.3:
        asked = place if rng.random() < 0.5 else rng.choice([each for row in POSITIONS for each in row])
        answer = f"{'Yes' if asked == place else 'No'}, the {name} is {words}."
        question = rng.choice(wordings.IS_IT_THERE).format(name, _at(asked))
        return Turn(_varied(rng, question), answer, "position", (answer.split(",")[0], key))
    if len(scene.things) == 1 and kind < 0.5:
        return Turn(_varied(rng, rng.choice(wordings.WHERE_IT)), f"It is {words}.", "position", (key,))
    return Turn(_varied(rng, rng.choice(wordings.WHERE).format(name)), f"The {name} is {words}.", "position", (key,))


def _at(place: str) -> str:
    """The words for a place, as "at the top left"."""
    return f"{'in' if place == 'middle' else 'on' if place in ('left', 'right') else 'at'} the {place}"


_RELATIONS = {"left": "to the left of", "right": "to the right of", "above": "above", "below": "below"}


def _relation_of(one: Thing, other: Thing) -> str | None:
    """How one thing lies to another, where that is plain."""
    across, down = one.x - other.x, one.y - other.y
    if abs(across) > CLEARLY_APART and abs(across) > 1.6 * abs(down):
        return "left" if across < 0 else "right"
    if abs(down) > CLEARLY_APART and abs(down) > 1.6 * abs(across):
        return "above" if down < 0 else "below"
    return None


def _relation(scene: Scene, rng: random.Random) -> Turn | None:
    assert isinstance(scene, Shapes)
    if not 2 <= len(scene.things) <= 4:
        return None
    one, other = rng.sample(scene.things, 2)
    relation = _relation_of(one, other)
    names = _named(one, scene, rng), _named(other, scene, rng)
    if relation is None or None in names:
        return None
    first, second = names
    kind = rng.random()
    if kind < 0.4:  # the other kind is learned last: its first word decides it
        beside = [each for each in scene.things if each is not other and _is_there(each, other, relation)]
        if beside != [one]:
            return None
        form = rng.choice(
            ("What is {} the {}?", "What's {} the {}?", "Which shape is {} the {}?", "What do you see {} the {}?")
        )
        question = form.format(_RELATIONS[relation], second)
        return Turn(_varied(rng, question), f"The {one.colour} {one.shape}.", "position", (one.colour, one.shape))
    asked = (
        relation
        if rng.random() < 0.5
        else {"left": "right", "right": "left", "above": "below", "below": "above"}[relation]
    )
    form = rng.choice(("Is the {} {} the {}?", "Is the {} {} the {}?", "Would you say the {} is {} the {}?"))
    answer = f"{'Yes' if asked == relation else 'No'}, the {first} is {_RELATIONS[relation]} the {second}."
    question = form.format(first, _RELATIONS[asked], second)
    return Turn(_varied(rng, question), answer, "position", (answer.split(",")[0], _RELATIONS[relation]))


def _is_there(one: Thing, other: Thing, relation: str) -> bool:
    """Whether a thing lies on that side at all, plainly or not."""
    if relation in ("left", "right"):
        return (one.x < other.x) == (relation == "left")
    return (one.y < other.y) == (relation == "above")


def _is_there_one(scene: Scene, rng: random.Random) -> Turn | None:
    assert isinstance(scene, Shapes)
    thing = rng.choice(scene.things)
    colour, shape = thing.colour, thing.shape
    if rng.random() < 0.5:
        colour, shape = rng.choice(tuple(COLOURS)), rng.choice((thing.shape, rng.choice(SHAPES)))
    is_there = any(each.colour == colour and each.shape == shape for each in scene.things)
    form = rng.choice(
        ("Is there {}?", "Do you see {}?", "Can you see {}?", "Is {} in the picture?", "Does it show {}?")
    )
    name = f"{colour} {shape}"
    answer = f"Yes, there is {_a(name)}." if is_there else f"No, there is no {name}."
    return Turn(_varied(rng, form.format(_a(name))), answer, "there", (answer.split(",")[0],))


def _read(scene: Scene, rng: random.Random) -> Turn | None:
    assert isinstance(scene, Writing)
    own = (
        wordings.READ_NUMBER
        if scene.text.isdigit()
        else wordings.READ_WORD
        if len(scene.text) > 1
        else ("Which letter is this?", "What letter do you see?")
    )
    forms = own if rng.random() < 0.45 else wordings.READ
    return Turn(_varied(rng, rng.choice(forms)), f'It says "{scene.text}".', "text", (f'"{scene.text}"',))


def _spell(scene: Scene, rng: random.Random) -> Turn | None:
    """Letter by letter; words are often one token, and letters are how the model gets to them."""
    assert isinstance(scene, Writing)
    if len(scene.text) < 2:
        return None
    return Turn(_varied(rng, rng.choice(wordings.SPELL)), f"{', '.join(scene.text)}.", "spelling", tuple(scene.text))


def _ink(scene: Scene, rng: random.Random) -> Turn | None:
    assert isinstance(scene, Writing)
    what = "number" if scene.text.isdigit() else "word" if len(scene.text) > 1 else "letter"
    if rng.random() < 0.2:
        return Turn(
            "What colour is the background?",
            f"The background is {scene.background}.",
            "background",
            (scene.background,),
        )
    what = rng.choice((what, "text"))
    return Turn(
        _varied(rng, rng.choice(wordings.COLOUR).format(what)), f"The {what} is {scene.colour}.", "ink", (scene.colour,)
    )


def _bar(scene: Scene, rng: random.Random) -> Turn | None:
    assert isinstance(scene, Bars)
    kind = rng.random()
    place = rng.randrange(len(scene.heights))
    letter = scene.letters[place]
    if kind < 0.2:
        name = rng.choice(("bar", "column"))
        number = len(scene.heights)
        question = _plurals(rng.choice(wordings.HOW_MANY).format(name))
        return Turn(_varied(rng, question), f"There are {_plural(number, name)}.", "chart", (NUMBERS[number],))
    if kind < 0.5:
        form = rng.choice(wordings.HOW_HIGH)
        height = str(scene.heights[place])
        return Turn(_varied(rng, form.format(letter)), f"{letter} is {height}.", "chart", (f"is {height}",))
    is_most = rng.random() < 0.6
    best = (max if is_most else min)(range(len(scene.heights)), key=scene.heights.__getitem__)
    word = rng.choice(("tallest", "highest", "largest", "longest") if is_most else ("smallest", "lowest", "shortest"))
    form = rng.choice(
        ("Which bar is the {}?", "Which is the {} bar?", "What is the {} bar?", "Which letter has the {} bar?")
    )
    return Turn(
        _varied(rng, form.format(word)),
        f"Bar {scene.letters[best]} is the {word}.",
        "chart",
        (f"Bar {scene.letters[best]} ",),
    )


def _slice(scene: Scene, rng: random.Random) -> Turn | None:
    assert isinstance(scene, Pie)
    if rng.random() < 0.35:
        number = len(scene.shares)
        question = _plurals(rng.choice(wordings.HOW_MANY).format("slice"))
        return Turn(_varied(rng, question), f"There are {_plural(number, 'slice')}.", "chart", (NUMBERS[number],))
    best = max(range(len(scene.shares)), key=scene.shares.__getitem__)
    word = rng.choice(("largest", "biggest"))
    form = rng.choice(("Which slice is the {}?", "Which colour has the {} slice?", "What colour is the {} slice?"))
    colour = scene.colours[best]
    return Turn(_varied(rng, form.format(word)), f"The {colour} slice is the {word}.", "chart", (colour,))


def _trend(scene: Scene, rng: random.Random) -> Turn | None:
    assert isinstance(scene, Line)
    word = "rises" if scene.rises else "falls"
    form = rng.choice(
        (
            "Does the line rise or fall?",
            "Does it go up or down?",
            "Is the line rising or falling?",
            "What does the line do?",
        )
    )
    return Turn(_varied(rng, form), f"The line {word}.", "chart", (word,))


_Maker = Callable[[Scene, random.Random], Turn | None]
_MAKERS: dict[type, Sequence[_Maker]] = {
    Shapes: (  # places are asked about most: many scenes have none that is plain, and they are learned last
        *(2 * (_count, _colour, _shape)), *(4 * (_where,)), *(7 * (_relation,)), _is_there_one, _whole,
    ),
    Writing: (_read, _read, _read, _spell, _ink),
    Bars: (_bar,),
    Pie: (_slice,),
    Line: (_trend,),
}  # fmt: skip


def _varied(rng: random.Random, question: str) -> str:
    """The question as people type it: now and then in small letters, without its mark, or with a word before."""
    if not question:
        return question
    if rng.random() < 0.06:
        question = (
            rng.choice(("Please tell me: ", "Tell me, ", "Hey, ", "Ok. ", "So, ")) + question[0].lower() + question[1:]
        )
    if rng.random() < 0.12:
        question = question[0].lower() + question[1:]
    return question[:-1] if rng.random() < 0.12 else question


def _many(name: str) -> str:
    return name + ("es" if name.endswith("cross") else "s")


def _plurals(question: str) -> str:
    return question.replace("crosss", "crosses")


def _plural(number: int, name: str) -> str:
    return f"{NUMBERS[number]} {name if number == 1 else _many(name)}"


def _counted(number: int, name: str) -> str:
    return _a(name) if number == 1 else _plural(number, name)


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _sentence(words: str) -> str:
    return f"I see {words}."
