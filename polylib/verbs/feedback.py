"""Judgements to and from other tools and trainers, and how far annotators agree. No model is needed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast, get_args

import typer

from polylib.errors import PolylibError
from polylib.study.terminal import open_console, show_table, shown_path

if TYPE_CHECKING:
    from polylib.feedback.exchange_trl import Wish
    from polylib.feedback.judgements import AnyJudgement
    from polylib.feedback.tasks import ComparisonTask, LabelTask
    from polylib.tables import Row

MOST_PROBLEMS = 5  # lines told one by one
Format = Literal["argilla", "label-studio", "jsonl", "dpo", "kto", "reward"]

app = typer.Typer(help="Judgements of people: to and from other tools, and how far they agree.", no_args_is_help=True)
FormatOption = Annotated[str, typer.Option("--format", help=" | ".join(get_args(Format)))]
TasksOption = Annotated[Path | None, typer.Option(help="Tasks, where not all of them are judged in the store yet.")]
WishOption = Annotated[str, typer.Option(help="What dpo, kto, reward choose: better, progressive, conservative.")]


@app.command("export")
def export(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="File of judgements, as `label --out` wrote it.")],
    to: Annotated[Path, typer.Option("--to", help="File to write.")],
    form: FormatOption,
    wish: WishOption = "",
    tasks: TasksOption = None,
) -> None:
    """Write judgements for Argilla, Label Studio or as plain lines, or as rows for TRL's DPO, KTO or reward trainer."""
    from polylib.feedback.exchange import ToolFormat, TrainerFormat, export_for_tool, export_for_trainer

    if to.resolve() == store.resolve():
        raise PolylibError(str(to), "is the store itself, which is only added to", remedy="name another file")
    judgements = _read(store, tasks is not None)
    if form in get_args(TrainerFormat):
        counts = export_for_trainer(to, cast("TrainerFormat", form), judgements, _wish(wish))
    elif form in get_args(ToolFormat):
        _no_wish(form, wish)
        counts = export_for_tool(to, cast("ToolFormat", form), _tasks(judgements, tasks), judgements)
    else:
        raise _unknown(form)
    _told(f"{counts.rows} rows written", counts.left_out)
    typer.echo(shown_path(to))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What the tool exported.")],
    out: Annotated[Path, typer.Option("--out", help="Store to add to; what it says already is not added again.")],
    form: Annotated[str, typer.Option("--format", help=" | ".join(one for one in get_args(Format) if one != "kto"))],
    wish: WishOption = "",
    tasks: TasksOption = None,
    annotator: Annotated[
        str, typer.Option(help="Of dpo and reward, which name nobody: id of who judged.")
    ] = "imported",
) -> None:
    """Add what was judged elsewhere to a store: all of it or nothing. Another answer of the same person corrects."""
    from polylib.feedback.exchange import ToolFormat, import_from_tool, import_preferences
    from polylib.feedback.merging import add_new

    if file.resolve() == out.resolve():
        raise PolylibError(str(out), "is the file to read", remedy="name another file")
    if not file.is_file():
        raise PolylibError(str(file), "cannot be read: there is no such file", remedy="check the path")
    stored = _read(out, allow_none=True)
    left_out: Mapping[str, int] = {}
    judgements: Sequence[AnyJudgement]
    if form in ("dpo", "reward"):
        judgements = import_preferences(file, _wish(wish), annotator)
    elif form == "kto":
        raise PolylibError("format", "kto holds no pairs, so no comparison can be read from it", allowed="dpo, reward")
    elif form in get_args(ToolFormat):
        _no_wish(form, wish)
        known = sorted({one.annotator for one in stored})
        judgements, left_out = import_from_tool(file, cast("ToolFormat", form), _tasks(stored, tasks), known)
    else:
        raise _unknown(form)
    if not judgements:
        said = ", ".join(f"{count} {reason}" for reason, count in left_out.items()) or "it has none"
        raise PolylibError(str(file), f"no judgement was found ({said})", remedy="name the tasks with --tasks")
    added = add_new(out, judgements)
    _told(f"{added.new} judgements added, {added.corrected} of them corrections, {added.known} known before", left_out)
    typer.echo(shown_path(out))


