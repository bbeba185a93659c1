"""Random and mutated inputs: bytes, values of JSON and YAML, files within files."""

import bz2
import gzip
import io
import json
import lzma
import math
import tarfile
import zipfile
from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

import pyarrow as pa
import yaml

BOUNDS = (0, 1, 0x22, 0x27, 0x2C, 0x5C, 0x7F, 0x80, 0xC3, 0xFE, 0xFF)
"""Bytes at which parsers turn: ends of ranges, quotes, commas, backslashes."""
TOKENS = (
    *(b"\n", b"\r\n", b"\r", b"\0", b'"', b"'", b"\\", b"\\u0000", b"\\ud800", b"\\x", b",", b"\t"),
    *(b"{", b"}", b"[", b"]", b":", b"null", b"None", b"NaN", b"-Infinity", b"1e999", b"-1"),
    *(b"9" * 40, b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"&a", b"*a"),
    *(b"!!python/object/apply:os.system [true]", b"<<: *a", b"---\n", b"%YAML 9.9\n", b"- ", b"? "),
    *(b"../../x", b"%s%n", b"{{7*7}}", b"'; drop table lines; --", b"{" * 300, b"[" * 3000),
)
NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, -(2**31), 2**63, -(2**63), 2**64, 10**30, 10**400),
    *(0.0, -0.0, 0.1, -1.5, 1e308, 5e-324, math.nan, math.inf, -math.inf),
    *(
        "",
        " ",
        "x",
        "0",
        "1",
        "null",
        "true",
        "base",
        "sasrec",
        "mask",
        "\0",
        "\n",
        "a\nb",
        "\ufeff",
    ),
    *("é", "\u202e", "\U0001f600", "x" * 5000, "../../etc/passwd", "/", ".", "..", "~", "a/b", "*"),
    *(
        "[",
        "%",
        "%s",
        "%Q",
        "{0}",
        "{{ 7 * 7 }}",
        "<script>alert(1)</script>",
        "'; drop table x; --",
    ),
    *("2019-02-30", "0001-01-01", "9999-12-31T23:59:59+14:00", "4GB", "0MB", "1e400", "-", "--set"),
    *([], {}, [[]], {"": None}, [None], {"a": {"b": []}}, [1, 2, 3], ["x"] * 50),
)
"""Values that are the wrong type, at the end of a range, or mean something to someone."""


