"use strict";
// The reader's own sentence through the tokenizer: its tokens, GPT-2's beside them, and the merges step by step.

PARTS.tokens = async (inside, model) => {
  const tokenizer = await loadTokenizer(model);
  const gpt2 = await loadTokenizer("gpt2");
  const ours = el("div", { "aria-live": "polite" }), theirs = el("div"), merging = el("div");
  const { control, box } = textBox("Your text", "Clara hid her striped umbrella underneath the lighthouse.", show);

  function show() {
    ours.replaceChildren(...tokensOf("This model's tokens", tokenizer));
    theirs.replaceChildren(...tokensOf("GPT-2's tokens", gpt2));
    merging.replaceChildren(...choosePiece());
  }

  function tokensOf(title, one) {
    const ids = one.encode(box.value);
    const told = `${title}: ${ids.length}, from a vocabulary of ${one.tokens.size.toLocaleString("en")}`;
    return [el("h3", {}, told), tokenRow(ids.map((id) => [visible(one, id), id]))];
  }

  // A piece is chosen from a list; a slider then goes through its merges.
  function choosePiece() {
    const pieces = [...new Set(tokenizer.split(box.value))];
    if (!pieces.length) return [];
    const choice = el("select", {}, ...pieces.map((piece) => el("option", {}, piece.replace(/ /g, "·"))));
    const stage = el("div");
    choice.selectedIndex = pieces.reduce((best, piece, i) => (piece.length > pieces[best].length ? i : best), 0);
    choice.addEventListener("change", showStages);
    showStages();
    return [el("h3", {}, "The merges of one piece"), labelled("Piece", choice), stage];

    function showStages() {
      const stages = tokenizer.steps(pieces[choice.selectedIndex]), last = stages.length - 1;
      const row = el("div", { "aria-live": "polite" });
      const { control } = slider("Merges done", { min: 0, max: last, value: last, show: (n) => `${n} of ${last}` }, draw);
      stage.replaceChildren(control, row);
      draw(last);

      function draw(number) {
        row.replaceChildren(tokenRow(stages[number].map((part) => [visibleBytes(tokenizer, part), tokenizer.ranks.get(part)])));
      }
    }
  }

  inside.append(control, ours, theirs, merging);
  show();
};
