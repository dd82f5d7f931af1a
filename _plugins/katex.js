// Reads [{display, tex}] from stdin, writes {html: [...]} or {error, tex} for the first formula KaTeX refuses.
const katex = require(process.argv[2] + "/node_modules/katex");
const formulas = JSON.parse(require("fs").readFileSync(0, "utf8"));
const answer = { html: [] };
let count = 0;
for (const { display, tex } of formulas) {
  try {
    const html = katex.renderToString(tex, { displayMode: display, output: "htmlAndMathml", throwOnError: true, strict: "error" });
    // A long formula scrolls inside its own box, which the keyboard must be able to reach.
    answer.html.push(display ? `<div class="formula" role="group" tabindex="0" aria-label="Formula ${++count}">${html}</div>` : html);
  } catch (error) {
    Object.assign(answer, { error: error.rawMessage || error.message, tex });
    break;
  }
}
process.stdout.write(JSON.stringify(answer));
