"""Architecture names to families: a literal table, so that a name out of a downloaded file is only ever looked up."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module

from engine.errors import UnsupportedModelError
from engine.models.spec import ModelSpec
from engine.weights.config_reader import ConfigReader

FAMILIES = {
    "LlamaForCausalLM": "engine.models.llama",
    "MistralForCausalLM": "engine.models.mistral",
    "Qwen2ForCausalLM": "engine.models.qwen2",
    "Qwen3ForCausalLM": "engine.models.qwen3",
    "Gemma3ForCausalLM": "engine.models.gemma3",
    "Ministral3ForCausalLM": "engine.models.mistral3",
}
SEEING_FAMILIES = {
    "Gemma3ForConditionalGeneration": "engine.models.gemma3",
    "Mistral3ForConditionalGeneration": "engine.models.mistral3",
    "Qwen2_5_VLForConditionalGeneration": "engine.models.qwen2_5_vl",
    "Qwen3VLForConditionalGeneration": "engine.models.qwen3_vl",
}
ARCHITECTURE_OF_MODEL_TYPE = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "gemma3": "Gemma3ForConditionalGeneration",
    "ministral3": "Ministral3ForCausalLM",
    "mistral3": "Mistral3ForConditionalGeneration",
    "qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration",
    "qwen3_vl": "Qwen3VLForConditionalGeneration",
}


def build_spec(config: ConfigReader, names: Collection[str] = ()) -> ModelSpec:
    """The spec of the model that a `config.json` describes.

    Args:
        names: of the checkpoint's tensors, which tell where its parts lie; empty where they are not known.

    Raises:
        UnsupportedModelError: the family is not in the table.
        ModelFormatError: a value is missing or out of range.
    """
    found = config.raw("architectures")
    named = [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
    if not named:
        named = [ARCHITECTURE_OF_MODEL_TYPE.get(config.str("model_type", ""), config.str("model_type", "unknown"))]
    spec: ModelSpec
    for name in named:
        if name in FAMILIES:
            spec = import_module(FAMILIES[name]).build_spec(config)
            return spec
        if name in SEEING_FAMILIES:
            spec = import_module(SEEING_FAMILIES[name]).build_seeing_spec(config, names)
            return spec
    families = (*FAMILIES, *SEEING_FAMILIES)
    shown = (name.removesuffix("ForCausalLM").removesuffix("ForConditionalGeneration") for name in families)
    known = ", ".join(dict.fromkeys(shown))
    raise UnsupportedModelError(
        f"The architecture {named[0]} is not supported.", f"Choose a model of one of these families: {known}."
    )
