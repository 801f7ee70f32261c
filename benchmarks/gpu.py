"""Tokens per second, memory and the bottleneck of a real model's shape on a GPU, with random weights.

Usage: `python benchmarks/gpu.py [--models llama-1b,llama-8b] [--steps 8] [--out FILE]`
`python benchmarks/gpu.py --models tiny --steps 2` tries it on a CPU, where the figures mean nothing. No GPU has been at
hand so far: whoever runs it on one is the first.

Tuning, alignment (DPO, and TRL's own in turn with it), scoring and serving, each through Polylib's own code, at the
published shapes of Llama 3.2 1B and Llama 3.1 8B in bfloat16. Batches of 8: tuning on 512 tokens, a third of them the
answer; pairs of 200-token prompts with 100-token answers; scoring of 8 prompts of 200 tokens with 2 answers; serving
of one answer, and of 8 side by side in turns. Per activity: tokens per second (median step), peak memory, the share of
the device's matrix peak that the model's own work makes (stated by the maker, and measured here on 8192-wide
matrices), and what the time went to by kind of kernel; the kind with most is named. Decoding is held against memory
instead: the share of the measured copy rate that reading all weights once per token would take.
bfloat16 against float32: mean difference per token of the log-probabilities of 64 answers; stated tolerance 0.02 nats.
Bar: DPO at least 1.2 times as fast as TRL at its best. Loads are random, so no result says anything about quality.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from polylib.study.outlook import gpu  # noqa: E402
from polylib.study.outlook_shapes import KNOWN, Shape  # noqa: E402

SHAPES = {
    "llama-1b": KNOWN["meta-llama/Llama-3.2-1B-Instruct"],
    "llama-8b": KNOWN["meta-llama/Llama-3.1-8B-Instruct"],
    "tiny": Shape("llama", 2, 64, 4, 2, 16, 172, 4096, True),
}
BATCH, WARM = 8, 2
TUNED, PROMPT, ANSWER, WRITTEN = 512, 200, 100, 64  # tokens
BAR_DPO, TOLERANCE = 1.2, 0.02
KINDS = (
    ("attention", ("flash", "fmha", "attention", "softmax")),
    ("matrix products", ("gemm", "cutlass", "matmul", "xmma", "nvjet", "cublas", "::mm", "::addmm", "::bmm")),
    ("copies and casts", ("memcpy", "copy", "memset", "cat")),
)  # fmt: skip
OTHER, IDLE = "element by element", "waiting for the CPU"


def device() -> str:
    """Return where models run here."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def built(shape: Shape, number: Any = None) -> Any:
    """Return a Llama of that shape with random weights, equal at every call; number: of its weights, bfloat16."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.hidden, intermediate_size=shape.inner,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.own,
        head_dim=shape.width, max_position_embeddings=4096, tie_word_embeddings=shape.tied,
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(device()):
        model = LlamaForCausalLM(config)
    return model.to(number or torch.bfloat16).eval()


def with_adapter(shape: Shape) -> Any:
    """Return the model with a fresh adapter of rank 8 on all linear layers."""
    from peft import LoraConfig, get_peft_model

    return get_peft_model(
        built(shape), LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    )


def wait() -> None:
    """Wait until the device has done what it was given."""
    import torch

    if device() == "cuda":
        torch.cuda.synchronize()


def seconds_per(work: Callable[[], Any], times: int) -> float:
    """Return the median seconds of a call, after some that are not counted."""
    found = []
    for number in range(times + WARM):
        wait()
        begun = time.perf_counter()
        work()
        wait()
        if number >= WARM:
            found.append(time.perf_counter() - begun)
    return statistics.median(found)


def spent(work: Callable[[], Any]) -> dict[str, float]:
    """Return the share of a call's time by kind of kernel; the rest of a GPU's time is waiting."""
    from torch.profiler import ProfilerActivity, profile

    on_gpu = device() == "cuda"
    activities = [ProfilerActivity.CUDA] if on_gpu else [ProfilerActivity.CPU]
    wait()
    with profile(activities=activities) as seen:
        begun = time.perf_counter()
        work()
        wait()
        whole = time.perf_counter() - begun
    kinds: dict[str, float] = {}
    for event in seen.key_averages():
        taken = (event.self_device_time_total if on_gpu else event.self_cpu_time_total) / 1e6
        name = event.key.lower()
        kind = next((kind for kind, words in KINDS if any(word in name for word in words)), OTHER)
        kinds[kind] = kinds.get(kind, 0.0) + taken
    if on_gpu:
        kinds[IDLE] = max(0.0, whole - sum(kinds.values()))
    total = sum(kinds.values())
    return {kind: taken / total for kind, taken in sorted(kinds.items(), key=lambda pair: -pair[1])}


def peaks() -> dict[str, float]:
    """Return matrix products per second in bfloat16 and bytes copied per second, as measured here."""
    import torch

    size = 8192 if device() == "cuda" else 512
    square = torch.rand(size, size, device=device(), dtype=torch.bfloat16)
    long = torch.rand(size * size, device=device())
    target = torch.empty_like(long)
    return {
        "flops": 2 * size**3 / seconds_per(lambda: square @ square, 10),
        "moved": 2 * long.numel() * 4 / seconds_per(lambda: target.copy_(long), 10),
    }


def drawn(length: int, vocabulary: int, generator: random.Random) -> tuple[int, ...]:
    """Return random tokens that are none of the special ones."""
    return tuple(generator.randrange(5, min(vocabulary, 4096)) for _ in range(length))


def stepper(trainer: Any) -> Callable[[], Any]:
    """Return one optimiser step of a trainer over its first batch, again and again."""
    trainer.create_optimizer()
    model = trainer.accelerator.prepare(trainer.model)
    (batch,) = [one for _, one in zip(range(1), trainer.get_train_dataloader(), strict=False)]
    batch = {name: value.to(model.device) if hasattr(value, "to") else value for name, value in batch.items()}
    model.train()

    def step() -> None:
        with trainer.compute_loss_context_manager():
            loss = trainer.compute_loss(model, batch)
        loss.backward()
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()

    return step


def settings(folder: str) -> dict[str, Any]:
    """Return the settings of every trainer here: what Polylib sets on this device, without checkpoints."""
    from polylib.tune.training import common_settings

    return common_settings(Path(folder), 1, 1000, cpu=device() == "cpu", alone=False) | {
        "per_device_train_batch_size": BATCH, "learning_rate": 1e-4, "max_steps": 1, "max_length": None,
        "train_sampling_strategy": "sequential",
    }  # fmt: skip


def tuning(shape: Shape, tokenizer: Any, steps: int, folder: str) -> dict[str, Any]:
    """Return the figures of supervised tuning."""
    from datasets import Dataset  # type: ignore[import-untyped]
    from trl.trainer.sft_config import SFTConfig

    from polylib.tune.examples import IGNORED
    from polylib.tune.trainer import answer_trainer

    generator = random.Random(1)
    rows = [drawn(TUNED, shape.vocabulary, generator) for _ in range(BATCH)]
    asked = TUNED * 2 // 3
    data = Dataset.from_dict(
        {"input_ids": rows, "labels": [[IGNORED] * asked + list(row[asked:]) for row in rows]}
    )  # fmt: skip
    arguments = SFTConfig(**settings(folder), dataset_kwargs={"skip_prepare_dataset": True}, packing=False)
    trainer = answer_trainer(model=with_adapter(shape), args=arguments, train_dataset=data, processing_class=tokenizer)
    flops = BATCH * (4 * shape.body * TUNED + 4 * shape.head * (TUNED - asked))
    return figures(stepper(trainer), steps, BATCH * TUNED, flops)


def aligning(shape: Shape, tokenizer: Any, steps: int, folder: str) -> dict[str, dict[str, Any]]:
    """Return the figures of DPO, ours and TRL's at its best, in turn."""
    import torch
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    from polylib.tune.pair_trainer import pair_dataset, pair_trainer
    from polylib.tune.preferences import EncodedPair

    class Peer(DPOTrainer):
        """TRL's trainer as it is, fed the same tokens."""

        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    generator = random.Random(1)
    lengths = (PROMPT, ANSWER, ANSWER)
    pairs = [EncodedPair(*(drawn(length, shape.vocabulary, generator) for length in lengths)) for _ in range(BATCH)]
    data = pair_dataset(pairs, torch.zeros((BATCH, 2)))
    found: dict[str, dict[str, Any]] = {}
    answers = 2 * ANSWER
    for name in ("DPO", "DPO of TRL at its best", "DPO of TRL at its best", "DPO"):
        options = {"model": with_adapter(shape), "processing_class": tokenizer, "train_dataset": data}
        if name == "DPO":
            trainer: Any = pair_trainer("dpo", args=DPOConfig(**settings(folder)), **options)
        else:
            options["train_dataset"] = data.remove_columns(["ref_chosen_logps", "ref_rejected_logps"])
            trainer = Peer(args=DPOConfig(**settings(folder), precompute_ref_log_probs=True), **options)
        flops = BATCH * (4 * shape.body * (PROMPT + answers) + 4 * shape.head * answers)
        one = figures(stepper(trainer), steps, BATCH * (PROMPT + answers), flops)
        if name not in found or one["seconds"] < found[name]["seconds"]:  # the quicker of both turns
            found[name] = one
        del trainer, options
        free()
    return found


