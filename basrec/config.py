"""Everything that training and evaluation can be told, with defaults and their sources.

The defaults are the preset `paper`: what the equations of the paper say
(arXiv 2412.08300), and where they are silent, what its text or tables say.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from basrec.augmentation_config import AugmentationConfig
from basrec.model_config import ModelConfig
from basrec.section import Count, Positive, Scale, Section, Share

__all__ = [
    "AugmentationConfig",
    "EvaluationConfig",
    "ModelConfig",
    "StageConfig",
    "TrainConfig",
    "TrainSection",
]


class StageConfig(Section):
    """One training stage, ended by early stopping on validation NDCG@20."""

    epochs: Count = 200
    """The most epochs."""
    patience: Positive = 20
    """Stop after so many validations in a row without a new best."""
    first_validation: Positive = 1
    """The first epoch (from 1) that is validated; the reference waits for 50 or 100."""


class TrainSection(Section):
    """How it is trained."""

    batch_size: Positive = 256
    learning_rate: Scale = 1e-3
    """Adam's; betas (0.9, 0.999), no weight decay."""
    negatives: Literal["history", "train", "any"] = "history"
    """What a negative may not be: any item of the user's whole history, test item included (the
    reference); an item of the training part only; or nothing at all."""
    negatives_from: Literal["own", "shared", "batch"] = "own"
    """What a target is scored against: negatives drawn for each position; candidates drawn once a
    batch for all its positions; or the batch's other targets. `ce` takes all items instead."""
    negative_count: Positive = 1
    """Negatives a position, or candidates a batch; `batch` and `ce` do not read it."""
    loss: Literal["bce", "gbce", "bpr", "sampled_softmax", "ce"] = "bce"
    """Binary cross-entropy (the paper), the same generalised, Bayesian personalised ranking,
    softmax over a sample, or softmax over the whole catalogue."""
    gbce_calibration: Share = 0.75
    """How far `gbce` makes up for sampling: 0 not at all, 1 gives calibrated scores."""
    precision: Literal["float32", "tf32", "bf16"] = "float32"
    """Of matrix products in training; weights, sums and the ranking stay float32. tf32 is for CUDA;
    bf16 leaves the compiled kernels aside. docs/performance.md tells what they cost."""
    stage1: StageConfig = StageConfig()
    stage2: StageConfig = StageConfig()
    checkpoint_seconds: Annotated[float, Field(ge=0.0)] = 30.0
    """Write a checkpoint at the end of an epoch when the last one is older than this."""
    threads: Annotated[int, Field(ge=0, le=512)] = 1
    """CPU threads of PyTorch; 0 takes all cores. A digest holds for one thread count. One thread is
    steady; two are up to 1.5 times as fast on an idle machine, and many times slower on a busy
    one, where they wait for each other."""

    @property
    def drawn_negatives(self) -> int:
        """Give the number of negatives that are drawn for each position."""
        return self.negative_count if self.negatives_from == "own" and self.loss != "ce" else 0

    @model_validator(mode="after")
    def _negatives_are_read(self) -> Self:
        read = self.loss != "ce" and self.negatives_from != "batch"
        if self.negative_count > 1 and not read:
            raise ValueError(
                f"negative_count = {self.negative_count} is read neither by loss = ce nor by "
                "negatives_from = batch; leave it out"
            )
        if self.loss == "ce" and self.negatives_from != "own":
            raise ValueError(
                f"negatives_from = {self.negatives_from} has no effect on loss = ce, which takes "
                "all items; leave it out, or set loss = sampled_softmax"
            )
        return self


class EvaluationConfig(Section):
    """How a recommender is judged: full ranking over all items."""

    seen: Literal["mask", "zero", "keep"] = "mask"
    """Items of the input: left out of the ranking (never the target itself), scored 0 (the
    reference; the target too, if it repeats), or ranked like any other."""
    ties: Literal["pessimistic", "optimistic", "mean"] = "pessimistic"
    """Rank of a target among items of equal score: last, first, or the middle."""
    block_size: Positive = 1024
    """Users encoded and ranked at once; no more than 4 million scores exist at a time."""


class TrainConfig(Section):
    """All of it; one run is this config, a prepared folder and nothing else."""

    method: str = "basrec"
    """`base`, or one of the augmenters."""
    preset: Literal["paper", "reference", "strict", "best"] = "paper"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"
    kernels: Literal["auto", "compiled", "plain"] = "auto"
    """Parts of a step compiled from C++ for the CPU, or PyTorch's own operations; auto compiles
    where there is a compiler. Results agree but for rounding; dropout masks, and with them digests,
    differ."""
    model: ModelConfig = ModelConfig()
    train: TrainSection = TrainSection()
    augmentation: AugmentationConfig = AugmentationConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
