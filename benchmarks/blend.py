"""A change of the dial against PEFT's `add_weighted_adapter('cat')`, the switch of adapters, and side by side.

Usage: `python benchmarks/blend.py [--progressive FOLDER --conservative FOLDER] [--rounds 30] [--threads 1]`

Without folders, two adapters of rank 8 on all linear layers of the reference model are filled with random numbers.
Dial, merge and switches are timed in turn (dial, cat, adapter, base, then the other way round), each change to other
weights, in one process; medians are printed with the 10 and 90 % points. The dial must be 20 times faster than cat
and take less than 5 ms, a switch to an adapter or to the base and back at most 5 ms (p50), and the dial's logits must
lie within 1e-5 of weights added by hand, for weights below 0 and above 1 as well, in float64. In float32 no way of
adding reaches that on logits of 25, whose last digit is 2e-6: the dial, PEFT's cat and weights added by hand all lie
about 3e-5 from the float64 blend; there the dial must not lie more than twice as far as weights added by hand. Side
by side: one, four and eight questions answered by both adapters, in one mixed batch against one adapter after the
other, tokens equal; medians of alternated rounds. Bar for one question: no slower.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("progressive", "conservative")
BAR_TIMES, BAR_CHANGE, BAR_SWITCH, BAR_LOGITS, BAR_SIDES = 20.0, 5e-3, 5e-3, 1e-5, 1.0
WEIGHTS = ((0.5, 0.5), (0.25, 0.75), (-0.5, 1.5), (2.0, -1.0), (0.0, 1.0))
TOKENS = 48


def load(folders: dict[str, str]) -> Any:
    """Return the reference model with two adapters: tuned ones where folders are given, else random ones."""
    import torch
    from peft import LoraConfig, get_peft_model

    from polylib.models import load_adapters, load_base

    loaded = load_base("reference")
    if all(folders.values()):
        load_adapters(loaded, {name: Path(folder) for name, folder in folders.items()})
        return loaded
    settings = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", init_lora_weights=False)
    torch.manual_seed(1)
    loaded.model = get_peft_model(loaded.model, settings, adapter_name=NAMES[0])
    loaded.model.add_adapter(NAMES[1], settings)
    for name, parameter in loaded.model.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(std=0.03)
    loaded.model.eval().requires_grad_(False)
    loaded.labels = {name: random_label(loaded, name) for name in NAMES}
    return loaded


def random_label(loaded: Any, name: str) -> Any:
    """Return a label for an adapter of random numbers: without one Polylib switches to none."""
    from polylib.disclose.label import Label

    return Label(
        adapter=name, political_lean=name, base_model=loaded.name, base_sha256=loaded.content_hash, data_sha256={},
        weights_sha256="", config_sha256="", made_with="random numbers",
    )  # fmt: skip


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def by_hand(loaded: Any, weights: dict[str, float], number: Any, tokens: list[Any]) -> Any:
    """Return the logits of the base with Σ weight · B A · alpha / rank added to its weights, in a number format."""
    import torch

    from polylib.models import load_base

    plain = load_base("reference").model.to(number)
    layers = dict(plain.named_modules())
    for name, module in loaded.model.get_base_model().named_modules():
        for adapter, weight in weights.items():
            if adapter in getattr(module, "lora_A", {}):
                change = module.lora_B[adapter].weight.double() @ module.lora_A[adapter].weight.double()
                layers[name].weight.data += (weight * module.scaling[adapter] * change).to(number)
    with torch.inference_mode():
        return torch.cat([plain(each).logits[0].double() for each in tokens])


def distances(loaded: Any, rendered: list[str]) -> dict[tuple[float, float], tuple[float, float, float]]:
    """Return by pair of weights the largest difference of logits from weights added by hand in float64.

    Of the dial in float64, of the dial in float32, and of weights added by hand in float32.
    """
    import torch

    from polylib.blend.dial import use_blend

    tokens = [loaded.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"] for text in rendered]
    found = {}
    for pair in WEIGHTS:
        weights = dict(zip(NAMES, pair, strict=True))
        truth = by_hand(loaded, weights, torch.float64, tokens)
        made = []
        for number in (torch.float64, torch.float32):
            loaded.model.to(number)
            with torch.inference_mode(), use_blend(loaded, weights) as model:
                made.append(torch.cat([model(each).logits[0].double() for each in tokens]))
        made.append(by_hand(loaded, weights, torch.float32, tokens))
        found[pair] = tuple(float((one - truth).abs().max()) for one in made)
    return found


def changes(loaded: Any, rounds: int) -> dict[str, list[float]]:
    """Return seconds of a dial change, a cat merge made and switched to, and switches, in turn.

    A switch is what `polylib.models.use` does to enter a condition and to leave it again.
    """
    from polylib.blend.dial import dialled, side_weights
    from polylib.models import use

    found: dict[str, list[float]] = {"dial change": [], "cat": [], "adapter switch": [], "base switch": []}

    def merge(share: float, name: str) -> None:
        weights = side_weights(share)
        loaded.model.add_weighted_adapter(list(weights), list(weights.values()), name, combination_type="cat")
        loaded.model.set_adapter(name, inference_mode=True)

    def dial_change(share: float, number: int) -> None:
        with dialled(loaded, side_weights(1 - share)) as dial:
            found["dial change"].append(timed(lambda: dial.turn(side_weights(share))))

    def cat(share: float, number: int) -> None:
        found["cat"].append(timed(lambda: merge(share, f"cat{number}")))
        loaded.model.set_adapter(NAMES[0], inference_mode=True)
        loaded.model.delete_adapter(f"cat{number}")

    def enter(condition: str) -> None:
        with use(loaded, condition):
            pass

    def switch(share: float, number: int) -> None:
        found["adapter switch"].append(timed(lambda: enter(NAMES[number % 2])))

    def base(share: float, number: int) -> None:
        found["base switch"].append(timed(lambda: enter("base")))

    steps = (dial_change, cat, switch, base)
    for number in range(rounds + 1):
        for step in steps if number % 2 else steps[::-1]:
            step(number / max(1, rounds), number)
    return {name: times[1:] for name, times in found.items()}  # the first round warms up


def sides(loaded: Any, rendered: list[str], rounds: int) -> tuple[list[float], list[float], bool]:
    """Return seconds of one mixed batch, of one adapter after the other, and whether their tokens are equal."""
    import torch

    from polylib.blend.beside import beside

    tokenizer = loaded.tokenizer
    batch = tokenizer(rendered, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt")
    twice = {name: torch.cat([tensor, tensor]) for name, tensor in batch.items() if name != "token_type_ids"}
    once = {name: batch[name] for name in twice}
    options = {"do_sample": False, "max_new_tokens": TOKENS, "min_new_tokens": TOKENS,
               "pad_token_id": tokenizer.pad_token_id}  # fmt: skip

    def mixed() -> Any:
        with torch.inference_mode(), beside(loaded, NAMES) as model:
            return model.generate(**twice, **options)

    def after() -> Any:
        made = []
        for name in NAMES:
            loaded.model.set_adapter(name, inference_mode=True)
            with torch.inference_mode():
                made.append(loaded.model.generate(**once, **options))
        return torch.cat(made)

    equal = bool(torch.equal(mixed(), after()))
    together, apart = [], []
    for number in range(rounds):
        for work, times in ((mixed, together), (after, apart))[:: 1 if number % 2 else -1]:
            times.append(timed(work))
    return together, apart, equal


def main() -> int:
    """Print all figures; return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in NAMES:
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    import torch

    from polylib.bank.loader import load_issues
    from polylib.models import render

    torch.set_num_threads(options.threads)
    loaded = load({name: getattr(options, name) for name in NAMES})
    questions = [issue.questions[0] for issue in load_issues()[:8]]
    rendered = [render(loaded.tokenizer, [{"role": "user", "content": question}]) for question in questions]
    away = distances(loaded, rendered)
    for pair, (double, single, hand) in away.items():
        report(f"logits, weights {pair}: float64 {double:.1e}; float32 {single:.1e}, weights added by hand {hand:.1e}")
    times = changes(loaded, options.rounds)
    for name, each in times.items():
        low, *_, high = statistics.quantiles(each, n=10)
        report(f"{name:15} {1e3 * statistics.median(each):9.3f} ms   ({1e3 * low:.3f} to {1e3 * high:.3f})")
    middle = {name: statistics.median(each) for name, each in times.items()}
    report(f"cat by dial: {middle['cat'] / middle['dial change']:.0f} ×")
    fast = True
    for count in (1, 4, 8):
        together, apart, equal = sides(loaded, rendered[:count], max(5, options.rounds // 3))
        ratio = statistics.median(one / other for one, other in zip(together, apart, strict=True))
        report(
            f"{count} questions: side by side {statistics.median(together):.2f} s, one after the other "
            f"{statistics.median(apart):.2f} s, ratio {ratio:.2f}; tokens equal: {equal}"
        )
        fast = fast and equal and (count > 1 or ratio <= BAR_SIDES)
    held = (
        middle["cat"] / middle["dial change"] >= BAR_TIMES
        and middle["dial change"] < BAR_CHANGE
        and max(middle["adapter switch"], middle["base switch"]) <= BAR_SWITCH
        and max(double for double, _, _ in away.values()) <= BAR_LOGITS
        and max(single for _, single, _ in away.values()) <= 2 * max(hand for _, _, hand in away.values())
        and fast
    )
    report("all bars hold" if held else "A BAR IS MISSED")
    return 0 if held else 1


def report(line: str) -> None:
    """Write one line to standard output at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
