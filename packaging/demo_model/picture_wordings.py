"""How people ask about pictures: forms of questions, `{}` for what is asked about. Knows nothing of answers."""

from __future__ import annotations

WHOLE = (
    "What is in the picture?", "What's in the picture?", "What do you see?", "What can you see?",
    "What can you see in this picture?", "Describe the picture.", "Describe this image.", "What is this?",
    "What's this?", "What does the picture show?", "What is shown here?", "Tell me what you see.", "What is it?",
    "What's in this image?", "What is on the picture?", "Can you describe this?", "Can you see this?", "Look at this.",
    "And this?", "What about this one?", "And what is this?", "Please describe the image.", "", "", "",
)  # fmt: skip
HOW_MANY = (
    "How many {}s are there?", "How many {}s do you see?", "How many {}s are in the picture?", "Count the {}s.",
    "How many {}s can you see?", "How many {}s?", "Can you count the {}s?", "What is the number of {}s?",
    "Please count the {}s.", "How many {}s does the picture have?", "Tell me how many {}s there are.",
)  # fmt: skip
COLOUR = (
    "What colour is the {}?", "What color is the {}?", "Which colour is the {}?", "Which color does the {} have?",
    "What colour does the {} have?", "Tell me the colour of the {}.", "What is the colour of the {}?",
    "What is the color of the {}?", "What's the colour of the {}?", "The {} is what colour?", "Name the {}'s colour.",
)  # fmt: skip
SHAPE = (
    "What shape is {}?", "Which shape is {}?", "What is {}?", "What's {}?", "Which thing is {}?", "Name the {} shape.",
    "What is the {} shape?", "What is the {} thing?", "What shape is the {} one?", "Which shape is the {} one?",
    "What's the {} thing?", "What kind of shape is {}?",
)  # fmt: skip
WHERE = (
    "Where is the {}?", "Where's the {}?", "Where do you see the {}?", "Where in the picture is the {}?",
    "In which part of the picture is the {}?", "What is the position of the {}?", "Where can I find the {}?",
    "Tell me where the {} is.", "At which place is the {}?",
)  # fmt: skip
IS_IT_THERE = ("Is the {} {}?", "Is the {} {}?", "Would you say the {} is {}?", "Is the {} {} of the picture?")
WHERE_IT = ("Where is it?", "And where is it?", "Where in the picture is it?", "In which place is it?")
HOW_HIGH = (
    "How high is bar {}?", "What is the value of {}?", "What value does {} have?", "How tall is bar {}?",
    "Which value has bar {}?",
)  # fmt: skip
READ = (
    "What does it say?", "What does the picture say?", "What is written here?", "Read the text.", "Read it.",
    "What text is in the picture?", "What is written in the picture?", "Can you read this?", "What's written there?",
    "Please read the text.", "What does the text say?", "Read it to me.", "What text do you see?", "What stands here?",
)  # fmt: skip
READ_NUMBER = (
    "What number is this?", "Which number do you see?", "What number is in the picture?", "Read the number.",
    "What number do you see?", "What is the number?", "Which number is shown?", "Which digits do you see?",
)  # fmt: skip
READ_WORD = (
    "What word is this?", "Which word do you see?", "What word is in the picture?", "Read the word.",
    "What is the word?", "Which word is shown?", "What word do you see?",
)  # fmt: skip
SPELL = (
    "Spell it.", "Spell the text.", "Spell what you read.", "Can you spell it?", "Which characters do you see?",
    "What are the letters?", "Spell it out.", "Read it letter by letter.",
)  # fmt: skip
