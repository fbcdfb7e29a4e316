"""The training set of `./bench training` as one SQL query in DuckDB, on one core.

Usage: training.py EVENTS.csv LABELS.csv
Prints one JSON object: the seconds of the query, and the sum of each of its eight columns.
"""

import json
import sys
import time

import duckdb

AGGREGATES = [("COUNT(amount)", days) for days in (20, 60, 200)] + [("SUM(amount)", days) for days in (20, 60, 200)]
AGGREGATES += [("MIN(amount)", 200), ("MAX(amount)", 200)]


def main() -> None:
    db = duckdb.connect()
    db.execute("SET threads = 1")
    db.execute(f"CREATE TABLE events AS SELECT * FROM read_csv('{sys.argv[1]}', columns = {{'key': 'INT', 'day': 'INT', 'amount': 'BIGINT'}})")
    db.execute(f"CREATE TABLE labels AS SELECT * FROM read_csv('{sys.argv[2]}', columns = {{'key': 'INT', 'day': 'INT'}})")
    columns = [f"COALESCE({what} OVER last_{days}, 0) AS f{place}" for place, (what, days) in enumerate(AGGREGATES)]
    windows = [
        f"last_{days} AS (PARTITION BY key ORDER BY day RANGE BETWEEN {days} PRECEDING AND 1 PRECEDING)" for days in (20, 60, 200)
    ]
    begin = time.perf_counter()
    db.execute(f"""
        CREATE TABLE rows AS SELECT * FROM (
            SELECT key, day, label, {", ".join(columns)}
            FROM (SELECT key, day, amount, false AS label FROM events UNION ALL SELECT key, day, NULL, true FROM labels)
            WINDOW {", ".join(windows)})
        WHERE label
    """)
    seconds = time.perf_counter() - begin
    sums = db.execute(f"SELECT {', '.join(f'SUM(f{place})' for place in range(len(AGGREGATES)))} FROM rows").fetchone()
    print(json.dumps({"seconds": seconds, "sums": [int(value) for value in sums], "version": duckdb.__version__}))


main()
