"""Folders of tiny models that see and chat: with a tokenizer, a template and the settings of an image processor.

Imports nothing from the engine but the records that hold an image.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from tests.oracles.tiny_models import TinyModel, make_plain
from tests.oracles.tiny_seeing import END, IMAGE, ROW_END, SEEING, START, VOCAB

CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
TOKENS: dict[str, dict[str, int]] = {
    "qwen2_5_vl": {"<|image_pad|>": IMAGE, "<|vision_start|>": START, "<|vision_end|>": END},
    "qwen3_vl": {"<|image_pad|>": IMAGE, "<|vision_start|>": START, "<|vision_end|>": END},
    "gemma3": {"<image_soft_token>": IMAGE, "<start_of_image>": START, "<end_of_image>": END},
    "mistral3": {"[IMG]": IMAGE, "[IMG_BREAK]": ROW_END, "[IMG_END]": END},
}
SHOWN = {
    "qwen2_5_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "qwen3_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "gemma3": "<start_of_image>",
    "mistral3": "[IMG]",
}
PREPROCESSORS: dict[str, dict[str, Any]] = {
    "qwen2_5_vl": {"patch_size": 7, "min_pixels": 4 * 14 * 14, "max_pixels": 64 * 14 * 14, **CLIP},
    "qwen3_vl": {"patch_size": 8, "size": {"shortest_edge": 4 * 16 * 16, "longest_edge": 64 * 16 * 16}},
    "gemma3": {"size": {"width": 56, "height": 56}},
    "mistral3": {"size": {"longest_edge": 112}, **CLIP},
}
TEMPLATE = (
    "{%- for message in messages -%} "
    "{{ {'user': 't1', 'assistant': 't2', 'system': 't3', 'tool': 't4'}[message.role] }} "
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}SHOWN{% else %} {{ part.text }}{% endif %}{% endfor %}{% endif %} t5 {% endfor -%}"
    "{%- if add_generation_prompt -%} t2 {% endif -%}"
)
TEXT_ONLY = "{%- for message in messages %} {{ message.content }}{% endfor %}"


def make_chatting(folder: Path, family: str, *, seed: int = 0, only: str = "") -> TinyModel:
    """A model of plain tensors that chats; see `make_plain`."""
    model = make_plain(folder, SEEING[family](), seed=seed, only=only)
    named = {number: name for name, number in TOKENS[family].items()}
    library = Tokenizer(models.WordLevel({named.get(i, f"t{i}"): i for i in range(VOCAB)}, unk_token="t0"))
    library.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    library.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in TOKENS[family]])
    library.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(TEMPLATE.replace("SHOWN", SHOWN[family]), encoding="utf-8")
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSORS[family]), encoding="utf-8")
    return model
