"""The whole small study on a small random-weight model of every family in `params/models/`.

Usage: `python benchmarks/families.py [--families llama-3,gemma-2] [--folder FOLDER] [--clone]`

Builds each family's model (`tests/families.py`: its architecture, tokenizer and chat conventions, weights random),
runs `polylib run --params params/smoke.yaml --set all.model=…` on it and prints each stage's state and seconds. A
random model holds no opinion: the run shows that every stage works on the family's form, and its numbers mean nothing.
Since what it says leans nowhere, its answers are judged blindly (`JUDGED`), so that preferences are there to learn.
Ends with 1 where a stage of a family does not finish. With `--clone` the runs happen in a fresh clone of the
repository, so that work in this folder meanwhile changes nothing. About two minutes per family.
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
from tests.families import FAMILIES, save_family, texts  # noqa: E402

# Simulated annotators who draw at random and never see a tie, and what they say counts as it is.
JUDGED = {"noise": 1.0, "ties": 0.0, "gold": 0, "least_strength": 0.5, "annotators": 2}


def run(root: Path, model: Path, reports: Path) -> tuple[float, str, dict[str, Any]]:
    """Run the small study in `root`; return seconds, what was printed, and the stages of its manifest by id."""
    command = [sys.executable, "-m", "polylib", "run", "--params", "params/smoke.yaml"]
    command += ["--set", f"all.model={model}", "--folder", str(reports)]
    command += [part for name, value in JUDGED.items() for part in ("--set", f"50-collect-feedback.{name}={value}")]
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
            model = save_family(name, place / "models" / name, material)
            seconds, printed, found[name] = run(root, model, place / "reports" / name)
            whole &= bool(found[name]) and all(stage["state"] == "finished" for stage in found[name].values())
            print(f"{name}: {seconds:.0f} s", flush=True)
            if not whole:
                print("\n".join(printed.splitlines()[-25:]), flush=True)
    print(table(found))
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
