"use strict";
// The BPETokenizer of course_utils/bpe.py in plain JavaScript. A token is a text of its bytes, one character a byte.

function bytesOf(text) {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte));
}

class BPETokenizer {
  // `ranks`: id of each token's bytes, the lower merges first; `special`: names to ids; `pattern` as JavaScript.
  constructor({ ranks, special, pattern }) {
    this.ranks = new Map(Object.entries(ranks));
    this.special = special;
    this.pattern = new RegExp(pattern, "gu");
    this.tokens = new Map([...this.ranks].map(([token, id]) => [id, token]));
    for (const [name, id] of Object.entries(special)) this.tokens.set(id, bytesOf(name).join(""));
  }

  // A text's pieces, within which tokens merge.
  split(text) {
    return text.match(this.pattern) || [];
  }

  // The ids of a text; the spelling of a special token in it is text like any other.
  encode(text) {
    return this.split(text).flatMap((piece) => this.encodePiece(piece));
  }

  // A piece that is itself a token is never split, even if merges wouldn't get there (as in tiktoken).
  encodePiece(piece) {
    const whole = this.ranks.get(bytesOf(piece).join(""));
    return whole === undefined ? this.steps(piece).at(-1).map((token) => this.ranks.get(token)) : [whole];
  }

  // All stages of a piece, from single bytes on: neighbours that form a token merge, the lowest rank first.
  steps(piece) {
    let parts = bytesOf(piece);
    const stages = [parts];
    for (;;) {
      let best = Infinity, at = -1;
      for (let i = 0; i + 1 < parts.length; i++) {
        const rank = this.ranks.get(parts[i] + parts[i + 1]);
        if (rank < best) [best, at] = [rank, i];
      }
      if (at < 0) return stages;
      parts = [...parts.slice(0, at), parts[at] + parts[at + 1], ...parts.slice(at + 2)];
      stages.push(parts);
    }
  }

  // Bytes that aren't UTF-8, such as half a character, become U+FFFD.
  decode(ids) {
    return this.show(ids.map((id) => this.tokens.get(id)).join(""));
  }

  show(token) {
    // A byte order mark is a character here, not a sign to be swallowed.
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(token, (byte) => byte.charCodeAt(0)));
  }
}

if (typeof module !== "undefined") module.exports = { BPETokenizer };
