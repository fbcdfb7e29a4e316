"""The tiles of `./bench streaming` in Pathway, on one worker.

Usage: streaming_pathway.py EVENTS.csv
Events come from memory and are committed a thousand at a time. While the clock runs the changes of the
tiles go to the null sink; a second run reads them. Prints one JSON object: the seconds, and the sums over
all keys of what the last 24 hours hold.
"""

import json
import sys
import time

import pathway as pw

import tiles

BATCH = 1000


class Event(pw.Schema):
    key: int
    time: int
    amount: int


class Events(pw.io.python.ConnectorSubject):
    def __init__(self, events: list[dict]) -> None:
        super().__init__()
        self.events = events

    def run(self) -> None:
        for start in range(0, len(self.events), BATCH):
            for event in self.events[start:start + BATCH]:
                self.next(**event)
            self.commit()


def run(events: list[dict], sink) -> float:
    """Runs the tiles into a sink; the seconds."""
    pw.internals.parse_graph.G.clear()
    events = pw.io.python.read(Events(events), schema=Event, autocommit_duration_ms=None)
    events = events.with_columns(hour=events.time // tiles.HOUR)
    sink(
        events.groupby(events.key, events.hour).reduce(
            events.key,
            events.hour,
            count=pw.reducers.count(),
            sum=pw.reducers.sum(events.amount),
            least=pw.reducers.min(events.amount),
            most=pw.reducers.max(events.amount),
            # `latest` knows no order within a batch.
            last=pw.reducers.max(pw.make_tuple(events.time, events.amount)),
        )
    )
    begin = time.perf_counter()
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    return time.perf_counter() - begin


def main() -> None:
    events = [dict(zip(("key", "time", "amount"), event)) for event in tiles.read(sys.argv[1])]
    seconds = run(events, pw.io.null.write)
    found, times = {}, set()

    def change(key, row, time, is_addition) -> None:
        times.add(time)
        if is_addition:
            found[row["key"], row["hour"]] = (row["count"], row["sum"], row["least"], row["most"], row["last"][1])

    run(events, lambda table: pw.io.subscribe(table, on_change=change))
    assert len(times) == len(events) // BATCH, "batch by batch"
    print(json.dumps({"seconds": seconds, "sums": tiles.sums(found), "version": pw.__version__}))


main()
