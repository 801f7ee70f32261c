"""Small models of the families that `params/models/` names: random weights, the family's chat conventions.

Tokenizers are trained here on a few texts and built by the library's class for the family; special tokens bear the
family's names, and chat templates are written anew after the family's documented conventions: system role or none,
a default system turn, the date, the space before an answer, stripped contents, tokens that begin and end. Weights are
random and large enough that answers differ. Such a model can do nothing; what is built on it is about its form.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polylib import LEANINGS
from polylib.models import without_bars

CONTEXT = 4096
PIECES = 1500  # of the vocabulary, bytes included
SHAPE: dict[str, Any] = {
    "hidden_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2, "head_dim": 12,
    "intermediate_size": 96, "max_position_embeddings": CONTEXT, "initializer_range": 0.25,
}  # fmt: skip

# ChatML with a system turn of its own where none is given, as Qwen 2.5 and SmolLM2 have one.
CHATML = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful test model.<|im_end|>\n' }}"
    "{% endif %}{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Llama 3: begins with its own token, has today's date in a system turn that is always there, strips contents.
LLAMA_3 = (
    "{{ bos_token }}{% if date_string is not defined %}{% if strftime_now is defined %}"
    "{% set date_string = strftime_now('%d %b %Y') %}{% else %}{% set date_string = '26 Jul 2024' %}{% endif %}"
    "{% endif %}"
    "{% if messages[0]['role'] == 'system' %}{% set said = messages[0]['content'] | trim %}"
    "{% set turns = messages[1:] %}{% else %}{% set said = '' %}{% set turns = messages %}{% endif %}"
    "{{ '<|start_header_id|>system<|end_header_id|>\n\nToday Date: ' + date_string + '\n\n' + said + '<|eot_id|>' }}"
    "{% for message in turns %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' "
    "+ message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
# Mistral: a system message opens a user's turn, roles must alternate, a space stands before an answer.
MISTRAL = (
    "{% if messages[0]['role'] == 'system' %}{% set said = messages[0]['content'] + '\n\n' %}"
    "{% set turns = messages[1:] %}{% else %}{% set said = '' %}{% set turns = messages %}{% endif %}{{ bos_token }}"
    "{% for message in turns %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + (said if loop.last else '') + message['content'] + '[/INST]' }}{% else %}"
    "{{ ' ' + message['content'] | trim + eos_token }}{% endif %}{% endfor %}"
)
# Gemma: no system role, `model` for the assistant, strips contents.
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{{ '<start_of_turn>' "
    "+ ('model' if message['role'] == 'assistant' else message['role']) + '\n' + message['content'] | trim "
    "+ '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Family:
    """What sets a family apart: its tokenizer, template and configuration.

    kind: how its tokenizer works; special: its special tokens, in the order of their ids; named: which of them has
    which part (`bos_token`, `eos_token`, `pad_token`); system: whether it takes a system message.
    """

    kind: str
    special: tuple[str, ...]
    named: dict[str, str]
    template: str
    config: str
    settings: dict[str, Any] = field(default_factory=dict)
    system: bool = True


CHATML_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
GEMMA_TOKENS = ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")
GEMMA_NAMES = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
FAMILIES: dict[str, Family] = {
    "llama-3": Family(
        "bytes", ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}, LLAMA_3, "LlamaConfig",
        {"tie_word_embeddings": True, "rope_parameters": {
            "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 1024}},
    ),
    "qwen-2.5": Family(
        "qwen", CHATML_TOKENS, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}, CHATML, "Qwen2Config",
        {"tie_word_embeddings": True, "use_sliding_window": False, "sliding_window": 32},
    ),
    "smollm2": Family(
        "gpt2", CHATML_TOKENS,
        {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>",
         "unk_token": "<|endoftext|>"},
        CHATML, "LlamaConfig", {"tie_word_embeddings": True},
    ),
    "mistral": Family(
        "mistral", ("<unk>", "<s>", "</s>", "[INST]", "[/INST]"),
        {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}, MISTRAL, "MistralConfig",
        {"tie_word_embeddings": False, "sliding_window": None},
    ),
    "gemma-2": Family(
        "gemma", GEMMA_TOKENS, GEMMA_NAMES, GEMMA, "Gemma2Config",
        {"query_pre_attn_scalar": 12, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0,
         "sliding_window": 1024, "attn_implementation": "eager"}, system=False,
    ),
    "gemma-3": Family(
        "gemma", GEMMA_TOKENS, GEMMA_NAMES, GEMMA, "Gemma3TextConfig",
        {"query_pre_attn_scalar": 12, "sliding_window": 512, "sliding_window_pattern": 2}, system=False,
    ),
}  # fmt: skip


def texts(issues: int = 12) -> list[str]:
    """Return what tokenizers are trained on: questions and answers of the bank."""
    from polylib.bank.loader import load_issues, load_neutral

    chosen = load_issues()[:issues]
    found = [question for issue in chosen for question in issue.questions]
    found += [pair.take(leaning).text for issue in chosen for pair in issue.pairs for leaning in LEANINGS]
    return found + [answer for topic in load_neutral()[:4] for answer in topic.answers]


def build_tokenizer(family: Family, material: list[str]) -> Any:
    """Return a tokenizer of the family trained on `material`, with its special tokens and chat template."""
    tokenizer = _MAKERS[family.kind](family, material)
    tokenizer.chat_template = family.template
    return tokenizer


def build_model(family: Family, tokenizer: Any, **changes: Any) -> Any:
    """Return a model of the family with random weights; changes: of its configuration."""
    import torch
    import transformers

    settings = {**SHAPE, **family.settings, **changes}
    attention = settings.pop("attn_implementation", None)
    ends = tokenizer.convert_tokens_to_ids([family.named["eos_token"], family.special[-1]])
    config = getattr(transformers, family.config)(
        vocab_size=len(tokenizer), bos_token_id=tokenizer.bos_token_id, eos_token_id=ends[0],
        pad_token_id=tokenizer.pad_token_id, **settings,
    )  # fmt: skip
    torch.manual_seed(11)
    options = {"attn_implementation": attention} if attention else {}
    return transformers.AutoModelForCausalLM.from_config(config, **options).float().eval()


def save_family(name: str, folder: Path, material: list[str] | None = None, **changes: Any) -> Path:
    """Leave a model of the family in `folder`, as the hub has one; return the folder."""
    family = FAMILIES[name]
    tokenizer = build_tokenizer(family, material or texts())
    with without_bars():
        build_model(family, tokenizer, **changes).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _trained(special: tuple[str, ...], before: Any, material: list[str], alphabet: list[str]) -> tuple[Any, Any]:
    """Return (vocabulary, merges) of byte pairs learned on `material`."""
    import json

    from tokenizers import Tokenizer, models, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = before
    trainer = trainers.BpeTrainer(
        vocab_size=PIECES, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(material, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def _byte_level(family: Family, material: list[str]) -> tuple[Any, Any]:
    from tokenizers import pre_tokenizers

    before = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return _trained(family.special, before, material, pre_tokenizers.ByteLevel.alphabet())


def _metaspace(family: Family, material: list[str]) -> tuple[Any, Any]:
    """Return (vocabulary, merges) in which a space is `▁` and what is unknown falls apart into bytes."""
    from tokenizers import pre_tokenizers

    special = (*family.special, *(f"<0x{value:02X}>" for value in range(256)))
    # A line is a piece of its own, as in SentencePiece: no learned piece spans two.
    before = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.Metaspace(prepend_scheme="always", split=True)]
    )
    return _trained(special, before, material, ["▁", "\n"])


def _bytes(family: Family, material: list[str]) -> Any:
    """Llama 3: byte pairs behind a pattern; the tokenizer itself puts the first token before every text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary, merges = _byte_level(family, material)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    first = family.named["bos_token"]
    tokenizer.add_special_tokens(list(family.special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first}:0 $A:0", pair=f"{first}:0 $A:0 {first}:1 $B:1",
        special_tokens=[(first, tokenizer.token_to_id(first))],
    )  # fmt: skip
    wrap: Any = PreTrainedTokenizerFast
    return wrap(tokenizer_object=tokenizer, **family.named, **_others(family))


def _others(family: Family) -> dict[str, Any]:
    extra = [token for token in family.special if token not in family.named.values()]
    return {"additional_special_tokens": extra, "model_max_length": CONTEXT, "clean_up_tokenization_spaces": False}


def _by_class(name: str, learn: Callable[[Family, list[str]], tuple[Any, Any]], **options: Any) -> Any:
    def make(family: Family, material: list[str]) -> Any:
        import transformers

        vocabulary, merges = learn(family, material)
        kind = getattr(transformers, name)
        return kind(vocab=vocabulary, merges=merges, **family.named, **_others(family), **options)

    return make


_MAKERS: dict[str, Callable[[Family, list[str]], Any]] = {
    "bytes": _bytes,
    "qwen": _by_class("Qwen2Tokenizer", _byte_level),
    "gpt2": _by_class("GPT2Tokenizer", _byte_level),
    "mistral": _by_class("LlamaTokenizer", _metaspace, legacy=False, add_bos_token=True),
    "gemma": _by_class("GemmaTokenizer", _metaspace, add_bos_token=True),
}
