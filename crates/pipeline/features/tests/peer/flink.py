"""Compares the SQL that `enliven features compile --to flink` writes with what it must compute.

Usage: flink.py ENLIVEN EXPRESSIONS [--events N] [--spoil]
ENLIVEN is the program, EXPRESSIONS the example of that name of the crate `enliven-features`.

One generated log goes through three ways of adding up tiles: the SQL in Flink, the kernel, and the
plain Python below, which reads the raw file. Then generated expressions are evaluated by the kernel,
by DuckDB and by Flink. Last, the features of every entity on every day, which the kernel reads from
Flink's tiles, are compared with those that it reads from the log. Everything must be equal. `--spoil`
changes one number of the SQL: then the comparison must fail. Needs Java 17 and Maven; installs Apache Flink under `target`, where it is run.
"""

import collections
import csv
import datetime
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
MAX_INT = (1 << 53) - 1
LATENESS = 2 * 86_400_000
KINDS = ["food", "it's, odd", "caf\u00e9 \U0001f600"]

MANIFEST = """
[epochs]
period = "1d"
start = "1970-01-01"

[sources.pay-log]
from = { file = { path = "payments.csv", format = "csv" } }
event_type = "payment"
time = "at"
id = ["number", "shop"]
subjects = ["buyer", "shop"]
rename = { at = "when it was" }
allowed_lateness = "2d"

[sources.pay-log.columns]
number = "integer"
at = "text"
buyer = "text"
shop = "text"
desk = "integer"
amount = { decimal = 2 }
weight = "integer"
kind = "text"
refund = "boolean"

[features.views.tiled]
source = "pay-log"
where = "weight != 13 && kind != 'nothing'"

[[features.views.tiled.sides]]
entity = "buyer"
fields = { money = "amount", load = "weight", sort = "kind", back = "refund" }

[[features.views.tiled.sides]]
entity = ["shop", "desk"]
fields = { money = "amount", load = "weight", sort = "kind", back = "refund" }

[features.views.tiled.derive]
net = "back ? -money : money"
heavy = "load * 1024"
late_hour = "time.getHours() >= 22 || time.getDayOfWeek() == 0"
"""

# name, aggregate, where, windows
FEATURES = [
    ("seen", '"count"', None, ["2h", "3d", "30d", "lifetime", "tumbling month"]),
    ("returns", '"count"', "back && !sort.startsWith('it')", ["2h", "30d"]),
    ("net", '{ sum = "net" }', None, ["2h", "3d", "30d", "lifetime", "tumbling 1h"]),
    ("night", '{ sum = "money" }', "late_hour", ["3d", "lifetime"]),
    ("share", '{ mean = "back" }', None, ["30d"]),
    ("spread", '{ standard_deviation = "money" }', None, ["3d", "30d", "lifetime"]),
    ("huge", '{ standard_deviation = "heavy" }', None, ["30d"]),
    ("sum_huge", '{ sum = "heavy" }', None, ["30d", "lifetime"]),
    ("least", '{ min = "net" }', None, ["2h", "30d"]),
    ("most", '{ max = "load" }', "size(sort) > 4", ["3d", "lifetime"]),
    ("first", '{ first = "money" }', None, ["30d", "lifetime"]),
    ("last", '{ last = "heavy" }', "!back", ["2h", "3d", "lifetime"]),
    ("kinds", '{ top = { of = "sort", ranks = 2, categories = ["food", "it\'s, odd", "caf\u00e9 \U0001f600"] } }', None, ["30d"]),
    ("fading", '{ weighted_mean = { of = "money", half_life = "5d" } }', None, []),
    ("idle", '{ time_since = "1d" }', "back", []),
    ("different", '{ distinct = "sort" }', None, ["30d"]),
    ("median", '{ quantile = { of = "money", permille = 500 } }', None, ["30d"]),
    ("run", '"streak"', "back", []),
    ("visit", '"count"', None, ["session 30m"]),
    ("form", '{ weighted_mean = { of = "money", decay_permille = 900 } }', None, []),
]

