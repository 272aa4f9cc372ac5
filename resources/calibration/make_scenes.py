"""Writes scenes.txt: short scenes put together by chance out of our own sentences, words and turns.

    python resources/calibration/make_scenes.py

Calibration asks for varied English, not for sense: every scene has people, a place, a thing and a small trouble that
keep their names throughout, so that what stands earlier in a row says something about what comes later.
"""

from __future__ import annotations

import random
from pathlib import Path

SEED, SCENES = 11, 170

NAMES = (
    "Agnes", "Bartholomew", "Cora", "Dmitri", "Edith", "Fergus", "Greta", "Harold", "Ines", "Jonas", "Katya", "Leopold",
    "Marian", "Nils", "Odette", "Percival", "Quentin", "Rosalind", "Stanislav", "Tabitha", "Ulrich", "Violet", "Wendell",
    "Yusuf", "Zelda", "Mr. Hobbs", "Mrs. Lindqvist", "Captain Drury", "Dr. Amari", "old Peter", "Miss Calloway", "the miller",
)  # fmt: skip
PLACES = (
    "the harbour", "a narrow street behind the market", "the library", "the orchard", "an inn at the crossroads",
    "the railway station", "a cold kitchen", "the edge of the forest", "the schoolhouse", "a garden full of weeds",
    "the third floor of a grey building", "the ferry", "the old observatory", "a workshop that smelled of glue",
    "the churchyard", "a farm two miles from the sea", "the mountain hut", "a laboratory", "the town hall", "the beach",
)  # fmt: skip
THINGS = (
    "letter", "clock", "violin", "map", "key", "lantern", "basket of plums", "photograph", "silver spoon", "kite",
    "suitcase", "telescope", "loaf of bread", "ring", "notebook", "umbrella", "teapot", "rope", "coat", "painting",
)  # fmt: skip
WEATHER = (
    "Rain had been falling since noon", "The fog was so thick that the lamps looked like moons",
    "It was the hottest day of the year", "Snow lay on every roof", "A warm wind came up from the south",
    "The evening was clear and very still", "Clouds were gathering over the hills", "Frost had drawn ferns on the windows",
    "The sun had only just risen", "Thunder rolled somewhere beyond the river",
)  # fmt: skip
MOODS = (
    "tired", "cheerful", "suspicious", "hungry", "proud", "ashamed", "curious", "angry", "patient", "frightened",
    "astonished", "lonely", "relieved", "stubborn", "gentle", "restless",
)  # fmt: skip
MANNERS = (
    "slowly", "without a word", "with a sigh", "as if nothing had happened", "in a low voice", "rather too loudly",
    "after a long silence", "with great care", "at once", "under his breath", "for the second time", "as politely as possible",
)  # fmt: skip
OPENINGS = (
    "{weather}, and {a} had been waiting at {place} for more than an hour.",
    "{weather}. {a} and {b} met, as they did every {day}, at {place}.",
    "Nobody at {place} remembered when {a} had first come there, least of all {a}.",
    "\u201cYou are late,\u201d said {a}, who was {mood}, when {b} came to {place} at last.",
    "There was a {thing} on the table at {place}, and it had not been there in the morning.",
    "In the year when the bridge fell, {a} kept a {thing} at {place} and told nobody about it.",
    "{a} walked down to {place} {manner}. {weather}.",
    "When {a} was a child, {place} had seemed as large as a kingdom; now it was only a place with a draught.",
)
MIDDLES = (
    "{b} looked at the {thing}, turned it over twice, and laid it down {manner}.",
    "It is a curious fact that a {thing} is never found by the person who is looking for it.",
    "\u201cI don't believe it,\u201d said {b} {manner}. \u201cA {thing} doesn't walk away by itself.\u201d",
    "\u201cWhere did you get that {thing}?\u201d asked {b}. \u201cIt belonged to my father,\u201d said {a}, \u201cor so I was told.\u201d",
    "For {number} years {a} had thought of this moment, and now that it was there, it was quite different.",
    "{weather}; still they went on, {a} in front, {b} {number} steps behind, and neither of them spoke.",
    "{c} had seen them from the window and came out, {mood} and a little out of breath.",
    "\u201cThe {thing} is worth {number} crowns,\u201d {c} said, \u201cand not a penny less.\u201d",
    "What {b} wanted was simple: a dry bed, a hot supper, and the {thing}.",
    "There are people who can lose a {thing} and sleep well the same night, but {a} was not one of them.",
    "Somewhere a dog barked, a door was shut, and then it was so quiet that they could hear the {thing2} tick, or so it seemed.",
    "{a} felt {mood}, then {mood2}, and in the end merely hungry.",
    "They counted the money: there were {number} coins and a button, which was {number2} fewer than they needed.",
    "\u201cIf you ask me,\u201d said {c}, though nobody had asked, \u201cthe {thing} was never here. It was at {place2} the whole time!\u201d",
    "The road to {place2} goes uphill at first, past {number} gates and a well, and is hard to find in the dark.",
    "{b} opened the {thing2}; inside there was a smaller {thing2}, and inside that, folded many times, a piece of paper.",
    "On the paper stood, in a hand that {a} knew very well: \u201cGive the {thing} to {c}. Do not ask why.\u201d",
    "Why should anyone hide a {thing2} in a {thing}? And who, if not {c}, could have done it?",
    "She had been told, when she was small, that patience is the better part of courage; she had never understood it until now.",
    "He took off his hat, he put it on again, he looked at the ceiling: it was plain that he had something on his mind.",
    "Neither the doctor nor the priest could say what was the matter, and the postman, who knew everything, said nothing.",
    "\u201cOh, but that's impossible!\u201d cried {b}. \u201cI saw it myself, this very morning, between the {thing2} and the door.\u201d",
    "The more {a} explained, the less {b} understood, until both began to laugh.",
    "By the time the bells struck {number}, half the town had heard of the {thing} and the other half had invented it.",
    "It had been a {mood} winter for {c}, who lived alone with a cat, two hens and a {thing2}.",
    "{a} remembered the smell of {place2}, the long grass, the voices in the evening, and how the summers had seemed to have no end.",
)
ENDINGS = (
    "So the {thing} stayed where it was, and perhaps it is there to this day.",
    "In the end {b} gave the {thing} back, and {a} never spoke of it again.",
    "\u201cWell,\u201d said {c}, \u201cthat is that.\u201d And it was.",
    "They parted at {place}, and it was {number} years before they met again.",
    "{a} laughed {manner}, took the {thing} under one arm, and went home to supper.",
    "When morning came, {place} was empty, except for a {thing} and a single glove.",
    "Nobody noticed that {b} was crying, or if they did, they were kind enough to look at the sea.",
)
DAYS = ("Monday", "Tuesday", "market day", "Sunday", "second Thursday", "winter", "spring")
NUMBERS = ("two", "three", "five", "seven", "eleven", "twelve", "fifteen", "twenty", "thirty-one", "a hundred")


