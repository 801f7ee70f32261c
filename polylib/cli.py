"""The verbs of `python3 -m polylib`.

It knows how to ask and how to answer in a terminal; the work is done by the rooms.
"""

import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polylib.errors import PolylibError
from polylib.study.terminal import Told, open_console, open_watcher, show_table, shown_path

if TYPE_CHECKING:
    from polylib.reference.recipe import Progress
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
reference_app = typer.Typer(help="The small language model that ships with Polylib.", no_args_is_help=True)
app.add_typer(reference_app, name="reference")
instruments_app = typer.Typer(help="Published instruments: what there is, and how to fetch it.")
app.add_typer(instruments_app, name="instruments")

Params = Annotated[
    list[Path] | None,
    typer.Option(
        "--params", help="Parameter file; may be repeated, a later one wins. Example: --params params/smoke.yaml"
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="One value, as STAGE.NAME=VALUE; may be repeated. Example: --set 70-measure-bias.draws=500"
    ),
]
Folder = Annotated[Path, typer.Option("--folder", help="Where runs and stage outputs go.")]


@app.command()
def run(
    params: Params = None,
    assignments: Assignments = None,
    until: Annotated[str | None, typer.Option(help="Last stage wanted, e.g. 30 or 40-finetune-placebo.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and why, and stop.")] = False,
    timeout: Annotated[int | None, typer.Option(min=1, help="Seconds a stage may take, for every stage.")] = None,
    folder: Folder = Path("reports"),
) -> None:
    """Run a study and write its report. The last line printed is the report's path.

    A second run skips what is unchanged; after a crash or Ctrl-C the same command resumes.
    """
    project, study = _asked(params, assignments, folder)
    if dry_run:
        _show_plan(project, study, until)
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
    from polylib.study.manifest import render

    path = Path(name) if Path(name).is_dir() else folder / name
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
) -> None:
    """Curate one source by itself: kept and removed texts, funnel, rejects, card. No study is touched."""
    from polylib.study.alone import curate_alone, source_settings

    named = source_settings(source, kind, setting or [])
    console = open_console()
    with console.status(f"reading {source}") as status:
        told = Told(console, status)
        table = curate_alone(named, assignments or [], scope, out, told)
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


@app.command()
def score(
    instrument: Annotated[str, typer.Argument(help="Name of an instrument; `instruments` lists them.")],
    data: Annotated[Path, typer.Option(help="The instrument's own material.")],
    responses: Annotated[Path, typer.Option(help="Answers to it, whoever gave them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the intervals.")] = 20261122,
) -> None:
    """Score answers from files with a published instrument. No model is needed."""
    from polylib.study.scoring import scored, scored_json, scored_table

    chosen, rows = scored(instrument, data, responses, seed)
    if as_json:
        typer.echo(scored_json(chosen, rows))
        return
    typer.echo(f"{chosen.title}, {chosen.version}\nscale: {chosen.scale}\nsource: {chosen.citation}")
    show_table(open_console(), scored_table(rows))


@instruments_app.callback(invoke_without_command=True)
def instruments(context: typer.Context) -> None:
    """List the instruments: what they measure, their scale, their licence, and the files they score."""
    if context.invoked_subcommand is None:
        from polylib.study.scoring import instrument_lines

        for line in instrument_lines():
            typer.echo(line)


@instruments_app.command("get")
def instruments_get(
    name: Annotated[str, typer.Argument(help="Name of a publication, e.g. xstest; a wrong one lists them all.")],
    into: Annotated[
        Path, typer.Option("--into", help="Folder; the publication gets a folder of its own in it.")
    ] = Path("instruments"),
    accept: Annotated[bool, typer.Option("--accept", help="You have read the licence and accept it.")] = False,
) -> None:
    """Fetch a licensed publication by pinned address and SHA-256, after its licence was shown and accepted."""
    from polylib.measure.instruments.fetch import fetch, find_publication, licence_text

    typer.echo(licence_text(find_publication(name)))
    done = fetch(name, into, accept)
    typer.echo(f"{len(done.written)} files fetched, {len(done.kept)} were there already")
    typer.echo(shown_path(done.folder))