REST = """
[model]
artifact = "model.cbor"
unit = "x"
[model.inputs]
own = ["seen_30d"]
[model.train]
from = "1970-01-01"
until = "1970-02-01"
target = { plus = "amount", minus = "weight", limit = 4 }
[[traits]]
name = "seen"
from = { feature = "seen_30d" }
[policy]
cooldown_s = 0
[metadata]
name = "{{ subject }}"
description = "x"
template = "card.svg.jinja"
[metadata.collection]
name = "Payers"
symbol = "PAY"
description = "x"
[metadata.display]
seen = { label = "Seen" }
[oracle]
nodes = 4
"""


def main() -> None:
    venv()
    enliven, expressions, *flags = sys.argv[1:]
    count = int(flags[flags.index("--events") + 1]) if "--events" in flags else 60_000
    work = pathlib.Path(tempfile.mkdtemp())
    facts = generate(work / "payments.csv", count)
    (work / "enliven.toml").write_text(manifest())
    tell = ", ".join(f"{number} {name}" for name, number in facts.items())
    print(f"log: {tell}")

    command = [enliven, "--json", "features", "--manifest", work / "enliven.toml"]
    job = json.loads(subprocess.run([*command, "compile", "--to", "flink", "--tiles", work / "tiles"], check=True, stdout=subprocess.PIPE).stdout)
    subprocess.run([*command, "tiles", work / "kernel.csv"], check=True, stdout=subprocess.DEVNULL)
    for one in job["left_out"]:
        print(f"left out: {one['feature']} ({one['reason']})")
    sql = job["sql"]
    if "--spoil" in flags:
        # Sunday becomes Monday.
        assert sql.count(" + 4) % 7)") == 1
        sql = sql.replace(" + 4) % 7)", " + 3) % 7)")
    # Small files, and several checkpoints: a key's changes are in many of them.
    sql = sql.replace("'format' = 'debezium-json'", "'format' = 'debezium-json',\n    'sink.rolling-policy.file-size' = '1MB'")
    planning, running = run(sql)
    parts = [path for table in job["tables"] for path in (work / "tiles" / table["name"]).iterdir()]
    print(f"Flink: {facts['rows']} rows in {running:.1f} s after {planning:.1f} s of planning, {facts['rows'] / running:.0f} rows/s with parallelism 2, {len(parts)} files")

    flink = {(table["name"], *key): values for table in job["tables"] for key, values in changelog(work / "tiles" / table["name"]).items()}
    kernel = collections.defaultdict(dict)
    with open(work / "kernel.csv", newline="") as file:
        for row in csv.DictReader(file):
            kernel[row["table"], row["entity"], int(row["tile"])][row["column"]] = int(row["value"]) if row["value"] else None
    plain = oracle(work / "payments.csv", job["tables"])
    wrong = compare("kernel", kernel, "Flink", flink) + compare("oracle", plain, "Flink", flink) + compare("oracle", plain, "kernel", kernel)
    wrong += check_features(command, work, {one["feature"] for one in job["left_out"]})
    wrong += check_expressions(expressions)
    plan_kafka(json.loads(subprocess.run([*command, "compile", "--to", "flink", "--kafka", "127.0.0.1:9092"], check=True, stdout=subprocess.PIPE).stdout)["sql"])
    print("all equal" if not wrong else f"{wrong} differ")
    sys.exit(1 if wrong else 0)


def venv() -> None:
    """Goes on in a virtual environment that has Flink and DuckDB."""
    try:
        import duckdb  # noqa: F401
        import pyflink  # noqa: F401
    except ImportError:
        folder = pathlib.Path("target/flink-venv").resolve()
        if pathlib.Path(sys.prefix).resolve() == folder:
            raise
        started = time.time()
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", HERE / "requirements-flink.txt"], check=True)
        print(f"installed in {time.time() - started:.0f} s", flush=True)
        os.execv(folder / "bin/python", [folder / "bin/python", *sys.argv])


def manifest() -> str:
    text = MANIFEST
    for name, aggregate, where, windows in FEATURES:
        text += f'\n[[features.views.tiled.define]]\nname = "{name}"\naggregate = {aggregate}\n'
        text += f'where = "{where}"\n' if where else ""
        text += f"windows = {json.dumps(windows)}\n" if windows else ""
    return text + REST


# The log.


