"""The tiles of `./bench streaming` in Flink SQL, with parallelism 1.

Usage: streaming_flink.py EVENTS.csv
An updating GROUP BY over events that Flink's process holds in memory. While the clock runs the changes
of the tiles go to the sink `blackhole`; another run of the same, which also warms Java up, writes them
to a file. Prints one JSON object: the seconds of the fastest of three runs, and the sums over all keys
of what the last 24 hours hold. Needs Java 17.
"""

import importlib.metadata
import json
import pathlib
import sys
import tempfile

import pandas
from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment

import tiles

QUERY = f"""
    SELECT key, `time` / {tiles.HOUR} AS `hour`,
        COUNT(*) AS `count`, SUM(amount) AS `sum`, MIN(amount) AS least, MAX(amount) AS most, LAST_VALUE(amount) AS `last`
    FROM events GROUP BY key, `time` / {tiles.HOUR}
"""
COLUMNS = ["key", "hour", "count", "sum", "least", "most", "last"]


def main() -> None:
    table = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    table.get_config().set("parallelism.default", "1")
    table.get_config().set("pipeline.object-reuse", "true")
    row = DataTypes.ROW([DataTypes.FIELD(name, DataTypes.BIGINT(False)) for name in ("key", "time", "amount")])
    table.create_temporary_view("events", table.from_pandas(pandas.DataFrame(tiles.read(sys.argv[1])), row))
    with tempfile.TemporaryDirectory() as folder:
        options = f"'path' = '{folder}', 'format' = 'debezium-json', 'sink.rolling-policy.file-size' = '1gb'"
        run(table, "changes", f"'connector' = 'filesystem', {options}")
        [file] = pathlib.Path(folder).iterdir()
        changes = map(json.loads, file.open())
        found = {(key, hour): tile for change in changes if change["op"] == "c" for key, hour, *tile in [change["after"].values()]}
    seconds = min(run(table, f"nowhere_{number}", "'connector' = 'blackhole'") for number in range(3))
    print(json.dumps({"seconds": seconds, "sums": tiles.sums(found), "version": importlib.metadata.version("apache-flink")}))


def run(table: TableEnvironment, name: str, sink: str) -> float:
    """Runs the tiles into a sink; the seconds of the job."""
    table.execute_sql(f"CREATE TABLE {name} ({', '.join(f'`{column}` BIGINT' for column in COLUMNS)}) WITH ({sink})")
    job = table.execute_sql(f"INSERT INTO {name} {QUERY}").get_job_client()
    return job.get_job_execution_result().result().get_net_runtime() / 1000


main()
