"""A proposed rule is read by the loader of rules, and names the events that it was made from."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.model import Finding
from pipeline.render.proposals import proposed_rule, proposed_rules
from pipeline.rules import load_rules
from tests.render import sample

TEXTS = {
    "words": ("mail not sent", "mail not sent"),
    "values": ("upload of <*> failed: <*> Slow Down", "upload of 0097 failed: 503 Slow Down"),
    "signs": ("[a.b](c|d) cost {<*>} $5 ^ \\d+ *", "[a.b](c|d) cost {12} $5 ^ \\d+ *"),
    "quotes": ("can't read '<*>' of \"x\"", "can't read '/a' of \"x\""),
    "spaces": ("finished with error: 1. Check <*>", "finished with error: 1.  Check /var/log"),
    "long": ("word " * 60 + "<*> end", "word " * 60 + "5 end"),
    "unicode": ("Fehler beim Öffnen von <*>", "Fehler beim Öffnen von x"),
    "upper": ("FATAL ERROR in <*>", "FATAL ERROR in 7"),
}


def named(template: str, body: str) -> Finding:
    return replace(
        sample.UNNAMED,
        template=template,
        samples=[replace(sample.UNNAMED.samples[0], body=body)],
    )


@pytest.mark.parametrize(("template", "body"), TEXTS.values(), ids=TEXTS)
def test_a_proposal_is_a_rule_that_matches_its_own_sample(
    tmp_path: Path, template: str, body: str
) -> None:
    text = proposed_rule(named(template, f"{body}\n  at frame"))
    assert text is not None
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")

    rule = next(one for one in load_rules([tmp_path]) if one.path.endswith("own.toml"))
    assert body.strip().startswith(rule.patterns[0].must[0][:200])


@pytest.mark.parametrize(
    ("template", "body"),
    [
        ("******* <*>", "******* 5"),
        ("<*>", "5"),
        ("no such words", "other text"),
        ("end of \u202eline <*>", "end of \u202eline 5"),
    ],
)
def test_where_a_rule_would_be_wrong_none_is_proposed(template: str, body: str) -> None:
    assert proposed_rule(named(template, body)) is None


def test_without_a_sample_none_is_proposed() -> None:
    assert proposed_rule(replace(named("mail not sent", "mail not sent"), samples=[])) is None


def test_several_proposals_are_one_file_with_each_name_once(tmp_path: Path) -> None:
    found = [named(*pair) for pair in TEXTS.values()] + [named("mail not sent", "mail not sent")]

    text, number = proposed_rules(found, 50)
    names = [rule["name"] for rule in tomllib.loads(text)["rule"]]
    assert number == len(names) == len(set(names)) == len(TEXTS)
    assert proposed_rules(found, 3)[1] == 3
