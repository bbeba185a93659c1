"""The fused encoder against the plain one, forward and backward."""

import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from basrec.backbones.sasrec import SASRec
from basrec.config import ModelConfig
from basrec.kernels import Kernels
from basrec.rng import generator

SLOTS = 70


def make_encoder(kernels: Kernels | None, **options: Any) -> SASRec:
    own = {"attention_dropout": 0.0} | options.pop("sasrec", {})
    values = {"embedding_size": 64, "max_length": SLOTS, "dropout": 0.0, "sasrec": own}
    encoder = SASRec(ModelConfig.model_validate(values | options), kernels)
    stream = generator(1, "weights")
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.normal_(0.0, 0.3, generator=stream)
    return encoder


def make_rows(size: int, padded: bool, lengths: Tensor) -> Tensor:
    shape = (len(lengths), SLOTS, size) if padded else (int(lengths.sum()), size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


def slopes_of(encoder: SASRec, vectors: Tensor, lengths: Tensor) -> list[Tensor]:
    """Give the output, and the slopes of its weighted sum."""
    vectors = vectors.clone().requires_grad_()
    encode = encoder.encode_padded if vectors.dim() == 3 else encoder
    out = encode(vectors, lengths)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(3)).to(out.dtype)
    slopes = torch.autograd.grad((out * weights).sum(), [vectors, *encoder.parameters()])
    return [out.detach(), *slopes]


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(
    ("size", "heads", "inner", "layers"), [(64, 2, 256, 2), (20, 4, 33, 3), (24, 1, 40, 1)]
)
def test_transformer_equals_the_plain_one(
    kernels: Kernels, padded: bool, size: int, heads: int, inner: int, layers: int
) -> None:
    options = {"layers": layers, "heads": heads, "inner_size": inner}
    lengths = torch.tensor([1, 2, 3, 4, 5, 15, 16, 17, 33, 64, 65, SLOTS, 1, 7])
    vectors = make_rows(size, padded, lengths)
    fused = make_encoder(kernels, embedding_size=size, sasrec=options)
    plain = make_encoder(None, embedding_size=size, sasrec=options).double()
    for found, exact in zip(
        slopes_of(fused, vectors, lengths),
        slopes_of(plain, vectors.double(), lengths),
        strict=True,
    ):
        scale = float(exact.abs().max())
        torch.testing.assert_close(found.double(), exact, rtol=0, atol=2e-5 * max(scale, 1.0))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_hold_for_any_number_of_threads(kernels: Kernels, threads: int) -> None:
    lengths = torch.arange(1, SLOTS)
    vectors = make_rows(64, False, lengths)
    fused = make_encoder(kernels, dropout=0.2, sasrec={"attention_dropout": 0.3})
    before = torch.get_num_threads()
    told = []
    for number in (1, threads, threads):
        torch.set_num_threads(number)
        torch.manual_seed(5)
        told.append(slopes_of(fused, vectors, lengths))
    torch.set_num_threads(before)
    for one, many, again in zip(*told, strict=True):
        torch.testing.assert_close(one, many, rtol=1e-3, atol=1e-3)
        assert torch.equal(many, again)


def test_slopes_fit_the_outputs_under_dropout(kernels: Kernels) -> None:
    # The backward pass must find the forward pass's masks again: compare with a difference.
    lengths = torch.tensor([3, 9, 20])
    vectors = make_rows(64, False, lengths).requires_grad_()
    fused = make_encoder(kernels, dropout=0.3, sasrec={"attention_dropout": 0.4})
    direction = torch.randn(vectors.shape, generator=torch.Generator().manual_seed(4))

    def value(moved: Tensor) -> Tensor:
        torch.manual_seed(7)
        return fused(moved, lengths).square().mean()

    (slope,) = torch.autograd.grad(value(vectors), vectors)
    with torch.no_grad():
        step = 1e-2
        change = value(vectors + step * direction) - value(vectors - step * direction)
    assert float((slope * direction).sum()) == pytest.approx(float(change) / (2 * step), rel=0.02)


