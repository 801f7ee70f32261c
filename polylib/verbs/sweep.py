"""`python3 -m polylib sweep FILE`: many runs of the study, on one machine or a cluster.

It knows how to ask and how to answer; the work is done by `study.sweep`.
"""

import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from polylib.study.terminal import open_console, shown_path
from polylib.verbs.options import Folder

if TYPE_CHECKING:
    from polylib.study.stages import Project
    from polylib.study.sweep.engine import Backend, Sweep
    from polylib.study.sweep.grid import Plan

FAILED, INTERRUPTED = 1, 130
Where = Literal["processes", "ray", "slurm"]


def sweep(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Sweep file, e.g. params/studies/sweep-seeds.yaml.")],
    workers: Annotated[
        int, typer.Option(min=0, help="Runs at once; 0: one for each core here, or what the cluster has room for.")
    ] = 0,
    threads: Annotated[
        int, typer.Option(min=0, help="CPU threads a run may use; 0: cores ÷ workers here, 1 on a cluster.")
    ] = 0,
    backend: Annotated[Where, typer.Option(help="Where runs are executed.")] = "processes",
    address: Annotated[str, typer.Option(help="Ray cluster to use; left out, one is made here for the sweep.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and stop.")] = False,
    folder: Folder = Path("reports"),
) -> None:
    """Run a study many times with other parameters and say what the differences come with.

    Stages that runs share are computed once. A run that fails stops no other.
    After a crash or Ctrl-C the same command goes on; nothing finished is
    repeated. The last line printed is the path of the summary.
    """
    from polylib.study.process import cores
    from polylib.study.stages import default_project
    from polylib.study.sweep.grid import read_plan

    project = default_project(folder)
    here = backend == "processes"
    workers = workers or (cores() if here else 0)
    plan = read_plan(project, file, threads or (max(1, cores() // workers) if here else 1))
    if dry_run:
        _show_plan(project, plan)
        return
    raise typer.Exit(_sweep(project, plan, workers, backend, address))


def _sweep(project: "Project", plan: "Plan", workers: int, backend: Where, address: str) -> int:
    from polylib.study.sweep.engine import Sweep

    asked = Sweep(project, plan)
    asked.resume()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill stops the sweep as Ctrl-C does
    try:
        taken = _backend(project, plan, asked.folder, workers, backend, address)
        try:
            return _execute(asked, taken, backend)
        finally:
            taken.close()
    finally:
        asked.release()


def _execute(asked: "Sweep", taken: "Backend", backend: Where) -> int:
    from polylib.study.sweep.live import LiveSweep, PlainSweep
    from polylib.study.sweep.summary import write_summary

    started, begun = datetime.now(UTC), time.monotonic()
    console = open_console()
    stopped = False
    try:
        with LiveSweep(console) if console.is_terminal else PlainSweep(console) as watcher:
            asked.run(taken, watcher)
    except KeyboardInterrupt:
        stopped = True
        console.print("stopped; the same command resumes", markup=False)
    words = "Slurm" if backend == "slurm" else f"{backend}, {taken.slots} at once"
    page = write_summary(asked, started, time.monotonic() - begun, words)
    for state in asked.states:
        if state.result and state.state != "finished":
            console.print(f"{state.run.name} {state.state}: {state.result.why}", markup=False, soft_wrap=True)
    typer.echo(shown_path(page))
    if stopped:
        return INTERRUPTED
    return 0 if all(state.state == "finished" for state in asked.states) else FAILED


def _backend(project: "Project", plan: "Plan", folder: Path, workers: int, backend: Where, address: str) -> "Backend":
    if backend == "ray":
        from polylib.study.sweep.ray_cluster import RayBackend

        return RayBackend(project.root, workers, plan.threads, plan.resources.gpus, address)
    if backend == "slurm":
        from polylib.study.sweep.slurm import SlurmBackend

        return SlurmBackend(project.root, folder / "slurm", workers, plan.threads, plan.resources)
    from polylib.study.sweep.processes import ProcessBackend

    return ProcessBackend(project.root, workers)


def _show_plan(project: "Project", plan: "Plan") -> None:
    """Say which runs there are, what sets them apart, and how many times each stage is computed."""
    from polylib.study.sweep.forecast import lines

    for line in lines(project, plan):
        typer.echo(line)
