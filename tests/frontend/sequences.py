"""Small sequences to learn that need no download, and models that learn them."""

from __future__ import annotations

import heapq
import json
import string
from pathlib import Path
from typing import Any

import numpy as np

import tensorplug as tp

SOURCES = (heapq, string, json)  # modules of the standard library that hardly change


class Characters:
    """The standard library's sources as a text; samples of it predict the next character.

    ``codes``: int64 [n] below ``vocabulary``, the printable characters (all others are one more).
    """

    def __init__(self) -> None:
        text = "".join(Path(module.__file__ or "").read_text(encoding="utf-8") for module in SOURCES)
        self.vocabulary = len(string.printable) + 1
        place = {character: i for i, character in enumerate(string.printable)}
        self.codes = np.array([place.get(c, self.vocabulary - 1) for c in text], np.int64)

    def batch(self, size: int, length: int, step: int, device: Any = "cpu") -> tuple[Any, Any]:
        """(input, target), both int64 [size, length]; the same ``step`` gives the same batch."""
        starts = np.random.default_rng(step).integers(0, len(self.codes) - length - 1, size)
        windows = np.stack([self.codes[i : i + length + 1] for i in starts])
        inputs, targets = windows[:, :-1].copy(), windows[:, 1:].copy()
        return tp.from_numpy(inputs).to(device), tp.from_numpy(targets).to(device)


def digit_rows(seed: int = 0) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """scikit-learn's digits as sequences of 8 rows: ((rows, labels) to learn, (rows, labels) held out).

    rows float32 [n, 8, 8] in 0…1, labels int64 [n]; a quarter of the 1,797 is held out.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(seed).permutation(len(data.target))
    rows = (data.images / 16).astype(np.float32)[order]
    labels = data.target.astype(np.int64)[order]
    cut = len(order) - len(order) // 4
    learn, held_out = (rows[:cut], labels[:cut]), (rows[cut:], labels[cut:])
    return tuple(map(tp.from_numpy, learn)), tuple(map(tp.from_numpy, held_out))  # type: ignore[return-value]


def language_model(
    library: Any, vocabulary: int, width: int = 64, heads: int = 4, layers: int = 2, length: int = 64
) -> Any:
    """A causal transformer over characters, in tensorplug or in torch: int64 [N, L] → logits [N, L, V]."""
    nn = library.nn

    class LanguageModel(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.characters = nn.Embedding(vocabulary, width)
            self.places = nn.Embedding(length, width)
            layer = nn.TransformerEncoderLayer(
                width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
            )
            self.encoder = nn.TransformerEncoder(
                layer, layers, nn.LayerNorm(width), enable_nested_tensor=False
            )
            self.head = nn.Linear(width, vocabulary)
            self.register_buffer("mask", library.ones(length, length, dtype=library.bool).triu(1))

        def forward(self, x: Any) -> Any:
            places = library.arange(x.shape[1], device=x.device)
            mask = self.mask[: x.shape[1], : x.shape[1]]
            return self.head(self.encoder(self.characters(x) + self.places(places), mask, is_causal=True))

    return LanguageModel()


def row_classifier(library: Any, width: int = 32, heads: int = 4, layers: int = 2) -> Any:
    """A transformer that reads a digit row by row, in tensorplug or in torch: [N, 8, 8] → logits [N, 10]."""
    nn = library.nn

    class RowClassifier(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.rows = nn.Linear(8, width)
            self.places = nn.Parameter(library.zeros(8, width))
            layer = nn.TransformerEncoderLayer(
                width, heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
            )
            self.encoder = nn.TransformerEncoder(
                layer, layers, nn.LayerNorm(width), enable_nested_tensor=False
            )
            self.head = nn.Linear(width, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.encoder(self.rows(x) + self.places).mean(1))

    return RowClassifier()
