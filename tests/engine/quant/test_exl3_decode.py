"""Decoding EXL3: the format's published digests, the reference's own matrices, and an oracle written apart."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.quant.exl3 import Exl3Format
from engine.quant.exl3_decode import codebook_table, decode_inner, dequantize, hadamard_rotate, tile_states
from engine.quant.linear_request import LinearRequest
from engine.quant.tensors import Codebook, Exl3Linear
from engine.weights.shards import ShardIndex
from tests.oracles import exl3_numpy as oracle

CODEBOOKS: tuple[Codebook, ...] = ("3inst", "mcg", "mul1")
GOLDEN = Path(__file__).resolve().parents[3] / ".." / "shared" / "golden"

TABLES = {"3inst": "ad88de2dcff5bb05", "mcg": "95383563929baa9d", "mul1": "bc48d02cb1c14939"}

# K: the states 0 to 3 and 255 of the pattern tile, then its digest for each codebook.
TILES = {
    1: ([0xAE77, 0x5CEF, 0xB9DE, 0x73BC, 0xD73B], "c852f360145b9c12", "c356c6b1b26dad71", "1f53d45fc89fc298"),
    2: ([0xEAAF, 0xAABC, 0xAAF3, 0xABCE, 0xBAAB], "e4a1ca57b6b40355", "7bd477b88cd7db6d", "1aed401fc5748090"),
    3: ([0xF0DE, 0x86F3, 0x379C, 0xBCE7, 0x9E1B], "d63e8314946d753c", "900d9266df06f2fc", "978c70dbcfbadcbe"),
    4: ([0x18BC, 0x8BCE, 0xBCE7, 0xCE70, 0x818B], "1c20722904ffa645", "5aec05f71e92beb4", "fe3af5cd34a61ec0"),
    5: ([0x9F79, 0xEF39, 0xE738, 0xE703, 0x64FB], "aaaadfeba1d15f49", "a89fd79630ea012a", "88d06cc6816bedc0"),
    6: ([0x1AF3, 0xBCE7, 0x39C0, 0x7030, 0x486B], "18ae871289fbabc5", "cdefd7d6af7ca0fa", "b7a16dfe22cfe0aa"),
    7: ([0xEDE7, 0xF39C, 0xCE06, 0x0303, 0x2BDB], "75b38886137b97a9", "fdb02fe9ca0fb622", "94e4001ed572cf2a"),
    8: ([0x4BCE, 0xCE70, 0x7030, 0x3039, 0x0F4B], "33aee21e94be5c9d", "e55b022e843a371a", "890469f3dfc1bc50"),
}


def digest(values: torch.Tensor | oracle.Array) -> str:
    array = values.numpy() if isinstance(values, torch.Tensor) else values
    return hashlib.sha256(np.ascontiguousarray(array).astype("<f2").tobytes()).hexdigest()[:16]


def pattern_tile(bits: int) -> oracle.Array:
    words = (40503 * np.arange(16 * bits) + 12345) % 65536
    return words.astype(np.uint16).view(np.int16).reshape(1, 1, -1)


def as_linear(trellis: torch.Tensor, codebook: Codebook, bits: int) -> Exl3Linear:
    rows, columns = 16 * trellis.shape[0], 16 * trellis.shape[1]
    ones = torch.ones(max(rows, columns), dtype=torch.float16)
    return Exl3Linear("x", rows, columns, bits, codebook, trellis, ones[:rows], ones[:columns], None)


@pytest.mark.parametrize("codebook", CODEBOOKS)
def test_codebook_tables_have_the_published_digests(codebook: Codebook) -> None:
    assert codebook_table(codebook).dtype == torch.float16
    assert digest(codebook_table(codebook)) == TABLES[codebook]
    assert digest(oracle.codebook_table(codebook)) == TABLES[codebook]


@pytest.mark.parametrize("bits", TILES)
def test_states_of_the_pattern_tile(bits: int) -> None:
    words = pattern_tile(bits)
    for states in (tile_states(torch.from_numpy(words)).numpy(), oracle.tile_states(words)):
        assert [int(state) for state in states[0, 0, [0, 1, 2, 3, 255]]] == TILES[bits][0]


@pytest.mark.parametrize("codebook", CODEBOOKS)
@pytest.mark.parametrize("bits", TILES)
def test_pattern_tiles_have_the_published_digests(bits: int, codebook: Codebook) -> None:
    expected = TILES[bits][1 + CODEBOOKS.index(codebook)]
    words = pattern_tile(bits)
    assert digest(decode_inner(as_linear(torch.from_numpy(words), codebook, bits))) == expected
    assert digest(oracle.decode_inner(words, codebook)) == expected


def test_rotation_has_the_published_values_and_is_its_own_inverse() -> None:
    x = (((29 * torch.arange(128) + 7) % 61) - 30) / 8
    rotated = hadamard_rotate(x)
    expected = torch.tensor([-0.762349, -0.961223, -1.248485, 0.673961, 0.872835, 0.673961])
    torch.testing.assert_close(rotated[:6], expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(hadamard_rotate(rotated), x, rtol=0, atol=1e-5)
    np.testing.assert_allclose(rotated.numpy(), x.double().numpy() @ oracle.hadamard(), atol=1e-6)


@pytest.mark.parametrize("codebook", CODEBOOKS)
@pytest.mark.parametrize("bits", range(1, 9))
def test_decode_equals_the_reference(bits: int, codebook: Codebook) -> None:
    """Decoded matrices bit for bit; outputs within the fp16 rounding of the reference's activations."""
    if not GOLDEN.is_dir():
        pytest.skip("the reference's own data is not beside the project")
    golden = golden_file()
    prefix = f"{codebook}.k{bits}"
    parts = {name: golden.read(f"{prefix}.{name}") for name in ("trellis", "suh", "svh")}
    linear = Exl3Linear(prefix, 256, 384, bits, codebook, parts["trellis"], parts["suh"], parts["svh"], None)
    inner = golden.read(f"{prefix}.inner")
    assert torch.equal(decode_inner(linear).view(torch.int16), inner.view(torch.int16))
    weight = dequantize(linear)
    for rows in (1, 5, 33):
        expected = golden.read(f"{prefix}.y{rows}")
        # One row of mul1 goes through 8-bit activations in the reference, which costs it about 1 %.
        bound = 2e-2 if rows == 1 and codebook == "mul1" else 2e-3
        output = golden.read(f"{prefix}.x{rows}").float() @ weight
        assert float((output - expected).norm() / expected.norm()) <= bound


