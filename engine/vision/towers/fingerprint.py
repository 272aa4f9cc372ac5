"""A name for the weights of a vision tower, so that equal pixels seen by other weights get other names.

Samples the tensors as they are loaded. Knows nothing of prompts or of caches.
"""

from __future__ import annotations

import hashlib

import torch

from engine.vision.towers.spec import TowerSpec
from engine.vision.towers.types import VisionTower

SAMPLES = 256  # of each tensor, evenly spread: two trainings of one shape differ nearly everywhere
FINGERPRINT_BYTES = 16


def tower_fingerprint(spec: TowerSpec, tower: VisionTower) -> bytes:
    """16 bytes that differ when the tower's sizes or its weights do."""
    digest = hashlib.blake2b(repr(spec).encode(), digest_size=FINGERPRINT_BYTES)
    samples = []
    for tensor in tower.weights:
        digest.update(repr((tuple(tensor.shape), tensor.dtype)).encode())
        flat = tensor.detach().reshape(-1)
        samples.append(flat[:: max(flat.numel() // SAMPLES, 1)].float())
    digest.update(torch.cat(samples).cpu().numpy().tobytes())  # at once: from a card every copy waits for the card
    return digest.digest()
