"""Adapters, and the base that ships with Polylib, as GGUF files for llama.cpp, which scales adapters per request.

Only Llama-architecture bases are written here: llama.cpp orders the rows of their query and key weights in another
way (pairs that rotate together stand side by side), and an adapter's rows must follow. The label is part of the file's
metadata. It needs the `gguf` package, which is not installed with Polylib; it knows the file layout, not what an
engine does with it.

Source: llama.cpp, `convert_lora_to_gguf.py` and `src/llama-adapter.cpp` (key and tensor names, checks at loading).
"""

import hashlib
import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from polylib.disclose.label import CONFIG_FILE, WEIGHTS_FILE, Label, check_label
from polylib.errors import PolylibError
from polylib.files import atomic_path, read_json
from polylib.models import LoadedModel
from polylib.serve.export_adapters import check_plain

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

LABEL_KEY, TENSORS_KEY = "polylib.disclosure", "polylib.tensors_sha256"
MODEL_TYPES = ("llama", "mistral")
ROTATED = ("attn_q.weight", "attn_k.weight")


def gguf_library() -> Any:
    """Return the `gguf` package. Raises PolylibError with the command that installs it where it is missing."""
    try:
        return importlib.import_module("gguf")
    except ImportError as error:
        raise PolylibError(
            "export for llama.cpp", "needs the package gguf (MIT), which is not installed",
            remedy="python3 -m pip install 'gguf>=0.17,<1', with the Python of Polylib's .venv",
        ) from error  # fmt: skip


def write_adapter(loaded: LoadedModel, source: Path, path: Path) -> Label:
    """Write the labelled adapter in `source` as a GGUF file with its label, read it back, and return the label.

    Raises PolylibError where the label does not verify, the adapter is no plain LoRA of a Llama-architecture base, or
    the file does not hold what was written.
    """
    gguf, label = gguf_library(), check_label(source, loaded.content_hash)
    check_plain(source, "llama.cpp")
    settings, tensors = read_json(source / CONFIG_FILE), adapter_tensors(loaded, source)
    factor = settings["r"] ** 0.5 if settings.get("use_rslora") else 1.0
    with atomic_path(path) as temporary:
        writer = gguf.GGUFWriter(temporary, "llama")
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(settings["lora_alpha"]) * factor)
        writer.add_name(f"{label.adapter} adapter of {label.base_model}")
        writer.add_description(label.banner)
        writer.add_string(LABEL_KEY, label.model_dump_json())
        writer.add_string(TENSORS_KEY, tensors_hash(tensors))
        _finish(writer, tensors)
    if check_gguf(path) != label:
        raise PolylibError(str(path), "its label changed while it was written", remedy="export again")
    return label


def check_gguf(path: Path) -> Label:
    """Return the label inside an exported GGUF adapter.

    Raises PolylibError where it is missing, malformed, or the tensors are not those that were written.
    """
    gguf, remedy = gguf_library(), "export it again"
    try:
        reader = gguf.GGUFReader(path)
        said = {name: reader.get_field(name) for name in (LABEL_KEY, TENSORS_KEY)}
        tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    except (ValueError, IndexError, OSError, OverflowError) as error:
        raise PolylibError(str(path), f"is not a complete GGUF file ({error})", remedy=remedy) from error
    for name, field in said.items():
        if field is None:
            raise PolylibError(str(path), f"the adapter has no label ({name} is missing)", remedy=remedy)
    if said[TENSORS_KEY].contents() != tensors_hash(tensors):
        raise PolylibError(str(path), "its tensors are not those its label was written for", remedy=remedy)
    try:
        return Label.model_validate_json(said[LABEL_KEY].contents())
    except ValidationError as error:
        raise PolylibError(str(path), f"its label is malformed: {error.errors()[0]['msg']}", remedy=remedy) from error


