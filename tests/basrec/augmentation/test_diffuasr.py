"""DiffuASR: the process against its closed form, guidance, the network, and what it learns."""

import math
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from basrec.augmentation.diffuasr import nearest_items
from basrec.augmentation.diffuasr.diffusion import Schedule, denoise
from basrec.augmentation.diffuasr.fitting import noise_loss, without_condition
from basrec.augmentation.diffuasr.guidance import (
    classifier_guidance,
    free_guidance,
    judge_of,
    unguided,
)
from basrec.augmentation.diffuasr.network import SequenceUNet, grid_of
from basrec.augmentation.diffuasr.samples import Samples, condition_of, draw_samples
from basrec.augmentation_config import DiffusionOptions
from basrec.config import ModelConfig
from basrec.model import build_recommender
from basrec.prepared import Prepared
from basrec.rng import generator, global_stream
from basrec.split import Examples
from tests.basrec.augmentation.generating import Make, chain, settings

CPU = torch.device("cpu")


def schedule(steps: int = 1000) -> Schedule:
    return Schedule.of(DiffusionOptions(steps=steps, sample_steps=min(steps, 50)), CPU)


def network(count: int = 3, size: int = 16) -> SequenceUNet:
    with global_stream(3, CPU):
        return SequenceUNet(count, size, 8).eval()


def normal(*size: int, seed: int = 1) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def test_the_schedule_is_the_product_of_what_each_step_leaves() -> None:
    kept, expected = schedule().kept, 1.0
    for step in range(1000):
        expected *= 1.0 - (0.0001 + (0.02 - 0.0001) * step / 999)
        if step in (0, 10, 999):
            assert float(kept[step]) == pytest.approx(expected, rel=1e-4)
    for steps in (20, 2000):  # they begin and end alike
        assert schedule(steps).kept[[0, -1]].tolist() == kept[[0, -1]].tolist()
    assert schedule(334).kept.tolist() == pytest.approx(kept[::3].tolist())


@pytest.mark.parametrize("step", [0, 200, 999])
def test_noising_has_the_mean_and_variance_of_the_closed_form(step: int) -> None:
    told, clean = schedule(), torch.tensor([1.5, -0.5]).expand(40_000, 1, 2)
    noisy = told.noised(clean, normal(40_000, 1, 2), torch.full((40_000,), step))
    kept = float(told.kept[step])
    error = 4 * ((1 - kept) / 40_000) ** 0.5 + 1e-6
    assert noisy.mean((0, 1)).tolist() == pytest.approx(
        [1.5 * kept**0.5, -0.5 * kept**0.5], abs=error
    )
    assert noisy.var((0, 1)).tolist() == pytest.approx([1 - kept] * 2, rel=0.05)


def test_one_step_after_the_other_gives_the_closed_form_too() -> None:
    told = schedule(20)
    vectors = torch.full((50_000, 1, 1), 2.0)
    before = torch.cat([torch.ones(1), told.kept[:-1]])
    for step, left in enumerate((told.kept / before).tolist()):
        vectors = left**0.5 * vectors + (1 - left) ** 0.5 * normal(50_000, 1, 1, seed=step)
        kept = float(told.kept[step])
        assert float(vectors.mean()) == pytest.approx(2.0 * kept**0.5, abs=0.02)
        assert float(vectors.var()) == pytest.approx(1 - kept, rel=0.04)


@pytest.mark.parametrize("count", [1, 7, 50])
def test_the_true_noise_leads_back_to_the_clean_vectors(count: int) -> None:
    told, clean, noise = schedule(), normal(6, 3, 4), normal(6, 3, 4, seed=2)
    noisy = told.noised(clean, noise, torch.full((6,), 999))

    def truth(now: Tensor, step: Tensor) -> Tensor:
        kept = told.kept[step].view(-1, 1, 1)
        return (now - kept.sqrt() * clean) / (1 - kept).sqrt()

    assert torch.allclose(denoise(told, noisy, truth, count), clean, atol=1e-3)


