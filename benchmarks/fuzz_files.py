"""Files of a data folder, mutated by what they are: tables, JSON, YAML, weights, checkpoints."""

import contextlib
import hashlib
import io
import json
import struct
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml
from fuzz_inputs import as_json, mutate_bytes, mutate_value, mutated_text, random_text, random_value

TYPES = (pa.string(), pa.float64(), pa.int8(), pa.binary(), pa.timestamp("ns"), pa.bool_())
"""What a column is cast to."""
CELLS = (None, 0, -1, 1, 2**31 - 1, 2**62, "", "[/b]", float("nan"), [], [0], [10**6])
"""What a single value of a table is replaced by."""


def mutated_file(random: Random, path: Path, data: bytes) -> bytes:
    """Mutate a file by what it is."""
    if random.random() < 0.3:
        return mutate_bytes(random, data)
    if path.suffix == ".parquet":
        return parquet_bytes(mutate_table(random, pq.read_table(io.BytesIO(data))))
    if path.suffix == ".json":
        return mutated_text(random, json.loads(data), "json", (data,))
    if path.suffix == ".yaml":
        return mutated_text(random, yaml.safe_load(data), "yaml", (data,))
    if path.suffix == ".safetensors":
        return _mutated_weights(random, data)
    if path.suffix == ".pt":
        return _mutated_checkpoint(random, data)
    lines = data.splitlines(keepends=True)
    place = random.randrange(len(lines))
    line = lines[place]
    with contextlib.suppress(ValueError):
        line = as_json(mutate_value(random, json.loads(line))) + b"\n"
    lines[place] = line if random.random() < 0.8 else mutate_bytes(random, line, lines)
    return b"".join(lines)


def mutate_table(random: Random, table: pa.Table) -> pa.Table:
    """Change columns of a table: away, renamed, twice, of another type, other values or order."""
    for _ in range(1 + int(random.expovariate(0.8))):
        if not table.num_columns:
            break
        place = random.randrange(table.num_columns)
        name, column = table.column_names[place], table.column(place)
        kind = random.randrange(8)
        with contextlib.suppress(pa.ArrowException, OverflowError):  # not every change can be made
            if kind == 0:
                table = table.remove_column(place)
            elif kind == 1:
                names = list(table.column_names)
                names[place] = random.choice((random_text(random), *names))
                table = table.rename_columns(names)
            elif kind == 2:
                table = table.set_column(place, name, column.cast(random.choice(TYPES)))
            elif kind == 3:
                table = table.set_column(place, name, pa.nulls(len(table), column.type))
            elif kind == 4 and len(table):
                values = column.to_pylist()
                for _ in range(random.randrange(1, 4)):
                    values[random.randrange(len(values))] = random.choice(CELLS)
                table = table.set_column(place, name, pa.array(values, column.type))
            elif kind == 5:
                table = table.slice(random.randrange(len(table) + 1), random.randrange(20))
            elif kind == 6 and len(table):
                table = table.take([random.randrange(len(table)) for _ in range(len(table))])
            elif kind == 7:
                values = [random_value(random) for _ in range(len(table))]
                table = table.set_column(place, name, pa.array(map(repr, values), pa.string()))
    return table


def parquet_bytes(table: pa.Table) -> bytes:
    """Write a table as Parquet."""
    held = io.BytesIO()
    pq.write_table(table, held)
    return held.getvalue()


def _mutated_weights(random: Random, data: bytes) -> bytes:
    size = struct.unpack("<Q", data[:8])[0]
    header = mutate_value(random, json.loads(data[8 : 8 + size]))
    text = as_json(header)
    told = random.choice((len(text), len(text), len(text), 2**63, 10**12, 0))
    return struct.pack("<Q", told) + text + data[8 + size :]


def _mutated_checkpoint(random: Random, data: bytes) -> bytes:
    """Change what is saved, or the bytes; the checksum fits all the same."""
    content = data[:-32]
    if random.random() < 0.5:
        content = mutate_bytes(random, content)
    else:
        values = torch.load(io.BytesIO(content), weights_only=True)
        part: Any = values
        for _ in range(random.randrange(1, 4)):
            keys = [k for k in part if isinstance(part[k], dict) and part[k]]
            if not keys:
                break
            part = part[random.choice(keys)]
        key = random.choice([*part])
        if random.random() < 0.3:
            del part[key]
        else:
            part[random.choice((key, random_text(random)))] = random.choice(
                (
                    random_value(random),
                    torch.zeros(3),
                    torch.ones(2, 2, dtype=torch.int8),
                    {1: None},
                )
            )
        held = io.BytesIO()
        torch.save(values, held)
        content = held.getvalue()
    return content + hashlib.sha256(content).digest()