def mutate_bytes(random: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Change some bytes: flipped, set, cut out, doubled, moved, put in, or spliced with another."""
    told = bytearray(data)
    for _ in range(1 + int(random.expovariate(0.7))):
        place = random.randrange(len(told) + 1)
        size = min(int(random.expovariate(0.05)) + 1, len(told) - place)
        kind = random.randrange(9)
        if kind == 0 and place < len(told):
            told[place] ^= 1 << random.randrange(8)
        elif kind == 1 and place < len(told):
            told[place] = random.choice(BOUNDS)
        elif kind == 2:
            del told[place : place + size]
        elif kind == 3:
            told[place:place] = told[place : place + size] * random.choice((1, 1, 2, 50))
        elif kind == 4:
            told[place:place] = random.choice(TOKENS)
        elif kind == 5:
            told[place:place] = random.randbytes(size)
        elif kind == 6:
            del told[place:]
        elif kind == 7 and others:
            other = random.choice(others)
            told[place:] = other[random.randrange(len(other) + 1) :]
        elif kind == 8 and size:
            piece = told[place : place + size]
            del told[place : place + size]
            at = random.randrange(len(told) + 1)
            told[at:at] = piece
    return bytes(told)


def mutate_value(random: Random, value: Any) -> Any:
    """Change some parts of nested values: another value, one less, one more, another name."""
    value = json.loads(json.dumps(value))  # a copy of plain values
    for _ in range(1 + int(random.expovariate(1.5))):
        value = _changed(random, value)
    return value


def _changed(random: Random, value: Any) -> Any:
    if random.random() < 0.05 or not isinstance(value, (dict, list)) or not value:
        return _other(random, value)
    key = random.choice(list(value) if isinstance(value, dict) else range(len(value)))
    kind = random.randrange(8)
    if kind == 0:
        del value[key]
    elif kind == 1 and isinstance(value, dict):
        value[random_text(random)] = value.pop(key)
    elif kind == 2 and isinstance(value, dict):
        value[random_text(random)] = random_value(random)
    elif kind == 3 and isinstance(value, list):
        value.insert(random.randrange(len(value) + 1), random_value(random))
    else:
        value[key] = _changed(random, value[key])
    return value


def _other(random: Random, value: Any) -> Any:
    kind = random.randrange(6)
    if kind == 0 and isinstance(value, (int, float)) and not isinstance(value, bool):
        return random.choice(
            (-value, value + 1, value * 10**6, value / 3 if abs(value) < 1e300 else 0, str(value))
        )
    if kind == 1:
        return [value]
    if kind == 2 and isinstance(value, str):
        return mutate_bytes(random, value.encode()).decode("utf-8", "replace")
    return random_value(random)


def random_value(random: Random, depth: int = 0) -> Any:
    """Give any value of JSON."""
    kind = random.randrange(10)
    if kind == 0 and depth < 4:
        return [random_value(random, depth + 1) for _ in range(random.randrange(4))]
    if kind == 1 and depth < 4:
        count = random.randrange(4)
        return {random_text(random): random_value(random, depth + 1) for _ in range(count)}
    if kind == 2:
        return random.choice((1, -1)) * random.getrandbits(random.randrange(1, 80))
    if kind == 3:
        return random.uniform(-2, 2)
    if kind == 4:
        return random_text(random)
    return deepcopy(random.choice(NASTY))  # which may be changed further


def random_text(random: Random) -> str:
    """Give any text that UTF-8 can hold."""
    signs = [random.choice((random.randrange(32, 127), random.randrange(0x250), 0x1F600)) for _ in
             range(random.randrange(12))]  # fmt: skip
    return "".join(map(chr, signs))


def as_json(value: Any) -> bytes:
    """Write a value as JSON, with NaN and Infinity where it has them."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def as_yaml(random: Random, value: Any) -> bytes:
    """Write a value as YAML in one of its styles."""
    style = random.choice((None, True, False))
    text = yaml.safe_dump(value, default_flow_style=style, allow_unicode=True, sort_keys=False)
    return text.encode("utf-8", "replace")


def yaml_bomb(key: str, levels: int = 9) -> bytes:
    """Give a mapping of a few hundred bytes that spreads out to 9 ** levels values."""
    lines = [f"{key}0: &b0 [" + ", ".join(["x"] * 9) + "]"]
    lines += [f"{key}{n}: &b{n} [" + ", ".join([f"*b{n - 1}"] * 9) + "]" for n in range(1, levels)]
    return "\n".join([*lines, f"{key}: *b{levels - 1}", ""]).encode()


def mutated_text(random: Random, value: Any, form: str, others: Sequence[bytes]) -> bytes:
    """Give a mutated value as text, or a value as mutated text, or both, or text of any kind."""
    kind = random.randrange(20)
    if kind == 0:
        return random.randbytes(random.randrange(400))
    if kind == 1:
        return b"".join(random.choice(TOKENS) for _ in range(random.randrange(20)))
    if kind == 2 and form == "yaml":
        return yaml_bomb(random.choice(list(value) if isinstance(value, dict) and value else ["a"]))
    if kind == 3:
        deep = random.choice((50, 500, 5000, 100_000))
        return random.choice((b"[", b'{"a":', b"{a: ", b"- ")) * deep
    told = mutate_value(random, value) if kind < 14 else value
    text = as_json(told) if form == "json" else as_yaml(random, told)
    return mutate_bytes(random, text, others) if kind > 10 else text


def compressed(random: Random, data: bytes) -> bytes:
    """Put data into a container, or two, or none; now and then the container is damaged."""
    for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
        data = random.choice(CONTAINERS)(random, data)
        if random.random() < 0.4:
            data = mutate_bytes(random, data)
    return data


def _gzip(random: Random, data: bytes) -> bytes:
    whole = gzip.compress(data, 1, mtime=0)
    return whole + random.choice((b"", b"", whole, b"\0" * 512, b"rest"))


def _zstd(random: Random, data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)


def _tar(random: Random, data: bytes) -> bytes:
    held = io.BytesIO()
    form = random.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    with tarfile.open(fileobj=held, mode="w", format=form) as archive:
        for _ in range(random.randrange(1, 4)):
            entry = tarfile.TarInfo(random.choice(MEMBERS))
            entry.type = random.choice((tarfile.REGTYPE,) * 6 + (tarfile.SYMTYPE, tarfile.DIRTYPE))
            entry.linkname, entry.size = "/etc/passwd", len(data) if entry.isreg() else 0
            archive.addfile(entry, io.BytesIO(data))
    return held.getvalue()


def _zip(random: Random, data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(random.choice(MEMBERS), data)
    return held.getvalue()


MEMBERS = (
    *("review.json", "a_review.csv", "../../review.json", "/tmp/review.json", "review", ".review"),
    *("business.json", "r" * 90 + "review", "revi\new", "r\u00e9view.json"),
)
CONTAINERS = (
    *(_gzip, _gzip, _zstd, _tar, _tar, _zip),
    lambda random, data: bz2.compress(data, 1),
    lambda random, data: lzma.compress(data, preset=0),
)
