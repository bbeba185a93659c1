"""From a raw dump to a prepared folder: SQL on DuckDB, checked by pandera, explained by a passport."""