@pytest.mark.parametrize(("count", "size"), [(10, 64), (3, 16), (1, 8), (5, 7), (2, 1)])
def test_the_network_keeps_the_shape_and_reads_all_it_is_given(count: int, size: int) -> None:
    noisy, condition = normal(4, count, size), normal(4, size, seed=2)
    step = torch.tensor([0, 5, 500, 999])
    net = network(count, size)
    noise = net(noisy, step, condition)
    assert noise.shape == noisy.shape
    assert not torch.equal(noise, net(noisy, step.flip(0), condition))
    assert not torch.equal(noise, net(noisy, step, condition + 1.0))
    assert torch.allclose(net(noisy[1:2], step[1:2], condition[1:2]), noise[1:2], atol=1e-5)


def test_grids_are_as_square_as_can_be() -> None:
    assert [grid_of(size) for size in (64, 32, 7, 1)] == [(8, 8), (4, 8), (1, 7), (1, 1)]


def test_samples_by_hand() -> None:
    offsets = torch.tensor([0, 5, 7])
    items = torch.tensor([1, 2, 3, 4, 5, 6, 7])
    prepared = Prepared(items, offsets, torch.zeros(8).long(), 7, {})
    parts = Examples(torch.tensor([0, 1]), offsets[:2], torch.tensor([5, 2]))
    table = torch.arange(8.0).unsqueeze(1) * torch.ones(1, 2)
    seen = set()
    for seed in range(40):
        stream = torch.Generator().manual_seed(seed)
        samples = draw_samples(table, prepared, parts, 3, 2, stream)
        cut = int(samples.clean[0, -1, 0])  # the item before the cut is its number
        seen.add(cut)
        before = [item for item in (cut - 2, cut - 1, cut) if item > 0]
        assert samples.clean[0, :, 0].tolist() == [0.0] * (3 - len(before)) + before
        assert samples.real[0].tolist() == [False] * (3 - len(before)) + [True] * len(before)
        after = [cut + 1, cut + 2] if cut < 4 else [5]
        assert float(samples.condition[0, 0]) == sum(after) / len(after)
        assert samples.clean[1, :, 0].tolist() == [0.0, 0.0, 6.0]
        assert float(samples.condition[1, 0]) == 7.0
    assert seen == {1, 2, 3, 4}
    assert condition_of(table, prepared, parts, 50)[:, 0].tolist() == [3.0, 6.5]


def test_the_loss_equals_a_loop_over_real_items() -> None:
    clean, condition = normal(4, 3, 2), normal(4, 2, seed=2)
    real = torch.tensor([[False, True, True], [True] * 3, [False, False, True], [True] * 3])

    def network(noisy: Tensor, step: Tensor, told: Tensor) -> Tensor:
        return 0.5 * noisy + step.view(-1, 1, 1) / 1000 + told.unsqueeze(1)

    samples = without_condition(
        Samples(clean, real, condition),
        torch.tensor([True, False, False, True]),
        torch.tensor([5.0, 7.0]),
    )
    found = noise_loss(network, schedule(), samples, torch.Generator().manual_seed(9))  # type: ignore[arg-type]
    stream = torch.Generator().manual_seed(9)
    steps = torch.randint(1000, (4,), generator=stream).tolist()
    noise = torch.randn((4, 3, 2), generator=stream).tolist()
    errors = []
    for b, step in enumerate(steps):
        kept = math.prod(1 - (0.0001 + (0.02 - 0.0001) * s / 999) for s in range(step + 1))
        for m in range(3):
            for d in range(2):
                noisy = kept**0.5 * float(clean[b, m, d]) + (1 - kept) ** 0.5 * noise[b][m][d]
                told = (5.0, 7.0)[d] if b in (0, 3) else float(condition[b, d])
                error = 0.5 * noisy + step / 1000 + told - noise[b][m][d]
                errors += [error**2] if real[b, m] else []
    assert len(errors) == 18
    assert float(found) == pytest.approx(sum(errors) / len(errors), rel=1e-4)


