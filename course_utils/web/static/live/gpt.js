"use strict";
// The GPT of course_utils/gpt.py and the Llama of course_utils/llama.py in plain JavaScript: the same steps in the same
// order, so that every number is the notebook's. One token is read at a time; what earlier ones left in the cache is
// all that it can attend to, which makes it causal without a mask.

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

// Scale a vector to a mean square of 1, then by learned amounts (Zhang and Sennrich 2019, equation 4).
function rmsNorm(x, weight) {
  let square = 0;
  for (const value of x) square += value ** 2 / x.length;
  const scale = 1 / Math.sqrt(square + 1e-6);
  return x.map((value, i) => value * scale * weight[i]);
}

// What stands between the two layers of an MLP, by the name in the configuration.
const ACTIVATIONS = {
  // The tanh form of GELU, as in GPT-2 (Hendrycks and Gimpel 2016, section 2).
  gelu: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  relu2: (x) => Math.max(0, x) ** 2, // So et al. 2021, "Primer", section 4.1
  swiglu: (x) => x / (1 + Math.exp(-x)), // of the gate alone (Shazeer 2020, equation 6)
};

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
      x = add(x, this.attention(this.norm(x, "attn_norm", part), part, cache, layer, watch));
      x = add(x, this.mlp(this.norm(x, "mlp_norm", part), part));
    }
    cache.length += 1;
    return x;
  }

  // The norm of this name, of the kind that the configuration says.
  norm(x, name, part) {
    const weight = part(`${name}.weight`);
    return this.config.norm === "rms" ? rmsNorm(x, weight) : layerNorm(x, weight, part(`${name}.bias`));
  }

  embed(id, position) {
    const C = this.config.n_embd;
    const row = (table, number) => this.weights[table].subarray(number * C, (number + 1) * C);
    const token = row("token_embedding.weight", id);
    return this.config.positions === "learned" ? add(token, row("position_embedding.weight", position)) : token;
  }

  // Multi-head attention of the newest token to all so far (Vaswani et al. 2017, equation 1). Where there are fewer
  // heads of keys and values than of queries, several queries share one (Ainslie et al. 2023, section 2.2).
  attention(x, part, cache, layer, watch) {
    const { n_head, kv_heads, window } = this.config, { keys, values } = cache.layers[layer];
    const { query, key, value } = this.project(x, part, cache.length);
    keys.push(key);
    values.push(this.withFirstValues(value, part, cache, layer));
    const size = query.length / n_head, sharing = n_head / kv_heads, heads = new Float32Array(query.length);
    // Without a window the newest token attends to all; with one, to the last tokens of it, itself included.
    const oldest = window ? Math.max(0, keys.length - window) : 0;
    for (let head = 0; head < n_head; head++) {
      const start = head * size, shared = Math.floor(head / sharing) * size;
      const scores = keys.map((key, position) => {
        if (position < oldest) return -Infinity;
        let score = 0;
        for (let i = 0; i < size; i++) score += query[start + i] * key[shared + i];
        return score / Math.sqrt(size);
      });
      const weights = softmax(scores);
      if (watch) watch(layer, head, cache.length, weights);
      for (let position = oldest; position < keys.length; position++) {
        for (let i = 0; i < size; i++) heads[start + i] += weights[position] * values[position][shared + i];
      }
    }
    return linear(heads, part("attn.proj.weight"), part("attn.proj.bias"));
  }

  // A vector's query, key and value, all heads side by side, the first two rotated to their position.
  project(x, part, position) {
    const { n_embd, separate } = this.config;
    if (!separate) {
      const qkv = linear(x, part("attn.qkv.weight"), part("attn.qkv.bias"));
      const query = this.turn(qkv.subarray(0, n_embd), position);
      return { query, key: this.turn(qkv.subarray(n_embd, 2 * n_embd), position), value: qkv.subarray(2 * n_embd) };
    }
    const kv = linear(x, part("attn.kv.weight"), part("attn.kv.bias")), half = kv.length / 2;
    const query = this.normHeads(linear(x, part("attn.query.weight"), part("attn.query.bias")), "attn.q_norm", part);
    const key = this.normHeads(kv.slice(0, half), "attn.k_norm", part);
    return { query: this.turn(query, position), key: this.turn(key, position), value: kv.subarray(half) };
  }

  // QK-norm: each head's query, or key, has a norm of its own before it is rotated (Dehghani et al. 2023).
  normHeads(x, name, part) {
    if (!this.config.qk_norm) return x;
    const size = this.config.n_embd / this.config.n_head;
    for (let start = 0; start < x.length; start += size) {
      x.set(this.norm(x.subarray(start, start + size), name, part), start);
    }
    return x;
  }

  // Later layers mix in what the first one's values were for this token (Zhou et al. 2024).
  withFirstValues(value, part, cache, layer) {
    const mix = part("attn.value_mix");
    if (!mix) return value;
    const first = cache.layers[0].values[cache.length];
    return value.map((own, i) => mix[0] * own + mix[1] * first[i]);
  }

  // Rotary positions rotate each pair (x[i], x[i + half a head]) by an angle that grows with the position
  // (Su et al. 2021, equation 34); learned ones were added at the start.
  turn(x, position) {
    if (this.config.positions === "learned") return x;
    const { n_head, n_embd } = this.config, size = n_embd / n_head, turned = x.slice();
    for (let first = 0; first < x.length; first += 1) {
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
    const up = linear(x, part("mlp.up.weight"), part("mlp.up.bias")), activation = ACTIVATIONS[this.config.mlp];
    // A gate, if there is one, goes through the activation and multiplies what goes up.
    const gate = part("mlp.gate.weight") && linear(x, part("mlp.gate.weight"), part("mlp.gate.bias")).map(activation);
    const inside = gate ? up.map((value, i) => value * gate[i]) : up.map(activation);
    return linear(inside, part("mlp.down.weight"), part("mlp.down.bias"));
  }

  // What the model knows after the last token, as a score for each token of the vocabulary.
  scores(x) {
    const { tied, soft_cap } = this.config, last = this.norm(x, "final_norm", (name) => this.weights[name]);
    const scores = linear(last, this.weights[tied ? "token_embedding.weight" : "lm_head.weight"]);
    // A cap bends large scores, so that none exceeds it (Gemma Team 2024, section 2).
    return soft_cap ? scores.map((score) => soft_cap * Math.tanh(score / soft_cap)) : scores;
  }
}

if (typeof module !== "undefined") module.exports = { GPT, softmax };