def shown(ms: int, chance: random.Random) -> str:
    """A time, in one of the ways to write it."""
    zone = chance.choice([0, 0, 90, -330])
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms + zone * 60_000)
    fraction = f".{ms % 1000:03}" if ms % 1000 else chance.choice(["", ".0", ".000000"])
    if not zone and ms % 86_400_000 == 0 and chance.random() < 0.5:
        return at.strftime("%Y-%m-%d")
    tail = f"{'-' if zone < 0 else '+'}{abs(zone) // 60:02}:{abs(zone) % 60:02}" if zone else "Z"
    return at.strftime("%Y-%m-%dT%H:%M:%S") + fraction + tail


def generate(path: pathlib.Path, count: int) -> collections.Counter:
    chance = random.Random(7)
    facts = collections.Counter()
    start = -12 * 86_400_000  # 1969-12-20: some tiles have negative numbers
    step = 100 * 86_400_000 // count
    rows, latest = [], start
    for number in range(count):
        ms = start + number * step + chance.randrange(step)
        draw = chance.random()
        if draw < 0.3:
            ms -= chance.randrange(LATENESS - 2 * step)  # out of order
        elif draw < 0.305:
            ms = latest - LATENESS - 1 - chance.randrange(3 * LATENESS)
            facts["late"] += 1
        if 0.31 < draw < 0.6:
            ms -= ms % chance.choice([60_000, 3_600_000, 86_400_000])  # tied
        if latest - LATENESS > ms and not 0.3 <= draw < 0.305:
            ms = latest - LATENESS  # just not late
        when = shown(ms, chance)
        if 0.3055 < draw < 0.306:
            when = "2150-01-01T00:00:00Z"
            facts["future"] += 1
        else:
            latest = max(latest, ms)
        weight = chance.choice([0, 1, 13, -5, chance.randrange(-1000, 1000), chance.randrange(-MAX_INT, MAX_INT), MAX_INT, -MAX_INT])
        amount = chance.choice(["0", "3", "-0.07", "12.50", "7.1000", f"{chance.randrange(-10**8, 10**8) / 100:.2f}"])
        row = {
            "number": number, "ignored": "x,y", "when it was": when, "buyer": f"b{chance.randrange(200)}", "shop": f"S \"{chance.randrange(20)}\"",
            "desk": chance.randrange(-1, 3), "amount": amount, "weight": weight,
            "kind": chance.choice([*KINDS, "", "nothing", "other", " food"]), "refund": chance.choice(["true", "False", "TRUE", "false"]),
        }
        if 0.307 < draw < 0.309:
            column, value = chance.choice([("weight", ""), ("amount", "1.234"), ("refund", "yes"), ("when it was", "1970-02-30"), ("weight", str(MAX_INT + 1)), ("buyer", " ")])
            row[column] = value
            facts["refused"] += 1
        rows.append(row)
        if chance.random() < 0.03:
            rows.append(chance.choice(rows[-2000:]))
            facts["copies"] += 1
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        for place, row in enumerate(rows):
            writer.writerow(row)
            if place % 5000 == 0:
                file.write("1,2,3\r\n\r\n" + "1,x,1970-01-01,b1,S,1,1,1,food,true,too many\r\n")
                facts["refused"] += 2
    return collections.Counter({"rows": len(rows), **facts})


# The oracle.


def fnv1a(text: str) -> int:
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value - (1 << 64) if value >> 63 else value


def saturated(value: int) -> int:
    return max(-(1 << 63), min((1 << 63) - 1, value))


def cut(value: int) -> int:
    return max(-MAX_INT, min(MAX_INT, value))


