"use strict";
// A box in which the model goes on from the reader's first sentence.

PARTS.tale = async (inside, name) => {
  const tokenizer = await loadTokenizer(name), model = await loadModel(name);
  const end = tokenizer.special["<|endoftext|>"], stops = end === undefined ? [] : [end];
  const tale = el("p", { class: "tale", dir: "auto", role: "log", "aria-label": "The tale" });
  const { control, box } = textBox("Your first sentence", "Clara took her striped umbrella to the river one windy afternoon.", () => {});
  let temperature = 0, running = null;
  const heat = slider("temperature", { min: 0, max: 1.5, step: 0.1, value: 0, show: (t) => (t ? t.toFixed(1) : "0, greedy") },
    (value) => (temperature = value));
  const button = el("button", { type: "button", class: "main", click: () => (running ? running.abort() : tell()) }, "Tell the tale");

  async function tell() {
    running = new AbortController();
    button.textContent = "Stop";
    const told = [], begin = performance.now(), rest = el("span", { class: "told" }), note = el("small");
    tale.replaceChildren(box.value, rest, " ", note);
    try {
      const prompt = [...stops, ...tokenizer.encode(box.value)];
      if (!prompt.length) throw new RangeError("type a first sentence");
      if (prompt.length >= model.config.context_length) throw new RangeError("the first sentence fills the context: shorten it");
      const settings = { temperature }, signal = running.signal;
      for await (const id of generate(model, prompt, { stops, settings, signal })) {
        told.push(id);
        rest.textContent = tokenizer.decode(told);
      }
      const seconds = (performance.now() - begin) / 1000;
      note.textContent = `${told.length} tokens in ${seconds.toFixed(1)} s`;
    } catch (error) {
      note.textContent = error.message;
    }
    tale.dataset.ids = told.join(" ");
    running = null;
    button.textContent = "Tell the tale";
  }

  inside.append(control, heat.control, button, tale);
};
