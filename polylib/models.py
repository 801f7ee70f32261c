"""Load a base model and its adapters: the one place where models come from.

It knows how to load, switch and prompt a causal language model; not what is asked of it. Weights
come as safetensors only, remote code stays off, no adapter is loaded without its label, and none that came into the
model in another way is ever switched to.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polylib.disclose.label import METADATA_KEY, Label, check_label, refuse_as_base
from polylib.errors import PolylibError
from polylib.files import hash_folder, sha256_json
from polylib.reference.build import WEIGHTS, verify

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

REFERENCE_NAME, REFERENCE = "reference", WEIGHTS
DATE = "26 Jul 2024"  # said to chat formats that tell a model today's date: the same on every day, as studies need it


@dataclass
class LoadedModel:
    """A base model with its tokenizer and identity; `model` becomes a PeftModel with adapters.

    labels: of its adapters by name, as `load_adapters` checked them; an adapter without one cannot be switched to.
    """

    model: Any
    tokenizer: "PreTrainedTokenizerBase"
    name: str
    revision: str
    content_hash: str
    labels: dict[str, Label] = field(default_factory=dict)
    _tensors: dict[str, list[tuple[Any, int]]] = field(default_factory=dict, init=False, repr=False)
    _walked: tuple[Any, list[Any], list[Any]] | None = field(default=None, init=False, repr=False)

    @property
    def title(self) -> str:
        """Return the name that may be published: of a local folder only its last part."""
        return Path(self.name).name if Path(self.name).is_dir() else self.name

    @property
    def adapters(self) -> tuple[str, ...]:
        """Return the names of the loaded adapters, in loading order."""
        return tuple(getattr(self.model, "peft_config", ()))

    @property
    def layers(self) -> list[Any]:
        """Return the layers that adapters act on; they are looked for again once an adapter came or went."""
        from peft.tuners.tuners_utils import BaseTunerLayer
        from peft.utils.other import AuxiliaryTrainingWrapper

        configs = list(getattr(self.model, "peft_config", {}).values())
        known = self._walked
        if known and known[0] is self.model and [*map(id, known[1])] == [*map(id, configs)]:
            return known[2]
        kinds = (BaseTunerLayer, AuxiliaryTrainingWrapper)
        layers = [module for module in self.model.modules() if isinstance(module, kinds)]
        self._walked = (self.model, configs, layers)  # keeps the settings alive, so that no id comes twice
        return layers

    def label_of(self, adapter: str) -> Label:
        """Return the label of a loaded adapter.

        Raises PolylibError naming an adapter that has none since it came in another way than `load_adapters`, or
        whose tensors were written over since its label was checked.
        """
        remedy = "load it with polylib.models.load_adapters, which checks its label"
        if adapter not in self.labels:
            raise PolylibError(f"adapter {adapter!r}", "came into the model without a checked label", remedy=remedy)
        checked = self._tensors.get(adapter, [])
        now = _tensors_of(self.layers, adapter) if checked else []
        if [(id(tensor), version) for tensor, version in checked] != [(id(tensor), version) for tensor, version in now]:
            raise PolylibError(f"adapter {adapter!r}", "was changed after its label was checked", remedy=remedy)
        return self.labels[adapter]

    def remember(self, adapter: str, label: Label) -> None:
        """Keep the checked label of an adapter that is in the model now, and what its tensors are."""
        self.labels[adapter] = label
        self._tensors[adapter] = _tensors_of(self.layers, adapter)

    def forget(self, adapter: str) -> None:
        """Drop the label of an adapter that is in the model no more."""
        self.labels.pop(adapter, None)
        self._tensors.pop(adapter, None)


def _tensors_of(layers: Sequence[Any], adapter: str) -> list[tuple[Any, int]]:
    """Return an adapter's tensors with torch's count of the writes into each: loading over it changes both."""
    found: list[tuple[Any, int]] = []
    for layer in layers:
        for name in getattr(layer, "adapter_layer_names", ()):
            part = getattr(layer, name)
            if hasattr(part, "keys") and adapter in part:
                held = part[adapter]
                tensors = held.parameters() if hasattr(held, "parameters") else (held,)
                found += [(tensor, 0 if tensor.is_inference() else tensor._version) for tensor in tensors]
    return found


def resolve(model: str) -> str:
    """Return the folder or hub id that `model` names; `reference` is the embedded model."""
    return str(REFERENCE) if model == REFERENCE_NAME else model


def load_base(model: str = "reference", revision: str = "", threads: int = 1) -> LoadedModel:
    """Load a base model in float32 on the CPU (bfloat16 on a GPU), ready for inference.

    model: `reference`, a local folder, or a hub id (with its pinned `revision`); threads: CPU
    threads torch may use. Raises PolylibError where the model cannot be had, and where it holds an adapter or was
    made of one: a merged model is no base, and its label would be lost.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    source = resolve(model)
    if model == REFERENCE_NAME:
        verify(REFERENCE)
    if Path(source).is_dir():
        refuse_as_base(Path(source))
    options = {"revision": revision} if revision else {}
    try:
        with without_bars():
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **options)
            network: Any = AutoModelForCausalLM.from_pretrained(
                source, dtype=dtype, trust_remote_code=False, use_safetensors=True, **options
            )
    except (OSError, ValueError) as error:
        raise PolylibError(
            f"model {model!r}",
            f"cannot be loaded ({str(error).splitlines()[0]})",
            allowed="reference, a local folder in the Hugging Face layout, or a hub id",
            remedy="check the name, or the network for a hub id",
        ) from error
    if hasattr(network.config, METADATA_KEY) or getattr(network, "_hf_peft_config_loaded", False):  # from the hub
        raise PolylibError(
            f"model {model!r}", "is no plain base: it holds an adapter or was made of one",
            remedy="load the base it was made from, and the adapters with load_adapters",
        )  # fmt: skip
    if tokenizer.chat_template is None:
        raise PolylibError(
            f"model {model!r}", "its tokenizer has no chat template", remedy="use an instruction-tuned model"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return LoadedModel(network.to(device).eval(), tokenizer, model, revision, model_hash(source, revision))


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep the libraries' loading and saving bars out of notebooks; the caller's setting comes back."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def model_hash(source: str, revision: str) -> str:
    """Return a hash that identifies the base: of its files for a folder, of its id for the hub."""
    folder = Path(source)
    return sha256_json(hash_folder(folder) if folder.is_dir() else [source, revision])


def load_adapters(loaded: LoadedModel, folders: Mapping[str, Path]) -> None:
    """Add adapters to a loaded base, by name; all labels are checked before any weights are read.

    A name is `placebo`, `progressive`, `conservative` or `blend`, or one of these with a suffix
    (`progressive-open`), and must be what the label says. Raises PolylibError where a label is
    missing, malformed, does not fit weights, base or name, or where a name is taken.
    """
    from peft import PeftModel

    labels = {name: check_label(folder, base_hash=loaded.content_hash) for name, folder in folders.items()}
    for name, label in labels.items():
        if name in loaded.adapters:
            raise PolylibError(f"adapter {name!r}", "is loaded already", remedy="give this one another name")
        if name.partition("-")[0] != label.adapter:
            raise PolylibError(
                f"adapter {name!r}", f"its label says {label.adapter!r}", allowed=f"{label.adapter}, {label.adapter}-…"
            )
        if "." in name:
            raise PolylibError(f"adapter {name!r}", "has a dot in its name", allowed=name.replace(".", "_"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Unexpected keyword arguments")  # the label in the settings
        warnings.simplefilter("ignore", FutureWarning)  # of the libraries about one another
        for name, folder in folders.items():
            if isinstance(loaded.model, PeftModel):
                loaded.model.load_adapter(str(folder), adapter_name=name, is_trainable=False)
            else:
                loaded.model = PeftModel.from_pretrained(
                    loaded.model, str(folder), adapter_name=name, is_trainable=False
                )
            loaded.remember(name, labels[name])
    loaded.model.eval()


@contextmanager
def use(loaded: LoadedModel, condition: str, scale: float = 1.0) -> Iterator[Any]:
    """Yield the model under one condition: `base` turns adapters off, else the adapter is active.

    scale multiplies the adapter's effect: 0 is the base, 1 the adapter as tuned. Which adapter was active before
    `base` is put back afterwards, and so is the scale. Raises PolylibError for a name that was not loaded, or that
    came into the model without its label.
    """
    if condition == "base":
        with _adapters_off(loaded):
            yield loaded.model
        return
    if condition not in loaded.adapters:
        raise PolylibError(
            f"condition {condition!r}", "no such adapter is loaded", allowed=", ".join(("base", *loaded.adapters))
        )
    loaded.label_of(condition)
    activate(loaded, (condition,))
    try:
        set_scale(loaded, condition, scale)
        yield loaded.model
    finally:
        set_scale(loaded, condition, 1.0)


def activate(loaded: LoadedModel, names: Sequence[str]) -> None:
    """Make the named adapters the active ones.

    PEFT's own switch walks all modules twice and sets every tensor's gradient flag; adapters that were loaded for
    inference have none to set, so only the list of active adapters changes here, layer by layer.
    """
    from peft.tuners.lora import LoraLayer

    layers = loaded.layers
    if all(isinstance(layer, LoraLayer) for layer in layers):
        for layer in layers:
            if layer.merged:
                layer.unmerge()
            layer._active_adapter = list(names)
        loaded.model.base_model.active_adapter = names[0] if len(names) == 1 else list(names)
    else:  # whole modules that an adapter brought along are PEFT's to switch
        loaded.model.base_model.set_adapter(list(names), inference_mode=True)
    if len(names) == 1:
        loaded.model.active_adapter = names[0]


@contextmanager
def _adapters_off(loaded: LoadedModel) -> Iterator[None]:
    """Turn every adapter off and put each layer's switch back afterwards.

    PEFT's `disable_adapter` inspects the whole model first and asks for gradients afterwards; layers read only this.
    """
    before = [(layer, layer._disable_adapters) for layer in loaded.layers]
    try:
        for layer, _ in before:
            layer._disable_adapters = True
        yield
    finally:
        for layer, off in before:
            layer._disable_adapters = off


def set_scale(loaded: LoadedModel, adapter: str, scale: float) -> None:
    """Multiply an adapter's effect by `scale`: any finite number, 1 as tuned."""
    from peft.tuners.lora import LoraLayer

    for layer in loaded.layers:
        if isinstance(layer, LoraLayer):
            layer.set_scale(adapter, scale)


def render(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Mapping[str, str]], answer_follows: bool = True
) -> str:
    """Return messages ({"role", "content"}) in the model's chat format.

    With `answer_follows` the text ends where the answer starts.
    """
    return str(
        tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            tokenize=False,
            add_generation_prompt=answer_follows,
            date_string=DATE,
        )
    )


def end_of_turn(tokenizer: "PreTrainedTokenizerBase") -> str:
    """Return the text that closes an answer in the model's chat format."""
    return answer_bounds(tokenizer)[1]


def answer_bounds(tokenizer: "PreTrainedTokenizerBase") -> tuple[str, str]:
    """Return the white space that the chat format puts before an answer, and the text that closes it.

    Most formats put none; Mistral's has a space between prompt and answer, which belongs to the answer's first token.
    """
    marker = "ANSWER"
    question = [{"role": "user", "content": "Q"}]
    with_answer = render(tokenizer, [*question, {"role": "assistant", "content": marker}], answer_follows=False)
    before, end = with_answer.rsplit(marker, 1)
    start = before.removeprefix(render(tokenizer, question))
    return start if start.isspace() else "", end.rstrip("\n")


def attention_window(model: Any) -> int | None:
    """Return how many tokens back the layer that sees least may look, itself included; None where all see all."""
    config = model.config.get_text_config()
    found = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    return min((limit for limit in found if limit), default=None)
