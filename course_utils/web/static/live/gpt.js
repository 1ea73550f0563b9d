"use strict";
// The GPT of course_utils/gpt.py in plain JavaScript: the same steps in the same order, so that every number is the
// notebook's. One token is read at a time; what earlier ones left in the cache is all that it can attend to, which
// makes it causal without a mask.

// y = W x + b, with W as PyTorch stores it: a row of weights for each output.
function linear(x, weight, bias) {
  const y = new Float32Array(weight.length / x.length);
  for (let row = 0, w = 0; row < y.length; row++) {
    let sum = bias ? bias[row] : 0;
    for (let i = 0; i < x.length; i++) sum += weight[w++] * x[i];
    y[row] = sum;
  }
  return y;
}

// Shift and scale a vector to mean 0 and variance 1, then by learned amounts (Ba et al. 2016, equation 4).
function layerNorm(x, weight, bias) {
  let mean = 0, variance = 0;
  for (const value of x) mean += value / x.length;
  for (const value of x) variance += (value - mean) ** 2 / x.length;
  const scale = 1 / Math.sqrt(variance + 1e-5);
  return x.map((value, i) => (value - mean) * scale * weight[i] + bias[i]);
}

// The tanh form of GELU, as in GPT-2 (Hendrycks and Gimpel 2016, section 2).
function gelu(x) {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

// Scores to positive numbers that add up to 1. The largest is taken off first, or e to its power could overflow.
function softmax(scores) {
  let highest = -Infinity, total = 0;
  for (const score of scores) highest = Math.max(highest, score);
  const weights = Float64Array.from(scores, (score) => Math.exp(score - highest));
  for (const weight of weights) total += weight;
  return weights.map((weight) => weight / total);
}

function add(x, y) {
  return x.map((value, i) => value + y[i]);
}

class GPT {
  // `weights` has a Float32Array for each name that the checkpoint's file has.
  constructor(config, weights) {
    this.config = config;
    this.weights = weights;
  }

  // Keys and values of the tokens read so far: for each layer a list of vectors, one a token.
  newCache() {
    const layers = Array.from({ length: this.config.n_layer }, () => ({ keys: [], values: [] }));
    return { layers, length: 0 };
  }

  // Read tokens and return the scores (logits) of the one after them. `watch(layer, head, position, weights)` is told
  // how much a token attends to each token up to itself.
  read(ids, cache, watch) {
    if (cache.length + ids.length > this.config.context_length) {
      throw new RangeError(`the model's context holds ${this.config.context_length} tokens: shorten the text`);
    }
    let x;
    for (const id of ids) x = this.readOne(id, cache, watch);
    return this.scores(x);
  }

  // One token's way up through the blocks.
  readOne(id, cache, watch) {
    let x = this.embed(id, cache.length);
    for (let layer = 0; layer < this.config.n_layer; layer++) {
      const part = (name) => this.weights[`blocks.${layer}.${name}`];
      const norm = (name) => layerNorm(x, part(`${name}.weight`), part(`${name}.bias`));
      x = add(x, this.attention(norm("attn_norm"), part, cache, layer, watch));
      x = add(x, this.mlp(norm("mlp_norm"), part));
    }
    cache.length += 1;
    return x;
  }

  embed(id, position) {
    const C = this.config.n_embd;
    const row = (table, number) => this.weights[table].subarray(number * C, (number + 1) * C);
    const token = row("token_embedding.weight", id);
    return this.config.positions === "learned" ? add(token, row("position_embedding.weight", position)) : token;
  }

  // Multi-head attention of the newest token to all so far (Vaswani et al. 2017, equation 1).
  attention(x, part, cache, layer, watch) {
    const { n_head, n_embd } = this.config, size = n_embd / n_head;
    const qkv = linear(x, part("attn.qkv.weight"), part("attn.qkv.bias"));
    const { keys, values } = cache.layers[layer];
    const query = this.turn(qkv.subarray(0, n_embd), cache.length);
    keys.push(this.turn(qkv.subarray(n_embd, 2 * n_embd), cache.length));
    values.push(qkv.subarray(2 * n_embd));
    const heads = new Float32Array(n_embd);
    for (let head = 0; head < n_head; head++) {
      const start = head * size, end = start + size;
      const scores = keys.map((key) => {
        let score = 0;
        for (let i = start; i < end; i++) score += query[i] * key[i];
        return score / Math.sqrt(size);
      });
      const weights = softmax(scores);
      if (watch) watch(layer, head, cache.length, weights);
      weights.forEach((weight, position) => {
        for (let i = start; i < end; i++) heads[i] += weight * values[position][i];
      });
    }
    return linear(heads, part("attn.proj.weight"), part("attn.proj.bias"));
  }

  // Rotary positions rotate each pair (x[i], x[i + half a head]) by an angle that grows with the position
  // (Su et al. 2021, equation 34); learned ones were added at the start.
  turn(x, position) {
    if (this.config.positions === "learned") return x;
    const { n_head, n_embd } = this.config, size = n_embd / n_head, turned = x.slice();
    for (let first = 0; first < n_embd; first += 1) {
      const i = first % size;
      if (i >= size / 2) continue;
      const angle = Math.fround(position * Math.fround(1 / 10000 ** ((2 * i) / size)));
      const other = first + size / 2, cos = Math.cos(angle), sin = Math.sin(angle);
      turned[first] = x[first] * cos - x[other] * sin;
      turned[other] = x[other] * cos + x[first] * sin;
    }
    return turned;
  }

  mlp(x, part) {
    const up = linear(x, part("mlp.up.weight"), part("mlp.up.bias")).map(gelu);
    return linear(up, part("mlp.down.weight"), part("mlp.down.bias"));
  }

  // What the model knows after the last token, as a score for each token of the vocabulary.
  scores(x) {
    const last = layerNorm(x, this.weights["final_norm.weight"], this.weights["final_norm.bias"]);
    return linear(last, this.weights[this.config.tied ? "token_embedding.weight" : "lm_head.weight"]);
  }
}

if (typeof module !== "undefined") module.exports = { GPT, softmax };
