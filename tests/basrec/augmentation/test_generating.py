"""What all methods that generate items promise, and each one's options."""

from pathlib import Path
from typing import Any

import pytest
import torch

from basrec.augmentation import AUGMENTERS, build_augmenter
from basrec.backbones import BACKBONES
from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.job import open_job
from basrec.prepared import read_prepared
from tests.basrec.augmentation.generating import Make, chain, settings
from tests.basrec.conftest import write_prepared

METHODS = sorted(name for name, made in AUGMENTERS.items() if getattr(made, "has_prior", False))


def test_the_generating_methods() -> None:
    assert METHODS == ["asrep", "diffuasr", "random", "random_seq"]


@pytest.mark.parametrize("method", METHODS)
def test_each_recipient_gets_so_many_known_items(
    method: str, make_prior: Make, folder: Path
) -> None:
    prepared = read_prepared(folder)
    prior = make_prior(folder, settings(method, {"shorter_than": 10})).prior
    expected = [3 if 1 <= length < 10 else 0 for length in prepared.bounds.train.tolist()]
    assert prior.offsets.diff().tolist() == expected
    assert 0 < sum(expected) < 180
    assert prior.items.dtype == torch.int64
    assert 1 <= int(prior.items.min()) <= int(prior.items.max()) <= 40
    everyone = make_prior(folder, settings(method)).prior
    assert everyone.offsets.diff().tolist() == [3] * 60


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_items_and_another_does_not(
    method: str, make_prior: Make, folder: Path
) -> None:
    first, again, other = (
        make_prior(folder, settings(method, seed=seed)).prior.items for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("method", METHODS)
def test_held_out_items_change_nothing(method: str, make_prior: Make, tmp_path: Path) -> None:
    lists = chain(60, 40)
    others = [[*own[:-2], *reversed(chain(1, 40, first=own[0] + 20)[0][:2])] for own in lists]
    assert all(a[:-2] == b[:-2] and a[-2:] != b[-2:] for a, b in zip(lists, others, strict=True))
    config = settings(method)
    found = [
        make_prior(write_prepared(tmp_path / f"data{number}", part, {1: 2}), config)
        for number, part in enumerate((lists, others))
    ]
    assert torch.equal(found[0].prior.items, found[1].prior.items)
    for name, value in (found[0].weights or {}).items():
        assert torch.equal(value, (found[1].weights or {})[name]), name


@pytest.mark.parametrize("method", METHODS)
def test_users_without_a_training_part_get_nothing(
    method: str, make_prior: Make, tmp_path: Path
) -> None:
    lists = [*chain(16, 40), [1], [2, 3], list(range(1, 41))]  # the last user has all items
    folder = write_prepared(tmp_path / "data", lists, {1: 2})
    config = settings(method, {"shorter_than": 10}, train={"negatives": "any"})
    counts = make_prior(folder, config).prior.offsets.diff().tolist()
    assert counts == [3] * 16 + [0, 0, 0]


@pytest.mark.parametrize("method", ["asrep", "diffuasr"])
def test_training_parts_that_are_too_short_are_told(method: str, tmp_path: Path) -> None:
    lists = [[user + step + 1 for step in range(4)] for user in range(10)]
    folder = write_prepared(tmp_path / "data", lists, {1: 2})
    with pytest.raises(InputError, match="no user has 3 items there"):
        open_job(folder, settings(method))


@pytest.mark.parametrize(
    ("method", "prior", "expected"),
    [
        ("asrep", {}, (15, 18)),
        ("diffuasr", {}, (10, None)),
        ("random", {}, (10, None)),
        ("asrep", {"count": 4, "shorter_than": "all"}, (4, None)),
        ("random_seq", {"count": 3, "shorter_than": 7}, (3, 7)),
    ],
)
def test_what_is_not_said_is_as_the_authors_have_it(
    method: str, prior: dict[str, Any], expected: tuple[int, int | None]
) -> None:
    values = {"method": method, "augmentation": {"prior": prior}}
    augmenter = build_augmenter(TrainConfig.model_validate(values))
    assert (augmenter.prior_count, augmenter.prior_limit) == expected


LONG = {"epochs": 30, "patience": 20}
OPTIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("asrep", {}, {"epochs": 1}),
    ("asrep", LONG, {"patience": 1}),
    ("diffuasr", {}, {"pretraining": {"epochs": 1}}),
    ("diffuasr", {"pretraining": LONG}, {"pretraining": LONG | {"patience": 1}}),
    ("diffuasr", {}, {"epochs": 3}),
    ("diffuasr", {}, {"steps": 25}),
    ("diffuasr", {}, {"noise": [0.0002, 0.02]}),
    ("diffuasr", {"epochs": 15}, {"sample_steps": 2}),
    ("diffuasr", {}, {"guidance": "none"}),
    ("diffuasr", {}, {"guidance": "classifier"}),
    ("diffuasr", {}, {"guidance_scale": 1.0}),
    ("diffuasr", {"guidance": "classifier"}, {"guidance_scale": 50.0}),
    ("diffuasr", {}, {"unconditional": 0.6}),
    ("diffuasr", {}, {"channels": 16}),
    ("diffuasr", {}, {"batch_size": 20}),
    ("diffuasr", {}, {"learning_rate": 0.02}),
]


@pytest.mark.parametrize(("method", "common", "change"), OPTIONS)
def test_every_option_changes_the_result(
    method: str, common: dict[str, Any], change: dict[str, Any], make_prior: Make, folder: Path
) -> None:
    results = [
        make_prior(folder, settings(method, {"count": 6}, augmentation={method: values}))
        for values in (common, common | change)
    ]
    same = [torch.equal(results[0].prior.items, results[1].prior.items)]
    if results[0].weights and results[1].weights:
        pairs = zip(results[0].weights.values(), results[1].weights.values(), strict=True)
        same += [torch.equal(*pair) for pair in pairs]
    assert not all(same)


@pytest.mark.parametrize("method", METHODS)
def test_lines_of_the_history_are_those_of_training(
    method: str, make_prior: Make, folder: Path
) -> None:
    lines: list[dict[str, Any]] = []
    make_prior(folder, settings(method), lines.append)
    expected = {"asrep": [(0, 1), (0, 2)], "diffuasr": [(0, 1), (0, 2)] * 2}.get(method, [])
    assert [(line["stage"], line["epoch"]) for line in lines] == expected
    names = {"stage", "epoch", "epochs", "loss", "losses", "validation", "best", "seconds"}
    assert all(set(line) == names for line in lines)


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
@pytest.mark.parametrize("method", ["asrep", "diffuasr"])
def test_any_backbone_will_do(method: str, backbone: str, make_prior: Make, folder: Path) -> None:
    options = {"guidance": "classifier"} if method == "diffuasr" else {}
    config = settings(method, model={"backbone": backbone}, augmentation={method: options})
    items = make_prior(folder, config).prior.items
    assert len(items) == 180 and 1 <= int(items.min()) <= int(items.max()) <= 40
