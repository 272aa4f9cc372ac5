"""Makes the demo model that sees, from the demo chat model: one command.

    python packaging/demo_model/make.py OUT

OUT gets `plain` (fp16, as published models are laid out), `exl3` (4 bits, what the program ships) and `scores.json`.
It needs a card for the training; without one, `--tiny` tries the road in a minute. Nothing is fetched: pictures are
drawn, and the chat model's own words keep it talking.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT)]

import torch  # noqa: E402
from chat_base import read_chat_model, short_exchanges, tokenizer_for_pictures, write_texts  # noqa: E402
from picture_stream import (  # noqa: E402
    IMAGE_PAD,
    LEAST_SQUARES,
    MOST_SQUARES,
    VISION_END,
    VISION_START,
    PictureStream,
    StreamSettings,
    Tokens,
    words_of,
)
from safetensors.torch import save_file  # noqa: E402
from score_seeing import score  # noqa: E402
from seeing_network import MEAN, MERGE, PATCH, STD, SeeingModel, TowerSizes, begun, config_of  # noqa: E402
from train_seeing import TrainingSettings, train  # noqa: E402

from engine.weights.shards import ShardIndex  # noqa: E402

BASE = ROOT / "resources" / "demo_model"
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "{{ '<|vision_start|><|image_pad|><|vision_end|>' }}{% elif 'text' in part %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SHIPPED_SHARD_BYTES = 15_000_000  # files of a repository are better small
TEXT_TOKENS = 256


def main() -> int:
    """Runs the whole road; returns the exit status."""
    options = _options()
    began = time.monotonic()

    def tell(words: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {words}", flush=True)

    out: Path = options.out
    plain, tower = out / "plain", TowerSizes()
    plain.mkdir(parents=True, exist_ok=True)
    tokenizer = json.dumps(tokenizer_for_pictures(options.base / "tokenizer.json"), ensure_ascii=False)
    (plain / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    device = torch.device("cuda" if torch.cuda.is_available() and not options.tiny else "cpu")
    _train(options, tower, device, tell)
    tell("trained")
    settings = _stream_settings(plain / "tokenizer.json", options.fonts)
    scores: dict[str, Any] = {"plain": _told(_read(plain, tower, device), settings, options.score, tell)}
    if options.bits:
        from engine.quantizer.command import convert_model  # here: a training that ended is worth more than an import
        from engine.quantizer.converter import ConvertRequest

        made = out / "exl3"
        shutil.rmtree(made, ignore_errors=True)
        request = ConvertRequest(
            plain, made, options.bits, rows=8 if options.tiny else None, shard_bytes=SHIPPED_SHARD_BYTES
        )
        convert_model(request, sys.stdout)
        tell("converted")
        scores["exl3"] = _told(_read(made, tower, device), settings, options.score, tell)
    (out / "scores.json").write_text(json.dumps(scores, indent=1))
    return 0


def _train(options: argparse.Namespace, tower: TowerSizes, device: torch.device, tell: Callable[[str], None]) -> None:
    """Trains and writes the plain folder."""
    torch.set_float32_matmul_precision("high")
    plain: Path = options.out / "plain"
    settings = _stream_settings(plain / "tokenizer.json", options.fonts)
    tokens = Tokens.open(settings.tokenizer)
    seed = 1 if options.go_on is None else 1001  # other pictures than before
    with closing(PictureStream(settings, options.workers, seed)) as stream:
        text, config = read_chat_model(options.base)
        texts = _own_words(text.to(device), tokens, 40 if options.tiny else options.texts, seed=1)
        exchanges = short_exchanges(text, tokens, 40 if options.tiny else 2 * options.texts, seed=2)
        tell(f"{len(texts)} texts of its own, {len(exchanges)} short exchanges")
        stream.begin(exchanges)
        wanted = TrainingSettings(
            options.seconds, options.tower_rate, options.text_rate, tell_every=5 if options.tiny else 250
        )
        if options.go_on is None:
            model = begun(text, tower, seed=1).to(device)
        else:
            model = _read(options.go_on, tower, device).train()
            wanted = replace(wanted, squares_until=0.0, tower_until=0.0)  # what asks about squares was not kept
        train(model, stream, texts, wanted, teacher=text)
    _write_plain(model, tokens, config, options.base, plain)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    parser.add_argument("--base", type=Path, default=BASE, help="the chat model (default: the shipped one)")
    parser.add_argument(
        "--from", dest="go_on", type=Path, help="a folder that this made, quantized or not, to go on from"
    )
    parser.add_argument("--seconds", type=float, default=600.0, help="of training (default: 600)")
    parser.add_argument("--bits", type=float, default=4.0, help="of the EXL3 folder; 0 makes none")
    parser.add_argument("--fonts", type=Path, help="a folder of fonts to print with, beside Pillow's own")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 2), help="that draw pictures")
    parser.add_argument("--tower-rate", type=float, default=1.2e-3, help="peak learning rate of the tower")
    parser.add_argument("--text-rate", type=float, default=8e-4, help="peak learning rate of the chat model")
    parser.add_argument("--texts", type=int, default=8192, help="that the chat model writes to remember itself by")
    parser.add_argument("--score", type=int, default=360, help="held-out questions of each kind")
    parser.add_argument("--tiny", action="store_true", help="only try the road")
    return parser.parse_args()


def _stream_settings(tokenizer: Path, fonts: Path | None) -> StreamSettings:
    folder = ROOT / "resources" / "calibration"
    texts = [
        (folder / name).read_text(encoding="utf-8")
        for name in ("stories.txt", "tales.txt", "scenes.txt", "technical.txt")
    ]
    return StreamSettings(tokenizer, words_of(texts), fonts)


def _own_words(text: Any, tokens: Tokens, count: int, seed: int) -> torch.Tensor:
    """Texts of the chat model, half of them conversations."""
    turn, document = tokens.encode("<|im_start|>user\n"), tokens.encode("<|endoftext|>")
    openings = [document if number % 2 else turn for number in range(count)]
    return write_texts(text, openings, TEXT_TOKENS if count > 1000 else 64, seed).clone()


def _write_plain(model: SeeingModel, tokens: Tokens, base_config: dict[str, Any], base: Path, plain: Path) -> None:
    state = {name: each.detach().half().cpu().contiguous() for name, each in model.state_dict().items()}
    save_file(state, plain / "model.safetensors", metadata={"format": "pt"})
    ids = {
        "image_token_id": tokens.image,
        "vision_start_token_id": tokens.encode(VISION_START)[0],
        "vision_end_token_id": tokens.encode(VISION_END)[0],
    }
    config = config_of(model.model.sizes, model.visual.sizes, ids, base_config)
    _write_json(plain / "config.json", config)
    square = (PATCH * MERGE) ** 2
    _write_json(
        plain / "preprocessor_config.json",
        {
            "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor",
            "min_pixels": LEAST_SQUARES * square, "max_pixels": MOST_SQUARES * square, "patch_size": PATCH,
            "temporal_patch_size": 2, "merge_size": MERGE, "image_mean": list(MEAN), "image_std": list(STD),
        },
    )  # fmt: skip
    tokenizer = json.loads((base / "tokenizer_config.json").read_text())
    tokenizer["chat_template"] = TEMPLATE
    for token in (VISION_START, VISION_END, IMAGE_PAD):
        about = {
            "content": token,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": True,
        }
        tokenizer["added_tokens_decoder"][str(tokens.encode(token)[0])] = about
    _write_json(plain / "tokenizer_config.json", tokenizer)
    shutil.copy(base / "generation_config.json", plain)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _read(folder: Path, tower: TowerSizes, device: torch.device) -> SeeingModel:
    """The network with the weights of a folder, quantized or not."""
    text, _ = read_chat_model(folder)
    model = SeeingModel(text.sizes, tower)
    model.model = text
    index, state = ShardIndex.open(folder), model.state_dict()
    for name in index.entries:
        if name.startswith("visual."):
            state[name].copy_(index.read(name))
    return model.to(device).eval()


def _told(model: SeeingModel, settings: StreamSettings, per_kind: int, tell: Any) -> dict[str, float]:
    shares, wrong = score(model, settings, per_kind)
    tell(
        "held-out pictures answered right: "
        + ", ".join(f"{kind} {100 * share:.1f} %" for kind, share in shares.items())
    )
    for line in wrong[:: max(1, len(wrong) // 24)]:
        print("   ", line)
    return shares


if __name__ == "__main__":
    sys.exit(main())
