"""YAML that people write: a key that stands twice is an error, where PyYAML takes the last."""

from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """Tells of keys that stand twice."""

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

    Errors: yaml.YAMLError where it is none, or a key stands twice in a mapping.
    """
    return yaml.load(text, _Loader)
