"""How each method augments; the sections below `augmentation` belong to one family each."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from basrec.section import Count, Positive, Scale, Section, Share

Variance = Annotated[float, Field(gt=0.0, lt=1.0)]


class PriorOptions(Section):
    """Items that random, random_seq, asrep and diffuasr put before a user's own."""

    count: Positive | None = None
    """So many for each user; null: what the method's authors take (asrep 15, the others 10)."""
    shorter_than: Positive | Literal["all"] | None = None
    """Only for users with fewer items than this in their training part, or for all; null: what the
    method's authors take (asrep 18, the others all)."""
    targets: Literal["all", "real"] = "all"
    """Whether generated items are targets in training too, as in the published codes."""


class PretrainingOptions(Section):
    """Training of the recommender that a method generates with, ended by early stopping."""

    epochs: Positive = 200
    """The most epochs (ASReP: as many as training has)."""
    patience: Positive = 20


class DiffusionOptions(Section):
    """DiffuASR (CIKM 2023): diffusion over the embeddings of the items to be prepended."""

    pretraining: PretrainingOptions = PretrainingOptions()
    """Of the recommender whose item vectors are diffused."""
    epochs: Positive = 100
    steps: Annotated[int, Field(ge=2)] = 1000
    """Of the forward process; fewer or more are moments of the usual 1000."""
    noise: tuple[Variance, Variance] = (0.0001, 0.02)
    """Variance of the noise that the first and the last of 1000 steps add; linear between."""
    sample_steps: Positive = 5
    """Of the reverse process, spread evenly over the steps (DDIM; 5 as in the authors' code)."""
    guidance: Literal["free", "classifier", "none"] = "free"
    """Guide with the difference that the condition makes, with a trained recommender, or not."""
    guidance_scale: Annotated[float, Field(ge=0.0)] = 1.0
    unconditional: Share = 0.1
    """Share of training samples whose condition is left out, for `free`."""
    channels: Annotated[int, Field(ge=4)] = 8
    """Of the network's first level, twice as many below (the authors' code)."""
    batch_size: Positive = 512
    learning_rate: Scale = 1e-3

    @model_validator(mode="after")
    def _steps_suffice(self) -> Self:
        if self.sample_steps > self.steps:
            raise ValueError(f"sample_steps = {self.sample_steps}: more than steps = {self.steps}")
        if self.noise[0] > self.noise[1]:
            raise ValueError(f"noise = {list(self.noise)}: the first must not exceed the second")
        return self


class WindowOptions(Section):
    """Sliding windows over each training sequence."""

    size: Annotated[int, Field(ge=2)] = 5
    """Items of a window, its last target included."""
    stride: Positive = 1
    keep_whole: bool = True
    """Whether the whole sequence is trained on too."""


class ViewOptions(Section):
    """Edited views of a sequence for cmr, cmrsi (trained on) and cl4srec (contrasted)."""

    crop: Share = 0.6
    """Share of a sequence that crop keeps (CL4SRec, eta)."""
    mask: Share = 0.3
    """Share that mask hides (CL4SRec, gamma)."""
    reorder: Share = 0.6
    """Share that reorder shuffles (CL4SRec, beta)."""
    substitute: Share = 0.1
    """Share that substitute replaces (CoSeRec's code)."""
    insert: Share = 0.4
    """Share of the positions before which insert puts a similar item (CoSeRec's code)."""
    at_least: Count = 1
    """Substitute and insert edit at least so many items (CoSeRec's code)."""


class ContrastOptions(Section):
    """CL4SRec's contrastive loss (ICDE 2022)."""

    weight: Scale = 0.1
    temperature: Scale = 1.0


class AugmentationConfig(Section):
    """BASRec's second stage, and a section for each family of other methods."""

    alpha: Scale = 0.4
    """Mixing weights are Beta(alpha, alpha)."""
    rate: tuple[
        Annotated[float, Field(ge=0.0, lt=1.0)], Annotated[float, Field(gt=0.0, le=1.0)]
    ] = (
        0.2,
        0.7,
    )
    """[a, b]: the share of a sequence that an operator edits is Uniform(a, b) (Eq. 4)."""
    pairs: Count = 1
    """Two edited copies a sequence for each pair; 0 leaves the single-sequence branch out."""
    mixes: Count = 1
    """Item-wise mixes, and as many feature-wise ones, each with its own shuffle; 0 leaves the
    cross-sequence branch out."""
    mixup: Literal["nonlinear", "linear"] = "nonlinear"
    """Weights of the cross-sequence mixes: one a position or dimension (Eq. 11, 12), or one a
    sequence (the ablation)."""
    two_stages: bool = True
    """Begin from a trained base model, or train with the augmentation from the start."""
    operators: Annotated[tuple[str, ...], Field(min_length=1)] = ("reorder", "substitute")
    choice: Literal["each", "random"] = "each"
    """Each copy's operator: the operators in turn, or drawn anew for each sequence."""
    substitute_at_least: Count = 0
    """M-Substitute edits at least so many items (the reference: 1)."""
    edit: Literal["window", "whole"] = "window"
    """Operators edit the last `max_length` items, or the whole training input before the cut."""
    without_neighbour: Literal["keep", "random"] = "keep"
    """What M-Substitute puts in place of an item that has no neighbour."""
    weight: Literal["sequence", "batch_sum", "log", "one"] = "sequence"
    """Weight of an edited copy's loss: its own (Eq. 9, 14); the sum over the batch, which is what
    the reference's broadcasting does; its own with the min-max taken over logarithms; or 1 (the
    ablation)."""
    partner_padding: Literal["encode", "shared", "zero", "skip"] = "shared"
    """Where a partner has no item in the cross-sequence mix: its own encoder output there (the
    reference), the output for an all-padding sequence, zeros, or no mix at that position."""
    prior: PriorOptions = PriorOptions()
    asrep: PretrainingOptions = PretrainingOptions()
    diffuasr: DiffusionOptions = DiffusionOptions()
    sliding_window: WindowOptions = WindowOptions()
    views: ViewOptions = ViewOptions()
    contrast: ContrastOptions = ContrastOptions()

    @model_validator(mode="after")
    def _rate_is_an_interval(self) -> Self:
        if self.rate[0] > self.rate[1]:
            raise ValueError(f"rate = {list(self.rate)}: the first must not exceed the second")
        return self