def loaded_model(model: Any, tokenizer: Any) -> Any:
    """Return the model as everything that asks takes it."""
    from polylib.models import LoadedModel

    return LoadedModel(model, tokenizer, "random", "", "")


def questions(shape: Shape, tokenizer: Any, count: int, seed: int) -> list[Any]:
    """Return questions of `PROMPT` tokens with two answers each."""
    from polylib.measure.scorer import Question

    generator = random.Random(seed)
    words = [tokenizer.decode(drawn(length, shape.vocabulary, generator)) for length in (PROMPT, 8, 8) * count]
    return [Question(words[place], tuple(words[place + 1 : place + 3])) for place in range(0, 3 * count, 3)]


def scoring(shape: Shape, tokenizer: Any, steps: int) -> dict[str, Any]:
    """Return the figures of scoring answers."""
    from polylib.measure.respondent import Respondent
    from polylib.measure.scorer import plan_questions

    respondent = Respondent(loaded_model(built(shape), tokenizer), "base")
    plan = plan_questions(tokenizer, questions(shape, tokenizer, BATCH, 1))
    read = BATCH * PROMPT + int(plan.lengths.sum())
    flops = 2 * shape.body * read + 2 * shape.head * int(plan.lengths.sum())
    return figures(lambda: respondent.scores(plan), steps, read, flops)


