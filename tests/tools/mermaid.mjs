// Reads diagrams (a JSON list of texts) on stdin and prints what Mermaid makes of each: labels, and arrows with theirs.
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

const page = new JSDOM("<!doctype html><body></body>");
globalThis.window = page.window;
globalThis.document = page.window.document;
const { default: mermaid } = await import("mermaid");
mermaid.initialize({ startOnLoad: false, securityLevel: "strict" });

// What Mermaid puts in the place of `#60;` until it draws.
const decoded = (text) =>
  (text ?? "").replace(/ﬂ°°(\d+)¶ß/g, (_, code) => String.fromCodePoint(Number(code)));

const read = async (text) => {
  const { diagramType } = await mermaid.parse(text);
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
  const nodes = [...db.getVertices().values()].map((node) => ({
    label: decoded(node.text),
    link: node.link ?? null,
  }));
  const edges = db.getEdges().map((edge) => [edge.start, edge.end, decoded(edge.text)]);
  return { diagramType, nodes, edges };
};
const found = [];
for (const text of JSON.parse(readFileSync(0, "utf8"))) found.push(await read(text));
process.stdout.write(JSON.stringify(found));
