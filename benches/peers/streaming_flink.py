"""The tiles of `./bench streaming` in Flink, with parallelism 1.

Usage: streaming_flink.py EVENTS.csv sql|datastream
An updating GROUP BY, or `flink/Tiles.java`. Flink's process holds the events in memory. While the clock
runs the changes of the tiles go nowhere; a run before that, which also warms Java up, brings the tiles.
Prints one JSON object: the seconds of the fastest of five runs, and the sums over all keys of what the
last 24 hours hold. Needs a JDK 17.
"""

import importlib.metadata
import json
import pathlib
import subprocess
import sys
import tempfile

import pandas
import pyflink
from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment

import tiles

QUERY = f"""
    SELECT key, `time` / {tiles.HOUR} AS `hour`,
        COUNT(*) AS `count`, SUM(amount) AS `sum`, MIN(amount) AS least, MAX(amount) AS most, LAST_VALUE(amount) AS `last`
    FROM events GROUP BY key, `time` / {tiles.HOUR}
"""
COLUMNS = ["key", "hour", "count", "sum", "least", "most", "last"]


def main() -> None:
    seconds, found = {"sql": sql, "datastream": datastream}[sys.argv[2]](sys.argv[1])
    found = {(key, hour): tile for key, hour, *tile in found}
    print(json.dumps({"seconds": seconds, "sums": tiles.sums(found), "version": importlib.metadata.version("apache-flink")}))


def sql(events: str) -> tuple[float, list]:
    """The seconds, and the tiles as they change."""
    table = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    table.get_config().set("parallelism.default", "1")
    table.get_config().set("pipeline.object-reuse", "true")
    row = DataTypes.ROW([DataTypes.FIELD(name, DataTypes.BIGINT(False)) for name in ("key", "time", "amount")])
    table.create_temporary_view("events", table.from_pandas(pandas.DataFrame(tiles.read(events)), row))

    def run(name: str, sink: str) -> float:
        table.execute_sql(f"CREATE TABLE {name} ({', '.join(f'`{column}` BIGINT' for column in COLUMNS)}) WITH ({sink})")
        job = table.execute_sql(f"INSERT INTO {name} {QUERY}").get_job_client()
        return job.get_job_execution_result().result().get_net_runtime() / 1000

    with tempfile.TemporaryDirectory() as folder:
        options = f"'path' = '{folder}', 'format' = 'debezium-json', 'sink.rolling-policy.file-size' = '1gb'"
        run("changes", f"'connector' = 'filesystem', {options}")
        [file] = pathlib.Path(folder).iterdir()
        changes = map(json.loads, file.read_text().splitlines())
        found = [change["after"].values() for change in changes if change["op"] == "c"]
    return min(run(f"nowhere_{number}", "'connector' = 'blackhole'") for number in range(5)), found


def datastream(events: str) -> tuple[float, list]:
    """The seconds, and the tiles."""
    jars = pathlib.Path(pyflink.__file__).parent / "lib/*"
    source = pathlib.Path(__file__).parent / "flink/Tiles.java"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["javac", "-cp", jars, "-d", folder, source], check=True)
        printed = subprocess.run(["java", "-cp", f"{folder}:{jars}", "Tiles", events], check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, *found = printed.splitlines()
    return float(seconds), [map(int, tile.split(",")) for tile in found]


main()
