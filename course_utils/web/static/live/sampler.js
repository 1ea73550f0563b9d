"use strict";
// How the next token is chosen, as in course_utils/generation.py: temperature, top-k, top-p and min-p, in this order.

// Return the scores after all filters; what they drop is -Infinity. At temperature 0 only the highest score stays.
function filterScores(logits, { temperature = 1, topK = 0, topP = 1, minP = 0 } = {}) {
  if (temperature === 0) return keepTopK(Array.from(logits), 1);
  let scores = Array.from(logits, (score) => score / temperature);
  if (topK) scores = keepTopK(scores, topK);
  if (topP < 1) scores = keepTopP(scores, topP);
  return minP ? keepMinP(scores, minP) : scores;
}

// The k highest scores (Fan et al. 2018); those equal to the k-th highest stay too.
function keepTopK(scores, k) {
  const lowest = [...scores].sort((a, b) => b - a)[Math.min(k, scores.length) - 1];
  return scores.map((score) => (score < lowest ? -Infinity : score));
}

// The fewest tokens whose probabilities reach p together (Holtzman et al. 2020, equation 2).
function keepTopP(scores, p) {
  const probabilities = softmax(scores), kept = [...scores];
  const order = scores.map((_, i) => i).sort((a, b) => scores[a] - scores[b]);
  let sum = 0;
  // From the least likely on, tokens are dropped while together they have no more than 1 - p; the last one stays.
  for (const i of order.slice(0, -1)) {
    sum += probabilities[i];
    if (sum > 1 - p) break;
    kept[i] = -Infinity;
  }
  return kept;
}

// Tokens at least p times as likely as the likeliest (Nguyen et al. 2024, section 3).
function keepMinP(scores, p) {
  const threshold = scores.reduce((a, b) => Math.max(a, b)) + Math.log(p);
  return scores.map((score) => (score < threshold ? -Infinity : score));
}

// A token at random, each as often as its probability says; `random` is a number from 0 up to 1.
function draw(probabilities, random = Math.random()) {
  let sum = 0, last = 0;
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i] === 0) continue;
    sum += probabilities[i];
    last = i;
    if (random < sum) return i;
  }
  return last; // rounding may leave the sum a little below 1
}

// Tokens one by one, until one of `stops`, `most` tokens, or the end of the context. Between two of them the page
// gets its turn, so that it can show them and stop.
async function* generate(model, prompt, { stops, most = Infinity, settings = { temperature: 0 }, signal }) {
  const cache = model.newCache();
  let next = prompt;
  for (let told = 0; told < most && cache.length + next.length <= model.config.context_length; told++) {
    const id = draw(softmax(filterScores(model.read(next, cache), settings)));
    if (stops.includes(id)) return;
    yield id;
    await new Promise((resume) => setTimeout(resume));
    if (signal?.aborted) return;
    next = [id];
  }
}

if (typeof module !== "undefined") {
  Object.assign(globalThis, require("./gpt.js")); // in the page, gpt.js comes before this file
  module.exports = { filterScores, draw, generate };
}
