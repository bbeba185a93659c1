"""Options that the commands which make prepared folders share."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.formats import FORMATS

FORMAT_HELP = f"The raw layout: {', '.join(FORMATS)}, or auto."
DataOverrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any key of the data section; repeatable."),
]
RawFiles = Annotated[list[Path], typer.Argument(help="Raw files, folders or patterns.")]
Format = Annotated[
    str | None, typer.Option("--format", help=FORMAT_HELP, show_default="amazon_2014")
]
Columns = Annotated[
    str | None,
    typer.Option(help="For table: names or places from 1, as user=1,item=2,rating=3,time=4."),
]
TimeUnit = Annotated[
    str | None,
    typer.Option(help="For table: seconds, milliseconds, microseconds, nanoseconds, days or iso."),
]
TimeFormat = Annotated[str | None, typer.Option(help="For table: such as '%d/%m/%Y'.")]
Delimiter = Annotated[str | None, typer.Option(help="For table: between columns.")]
NoQuotes = Annotated[bool, typer.Option("--no-quotes", help="For table: quotes mean nothing.")]
Member = Annotated[str | None, typer.Option(help="Which members of a tar are read (pattern).")]
AllowTruncated = Annotated[
    bool, typer.Option("--allow-truncated", help="Keep the good part of a broken file.")
]
MaxRejects = Annotated[
    float | None, typer.Option(help="The largest share of bad rows.", show_default="0.01")
]
Memory = Annotated[str, typer.Option(help="The most memory for DuckDB, for example 4GB.")]
Threads = Annotated[int, typer.Option(help="CPU threads for DuckDB.")]
Wait = Annotated[
    float,
    typer.Option(min=0.0, metavar="SECONDS", help="Wait so long while another works on it."),
]
