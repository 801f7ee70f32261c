"""A training in several processes, as a step of a stage: accelerate starts them, and what they learned is put together.

The processes (`launch`) only train, each its share of every step. The stage waits, then loads the base itself, puts
the whole weights in, and measures, guards and labels as after any training. Where batches are full the adapter is that
of one process, up to rounding. The watch looks before and after, not between, and there is no checkpoint to go on
from: a training that is interrupted starts again, one that ended is not repeated.
"""

import functools
import gc
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from polylib.errors import PolylibError
from polylib.files import sha256_file, sha256_json, write_json
from polylib.orphans import die_with_parent
from polylib.tune.parameters import TrainingParameters
from polylib.tune.training import library_versions
from polylib.tune.watch import TRAINED, Watch

LEARNED = f".{TRAINED}."  # in the names of the weights that are trained
JOB_FILE, WEIGHTS_FILE, HISTORY_FILE, LOG_FILE = "job.json", "weights.safetensors", "history.json", "launch.log"
# The last line of a traceback, of one of the processes or, where none was reached, of the launcher.
_CAUSES = (
    re.compile(r"^\[rank\d+\]: (?!Traceback)(\S.*)", re.MULTILINE),
    re.compile(r"^([\w.]*(?:Error|Exception)\b.*)", re.MULTILINE),
)


class Job(BaseModel):
    """What the processes are to do: tune or align with `parameters`, reading `inputs`, working in `work`.

    adapter: folder name of the adapter among those of its condition; identity: hash of all that decides the result.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["tune", "align"]
    parameters: dict[str, Any]
    inputs: dict[str, Path]
    adapter: str
    work: Path
    identity: str


class Together(NamedTuple):
    """What several processes learned: the adapter's whole weights by name, and the trainer's log."""

    weights: dict[str, Any]
    history: list[dict[str, Any]]


def trained_together(
    kind: Literal["tune", "align"], parameters: TrainingParameters, inputs: Mapping[str, Path], adapter: str,
    work: Path, report: Callable[[str], None],
) -> Together:  # fmt: skip
    """Train in `parameters.processes` processes, unless it was done already; return what they learned.

    kind: tune reads `examples` (a table), align `start` (a finished stage 40) and `preferences` (a table); adapter:
    its folder's name; work: kept between attempts. The device's memory must be free: nothing may be held here.
    Raises PolylibError where the processes cannot be started, or fail; the message names the cause and the log.
    """
    launch = Path(parameters.launch)
    if not launch.is_file():
        raise PolylibError(
            "launch", f"no file {str(launch)!r} in {Path.cwd()}", allowed="a configuration of accelerate",
            remedy="take params/accelerate/ddp.yaml or fsdp.yaml",
        )  # fmt: skip
    hashes = {name: sha256_file(path) for path in inputs.values() for name, path in _files(path).items()}
    identity = sha256_json([kind, adapter, parameters.model_dump(), parameters.outside(), hashes, library_versions()])
    folder = Path(work) / "together"
    absolute = {name: Path(path).resolve() for name, path in inputs.items()}
    job = Job(
        kind=kind, parameters=parameters.model_dump(), inputs=absolute, adapter=adapter, work=folder.resolve(),
        identity=identity,
    )  # fmt: skip
    if (kept := _kept(folder, identity)) is None:
        write_json(folder / JOB_FILE, job.model_dump(mode="json"))
        _free()
        report(f"training in {parameters.processes} processes, as {launch} says")
        _launch(parameters, launch, folder, report)
        kept = _kept(folder, identity)
    if kept is None:
        raise PolylibError(str(folder), "the processes ended without a result", remedy=f"read {folder / LOG_FILE}")
    return kept


def put_in(model: Any, together: Together, watch: Watch | None, last_step: int) -> None:
    """Put the weights that were learned into a model with the untrained adapter; the watch looks at both.

    Raises PolylibError where the adapter has other weights than the processes had.
    """
    import torch

    if watch:
        watch.begin(model, 0)
    own = {name: weight for name, weight in model.named_parameters() if LEARNED in name}
    if strange := sorted(set(together.weights) ^ set(own)):
        raise PolylibError(
            "adapter", f"is not what the processes learned: {strange[0]}", remedy="clear its work folder"
        )
    with torch.no_grad():
        for name, weight in together.weights.items():
            own[name].copy_(weight)
    if watch:
        watch.check(model, last_step)


def _free() -> None:
    """Give the device's memory back that nothing holds any more: the processes need it."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _files(path: Path) -> dict[str, Path]:
    """Return {name: file} of a file, or of all below a folder."""
    if Path(path).is_file():
        return {Path(path).name: Path(path)}
    return {str(file.relative_to(path)): file for file in sorted(Path(path).rglob("*")) if file.is_file()}


def _kept(folder: Path, identity: str) -> Together | None:
    """Return the result that lies there whole and is of the same question, else None."""
    if not ((folder / HISTORY_FILE).is_file() and (folder / WEIGHTS_FILE).is_file()):
        return None
    from safetensors.torch import load_file

    record = json.loads((folder / HISTORY_FILE).read_text(encoding="utf-8"))  # a loss may be no number
    whole = record["identity"] == identity and record["weights"] == sha256_file(folder / WEIGHTS_FILE)
    return Together(load_file(folder / WEIGHTS_FILE), record["history"]) if whole else None


def _launch(parameters: TrainingParameters, launch: Path, folder: Path, report: Callable[[str], None]) -> None:
    """Run the processes to their end and pass on what the first says; none of them outlives this one."""
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(launch.resolve()), "--num_processes",
        str(parameters.processes), "--main_process_port", "0", "-m", "polylib.tune.launch", str(folder / JOB_FILE),
    ]  # fmt: skip
    threads = {"OMP_NUM_THREADS": str(parameters.threads)}
    last = functools.partial(die_with_parent, os.getpid()) if sys.platform == "linux" else None
    with open(folder / LOG_FILE, "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **threads}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            text=True, preexec_fn=last,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            for line in process.stdout:
                report(line.rstrip())
            code = process.wait()
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.terminate()
                process.wait()
    if code:
        said = (folder / LOG_FILE).read_text(encoding="utf-8", errors="replace")
        found = next((found for cause in _CAUSES if (found := cause.search(said))), None)
        raise PolylibError(
            f"training in {parameters.processes} processes", f"failed: {found[1] if found else f'exit code {code}'}",
            remedy=f"read {folder / LOG_FILE}",
        )  # fmt: skip
