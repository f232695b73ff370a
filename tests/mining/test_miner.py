import tomllib
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.mining import MASKS_VERSION, Alias, TemplateBook, mine, renew
from pipeline.mining.miner import MAX_TEMPLATE_CHARACTERS
from pipeline.schema import TEMPLATES

CASES: dict[str, list[dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_name("templates.toml").read_text("utf-8")
)

# Lines as logs have them: words, values, structure, hostile characters.
PIECES = st.sampled_from(
    ["user", "failed", "404", "status=503", '"x y"', "10.0.0.1:80", "a1b2c3d4", "{a: 1, b: 2}", "'",
     '"', "\\", "<*>", "\ue000", "\ue07f", "\n", "\t", "é", 'type "mood"', "Foo#12", "${before}"]
)  # fmt: skip
BODIES = st.one_of(st.lists(PIECES, max_size=8).map(" ".join), st.text(max_size=40), st.none())


def templates(*bodies: str | None) -> list[str | None]:
    return mine(pl.Series("body", bodies, dtype=pl.String))["template"].to_list()


@pytest.mark.parametrize("case", CASES["template"], ids=lambda case: case["body"][:30])
def test_body_has_template(case: dict[str, Any]) -> None:
    assert templates(case["body"]) == [case["template"]]


@pytest.mark.parametrize("case", CASES["same"], ids=lambda case: case["why"])
def test_bodies_share_a_template(case: dict[str, Any]) -> None:
    found = templates(*case["bodies"])

    assert len(set(found)) == 1, found


@pytest.mark.parametrize("case", CASES["different"], ids=lambda case: case["why"])
def test_bodies_have_templates_of_their_own(case: dict[str, Any]) -> None:
    found = templates(*case["bodies"])

    assert len(set(found)) == len(found), found


@pytest.mark.parametrize("case", CASES["known_wrong"], ids=lambda case: case["why"])
@pytest.mark.xfail(strict=True, reason="known wrong: move the row up when it is fixed")
def test_known_wrong(case: dict[str, Any]) -> None:
    assert len(set(templates(*case["same"]))) == 1


def test_row_per_body_in_the_same_order_and_null_for_null() -> None:
    result = mine(pl.Series("body", ["b 1", None, "a", "b 2", ""]))

    assert result.columns == ["template_id", "template"]
    assert result["template"].to_list() == ["b <*>", None, "a", "b <*>", ""]
    assert result["template_id"].null_count() == 1
    assert result["template_id"].n_unique() == 4


@pytest.mark.parametrize("bodies", [[], [None], [None, None]])
def test_no_bodies_give_no_templates(bodies: list[None]) -> None:
    result = mine(pl.Series("body", bodies, dtype=pl.String))

    assert result.height == len(bodies)
    assert result.schema == {"template_id": pl.String, "template": pl.String}
    assert result.null_count().row(0) == (len(bodies), len(bodies))


def test_categorical_bodies_are_text() -> None:
    assert mine(pl.Series("body", ["a 1"], dtype=pl.Categorical))["template"].to_list() == ["a <*>"]


def test_id_is_a_hash_of_the_template_text() -> None:
    # Stored results hold these ids: a change here is a new fingerprint version.
    assert mine(pl.Series("body", ["a 1"]))["template_id"].to_list() == ["04722d4464da"]


@given(st.lists(BODIES, max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_template_depends_on_the_body_alone(bodies: list[str | None], random: Random) -> None:
    together = mine(pl.Series("body", bodies, dtype=pl.String))
    order = random.sample(range(len(bodies)), len(bodies))
    shuffled = mine(pl.Series("body", [bodies[i] for i in order], dtype=pl.String))

    alone = [mine(pl.Series("body", [body], dtype=pl.String)) for body in bodies]

    assert [frame.row(0) for frame in alone] == together.rows()
    assert shuffled.rows() == [together.row(i) for i in order]


@given(BODIES)
@settings(max_examples=30, deadline=None)
def test_template_is_bounded_and_free_of_hidden_characters(body: str | None) -> None:
    (template,) = templates(body)

    assert (template is None) == (body is None)
    assert template is None or len(template) <= MAX_TEMPLATE_CHARACTERS
    assert not any("\ue000" <= character <= "\ue07f" for character in template or "")


def test_digits_change_nothing_outside_kept_text() -> None:
    assert templates("job 7 took 12.5 s on node-3") == templates("job 88 took 0.1 s on node-41")


def test_very_long_line_is_decided_by_its_head() -> None:
    (template,) = templates("failed to read " + "x" * 1_000_000)

    assert template is not None
    assert template.startswith("failed to read x")
    assert len(template) == MAX_TEMPLATE_CHARACTERS


def test_book_gives_known_templates_their_ids_and_takes_new_ones() -> None:
    book = TemplateBook({"old-id": "disk <*> failed"})
    result = mine(pl.Series("body", ["disk 3 failed", "fan 1 failed"]), book)

    assert result["template_id"][0] == "old-id"
    assert result["template_id"][1] == mine(pl.Series("body", ["fan 2 failed"]))["template_id"][0]
    assert len(book) == 2
    assert mine(pl.Series("body", ["fan 9 failed"]), book)["template_id"][0] in book


def test_first_entry_of_a_book_wins() -> None:
    book = TemplateBook({"a": "x"})
    book.update([("b", "x"), ("a", "y"), ("c", "z")])

    assert book.templates == {"a": "x", "c": "z"}


def ids(*bodies: str) -> list[str]:
    return mine(pl.Series("body", bodies, dtype=pl.String))["template_id"].to_list()


def test_book_of_older_masks_is_renewed_and_keeps_its_ids() -> None:
    (disk, kept) = ids("disk 3 failed", "stock: status 404")
    old = TemplateBook(
        {"a": "disk 3 failed", "b": "disk 4 failed", "c": "stock: status <*>", "d": "as it was"},
        {"z": Alias("b", "merged", 1)},
        masks_version=1,
    )

    book = renew(old, {"c": "stock: status 404"})

    assert book.masks_version == MASKS_VERSION
    assert book.templates == {
        "a": "disk <*> failed", "c": "stock: status 404", "d": "as it was",
    }  # fmt: skip
    assert book.ledger == {
        "b": Alias("a", "merged"),
        "z": Alias("a", "merged", 1),
        disk: Alias("a", "renamed"),
        kept: Alias("c", "renamed"),
        ids("as it was")[0]: Alias("d", "renamed"),
    }
    assert [book.current(key) for key in ("b", "z", kept, "a", "other")] == [
        "a", "a", "c", "a", "other",
    ]  # fmt: skip
    again = mine(pl.Series("body", ["disk 9 failed", "stock: status 404"]), book)
    assert again["template_id"].to_list() == ["a", "c"]


def test_an_unchanged_template_keeps_its_id_before_one_that_became_it() -> None:
    old = TemplateBook({"a": "disk 3 failed", "b": "disk <*> failed"}, masks_version=1)

    assert renew(old, {}).templates == {"b": "disk <*> failed"}
    assert renew(old, {}).aliases["a"] == "b"


def test_a_split_template_leaves_its_id_to_the_part_of_its_body() -> None:
    (was,) = ids("stock: status <*>")
    book = renew(
        TemplateBook({was: "stock: status <*>"}, masks_version=1), {was: "stock: status 404"}
    )

    found = mine(pl.Series("body", ["stock: status 404", "stock: status <*>"]), book)

    assert found["template_id"][0] == was
    assert found["template_id"][1] not in (was, None)
    assert found["template_id"].to_list() == mine(found["template"], book)["template_id"].to_list()


def test_renewing_a_book_of_these_masks_changes_nothing() -> None:
    book = TemplateBook()
    mine(pl.Series("body", ["disk 3 failed", "GET /x failed with status 404"]), book)

    assert renew(book, {}) is book


def test_a_book_of_tables_is_the_book_that_wrote_them() -> None:
    ledger = {"old": Alias("a", "merged", 1), "older": Alias("b", "renamed", 1)}
    templates = pl.DataFrame(
        [("b", "y", 1, 9, None, None, "y"), ("a", "x", 1, 3, None, None, None)],
        schema=TEMPLATES, orient="row",
    )  # fmt: skip
    book = TemplateBook.of_tables(templates, TemplateBook({}, ledger).alias_table())

    assert list(book.templates.items()) == [("b", "y"), ("a", "x")]
    assert (book.ledger, book.masks_version) == (ledger, 1)


NUMBERED = st.sampled_from(
    ["status: 404", "HTTP/1.1", "errno 13", "exit code 1", "Foo#12", "sha256", "x509", "s3", "7",
     "SQLSTATE 42P01", '"GET /a HTTP/1.1" 404', "utf-8", "a1b2c3d4e5f6", "took 12 ms", "failed"]
)  # fmt: skip


@given(st.lists(NUMBERED, min_size=1, max_size=5).map(" ".join))
@settings(max_examples=30, deadline=None)
def test_shape_finds_the_template_that_patterns_find(body: str) -> None:
    from pipeline.mining import miner

    by_patterns = miner._templates(pl.Series("text", [body]))["template"].to_list()

    assert templates(body) == by_patterns
