"""Curation of a large source on a Ray cluster: Ray Data maps the record-level steps over its batches.

It knows Ray Data, which the extra `[cluster]` brings, not what a step looks for: that is `curate.stream.tag`, as
without Ray. The source is read here, and texts are compared with each other here, because both need all of them in
order. Batches travel as JSON, in windows of bounded size of which one is read while another is on its way.
"""

import json
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

import polylib
from polylib.curate.record import Record
from polylib.curate.steps import Setting
from polylib.curate.stream import Tagged, Tagging, tag
from polylib.errors import PolylibError
from polylib.study.sweep.job import environment
from polylib.study.sweep.ray_cluster import RETRIES, connected

WINDOW = 8  # batches per CPU of the cluster that are handed over together
LEAST = 64  # batches: a window costs a second to start and to end
_ROOT = Path(polylib.__file__).resolve().parents[1]


@contextmanager
def tagging_on_ray(address: str) -> Iterator[Tagging]:
    """Yield what tags batches on the cluster at `address`, on one made here where that is empty; then leave it.

    Each batch becomes what `tag` makes of it, and they come in their order, whatever comes back first. Raises
    PolylibError where Ray is missing or refuses.
    """
    ray = connected(address, environment(_ROOT))
    try:
        _quiet()
        yield partial(_tagged, ray)
    finally:
        ray.shutdown()


def _tagged(ray: Any, batches: Iterable[Sequence[Record]], setting: Setting) -> Iterator[Tagged]:
    size = max(LEAST, WINDOW * int(ray.cluster_resources().get("CPU", 1)))
    place = [ray.put(setting)]  # in a list, so that tasks get the reference and fetch it once per process
    each, written = iter(batches), TypeAdapter(list[Record])

    def window() -> list[str]:
        return [written.dump_json(list(batch)).decode() for batch in islice(each, size)]

    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(window)
        while texts := coming.result():
            coming = reader.submit(window)
            yield from _in_order(_mapped(ray, texts, place))


def _mapped(ray: Any, texts: Sequence[str], place: list[Any]) -> Iterator[tuple[int, Tagged]]:
    """Yield (number of the batch, what became of it) as they come back."""
    rows = [{"number": number, "records": text} for number, text in enumerate(texts)]
    data = ray.data.from_items(rows, override_num_blocks=len(rows))
    with warnings.catch_warnings():
        # Of itself Ray Data starts a task whose worker dies again for ever; this way to say so ends with Ray 2.64.
        warnings.filterwarnings("ignore", message="`ray_remote_args_fn` is deprecated")
        bound = {"ray_remote_args_fn": lambda: {"max_retries": RETRIES}, "num_cpus": 1}
        data = data.map_batches(tag_table, batch_size=None, batch_format="pyarrow", fn_kwargs={"place": place}, **bound)
    read = TypeAdapter(Tagged)
    for row in data.iter_rows():
        if row["error"]:
            raise PolylibError(**json.loads(row["error"]))
        yield row["number"], read.validate_json(row["tagged"])


def _in_order(numbered: Iterable[tuple[int, Tagged]]) -> Iterator[Tagged]:
    early: dict[int, Tagged] = {}
    due = count()
    wanted = next(due)
    for number, tagged in numbered:
        early[number] = tagged
        while wanted in early:
            yield early.pop(wanted)
            wanted = next(due)


_settings: dict[str, Setting] = {}  # of a worker process: the last one it was given, by reference


def tag_table(table: Any, place: list[Any]) -> Mapping[str, list[Any]]:
    """Tag the batches of an Arrow table with the columns number and records; return number, tagged and error.

    place: one reference to the setting; records, tagged, error: JSON. An error of ours comes as a value, empty where
    there is none: raised, it would arrive inside Ray's own with its cause cut off. It runs in the workers of a cluster.
    """
    import ray  # type: ignore[import-not-found, unused-ignore]

    name = place[0].hex()
    if name not in _settings:
        _settings.clear()
        _settings[name] = ray.get(place[0])
    rows = [_tagged_here(text, _settings[name]) for text in table["records"].to_pylist()]
    numbers = table["number"].to_pylist()
    return {"number": numbers, "tagged": [tagged for tagged, _ in rows], "error": [error for _, error in rows]}


def _tagged_here(text: str, setting: Setting) -> tuple[str, str]:
    records = TypeAdapter(list[Record]).validate_json(text)
    try:
        return TypeAdapter(Tagged).dump_json(tag(records, setting)).decode(), ""
    except PolylibError as error:
        parts = {"item": error.item, "problem": error.problem, "allowed": error.allowed, "remedy": error.remedy}
        return "", json.dumps(parts)


def _quiet() -> None:
    """Keep Ray Data's bars and messages off the terminal."""
    from ray.data import DataContext  # type: ignore[import-not-found, unused-ignore]

    context = DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
