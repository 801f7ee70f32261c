"""One of several processes that train together, as accelerate starts them: `python -m polylib.tune.launch JOB`.

A step's items are shared out among the processes; the first writes the whole weights and the trainer's log. What
becomes of them is for `together`, which wrote the job. It trains and does nothing else.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polylib.files import atomic_path, read_json, sha256_file, write_text
from polylib.orphans import watch_parent
from polylib.tune.adapters import adapters_of
from polylib.tune.align import ordered_pairs, split_preferences
from polylib.tune.align_parameters import AlignParameters
from polylib.tune.align_start import kept_reference, load_start
from polylib.tune.align_train import adapter_name, pairs_trainer
from polylib.tune.examples import encode, load_examples, one_format_batches
from polylib.tune.own_answers import with_own_answers
from polylib.tune.parameters import FinetuneParameters
from polylib.tune.progress import progress_callback
from polylib.tune.quantized import load_to_tune
from polylib.tune.sft import sft_trainer
from polylib.tune.together import HISTORY_FILE, LEARNED, WEIGHTS_FILE, Job


def tuning(job: Job, state: Any) -> Any:
    """Return the trainer of a new adapter; state: accelerate's, of this process."""
    parameters = FinetuneParameters.model_validate(job.parameters)
    examples = load_examples(job.inputs["examples"], parameters.condition)
    name, chosen = next(
        (name, chosen) for name, place, chosen in adapters_of(parameters, examples) if place == job.adapter
    )
    loaded = load_to_tune(parameters)
    encoded = encode(one_format_batches(chosen, parameters.batch_size), loaded.tokenizer, parameters.max_tokens)
    encoded = with_own_answers(loaded, encoded)
    return sft_trainer(loaded, encoded, parameters, job.work, _told(name, state))


def aligning(job: Job, state: Any) -> Any:
    """Return the trainer of an adapter that learns from preferences; state: accelerate's, of this process."""
    parameters = AlignParameters.model_validate(job.parameters)
    loaded, label = load_start(parameters, job.inputs["start"].parent)
    pairs = ordered_pairs(loaded, split_preferences(job.inputs["preferences"], parameters), parameters)
    with state.main_process_first():  # the others read what it kept
        reference = kept_reference(loaded, label, pairs, job.work)
    told = _told(adapter_name(parameters), state)
    return pairs_trainer(loaded, pairs, reference, parameters, job.work, told)


def _told(name: str, state: Any) -> list[Any]:
    return [progress_callback(name)] if state.is_main_process else []


def whole(weight: Any) -> Any:
    """Return a weight that may be sharded over the processes as one tensor on the CPU; all of them must ask."""
    gathered = weight.full_tensor() if hasattr(weight, "full_tensor") else weight
    return gathered.detach().cpu().contiguous().clone()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as one of several processes; the first writes weights and log, the log last."""
    (path,) = sys.argv[1:] if arguments is None else arguments
    watch_parent()
    import accelerate  # type: ignore[import-untyped]
    import torch
    from safetensors.torch import save_file

    job = Job.model_validate(read_json(Path(path)))
    torch.set_num_threads(int(job.parameters["threads"]))
    state = accelerate.PartialState(cpu=not torch.cuda.is_available())
    trainer = (tuning if job.kind == "tune" else aligning)(job, state)
    trainer.train()
    weights = {
        name: whole(weight) for name, weight in trainer.model.named_parameters() if LEARNED in name
    }  # all processes gather, the first one keeps
    if state.is_main_process:
        with atomic_path(job.work / WEIGHTS_FILE) as temporary:
            save_file(weights, temporary)
        record = {"identity": job.identity, "weights": sha256_file(job.work / WEIGHTS_FILE)}
        write_text(job.work / HISTORY_FILE, json.dumps(record | {"history": trainer.state.log_history}))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
