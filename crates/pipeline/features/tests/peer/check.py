"""Recomputes features with SQL in DuckDB, from the raw file, and compares every value.

Usage: check.py ENLIVEN FOOTBALL_FOLDER
Nothing of the project's code takes part but the program that writes the tables to be checked.
"""

import csv
import pathlib
import subprocess
import sys
import tempfile

import duckdb

EXTRA = """
[[features.views.team.define]]
name = "least"
aggregate = { min = "goals_for" }
windows = ["200d", "lifetime"]

[[features.views.team.define]]
name = "most"
aggregate = { max = "goals_for" }
windows = ["200d", "lifetime"]
default = -1

[[features.views.team.define]]
name = "first"
aggregate = { first = "goals_for" }
windows = ["200d", "lifetime"]

[[features.views.team.define]]
name = "last"
aggregate = { last = "goals_for" }
windows = ["200d", "lifetime"]

[[features.views.team.define]]
name = "spread"
aggregate = { standard_deviation = "goals_for" }
windows = ["200d", "lifetime"]

[[features.views.team.define]]
name = "average"
aggregate = { mean = "goals_for - goals_against" }
windows = ["200d", "lifetime"]

[[features.views.team.define]]
name = "rivals"
aggregate = { distinct = "rival" }
windows = ["200d", "1461d"]

[[features.views.team.define]]
name = "median"
aggregate = { quantile = { of = "goals_for", permille = 500 } }
windows = ["200d", "lifetime"]

[[features.views.team.define]]
name = "pace"
aggregate = { rate = "1d" }
windows = ["200d"]

[[features.views.team.define]]
name = "last_year"
aggregate = "count"
windows = ["tumbling year", "session 40d"]

[[features.views.team.define]]
name = "serious"
aggregate = "count"
where = "!kind.startsWith('Friend') && time.getMonth() >= 5"
windows = ["1461d", "lifetime"]

[[features.views.team.define]]
name = "kinds"
aggregate = { top = { of = "kind", ranks = 2, categories = ["Friendly", "FIFA World Cup qualification", "FIFA World Cup"] } }
windows = ["1461d", "lifetime"]

# Joins as of the match: what the rival had scored and won by then, a weight from a table, and which
# team was the last to play at home in the tournament.
[features]
tokens = ["team", "past"]

[features.views.past]
source = "results"

SIDES

[[features.views.past.define]]
name = "rival_goals"
aggregate = { mean = "rival_goals" }
windows = ["1461d", "lifetime"]

[[features.views.past.define]]
name = "strong_rivals"
aggregate = "count"
where = "rival_wins > 100"
windows = ["1461d", "lifetime"]

[[features.views.past.define]]
name = "weight"
aggregate = { sum = "weight" }
windows = ["1461d", "lifetime"]

[[features.views.past.define]]
name = "hosts"
aggregate = { distinct = "host" }
windows = ["1461d"]

[[features.views.past.define]]
name = "hosted_before"
aggregate = "count"
where = "host == rival"
windows = ["1461d", "lifetime"]

[features.ownership]
source = "results"
token = "tournament"
owner = "home_team"

[features.tables.kinds]
path = "kinds.csv"
key = "tournament"
columns = { weight = "integer" }
"""

SIDE = """
[[features.views.past.sides]]
entity = "{entity}_team"
fields = {{ rival = "{rival}_team" }}
joins = [
    {{ view = "team", key = "{rival}_team", fields = {{ rival_goals = "goals_for_365d", rival_wins = "wins_lifetime" }} }},
    {{ table = "kinds", key = "tournament", fields = {{ weight = "weight" }} }},
    {{ owner_of = "tournament", fields = {{ host = "owner" }} }},
]
"""

WEIGHTS = {"Friendly": 1, "FIFA World Cup qualification": 5, "FIFA World Cup": 20, "Copa América": 9}


def fnv1a(text: str) -> int:
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value - (1 << 64) if value >> 63 else value


