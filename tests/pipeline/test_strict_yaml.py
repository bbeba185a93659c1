"""YAML that people write, and YAML that somebody wrote to do harm."""

import pytest
import yaml

from flows.config import parse_overrides
from pipeline.errors import InputError
from pipeline.strict_yaml import load_strictly


def bomb(levels: int) -> str:
    """Give lines whose aliases come to 9 ** levels values."""
    lines = ["a0: &b0 [" + ", ".join("x" * 9) + "]"]
    for n in range(1, levels):
        lines.append(f"a{n}: &b{n} [" + ", ".join([f"*b{n - 1}"] * 9) + "]")
    return "\n".join(lines)


def test_an_alias_is_the_value_again() -> None:
    assert load_strictly("a: &x [1, 2]\nb: *x\n") == {"a": [1, 2], "b": [1, 2]}


def test_aliases_may_not_come_to_more_than_memory_holds() -> None:
    assert len(load_strictly(bomb(4))) == 4
    with pytest.raises(yaml.YAMLError, match="more than 100,000 values"):
        load_strictly(bomb(9))
    with pytest.raises(yaml.YAMLError, match="holds itself"):
        load_strictly("a: &a [1, *a]")


@pytest.mark.parametrize(
    "text",
    [
        *("[" * 5000, "- " * 5000, "2019-02-30", "!!int x", "!!timestamp x", "!!bool x"),
        *("9" * 5000, "!!python/object/apply:os.system [true]", "a: 1\na: 2", "\0"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_value_is_an_error_of_yaml(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        load_strictly(text)


def test_a_wrong_value_is_shown_in_part_and_never_where_it_may_be_a_secret() -> None:
    from flows.config import resolve

    with pytest.raises(InputError) as told:
        resolve(None, None, ["name=a", f"train.loss={'x' * 5000}"])
    assert len(str(told.value)) < 400
    for key in ("notify.webhook", "tracking.mlflow"):
        with pytest.raises(InputError, match=key) as told:
            resolve(None, None, ["name=a", f"{key}=https://me:hidden@example.org/x"])
        assert "hidden" not in str(told.value)


def test_an_override_is_read_as_strictly() -> None:
    with pytest.raises(InputError, match="not YAML"):
        parse_overrides(["a=2019-02-30"])
