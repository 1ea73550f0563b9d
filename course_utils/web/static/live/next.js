"use strict";
// The model's scores for the next token after the reader's text, through softmax and the filters.

PARTS.next = async (inside, name) => {
  const tokenizer = await loadTokenizer(name), model = await loadModel(name);
  const end = tokenizer.special["<|endoftext|>"], settings = { temperature: 1, topK: 0, topP: 1, minP: 0 };
  const bars = el("ol", { class: "bars" }), told = el("p", { "aria-live": "polite" });
  const { control, box } = textBox("Your text", "Clara took her striped umbrella to the", read);
  const set = (key) => (value) => show((settings[key] = value));
  const off = (none) => (value) => (value === none ? "off" : String(value));
  const sliders = [
    slider("temperature", { min: 0, max: 2, step: 0.05, value: 1, show: (t) => (t ? t.toFixed(2) : "0, greedy") }, set("temperature")),
    slider("top-k", { min: 0, max: 50, value: 0, show: off(0) }, set("topK")),
    slider("top-p", { min: 0.05, max: 1, step: 0.05, value: 1, show: off(1) }, set("topP")),
    slider("min-p", { min: 0, max: 0.5, step: 0.01, value: 0, show: off(0) }, set("minP")),
  ];
  const random = el("button", { type: "button", class: "main", click: () => append(draw(chances())) }, "Draw the next token");
  let logits = [];

  function read() {
    const ids = [...(end === undefined ? [] : [end]), ...tokenizer.encode(box.value)];
    // Of a text that is longer than the context, the model reads the end.
    if (ids.length) logits = model.read(ids.slice(-model.config.context_length), model.newCache());
    show();
  }

  const chances = () => softmax(filterScores(logits, settings));

  function show() {
    if (!logits.length) return;
    const kept = chances(), plain = softmax(logits);
    const order = Array.from(logits, (_, id) => id).sort((a, b) => logits[b] - logits[a]).slice(0, 12);
    const left = kept.filter((chance) => chance > 0).length;
    told.textContent = `${left.toLocaleString("en")} of ${logits.length.toLocaleString("en")} tokens can be drawn.`;
    bars.replaceChildren(...order.map((id) => bar(id, kept[id], plain[id])));
  }

  function bar(id, chance, before) {
    const token = visible(tokenizer, id);
    const button = el("button", { type: "button", disabled: id in stopIds(), click: () => append(id) }, token);
    const fill = el("span", { class: "fill", style: `width: ${(100 * chance).toFixed(2)}%` });
    const numbers = `${chance ? percent(chance) : "dropped"} (score ${logits[id].toFixed(2)}, ${percent(before)} unfiltered)`;
    return el("li", { class: chance ? "" : "dropped" }, button, el("span", { class: "track" }, fill), el("small", {}, numbers));
  }

  // A special token can't be put into a text.
  const stopIds = () => Object.fromEntries(Object.values(tokenizer.special).map((id) => [id, true]));

  function append(id) {
    if (id in stopIds()) return void (told.textContent = "The model ends the text here.");
    box.value += tokenizer.decode([id]);
    read();
  }

  inside.append(control, el("div", { class: "sliders" }, ...sliders.map((one) => one.control)), random, told, bars);
  read();
};
