"""Architecture names to families: a literal table, so that a name out of a downloaded file is only ever looked up."""

from __future__ import annotations

from importlib import import_module

from engine.errors import UnsupportedModelError
from engine.models.spec import ModelSpec
from engine.weights.config_reader import ConfigReader

FAMILIES = {
    "LlamaForCausalLM": "engine.models.llama",
    "MistralForCausalLM": "engine.models.mistral",
    "Qwen2ForCausalLM": "engine.models.qwen2",
    "Qwen3ForCausalLM": "engine.models.qwen3",
}
ARCHITECTURE_OF_MODEL_TYPE = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}


def build_spec(config: ConfigReader) -> ModelSpec:
    """The spec of the model that a `config.json` describes.

    Raises:
        UnsupportedModelError: the family is not in the table.
        ModelFormatError: a value is missing or out of range.
    """
    named = config.raw("architectures")
    names = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    if not names:
        names = [ARCHITECTURE_OF_MODEL_TYPE.get(config.str("model_type", ""), config.str("model_type", "unknown"))]
    for name in names:
        if name in FAMILIES:
            spec: ModelSpec = import_module(FAMILIES[name]).build_spec(config)
            return spec
    known = ", ".join(name.removesuffix("ForCausalLM") for name in FAMILIES)
    raise UnsupportedModelError(
        f"The architecture {names[0]} is not supported.", f"Choose a model of one of these families: {known}."
    )
