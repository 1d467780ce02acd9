"""A database's whole content as comparable Python values, from a SQLite connection or through D1's query API.

Exact: each value with its storage class, text and blobs byte by byte, rowids too. REALs are compared as doubles, since two SQLite
versions may write the same double with different digits.
"""

OURS = ("_lf_", "_cf_", "sqlite_")


def contents(rows_of):
    """`{table: rows in a fixed order}`; `rows_of(sql)` gives the rows of a statement."""
    tables = rows_of("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return {name: table(rows_of, name, sql) for name, sql in tables if not name.startswith(OURS)}


def table(rows_of, name, sql):
    columns = [row[0] for row in rows_of(f"SELECT name FROM pragma_table_xinfo({literal(name)}) ORDER BY cid")]
    without_rowid = "WITHOUT ROWID" in sql.upper()
    selected = ([] if without_rowid else ["CAST(rowid AS TEXT)"]) + [typed(column) for column in columns]
    rows = rows_of(f"SELECT {', '.join(selected)} FROM {quoted(name)}")
    return sorted(tuple(normal(value) for value in row) for row in rows)


def objects(rows_of):
    """What the schema holds: type, name and table. Not the texts: on D1 a trigger carries a guard."""
    rows = rows_of("SELECT type, name, tbl_name FROM sqlite_master ORDER BY type, name")
    return [tuple(row) for row in rows if not row[1].startswith(OURS) and not row[2].startswith(OURS)]


def typed(column):
    c = quoted(column)
    return f"typeof({c}) || ' ' || CASE WHEN typeof({c}) IN ('text', 'blob') THEN hex(CAST({c} AS BLOB)) ELSE quote({c}) END"


def normal(value):
    kind, _, text = value.partition(" ")
    return f"real {float(text)!r}" if kind == "real" else value


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"
