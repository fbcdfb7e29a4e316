"""Events as Parquet with zstd, and their lines of JSON with gzip, for `./bench content`.

Usage: segments.py EVENTS.jsonl
Prints one JSON object: the bytes of each.
"""

import json
import sys
import tempfile
import zlib
from pathlib import Path

import duckdb


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        parquet = Path(folder) / "events.parquet"
        # One column for each data, as in a segment.
        events = f"(SELECT data.*, * EXCLUDE data FROM read_json('{sys.argv[1]}', format = 'newline_delimited'))"
        duckdb.execute(f"COPY {events} TO '{parquet}' (FORMAT parquet, COMPRESSION zstd)")
        sizes = {"parquet": parquet.stat().st_size, "gzip": len(zlib.compress(Path(sys.argv[1]).read_bytes(), 9))}
    print(json.dumps(sizes | {"version": duckdb.__version__}))


main()
