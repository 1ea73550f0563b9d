"use strict";
// Runs the page's own scripts outside a page, for tests/test_web.py: a question as JSON on standard input, its answer
// as JSON on standard output. `node web_driver.js FOLDER`, where FOLDER is a site.
const fs = require("fs"), path = require("path"), vm = require("vm");

const site = process.argv[2];
globalThis.window = globalThis;
for (const file of ["gpt", "bpe", "sampler", "loading", "windows", "attention", "chat"]) {
  Object.assign(globalThis, require(path.join(site, "static", "live", `${file}.js`)));
}

function load(table, name, kind) {
  vm.runInThisContext(fs.readFileSync(path.join(site, "models", `${name}.${kind}.js`), "utf8"));
  return window[table][name];
}
const tokenizerOf = (name) => new BPETokenizer(load("TOKENIZERS", name, "tokenizer"));
const gptOf = (name) => modelOf(load("WEIGHTS", name, "weights"));

const answers = {
  encode: ({ name, texts }) => ((one) => texts.map((text) => one.encode(text)))(tokenizerOf(name)),
  decode: ({ name, rows }) => ((one) => rows.map((ids) => one.decode(ids)))(tokenizerOf(name)),
  steps: ({ name, piece }) => tokenizerOf(name).steps(piece).map((parts) => parts.length),
  logits: ({ name, ids }) => ((model) => Array.from(model.read(ids, model.newCache())))(gptOf(name)),
  attention: ({ name, ids }) => attentionOf(gptOf(name), ids).map((heads) => heads.map((map) => map.map((row) => [...row]))),
  filter: ({ rows, settings }) => rows.map((scores, i) => filterScores(scores, settings[i]).map((s) => s > -Infinity)),
  draw: ({ probabilities, points }) => points.map((point) => draw(probabilities, point)),
  windows: ({ cases }) => cases.map((one) => windowStarts(...one)),
  chat: ({ name, messages, room }) => ((one) => encodeChat(one, fit(one, messages, room)))(tokenizerOf(name)),
  generate: async ({ name, prompt, stops, most }) => {
    const ids = [];
    for await (const id of generate(gptOf(name), prompt, { stops, most })) ids.push(id);
    return ids;
  },
};

(async () => {
  const { ask, ...rest } = JSON.parse(fs.readFileSync(0, "utf8"));
  process.stdout.write(JSON.stringify(await answers[ask](rest)));
})();
