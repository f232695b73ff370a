"""Draw the pictures of how-it-decides.md: `python docs/images/draw.py`. The numbers are made up."""

from pathlib import Path

HERE = Path(__file__).parent
SCATTER = [3, 5, 2, 4, 6, 3, 4, 5, 2, 7, 4, 3]
RISEN = [3, 5, 2, 4, 6, 3, 4, 5, 11, 14, 12, 15]
EXPECTED = (1, 8)


def _page(width: int, height: int, body: str, message: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="sans-serif" font-size="13"><title>{message}</title>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{body}</svg>\n'
    )


def _bars(counts: list[int], left: int, title: str) -> str:
    low, high = (160 - 8 * edge for edge in EXPECTED)
    parts = [
        f'<text x="{left}" y="20">{title}</text>',
        f'<rect x="{left}" y="{high}" width="240" height="{low - high}" fill="#ddd"/>',
    ]
    for place, count in enumerate(counts):
        colour = "#b3261e" if count > EXPECTED[1] else "#456"
        top = 160 - 8 * count
        box = f'x="{left + 20 * place + 4}" y="{top}" width="12" height="{8 * count}"'
        parts.append(f'<rect {box} fill="{colour}"/>')
    return "".join(parts)


def _spans(left: int, title: str, spans: list[tuple[str, int, int]]) -> str:
    parts = [f'<text x="{left}" y="20">{title}</text>']
    for row, (name, first, last) in enumerate(spans):
        y = 50 + 35 * row
        parts.append(
            f'<text x="{left}" y="{y + 5}">{name}</text>'
            f'<line x1="{left + first}" x2="{left + last}" y1="{y}" y2="{y}" '
            'stroke="#456" stroke-width="6"/>'
            f'<circle cx="{left + (first + last) // 2}" cy="{y}" r="6" fill="#b3261e"/>'
        )
    return "".join(parts)


if __name__ == "__main__":
    chance = _bars(SCATTER, 20, "chance: high and low by turns")
    rise = _bars(RISEN, 300, "a rise: high, and it stays")
    (HERE / "chance.svg").write_text(
        _page(560, 170, chance + rise, "Errors an hour; grey is what chance explains"), "utf-8"
    )
    apart = _spans(20, "A was first", [("A", 40, 90), ("B", 140, 220)])
    unknown = _spans(300, "cannot be told", [("A", 40, 150), ("B", 90, 220)])
    (HERE / "order.svg").write_text(
        _page(560, 110, apart + unknown, "Onsets with their intervals: apart, and overlapping"),
        "utf-8",
    )
