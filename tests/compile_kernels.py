"""Compiles the processor's kernels that most tests need into the tests' cache: `python -m tests.compile_kernels`.

For the time in which the other checks leave a core idle; without it the tests compile for themselves, several times.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tests import conftest

SIZES = {
    "vocab_size": 384, "hidden_size": 256, "intermediate_size": 384, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 2048,
}  # fmt: skip


def main() -> None:
    """Linears of all kinds for one row, a few and many; then replies of the demo model."""
    from transformers import LlamaConfig  # here: numba asks where its cache is, which conftest says, on import

    from engine import SamplingSettings, load_model
    from tests.oracles.tiny_models import make_exl3, random_ids

    with TemporaryDirectory() as folder:
        model = make_exl3(Path(folder), LlamaConfig(**SIZES))
        for num_tokens in (1, 3, 70):
            load_model(model.folder, device="cpu", cache_tokens=1024).logits(random_ids(num_tokens, 384))
    session = load_model(conftest.ROOT / "resources" / "demo_model", device="cpu", cache_tokens=1024)
    for settings in (SamplingSettings(temperature=0.0, max_new_tokens=4), SamplingSettings(max_new_tokens=4, seed=1)):
        list(session.generate("Hello", settings))


if __name__ == "__main__":
    main()
