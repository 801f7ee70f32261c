"""Every method of notebook 60 in the smoke study: does it end, and does its page show what it did?

Usage: `python benchmarks/methods.py --work FOLDER [--methods dpo,ipo,orpo,kto,rloo,grpo]`

One run of the smoke study up to stage 60 per method, with stage outputs in FOLDER, so stages before 60 run once. Of
each leaning it prints whether the stage finished, its seconds, the margin (nats per answer) and the accuracy (share of
pairs, per token) on issues kept apart before and after, the divergence (KL) from stage 40 in nats per answer with its
95 % interval, for rloo and grpo the gain in reward on unseen issues (standard deviations of the reward), how many
sampled answers changed, and what is missing on the page as HTML. The smoke study's intervals are wide: this shows that
methods work, not how well. Bar: every stage finished, every quantity a number, nothing missing on any page.
"""

import argparse
import html
import json
import math
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
METHODS = ("dpo", "ipo", "orpo", "kto", "rloo", "grpo")
ONLINE = ("rloo", "grpo")


def run_study(method: str, work: Path) -> Path:
    """Run the smoke study up to stage 60 and return the folder of the run."""
    command = [
        sys.executable, "-m", "polylib", "run", "--params", "params/smoke.yaml", "--until", "60", "--folder", str(work),
        "--set", f"60-align-preferences.method={method}",
    ]  # fmt: skip
    said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    last = said.stdout.strip().splitlines()[-1] if said.stdout.strip() else ""
    if not last.endswith("index.html"):
        sys.exit(f"{method}: no run came of it\n{said.stdout[-2000:]}")
    return (ROOT / last).parent


def missing(page: str, method: str, leaning: str) -> list[str]:
    """Return what a page should show and does not: a figure is there with its picture, a table with its link."""
    text = html.unescape(re.sub(r"data:image/png;base64,[^\"']+", "data:image", page))
    pictures = re.findall(r"<img[^>]*src=[\"']data:image[\"'][^>]*alt=[\"'](.+?)[\"']", text, re.DOTALL)
    shown = {
        "steps": f"Alignment by {method} per step" in text
        and any("Curves of the alignment" in alt for alt in pictures),
        "margin, accuracy": f"tables/unseen_{leaning}.csv" in text,
        "pairs kept apart": any("Pairs of issues kept apart" in alt for alt in pictures),
        "KL": f"tables/change_{leaning}.csv" in text and "divergence" in text,
        "samples": f"tables/samples_{leaning}.csv" in text,
        "reward": method not in ONLINE or "Reward and drift per step" in text,
    }
    return [name for name, found in shown.items() if not found]


def change(unseen: dict[tuple[str, str], float], measure: str) -> str:
    """Return a measure before and after."""
    return f"{unseen[measure, 'before']:.2f} to {unseen[measure, 'after']:.2f}"


def row(run: Path, method: str, leaning: str) -> tuple[list[str], bool]:
    """Return the cells of one leaning's row and whether all is there."""
    sys.path.insert(0, str(ROOT))
    import pandas

    from polylib.tables import read_frame

    stages = {stage["id"]: stage for stage in json.loads((run / "manifest.json").read_text())["stages"]}
    stage = stages[f"60-align-{leaning}"]
    start = [method, leaning, str(stage["state"]), f"{stage['seconds']:.0f}"]
    if stage["state"] != "finished":
        return [*start, *["-"] * 5, "page of a stage that did not finish"], False
    folder = (run / stage["folder"]).resolve()
    frame = read_frame(folder / "unseen.parquet")
    unseen = {(one.measure, one.when): float(one.value) for one in frame.itertuples()}
    changed = pandas.read_csv(folder / "tables" / f"change_{leaning}.csv").set_index("quantity")
    divergence, low, high = (float(changed.loc["divergence", name]) for name in ("after", "low", "high"))
    samples = read_frame(folder / "samples.parquet")
    gain = json.loads((folder / "alignment.json").read_text())["online"]
    reward = gain["gains"]["unseen"]["value"] if method in ONLINE else None
    absent = missing((run / f"60-align-{leaning}.html").read_text(encoding="utf-8"), method, leaning)
    numbers = [*unseen.values(), divergence, *([reward] if method in ONLINE else [])]
    whole = not absent and all(value is not None and math.isfinite(value) for value in numbers)
    cells = [
        change(unseen, "margin"), change(unseen, "accuracy"),
        f"{divergence:.1f} ({low:.1f} to {high:.1f})",
        "none" if reward is None else f"{reward:+.2f}",
        f"{int((samples['before'] != samples['after']).sum())} of {len(samples)}",
        ", ".join(absent) or "nothing",
    ]  # fmt: skip
    return start + cells, whole


def main() -> int:
    """Run every method, print the table, and return 0 where the bar holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--methods", type=lambda text: text.split(","), default=list(METHODS))
    given = parser.parse_args()
    print("| method | leaning | state | s | margin, nats | accuracy | KL, nats | reward | answers changed | missing |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    held = True
    for method in given.methods:
        run = run_study(method, given.work.resolve())
        for leaning in ("progressive", "conservative"):
            cells, whole = row(run, method, leaning)
            held &= whole
            print(f"| {' | '.join(cells)} |", flush=True)
    print("the bar holds" if held else "THE BAR IS MISSED")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
