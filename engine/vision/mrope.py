"""Positions for Qwen's vision models: every token has three, of time, height and width ("mrope").

A text token has the same position three times. The embeddings of an image share one time and count rows and columns
from there, and the text goes on after the longer side; so behind an image the position runs behind the place in the
sequence. Section B.8 of the engine notes. Knows nothing of the rotation's tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.vision.prompt import ImageSpan

STREAMS = 3  # time, height, width


@dataclass(frozen=True, eq=False)
class MropePositions:
    """Positions of a prompt.

    Attributes:
        positions: int64 [3, T]: time, height, width.
        offset: position minus place of every token after the prompt; never above 0.
    """

    positions: torch.Tensor
    offset: int


def mrope_positions(num_tokens: int, spans: Sequence[ImageSpan]) -> MropePositions:
    """Positions of a prompt whose images stand at `spans`, in order; both layouts of mrope use the same ones.

    Args:
        num_tokens: ids of the prompt.
        spans: from `engine.vision.prompt.find_images`, without ends of rows.
    """
    pieces: list[torch.Tensor] = []
    place = position = 0
    for span in spans:
        assert place <= span.start, "spans overlap or are out of order"
        assert span.stride == span.columns, "mrope has no place for ends of rows"
        pieces.append(_text(position, span.start - place))
        position += span.start - place
        pieces.append(_image(position, span.rows, span.columns))
        position += max(span.rows, span.columns)
        place = span.end
    assert place <= num_tokens, "a span ends behind the prompt"
    pieces.append(_text(position, num_tokens - place))
    return MropePositions(torch.cat(pieces, dim=1), position - place)


def chunked_streams(sections: Sequence[int]) -> torch.Tensor:
    """Which stream turns each frequency in Qwen2.5-VL: the first `sections[0]` time, then height, then width.

    Returns:
        int64 [sum(sections)], 0 to 2; the frequencies are half as many as rotated values.
    """
    assert len(sections) == STREAMS, sections
    return torch.repeat_interleave(torch.arange(STREAMS), torch.tensor(list(sections)))


def interleaved_streams(sections: Sequence[int]) -> torch.Tensor:
    """Which stream turns each frequency in Qwen3-VL: time, height and width in turn for as long as each lasts.

    Height has every third frequency from 1 on, width from 2 on, both below three times their section; time the rest.

    Returns:
        int64 [sum(sections)], 0 to 2.
    """
    assert len(sections) == STREAMS, sections
    streams = torch.zeros(sum(sections), dtype=torch.int64)
    for stream in (1, 2):
        streams[stream : STREAMS * sections[stream] : STREAMS] = stream
    return streams


def _text(position: int, count: int) -> torch.Tensor:
    return torch.arange(position, position + count).expand(STREAMS, count)


def _image(position: int, rows: int, columns: int) -> torch.Tensor:
    time = torch.zeros(rows * columns, dtype=torch.int64)
    height = torch.arange(rows).repeat_interleave(columns)
    width = torch.arange(columns).repeat(rows)
    return torch.stack((time, height, width)) + position
