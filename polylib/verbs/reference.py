"""The small language model that ships with Polylib: train it again and check it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polylib.study.terminal import shown_path

if TYPE_CHECKING:
    from polylib.reference.recipe import Progress

FAILED = 1

app = typer.Typer(help="The small language model that ships with Polylib.", no_args_is_help=True)


@app.command("build")
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


def _training_line(progress: "Progress", steps: int) -> str:
    kinds = ", ".join(f"{kind} {loss:.2f}" for kind, loss in progress.by_kind.items())
    return f"step {progress.step} of {steps}  loss {progress.loss:.3f} nats  ({kinds})"