def adapter_tensors(loaded: LoadedModel, source: Path) -> "dict[str, NDArray[numpy.float32]]":
    """Return an adapter's factors by llama.cpp's names, rows of queries and keys in llama.cpp's order."""
    from safetensors.numpy import load_file

    config, names = loaded.model.config, _names(loaded)
    found = {}
    for key, value in load_file(source / WEIGHTS_FILE).items():
        module, _, part = key.removeprefix("base_model.model.").rpartition(".lora_")
        side = part.removesuffix(".weight").lower()
        name = names.get_name(f"{module}.weight", try_suffixes=(".weight",))
        if side not in ("a", "b") or name is None:
            raise PolylibError(f"{source}: {key}", "has no place in a Llama-architecture model of llama.cpp")
        rotated = side == "b" and name.endswith(ROTATED)
        heads = config.num_key_value_heads if "attn_k" in name else config.num_attention_heads
        found[f"{name}.lora_{side}"] = interleaved(value, heads) if rotated else value
    return {name: value.astype("float32") for name, value in sorted(found.items())}


def interleaved(rows: "NDArray[Any]", heads: int) -> "NDArray[Any]":
    """Return query or key rows with the two halves of each head's rotation pairs side by side, as llama.cpp has them.

    rows: (heads · size, …); row i of a head's first half is followed by row i of its second half.
    """
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def tensors_hash(tensors: "dict[str, NDArray[Any]]") -> str:
    """Return the SHA-256 of tensors: names, types, shapes and bytes, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype.str} {tensors[name].shape}\n".encode())
        digest.update(tensors[name].tobytes())
    return digest.hexdigest()


def write_base(loaded: LoadedModel, path: Path) -> None:
    """Write a Llama-architecture base with a byte-level BPE tokenizer split as GPT-2's as a GGUF file, in float32.

    llama.cpp's own converter knows tokenizers by a list of published ones, and the reference model's is not on it.
    """
    gguf, config, names = gguf_library(), loaded.model.config, _names(loaded)
    tensors = {}
    for key, value in loaded.model.state_dict().items():
        name = names.get_name(key, try_suffixes=(".weight",))
        if name is None or (name == "output.weight" and config.tie_word_embeddings):
            continue
        heads = config.num_key_value_heads if "attn_k" in name else config.num_attention_heads
        rows = value.float().cpu().numpy()
        tensors[name] = interleaved(rows, heads) if name.endswith(ROTATED) else rows
    with atomic_path(path) as temporary:
        writer = gguf.GGUFWriter(temporary, "llama")
        writer.add_name(loaded.title)
        writer.add_block_count(config.num_hidden_layers)
        writer.add_context_length(config.max_position_embeddings)
        writer.add_embedding_length(config.hidden_size)
        writer.add_feed_forward_length(config.intermediate_size)
        writer.add_head_count(config.num_attention_heads)
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_rope_dimension_count(config.head_dim)
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_vocab_size(config.vocab_size)
        writer.add_file_type(gguf.LlamaFileType.ALL_F32)
        _add_tokenizer(gguf, writer, loaded.tokenizer)
        _finish(writer, tensors)


def _add_tokenizer(gguf: Any, writer: Any, tokenizer: Any) -> None:
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    words = [tokenizer.convert_ids_to_tokens(number) for number in range(len(tokenizer))]
    special = set(tokenizer.all_special_tokens)
    kinds = [gguf.TokenType.CONTROL if word in special else gguf.TokenType.NORMAL for word in words]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.chat_template)


def _names(loaded: LoadedModel) -> Any:
    """Return the map from the names of Transformers to those of llama.cpp, for a Llama-architecture base."""
    gguf, config = gguf_library(), loaded.model.config
    if config.model_type not in MODEL_TYPES:
        raise PolylibError(
            f"base {loaded.title!r}", f"is of the architecture {config.model_type!r}", allowed=", ".join(MODEL_TYPES),
            remedy="convert adapters with llama.cpp's convert_lora_to_gguf.py and keep disclosure.json beside them",
        )  # fmt: skip
    return gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)


def _finish(writer: Any, tensors: "dict[str, NDArray[Any]]") -> None:
    import numpy

    for name, value in tensors.items():
        writer.add_tensor(name, numpy.ascontiguousarray(value))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
