"""The tiles of `./bench streaming` in Bytewax, on one worker.

Usage: streaming.py EVENTS.csv
Count, sum, least, most and latest amount of each key and hour, kept current event by event. Prints one
JSON object: the seconds, and the sums over all keys of what the last 24 hours hold.
"""

import csv
import json
import sys
import time

import bytewax
import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main

HOUR = 3_600_000
FIRST = 144  # The first of the last 24 hours of the week.


def main() -> None:
    with open(sys.argv[1], newline="") as file:
        events = [(row["key"], (int(row["time"]), int(row["amount"]))) for row in csv.DictReader(file)]
    latest: dict[str, dict] = {}

    def step(tiles, event):
        at, amount = event
        tiles = {} if tiles is None else tiles
        tile = tiles.get(at // HOUR)
        if tile is None:
            tiles[at // HOUR] = [1, amount, amount, amount, amount]
        else:
            tile[0] += 1
            tile[1] += amount
            tile[2] = min(tile[2], amount)
            tile[3] = max(tile[3], amount)
            tile[4] = amount
        return tiles, tiles

    flow = Dataflow("tiles")
    stream = op.input("events", flow, TestingSource(events, batch_size=1000))
    states = op.stateful_map("tile", stream, step)
    op.output("latest", states, TestingSink(out := []))
    begin = time.perf_counter()
    run_main(flow)
    seconds = time.perf_counter() - begin
    for key, tiles in out:
        latest[key] = tiles
    sums = [0] * 5
    for tiles in latest.values():
        window = [tile for hour, tile in sorted(tiles.items()) if hour >= FIRST]
        if window:
            values = [sum(t[0] for t in window), sum(t[1] for t in window), min(t[2] for t in window)]
            for place, value in enumerate([*values, max(t[3] for t in window), window[-1][4]]):
                sums[place] += value
    print(json.dumps({"seconds": seconds, "sums": sums, "version": bytewax.__version__ if hasattr(bytewax, "__version__") else "0.21.1"}))


main()