def scene(chance: random.Random) -> str:
    """One scene of two to four paragraphs."""
    a, b, c = chance.sample(NAMES, 3)
    place, place2 = chance.sample(PLACES, 2)
    thing, thing2 = chance.sample(THINGS, 2)

    def fill(sentence: str) -> str:
        mood, mood2 = chance.sample(MOODS, 2)
        number, number2 = chance.sample(NUMBERS, 2)
        text = sentence.format(
            a=a, b=b, c=c, place=place, place2=place2, thing=thing, thing2=thing2, mood=mood, mood2=mood2,
            number=number, number2=number2, weather=chance.choice(WEATHER), manner=chance.choice(MANNERS),
            day=chance.choice(DAYS),
        )  # fmt: skip
        return text[0].upper() + text[1:]

    middles = chance.sample(MIDDLES, chance.randint(5, 11))
    sentences = [fill(each) for each in (chance.choice(OPENINGS), *middles, chance.choice(ENDINGS))]
    paragraphs: list[list[str]] = [[]]
    for sentence in sentences:
        if len(paragraphs[-1]) >= 2 and chance.random() < 0.35:
            paragraphs.append([])
        paragraphs[-1].append(sentence)
    return "\n\n".join(" ".join(each) for each in paragraphs)


def main() -> None:
    chance = random.Random(SEED)
    text = "\n-----\n".join(scene(chance) for _ in range(SCENES))
    Path(__file__).with_name("scenes.txt").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
