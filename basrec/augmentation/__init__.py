"""Augmenters, known by name: methods that make training data or losses out of the sequences.

To add one: one file here, one line in AUGMENTERS.
"""

from collections.abc import Callable

from basrec.augmentation.asrep import ASReP
from basrec.augmentation.augmenter import Augmenter
from basrec.augmentation.basrec import BASRec
from basrec.augmentation.cl4srec import CL4SRec
from basrec.augmentation.cmr import CMR, CMRSI
from basrec.augmentation.diffuasr import DiffuASR
from basrec.augmentation.operators import OPERATORS
from basrec.augmentation.random_prior import RandomPrior, RandomSequencePrior
from basrec.augmentation.sliding_window import SlidingWindow
from basrec.config import TrainConfig
from basrec.errors import InputError

__all__ = ["AUGMENTERS", "OPERATORS", "Augmenter", "build_augmenter", "check_neighbours"]

AUGMENTERS: dict[str, Callable[[TrainConfig], Augmenter]] = {
    "base": Augmenter,
    "basrec": BASRec,
    "random": RandomPrior,
    "random_seq": RandomSequencePrior,
    "asrep": ASReP,
    "diffuasr": DiffuASR,
    "sliding_window": SlidingWindow,
    "cmr": CMR,
    "cmrsi": CMRSI,
    "cl4srec": CL4SRec,
}


def build_augmenter(config: TrainConfig) -> Augmenter:
    """Make the augmenter that the config names.

    Errors: InputError where it is not known, or its options cannot work.
    """
    if config.method not in AUGMENTERS:
        raise InputError(f"method = {config.method!r} is not known; known: {', '.join(AUGMENTERS)}")
    augmenter = AUGMENTERS[config.method](config)
    augmenter.check()
    return augmenter


def check_neighbours(augmenter: Augmenter, has_neighbours: bool) -> None:
    """Refuse an operator that takes similar items where none are known."""
    for name in augmenter.operators:
        if OPERATORS[name].needs_neighbours and not has_neighbours:
            raise InputError(
                f"neighbours.parquet is missing, and operator {name!r} needs it; run 'basrec "
                "neighbours' on the prepared folder, or take operators or a method that do without"
            )
