"""What is trained: the sizes that all backbones share, and each one's own."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from basrec.section import Dropout, Positive, Scale, Section

Dilation = Annotated[int, Field(ge=1, le=4096)]
"""More would look back further than the longest input."""


class SASRecOptions(Section):
    """SASRec's own sizes; defaults from the published settings for BASRec."""

    layers: Positive = 2
    heads: Positive = 2
    inner_size: Positive = 256
    """Width of the feed-forward part; four times the embedding size, as in BERT."""
    attention_dropout: Dropout = 0.2


class GRU4RecOptions(Section):
    """GRU4Rec's own sizes; defaults from the published settings for BASRec."""

    layers: Positive = 1
    hidden_size: Positive = 128


class NextItNetOptions(Section):
    """NextItNet's own sizes; the dilations' pattern is that of its authors' code (WSDM 2019)."""

    kernel_size: Annotated[int, Field(ge=2, le=64)] = 3
    dilations: Annotated[tuple[Dilation, ...], Field(min_length=1)] = (1, 4, 1, 4)
    """Of the residual blocks in turn, each with a second convolution of twice the dilation."""


class FMLPOptions(Section):
    """FMLP-Rec's own sizes; defaults from its paper (WWW 2022)."""

    layers: Positive = 2
    inner_size: Positive = 256
    """Width of the feed-forward part; four times the embedding size."""
    filter: Literal["circular", "causal"] = "circular"
    """The learnable filter sees all slots (the paper; trained by prefixes), or the past alone."""
    padding: Literal["mask", "encode"] = "mask"
    """Padded slots are zero before every filter, or hold what the layers make of them (the
    authors' code; eight times the work on short sequences)."""


class ModelConfig(Section):
    """What is trained."""

    backbone: str = "sasrec"
    embedding_size: Positive = 64
    max_length: Annotated[int, Field(ge=1, le=4096)] = 50
    """Inputs keep their last `max_length` items."""
    dropout: Dropout = 0.2
    initializer_range: Scale = 0.02
    """Standard deviation of the initial weights, where a backbone has no rule of its own."""
    extra_ids: bool = False
    """Let two ids that are no items take part, as the reference does: 0 and num_items + 1 are
    ranked, and num_items + 1 is drawn as a negative."""
    sasrec: SASRecOptions = SASRecOptions()
    gru4rec: GRU4RecOptions = GRU4RecOptions()
    nextitnet: NextItNetOptions = NextItNetOptions()
    fmlp: FMLPOptions = FMLPOptions()

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.backbone == "sasrec" and self.embedding_size % self.sasrec.heads:
            raise ValueError(
                f"sasrec.heads = {self.sasrec.heads} does not divide "
                f"embedding_size = {self.embedding_size}"
            )
        return self
