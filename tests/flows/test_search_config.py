"""What a search may say, and the configs that its points come to."""

from pathlib import Path

import pytest

from flows.search_config import config_at, load_search, set_arguments, shipped_searches
from pipeline.errors import InputError
from tests.flows.searching import ALPHA, A, B


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("metric=test NDCG@20", "validation alone decides"),
        ("metric=NDCG@7", "known: HR@5"),
        ("space.augmentation.alfa=[1]", "did you mean 'augmentation.alpha'?"),
        ("space.augmentation.alpha=[x]", "'augmentation.alpha' = 'x'"),
        ("space.augmentation.alpha=[]", "write a list of choices"),
        ("space.augmentation.alpha=[0.1, 0.1]", "named once"),
        ("space.augmentation.alpha=[[1]]", "no number, word"),
        ("space.augmentation.alpha={low: 1, high: 0}", "must be below"),
        ("space.augmentation.alpha={low: 0.1, high: 0.5}", "a grid needs choices, or a step"),
        ("space.augmentation.alpha={low: 0.1, high: 0.5, step: 0.3}", "does not lead from"),
        ("space.augmentation.alpha={low: 0, high: 1, log: true}", "log needs a low above 0"),
        ("space.augmentation.alpha={low: 0, high: 1, step: 1e-9}", "more than 1,000,000 values"),
        (f"space.train.batch_size={{low: 1, high: 1{'0' * 400}}}", "not told apart"),
        ("space.augmentation.rate.0=[1.2]", "should be less than 1"),
        ("space.data.min_count=[3]", "no key that space may hold"),
        ("settings.seed=3", "no key that settings may hold"),
        ("seeds=[1, 1]", "each seed may be named once"),
        ("trials=0", "greater than or equal to 1"),
        ("sampler=magic", "'tpe', 'grid' or 'random'"),
        ("kep=3", "did you mean 'keep'?"),
        ("augmentation.alpha=0.3", "settings 'augmentation.alpha': the space varies it"),
        ("augmentation.rate=[0.2, 0.7]", "or take it out of the space"),
        ("dataset=null", "name a known dataset, or a prepared folder"),
        ("dataset=atlantis", "'atlantis' is not known"),
    ],
)
def test_a_wrong_search_is_told_before_any_work(change: str, message: str) -> None:
    with pytest.raises(InputError) as exc:
        load_search(Path("paper-grid"), [change])
    assert message in str(exc.value)
    assert len(str(exc.value).splitlines()) == 1


def test_the_shipped_searches_are_as_promised() -> None:
    assert shipped_searches() == ["paper-grid", "quick"]
    paper = load_search(Path("paper-grid"))
    assert paper.num_trials == 5 * 3 * 3
    assert [paper.grid_point(place)[B] for place in range(3)] == [0.6, 0.7, 0.8]
    assert load_search(Path("quick"), ["trials=3", "train.batch_size=64"]).trials == 3


def test_dataset_settings_preset_and_point_reach_the_config() -> None:
    search = load_search(
        Path("paper-grid"), ["preset=reference", "augmentation.edit=window", "train.batch_size=64"]
    )
    first, other = ({ALPHA: 0.2, A: 0.1, B: 0.6}, {ALPHA: 0.6, A: 0.1, B: 0.8})
    one, two = (config_at(search, point, 1).model_dump() for point in (first, other))
    assert one["augmentation"]["pairs"] == 2  # Beauty's
    assert one["augmentation"]["choice"] == "random"  # of the preset
    assert one["augmentation"]["edit"] == "window"  # settings over preset
    assert one["train"]["batch_size"] == 64
    assert (one["augmentation"]["alpha"], one["augmentation"]["rate"]) == (0.2, (0.1, 0.6))
    assert (two["augmentation"]["alpha"], two["augmentation"]["rate"]) == (0.6, (0.1, 0.8))
    two["augmentation"] |= {key: one["augmentation"][key] for key in ("alpha", "rate")}
    assert one == two  # and nothing else differs
    assert set_arguments(search, {A: 0.3})[-1] == "augmentation.rate=[0.3, 0.71]"  # b as published
