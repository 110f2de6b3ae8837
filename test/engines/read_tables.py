"""Other engines' readers of the tables, by their logs alone.

    python read_tables.py DIRECTORY ENGINE…

Reads every table once and says that it is ready; reads until a line comes in, and fails on an error, a count that falls,
a uid twice; then takes statements for Spark (`tables ddl`) to the end of its input, and prints per table and engine: rows,
sum of time, last instant, days. One JSON line on stdout each time.
"""

import functools
import json
import os
import sys
import threading
import time

import chdb
import datafusion
import deltalake
import duckdb
import polars
import pyarrow.compute as pc
from pyspark.sql import SparkSession

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


@functools.cache
def spark():
    settings = {
        "spark.jars.packages": "io.delta:delta-spark_2.13:4.0.0",
        "spark.jars.ivy": os.path.join(sys.prefix, "ivy"),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.driver.memory": "1g",
        "spark.sql.warehouse.dir": os.path.join(sys.prefix, "warehouse"),
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    return SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()


def uids_spark(path, column, field):
    rows = spark().read.format("delta").load(path).select(f"{column}.{field}" if field else column).collect()
    # Else it takes one of two cores for itself.
    time.sleep(0.5)
    return [row[0] for row in rows]


def read_all(directory, engines, seen):
    for table in tables(directory):
        path = os.path.join(directory, table)
        if not any(n.endswith((".json", ".parquet")) for n in os.listdir(os.path.join(path, "_delta_log"))):
            continue
        column, field = UID.get(table, ("metadata", "uid"))
        for engine in engines:
            uids = ENGINES[engine][0](path, column, field)
            if len(set(uids)) != len(uids):
                raise SystemExit(f"{engine}: {len(uids) - len(set(uids))} uids of {table} are there twice")
            if len(uids) < seen.get((engine, table), 0):
                raise SystemExit(f"{engine}: the count of {table} fell from {seen[engine, table]} to {len(uids)}")
            seen[engine, table] = len(uids)


def sums_deltalake(path):
    arrow = deltalake.DeltaTable(path).to_pyarrow_table(columns=["time", "time_dt", "event_day"])
    last = millis(pc.max(arrow["time_dt"]).as_py())
    return [arrow.num_rows, pc.sum(arrow["time"]).as_py() or 0, last, len(pc.unique(arrow["event_day"]))]


def sums_polars(path):
    frame = polars.scan_delta(path).select("time", "time_dt", "event_day").collect()
    return [frame.height, frame["time"].sum() or 0, millis(frame["time_dt"].max()), frame["event_day"].n_unique()]


def sums_duckdb(path):
    # What is NULL in all rows of the files is in none of them: the log knows the columns.
    known = "SELECT NULL::BIGINT AS time, NULL::TIMESTAMPTZ AS time_dt WHERE false"
    files_scan = "SELECT * FROM read_parquet(?, union_by_name = true, hive_partitioning = true)"
    scan = f"({known} UNION ALL BY NAME {files_scan})"
    select = "count(*), sum(time)::HUGEINT, epoch_ms(max(time_dt)), count(DISTINCT event_day)"
    files = deltalake.DeltaTable(path).file_uris()
    rows, total, last, days = duckdb.connect().execute(f"SELECT {select} FROM {scan}", [files]).fetchone()
    return [rows, int(total or 0), last, days]


def sums_datafusion(path):
    query = 'SELECT count(*) AS n, sum("time") AS total, max(time_dt) AS last, count(DISTINCT event_day) AS days FROM t'
    [row] = rows_datafusion(path, query)
    return [row["n"], row["total"] or 0, millis(row["last"]), row["days"]]


def sums_clickhouse(path):
    last = "toUnixTimestamp64Milli(max(time_dt))"
    [row] = rows_clickhouse(path, f"count(), sum(time), {last}, uniqExact(event_day)")
    rows, total, last, days = (None if value == "\\N" else int(value) for value in row)
    return [rows, total or 0, last, days]


def sums_spark(path):
    # As `tables ddl` makes it known.
    select = "count(*), sum(time), unix_millis(max(time_dt)), count(DISTINCT event_day)"
    [row] = spark().sql(f"SELECT {select} FROM `{os.path.basename(path)}`").collect()
    return [row[0], row[1] or 0, row[2], row[3]]


def millis(instant):
    return None if instant is None else round(instant.timestamp() * 1000)


ENGINES = {
    "deltalake": (uids_deltalake, sums_deltalake),
    "polars": (uids_polars, sums_polars),
    "duckdb": (uids_duckdb, sums_duckdb),
    "datafusion": (uids_datafusion, sums_datafusion),
    "clickhouse": (uids_clickhouse, sums_clickhouse),
    "spark": (uids_spark, sums_spark),
}


def say(value):
    print(json.dumps(value), flush=True)


def main(directory, engines):
    seen = {}
    read_all(directory, engines, seen)
    say("ready")
    stopping = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), stopping.set()), daemon=True).start()
    passes = 0
    while not stopping.is_set():
        read_all(directory, engines, seen)
        passes += 1
    say({"engines": engines, "passes": passes, "rows": sum(n for (engine, _), n in seen.items() if engine == engines[0])})
    statements = sys.stdin.read()
    if "spark" in engines:
        for statement in statements.split(";\n"):
            if statement.strip():
                spark().sql(statement)
        for view in spark().catalog.listTables():
            spark().table(view.name).count()
    say({table: {e: ENGINES[e][1](os.path.join(directory, table)) for e in engines} for table in tables(directory)})


# ClickHouse reads files below the working directory alone.
place = os.path.abspath(sys.argv[1])
os.chdir("/")
main(place, sys.argv[2:])
