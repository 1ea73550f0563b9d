"use strict";
// Inputs and targets as windows over the reader's text, with sliders for their length and stride.

// Where windows begin: as course_utils/windows.py has it, each needs one token more, for its last target.
function windowStarts(count, maxLength, stride) {
  const starts = [];
  for (let start = 0; start + maxLength < count; start += stride) starts.push(start);
  return starts;
}

if (typeof PARTS !== "undefined") PARTS.windows = async (inside, model) => {
  const tokenizer = await loadTokenizer(model);
  const most = 8, result = el("div", { "aria-live": "polite" });
  let maxLength = 4, stride = 2;
  const { control, box } = textBox("Your text", "Clara took her umbrella to the river. Then Ben came along.", show);
  const length = slider("max_length", { min: 1, max: 12, value: maxLength }, (value) => show((maxLength = value)));
  const step = slider("stride", { min: 1, max: 12, value: stride }, (value) => show((stride = value)));

  function show() {
    const ids = tokenizer.encode(box.value), starts = windowStarts(ids.length, maxLength, stride);
    const row = (name, start) => [
      el("span", { class: "side" }, name),
      tokenRow(ids.slice(start, start + maxLength).map((id) => [visible(tokenizer, id)]), name),
    ];
    const windows = starts.slice(0, most).map((start, i) =>
      el("li", {}, el("strong", {}, `Window ${i + 1}, from token ${start}`), el("div", { class: "pair" },
        ...row("input", start), ...row("target", start + 1))));
    const rest = starts.length > most ? `, of which the first ${most} are shown` : "";
    result.replaceChildren(
      el("p", {}, `${ids.length} tokens make ${starts.length} window${starts.length === 1 ? "" : "s"}${rest}.`),
      el("ol", { class: "windows" }, ...windows),
    );
  }

  inside.append(control, length.control, step.control, result);
  show();
};

if (typeof module !== "undefined") module.exports = { windowStarts };
