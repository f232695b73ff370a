import polars as pl

from pipeline.mining import fingerprint, mine

SCHEMA = {
    "exception_type": pl.String,
    "code_file_path": pl.String,
    "code_function_name": pl.String,
    "template": pl.String,
}


def fingerprints(*rows: tuple[str | None, str | None, str | None, str | None]) -> list[str | None]:
    return fingerprint(pl.DataFrame(rows, schema=SCHEMA, orient="row")).to_list()


def test_exception_and_function_decide_not_the_message() -> None:
    first, second = fingerprints(
        ("KeyError", "/app/sync.py", "sync", "failed for <*>"),
        ("KeyError", "/app/sync.py", "sync", "other words"),
    )

    assert first == second


def test_folders_of_releases_do_not_matter() -> None:
    first, second = fingerprints(
        ("KeyError", "/srv/releases/41/app/sync.py", "sync", "x"),
        ("KeyError", "/srv/releases/42/app/sync.py", "sync", "x"),
    )

    assert first == second


def test_type_function_and_file_each_tell_errors_apart() -> None:
    found = fingerprints(
        ("KeyError", "/app/sync.py", "sync", "x"),
        ("ValueError", "/app/sync.py", "sync", "x"),
        ("KeyError", "/app/sync.py", "load", "x"),
        ("KeyError", "/app/mail.py", "sync", "x"),
        (None, "/app/sync.py", "sync", "x"),
        ("KeyError", None, None, "x"),
    )

    assert len(set(found)) == len(found)


def test_exception_without_own_frame_is_told_by_its_template() -> None:
    first, second, third = fingerprints(
        ("TimeoutError", None, None, "a"), ("TimeoutError", None, None, "b"),
        ("TimeoutError", None, None, "a"),
    )  # fmt: skip

    assert first == third
    assert first != second


def test_without_exception_it_is_the_template_id() -> None:
    mined = mine(pl.Series("body", ["disk 3 failed"]))

    assert fingerprints((None, None, None, "disk <*> failed")) == mined["template_id"].to_list()


def test_ids_of_a_book_are_kept() -> None:
    rows = pl.DataFrame([(None, None, None, "x")], schema=SCHEMA, orient="row")
    events = rows.with_columns(template_id=pl.lit("from-the-book"))

    assert fingerprint(events).to_list() == ["from-the-book"]


def test_nothing_known_gives_null_and_no_rows_give_none() -> None:
    assert fingerprints((None, None, None, None)) == [None]
    assert fingerprints() == []
    assert fingerprint(pl.DataFrame(schema=SCHEMA)).name == "fingerprint"
