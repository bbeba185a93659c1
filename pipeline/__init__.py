"""From a raw dump to a prepared folder, in SQL on DuckDB."""