def serving(shape: Shape, tokenizer: Any, answers: int) -> dict[str, Any]:
    """Return the figures of answers that grow side by side, as the server makes them: turn by turn, row by row."""
    import torch

    from polylib.serve.decoding import Generation, Order
    from polylib.serve.worker import TURN

    model, generator = built(shape), random.Random(1)
    orders = [Order(drawn(PROMPT, shape.vocabulary, generator), WRITTEN, 0.0) for _ in range(answers)]

    def serve() -> None:
        active = [Generation(order, tokenizer, frozenset()) for order in orders]
        while active:
            active = [one for one in active if not one.advance(model, TURN).finish]

    with torch.inference_mode():
        found = figures(serve, 3, answers * WRITTEN, 0)
    found["weights read, bytes per second"] = shape.parameters * 2 * found["tokens per second"]
    return found


def figures(work: Callable[[], Any], steps: int, tokens: int, flops: float) -> dict[str, Any]:
    """Return seconds of a step, tokens and operations per second, peak memory, and what the time went to."""
    import torch

    if device() == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = seconds_per(work, steps)
    memory = torch.cuda.max_memory_allocated() / 1e9 if device() == "cuda" else float("nan")
    return {
        "seconds": seconds, "tokens per second": tokens / seconds, "flops": flops / seconds, "memory": memory,
        "spent": spent(work),
    }  # fmt: skip


