"""How the weights of other formats are recognized by the names of their tensors, and how far EXL3 pads. No torch."""

from __future__ import annotations

PAD_MULTIPLE = 128

# Last part of a tensor's name -> the format that it betrays. Checked before `plain`.
FOREIGN_PARTS = {
    "qweight": "GPTQ or AWQ",
    "qzeros": "GPTQ or AWQ",
    "q_weight": "EXL2",
    "q_scale": "EXL2",
    "weight_scale": "fp8 or compressed-tensors",
    "weight_scale_inv": "fp8 with block scales",
    "weight_packed": "compressed-tensors",
    "weight_scale_2": "NVFP4",
    "weight.absmax": "bitsandbytes",
    "weight.quant_map": "bitsandbytes",
    "SCB": "bitsandbytes int8",
    "codebooks": "AQLM",
    "Qidxs": "QuIP#",
    "scales": "MLX or another integer format",
}


def padded(size: int) -> int:
    """`size` rounded up to the multiple that the EXL3 converter pads to."""
    return -(-size // PAD_MULTIPLE) * PAD_MULTIPLE
