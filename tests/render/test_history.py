"""The page over all runs: no script, no request, small after a year, and it obeys no title."""

import dataclasses
import json
import random
import re
import time
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element

import html5lib
import pytest

from pipeline.render import facts_json, render_index, render_trend
from pipeline.render.context import history
from pipeline.render.context.history import IndexContext
from pipeline.render.documents import environment
from pipeline.render.figures import UNKNOWN
from pipeline.trends import (
    HourCount,
    OpenTime,
    Period,
    RunLine,
    Series,
    Standing,
    StoreHistory,
    Trend,
)
from tests.render.attacks import ATTACKS
from tests.render.template_types import Reader, fields_of, reachable

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def standing(title: str, *spells: tuple[int, int | None], state: str = "new") -> Standing:
    own = [OpenTime(START + a * HOUR, None if b is None else START + b * HOUR) for a, b in spells]
    return Standing(title[:12], title, "error", None, state, own[-1].start, "none", own)


def run(hour: float, verdict: str, text: str, report: str | None = None) -> RunLine:
    return RunLine(f"run{hour}", START + hour * HOUR, verdict, text, ["a"], report)


def small(text: str = "pool is empty", folder: str = "/srv/store") -> StoreHistory:
    hours = [HourCount(START + n * HOUR, 100, 90 if n == 30 else 2, 1.0) for n in range(40)]
    del hours[10]  # nothing was logged
    runs = [
        run(24, "normal", "quiet"),
        run(25, "normal", "still quiet"),
        run(31, "regression", text, f"{folder}/../reports/a b"),
    ]
    standings = [standing(text, (3, 5), (30, None)), standing("over", (1, 2), state="resolved")]
    return StoreHistory(folder, START, START + 40 * HOUR, hours, runs, standings)


def parse(page: str) -> Element:
    root: Element = html5lib.HTMLParser(namespaceHTMLElements=False).parse(page)
    return root


def test_templates_read_every_field_and_no_other() -> None:
    reader = Reader(environment(), IndexContext)
    reader.template("index.html.j2")

    assert reader.missing == set()
    assert reader.names - {"assets"} == {one.name for one in dataclasses.fields(IndexContext)}
    shown = {kind for kind in reachable(IndexContext) if kind.__module__ == history.__name__}
    fields = fields_of(shown - {IndexContext})
    assert [name for key, name in fields.items() if key not in reader.read] == []


def test_it_shows_days_findings_and_runs_with_links_to_reports() -> None:
    page = render_index(small(), "/srv")

    assert 'href="./reports/a%20b/report.html"' in page
    assert page.count(">report</a>") == 1
    root = parse(page)
    rows = [["".join(cell.itertext()).strip() for cell in row] for row in root.iter("tr")]
    days = next(row for row in rows if row[0] == "2026-03-03")
    assert days[1:] == ["1,600", "120", "7.5", "16", "regression", "3 runs"]
    assert ["2", "normal"] in [[row[0], row[3]] for row in rows if len(row) == 6]
    assert "2026-03-03 06:00 on: still open; 2026-03-02 03:00 to 2026-03-02 05:00 UTC" in page


def test_an_hour_without_logs_is_no_quiet_hour() -> None:
    page = render_index(small(), "/srv")
    column = next(part for part in page.split("<g>") if "2026-03-02:" in part)

    heights = [int(one) for one in re.findall(r"v(\d+)h-", column.partition("</g>")[0])]
    assert heights == [10 * 9 - 1, 13 * 9 - 1]  # hours 0 to 9 and 11 to 23


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_obeys_no_text(attack: str) -> None:
    text = ATTACKS[attack]
    clean, hostile = (parse(render_index(small(one, "/srv/x"), "/srv")) for one in ("x", text))

    def shape(root: Element) -> list[tuple[str, list[str]]]:
        return [(str(one.tag), sorted(one.attrib)) for one in root.iter()]

    assert shape(hostile) == shape(clean)
    assert not list(hostile.iter("script"))


def test_links_of_odd_folders_stay_relative() -> None:
    found = small()
    odd = [run(1, "normal", "x", '/srv/javascript:alert(1)/"><b>/\udcff')]

    page = render_index(dataclasses.replace(found, runs=odd), "/srv")

    links = [one.attrib["href"] for one in parse(page).iter("a")]
    assert "./javascript%3Aalert%281%29/%22%3E%3Cb%3E/%FF/report.html" in links


def test_what_lies_before_the_page_is_not_drawn_at_its_edge() -> None:
    found = [standing("long ago, and once more", (-90, -80), (3, 3))]

    page = render_index(dataclasses.replace(small(), standings=found), "/srv")

    assert page.count('class="bar logged"') == 1


def test_without_runs_and_findings_it_says_so() -> None:
    page = render_index(StoreHistory("/s", START, START + HOUR), "/")

    assert "No run finished" in page
    assert "No run found a class risen" in page


@pytest.mark.slow
def test_a_year_of_hourly_runs_is_a_small_page() -> None:
    rng = random.Random(7)
    hours = [
        HourCount(START + n * HOUR, 5000, rng.choice([0, 3, 9, 40, 200]), 1.0) for n in range(8760)
    ]
    verdicts = ["normal", "watch", "regression"]
    runs = [
        run(n, rng.choice(verdicts), f"{n} events of a class that rose " * 6, f"/srv/r/{n}")
        for n in range(8760)
    ]
    standings = [
        standing(f"{n} failed to reach the other side", *((a, a + 3) for a in range(n, 8000, 200)))
        for n in range(300)
    ]
    began = time.process_time()
    page = render_index(
        StoreHistory("/srv/store", START, START + 8760 * HOUR, hours, runs, standings), "/srv"
    )

    assert len(page.encode()) < 1_000_000
    assert time.process_time() - began < 10  # seconds
    assert re.search(r"and \d,\d\d\d more", page)  # rows of runs that are left out are said


def trend_of(name: str) -> Trend:
    day = timedelta(days=1)
    periods = [
        Period(START, 48, 24.0, 2.0),
        Period(START + day, 0, 0.0, None),
        Period(START + 2 * day, 80, 20.0, 4.0),
    ]
    known = standing(name, (3, None))
    series = [Series("0123456789ab", name, "error", None, 128, 44.0, 128 / 44, periods, known)]
    return Trend("store", "day", START, START + 3 * day, None, series, 2, START)


def test_the_terminal_shows_a_gap_as_a_gap() -> None:
    text = render_trend(trend_of("pool is empty"), width=100, color=False)

    assert re.search(r"pool is empty +▄ █ +128 +2.91 +4 +new +2026-03-02 03:00", text)
    assert "events before 2026-03-02 were pruned" in text
    one = dataclasses.replace(trend_of("pool is empty"), asked="pool is empty")
    alone = render_trend(one, width=100, color=False)
    assert re.search(f"2026-03-03 +{UNKNOWN} +0 h +{UNKNOWN} +not covered", alone)
    assert "open since 2026-03-02 03:00 UTC" in alone


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("width", [40, 100])
def test_the_terminal_obeys_no_text(attack: str, width: int) -> None:
    found = trend_of(ATTACKS[attack])
    for one in (found, dataclasses.replace(found, asked="x")):
        text = render_trend(one, width=width, color=False)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert json.loads(facts_json(found))["series"][0]["periods"][1]["rate"] is None