@torch.no_grad()
def test_guidance_of_scale_0_is_none() -> None:
    net, noisy, condition = network(), normal(5, 3, 16), normal(5, 16, seed=2)
    step = torch.full((5,), 400)
    config = ModelConfig(embedding_size=16, max_length=10)
    model = build_recommender(9, config, generator(1, "weights")).eval()
    plain = unguided(net, condition)
    judge = judge_of(model, torch.tensor([1, 2, 3, 4, 5]))
    expected = plain(noisy, step)
    assert torch.equal(free_guidance(net, condition, 0.0)(noisy, step), expected)
    assert torch.equal(classifier_guidance(plain, judge, schedule(), 0.0)(noisy, step), expected)
    with_both = free_guidance(net, condition, 2.0)(noisy, step)
    absent = net(noisy, step, net.absent.expand(5, -1))
    assert torch.allclose(with_both, 3 * expected - 2 * absent, atol=1e-5)


@torch.no_grad()
def test_a_classifier_pulls_towards_what_it_likes() -> None:
    aim, told = normal(4, 3, 2), schedule()
    plain = lambda noisy, step: torch.zeros_like(noisy)  # noqa: E731
    judge = lambda noisy: -(noisy - aim).square().sum((1, 2))  # noqa: E731
    noisy, step = torch.zeros(4, 3, 2), torch.full((4,), 500)
    noise = classifier_guidance(plain, judge, told, 0.5)(noisy, step)
    expected = -0.5 * float((1 - told.kept[500]).sqrt()) * 2 * aim
    assert torch.allclose(noise, expected, atol=1e-6)
    assert torch.equal(told.cleaned(noisy, noise, step).sign(), aim.sign())


def test_the_judge_is_the_recommender_s_own_score() -> None:
    config = ModelConfig(embedding_size=16, max_length=2)
    model = build_recommender(9, config, generator(1, "weights")).eval()
    size = float(model.items.weight[1:-1].detach().norm(dim=1).mean()) / 4.0
    first = torch.tensor([3, 7])
    items = torch.tensor([[1, 2, 3], [4, 5, 6]])
    found = judge_of(model, first)(model.items(items) / size)
    outputs = model(items[:, 1:].flatten(), torch.tensor([2, 2]))[[1, 3]]  # the last two
    scores = (outputs * model.items.weight[first]).sum(1)
    assert torch.allclose(found, torch.sigmoid(scores).log(), atol=1e-6)


def test_nearest_items_equal_a_loop() -> None:
    table = torch.nn.functional.normalize(normal(13, 4))
    vectors = normal(5, 3, 4, seed=2)
    near = [[max(range(1, 13), key=lambda i: float(v @ table[i])) for v in row] for row in vectors]
    assert nearest_items(table, vectors).tolist() == near


def test_options_that_contradict_are_told() -> None:
    with pytest.raises(ValidationError, match="sample_steps = 5: more than steps = 4"):
        DiffusionOptions(steps=4)
    with pytest.raises(ValidationError, match="the first must not exceed the second"):
        DiffusionOptions(noise=(0.2, 0.1))


def test_a_planted_chain_gives_items_near_the_true_ones(
    make_prior: Make, chain_folder: Path
) -> None:
    options = {
        "pretraining": {"epochs": 30},
        "epochs": 30,
        "learning_rate": 0.01,
        "guidance_scale": 1.0,
        "steps": 100,
        "sample_steps": 20,
        "batch_size": 16,
    }
    lines: list[dict[str, float]] = []
    config = settings("diffuasr", {"count": 2}, augmentation={"diffuasr": options})
    items = make_prior(chain_folder, config, lines.append).prior.items.view(-1, 2)
    losses = [line["loss"] for line in lines[-30:]]
    assert losses[-1] < 0.8 * losses[0]
    first = torch.tensor([own[0] for own in chain(240, 40)])
    away = (items[:, 1] - (first - 1)) % 40
    distance = torch.minimum(away, 40 - away).float()
    assert float(distance.mean()) < 6.0  # chance: 10
