"""What clickhouse-connect and its SQLAlchemy dialect get from the ClickHouse front.

In: port, user, password as arguments. Out: one JSON object on stdout, a key for each check, with plain values that
the test compares. Decides nothing itself: an exception ends it and is the test's failure.
"""

import datetime
import decimal
import json
import sys
import threading

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData
from sqlalchemy import MetaData, Table, create_engine, func, inspect, select, text

PORT, USER, PASSWORD = int(sys.argv[1]), sys.argv[2], sys.argv[3]
AMOUNT = decimal.Decimal("12345678901234567890.123456789012345678")
WHEN = datetime.datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc)
TEXT = "it's \"q\" \\ \n\t é 漢 🕯"
COLUMNS = ["a", "b", "d", "t", "n", "arr"]
# More than one of the client's blocks, which are 2 MB.
STREAM_ROWS = 40_000
FAILING = "SELECT number, throwIf(number = 3000000, 'boom') FROM numbers(10000000)"


def connect(**options):
    return clickhouse_connect.get_client(host="127.0.0.1", port=PORT, username=USER, password=PASSWORD, **options)


def error_of(action):
    try:
        action()
    except DatabaseError as error:
        return [error.code, error.name]
    return None


def check_client(client):
    client.command(
        "CREATE TABLE py (a UInt64, b String, d Decimal(38, 18), t DateTime64(3, 'UTC'), n Nullable(Float64),"
        " arr Array(String)) ENGINE = MergeTree ORDER BY a"
    )
    rows = [[i, TEXT, AMOUNT, WHEN, None if i % 2 else i / 3, ["x", TEXT]] for i in range(1000)]
    inserted = client.insert("py", rows, column_names=COLUMNS)
    back = client.query("SELECT a, b, d, t, n, arr FROM py ORDER BY a", query_formats={})
    bound = client.query(
        "SELECT b FROM py WHERE a = {a:UInt64} AND b = {s:String} AND t = {t:DateTime64(3)}",
        parameters={"a": 5, "s": TEXT, "t": WHEN},
    )
    external = ExternalData(file_name="given.csv", fmt="CSV", structure="x UInt32, y String", data=b"1,a\n2,b\n")
    client.command("SET max_threads = 1")
    client.command("CREATE TEMPORARY TABLE kept (x UInt8)")
    client.insert("kept", [[1], [2]], column_names=["x"])
    return {
        "version": client.server_version,
        "ping": client.ping(),
        "written": inserted.written_rows,
        "same": [list(row) for row in back.result_rows] == [
            [*row[:3], row[3].replace(tzinfo=None), *row[4:]] for row in rows
        ],
        "bound": bound.result_rows[0][0] == TEXT,
        "long": len(client.query("SELECT {v:String}", parameters={"v": "x" * 300_000}).result_rows[0][0]),
        "external": client.query("SELECT y FROM given WHERE x = 2", external_data=external).result_rows,
        "columns": client.query("SELECT a, b FROM py LIMIT 0").column_names,
        "command": client.command("SELECT count() FROM py"),
        "session": [client.command("SELECT getSetting('max_threads')"), client.command("SELECT sum(x) FROM kept")],
        "raw": client.raw_query("SELECT 1 AS a", fmt="JSONEachRow").decode(),
        "settings": client.query("SELECT getSetting('max_block_size')", settings={"max_block_size": 77}).result_rows,
    }


def check_compression():
    """The frames that the client makes of each codec, block by block, arrive whole."""
    counts = {}
    for codec in ["lz4", "zstd", "gzip", False]:
        client = connect(compress=codec)
        client.command("TRUNCATE TABLE py")
        big = [[i, TEXT * 3, AMOUNT, WHEN, None, []] for i in range(STREAM_ROWS)]
        client.insert("py", big, column_names=COLUMNS)
        counts[str(codec)] = [
            client.command("SELECT sum(a) FROM py"),
            len(client.query("SELECT a, b FROM py").result_rows),
        ]
        client.close()
    return counts


def check_errors(client):
    def stream():
        with client.query_row_block_stream(FAILING) as blocks:
            for _ in blocks:
                pass

    return {
        "table": error_of(lambda: client.query("SELECT * FROM nope")),
        "password": error_of(lambda: clickhouse_connect.get_client(host="127.0.0.1", port=PORT, password="no")),
        "midway": error_of(stream),
        "setting": error_of(lambda: client.raw_query("SELECT 1", settings={"max_threads": "many"})),
    }


def check_threads():
    results = []

    def work():
        client = connect()
        results.append(client.query("SELECT sleep(0.5), 7").result_rows[0][1])
        client.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def check_sqlalchemy():
    engine = create_engine(f"clickhousedb://{USER}:{PASSWORD}@127.0.0.1:{PORT}/default")
    with engine.connect() as connection:
        found = inspect(engine)
        table = Table("py", MetaData(), autoload_with=engine)
        return {
            "version": connection.execute(text("SELECT version()")).scalar(),
            "bound": connection.execute(text("SELECT :s AS s"), {"s": TEXT}).scalar() == TEXT,
            "tables": found.get_table_names("default"),
            "columns": [[column["name"], str(column["type"])] for column in found.get_columns("py")],
            "count": connection.execute(select(func.count()).select_from(table)).scalar(),
        }


def main():
    client = connect()
    results = {
        "client": check_client(client),
        "compression": check_compression(),
        "errors": check_errors(client),
        "threads": check_threads(),
        "sqlalchemy": check_sqlalchemy(),
    }
    client.close()
    print(json.dumps(results))


main()
