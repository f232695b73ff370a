// node browser.mjs CHROMIUM PAGE...: prints, as JSON, what is wrong with each page.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [executablePath, ...pages] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 900 };

/** Open a page and note every request beyond its own and everything it says on the console. */
async function open(browser, url, problems, options, scripts = []) {
  const context = await browser.newContext(options);
  for (const content of scripts) await context.addInitScript({ content });
  const page = await context.newPage();
  page.on("request", (one) => one.url() === url || problems.push(`request: ${one.url()}`));
  page.on("console", (one) => problems.push(`console: ${one.text()}`));
  page.on("pageerror", (one) => problems.push(`error: ${one.message}`));
  await page.goto(url);
  return page;
}

async function accessibility(browser, url, colorScheme, viewport, problems) {
  const page = await open(browser, url, problems, { colorScheme, viewport }, [axe]);
  const found = await page.evaluate(async (values) => {
    for (const one of document.querySelectorAll("details")) one.open = true;
    const result = await axe.run({ runOnly: values, preload: false, resultTypes: ["violations"] });
    return result.violations.map((one) => `${one.id}: ${one.nodes.length} x ${one.nodes[0].html}`);
  }, tags);
  problems.push(...found.map((one) => `axe, ${colorScheme}, ${viewport.width} px: ${one}`));
  await page.context().close();
}

async function phone(browser, url, problems) {
  const page = await open(browser, url, problems, { viewport: PHONE });
  const wide = await page.evaluate(() => {
    for (const one of document.querySelectorAll("details")) one.open = true;
    const scrolls = (element) => {
      for (let at = element; at; at = at.parentElement) {
        if (["auto", "hidden", "scroll"].includes(getComputedStyle(at).overflowX)) return true;
      }
      return false;
    };
    const edge = document.documentElement.clientWidth + 1;
    const out = [...document.querySelectorAll("main *")].filter(
      (one) => one.getBoundingClientRect().right > edge && !scrolls(one.parentElement),
    );
    const page = document.scrollingElement.scrollWidth > edge;
    return [...(page ? ["the page scrolls sideways"] : []), ...out.slice(0, 3).map((one) => one.outerHTML.slice(0, 120))];
  });
  problems.push(...wide.map((one) => `390 px: ${one}`));
  await page.context().close();
}

/** Without JavaScript all is there, and nothing is offered that would need it. */
async function withoutScripts(browser, url, problems) {
  const page = await open(browser, url, problems, { viewport: DESK, javaScriptEnabled: false });
  for (const name of ["#theme", "#filter", ".reading", ".sort"]) {
    if (await page.locator(name).filter({ visible: true }).count()) {
      problems.push(`without JavaScript: ${name} is offered`);
    }
  }
  for (const section of await page.locator("section").all()) {
    if (!(await section.isVisible())) problems.push("without JavaScript: a section is hidden");
  }
  const folded = page.locator("details").first();
  if (await folded.count()) {
    await folded.locator("summary").first().click();
    if ((await folded.getAttribute("open")) === null) {
      problems.push("without JavaScript: a summary does not open");
    }
  }
  await page.context().close();
}

/** With JavaScript: the theme changes, tables sort, filters narrow, the cross-hair speaks. */
async function withScripts(browser, url, problems) {
  const page = await open(browser, url, problems, { viewport: DESK, colorScheme: "light" });
  const said = await page.evaluate(() => {
    const wrong = [];
    const colour = () => getComputedStyle(document.body).backgroundColor;
    const light = colour();
    document.getElementById("theme").click();
    if (colour() === light) wrong.push("the theme does not change");
    document.getElementById("theme").click();
    if (colour() !== light) wrong.push("the theme does not change back");

    const button = document.querySelector(".sort");
    if (button) {
      button.click();
      const table = button.closest("table");
      const names = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent);
      const down = names();
      button.click();
      if (names().join() === down.join() && new Set(down).size > 1) wrong.push("no order");
      if (button.closest("th").getAttribute("aria-sort") !== "ascending") wrong.push("no aria-sort");
    }

    const select = document.getElementById("by-class");
    if (select) {
      const shown = () => [...document.querySelectorAll("[data-keys]")].filter((one) => !one.hidden);
      const all = shown().length;
      select.selectedIndex = 1;
      select.dispatchEvent(new Event("change", { bubbles: true }));
      if (shown().length > all || !shown().length) wrong.push("the filter does not narrow");
      if (!shown().every((one) => one.dataset.keys.split(" ").includes(select.value))) {
        wrong.push("the filter shows other classes");
      }
      select.selectedIndex = 0;
      select.dispatchEvent(new Event("change", { bubbles: true }));
      if (shown().length !== all) wrong.push("the filter does not let go");
    }

    const plot = document.querySelector("figure.rates .plot");
    if (plot) {
      plot.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
      const reading = document.querySelector(".reading");
      if (reading.hidden || !/\d/.test(reading.textContent)) wrong.push("the cross-hair says nothing");
    }
    return wrong;
  });
  problems.push(...said.map((one) => `with JavaScript: ${one}`));
  await page.context().close();
}

async function print(browser, url, problems) {
  const page = await open(browser, url, problems, { viewport: DESK, colorScheme: "dark" });
  await page.emulateMedia({ media: "print" });
  const wrong = await page.evaluate(() => {
    const found = [];
    const style = getComputedStyle(document.body);
    if (style.backgroundColor !== "rgb(255, 255, 255)") found.push("the page is not white");
    for (const name of ["nav", "#theme", "#filter"]) {
      const one = document.querySelector(name);
      if (one && getComputedStyle(one).display !== "none") found.push(`${name} is printed`);
    }
    return found;
  });
  problems.push(...wrong.map((one) => `print: ${one}`));
  const size = /\/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]/.exec(
    (await page.pdf({ preferCSSPageSize: true })).toString("latin1"),
  );
  if (!size || Math.round(size[1]) !== 595 || Math.round(size[2]) !== 842) {
    problems.push("print: the paper is not A4");
  }
  await page.context().close();
}

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const report = {};
for (const path of pages) {
  const url = pathToFileURL(path).href;
  const problems = [];
  await accessibility(browser, url, "light", DESK, problems);
  await accessibility(browser, url, "dark", DESK, problems);
  await accessibility(browser, url, "light", PHONE, problems);
  await phone(browser, url, problems);
  await withoutScripts(browser, url, problems);
  await withScripts(browser, url, problems);
  await print(browser, url, problems);
  report[path] = [...new Set(problems)];
}
await browser.close();
console.log(JSON.stringify(report));