def windows(prefix: str, sql: str, names: dict[str, str]) -> list[str]:
    """One column of SQL per window: `{w}` is the condition of the window."""
    return [f"{sql.format(w=condition)} AS {prefix}_{name}" for name, condition in names.items()]


def days(length: int) -> str:
    # Instants and events are at midnight, so that no tile is cut.
    return f"e.t >= l.as_of - INTERVAL {length} DAY"


def query(labels: str) -> str:
    three = {"365d": days(365), "1461d": days(1461), "lifetime": "true"}
    two = {"200d": days(200), "lifetime": "true"}
    long = {"1461d": days(1461), "lifetime": "true"}
    columns = []
    columns += windows("matches", "COUNT(e.t) FILTER (WHERE {w})", three)
    columns += windows("wins", "COUNT(e.t) FILTER (WHERE gf > ga AND {w})", three)
    columns += windows("draws", "COUNT(e.t) FILTER (WHERE gf = ga AND {w})", three)
    columns += windows("losses", "COUNT(e.t) FILTER (WHERE gf < ga AND {w})", three)
    columns += windows("goals_for", "COALESCE(SUM(gf) FILTER (WHERE {w}), 0)", three)
    columns += windows("goals_against", "COALESCE(SUM(ga) FILTER (WHERE {w}), 0)", three)
    columns += windows("least", "COALESCE(MIN(gf) FILTER (WHERE {w}), 0)", two)
    columns += windows("most", "COALESCE(MAX(gf) FILTER (WHERE {w}), -1)", two)
    columns += windows("first", "COALESCE(ARG_MIN(gf, (e.t, tie)) FILTER (WHERE {w}), 0)", two)
    columns += windows("last", "COALESCE(ARG_MAX(gf, (e.t, tie)) FILTER (WHERE {w}), 0)", two)
    columns += windows("spread", "COALESCE(ROUND(STDDEV_POP(gf) FILTER (WHERE {w}), 6), 0)", two)
    columns += windows("average", "COALESCE(ROUND(AVG(gf - ga) FILTER (WHERE {w}), 6), 0)", two)
    columns += windows("rivals", "COUNT(DISTINCT rival) FILTER (WHERE {w})", {"200d": days(200), "1461d": days(1461)})
    columns += windows("median", "COALESCE(QUANTILE_DISC(gf, 0.5) FILTER (WHERE {w}), 0)", two)
    columns += [f"ROUND(COUNT(e.t) FILTER (WHERE {days(200)}) / 200.0, 6) AS pace"]
    columns += ["COUNT(e.t) FILTER (WHERE YEAR(e.t) = YEAR(l.as_of) - 1) AS last_year_tumbling_year"]
    serious = "COUNT(e.t) FILTER (WHERE NOT STARTS_WITH(kind, 'Friend') AND MONTH(e.t) >= 6 AND {w})"
    columns += windows("serious", serious, long)
    friendly, all_of_them = "COUNT(e.t) FILTER (WHERE kind = 'Friendly' AND {w})", "COUNT(e.t) FILTER (WHERE {w})"
    columns += windows("n_friendly", friendly, long)
    columns += windows("n_qualification", "COUNT(e.t) FILTER (WHERE kind = 'FIFA World Cup qualification' AND {w})", long)
    columns += windows("n_cup", "COUNT(e.t) FILTER (WHERE kind = 'FIFA World Cup' AND {w})", long)
    columns += windows("n_all", all_of_them, long)
    columns += windows("rival_goals", "COALESCE(ROUND(AVG(rival_goals) FILTER (WHERE {w}), 6), 0)", long)
    columns += windows("strong_rivals", "COUNT(e.t) FILTER (WHERE rival_wins > 100 AND {w})", long)
    columns += windows("weight", "COALESCE(SUM(weight) FILTER (WHERE {w}), 0)", long)
    columns += [f"COUNT(DISTINCT host) FILTER (WHERE {days(1461)}) AS hosts"]
    columns += windows("hosted_before", "COUNT(e.t) FILTER (WHERE host = rival AND {w})", long)
    columns += ["COALESCE(DATE_DIFF('day', MAX(e.t), l.as_of), 9999) AS days_idle"]
    columns += ["COUNT(e.t) FILTER (WHERE (e.t, tie) > COALESCE(l.lost, (TIMESTAMP '0001-01-01', 0::BIGINT))) AS unbeaten"]
    columns += ["COUNT(e.t) FILTER (WHERE e.session = l.session AND l.as_of - l.latest < INTERVAL 40 DAY) AS last_year_session_40d"]
    return f"""
        WITH l AS (
            SELECT l.entity, l.as_of, MAX(e.t) AS latest, MAX(e.session) AS session,
                   MAX((e.t, tie)) FILTER (WHERE gf < ga) AS lost
            FROM ({labels}) l LEFT JOIN sides e ON e.entity = l.entity AND e.t < l.as_of GROUP BY l.entity, l.as_of)
        SELECT l.entity, l.as_of, {", ".join(columns)}
        FROM l LEFT JOIN sides e ON e.entity = l.entity AND e.t < l.as_of GROUP BY l.entity, l.as_of, l.lost, l.session, l.latest
    """


