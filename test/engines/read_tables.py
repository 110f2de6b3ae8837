"""Other engines' readers of the tables, by their logs alone.

    python read_tables.py loop DIRECTORY    reads until its input ends; fails on an error, a count that falls, a uid twice
    python read_tables.py sums DIRECTORY    prints per engine and table: rows, sum of time, last instant, rows per day

One JSON line on stdout.
"""

import json
import os
import sys
import threading

import chdb
import datafusion
import deltalake
import duckdb
import polars
import pyarrow.compute as pc

UID = {"dead_letters": ("uid", None), "raw_records": ("uid", None)}


def tables(directory):
    return sorted(n for n in os.listdir(directory) if os.path.isdir(os.path.join(directory, n, "_delta_log")))


def uids_deltalake(path, column, field):
    table = deltalake.DeltaTable(path).to_pyarrow_table(columns=[column])
    values = table[column].combine_chunks()
    return (pc.struct_field(values, field) if field else values).to_pylist()


def uids_polars(path, column, field):
    value = polars.col(column).struct.field(field) if field else polars.col(column)
    return polars.scan_delta(path).select(value).collect().to_series().to_list()


def uids_duckdb(path, column, field):
    # The extension that reads the log is a download: the files of one snapshot are those that deltalake names.
    files = deltalake.DeltaTable(path).file_uris()
    if not files:
        return []
    value = f'"{column}"."{field}"' if field else f'"{column}"'
    query = f"SELECT {value} FROM read_parquet(?, union_by_name = true, hive_partitioning = false)"
    return [row[0] for row in duckdb.connect().execute(query, [files]).fetchall()]


def rows_datafusion(path, query):
    # The table asks the context until the rows are there: it must last as long.
    context = datafusion.SessionContext()
    context.register_table("t", deltalake.DeltaTable(path))
    return context.sql(query).to_pylist()


def uids_datafusion(path, column, field):
    value = f"\"{column}\"['{field}']" if field else f'"{column}"'
    return [row["uid"] for row in rows_datafusion(path, f"SELECT {value} AS uid FROM t")]


def rows_clickhouse(path, select):
    # Of a Delta table it cannot read a subcolumn alone.
    settings = "SETTINGS optimize_functions_to_subcolumns = 0"
    text = str(chdb.query(f"SELECT {select} FROM deltaLakeLocal('{path}') {settings}", "TabSeparated"))
    return [line.split("\t") for line in text.splitlines()]


def uids_clickhouse(path, column, field):
    return [uid for (uid,) in rows_clickhouse(path, f"tupleElement({column}, '{field}')" if field else column)]


ENGINES = {
    "deltalake": uids_deltalake,
    "polars": uids_polars,
    "duckdb": uids_duckdb,
    "datafusion": uids_datafusion,
    "clickhouse": uids_clickhouse,
}


def loop(directory):
    stopping = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()
    seen = {}
    reads = dict.fromkeys(ENGINES, 0)
    while not stopping.is_set():
        for table in tables(directory):
            path = os.path.join(directory, table)
            if not any(n.endswith((".json", ".parquet")) for n in os.listdir(os.path.join(path, "_delta_log"))):
                continue
            column, field = UID.get(table, ("metadata", "uid"))
            for engine, read in ENGINES.items():
                uids = read(path, column, field)
                if len(set(uids)) != len(uids):
                    raise SystemExit(f"{engine}: {len(uids) - len(set(uids))} uids of {table} are there twice")
                if len(uids) < seen.get((engine, table), 0):
                    raise SystemExit(f"{engine}: the count of {table} fell from {seen[engine, table]} to {len(uids)}")
                seen[engine, table] = len(uids)
                reads[engine] += 1
    print(json.dumps({"reads": reads, "rows": {t: n for (e, t), n in seen.items() if e == "polars"}}))


def sums(directory):
    found = {}
    for table in tables(directory):
        path = os.path.join(directory, table)
        arrow = deltalake.DeltaTable(path).to_pyarrow_table(columns=["time", "time_dt", "event_day"])
        frame = polars.scan_delta(path).select("time", "time_dt", "event_day").collect()
        files = deltalake.DeltaTable(path).file_uris()
        scan = "read_parquet(?, union_by_name = true, hive_partitioning = true)"
        rows, total, last, days = duckdb.connect().execute(
            f"SELECT count(*), sum(time)::HUGEINT, epoch_ms(max(time_dt)), count(DISTINCT event_day) FROM {scan}", [files]
        ).fetchone()
        found[table] = {
            "deltalake": [
                arrow.num_rows,
                pc.sum(arrow["time"]).as_py() or 0,
                millis(pc.max(arrow["time_dt"]).as_py()),
                len(pc.unique(arrow["event_day"])),
            ],
            "polars": [
                frame.height,
                frame["time"].sum() or 0,
                millis(frame["time_dt"].max()),
                frame["event_day"].n_unique(),
            ],
            "duckdb": [rows, int(total or 0), last, days],
            "datafusion": sums_datafusion(path),
            "clickhouse": sums_clickhouse(path),
        }
    print(json.dumps(found))


def sums_datafusion(path):
    query = 'SELECT count(*) AS n, sum("time") AS total, max(time_dt) AS last, count(DISTINCT event_day) AS days FROM t'
    [row] = rows_datafusion(path, query)
    return [row["n"], row["total"] or 0, millis(row["last"]), row["days"]]


def sums_clickhouse(path):
    last = "toUnixTimestamp64Milli(max(time_dt))"
    [row] = rows_clickhouse(path, f"count(), sum(time), {last}, uniqExact(event_day)")
    rows, total, last, days = (None if value == "\\N" else int(value) for value in row)
    return [rows, total or 0, last, days]


def millis(instant):
    return None if instant is None else round(instant.timestamp() * 1000)


# ClickHouse reads files below the working directory alone.
place = os.path.abspath(sys.argv[2])
os.chdir("/")
{"loop": loop, "sums": sums}[sys.argv[1]](place)
