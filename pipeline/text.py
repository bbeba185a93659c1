"""The text form of the sequences: a line a user, "user item item ...", oldest first."""

from pathlib import Path

from pipeline.engine import open_engine
from pipeline.errors import InputError
from pipeline.passport import text_bytes


def write_text(prepared: Path, file: Path) -> None:
    """Write a prepared folder's sequences as text, whole or not at all.

    Errors: InputError where the folder has no sequences or the file cannot be written.
    """
    source = prepared / "sequences.parquet"
    if not source.exists():
        raise InputError(f"{source}: no such file; make the folder with 'basrec prepare'")
    beside = file.with_name(file.name + ".tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as out, open_engine(file.parent, "1GB", 1) as engine:
            engine.parquet("sequences", source)
            for batch in engine.batches("49_text_lines"):
                out.write(text_bytes(batch.column(0)))
        beside.replace(file)
    except OSError as exc:
        raise InputError(f"{file}: cannot be written ({exc.strerror}); choose another") from exc
    finally:
        beside.unlink(missing_ok=True)
