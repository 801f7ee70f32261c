"""The page of an export: what it holds, the exact commands, and what of it Polylib has tested.

It turns labels and names into Markdown; it writes nothing and starts no engine.
"""

import json
import shlex
from collections.abc import Mapping, Sequence

from polylib.disclose.label import Label, Strength
from polylib.show.words import interval, signed

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM's --max-lora-rank takes
VLLM, LLAMA = "http://127.0.0.1:8000/v1/chat/completions", "http://127.0.0.1:8080/v1/chat/completions"
QUESTION = [{"role": "user", "content": "What should the law say about taxes?"}]
DUTY = (
    "These engines show no label. Whoever serves these files shows each reader the banner of what answers, and says "
    "that it is an AI. Prohibited: {prohibited}. Polylib's own server (`python3 -m polylib serve`) does it by itself."
)


def vllm_page(base: str, revision: str, labels: Mapping[str, Label], rank: int) -> str:
    """Return the page of an export for vLLM.

    base: as the command names it, at `revision` where that is not empty; rank: the largest of all adapters.
    """
    fitting = next((size for size in RANKS if size >= rank), RANKS[-1])
    words = ["vllm", "serve", base, *(["--revision", revision] if revision else []), "--served-model-name", "base"]
    words += ["--host", "127.0.0.1", "--enable-lora", "--max-loras", str(len(labels)), "--max-lora-rank", str(fitting)]
    words += ["--lora-modules", *(f"{name}=./{name}" for name in labels)]
    parts = [
        _start("vLLM", labels),
        f"## Serve\n\nIn this folder, with vLLM installed (`pip install 'vllm>=0.11'`):\n\n{_code(shlex.join(words))}",
        f"The largest rank here is {rank}; a blend has the sum of its parts' ranks. vLLM takes one adapter per request "
        "and mixes none while it runs: a blend is an adapter of its own, made with PEFT's `cat`, which is exact.",
        "## Ask\n\nThe name of an adapter is the `model` of a request; `base` is the base.\n\n"
        + "\n\n".join(_ask(VLLM, {"model": name, "messages": QUESTION}) for name in labels),
        "## Tested\n\nBy Polylib, when this folder was written: every label, before and after; that each blend, loaded "
        "by PEFT, says what Polylib's dial says. Not tested: vLLM itself, which needs hardware that Polylib's tests do "
        "not have.",
    ]
    return "\n\n".join(parts) + "\n"


def llama_page(base: str, labels: Mapping[str, Label], blends: Sequence[Mapping[str, float]]) -> str:
    """Return the page of an export for llama.cpp.

    base: the folder or hub id to convert, empty where base.gguf lies beside the adapters; blends: weights by adapter.
    """
    names = list(labels)
    words = ["llama-server", "--model", "base.gguf", "--host", "127.0.0.1", "--port", "8080"]
    words += [word for name in names for word in ("--lora", f"{name}.gguf")] + ["--lora-init-without-apply"]
    convert = (
        "`base.gguf` was written by Polylib."
        if not base
        else "The base needs llama.cpp's own converter, from its repository; `BASE` is the folder of the base "
        f"(`{base}`):\n\n{_code('python3 convert_hf_to_gguf.py BASE --outfile base.gguf --outtype f32')}"
    )
    asked = [{name: 1.0} for name in names] + [dict(weights) for weights in blends]
    parts = [
        _start("llama.cpp", labels),
        f"## Serve\n\n{convert}\n\nIn this folder, with llama.cpp installed:\n\n{_code(shlex.join(words))}",
        "## Ask\n\nThe scales are set per request, by the number of the adapter in the command above: "
        f"{', '.join(f'{number} is {name}' for number, name in enumerate(names))}. No scale is the base; a blend is "
        "two scales, also below 0 and above 1.\n\n" + "\n\n".join(_ask(LLAMA, _scaled(names, one)) for one in asked),
        "## Tested\n\nBy Polylib, when this folder was written: every label, before and after; that each file, read "
        "back, holds its adapter's numbers and its label. By hand, once, with the reference model: llama.cpp (the "
        "build in xllamacpp 2026.10) answered with the same tokens as Polylib's dial for the base, each leaning, half "
        "of each, and the scales −0.5 and 1.5 (log-probabilities within 0.003). Not tested: other bases, other builds.",
    ]
    return "\n\n".join(parts) + "\n"


def merged_page(labels: Mapping[str, Label]) -> str:
    """Return the page of an export of merged models."""
    name = next(iter(labels))
    code = f'from transformers import AutoModelForCausalLM\n\nmodel = AutoModelForCausalLM.from_pretrained("./{name}")'
    parts = [
        _start("engines that take whole models", labels),
        f"## Use\n\nIn this folder, with Transformers:\n\n```python\n{code}\n```\n\n"
        + "With vLLM, one model at a time:\n\n"
        + "\n\n".join(_code(shlex.join(["vllm", "serve", f"./{one}", "--host", "127.0.0.1"])) for one in labels),
        "Weights are in the precision they were merged in, in one file. Polylib takes none of these as a base: a tuned "
        "model that passed for one would hide its label. Load the base and the adapters instead.",
        "## Tested\n\nBy Polylib, when this folder was written: every label, before and after; that each model, loaded "
        "by Transformers, says what the adapters say. Not tested: vLLM and other engines.",
    ]
    return "\n\n".join(parts) + "\n"


def _start(engine: str, labels: Mapping[str, Label]) -> str:
    rows = [
        f"| `{name}` | {label.political_lean} | {_measured(label)} | {label.banner} |" for name, label in labels.items()
    ]
    prohibited = "; ".join(dict.fromkeys(use for label in labels.values() for use in label.prohibited_use))
    table = "\n".join(["| name | political lean | measured | banner |", "| --- | --- | --- | --- |", *rows])
    scale = "Measured from −1 progressive to +1 conservative, on issues that no adapter was tuned on."
    return f"# Export for {engine}\n\n{table}\n\n{scale}\n\n{DUTY.format(prohibited=prohibited)}"


def _measured(label: Label) -> str:
    """Say how far it leans; of what was made of adapters and not measured itself, how far each of them does."""
    if label.strength is not None:
        return _figure(label.strength)
    alone = [f"{part.adapter} alone {_figure(part.strength)}" for part in label.parts if part.strength is not None]
    return "; ".join(["not measured", *alone])


def _figure(found: Strength) -> str:
    return f"{signed(found.score)} ({interval(found.low, found.high)}, n = {found.n})"


def _scaled(names: Sequence[str], weights: Mapping[str, float]) -> dict[str, object]:
    scales = [{"id": number, "scale": round(weights.get(name, 0.0), 6)} for number, name in enumerate(names)]
    return {"messages": QUESTION, "lora": scales}


def _ask(address: str, body: Mapping[str, object]) -> str:
    words = ["curl", address, "--header", "Content-Type: application/json", "--data", json.dumps(body)]
    return _code(shlex.join(words))


def _code(line: str) -> str:
    return f"```sh\n{line}\n```"
