"""The verbs of `python3 -m polylib`: those of a study here, the others gathered from `verbs`.

It knows how to ask and how to answer in a terminal; the work is done by the rooms.
"""

import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from polylib.errors import PolylibError
from polylib.study.terminal import Told, open_console, open_watcher, show_table, shown_path
from polylib.verbs import feedback, instruments, people, reference, serve
from polylib.verbs.compare import compare
from polylib.verbs.export import export
from polylib.verbs.options import Assignments, Folder, Params
from polylib.verbs.publish import publish
from polylib.verbs.sweep import sweep

if TYPE_CHECKING:
    from polylib.study.manifest import Study
    from polylib.study.stages import Project

FAILED, USAGE, INTERRUPTED = 1, 2, 130

_HELP = """Tune a language model towards a political leaning on purpose, and measure what happened.

The main job is `python3 -m polylib run`: it executes the notebooks 00 to 95 and ends with the path
of a report. Nothing that is unchanged is computed twice.

Two more verbs set up what they need and stand outside this list: `python3 -m polylib test` runs
all tests, `python3 -m polylib lab` opens the notebooks in JupyterLab.
"""

app = typer.Typer(help=_HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(reference.app, name="reference")
app.add_typer(instruments.app, name="instruments")
app.add_typer(feedback.app, name="feedback")
app.command("score")(instruments.score)
app.command("label")(people.label)
app.command("serve")(serve.serve)
app.command()(compare)
app.command()(sweep)
app.command()(publish)
app.command()(export)


@app.command()
def run(
    params: Params = None,
    assignments: Assignments = None,
    until: Annotated[str | None, typer.Option(help="Last stage wanted, e.g. 30 or 40-finetune-placebo.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run and why, what it downloads and needs, and stop.")
    ] = False,
    timeout: Annotated[int | None, typer.Option(min=1, help="Seconds a stage may take, for every stage.")] = None,
    folder: Folder = Path("reports"),
) -> None:
    """Run a study and write its report. The last line printed is the report's path.

    A second run skips what is unchanged; after a crash or Ctrl-C the same command resumes.
    """
    project, study = _asked(params, assignments, folder)
    if dry_run:
        _show_plan(project, study, until)
        _show_outlook(project, study, until)
    else:
        raise typer.Exit(_run(project, study, until, timeout))


@app.command()
def status(
    params: Params = None,
    assignments: Assignments = None,
    until: Annotated[str | None, typer.Option(help="Last stage wanted.")] = None,
    folder: Folder = Path("reports"),
) -> None:
    """Say for each stage whether it would run, and why. Takes the same parameters as `run`."""
    project, study = _asked(params, assignments, folder)
    _show_plan(project, study, until)


@app.command()
def report(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its name below --folder.")],
    to: Annotated[Path | None, typer.Option("--to", help="New folder for a copy to hand on: pages and tables.")] = None,
    folder: Folder = Path("reports"),
) -> None:
    """Write the report of an earlier run again."""
    from polylib.show.handout import write_handout
    from polylib.show.run_folder import find_run
    from polylib.study.manifest import render

    path = find_run(name, folder)
    page = render(path)
    typer.echo(shown_path(page if to is None else write_handout(path, to)))


@app.command()
def curate(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="File or folder of texts, or `bank`.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the tables and the data-set card.")],
    kind: Annotated[str, typer.Option("--kind", help="What SOURCE is; told by its layout where left out.")] = "",
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--setting", help="NAME=VALUE of the source; may be repeated. Example: --setting leaning=progressive"
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE of notebook 20; may be repeated. Example: --set minimum_words=20"),
    ] = None,
    scope: Annotated[Path | None, typer.Option(help="Folder with a scope.json; the default study's otherwise.")] = None,
    backend: Annotated[
        Literal["processes", "ray"], typer.Option(help="Where texts are looked at one by one; the result is the same.")
    ] = "processes",
    address: Annotated[str, typer.Option(help="Ray cluster to use; left out, one is made here.")] = "",
) -> None:
    """Curate one source by itself: kept and removed texts, funnel, rejects, card. No study is touched."""
    from polylib.study.alone import curate_alone, source_settings

    named = source_settings(source, kind, setting or [])
    console = open_console()
    with console.status(f"reading {source}") as status:
        told = Told(console, status)
        table = curate_alone(named, assignments or [], scope, out, told, address if backend == "ray" else None)
    show_table(console, table)
    typer.echo(shown_path(out))


