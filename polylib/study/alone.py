"""Curation and augmentation by themselves, from the shell: a source in, a folder of tables out.

It knows how to ask the two stages for their work without notebooks and runs; the folder of one is what the
other reads. Nothing of it enters a study: a study has its own stages 20 and 30.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from polylib.errors import PolylibError
from polylib.files import read_json, write_json
from polylib.parameters import StageParameters

if TYPE_CHECKING:
    import pandas

    from polylib.curate.stream import Tagging

RECORD = "parameters.json"
SCOPE = "scope.json"
CURATE, AUGMENT = "20-curate-data", "30-augment-counterfactuals"
Model = TypeVar("Model", bound=StageParameters)


def source_settings(path: str, kind: str, settings: Sequence[str]) -> dict[str, Any]:
    """Return the mapping that names one source.

    path: of its file or folder, or `bank`; kind: empty to tell it by what lies there; settings: name=value,
    the value read as YAML. Raises PolylibError where the kind cannot be told or a setting has no value.
    """
    from polylib.curate.sources.guess import guess_kind
    from polylib.study.overlays import parse_yaml

    values: dict[str, Any] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise PolylibError(f"--setting {text}", "is not a setting", allowed="name=value, e.g. leaning=progressive")
        values[name.strip()] = parse_yaml(value, f"--setting {name}")
    if path == "bank" and not kind:
        return {"kind": "bank", **values}
    return {"kind": kind or guess_kind(Path(path)), "path": str(Path(path).resolve()), **values}


def curate_alone(
    source: dict[str, Any],
    assignments: Sequence[str],
    scope: Path | None,
    out: Path,
    tell: Callable[[str, int], None],
    ray: str | None = None,
) -> "pandas.DataFrame":
    """Curate one source into `out` and return the funnel, one row per step with the texts left of each side.

    assignments: name=value of notebook 20's parameters; scope: folder with the `scope.json` of a stage 10,
    else the default study's; tell: called with the source's name and the number of texts read so far; ray:
    address of the Ray cluster that looks at the texts one by one, empty for one made here, None for none.
    """
    from polylib.curate.documents import write_documents
    from polylib.curate.parameters import CurateParameters
    from polylib.curate.recipe import curate, left_per_step, read_splits
    from polylib.curate.stream import tagged_batches

    overlays = [{"sources": [source]}]
    parameters = _parameters(CURATE, CurateParameters, overlays, assignments)
    _claim(out)
    with nullcontext(tagged_batches) if ray is None else _on_ray(ray) as tagging:
        _write_scope(scope, out)
        curated = curate(parameters, read_splits(out), out, tell, tagging)
    write_documents(curated, parameters, out)
    write_json(out / RECORD, {CURATE: parameters.model_dump()})
    return left_per_step(curated.funnel)


def _on_ray(address: str) -> "AbstractContextManager[Tagging]":
    from polylib.study.on_ray import tagging_on_ray

    return tagging_on_ray(address)


def augment_alone(curated: Path, assignments: Sequence[str], out: Path) -> "pandas.DataFrame":
    """Build pairs and examples from a folder that `curate_alone` wrote; return pairs and refusals per source.

    Raises PolylibError where the folder was not made by it.
    """
    from polylib.augment.build import augment, read_records, summary_table, write_augmented
    from polylib.augment.parameters import AugmentParameters
    from polylib.curate.recipe import read_splits

    if not (curated / SCOPE).is_file():
        remedy = "make it with `python3 -m polylib curate SOURCE --out FOLDER`"
        raise PolylibError(str(curated), "holds no curated texts", remedy=remedy)
    parameters = _parameters(AUGMENT, AugmentParameters, [], assignments)
    _claim(out)
    augmented = augment(read_records(curated), read_splits(curated), parameters, out / ".teacher")
    write_augmented(augmented, out)
    write_json(out / RECORD, {AUGMENT: parameters.model_dump()})
    return summary_table(augmented)


def _parameters(
    stage: str, model: type[Model], overlays: Sequence[dict[str, Any]], assignments: Sequence[str]
) -> Model:
    from polylib.study.overlays import Overlay, parse_assignment
    from polylib.study.params import resolve
    from polylib.study.stages import STAGES

    chosen = [one for one in STAGES if one.id == stage]
    layers = [Overlay("the command line", {stage: values}) for values in overlays]
    layers += [parse_assignment(f"{stage}.{text}") for text in assignments]
    found = resolve(chosen, layers)[stage]
    assert isinstance(found, model)
    return found


def _claim(out: Path) -> None:
    """Raise PolylibError where `out` holds something that is not ours, so that nothing is overwritten."""
    begun = out.is_dir() and {path.name for path in out.iterdir()} <= {SCOPE}  # empty, or an attempt that failed
    if out.exists() and not begun and not (out / RECORD).is_file():
        raise PolylibError(f"--out {out}", "exists and was not made by this command", remedy="name a new folder")


def _write_scope(scope: Path | None, out: Path) -> None:
    """Leave in `out` which issues are held out, so that augmentation keeps to the same."""
    if scope is not None:
        write_json(out / SCOPE, read_json(scope / SCOPE))
        return
    from polylib.bank.loader import load_issues
    from polylib.measure.parameters import ScopeParameters
    from polylib.measure.scope import define_scope

    write_json(out / SCOPE, define_scope(load_issues(), ScopeParameters.model_validate({})).model_dump(mode="json"))
