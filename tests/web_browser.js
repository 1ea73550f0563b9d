"use strict";
// Opens the pages of a site in Chromium, for tests/test_web.py: a question as JSON on standard input, its answer as JSON
// on standard output. `node web_browser.js FOLDER`, where FOLDER is a site; the environment's COURSE_BROWSER is a folder
// in which `npm install playwright-core axe-core` was run, and COURSE_CHROMIUM the program.
const fs = require("fs"), path = require("path"), { pathToFileURL } = require("url");

const site = process.argv[2];
const installed = (name) => require.resolve(name, { paths: [process.env.COURSE_BROWSER] });
const { chromium } = require(installed("playwright-core"));

// A window without a network. What goes wrong in it, and what it asks of a network, is collected.
async function opened(browser, { width = 1280, theme = "light" } = {}) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme, offline: true });
  context.setDefaultTimeout(300_000); // for a busy machine
  const page = await context.newPage(), troubles = [];
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("console", (said) => /error|warning/.test(said.type()) && troubles.push(said.text()));
  page.on("requestfailed", (request) => troubles.push(request.url()));
  page.on("request", (request) => /^(file|data|blob):/.test(request.url()) || troubles.push(request.url()));
  return { page, troubles };
}

const go = (page, name) => page.goto(pathToFileURL(path.join(site, name)).href);

// Each live part fills itself when it comes near the screen.
async function fill(page) {
  for (const part of await page.locator(".live").all()) {
    await part.scrollIntoViewIfNeeded();
    await part.and(page.locator("[data-ready]")).waitFor();
  }
}

// axe-core comes into a page. There code becomes plain text: its thousands of coloured words take axe minutes, also where
// it is told to leave them out, and tests/test_web.py checks the contrast of their few colours.
async function judged(page) {
  await page.addScriptTag({ path: installed("axe-core/axe.min.js") });
  await page.evaluate(() => {
    for (const word of document.querySelectorAll("pre span")) word.replaceWith(...word.childNodes);
    document.body.normalize();
  });
}

// What axe-core finds: contrast, names of controls, order of headings and more; or by these rules only.
async function faults(page, rules) {
  // Without `preload`: axe would read the style sheets anew, which a page from a folder may not.
  const options = { resultTypes: ["violations"], preload: false, ...(rules && { runOnly: rules }) };
  const { violations } = await page.evaluate((chosen) => axe.run(chosen), options);
  return violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 200)).join(" | ")}`);
}

const theme = (page) => page.evaluate(() => document.documentElement.dataset.theme);

const answers = {
  // What is wrong with each page on a narrow screen, in both themes. One window opens them all: a new one takes a second.
  pages: async (browser, { width, names }) => {
    const found = {}, { page, troubles } = await opened(browser, { width });
    for (const name of names ?? fs.readdirSync(site).filter((file) => file.endsWith(".html")).sort()) {
      await go(page, name);
      await fill(page);
      const sideways = await page.evaluate(() => Math.max(0, document.documentElement.scrollWidth - innerWidth));
      const formulas = await page.locator(".katex-error, .math:not(:has(.katex))").count();
      await judged(page);
      const themes = [await theme(page)], light = await faults(page);
      await page.locator("#theme").click();
      themes.push(await theme(page));
      const dark = await faults(page, ["color-contrast"]);
      await page.evaluate(() => localStorage.clear()); // the next page opens as for a new reader
      found[name] = { troubles: troubles.splice(0), sideways, formulas, themes, light, dark };
    }
    return found;
  },

  // All controls of each live part, and those that the Tab key reaches, in order.
  tab: async (browser) => {
    const { page, troubles } = await opened(browser, { theme: "dark" });
    await go(page, "model.html");
    await fill(page);
    const parts = await page.evaluate(() => {
      let number = 0;
      for (const one of document.querySelectorAll(".live :is(button, input, select, textarea)")) one.dataset.stop = number++;
      document.querySelector("main").focus();
      return [...document.querySelectorAll(".live")].map((part) => [...part.querySelectorAll("[data-stop]")].length);
    });
    const reached = [], all = parts.reduce((sum, count) => sum + count, 0);
    for (let i = 0; i < 2 * all && reached.length < all; i++) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate(() => document.activeElement.dataset.stop);
      if (stop !== undefined) reached.push(+stop);
    }
    return { parts, reached, troubles };
  },

  // A greedy tale and an answer of the chat, with no key but Tab and Enter.
  talk: async (browser) => {
    const { page, troubles } = await opened(browser, { width: 800, theme: "dark" });
    await go(page, "model.html");
    await fill(page);
    await page.locator("[data-part=tale] textarea").focus();
    for (const key of ["Tab", "Tab", "Enter"]) await page.keyboard.press(key); // the slider, the button
    const tale = page.locator(".tale[data-ids]");
    await tale.waitFor();
    await page.locator("[data-part=chat] textarea").focus();
    for (let said = 1; said <= 2; said++) { // a tale, then a question about it
      await page.keyboard.press("Enter");
      await page.locator("[data-part=chat] .assistant").nth(said - 1).waitFor();
      await page.locator("[data-part=chat] button[type=submit]:enabled").waitFor();
    }
    const replies = await page.locator("[data-part=chat] .assistant span").allTextContents();
    return { ids: (await tale.getAttribute("data-ids")).split(" ").map(Number), replies, troubles };
  },

  // How far a page is scrolled when it opens, and where the list of pages shows its own entry.
  beginning: async (browser, { name }) => {
    const { page, troubles } = await opened(browser);
    await go(page, name);
    const { y } = await page.locator("nav [aria-current]").boundingBox();
    return { scrolled: await page.evaluate(() => scrollY), entry: y, troubles };
  },

  // What is shown after a click on the first picture of a page.
  picture: async (browser, { name, width }) => {
    const { page, troubles } = await opened(browser, { width });
    await go(page, name);
    await page.locator("figure img").first().click();
    await page.waitForTimeout(1000);
    return { address: page.url().split("/").pop(), troubles };
  },

  // How wide the blank is that some code in a text begins with, in points, by that code.
  blanks: async (browser, { name }) => {
    const { page, troubles } = await opened(browser);
    await go(page, name);
    const widths = await page.evaluate(() => {
      const found = {};
      for (const code of document.querySelectorAll(":not(pre) > code")) {
        if (!code.textContent.startsWith(" ") || !code.checkVisibility()) continue;
        const blank = document.createRange();
        blank.setStart(code.firstChild, 0);
        blank.setEnd(code.firstChild, 1);
        found[code.textContent] = blank.getBoundingClientRect().width;
      }
      return found;
    });
    return { widths, troubles };
  },

  // Where the first hit of a search leads, by keyboard.
  search: async (browser, { words }) => {
    const { page, troubles } = await opened(browser, { width: 800 });
    await go(page, "index.html");
    await page.keyboard.press("/");
    await page.keyboard.type(words);
    await page.locator("#hits a").first().waitFor();
    for (const key of ["Tab", "Tab", "Enter"]) await page.keyboard.press(key); // Close, the first hit
    await page.waitForURL("**/*.html#*");
    return { address: page.url().split("/").pop(), troubles };
  },
};

(async () => {
  const { ask, ...rest } = JSON.parse(fs.readFileSync(0, "utf8"));
  const args = ["--no-sandbox", "--disable-gpu"];
  const browser = await chromium.launch({ executablePath: process.env.COURSE_CHROMIUM, args });
  try {
    process.stdout.write(JSON.stringify(await answers[ask](browser, rest)));
  } finally {
    await browser.close();
  }
})();