def ranked(suffix: str) -> list[str]:
    """The ranks of the three categories, from their counts: more first, then the earlier declared."""
    counts = [f"n_friendly_{suffix}", f"n_qualification_{suffix}", f"n_cup_{suffix}"]
    ordered = f"LIST_SORT(LIST_FILTER([{', '.join(f'({-1} * {name}, {place})' for place, name in enumerate(counts, 1))}], lambda x: x[1] < 0))"
    columns = []
    for rank in (1, 2):
        columns.append(f"COALESCE({ordered}[{rank}][2], 0) AS kinds_{rank}_{suffix}")
        columns.append(f"COALESCE(ROUND(-{ordered}[{rank}][1] / n_all_{suffix}::DOUBLE, 6), 0) AS kinds_{rank}_share_{suffix}")
    return columns


def main() -> None:
    enliven, football = sys.argv[1], pathlib.Path(sys.argv[2])
    work = pathlib.Path(tempfile.mkdtemp())
    text = (football / "enliven.toml").read_text()
    for side, rival in (("home", "away"), ("away", "home")):
        old = f'fields = {{ goals_for = "{side}_score", goals_against = "{rival}_score" }}'
        assert old in text, old
        text = text.replace(old, old[:-2] + f', rival = "{rival}_team", kind = "tournament" }}')
    sides = "".join(SIDE.format(entity=entity, rival=rival) for entity, rival in (("home", "away"), ("away", "home")))
    text = text.replace("# The margin of a match", EXTRA.replace("SIDES", sides) + "\n# The margin of a match", 1)
    (work / "enliven.toml").write_text(text)
    (work / "kinds.csv").write_text("tournament,weight\n" + "".join(f"{kind},{weight}\n" for kind, weight in WEIGHTS.items()))
    (work / "results.csv").write_text((football / "results.csv").read_text())
    for command in ("backfill", "export"):
        subprocess.run([enliven, "features", "--manifest", work / "enliven.toml", command, work / f"{command}.parquet"], check=True)

    db = duckdb.connect()
    # Events of one day are in the order of the hash of their ids.
    with open(football / "results.csv", newline="") as raw, open(work / "matches.csv", "w", newline="") as hashed:
        rows = csv.DictReader(raw)
        writer = csv.writer(hashed)
        writer.writerow(["date", "home_team", "away_team", "home_score", "away_score", "tournament", "tie"])
        for row in rows:
            cells = [row[name] for name in ("date", "home_team", "away_team", "home_score", "away_score")]
            writer.writerow([*cells, row["tournament"], fnv1a("/".join(cells))])
    db.execute(f"""
        CREATE TABLE matches AS SELECT DISTINCT CAST(date AS TIMESTAMP) AS t, home_team, away_team, tournament AS kind,
            CAST(home_score AS INT) AS hs, CAST(away_score AS INT) AS aws,
            CAST(tie AS BIGINT) AS tie
        FROM read_csv('{work}/matches.csv', all_varchar = true, quote = '"') WHERE home_score <> 'NA';
        CREATE TABLE seen AS
            SELECT home_team AS entity, away_team AS rival, hs AS gf, aws AS ga, t, kind, tie FROM matches UNION ALL
            SELECT away_team, home_team, aws, hs, t, kind, tie FROM matches;
        CREATE TABLE before AS SELECT DISTINCT entity, t,
            COALESCE(SUM(gf) OVER (PARTITION BY entity ORDER BY t RANGE BETWEEN INTERVAL 365 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING), 0) AS rival_goals,
            COUNT(*) FILTER (WHERE gf > ga) OVER (PARTITION BY entity ORDER BY t RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 DAY PRECEDING) AS rival_wins
            FROM seen;
        CREATE TABLE hosts AS SELECT kind, t, ARG_MAX(home_team, tie) AS host FROM matches GROUP BY kind, t;
        CREATE TABLE kinds AS SELECT tournament, CAST(weight AS INT) AS weight FROM read_csv('{work}/kinds.csv', all_varchar = true);
        CREATE TABLE joined AS SELECT s.*, b.rival_goals, b.rival_wins, COALESCE(k.weight, 0) AS weight, h.host
            FROM seen s JOIN before b ON b.entity = s.rival AND b.t = s.t
            LEFT JOIN kinds k ON k.tournament = s.kind
            ASOF LEFT JOIN hosts h ON h.kind = s.kind AND s.t > h.t;
        CREATE TABLE sides AS SELECT *, SUM(gap) OVER (PARTITION BY entity ORDER BY t, tie ROWS UNBOUNDED PRECEDING) AS session
            FROM (SELECT * EXCLUDE (host), COALESCE(host, '') AS host, CASE WHEN t - LAG(t) OVER (PARTITION BY entity ORDER BY t, tie) < INTERVAL 40 DAY THEN 0 ELSE 1 END AS gap FROM joined);
    """)
    compared = wrong = 0
    for command in ("backfill", "export"):
        table = f"read_parquet('{work}/{command}.parquet')"
        db.execute(f"""
            CREATE OR REPLACE TABLE given AS SELECT * REPLACE (CAST(as_of AT TIME ZONE 'UTC' AS TIMESTAMP) AS as_of) FROM {table};
            CREATE OR REPLACE TABLE wanted AS {query('SELECT DISTINCT entity, as_of FROM given')};
            CREATE OR REPLACE TABLE wanted AS SELECT *, {", ".join(ranked("1461d") + ranked("lifetime"))} FROM wanted;
        """)
        names = [row[0] for row in db.execute("DESCRIBE wanted").fetchall() if row[0] not in ("entity", "as_of") and not row[0].startswith("n_")]
        for name in names:
            # Both are decimals with at most six places; DuckDB's means and deviations are floats.
            rows, differ = db.execute(f"""
                SELECT COUNT(*), COUNT(*) FILTER (WHERE ABS(CAST(g.{name} AS DOUBLE) - CAST(w.{name} AS DOUBLE)) > 0.0000011)
                FROM given g JOIN wanted w USING (entity, as_of)""").fetchone()
            compared += rows
            wrong += differ
            if differ:
                print(f"{command}.{name}: {differ} of {rows} differ")
                print(db.execute(f"""SELECT g.entity, g.as_of, g.{name} AS given, w.{name} AS wanted FROM given g JOIN wanted w USING (entity, as_of)
                    WHERE ABS(CAST(g.{name} AS DOUBLE) - CAST(w.{name} AS DOUBLE)) > 0.0000011 LIMIT 3""").fetchall())
        facts = db.execute(f"SELECT DECODE(key), DECODE(value) FROM parquet_kv_metadata('{work}/{command}.parquet')").fetchall()
        assert {"enliven.definition", "enliven.watermark", "enliven.offsets"} <= {key for key, _ in facts}, facts
        print(f"{command}: {len(names)} features of {rows} rows")
    print(f"{compared} values compared with DuckDB {duckdb.__version__}, {wrong} differ")
    sys.exit(1 if wrong or not compared else 0)


main()