def golden_file() -> ShardIndex:
    return ShardIndex.open(GOLDEN)


@pytest.mark.parametrize(
    ("in_features", "out_features", "legacy"),
    [(128, 128, False), (200, 300, False), (130, 100, True), (384, 256, True)],
)
@pytest.mark.parametrize("codebook", CODEBOOKS)
def test_dequantize_equals_the_oracle(
    tmp_path: Path, in_features: int, out_features: int, legacy: bool, codebook: Codebook
) -> None:
    bits = 1 + (in_features + out_features) % 8
    parts = oracle.make_exl3_linear(in_features, out_features, bits, codebook, seed=bits, legacy_signs=legacy)
    oracle.write_safetensors(tmp_path / "model.safetensors", oracle.with_prefix("layer", parts))
    index = ShardIndex.open(tmp_path)
    linear = Exl3Format().read(index, LinearRequest("layer", in_features, out_features))
    ours, expected = dequantize(linear).numpy(), oracle.dequantize(parts, in_features, out_features)
    assert ours.shape == (in_features, out_features)
    assert np.linalg.norm(ours - expected) <= 1e-6 * np.linalg.norm(expected)


def test_padding_does_not_leak(tmp_path: Path) -> None:
    """A padded linear equals its padded self on zero-extended inputs, and its padded outputs are exactly 0."""
    parts = oracle.make_exl3_linear(200, 100, 4, "mul1", seed=3)
    whole = oracle.dequantize(parts, 256, 128)
    assert not whole[:, 100:].any()
    x = np.random.default_rng(0).normal(size=(3, 200))
    padded = np.pad(x, ((0, 0), (0, 56)))
    np.testing.assert_allclose(x @ oracle.dequantize(parts, 200, 100), (padded @ whole)[:, :100], atol=1e-12)
