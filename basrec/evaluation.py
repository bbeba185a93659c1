"""Evaluate a recommender or a finished run, by full ranking."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from basrec.config import EvaluationConfig, TrainConfig
from basrec.devices import choose_device
from basrec.errors import InputError
from basrec.files import read_json, write_json
from basrec.kernels import choose_kernels
from basrec.metrics import metrics_of
from basrec.model import Recommender
from basrec.prepared import Prepared, read_prepared
from basrec.prior_file import with_prior
from basrec.ranking import rank_targets
from basrec.run_folder import GENERATED, read_config
from basrec.split import Split, examples_of
from basrec.user_ranks import write_ranks


def measure(
    model: Recommender, prepared: Prepared, split: Split, config: EvaluationConfig
) -> dict[str, float]:
    """Rank every target of a split among all items and average the metrics."""
    return metrics_of(rank_targets(model, prepared, examples_of(prepared, split), config))


def evaluate(
    run: Path,
    split: Split = "test",
    prepared: Path | None = None,
    device: str | None = None,
    rules: EvaluationConfig | None = None,
) -> dict[str, float]:
    """Evaluate a finished run, on the prepared folder it was trained on or on another one.

    `rules` judge in place of the run's own.
    Errors: InputError where the weights do not fit the folder's items, or its split is another.
    """
    config, trained_on = read_config(run)
    where = choose_device(device or config.device)
    data = with_prior(read_prepared(prepared or trained_on), run / GENERATED).to(where)
    rule = read_metrics(run).get("policy", {}).get("split", data.split)
    if rule["rule"] != data.split["rule"]:
        raise InputError(
            f"{prepared}: its split is {data.split['rule']}, but {run} was trained under "
            f"{rule['rule']}, so that test targets may be what it was trained on"
        )
    model = load_recommender(run, config, data.num_items, where)
    return measure(model, data, split, rules or config.evaluation)


def load_recommender(
    run: Path, config: TrainConfig, num_items: int, device: torch.device
) -> Recommender:
    """Make the recommender of a finished run from its weights."""
    # A run that was trained with kernels may be judged where there are none.
    kernels = choose_kernels("plain" if config.kernels == "plain" else "auto", device)
    model = Recommender(num_items, config.model, kernels)
    try:
        model.load_state_dict(read_weights(run))
    except RuntimeError as exc:
        raise InputError(
            f"{run / 'model.safetensors'}: weights do not fit {num_items} items and the run's "
            "config; evaluate on the prepared folder that it was trained on"
        ) from exc
    return model.to(device)


def read_weights(run: Path) -> dict[str, torch.Tensor]:
    """Read model.safetensors of a run."""
    path = run / "model.safetensors"
    try:
        return load_file(path)
    except (OSError, SafetensorError) as exc:
        raise InputError(f"{path}: cannot be read ({exc}); is this a finished run?") from exc


def read_metrics(run: Path) -> dict[str, Any]:
    """Read metrics.json of a run."""
    metrics: dict[str, Any] = read_json(run / "metrics.json")
    if not isinstance(metrics, dict):
        raise InputError(f"{run / 'metrics.json'}: holds no metrics; is this a finished run?")
    return metrics


def write_metrics(
    folder: Path,
    model: Recommender,
    prepared: Prepared,
    config: TrainConfig,
    stage1: dict[str, Any] | None,
) -> None:
    """Rank both held-out splits; write metrics.json with the policies in force, and the ranks."""
    splits: tuple[Split, ...] = ("validation", "test")
    examples = {split: examples_of(prepared, split) for split in splits}
    ranks = {s: rank_targets(model, prepared, examples[s], config.evaluation) for s in splits}
    metrics: dict[str, Any] = {split: metrics_of(ranks[split]) for split in splits}
    if stage1 is not None:
        metrics["stage1"] = stage1
    metrics["users"] = {split: len(torch.unique(told.user)) for split, told in examples.items()}
    metrics["targets"] = {split: len(told) for split, told in examples.items()}
    metrics["policy"] = {
        "ranking": "full",
        "split": prepared.split,
        "seen": config.evaluation.seen,
        "ties": config.evaluation.ties,
        "candidates": "items and two ids that are none" if config.model.extra_ids else "items",
        "num_items": prepared.num_items,
    }
    write_ranks(folder, {split: (examples[split], ranks[split]) for split in splits})
    write_json(folder / "metrics.json", metrics)