@app.command()
def label(
    tasks: Annotated[Path, typer.Argument(metavar="TASKS", help="JSON lines of what is to be judged.")],
    out: Annotated[Path, typer.Option("--out", help="File of judgements; what is in it is gone on with.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the order in which things are shown.")] = 20261122,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine, 0 for any.")] = 0,
    guidelines: Annotated[Path | None, typer.Option(help="Your own guidelines instead of ours.")] = None,
) -> None:
    """Open a page on this machine on which people judge texts or pairs of answers. Ctrl-C ends it."""
    from polylib.feedback.desk import Desk
    from polylib.feedback.page import serve_page
    from polylib.feedback.tasks import read_tasks

    desk = Desk(read_tasks(tasks), out, seed, guidelines)
    serve_page(desk, lambda address: typer.echo(f"judge here, Ctrl-C ends: {address}"), port)


@app.command()
def serve(
    source: Annotated[
        Path, typer.Argument(metavar="RUN|FOLDER", help="A finished run, by folder or name, or a folder of bundles.")
    ],
    model: Annotated[str, typer.Option(help="The base; what the labels name where left out.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 0,
    host: Annotated[str, typer.Option(help="Any but this machine's own lets others in, unencrypted.")] = "127.0.0.1",
    names: Annotated[list[str] | None, typer.Option("--name", help="Further host name; may be repeated.")] = None,
    per_minute: Annotated[int, typer.Option(min=1, help="Requests of one address in a minute.")] = 1200,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the model.")] = 1,
    folder: Folder = Path("reports"),
) -> None:
    """Serve base, adapters and blends: a page for people and an OpenAI-compatible API, each answer with its label.

    Ctrl-C ends it. It listens on this machine alone, and answers nobody without the key that it prints.
    """
    from polylib.serve.catalogue import open_catalogue
    from polylib.serve.limits import Limits
    from polylib.serve.server import Address, serve_catalogue

    catalogue = open_catalogue(source if source.is_dir() else folder / source, model, threads)

    def announce(address: Address) -> None:
        if host not in ("127.0.0.1", "localhost", "::1"):
            typer.echo(f"Warning: {host} may be reached from other machines; the key travels unencrypted.", err=True)
        typer.echo(f"page      {address.page}\nbase_url  {address.api}\napi_key   {address.key}\nCtrl-C ends it.")

    def complain(line: str) -> None:
        typer.echo(line, err=True)

    serve_catalogue(catalogue, announce, complain, port, host, tuple(names or ()), Limits(per_minute=per_minute))


@reference_app.command("build")
def reference_build(
    into: Annotated[
        Path | None, typer.Option("--into", help="Folder for the weights, instead of replacing the shipped ones.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of corpus and initialisation.")] = None,
    work: Annotated[Path, typer.Option(help="Where checkpoints lie; an interrupted build goes on from there.")] = Path(
        "reports/.reference"
    ),
) -> None:
    """Train the reference model again (about 25 minutes on two cores) and check it against its bars."""
    from polylib.models import load_base
    from polylib.reference import build
    from polylib.reference.recipe import Recipe
    from polylib.study.reference_checks import check_reference

    recipe = Recipe.model_validate({} if seed is None else {"seed": seed})

    def tell(progress: "Progress") -> None:
        typer.echo(_training_line(progress, recipe.steps))

    folder = build.build(recipe, into or build.WEIGHTS, work, tell)
    checks = check_reference(load_base(str(folder), threads=recipe.threads))
    for check in checks:
        typer.echo(f"{'holds' if check.holds else 'FAILS'}  {check.name:<28} {check.value:+.3f}  ({check.bar})")
    typer.echo(shown_path(folder))
    raise typer.Exit(0 if all(check.holds for check in checks) else FAILED)


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


def _training_line(progress: "Progress", steps: int) -> str:
    kinds = ", ".join(f"{kind} {loss:.2f}" for kind, loss in progress.by_kind.items())
    return f"step {progress.step} of {steps}  loss {progress.loss:.3f} nats  ({kinds})"
