"""Chooses the weight format of each linear by the tensors that are present, never by what a JSON file claims.

A new format is one file and one line of `FORMATS`. Formats that are recognised but cannot be read are refused by name.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from engine.errors import ModelFormatError, UnsupportedModelError
from engine.quant.foreign import FOREIGN_PARTS
from engine.quant.linear_request import LinearRequest, QuantFormat
from engine.quant.tensors import LinearWeights
from engine.weights.safetensors_header import quoted
from engine.weights.shards import ShardIndex

# Asked in this order. `plain` is last because other formats also have a `.weight`.
FORMATS = {
    "exl3": "engine.quant.exl3:Exl3Format",
    "plain": "engine.quant.plain:PlainFormat",
}


def read_linear(
    index: ShardIndex, key: str, in_features: int, out_features: int, has_bias: bool | None = None
) -> LinearWeights:
    """Reads one linear in whatever format its tensors are.

    Args:
        index: the model's tensors.
        key: checkpoint name without the last part, "model.layers.0.mlp.up_proj".
        in_features: true input size by the config, without padding.
        out_features: true output size by the config, without padding.
        has_bias: True needs a bias, False ignores one, None reads one if the file has it.

    Raises:
        ModelFormatError: tensors are missing, damaged, or contradict the sizes or each other.
        UnsupportedModelError: the tensors are of a format, or a variant of one, that cannot be read.
    """
    request = LinearRequest(key, in_features, out_features, has_bias)
    for name in FORMATS:
        if name == "plain":
            _refuse_foreign(index, key)
        quant_format = _load_format(name)
        if quant_format.claims(index, key):
            return quant_format.read(index, request)
    raise ModelFormatError(
        f"{index.folder} has no weights for {quoted(key)}: expected {quoted(key + '.trellis')} or "
        f"{quoted(key + '.weight')}{_found_instead(index, key)}.",
        "A shard may be missing or config.json may belong to another model; download the model again.",
    )


def _load_format(name: str) -> QuantFormat:
    module, _, class_name = FORMATS[name].partition(":")
    return cast(QuantFormat, getattr(import_module(module), class_name)())


def _refuse_foreign(index: ShardIndex, key: str) -> None:
    for part, format_name in FOREIGN_PARTS.items():
        if f"{key}.{part}" in index:
            raise UnsupportedModelError(
                f"{index.entry(f'{key}.{part}').path}: tensor {quoted(f'{key}.{part}')} is of the format "
                f"{format_name}, which this program does not read.",
                "Choose an EXL3 version of the model, or one in fp16 or bf16.",
            )


def _found_instead(index: ShardIndex, key: str) -> str:
    near = [name for name in index.entries if name.startswith(key + ".")][:3]
    return f", found only {', '.join(quoted(name) for name in near)}" if near else ""
