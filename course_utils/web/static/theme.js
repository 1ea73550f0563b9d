"use strict";
// Light or dark, before anything is drawn: as the reader chose here, else as their system says. A browser may refuse
// storage to a page from a folder; then the choice lasts as long as the page.
(() => {
  const wish = matchMedia("(prefers-color-scheme: dark)");
  const stored = (...value) => {
    try {
      return value.length ? localStorage.setItem("theme", value[0]) : localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) button.textContent = theme === "dark" ? "Light" : "Dark";
  };
  const now = () => document.documentElement.dataset.theme;
  show(stored() ?? (wish.matches ? "dark" : "light"));
  wish.addEventListener("change", () => stored() ?? show(wish.matches ? "dark" : "light"));
  addEventListener("DOMContentLoaded", () => {
    show(now());
    // A page that is left while it loads has its event, and no button yet.
    document.getElementById("theme")?.addEventListener("click", () => {
      show(now() === "dark" ? "light" : "dark");
      stored(now());
    });
  });
})();
