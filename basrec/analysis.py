"""Analyse a finished run's augmentation: similarity, edits, diversity, relevance, loss weights.

All is worked out on the CPU, so that it is the same wherever the run was trained.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from basrec.augmentation import Augmenter, build_augmenter
from basrec.batches import draw_batches
from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.evaluation import load_recommender
from basrec.files import read_json
from basrec.inputs import read_inputs
from basrec.model import Recommender
from basrec.negatives import NegativeSampler, build_sampler
from basrec.prepared import Prepared, read_prepared
from basrec.prior_file import with_prior
from basrec.rng import generator
from basrec.run_folder import GENERATED, read_config, read_history
from basrec.split import Examples, examples_of, prefixes_of
from basrec.transitions import Known, Tally
from basrec.watching import watch_of
from basrec.weight_analysis import loss_shares, weights_by_preset

Facts = dict[str, Any]


def analyse(run: Path, prepared: Path | None = None) -> Facts:
    """Tell what a finished run's augmentation made of the data, as JSON-able facts.

    `prepared` is where the folder that the run was trained on lies now, if it has moved.
    Errors: InputError where the run augments nothing, is not whole, or the data are others.
    """
    config, trained_on = read_config(run)
    augmenter = _augmenter_of(run, config)
    if config.train.threads:
        torch.set_num_threads(config.train.threads)
    folder = prepared or trained_on
    data = _data_of(run, folder)
    with _told_if_damaged(run):
        history = [line for line in read_history(run) if line["stage"] == _stage_of(augmenter)]
        similarity = similarity_over(history)
        shares = loss_shares(history)
    sampler = build_sampler(data, "any", False, torch.device("cpu"), draws=False)
    model = load_recommender(run, config, data.num_items, torch.device("cpu"))
    examples = augmenter.examples(data, examples_of(data, "train"))
    if not model.backbone.causal:
        examples = prefixes_of(examples)
    final = _final_similarity(model, augmenter, config, data, examples, sampler)
    known = Known.of(data)
    tallies = tally_samples(augmenter, config, data, examples, sampler, known)
    weights = weights_by_preset(config, len(examples)) if augmenter.weighs_copies else {}
    return {
        "run": str(run),
        "method": config.method,
        "backbone": config.model.backbone,
        "preset": config.preset,
        "seed": config.seed,
        "prepared": str(folder),
        "similarity": _with_final(similarity, final),
        "edits": {kind: tally.edits() for kind, tally in tallies.items()},
        "diversity": {
            "training": known.facts(),
            "samples": {kind: tally.diversity() for kind, tally in tallies.items()},
        },
        "relevance": {kind: tally.relevance() for kind, tally in tallies.items()},
        "weights": weights,
        "effective_weight": _own_effective(weights),
        "loss_shares": shares,
    }


def _augmenter_of(run: Path, config: TrainConfig) -> Augmenter:
    """Make the run's augmenter, or say that there is none."""
    augmenter = build_augmenter(config)
    if type(augmenter) is Augmenter:
        raise InputError(f"{run}: {config.method} augments nothing; name a run of another method")
    return augmenter


def _own_effective(weights: Facts) -> dict[str, float]:
    """Give the effective weight under the run's own weighting, by kind of sample."""
    own = [facts["effective"] for facts in weights.values() if facts["is_own"]]
    return {"single_sequence": own[0]} if own else {}


def _stage_of(augmenter: Augmenter) -> int:
    """Give the stage in which the augmentation acts."""
    return 2 if augmenter.two_stages else 1


def _data_of(run: Path, folder: Path) -> Prepared:
    """Read the data that a run was trained on.

    Errors: InputError where the folder holds other data than the run's manifest records.
    """
    manifest = read_json(run / "manifest.json")
    data = read_prepared(folder)
    with _told_if_damaged(run):
        differing = [k for k, digest in manifest["inputs"].items() if data.digests.get(k) != digest]
    if differing:
        raise InputError(
            f"{folder}: not what {run} was trained on ({', '.join(differing)} differ); name that "
            "folder with --prepared"
        )
    return with_prior(data, run / GENERATED)


@contextmanager
def _told_if_damaged(run: Path) -> Iterator[None]:
    """Turn what a run's records lack into an InputError that says so."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError) as exc:
        raise InputError(
            f"{run}: damaged, or of an earlier version ({type(exc).__name__}: {exc}); train it anew"
        ) from exc


def similarity_over(history: list[Facts]) -> Facts:
    """Give the similarity by kind: averaged over the epochs that have one, and the last epoch's.

    Where there are several kinds, `mean` is the mean over them.
    """
    watched = [(line["epoch"], line["similarity"]) for line in history if "similarity" in line]
    kinds = dict.fromkeys(kind for _, told in watched for kind in told)
    series = {kind: [told[kind] for _, told in watched] for kind in kinds}
    return {
        "epochs": [epoch for epoch, _ in watched],
        "series": series,
        "over_training": _with_mean({k: sum(v) / len(v) for k, v in series.items()}),
        "last_epoch": _with_mean({k: v[-1] for k, v in series.items()}),
    }


def similarity_rows(histories: dict[str, list[Facts]]) -> list[Facts]:
    """Give a row for each run and kind of sample: over training and at the last epoch."""
    told = {name: similarity_over(history) for name, history in histories.items()}
    return [
        {
            "run": name,
            "kind": kind,
            "over_training": value,
            "last_epoch": told[name]["last_epoch"][kind],
        }
        for name in told
        for kind, value in told[name]["over_training"].items()
    ]


def _with_mean(kinds: dict[str, float]) -> dict[str, float]:
    return kinds | {"mean": sum(kinds.values()) / len(kinds)} if len(kinds) > 1 else kinds


def _with_final(similarity: Facts, final: dict[str, float]) -> Facts:
    return similarity | {"final_weights": _with_mean(final)}


def _final_similarity(
    model: Recommender,
    augmenter: Augmenter,
    config: TrainConfig,
    prepared: Prepared,
    examples: Examples,
    sampler: NegativeSampler,
) -> dict[str, float]:
    """Measure the similarity once more, with the weights that the run ended with."""
    causal = model.backbone.causal
    watch = watch_of(augmenter, config, prepared, examples, sampler, causal)
    return watch(model) if watch else {}


def tally_samples(
    augmenter: Augmenter,
    config: TrainConfig,
    prepared: Prepared,
    examples: Examples,
    sampler: NegativeSampler,
    known: Known,
) -> dict[str, Tally]:
    """Go once through the training examples and count what is made of each, by kind."""
    shuffle, draws = (generator(config.seed, "watched") for _ in range(2))
    length, size = config.model.max_length, config.train.batch_size
    examples = augmenter.augmented(prepared, examples)
    batches = draw_batches(prepared, examples, sampler, size, 0, length, shuffle, draws)
    bare, tallies = replace(prepared, prior=None), dict[str, Tally]()
    for batch in batches:
        originals = read_inputs(bare, batch.whole, length)
        for kind, samples in augmenter.samples(prepared, batch, draws).items():
            tally = tallies.setdefault(kind, Tally(known, prepared.num_items))
            tally.add(originals.items, originals.layout, samples)
    return tallies