@app.command()
def augment(
    curated: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder that `curate` wrote.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for pairs, refusals and tuning examples.")],
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE of notebook 30; may be repeated. Example: --set length_ratio=1.5"),
    ] = None,
) -> None:
    """Build matched pairs and tuning examples from curated texts. No study is touched."""
    from polylib.study.alone import augment_alone

    console = open_console()
    with console.status("building pairs"):
        table = augment_alone(curated, assignments or [], out)
    show_table(console, table)
    typer.echo(shown_path(out))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 a stage failed, 2 wrong input, 130 stopped."""
    try:
        app(args=None if argv is None else list(argv), prog_name="python3 -m polylib")
        return 0
    except SystemExit as ended:  # typer's way to end
        return ended.code if isinstance(ended.code, int) else FAILED
    except PolylibError as error:
        typer.echo(f"\n{error}\n", err=True)
        return USAGE
    except KeyboardInterrupt:
        typer.echo("\nstopped; the same command resumes\n", err=True)
        return INTERRUPTED


def _asked(params: list[Path] | None, assignments: list[str] | None, folder: Path) -> tuple["Project", "Study"]:
    """Resolve and check everything that was asked, before anything starts."""
    from polylib.study.manifest import Study
    from polylib.study.overlays import parse_assignment, read_overlay
    from polylib.study.params import resolve
    from polylib.study.stages import default_project

    project = default_project(folder)
    files = [path for path in [project.root / "params" / "default.yaml"] if path.is_file()] + list(params or [])
    overlays = [read_overlay(path) for path in files] + [parse_assignment(text) for text in assignments or []]
    command = ["run", *(f"--params={path}" for path in params or []), *(f"--set={text}" for text in assignments or [])]
    name = params[-1].stem if params else "default"
    return project, Study(name, command, resolve(project.stages, overlays))


def _run(project: "Project", study: "Study", until: str | None, timeout: int | None) -> int:
    from polylib.study.manifest import render, run_state, write_run
    from polylib.study.process import cores
    from polylib.study.progress import Clock
    from polylib.study.runner import Runner

    stages = project.upto(until)
    console = open_console()
    started = datetime.now(UTC)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill stops the run as Ctrl-C does
    with open_watcher(console, Clock(project, stages, cores())) as watcher:
        runner = Runner(project, study.parameters, watcher, timeout=timeout)
        try:
            runner.run(stages)
        except KeyboardInterrupt:
            console.print("stopped; the same command resumes", markup=False)
    folder = write_run(project, study, runner.outcomes, started)
    page = render(folder)
    state = run_state(runner.outcomes)
    if state != "finished":
        console.print(f"the run {'was interrupted' if state == 'interrupted' else 'failed'}; its report says where:")
    typer.echo(shown_path(page))
    return {"finished": 0, "interrupted": INTERRUPTED}.get(state, FAILED)


def _show_plan(project: "Project", study: "Study", until: str | None) -> None:
    from polylib.study.plan import forecast

    stages = project.upto(until)
    width = max(len(stage.id) for stage in stages)
    for stage, runs, why in forecast(project, stages, study.parameters):
        typer.echo(f"{stage.id:<{width}}  {'would run' if runs else 'unchanged'}: {why}")


def _show_outlook(project: "Project", study: "Study", until: str | None) -> None:
    from polylib.study.outlook import outlook, outlook_lines, this_device
    from polylib.study.plan import forecast

    stages = [stage.id for stage, runs, _ in forecast(project, project.upto(until), study.parameters) if runs]
    if stages:
        for line in outlook_lines(outlook(stages, study.parameters, this_device())):
            typer.echo(line)
