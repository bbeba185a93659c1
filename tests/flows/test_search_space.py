"""The space of a search: choices and ranges."""

from flows.search_space import Range, parse_space, short_names
from flows.search_view import point_text
from tests.flows.searching import ALPHA, A, B


def test_a_space_is_read_dotted_or_nested() -> None:
    space = parse_space(
        {
            "augmentation": {"alpha": [0.2, 0.4], "pairs": {"low": 1, "high": 3}},
            "model.dropout": {"low": 0.1, "high": 0.3, "step": 0.1},
            "train.learning_rate": {"low": 0.0001, "high": 0.01, "log": True},
        }
    )
    assert space[ALPHA] == (0.2, 0.4)
    pairs, dropout = space["augmentation.pairs"], space["model.dropout"]
    assert isinstance(pairs, Range) and tuple(pairs.steps()) == (1, 2, 3)
    assert isinstance(dropout, Range) and dropout.steps() == (0.1, 0.2, 0.3)
    rate = space["train.learning_rate"]
    assert isinstance(rate, Range) and rate.log and rate.steps() == ()
    assert list(
        short_names([ALPHA, A, B, "model.fmlp.layers", "model.sasrec.layers"]).values()
    ) == [
        "alpha",
        "a",
        "b",
        "model.fmlp.layers",
        "model.sasrec.layers",
    ]
    assert point_text({ALPHA: 0.2, A: 0.1}) == "alpha=0.2 a=0.1"


def test_a_wide_range_takes_no_memory() -> None:
    assert len(Range(low=1, high=10**12).steps()) == 10**12
