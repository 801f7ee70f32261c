"""How large a base model is before it is loaded: its shape, how many parameters that makes, what it downloads.

Shapes of models on the hub are declared here, from their published configurations; of a local folder, the reference
model or a model that was downloaded before they are read from its own. It knows decoders of the Llama kind (Llama,
SmolLM2, Qwen 2.5, Mistral, Gemma 2 and 3); not what is done with a model.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from polylib.models import resolve

CONFIG = "config.json"
FOUR_NORMS = ("gemma2", "gemma3_text")  # kinds with four normalisations in a layer instead of two
BIASES = ("qwen2",)  # kinds whose queries, keys and values have biases


class Shape(NamedTuple):
    """A decoder's sizes, as its configuration names them.

    kind: `model_type`; heads, own: of queries, and of keys and values; width: of a head; inner: of the feed-forward
    part; tied: whether the output layer is the input's.
    """

    kind: str
    layers: int
    hidden: int
    heads: int
    own: int
    width: int
    inner: int
    vocabulary: int
    tied: bool

    @property
    def linear(self) -> tuple[tuple[int, int], ...]:
        """Return (inputs, outputs) of each linear layer of one decoder layer."""
        asked, kept = self.heads * self.width, self.own * self.width
        attention = ((self.hidden, asked), (self.hidden, kept), (self.hidden, kept), (asked, self.hidden))
        return (*attention, (self.hidden, self.inner), (self.hidden, self.inner), (self.inner, self.hidden))

    @property
    def body(self) -> int:
        """Return the parameters of all layers: those that every token passes."""
        layer = sum(inputs * outputs for inputs, outputs in self.linear)
        layer += self.hidden * (4 if self.kind in FOUR_NORMS else 2)
        layer += (self.heads + 2 * self.own) * self.width if self.kind in BIASES else 0
        layer += 2 * self.width if self.kind == "gemma3_text" else 0  # norms of queries and keys
        return self.layers * layer + self.hidden

    @property
    def head(self) -> int:
        """Return the parameters of the output layer, tied or not."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """Return how many parameters the model has."""
        return self.body + self.head * (1 if self.tied else 2)

    def adapter(self, rank: int) -> int:
        """Return the parameters of a LoRA adapter of this rank on all linear layers."""
        return self.layers * rank * sum(inputs + outputs for inputs, outputs in self.linear)


LLAMA_VOCABULARY = 128_256
KNOWN: dict[str, Shape] = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": Shape("llama", 30, 576, 9, 3, 64, 1536, 49_152, True),
    "HuggingFaceTB/SmolLM2-360M-Instruct": Shape("llama", 32, 960, 15, 5, 64, 2560, 49_152, True),
    "Qwen/Qwen2.5-0.5B-Instruct": Shape("qwen2", 24, 896, 14, 2, 64, 4864, 151_936, True),
    "Qwen/Qwen2.5-7B-Instruct": Shape("qwen2", 28, 3584, 28, 4, 128, 18_944, 152_064, False),
    "meta-llama/Llama-3.2-1B-Instruct": Shape("llama", 16, 2048, 32, 8, 64, 8192, LLAMA_VOCABULARY, True),
    "meta-llama/Llama-3.2-3B-Instruct": Shape("llama", 28, 3072, 24, 8, 128, 8192, LLAMA_VOCABULARY, True),
    "meta-llama/Llama-3.1-8B-Instruct": Shape("llama", 32, 4096, 32, 8, 128, 14_336, LLAMA_VOCABULARY, False),
    "mistralai/Mistral-7B-Instruct-v0.3": Shape("mistral", 32, 4096, 32, 8, 128, 14_336, 32_768, False),
    "google/gemma-2-2b-it": Shape("gemma2", 26, 2304, 8, 4, 256, 9216, 256_000, True),
}


class Source(NamedTuple):
    """Where a model comes from: its name as given, its shape (None if unknown), and whether it must be downloaded."""

    model: str
    revision: str
    shape: Shape | None
    download: bool


def source_of(model: str, revision: str = "") -> Source:
    """Return where a model comes from and how large it is; nothing is loaded and nothing fetched."""
    folder = Path(resolve(model))
    if folder.is_dir():
        return Source(model, revision, read_shape(folder / CONFIG), False)
    from huggingface_hub import try_to_load_from_cache

    held = try_to_load_from_cache(model, CONFIG, revision=revision or None) if model.count("/") == 1 else None
    there = isinstance(held, str) and _complete(Path(held).parent)
    shape = KNOWN.get(model) or (read_shape(Path(held)) if isinstance(held, str) else None)
    return Source(model, revision, shape, not there)


def _complete(folder: Path) -> bool:
    """Return whether a downloaded model's weights are all here."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return (folder / "model.safetensors").is_file()
    try:
        parts = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError):
        return False
    return all((folder / str(part)).is_file() for part in parts)


def read_shape(path: Path) -> Shape | None:
    """Return the shape that a `config.json` declares; None where it is of another kind of model or cannot be read."""
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        heads = int(config["num_attention_heads"])
        return Shape(
            kind=str(config["model_type"]),
            layers=int(config["num_hidden_layers"]),
            hidden=int(config["hidden_size"]),
            heads=heads,
            own=int(config.get("num_key_value_heads") or heads),
            width=int(config.get("head_dim") or config["hidden_size"] // heads),
            inner=int(config["intermediate_size"]),
            vocabulary=int(config["vocab_size"]),
            tied=bool(config.get("tie_word_embeddings", False)),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