def test_dropout_keeps_its_share_and_the_mean(kernels: Kernels) -> None:
    lengths = torch.full((400,), 10)
    fused = make_encoder(kernels, dropout=0.25, sasrec={"layers": 1})
    with torch.no_grad():
        fused.norm.weight.fill_(0.0)
        fused.norm.bias.fill_(1.0)  # ones enter the dropout
        for parameter in fused.blocks[0].parameters():
            parameter.zero_()
        fused.blocks[0].attention_norm.weight.fill_(1.0)
        fused.blocks[0].feed_forward.norm.weight.fill_(1.0)
    fused.train()
    out = fused(torch.zeros(4000, 64), lengths)
    # Norms of kept (4/3) and dropped (0) entries: their signs tell which is which.
    kept = (out > 0).double()
    assert float(kept.mean()) == pytest.approx(0.75, abs=0.004)
    rows, columns = kept.mean(1), kept.mean(0)
    assert float(rows.std()) == pytest.approx((0.75 * 0.25 / 64) ** 0.5, rel=0.1)
    assert float(columns.std()) == pytest.approx((0.75 * 0.25 / 4000) ** 0.5, rel=0.4)
    torch.manual_seed(1)
    one = fused(torch.zeros(4000, 64), lengths)
    torch.manual_seed(2)
    assert not torch.equal(one, fused(torch.zeros(4000, 64), lengths))
    fused.eval()
    assert float(fused(torch.zeros(4000, 64), lengths).std()) < 1e-3


@pytest.mark.parametrize("layers", [1, 2])
def test_rows_that_nobody_asks_for_are_left_out_and_change_nothing(
    kernels: Kernels, layers: int
) -> None:
    lengths = torch.tensor([1, 4, 20, 69, SLOTS])
    asked = torch.tensor([30, 4, 21, SLOTS, SLOTS])
    fused = make_encoder(kernels, sasrec={"layers": layers})
    vectors = make_rows(64, True, lengths)
    wanted = torch.arange(SLOTS) >= SLOTS - asked.unsqueeze(1)
    told = []
    for given in (None, asked):
        rows = vectors.clone().requires_grad_()
        out = fused.encode_padded(rows, lengths, given)
        kept = out[wanted]
        slopes = torch.autograd.grad(kept.square().sum(), [rows, *fused.parameters()])
        told.append([kept.detach(), *slopes])
    assert bool((out[~wanted] == 0).all())
    for whole, part in zip(*told, strict=True):
        torch.testing.assert_close(part, whole, rtol=1e-3, atol=1e-2)


def test_rows_that_do_not_fit_are_refused(kernels: Kernels) -> None:
    fused = make_encoder(kernels)
    with pytest.raises(ValueError, match="do not fit the lengths"):
        fused(torch.zeros(5, 64), torch.tensor([2, 2]))
    with pytest.raises(ValueError, match=f"exceeds {SLOTS}"):
        fused(torch.zeros(SLOTS + 1, 64), torch.tensor([SLOTS + 1]))
    with pytest.raises(ValueError, match="padded and skipped rows"):
        fused.encode_padded(torch.zeros(1, SLOTS, 64), torch.tensor([3]), torch.tensor([0]))


def test_fewer_threads_than_asked_for_leave_nothing_out(kernels: Kernels) -> None:
    code = (
        "import torch; from basrec.backbones.sasrec import SASRec\n"
        "from basrec.config import ModelConfig; from basrec.kernels import choose_kernels\n"
        "torch.set_num_threads(3); torch.manual_seed(1)\n"
        "encoder = SASRec(ModelConfig(), choose_kernels('compiled', torch.device('cpu'))).eval()\n"
        "out = encoder(torch.randn(2000, 64), torch.full((400,), 5))\n"
        "print(round(float(out.double().square().sum()), 2))\n"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"OMP_THREAD_LIMIT": limit},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for limit in ("1", "8")
    ]
    assert told[0] == told[1] and float(told[0]) > 0
