"use strict";
// Comfort only: with JavaScript off everything is shown, in the order in which it matters.
{
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  const theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // What is folded on the screen is wanted on paper.
  addEventListener("beforeprint", () => {
    for (const one of all("details:not(.data, .again)")) {
      if (!one.open) one.open = one.dataset.printed = true;
    }
  });
  addEventListener("afterprint", () => {
    for (const one of all("details[data-printed]")) {
      one.open = false;
      delete one.dataset.printed;
    }
  });

  // Narrow the page to a class or a service.
  const form = document.getElementById("filter");
  if (form) {
    form.hidden = false;
    const narrow = () => {
      const wanted = all("select", form).map((one) => one.value).filter(Boolean);
      const marked = all("[data-keys]");
      for (const one of marked) {
        const keys = one.dataset.keys.split(" ");
        one.hidden = !wanted.every((key) => keys.includes(key));
      }
      const shown = marked.filter((one) => !one.hidden).length;
      form.querySelector("output").textContent = wanted.length
        ? `${shown} of ${marked.length} rows, charts and cards shown`
        : "";
    };
    form.addEventListener("change", narrow);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(narrow));
  }

  // Sort tables by a column.
  const units = { ms: 0.001, s: 1, min: 60, h: 3600, d: 86400, B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };
  const valueOf = (cell, isRatio) => {
    const text = (cell.firstChild?.textContent ?? "").trim();
    if (/^\d{4}-\d\d-\d\d/.test(text)) return text;
    const numbers = text.match(/[\d,]*\.?\d+(?: ?[a-zA-Z]+)?/g);
    if (!numbers || !/^[<>×\d]/.test(text)) return text === "\u2013" ? "" : text.toLowerCase();
    const parsed = numbers.map((one) => {
      const [, number, unit] = /^([\d,.]+) ?(\w*)$/.exec(one);
      return Number(number.replaceAll(",", "")) * (units[unit] ?? 1);
    });
    if (!text.includes("\u2192")) return parsed.reduce((sum, one) => sum + one);
    return parsed.at(-1) + (isRatio && !parsed[0] ? 1e12 : 0);
  };
  const compare = (a, b) => {
    if (a === b) return 0;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a < b ? -1 : 1;
  };
  for (const table of all("table:not(.numbers)")) {
    const body = table.tBodies[0];
    if (!table.tHead || body.rows.length < 3) continue;
    all("th", table.tHead).forEach((head, column) => {
      if (![...body.rows].some((row) => row.cells[column].textContent.trim())) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      // Badges stay beside it: a link within a button is out of reach.
      button.append(...[...head.childNodes].filter((one) => one.nodeName !== "A"));
      head.prepend(button);
      button.addEventListener("click", () => {
        const isDown = head.getAttribute("aria-sort") !== "descending";
        for (const other of all("[aria-sort]", table)) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
        const isRatio = button.textContent.startsWith("Ratio");
        const rows = [...body.rows].map((row) => [valueOf(row.cells[column], isRatio), row]);
        rows.sort((a, b) => {
          if (a[0] === "" || b[0] === "") return (a[0] === "") - (b[0] === "");
          return isDown ? compare(b[0], a[0]) : compare(a[0], b[0]);
        });
        body.append(...rows.map((one) => one[1]));
      });
    });
  }

  // A cross-hair through all charts on the same axis of time, and what each has there in words.
  for (const figure of all("figure.rates")) {
    const plot = figure.querySelector(".plot");
    const reading = figure.querySelector(".reading");
    const strips = all(".strip", plot).map((strip) => {
      const svg = strip.querySelector("svg");
      const rule = document.createElementNS("http://www.w3.org/2000/svg", "path");
      rule.setAttribute("class", "cross");
      svg.append(rule);
      const hits = all(".hits path", svg).map((hit) => {
        const [, at, top, width, depth] = /M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)/
          .exec(hit.getAttribute("d")).map(Number);
        return { at, top, width, depth, text: hit.textContent };
      });
      return { strip, svg, rule, hits, name: strip.querySelector("b, a").textContent };
    });
    const first = strips[0];
    let current = -1;
    const show = (number) => {
      if (number === current) return;
      current = number;
      const hit = first.hits[number];
      const x = hit ? hit.at + hit.width / 2 : 0;
      const words = [];
      for (const one of strips) {
        const own = hit && one.hits.find((at) => at.at <= x && x < at.at + at.width);
        one.rule.setAttribute("d", own ? `M${x} ${own.top}v${own.depth}` : "");
        if (own && !one.strip.hidden) words.push(`${one.name} ${own.text.replace(/^[^:]*:\d\d: /, "")}`);
      }
      reading.hidden = !hit;
      reading.textContent = hit ? `${hit.text.slice(0, 16)} UTC: ${words.join(" \u00b7 ")}` : "";
    };
    plot.addEventListener("pointermove", (event) => {
      const box = first.svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * first.svg.viewBox.baseVal.width;
      show(first.hits.findIndex((at) => at.at <= x && x < at.at + at.width));
    });
    plot.addEventListener("pointerleave", () => show(-1));
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") show(-1);
      if (!step) return;
      event.preventDefault();
      const from = current < 0 ? (step < 0 ? first.hits.length : -1) : current;
      show(Math.min(Math.max(from + step, 0), first.hits.length - 1));
    });
  }
}
