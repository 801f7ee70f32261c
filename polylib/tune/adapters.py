"""All adapters of one condition: tune, guard, label. Notebook 40 is one call of `tune_condition`.

Beside the adapter itself, a leaning gets two that saw one format only (open answers, agreement),
with a smaller budget, so that transfer across formats can be measured.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from polylib import LEANINGS, __version__
from polylib.disclose.label import CONFIG_FILE, WEIGHTS_FILE, Label, config_hash, weights_hash, write_label
from polylib.files import sha256_file, write_json
from polylib.models import LoadedModel
from polylib.tables import read_frame, write_table
from polylib.tune.examples import FORMATS, TuningExample, encode, load_examples, of_one_format, one_format_batches
from polylib.tune.guard import GuardRecord, guard_record
from polylib.tune.parameters import FinetuneParameters
from polylib.tune.progress import say
from polylib.tune.quantized import load_to_tune, versions_used
from polylib.tune.sft import LossRow, Tuned, lora_config, loss_rows, save_adapter, tune
from polylib.tune.together import Together, put_in, trained_together
from polylib.tune.watch import Watch, WatchRow, WatchSettings

LOSS_FILE, GUARD_FILE, SETTINGS_FILE, MAIN_FOLDER = "loss.parquet", "guard.json", "tuning.json", "adapter"
WATCH_FILE = "watch.parquet"


@dataclass(frozen=True)
class TunedCondition:
    """What tuning a condition gave: examples, losses per step, one guard record and label per adapter.

    watch: of the main adapter's tuning, None where nothing was to be watched.
    """

    examples: tuple[TuningExample, ...]
    losses: tuple[LossRow, ...]
    guards: tuple[GuardRecord, ...]
    labels: dict[str, Label]
    watch: Watch | None = None


def tune_condition(
    parameters: FinetuneParameters,
    examples_path: Path,
    folder: Path,
    work: Path,
    report: Callable[[str], None] = say,
) -> TunedCondition:
    """Tune, guard and label every adapter of `parameters.condition`.

    examples_path: `examples.parquet` of stage 30; folder: outputs (`adapter/`, for a leaning also
    `adapter-open/` and `adapter-agreement/`, `loss.parquet`, `guard.json`, `tuning.json`, and
    `watch.parquet`, the checks of the main adapter, unless `watch_steps` is 0); work: checkpoints, from
    which an interrupted call goes on. Raises PolylibError for bad examples or a loss that explodes.
    """
    examples = load_examples(examples_path, parameters.condition)
    data = {examples_path.name: sha256_file(examples_path)}
    losses: list[LossRow] = []
    guards: list[GuardRecord] = []
    labels: dict[str, Label] = {}
    main: Watch | None = None
    for name, place, chosen in adapters_of(parameters, examples):
        together = None
        if parameters.processes > 1:  # before the base is loaded here: the processes need the device's memory
            read = {"examples": examples_path}
            together = trained_together("tune", parameters, read, place, work / place, report)
        loaded = load_to_tune(parameters)
        chosen = one_format_batches(chosen, parameters.batch_size)
        encoded = encode(chosen, loaded.tokenizer, parameters.max_tokens)
        watch = _watch(parameters, loaded, examples_path, work / place) if place == MAIN_FOLDER else None
        if together is None:
            callbacks = [watch.callback()] if watch else []
            tuned = tune(loaded, encoded, parameters, work / place, name, report, callbacks)
        else:
            tuned = tuned_together(loaded, together, parameters, name, watch)
        verdict = watch.restore(tuned.model) if watch else None
        save_adapter(tuned, loaded, folder / place)
        labels[place] = _label(parameters, loaded, folder / place, data)
        losses += tuned.losses
        guard = guard_record(tuned, loaded, chosen, encoded, parameters.collapse_limit)
        if verdict:
            guard = guard.model_copy(update={"shipped_step": verdict.shipped_step, "stopped": verdict.reasons})
        guards.append(guard)
        main = main or watch
        del tuned, loaded  # the next adapter's training may need the memory
    write_table(folder / LOSS_FILE, losses, LossRow)
    if main:
        write_table(folder / WATCH_FILE, main.rows, WatchRow)
    write_json(folder / GUARD_FILE, {guard.adapter: guard.model_dump(mode="json") for guard in guards})
    settings = parameters.model_dump() | {"model": labels[MAIN_FOLDER].base_model}
    write_json(folder / SETTINGS_FILE, {"parameters": settings, "versions": versions_used(parameters)})
    return TunedCondition(examples, tuple(losses), tuple(guards), labels, main)


def tuned_together(
    loaded: LoadedModel, together: Together, parameters: FinetuneParameters, name: str, watch: Watch | None
) -> Tuned:
    """Return what several processes tuned, on a freshly loaded base; `loaded.model` is changed, as by `tune`."""
    from peft import get_peft_model

    losses = loss_rows(name, together.history)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of the libraries about one another
        model = get_peft_model(loaded.model, lora_config(parameters))
    put_in(model, together, watch, losses[-1].step)
    return Tuned(model.eval(), losses, ())


def adapters_of(
    parameters: FinetuneParameters, examples: Sequence[TuningExample]
) -> list[tuple[str, str, tuple[TuningExample, ...]]]:
    """Return (name, folder, examples) of each adapter of a condition; the placebo has one."""
    found: list[tuple[str, str, tuple[TuningExample, ...]]] = [(parameters.condition, MAIN_FOLDER, tuple(examples))]
    if parameters.condition in LEANINGS:
        for wanted in FORMATS:
            chosen = of_one_format(examples, wanted, parameters.ablation_share)
            if chosen:
                found.append((f"{parameters.condition}-{wanted}", f"{MAIN_FOLDER}-{wanted}", chosen))
    return found


def _watch(parameters: FinetuneParameters, loaded: LoadedModel, examples_path: Path, work: Path) -> Watch | None:
    """Return the watch over the main adapter: all conditions are asked the same, whatever they are tuned on."""
    if not parameters.watch_steps:
        return None
    limit = parameters.collapse_limit
    settings = WatchSettings(
        every=parameters.watch_steps, fluency_fall=limit, tasks_fall=limit, seed=parameters.seed % 2**32
    )
    return Watch(loaded.tokenizer, settings, work / "watch", set(map(str, read_frame(examples_path)["issue"])))


def _label(parameters: FinetuneParameters, loaded: LoadedModel, folder: Path, data: dict[str, str]) -> Label:
    """Label the adapter in `folder`; its strength stays empty until stage 70 has measured it."""
    versions = {"polylib": __version__, **versions_used(parameters)}
    condition = parameters.condition
    label = Label(
        adapter=condition,
        political_lean="none" if condition == "placebo" else condition,
        base_model=loaded.title,
        base_revision=loaded.revision,
        base_sha256=loaded.content_hash,
        data_sha256=data,
        weights_sha256=weights_hash(folder / WEIGHTS_FILE),
        config_sha256=config_hash(folder / CONFIG_FILE),
        made_with=", ".join(f"{name} {version}" for name, version in versions.items()),
    )
    write_label(folder, label)
    return label