def event(row: dict) -> dict:
    """The event of a row; raises ValueError for a row that is none."""
    def need(good: bool) -> None:
        if not good:
            raise ValueError
    need(None not in row and None not in row.values())
    text = row["when it was"]
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    at = at if at.tzinfo else at.replace(tzinfo=datetime.timezone.utc)
    ms = (at - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(milliseconds=1)
    need(ms < time.time() * 1000 + 86_400_000)
    need(row["refund"].lower() in ("true", "false") and row["buyer"].strip() != "")
    need(re.fullmatch(r"-?\d+(\.\d{0,2}0*)?", row["amount"]) is not None)
    whole, _, part = row["amount"].partition(".")
    money = int(whole + part.rstrip("0").ljust(2, "0")[:2])
    weight = int(row["weight"])
    need(abs(weight) <= MAX_INT)
    return {
        "id": f"{int(row['number'])}/{row['shop']}", "time": ms, "buyer": row["buyer"], "desk": f"{row['shop']}/{int(row['desk'])}",
        "money": money, "load": weight, "sort": row["kind"], "back": row["refund"].lower() == "true",
    }


def period(table: str, ms: int) -> int:
    length = {"5m": 300_000, "1h": 3_600_000, "1d": 86_400_000}
    name = table.rsplit("_", 1)[1]
    if name == "lifetime":
        return 0
    if name == "month":
        at = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
        return (at.year - 1970) * 12 + at.month - 1
    return ms // length[name]


# What a feature's events bring: value and filter, as the definitions say.
MEANING = {
    "net": lambda e: -e["money"] if e["back"] else e["money"],
    "heavy": lambda e: saturated(e["load"] * 1024),
    "late_hour": lambda e: e["time"] // 3_600_000 % 24 >= 22 or (e["time"] // 86_400_000 + 4) % 7 == 0,
}
VALUES = {
    "net": MEANING["net"], "night": lambda e: e["money"], "share": lambda e: int(e["back"]), "spread": lambda e: e["money"],
    "huge": MEANING["heavy"], "sum_huge": MEANING["heavy"], "least": MEANING["net"], "most": lambda e: e["load"], "first": lambda e: e["money"],
    "last": MEANING["heavy"], "fading": lambda e: e["money"],
}
FILTERS = {
    "returns": lambda e: e["back"] and not e["sort"].startswith("it"), "night": MEANING["late_hour"], "most": lambda e: len(e["sort"]) > 4,
    "last": lambda e: not e["back"], "idle": lambda e: e["back"],
}


def oracle(path: pathlib.Path, tables: list[dict]) -> dict:
    events, seen, latest = [], set(), None
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            try:
                one = event(row)
            except ValueError:
                continue
            if one["id"] in seen:
                continue
            seen.add(one["id"])
            late = latest is not None and one["time"] < latest - LATENESS
            if late:
                continue
            latest = one["time"] if latest is None else max(latest, one["time"])
            if one["load"] != 13 and one["sort"] != "nothing":
                events.append(one)
    events.sort(key=lambda one: (one["time"], fnv1a(one["id"])))
    print(f"oracle: {len(events)} events accepted")
    found = {}
    windows = {"2h": "5m", "3d": "1h", "30d": "1d", "lifetime": "lifetime", "tumbling month": "month", "tumbling 1h": "1h"}
    names = {table["tile"]: table["name"] for table in tables}
    members = collections.defaultdict(list)
    for one in events:
        for tile, table in names.items():
            for entity in (one["buyer"], one["desk"]):
                members[table, entity, period(table, one["time"])].append(one)
    columns = meant()
    for key, group in members.items():
        table = key[0]
        tile = next(tile for tile, name in names.items() if name == table)
        values = found[key] = {}
        for name, _, _, wanted in FEATURES:
            tiles = {windows.get(window) for window in wanted} or ({"1h"} if name == "fading" else {"lifetime", "1d"})
            if name not in columns or tile not in tiles:
                continue
            passing = [one for one in group if FILTERS.get(name, lambda e: True)(one)]
            for column, number in columns[name](passing):
                values[column] = number
    return found


def meant() -> dict:
    """For each feature the columns of a tile and their numbers. Values and filters are numbered in
    the order in which the definitions first need them."""
    of = {}
    numbers, filters = [], []
    for name, aggregate, where, _ in FEATURES:
        if where is not None and where not in filters:
            filters.append(where)
        inner = re.search(r'(?:=|of =) "([^"]*)"', aggregate)
        text = inner.group(1) if inner and not aggregate.startswith("{ time") else None
        key = (text, "top" if "top" in aggregate else "hash" if "distinct" in aggregate else "") if text else None
        if key and key not in numbers:
            numbers.append(key)
        v = f"_v{numbers.index(key)}" if key else ""
        w = f"_w{filters.index(where)}" if where is not None else ""
        of[name] = (v, w)

    def brought(name, group):
        return [VALUES[name](one) for one in group]

    def sums(name, change=lambda value: value, title="sum"):
        v, w = of[name]
        def give(group):
            values = [change(value) for value in brought(name, group)]
            return [(f"count{w}", len(group)), (f"{title}{v}{w}", sum(values) if values else None)]
        return give

    def squares(name, change=lambda value: value, title="sum"):
        v, w = of[name]
        def give(group):
            values = [change(value) for value in brought(name, group)]
            return [*sums(name, change, title)(group), (f"squares{v}{w}", sum(value * value for value in values) if values else None)]
        return give

    def one(name, title, pick, ends=("",)):
        v, w = of[name]
        def give(group):
            values = brought(name, group)
            return [(f"{title}{v}{w}{end}", pick(values) if values else None) for end in ends]
        return give

    def kinds(group):
        v, w = of["kinds"]
        return [(f"count{v}_is_{place}{w}", sum((KINDS.index(e["sort"]) if e["sort"] in KINDS else 3) == place for e in group)) for place in range(4)]

    def count(name):
        return lambda group: [(f"count{of[name][1]}", len(group))]

    ends = ("_low", "_high")
    return {
        "seen": count("seen"), "returns": count("returns"), "net": sums("net"), "night": sums("night"), "share": sums("share"),
        "spread": squares("spread"), "huge": squares("huge", cut, "cut_sum"), "sum_huge": sums("sum_huge"), "fading": sums("fading"),
        "least": one("least", "min", min), "most": one("most", "max", max), "first": one("first", "first", lambda values: values[0], ends),
        "last": one("last", "last", lambda values: values[-1], ends), "kinds": kinds,
        "idle": lambda group: [(f"last_time{of['idle'][1]}", group[-1]["time"] if group else None)],
    }


# Flink.


def statements(sql: str) -> list[str]:
    """The statements of a script, without comments."""
    found, text = [], ""
    for token in re.findall(r"'(?:[^']|'')*'|`(?:[^`]|``)*`|--[^\n]*|;|[^'`;-]+|-", sql):
        if token.startswith("--"):
            continue
        if token == ";" and not ("BEGIN" in text and not text.rstrip().endswith("END")):
            found.append(text.strip())
            text = ""
        else:
            text += token
    return [statement for statement in found if statement]


def environment(streaming: bool):
    from pyflink.table import EnvironmentSettings, TableEnvironment
    table = TableEnvironment.create(EnvironmentSettings.in_streaming_mode() if streaming else EnvironmentSettings.in_batch_mode())
    table.get_config().set("parallelism.default", "2")
    table.get_config().set("table.local-time-zone", "UTC")
    return table


def run(sql: str) -> tuple[float, float]:
    """Runs a script; the seconds before and in the job."""
    table = environment(True)
    for name, value in {"interval": "1 s", "storage": "filesystem", "dir": pathlib.Path(tempfile.mkdtemp()).as_uri()}.items():
        table.get_config().set(f"execution.checkpointing.{name}", value)
    # A job that fails is not started again.
    table.get_config().set("restart-strategy.type", "none")
    result = None
    started = time.time()
    for statement in statements(sql):
        setting = re.fullmatch(r"SET '([^']*)' = '([^']*)'", statement)
        if setting:
            table.get_config().set(*setting.groups())
        else:
            result = table.execute_sql(statement)
    running = result.get_job_client().get_job_execution_result().result().get_net_runtime() / 1000
    return time.time() - started - running, running


def plan_kafka(sql: str) -> None:
    """Lets Flink plan the job with topics in place of files; there is no broker to run it with."""
    jar = "flink-sql-connector-kafka"
    folder = pathlib.Path("target/flink-jars").resolve()
    subprocess.run(["mvn", "--quiet", "dependency:copy", f"-Dartifact=org.apache.flink:{jar}:5.0.0-2.2", f"-DoutputDirectory={folder}"], check=True, stdout=subprocess.DEVNULL)
    table = environment(True)
    table.get_config().set("pipeline.jars", f"file://{folder}/{jar}-5.0.0-2.2.jar")
    plan = ""
    for statement in statements(sql):
        setting = re.fullmatch(r"SET '([^']*)' = '([^']*)'", statement)
        if setting:
            table.get_config().set(*setting.groups())
        elif statement.startswith("EXECUTE "):
            plan = list(table.execute_sql("EXPLAIN " + statement.removeprefix("EXECUTE ")).collect())[0][0]
        else:
            table.execute_sql(statement)
    execution = plan[plan.index("== Optimized Execution Plan =="):]
    assert execution.count("Sink(") == 5 and execution.count("TableSourceScan") == 1, execution
    print("Kafka: planned, one source and 5 sinks")


def order(path: pathlib.Path) -> tuple[int, int]:
    task, number = path.name.rsplit("-", 2)[1:]
    return int(task), int(number)


def changelog(folder: pathlib.Path) -> dict:
    """The last entry of each key. All entries of a key are written by one task, in its files' order."""
    state = {}
    for path in sorted((path for path in folder.iterdir() if path.name.startswith("part-")), key=order):
        with open(path) as file:
            for line in file:
                change = json.loads(line)
                row = change["after"] or change["before"]
                key = (row.pop("entity"), row.pop("tile"))
                if change["op"] == "d":
                    state.pop(key, None)
                else:
                    state[key] = row
    return state


def compare(left_name: str, left: dict, right_name: str, right: dict) -> int:
    """The number of differences. Flink's low and high ends of first and last values that differ have
    the other side's value between them: SQL cannot say which of the events of one instant counts."""
    wrong = values = tied = 0
    examples = []
    for key in sorted(set(left) | set(right)):
        if key not in left or key not in right:
            wrong += 1
            examples.append((key, "only in " + (left_name if key in left else right_name)))
            continue
        ours, theirs = left[key], right[key]
        for column in sorted(set(ours) | set(theirs)):
            values += 1
            a, b = ours.get(column, "missing"), theirs.get(column, "missing")
            if a == b:
                continue
            base = column.rsplit("_", 1)[0]
            low, high = theirs.get(base + "_low"), theirs.get(base + "_high")
            if column != base + "_time" and right_name == "Flink" and low is not None and low < high and low <= a <= high:
                tied += 1
                continue
            wrong += 1
            examples.append((key, column, a, b))
    kinds = collections.Counter(key[0].rsplit("_", 1)[1] for key in right)
    tell = ", ".join(f"{number} of {name}" for name, number in sorted(kinds.items()))
    undecided = f", {tied} ends of ties that SQL cannot break" if tied else ""
    print(f"{right_name} = {left_name}: {len(right)} tiles ({tell}), {values} values{undecided}, {wrong} differ")
    for example in examples[:5]:
        print("   ", *example)
    return wrong + (not values)


# Features from tiles.


def backfill(command: list, file: pathlib.Path, *more) -> tuple[dict, dict]:
    """Every entity on every day: the table, and what the program says of it."""
    said = subprocess.run([*command, "backfill", file, *more], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with open(file, newline="") as lines:
        table = csv.DictReader(line for line in lines if not line.startswith("# "))
        return {(row.pop("entity"), row.pop("as_of")): row for row in table}, json.loads(said.stdout)


def check_features(command: list, work: pathlib.Path, left_out: set[str]) -> int:
    """The number of differences between features from Flink's tiles and features from the log."""
    log, _ = backfill(command, work / "log.csv")
    tiles, said = backfill(command, work / "tiles.csv", "--tiles", work / "tiles")
    told = {one["feature"] for one in said["left_out"]}
    not_known = collections.Counter({one["feature"]: one["values"] for one in said["not_known"]})
    names = [name for name in next(iter(log.values())) if name not in left_out]

    def differ(tiles: dict, shown: int = 0) -> tuple[int, int, collections.Counter]:
        values, wrong, empty = 0, len(set(log) ^ set(tiles)), collections.Counter()
        for key in sorted(set(log) & set(tiles)):
            assert list(tiles[key]) == names
            for name in names:
                values += 1
                if tiles[key][name] == "":
                    empty[name] += 1
                elif tiles[key][name] != log[key][name]:
                    wrong += 1
                    if wrong <= shown:
                        print("   ", *key, name, tiles[key][name], "not", log[key][name])
        return values, wrong, empty

    values, wrong, empty = differ(tiles, shown=5)
    # Only the order of events of one instant may be unknown, and each such value is told.
    wrong += (told != left_out) + (empty != not_known) + any(not name.startswith(("first", "last")) for name in empty)
    print(f"features from tiles = from the log: {len(names)} features of {len(tiles)} rows, {values} values, {sum(empty.values())} not known for ties, {wrong} differ")

    # One number of one tile otherwise: it must be noticed.
    # The last row of a task's last file is the last of its key.
    path = max((path for path in (work / "tiles" / "pay_log_tiles_1d").iterdir() if path.name.startswith("part-")), key=order)
    text = path.read_text()
    place = re.search(r'"min_v\d+":(-?\d+)[^\n]*"op":"c"}\n\Z', text)
    path.write_text(text[: place.start(1)] + str(int(place[1]) - 10**12) + text[place.end(1):])
    spoiled = differ(backfill(command, work / "spoiled.csv", "--tiles", work / "tiles")[0])[1]
    place = re.search(r'"count":(\d+)[^\n]*"op":"c"}\n\Z', text)
    path.write_text(text[: place.start(1)] + str(int(place[1]) + 1) + text[place.end(1):])
    refused = subprocess.run([*command, "backfill", work / "refused.csv", "--tiles", work / "tiles"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    reason = json.loads(refused.stdout).get("error", "")
    path.write_text(text)
    print(f"a smallest value of one tile changed: {spoiled} values differ; a count changed: {reason}")
    return wrong + (not values) + (spoiled == 0) + ("do not agree" not in reason)


# Expressions.

FIELDS = [["a", 0, MAX_INT], ["b", 0, MAX_INT], ["money", 2, MAX_INT], ["wide", 0, (1 << 63) - 1], ["n", "bool", 1], ["t", "text", 1], ["moment", "time", 253_402_300_799_999]]


def make_number(chance: random.Random, depth: int) -> str:
    small = lambda: str(chance.choice([0, 1, 2, 3, 7, 10, 100, 2**31 - 1, 2**40, MAX_INT]))
    draw = chance.randrange(12 if depth else 3)
    if draw < 2:
        return chance.choice(["a", "b", "money", "wide", "moment.getFullYear()", "moment.getMonth()", "moment.getDate()", "moment.getDayOfMonth()", "moment.getDayOfWeek()", "moment.getHours()", "moment.getMinutes()", "size(t)"])
    if draw == 2:
        return chance.choice([small(), small(), "0.5", "12.25", "0.001"])
    sub = lambda: make_number(chance, depth - 1)
    if draw < 6:
        return f"({sub()} {chance.choice('+-*')} {sub()})"
    if draw < 8:
        return f"({sub()} {chance.choice('/%')} {chance.choice(['2', '7', '-3', '-1', '1', '1000000007'])})"
    if draw == 8:
        return f"-({sub()})"
    if draw == 9:
        return f"size({make_text(chance, depth - 1)})"
    return f"({make_truth(chance, depth - 1)} ? {sub()} : {sub()})"


def make_text(chance: random.Random, depth: int) -> str:
    constant = lambda: chance.choice(["'a'", "'abc'", "'it\\'s'", "'\u00e9'", "'\U0001f600b'", "'a '", "'%'", "'_'"])
    draw = chance.randrange(4 if depth > 0 else 2)
    if draw == 0:
        return "t"
    return constant() if draw == 1 else f"({make_truth(chance, depth - 1)} ? {chance.choice(['t', constant()])} : {constant()})"


def make_truth(chance: random.Random, depth: int) -> str:
    if depth <= 0:
        return chance.choice(["n", "true", "false", "a > b", "t == 'abc'"])
    draw = chance.randrange(10)
    number = lambda: make_number(chance, depth - 1)
    if draw < 3:
        return f"({number()} {chance.choice(['==', '!=', '<', '<=', '>', '>='])} {number()})"
    if draw == 3:
        return f"({number()} in [1, -2, {chance.choice(['3', '2.5', str(MAX_INT)])}])"
    if draw == 4:
        return f"({make_text(chance, depth - 1)} {chance.choice(['==', '!='])} {make_text(chance, depth - 1)})"
    if draw == 5:
        return f"({make_text(chance, depth - 1)} in ['a', 'abc', '\U0001f600b'])"
    if draw == 6:
        part = chance.choice(["'a'", "'bc'", "'\u00e9'", "'\U0001f600'", "'%'"])
        return f"{make_text(chance, 0)}.{chance.choice(['startsWith', 'endsWith', 'contains'])}({part})"
    if draw == 7:
        return f"!({make_truth(chance, depth - 1)})"
    return f"({make_truth(chance, depth - 1)} {chance.choice(['&&', '||', '=='])} {make_truth(chance, depth - 1)})"


def check_expressions(program: str) -> int:
    import duckdb
    chance = random.Random(11)
    size = lambda limit: chance.choice([0, 1, -1, 2, chance.randrange(-100, 100), chance.randrange(-limit, limit), limit, -limit])
    texts = ["", "a", "abc", "xabc", "it's", "\u00e9", "b\U0001f600b", "a ", " a", "A", "a%", "\u4e16\u754c"]
    rows = []
    for _ in range(120):
        when = chance.choice([0, -1, 1, -62_135_596_800_000, 253_402_300_799_999, chance.randrange(-62_135_596_800_000, 253_402_300_799_999), chance.randrange(-10**12, 2 * 10**12), -86_400_000, -2_208_988_800_001])
        rows.append([size(MAX_INT), size(MAX_INT), size(MAX_INT), size((1 << 63) - 1), chance.randrange(2), chance.choice(texts), when])
    makers = [make_number, make_number, make_truth, make_text]
    expressions = [chance.choice(makers)(chance, 3) for _ in range(1500)]
    document = json.dumps({"fields": FIELDS, "rows": rows, "expressions": expressions})
    answers = json.loads(subprocess.run([program], input=document, check=True, stdout=subprocess.PIPE, text=True).stdout)
    good = [(text, answer) for text, answer in zip(expressions, answers) if "refused" not in answer]

    db = duckdb.connect()
    db.execute("CREATE TABLE row_list (i BIGINT, a BIGINT, b BIGINT, money BIGINT, wide BIGINT, n BOOLEAN, t VARCHAR, moment BIGINT)")
    db.executemany("INSERT INTO row_list VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [[i, *row[:4], bool(row[4]), *row[5:]] for i, row in enumerate(rows)])
    wrong = 0
    for text, answer in good:
        sql = answer["duckdb"]
        found = [value for (value,) in db.execute(f"SELECT {sql} FROM row_list ORDER BY i").fetchall()]
        wrong += differ("DuckDB", text, sql, rows, answer["values"], found)
    print(f"DuckDB {duckdb.__version__} = kernel: {len(good)} expressions ({len(expressions) - len(good)} refused) of {len(rows)} rows, {wrong} differ")

    folder = pathlib.Path(tempfile.mkdtemp())
    with open(folder / "rows.json", "w") as file:
        for i, row in enumerate(rows):
            file.write(json.dumps({"i": i, **dict(zip("a b money wide n t moment".split(), [*row[:4], bool(row[4]), *row[5:]]))}) + "\n")
    table = environment(False)
    table.execute_sql(f"CREATE TABLE row_list (i BIGINT, a BIGINT, b BIGINT, money BIGINT, wide BIGINT, n BOOLEAN, t STRING, moment BIGINT) WITH ('connector' = 'filesystem', 'path' = '{folder}/rows.json', 'format' = 'json')")
    wrong_there, batch, some = 0, 50, good[:400]
    for start in range(0, len(some), batch):
        part = some[start:start + batch]
        columns = ", ".join(f"{answer['flink']} AS c{place}" for place, (_, answer) in enumerate(part))
        with table.execute_sql(f"SELECT i, {columns} FROM row_list").collect() as results:
            found = sorted((list(row) for row in results), key=lambda row: row[0])
        for place, (text, answer) in enumerate(part):
            wrong_there += differ("Flink", text, answer["flink"], rows, answer["values"], [row[place + 1] for row in found])
    print(f"Flink = kernel: {len(some)} expressions of {len(rows)} rows, {wrong_there} differ")
    return wrong + wrong_there


def differ(where: str, text: str, sql: str, rows: list, wanted: list, found: list) -> int:
    found = [int(value) if isinstance(value, bool) else value for value in found]
    if found == wanted:
        return 0
    row, want, got = next((pair for pair in zip(rows, wanted, found) if pair[1] != pair[2]), (None, len(wanted), len(found)))
    print(f"{where}: {text}\n    {sql[:400]}\n    {row}: {got}, not {want}")
    return 1


main()
