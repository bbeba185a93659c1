"""YAML that people write: a key that stands twice is an error, where PyYAML takes the last.

What it would spread out to is bounded, and every error is YAML's own.
"""

from typing import Any

import yaml

MOST_VALUES = 100_000
"""So many values a document may come to; aliases of aliases let a few lines come to billions."""
NOT_A_VALUE = (ValueError, LookupError, TypeError, AttributeError, OverflowError)
"""What PyYAML raises of text that its tag does not fit, such as the date 2019-02-30."""


class _Loader(yaml.SafeLoader):
    """Tells of keys that stand twice, and of aliases without end."""

    def get_single_node(self) -> Any:
        """Give the document's node, where it is no larger than it may be."""
        node = super().get_single_node()
        if node is not None and _size(node, {}) > MOST_VALUES:
            raise yaml.composer.ComposerError(
                None, None, f"its aliases come to more than {MOST_VALUES:,} values", node.start_mark
            )
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Make a mapping of distinct keys."""
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            told = (key.tag, str(key.value))
            if told in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} stands twice", key.start_mark
                )
            seen.add(told)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def load_strictly(text: str) -> Any:
    """Read a YAML document.

    Errors: yaml.YAMLError where it is none, a key stands twice in a mapping, or it is too large.
    """
    try:
        return yaml.load(text, _Loader)
    except RecursionError as exc:
        raise yaml.YAMLError("nested too deeply") from exc
    except NOT_A_VALUE as exc:
        raise yaml.YAMLError(f"a value that is none ({exc})") from exc


def _size(node: Any, known: dict[int, int | None]) -> int:
    """Count the values that a node comes to, each as often as an alias repeats it."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = None  # until it is counted
        parts = node.value
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    size = known[id(node)]
    if size is None:
        raise yaml.composer.ComposerError(None, None, "a value holds itself", node.start_mark)
    return size
