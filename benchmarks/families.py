"""The whole small study on a small random-weight model of every family in `params/models/`.

Usage: `python benchmarks/families.py [--families llama-3,gemma-2] [--folder FOLDER] [--steps 300] [--clone]`

Builds each family's model (`tests/families.py`: its architecture, tokenizer and chat conventions, weights random),
teaches it for a minute to answer the bank's questions with the bank's takes of both sides (a model that babbles
gives no answer on an issue, and stage 60 rightly refuses to learn from such), runs
`polylib run --params params/smoke.yaml --set all.model=…` on it and prints each stage's state and seconds. The run
shows that every stage works on the family's form; its numbers mean nothing.
Ends with 1 where a stage of a family does not finish. With `--clone` the runs happen in a fresh clone of the
repository, so that work in this folder meanwhile changes nothing. About three minutes per family.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from polylib.files import read_json  # noqa: E402
from polylib.tune.examples import IGNORED  # noqa: E402
from tests.families import CONTEXT, FAMILIES, SHAPE, save_family, texts  # noqa: E402

WIDTH: dict[str, float] = {
    "hidden_size": 96, "head_dim": 24, "intermediate_size": 256, "query_pre_attn_scalar": 24,
    "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0,
}  # fmt: skip
ASKED = {"questions": 6, "samples": 6, "comparisons": 400}  # few answers of such a model are on their issue
BATCH = 16


def teach(folder: Path, steps: int) -> float:
    """Teach the model in `folder` to answer the bank's questions, `steps` steps in its chat format; the last loss."""
    import torch

    from polylib import LEANINGS
    from polylib.bank.loader import load_issues
    from polylib.models import load_base, without_bars
    from polylib.tune.examples import TuningExample, encode
    from polylib.tune.trainer import answer_loss

    loaded = load_base(str(folder))
    told = [
        TuningExample(0, "open", issue.id, question, pair.take(side).text)
        for issue in load_issues() for question in issue.questions
        for pair in issue.pairs[:1] for side in LEANINGS
    ]  # fmt: skip
    known = encode(told, loaded.tokenizer, CONTEXT)
    model: Any = loaded.model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    generator = torch.Generator().manual_seed(1)
    last = float("nan")
    for _ in range(steps):
        chosen = [known[number] for number in torch.randint(len(known), (BATCH,), generator=generator).tolist()]
        width = max(len(one.input_ids) for one in chosen)
        rows = [(one.input_ids, one.labels, width - len(one.input_ids)) for one in chosen]
        loss = answer_loss(model, {
            "input_ids": torch.tensor([[*ids, *[0] * rest] for ids, _, rest in rows]),
            "labels": torch.tensor([[*labels, *[IGNORED] * rest] for _, labels, rest in rows]),
            "attention_mask": torch.tensor([[1] * len(ids) + [0] * rest for ids, _, rest in rows]),
        })  # fmt: skip
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        falling.step()
        last = float(loss.detach())
    with without_bars():
        model.save_pretrained(folder)
    return last


def run(root: Path, model: Path, reports: Path) -> tuple[float, str, dict[str, Any]]:
    """Run the small study in `root`; return seconds, what was printed, and the stages of its manifest by id."""
    command = [sys.executable, "-m", "polylib", "run", "--params", "params/smoke.yaml"]
    command += ["--set", f"all.model={model}", "--folder", str(reports)]
    command += [part for name, value in ASKED.items() for part in ("--set", f"50-collect-feedback.{name}={value}")]
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    manifests = sorted(reports.glob("*/manifest.json"), key=lambda path: path.stat().st_mtime)
    stages = read_json(manifests[-1])["stages"] if manifests else []
    return time.perf_counter() - begun, done.stdout + done.stderr, {stage["id"]: stage for stage in stages}


def table(found: dict[str, dict[str, Any]]) -> str:
    """Return one line per stage: its seconds under each family, or its state where it did not finish."""
    ids = list(dict.fromkeys(stage for stages in found.values() for stage in stages))
    width = max([5, *map(len, ids)])
    lines = [f"{'stage':<{width}}  " + "".join(f"{name:>12}" for name in found)]
    for stage in ids:
        cells = [_cell(stages.get(stage)) for stages in found.values()]
        lines.append(f"{stage:<{width}}  " + "".join(f"{cell:>12}" for cell in cells))
    return "\n".join(lines)


def _cell(stage: dict[str, Any] | None) -> str:
    if stage is None:
        return "-"
    return f"{stage['seconds']:.0f} s" if stage["state"] == "finished" else str(stage["state"])


def main() -> int:
    """Run every family asked for; print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--folder", type=Path, default=None, help="where models and runs are kept")
    parser.add_argument("--clone", action="store_true", help="run in a fresh clone of this repository")
    parser.add_argument("--steps", type=int, default=300, help="steps of teaching")
    asked = parser.parse_args()
    names = asked.families.split(",")
    with tempfile.TemporaryDirectory() as scratch:
        place = (asked.folder or Path(scratch)).resolve()
        root = ROOT
        if asked.clone:
            root = place / "main"
            subprocess.run(["git", "clone", "-q", str(ROOT), str(root)], check=True)
        material, found, whole = texts(48), {}, True
        for name in names:
            changes = {key: size for key, size in WIDTH.items() if key in SHAPE | FAMILIES[name].settings}
            model = save_family(name, place / "models" / name, material, initializer_range=0.05, **changes)
            print(f"{name}: taught to a loss of {teach(model, asked.steps):.2f}", flush=True)
            seconds, printed, found[name] = run(root, model, place / "reports" / name)
            whole &= bool(found[name]) and all(stage["state"] == "finished" for stage in found[name].values())
            print(f"{name}: {seconds:.0f} s", flush=True)
            if not whole:
                print("\n".join(printed.splitlines()[-25:]), flush=True)
    print(table(found))
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
