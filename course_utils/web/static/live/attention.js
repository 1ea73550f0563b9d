"use strict";
// The attention of the trained model on the reader's sentence: all heads as small pictures, then one head, token by token.

// For each layer and head, row by row, how much a token attends to each of those up to itself.
function attentionOf(model, ids) {
  const { n_layer, n_head } = model.config;
  const maps = Array.from({ length: n_layer }, () => Array.from({ length: n_head }, () => []));
  model.read(ids, model.newCache(), (layer, head, position, weights) => (maps[layer][head][position] = weights));
  return maps;
}

// The layer and head in which a token attends most to a single other one, the first left out: many heads rest on it.
function surest(maps, asks) {
  const most = (map) => Math.max(0, ...map[asks].slice(1, asks));
  const all = maps.flatMap((heads, layer) => heads.map((map, head) => [most(map), layer, head]));
  return all.reduce((best, one) => (one[0] > best[0] ? one : best)).slice(1);
}

if (typeof PARTS !== "undefined") PARTS.attention = async (inside, name) => {
  const tokenizer = await loadTokenizer(name), model = await loadModel(name);
  const most = Math.min(48, model.config.context_length), end = tokenizer.special["<|endoftext|>"];
  const heads = el("div", { class: "heads", role: "group", "aria-label": "Heads" });
  const sentence = el("div", { class: "tokens attended", role: "group", "aria-label": "Tokens that ask" });
  const told = el("p", { "aria-live": "polite" }), title = el("h3");
  const { control, box } = textBox("Your sentence", "Clara gave the kite to Ben. Ben took the kite to the river. Then he gave the", read);
  let ids = [], maps = [], layer = 0, head = 0, asks = 0;

  function read() {
    // In training every tale came after an end of text.
    ids = [...(end === undefined ? [] : [end]), ...tokenizer.encode(box.value)].slice(0, most);
    maps = ids.length ? attentionOf(model, ids) : [];
    asks = ids.length - 1;
    if (maps.length) [layer, head] = surest(maps, asks);
    heads.replaceChildren(...maps.map((row, l) => el("div", { class: "layer" },
      el("span", {}, `layer ${l + 1}`), el("div", {}, ...row.map((map, h) => headButton(map, l, h))))));
    show();
  }

  function headButton(map, l, h) {
    const choose = () => show(([layer, head] = [l, h]));
    const label = `layer ${l + 1}, head ${h + 1}`;
    return el("button", { type: "button", "aria-label": label, title: label, click: choose }, picture(map));
  }

  // A square of dots for each pair of tokens: the row asks, the column is attended to.
  function picture(map) {
    const canvas = el("canvas", { width: map.length, height: map.length, "aria-hidden": "true" });
    const brush = canvas.getContext("2d");
    brush.fillStyle = `rgb(${getComputedStyle(document.documentElement).getPropertyValue("--weight")})`;
    map.forEach((weights, row) => weights.forEach((weight, column) => {
      brush.globalAlpha = weight;
      brush.fillRect(column, row, 1, 1);
    }));
    return canvas;
  }

  function show() {
    if (!ids.length) return;
    heads.querySelectorAll("button").forEach((button, i) => {
      button.setAttribute("aria-pressed", i === layer * model.config.n_head + head);
    });
    const weights = maps[layer][head][asks];
    title.textContent = `Layer ${layer + 1}, head ${head + 1}: what “${visible(tokenizer, ids[asks])}” attends to`;
    // The buttons stay while one of them is pressed, or the keyboard would lose its place.
    if (sentence.children.length !== ids.length || sentence.dataset.of !== String(ids)) {
      sentence.dataset.of = String(ids);
      sentence.replaceChildren(...ids.map((id, i) => el("button", { type: "button", click: () => show((asks = i)) },
        el("span", {}, visible(tokenizer, id)), el("small", {}))));
    }
    [...sentence.children].forEach((button, i) => {
      const weight = weights[i] ?? 0;
      button.style.setProperty("--share", Math.min(1, weight).toFixed(3));
      button.setAttribute("aria-pressed", i === asks);
      button.lastChild.textContent = i <= asks ? percent(weight) : "later";
    });
    const order = Array.from(weights, (weight, i) => [weight, i]).sort((a, b) => b[0] - a[0]).slice(0, 3);
    told.textContent = `Most to ${order.map(([w, i]) => `“${visible(tokenizer, ids[i])}” (${percent(w)})`).join(", ")}.`;
  }

  inside.append(control, heads, title, told, sentence);
  read();
};

if (typeof module !== "undefined") module.exports = { attentionOf };
