// What Lighthouse says of the site under the address that Pages would give it, from a server that compresses as Pages does.
//
//     npm ci                                        # with the development's packages, which `make site` leaves out
//     node benchmarks/lighthouse.mjs                # five runs each, mobile and desktop: medians, and every audit that fails
//     node benchmarks/lighthouse.mjs --runs 1 --no-performance
//
// Performance depends on the machine and on what else it does: read it from a quiet one.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

const { values: asked } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    origin: { type: "string", default: "https://owner.github.io" },
    "no-performance": { type: "boolean", default: false },
  },
});
const LIGHTHOUSE = "node_modules/lighthouse";
const BASE = /^baseurl: (\S+)/m.exec(readFileSync("_config.yml", "utf8"))[1];
const PAGES = [`${BASE}/`, `${BASE}/appendix/`];
const TYPES = {
  ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".gif": "image/gif",
  ".woff2": "font/woff2", ".xml": "application/xml; charset=utf-8", ".txt": "text/plain; charset=utf-8", ".wasm": "application/wasm",
};
const COMPRESSED = /^(text|application\/(json|xml|wasm)|image\/svg)/;

function stop(sentence) {
  console.error(`error: ${sentence}`);
  process.exit(1);
}

// The site as Pages builds it, in a folder of its own.
function build(folder) {
  const address = join(folder, "address.yml");
  writeFileSync(address, `url: "${asked.origin}"\nbaseurl: "${BASE}"\nrepository: "owner${BASE}"\n`);
  const words = ["exec", "jekyll", "build", "--quiet", "--config", `_config.yml,${address}`, "-d", join(folder, "site")];
  execFileSync("bundle", words, { stdio: ["ignore", "ignore", "inherit"] });
  return join(folder, "site");
}

function serve(site) {
  const packed = new Map();
  return createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    let file = path.startsWith(`${BASE}/`) && !path.includes("..") ? join(site, path.slice(BASE.length)) : "";
    if (file.endsWith("/")) file += "index.html";
    if (!file || !existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
    const type = TYPES[extname(file)] ?? "application/octet-stream", headers = { "content-type": type, "cache-control": "max-age=600" };
    if (!packed.has(file)) packed.set(file, COMPRESSED.test(type) ? gzipSync(readFileSync(file)) : readFileSync(file));
    if (COMPRESSED.test(type)) headers["content-encoding"] = "gzip";
    return response.writeHead(200, headers).end(packed.get(file));
  }).listen(0, "127.0.0.1");
}

// One run, in a browser of its own.
async function measure(url, device) {
  const onlyCategories = ["accessibility", "best-practices", "seo", ...(asked["no-performance"] ? [] : ["performance"])];
  const browser = await launch({ chromeFlags: ["--headless=new", "--no-sandbox", "--disable-gpu"], logLevel: "silent" });
  try {
    const flags = { port: browser.port, onlyCategories, logLevel: "silent" };
    return (await lighthouse(url, flags, device === "desktop" ? desktopConfig : undefined)).lhr;
  } finally {
    browser.kill();
  }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

if (!existsSync(LIGHTHOUSE)) stop("Lighthouse is not installed: `npm ci`");
const { default: lighthouse, desktopConfig } = await import("lighthouse");
const { launch } = await import("chrome-launcher");
const { Fetcher } = await import("lighthouse/core/gather/fetcher.js");
// Lighthouse's command line asks for robots.txt from within the page, whose policy allows no request. It is asked for from outside
// here, as crawlers do, and as PageSpeed Insights has Lighthouse do.
Fetcher.prototype.fetchResource = async (address) => {
  const response = await fetch(address);
  return { status: response.status, content: await response.text() };
};
const folder = mkdtempSync(join(tmpdir(), "lighthouse-"));
const server = serve(build(folder));
await once(server, "listening");
try {
  console.log("| page | device | performance | accessibility | best practices | SEO | kB, requests |\n|:--|:--|--:|--:|--:|--:|--:|");
  for (const page of PAGES) {
    for (const device of ["mobile", "desktop"]) {
      const runs = [];
      while (runs.length < Number(asked.runs)) runs.push(await measure(`http://127.0.0.1:${server.address().port}${page}`, device));
      const scores = ["performance", "accessibility", "best-practices", "seo"].map((name) => {
        const found = runs.map((run) => run.categories[name]?.score).filter((score) => score !== undefined);
        return found.length ? Math.round(100 * median(found)) : "";
      });
      const loads = runs[0].audits["network-requests"]?.details?.items ?? [];
      const size = loads.length ? `${Math.round(loads.reduce((sum, load) => sum + load.transferSize, 0) / 1000)}, ${loads.length}` : "";
      console.log(`| ${page} | ${device} | ${[...scores, size].join(" | ")} |`);
      const failed = Object.values(runs[0].audits).filter((audit) => audit.score !== null && audit.score < 0.9);
      for (const audit of failed) console.log(`  ${audit.id}: ${audit.title}${audit.displayValue ? ` (${audit.displayValue})` : ""}`);
    }
  }
} finally {
  server.close();
  rmSync(folder, { recursive: true });
}
