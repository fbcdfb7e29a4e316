"""The tiles of `./bench streaming` in Bytewax, on one worker.

Usage: streaming_bytewax.py EVENTS.csv
Count, sum, least, most and latest amount of each key and hour, kept current event by event. Prints one
JSON object: the seconds, and the sums over all keys of what the last 24 hours hold.
"""

import importlib.metadata
import json
import sys
import time

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main

import tiles


def step(hours, event):
    at, amount = event
    hours = {} if hours is None else hours
    tile = hours.get(at // tiles.HOUR)
    if tile is None:
        hours[at // tiles.HOUR] = [1, amount, amount, amount, amount]
    else:
        tile[0] += 1
        tile[1] += amount
        tile[2] = min(tile[2], amount)
        tile[3] = max(tile[3], amount)
        tile[4] = amount
    return hours, hours


def main() -> None:
    events = [(str(key), (at, amount)) for key, at, amount in tiles.read(sys.argv[1])]
    flow = Dataflow("tiles")
    stream = op.input("events", flow, TestingSource(events, batch_size=1000))
    states = op.stateful_map("tile", stream, step)
    op.output("latest", states, TestingSink(out := []))
    begin = time.perf_counter()
    run_main(flow)
    seconds = time.perf_counter() - begin
    found = {(key, hour): tile for key, hours in dict(out).items() for hour, tile in hours.items()}
    print(json.dumps({"seconds": seconds, "sums": tiles.sums(found), "version": importlib.metadata.version("bytewax")}))


main()
