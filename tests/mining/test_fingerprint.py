import polars as pl
import pytest

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


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Java: lambdas, proxies and generated classes are numbered anew with every start.
        ("dev.kiosk.Cup.lambda$fill$0", "dev.kiosk.Cup.lambda$fill$3"),
        ("dev.kiosk.Cup$$Lambda$41/0x0000800123.run", "dev.kiosk.Cup$$Lambda$7/0x0000800999.run"),
        ("dev.kiosk.Cup$$EnhancerBySpringCGLIB$$1a2b.fill", "dev.kiosk.Cup.fill"),
        ("dev.kiosk.Menu$.$anonfun$price$1", "dev.kiosk.Menu$.$anonfun$price$2"),
        ("dev.kiosk.Grinder$grind$2.invokeSuspend", "dev.kiosk.Grinder$grind$1.invokeSuspend"),
        ("Kiosk.Cup.<Fill>b__3_0", "Kiosk.Cup.<Fill>b__12_0"),
        ("Kiosk.Cup.<FillAsync>d__7.MoveNext", "Kiosk.Cup.<FillAsync>d__9.MoveNext"),
        ("main.main.func1", "main.main.func2.1"),
        ("kiosk::take::h0123456789abcdef", "kiosk::take::hfedcba9876543210"),
        ("kiosk::take::{{closure}}", "kiosk::take::{closure#1}"),
        ("block in brew", "block (2 levels) in brew"),
        ("{closure:/srv/kiosk/a.php:12}", "{closure:/srv/kiosk/a.php:19}"),
        ("Place.<locals>.inner", "Place.inner"),
    ],
)
def test_generated_names_do_not_matter(first: str, second: str) -> None:
    one, other = fingerprints(("E", "/app/a.x", first, "x"), ("E", "/app/a.x", second, "x"))

    assert one == other


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("dev.kiosk.Cup.lambda$fill$0", "dev.kiosk.Cup.lambda$drain$0"),
        ("dev.kiosk.Cup.fill", "dev.kiosk.Lid.fill"),
        ("Kiosk.Cup.<Fill>b__3_0", "Kiosk.Cup.<Drain>b__3_0"),
        ("main.pour2", "main.pour3"),
        ("main.main.func1", "main.serve.func1"),
    ],
)
def test_functions_stay_apart(first: str, second: str) -> None:
    one, other = fingerprints(("E", "/app/a.x", first, "x"), ("E", "/app/a.x", second, "x"))

    assert one != other


def test_hash_of_a_bundle_does_not_matter() -> None:
    first, second = fingerprints(
        ("TypeError", "/app/dist/main.0a1b2c3d4e.js", "fill", "x"),
        ("TypeError", "/app/dist/main.ffeeddccbb.js", "fill", "x"),
    )

    assert first == second


def test_place_without_function_counts() -> None:
    first, second, third = fingerprints(
        ("panic", "src/cups.rs", None, "x"),
        ("panic", "src/cups.rs", None, "y"),
        ("panic", "src/lids.rs", None, "x"),
    )

    assert first == second != third
