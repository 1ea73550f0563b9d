"use strict";
// What all live parts share: making elements, showing tokens, and starting a part when it comes into view.

const PARTS = {}; // each part's script adds `PARTS.name = (inside, model) => …`, which fills the element `inside`

// An element with attributes and children; an attribute that is a function listens to the event of that name.
function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// A control under its label. Parts may stand together in one page, so each control gets a number of its own.
function labelled(text, control) {
  labelled.count = (labelled.count ?? 0) + 1;
  control.id = `control-${labelled.count}`;
  return el("div", { class: "control" }, el("label", { for: control.id }, text), control);
}

// A slider that shows its value behind its label; `moved` is called with the number.
function slider(text, { min, max, step = 1, value, show = String }, moved) {
  const output = el("output", {}, show(value));
  const input = el("input", { type: "range", min, max, step, value });
  input.setAttribute("aria-valuetext", show(value));
  input.addEventListener("input", () => {
    output.textContent = show(+input.value);
    input.setAttribute("aria-valuetext", show(+input.value));
    moved(+input.value);
  });
  const control = labelled(text, input);
  control.firstChild.append(" ", output);
  return { control, input };
}

// A box for text that calls `changed` soon after the last key.
function textBox(text, value, changed, rows = 2) {
  const box = el("textarea", { rows, spellcheck: "false", dir: "auto" }); // Arabic from the right
  box.value = value;
  let wait;
  box.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(changed, 250);
  });
  return { control: labelled(text, box), box };
}

// A token as it is shown: a dot for a space, an arrow for a new line, numbers for bytes that are no whole character.
function visible(tokenizer, id) {
  const token = tokenizer.tokens.get(id);
  const special = Object.keys(tokenizer.special).find((name) => tokenizer.special[name] === id);
  return special ?? visibleBytes(tokenizer, token);
}

function visibleBytes(tokenizer, token) {
  const text = tokenizer.show(token);
  if (text.includes("\uFFFD")) return [...token].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
  return text.replace(/ /g, "·").replace(/\n/g, "⏎").replace(/\t/g, "⇥");
}

// A row of tokens, each with what stands under it.
function tokenRow(rows, kind = "") {
  return el("ol", { class: `tokens ${kind}` }, ...rows.map(([text, under]) => {
    const item = el("li", {}, el("span", {}, text));
    if (under !== undefined) item.append(el("small", {}, String(under)));
    return item;
  }));
}

function percent(fraction) {
  return `${(100 * fraction).toFixed(1)}\u00a0%`;
}

// --- starting: a part loads its model when it comes near the screen, so that a page opens without waiting for it ---

async function start(section) {
  const inside = section.querySelector(".inside");
  inside.replaceChildren(el("p", { role: "status" }, "Loading the model …"));
  try {
    await new Promise((shown) => setTimeout(shown, 30));
    const place = el("div");
    await PARTS[section.dataset.part](place, section.dataset.model);
    inside.replaceChildren(place);
    section.dataset.ready = "";
  } catch (error) {
    inside.replaceChildren(el("p", { role: "alert" }, `This part doesn't work here: ${error.message}`));
  }
}

addEventListener("DOMContentLoaded", () => {
  const near = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      near.unobserve(target);
      start(target);
    }
  }, { rootMargin: "400px" });
  document.querySelectorAll(".live").forEach((section) => near.observe(section));
});
