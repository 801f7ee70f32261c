"""Alignment of a leaning's adapter with judged preferences. Notebook 60 is one call of `align`.

The adapter of stage 40 is where it starts and what it may not stray from. Pairs of a few judged issues are kept
apart to test what was learned; held-out issues of the study are not among the judged. Both leanings learn from the
same table, turned round, by the same code.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

from polylib.disclose.label import CONFIG_FILE, WEIGHTS_FILE, Label, config_hash, weights_hash, write_label
from polylib.errors import PolylibError
from polylib.files import sha256_file, write_json
from polylib.measure.statistics import Estimate, cluster_bootstrap
from polylib.models import LoadedModel, load_adapters, load_base, use
from polylib.tables import Row, read_frame, write_table
from polylib.tune.align_parameters import AlignParameters
from polylib.tune.align_record import AlignmentRow, SampleRow, UnseenRow, alignment_rows
from polylib.tune.align_samples import Compared, asked_questions, sample_rows, unseen_rows
from polylib.tune.align_start import ADAPTER_FOLDER, kept_reference, load_start, start_hash
from polylib.tune.align_train import AlignTrained, adapter_name, shipped, train_online, train_pairs
from polylib.tune.examples import TuningExample, encode
from polylib.tune.guard import GuardRecord, guard_record
from polylib.tune.online import Online
from polylib.tune.pair_trainer import bucketed
from polylib.tune.preferences import EncodedPair, Preference, encode_pairs, load_preferences
from polylib.tune.progress import say
from polylib.tune.reward import unseen_issues
from polylib.tune.reward_hacking import OnlineRow
from polylib.tune.sft import LossRow, Tuned, save_adapter
from polylib.tune.together import Together, put_in, trained_together
from polylib.tune.training import library_versions
from polylib.tune.watch import Limit, Verdict, Watch, WatchRow, WatchSettings

ROWS_FILE, SAMPLES_FILE, UNSEEN_FILE = "alignment.parquet", "samples.parquet", "unseen.parquet"
WATCH_FILE, ONLINE_FILE = "watch.parquet", "online.parquet"
GUARD_FILE, SETTINGS_FILE = "guard.json", "alignment.json"


ONLINE = ("rloo", "grpo")


class SplitPreferences(NamedTuple):
    """Preferences to learn from, those of issues kept apart, and how many of all rest on simulated judgements."""

    learned: tuple[Preference, ...]
    unseen: tuple[Preference, ...]
    simulated: int


@dataclass(frozen=True)
class Aligned:
    """What aligning a leaning gave: pairs, a row per step, unseen issues, samples, divergence, guard, label."""

    preferences: SplitPreferences
    rows: tuple[AlignmentRow, ...]
    unseen: tuple[UnseenRow, ...]
    samples: tuple[SampleRow, ...]
    divergence: Estimate
    guard: GuardRecord
    watch: tuple[WatchRow, ...]
    verdict: Verdict
    limits: tuple[Limit, ...]
    online: Online | None
    label: Label


def align(
    parameters: AlignParameters,
    start: Path,
    preferences: Path,
    folder: Path,
    work: Path,
    report: Callable[[str], None] = say,
) -> Aligned:
    """Align the adapter of `start` with the table of preferences; measure, guard and label the result.

    start: finished stage 40 of the leaning; preferences: `preferences.parquet` of stage 50; folder: outputs
    (`adapter/`, `alignment.parquet`, `unseen.parquet`, `samples.parquet`, `watch.parquet`, with a reward model also
    `online.parquet`; `guard.json`, `alignment.json`); work: checkpoints, checks and reference log-probabilities, from
    which an interrupted call goes on. Raises PolylibError for a
    table without pairs, a pair that is too long, an adapter of another leaning, or a loss that explodes.
    """
    split = split_preferences(preferences, parameters)
    report(f"{parameters.leaning}: {parameters.method} on {len(split.learned)} pairs")
    together = None
    if parameters.processes > 1:  # before the base is loaded here: the processes need the device's memory
        read = {"start": start / ADAPTER_FOLDER, "preferences": preferences}
        together = trained_together("align", parameters, read, ADAPTER_FOLDER, work, report)
    loaded, label = load_start(parameters, start)
    issues = {row.issue for row in (*split.learned, *split.unseen)}
    settings = WatchSettings.model_validate({"every": parameters.watch_every, "seed": parameters.seed})
    watch = Watch(loaded.tokenizer, settings, work / "watch", issues)
    if together is None:
        trained = _train(parameters, loaded, label, split, work, report, watch)
    else:
        trained = _aligned_together(parameters, loaded, together, watch)
    save_adapter(Tuned(trained.model, (), ()), loaded, folder / ADAPTER_FOLDER)
    label = _label(label, folder / ADAPTER_FOLDER, preferences)
    return _measured(parameters, start, folder, split, trained, watch, label, report)


def _train(
    parameters: AlignParameters, loaded: LoadedModel, label: Label, split: SplitPreferences, work: Path,
    report: Callable[[str], None], watch: Watch,
) -> AlignTrained:  # fmt: skip
    if parameters.method in ONLINE:
        return train_online(loaded, [*split.learned, *split.unseen], parameters, work, report, watch)
    pairs = ordered_pairs(loaded, split, parameters)
    reference = kept_reference(loaded, label, pairs, work)
    return train_pairs(loaded, start_hash(loaded, label), pairs, reference, parameters, work, report, watch)


def _aligned_together(
    parameters: AlignParameters, loaded: LoadedModel, together: Together, watch: Watch
) -> AlignTrained:
    """Return what several processes learned from the pairs, in the model that was loaded as its start."""
    rows = alignment_rows(adapter_name(parameters), parameters.method, parameters.held_back(), together.history)
    put_in(loaded.model, together, watch, rows[-1].step)
    return AlignTrained(*shipped(loaded.model, rows, watch))


def ordered_pairs(loaded: LoadedModel, split: SplitPreferences, parameters: AlignParameters) -> list[EncodedPair]:
    """Return the pairs to learn from in tokens, in the order of learning."""
    encoded = encode_pairs(split.learned, loaded.tokenizer, parameters.max_tokens)
    return [encoded[number] for number in bucketed(encoded, parameters.batch_size, parameters.seed)]


def split_preferences(path: Path, parameters: AlignParameters) -> SplitPreferences:
    """Return the preferences of `parameters.leaning`, pairs of some issues kept apart, the same for both leanings.

    `unseen_share` of the issues, drawn with the seed, are kept apart (at least three; none where it is 0); of the
    others' pairs the first `pairs` are learned from (0 takes all), so that fewer pairs are part of more. Raises
    PolylibError where too few issues or pairs were judged.
    """
    rows = load_preferences(path, parameters.leaning)
    simulated = int(read_frame(path)["simulated"].sum())
    apart = unseen_issues(rows, parameters.unseen_share, parameters.seed) if parameters.unseen_share else frozenset()
    learned = [row for row in rows if row.issue not in apart]
    if parameters.pairs > len(learned):
        raise PolylibError(
            "pairs", f"{parameters.pairs} are asked for", allowed=f"0 (all) to {len(learned)}, of {path.name}",
            remedy="judge more pairs, or lower unseen_share",
        )  # fmt: skip
    learned = learned[: parameters.pairs or None]
    unseen = [row for row in rows if row.issue in apart]
    if parameters.method in ONLINE:
        again = unseen_issues([*learned, *unseen], parameters.unseen_share, parameters.seed)
        if again != apart:  # it draws them itself, from the issues that it is given
            raise PolylibError("pairs", f"the first {len(learned)} do not cover every issue", remedy="raise pairs")
    return SplitPreferences(tuple(learned), tuple(unseen), simulated)


def _label(start: Label, folder: Path, preferences: Path) -> Label:
    """Label the adapter in `folder` as its start was, with what it learned from since; strength is not known yet."""
    data = {**start.data_sha256, preferences.name: sha256_file(preferences), "start adapter": start.weights_sha256}
    changes: dict[str, Any] = {
        "strength": None,
        "data_sha256": data,
        "weights_sha256": weights_hash(folder / WEIGHTS_FILE),
        "config_sha256": config_hash(folder / CONFIG_FILE),
    }
    label = start.model_copy(update=changes)
    write_label(folder, label)
    return label


def _measured(
    parameters: AlignParameters, start: Path, folder: Path, split: SplitPreferences, trained: AlignTrained,
    watch: Watch, label: Label, report: Callable[[str], None],
) -> Aligned:  # fmt: skip
    """Ask the adapters as they lie on the disk, write all tables, and return them."""
    import numpy

    compared = _load_both(parameters, start, folder)
    report(f"{compared.after}: asked beside {compared.before}")
    encoded = encode_pairs(split.unseen, compared.loaded.tokenizer, parameters.max_tokens)
    unseen = unseen_rows(compared, split.unseen, encoded, parameters.draws, parameters.seed)
    asked = asked_questions(split.unseen, split.learned, parameters.samples)
    samples = sample_rows(compared, asked, parameters.answer_tokens, parameters.seed)
    generator = numpy.random.default_rng(parameters.seed)
    values, issues = [row.divergence for row in samples], [row.issue for row in samples]
    divergence = cluster_bootstrap(values, issues, parameters.draws, generator)
    guard = _guard(compared, split.learned, trained, parameters)
    aligned = Aligned(
        split, trained.rows, unseen, samples, divergence, guard, tuple(watch.rows), trained.verdict, watch.limits,
        trained.online, label,
    )  # fmt: skip
    _write(aligned, parameters, folder)
    return aligned


def _write(aligned: Aligned, parameters: AlignParameters, folder: Path) -> None:
    tables: list[tuple[str, Sequence[Row], type[Row]]] = [
        (ROWS_FILE, aligned.rows, AlignmentRow), (UNSEEN_FILE, aligned.unseen, UnseenRow),
        (SAMPLES_FILE, aligned.samples, SampleRow), (WATCH_FILE, aligned.watch, WatchRow),
    ]  # fmt: skip
    if aligned.online is not None:
        tables.append((ONLINE_FILE, aligned.online.steps, OnlineRow))
    for name, rows, model in tables:
        write_table(folder / name, rows, model)
    write_json(folder / GUARD_FILE, {aligned.guard.adapter: aligned.guard.model_dump(mode="json")})
    split = aligned.preferences
    write_json(folder / SETTINGS_FILE, {
        "parameters": parameters.model_dump() | {"model": aligned.label.base_model},
        "held_back": _without_nan(parameters.held_back()),
        "versions": library_versions(),
        "pairs": {"learned": len(split.learned), "unseen": len(split.unseen), "simulated": split.simulated},
        "watch": aligned.verdict._asdict(),
        "reward_model": aligned.online and aligned.online.reward.said,
        "online": aligned.online and _online_record(aligned.online),
    })  # fmt: skip


def _online_record(online: Online) -> dict[str, Any]:
    """Return what its reward model was worth, the flags raised, and the gains in reward; None stands for no number."""
    found = {
        "reward": online.reward.model_dump(),
        "flags": [flag._asdict() for flag in online.flags],
        "gains": {place: gain._asdict() for place, gain in online.gains.items()},
    }
    return {name: _without_nan(value) for name, value in found.items()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and isnan(value) else value


def _load_both(parameters: AlignParameters, start: Path, folder: Path) -> Compared:
    loaded = load_base(parameters.model, parameters.revision, parameters.threads)
    before, after = parameters.leaning, f"{parameters.leaning}-aligned"
    load_adapters(loaded, {before: Path(start) / ADAPTER_FOLDER, after: folder / ADAPTER_FOLDER})
    return Compared(loaded, before, after)


def _guard(
    compared: Compared, learned: Sequence[Preference], trained: AlignTrained, parameters: AlignParameters
) -> GuardRecord:
    """Ask neutral questions of the aligned adapter and of the base; the examples are the preferred answers."""
    loaded: LoadedModel = compared.loaded
    examples = [TuningExample(number, "open", row.issue, row.prompt, row.chosen) for number, row in enumerate(learned)]
    encoded = encode(examples, loaded.tokenizer, parameters.max_tokens)
    losses = tuple(
        LossRow(adapter=row.adapter, step=row.step, epoch=row.epoch, loss=row.loss, learning_rate=row.learning_rate,
                gradient_norm=row.gradient_norm)
        for row in trained.rows
    )  # fmt: skip
    with use(loaded, compared.after) as model:
        guard = guard_record(Tuned(model, losses, ()), loaded, examples, encoded, parameters.collapse_limit)
    verdict = trained.verdict
    return guard.model_copy(update={"shipped_step": verdict.shipped_step, "stopped": verdict.reasons})
