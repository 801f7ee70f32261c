"""Options that several verbs take, so that they read the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

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
Source = Annotated[
    Path, typer.Argument(metavar="RUN|FOLDER", help="A finished run, by folder or name, or a folder of bundles.")
]


def source_folder(source: Path, folder: Path) -> Path:
    """Return the folder of a `Source`: as it is where it is one, else the run of that name below `folder`."""
    from polylib.show.run_folder import find_run

    return source if source.is_dir() else find_run(source, folder)