def difference(shape: Shape, tokenizer: Any) -> float:
    """Return the mean difference per token between bfloat16 and float32 log-probabilities of the same weights."""
    import numpy
    import torch

    from polylib.measure.respondent import Respondent
    from polylib.measure.scorer import plan_questions

    plan = plan_questions(tokenizer, questions(shape, tokenizer, 32, 2))
    model = built(shape)
    coarse = Respondent(loaded_model(model, tokenizer), "base").scores(plan)
    fine = Respondent(loaded_model(model.to(torch.float32), tokenizer), "base").scores(plan)
    return float(numpy.abs((coarse - fine) / plan.lengths).mean())


def free() -> None:
    """Give back what nobody holds any more."""
    import gc

    import torch

    gc.collect()
    if device() == "cuda":
        torch.cuda.empty_cache()


def measure(name: str, tokenizer: Any, steps: int, top: dict[str, float]) -> dict[str, Any]:
    """Return all figures of one model and print them; top: what the device reaches."""
    shape, found = SHAPES[name], {}
    print(f"\n{name}: {shape.parameters / 1e9:.2f} billion parameters, bfloat16", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found["tuning"] = tuning(shape, tokenizer, steps, folder)
        free()
        found |= aligning(shape, tokenizer, steps, folder)
    found["scoring"] = scoring(shape, tokenizer, steps)
    free()
    for answers in (1, BATCH):
        found[f"serving {answers}"] = serving(shape, tokenizer, answers)
        free()
    for activity, one in found.items():
        parts = ", ".join(f"{kind} {share:.0%}" for kind, share in one["spent"].items())
        stated, measured = one["flops"] / top["stated"], one["flops"] / top["flops"]
        reached = f"{stated:.0%} of the stated matrix peak, {measured:.0%} of the measured"
        if "weights read, bytes per second" in one:
            reached = f"weights read at {one['weights read, bytes per second'] / top['moved']:.0%} of the copy rate"
        print(f"  {activity:<24} {one['tokens per second']:9.0f} tokens/s  {one['memory']:5.1f} GB  {reached}")
        print(f"  {'':<24} most of it {next(iter(one['spent']))}: {parts}", flush=True)
    ratio = found["DPO of TRL at its best"]["seconds"] / found["DPO"]["seconds"]
    gap = difference(shape, tokenizer)
    free()
    print(f"  DPO {ratio:.2f} times TRL at its best, bar {BAR_DPO}: {said(ratio >= BAR_DPO)}")
    print(f"  bfloat16 from float32: {gap:.4f} nats per token, tolerance {TOLERANCE}: {said(gap <= TOLERANCE)}")
    return found | {"DPO ratio": ratio, "bfloat16 difference": gap}


def said(holds: bool) -> str:
    """Return whether a bar is reached, in words; a trial on a CPU reaches none."""
    return "not judged on a CPU" if device() == "cpu" else "holds" if holds else "missed"


def main() -> int:
    """Measure every model and return 0 where all bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="llama-1b,llama-8b", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--out", type=Path, help="JSON file for all figures")
    given = parser.parse_args()
    import torch

    from polylib.models import load_base

    names = given.models.split(",")
    if device() == "cpu" and names != ["tiny"]:
        print("no GPU that CUDA sees: try it with --models tiny")
        return 2
    top = peaks()
    where = torch.cuda.get_device_name() if device() == "cuda" else "this CPU, where the figures mean nothing"
    top["stated"] = gpu(where, 0).flops
    print(f"{where}; torch {torch.__version__}; matrix products {top['flops'] / 1e12:.1f} TFLOP/s in bfloat16 "
          f"(stated {top['stated'] / 1e12:.0f}), copies {top['moved'] / 1e9:.0f} GB/s")  # fmt: skip
    tokenizer = load_base("reference").tokenizer
    found = {name: measure(name, tokenizer, given.steps, top) for name in names}
    if given.out:
        given.out.write_text(json.dumps({"device": where, "peaks": top, "figures": found}, indent=2))
    missed = [
        name for name, one in found.items() if one["DPO ratio"] < BAR_DPO or one["bfloat16 difference"] > TOLERANCE
    ]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
