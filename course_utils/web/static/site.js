"use strict";
// What every page does: the menu on narrow screens, formulas, and the search.

const byId = (name) => document.getElementById(name);

byId("menu").addEventListener("click", () => {
  const open = byId("nav").classList.toggle("open");
  byId("menu").setAttribute("aria-expanded", open);
});

// The list shows where we are; `scrollIntoView` would scroll the page as well.
const here = document.querySelector("nav [aria-current]");
if (here) byId("nav").scrollTop = here.offsetTop - byId("nav").clientHeight / 2;

addEventListener("DOMContentLoaded", () => {
  for (const place of document.querySelectorAll(".math")) {
    const displayMode = place.classList.contains("display");
    window.katex?.render(place.textContent, place, { displayMode, throwOnError: false });
    // A wide formula scrolls by itself, and what scrolls can be reached by the keyboard.
    if (displayMode) place.tabIndex = 0;
  }
});

// Where a picture is drawn at less than two thirds of its size, as on a phone, a tap opens it by itself, to be enlarged.
addEventListener("click", ({ target }) => {
  const small = target.matches("figure img") && target.width < target.getAttribute("width") * 2 / 3;
  if (small) location.href = target.src;
});

// --- search: an index that is loaded when it is first asked for ---

function openSearch() {
  byId("search").showModal();
  byId("words").focus();
  if (window.SEARCH) return search();
  const script = document.createElement("script");
  script.src = "search_index.js";
  script.onload = search;
  document.head.append(script);
}

function search() {
  const words = byId("words").value.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = words.length && window.SEARCH ? ranked(words) : [];
  byId("found").textContent = words.length ? `${hits.length || "No"} section${hits.length === 1 ? "" : "s"} found` : "";
  byId("hits").replaceChildren(...hits.slice(0, 40).map((hit) => hitItem(hit, words)));
}

// All words must be there. A word in a heading counts more than one in the text, and whole words more than parts.
function ranked(words) {
  const worth = (section) => {
    const title = `${section.page} ${section.title}`.toLowerCase(), text = section.text.toLowerCase();
    let sum = 0;
    for (const word of words) {
      const times = text.split(word).length - 1;
      if (!times && !title.includes(word)) return 0;
      sum += Math.min(times, 5) + (section.title.toLowerCase().includes(word) ? 20 : 0) + 1;
    }
    return sum;
  };
  const scored = window.SEARCH.map((section) => [worth(section), section]).filter(([sum]) => sum > 0);
  return scored.sort((a, b) => b[0] - a[0]).map(([, section]) => section);
}

function hitItem(section, words) {
  const item = document.createElement("li"), link = document.createElement("a"), text = document.createElement("p");
  link.href = section.address;
  link.textContent = section.title === section.page ? section.page : `${section.page}: ${section.title}`;
  link.addEventListener("click", () => byId("search").close());
  const near = Math.max(0, section.text.toLowerCase().indexOf(words[0]) - 60);
  const at = section.text.lastIndexOf(" ", near) + 1; // from the beginning of a word
  const excerpt = section.text.slice(at, at + 180);
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[.*+?^$${}()|[\]\\]/g, "\\$&")).join("|")})`, "gi");
  for (const [i, part] of excerpt.split(pattern).entries()) {
    // At odd places stands what was found.
    const node = document.createElement(i % 2 ? "mark" : "span");
    node.textContent = part;
    text.append(node);
  }
  item.append(link, text);
  return item;
}

byId("find").addEventListener("click", openSearch);
byId("words").addEventListener("input", search);
document.addEventListener("keydown", (event) => {
  const typing = /INPUT|TEXTAREA|SELECT/.test(document.activeElement?.tagName);
  if (event.key === "/" && !typing) {
    event.preventDefault();
    openSearch();
  }
});