@app.command("agreement")
def agreement(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="File of judgements, as `label --out` wrote it.")],
    draws: Annotated[int, typer.Option(min=100, max=100_000, help="Bootstrap draws of the intervals.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the intervals.")] = 20261122,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Say how far annotators agree: alpha, kappas, by issue and leaning; position bias, repeats and gold items."""
    from polylib.feedback.consistency import consistency
    from polylib.feedback.judgements import ComparisonJudgement, LabelJudgement, by_kind, standing
    from polylib.tune import feedback_tables
    from polylib.verbs.label_agreement import label_agreement

    read = _read(store)
    labels, comparisons = standing(by_kind(read, LabelJudgement)), standing(by_kind(read, ComparisonJudgement))
    agreed = label_agreement(labels, draws, seed) if labels else []
    agreed += feedback_tables.agreement(comparisons, draws, seed) if comparisons else []
    trusted = [row for own in (labels, comparisons) if own for row in consistency(own)]
    if as_json:
        tables = {"agreement": _plain(agreed), "consistency": _plain(trusted)}
        typer.echo(json.dumps(tables, indent=2, allow_nan=False))
        return
    names = {one.annotator for one in read}
    who = "simulated " if all(one.simulated for one in read) else ""
    some = ", some of them simulated" if not who and any(one.simulated for one in read) else ""
    typer.echo(f"{len(labels) + len(comparisons):,} judgements of {len(names)} {who}annotators{some}")
    _show("Agreement beyond chance, 95 % intervals; n: issues, or items of one issue", agreed)
    _show("Annotators on their own, 95 % intervals; n: judgements or repeats", trusted)


@app.command("order-gain")
def order_gain(
    writers: Annotated[
        int, typer.Option(min=3, max=40, help="Simulated writers; every two of them are compared.")
    ] = 10,
    times: Annotated[int, typer.Option(min=1, max=50, help="Comparisons of every two.")] = 6,
    annotators: Annotated[int, typer.Option(min=2, max=20, help="Simulated annotators, an even number.")] = 2,
    noise: Annotated[float, typer.Option(min=0, max=1, help="Share of answers drawn blindly.")] = 0.05,
    judgements: Annotated[int, typer.Option(min=10, help="Judgements of all annotators together.")] = 150,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="How often all of it is drawn anew.")] = 16,
    draws: Annotated[int, typer.Option(min=100, max=100_000, help="Bootstrap draws of the intervals.")] = 2000,
) -> None:
    """Say, by simulated annotators, how many judgements the active order saves against the declared one."""
    from polylib.feedback.active_gain import curve, saved, walk_writers
    from polylib.feedback.simulated import SimulatedAnnotators

    if annotators % 2:
        raise PolylibError("--annotators", f"{annotators}", allowed="an even number: half of each leaning")
    people = SimulatedAnnotators(count=annotators, noise=noise, leaning_bias=0.2, position_bias=0.1, ties=0.5)
    walks = walk_writers(writers, times, people, range(seeds), list(range(10, judgements + 1, 10)))
    typer.echo(f"{annotators} simulated annotators, {writers} simulated writers, {seeds} seeds")
    _show("Share of comparisons known (simulated), mean of both axes, 95 % t interval over seeds", curve(walks))
    rows = saved(walks, [0.8, 0.85, 0.9], draws, 1)
    _show("Judgements needed for a share (simulated); saved with its 95 % interval over seeds", rows)


def _read(store: Path, allow_none: bool = False) -> "list[AnyJudgement]":
    """Return the judgements of a store; what is no judgement is told."""
    from polylib.feedback.store import read

    if not allow_none and not store.exists():
        raise PolylibError(str(store), "file not found", remedy="name the file that `polylib label --out` wrote")
    stored = read(store)
    for problem in stored.problems[:MOST_PROBLEMS]:
        typer.echo(f"{store}, line {problem.line}: {problem.reason}", err=True)
    if len(stored.problems) > MOST_PROBLEMS:
        typer.echo(f"{store}: {len(stored.problems) - MOST_PROBLEMS} more lines are no judgements", err=True)
    if not stored.judgements and not allow_none:
        raise PolylibError(str(store), "holds no judgement", remedy="name the file that `polylib label --out` wrote")
    return stored.judgements


def _tasks(judgements: "Sequence[AnyJudgement]", file: Path | None) -> "list[LabelTask | ComparisonTask]":
    """Return the tasks of a file where one is named, else those that were judged."""
    from polylib.feedback.tasks import read_tasks

    found: list[LabelTask | ComparisonTask] = [*read_tasks(file)] if file else [one.task for one in judgements]
    if not found:
        raise PolylibError(
            "--tasks", "is needed: the store holds no judgement yet that says what was asked",
            remedy="name the file of tasks that `label` was given",
        )  # fmt: skip
    once: dict[str, LabelTask | ComparisonTask] = {task.content_hash(): task for task in found}
    return list(once.values())


def _wish(wish: str) -> "Wish":
    from polylib.feedback.exchange_trl import Wish

    if wish not in get_args(Wish):
        raise PolylibError("--wish", repr(wish) if wish else "is missing", allowed=", ".join(get_args(Wish)))
    return cast("Wish", wish)


def _no_wish(form: str, wish: str) -> None:
    if wish:
        raise PolylibError("--wish", f"means nothing for {form}, which holds both axes", remedy="leave it out")


def _unknown(form: str) -> PolylibError:
    return PolylibError("--format", repr(form), allowed=", ".join(get_args(Format)))


def _told(line: str, left_out: Mapping[str, int]) -> None:
    typer.echo(line + "".join(f"\nleft out: {count} {reason}" for reason, count in sorted(left_out.items())))


def _plain(rows: "Sequence[Row]") -> list[dict[str, object]]:
    """Return rows with null for what is not known."""
    return [{name: None if value != value else value for name, value in row.model_dump().items()} for row in rows]


def _show(title: str, rows: "Sequence[Row]") -> None:
    import pandas

    table = pandas.DataFrame([row.model_dump() for row in rows]).drop(columns="simulated")
    if "reason" in table and not any(table["reason"]):
        table = table.drop(columns="reason")
    name = "saved" if "saved" in table else "value"
    bounds = [table.pop("low"), table.pop("high")]
    table[name] = [_estimate(*values) for values in zip(table[name], *bounds, strict=True)]
    if "axis" in table:
        table["axis"] = [axis.replace("_", " ") for axis in table["axis"]]
    typer.echo(title)
    show_table(open_console(), table)


def _estimate(value: float, low: float, high: float) -> str:
    """Write `0.457 (0.411 to 0.502)`, without an interval that is not known, and a dash for no value."""
    if value != value:
        return "–"
    return f"{value:.3f} ({low:.3f} to {high:.3f})" if low == low and high == high else f"{value:.3f}"
