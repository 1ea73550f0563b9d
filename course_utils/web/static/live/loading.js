"use strict";
// Models and tokenizers, loaded when a part of a page first needs them. They come as scripts, since a page from a plain
// folder may read nothing else.

function loadScript(address) {
  loadScript.begun ??= {};
  loadScript.begun[address] ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = done;
    script.onerror = () => failed(new Error(`${address} could not be loaded`));
    document.head.append(script);
  });
  return loadScript.begun[address];
}

async function loadTokenizer(name) {
  await loadScript(`models/${name}.tokenizer.js`);
  return new BPETokenizer(window.TOKENIZERS[name]);
}

async function loadModel(name) {
  await loadScript(`models/${name}.weights.js`);
  return modelOf(window.WEIGHTS[name]);
}

// The weights of all layers lie in one row of numbers; each name gets its stretch of it.
function modelOf(stored) {
  const text = atob(stored.numbers), bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  const numbers = new Float32Array(bytes.buffer), weights = {};
  let start = 0;
  for (const [name, length] of Object.entries(stored.lengths)) {
    weights[name] = numbers.subarray(start, start + length);
    start += length;
  }
  return new GPT(stored.config, weights);
}

if (typeof module !== "undefined") module.exports = { modelOf };
