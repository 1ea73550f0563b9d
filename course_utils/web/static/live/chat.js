"use strict";
// A conversation with the chat model, in the template of course_utils/template.py.

// The ids of a conversation, which end where the assistant's reply begins. Only the template sets special tokens.
function encodeChat(tokenizer, messages) {
  const mark = (name) => tokenizer.special[`<|${name}|>`];
  const said = messages.flatMap(({ role, content }) => [mark(role), ...tokenizer.encode(content), mark("end")]);
  return [mark("endoftext"), ...said, mark("assistant")];
}

// The last messages that fit into `room` tokens; whole ones go, the oldest first, and the rest begins with the user.
function fit(tokenizer, messages, room) {
  let kept = messages;
  while (encodeChat(tokenizer, kept).length > room) {
    const next = kept.findIndex(({ role }, i) => i > 0 && role === "user");
    if (next < 0) throw new RangeError("This message is too long for the model's context: shorten it.");
    kept = kept.slice(next);
  }
  return kept;
}

if (typeof PARTS !== "undefined") PARTS.chat = async (inside, name) => {
  const tokenizer = await loadTokenizer(name), model = await loadModel(name);
  const most = Math.min(90, model.config.context_length >> 1);
  const stops = ["<|end|>", "<|endoftext|>"].map((token) => tokenizer.special[token]);
  if (stops.includes(undefined)) throw new Error("this model's vocabulary has no tokens for a chat.");
  const log = el("div", { class: "chat", role: "log", "aria-label": "Conversation" });
  const line = el("textarea", { rows: 3, spellcheck: "false", dir: "auto" });
  const send = el("button", { type: "submit", class: "main" }, "Send");
  const again = el("button", { type: "button", click: () => (clear(), line.focus()) }, "Start anew");
  const form = el("form", { submit: (event) => (event.preventDefault(), say()) },
    labelled("Your message", line), el("p", {}, send, " ", again));
  let messages = [], running = null;
  // Something to begin with, and what to ask about it.
  line.value = "Here is a tale for you. Clara took her striped umbrella to the river one windy afternoon. Ben was there too. " +
    "Clara gave the umbrella to Ben. Ben opened the umbrella and danced under it. And that is how Ben and Clara became friends.";
  let question = "Who has the umbrella?";
  line.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      say();
    }
  });

  function clear() {
    running?.abort();
    messages = [];
    log.replaceChildren();
  }

  function bubble(role, text) {
    const words = el("span", { dir: "auto" }, text);
    log.append(el("p", { class: role }, el("strong", {}, role === "user" ? "You" : "Model"), " ", words));
    return words;
  }

  async function say() {
    const content = line.value.trim();
    if (!content || running) return;
    running = new AbortController();
    send.disabled = true;
    const asked = [...messages, { role: "user", content }], signal = running.signal;
    bubble("user", content);
    const words = bubble("assistant", "…"), told = [];
    line.value = question;
    question = "";
    try {
      const prompt = encodeChat(tokenizer, fit(tokenizer, asked, model.config.context_length - most));
      for await (const id of generate(model, prompt, { stops, most, signal })) {
        told.push(id);
        words.textContent = tokenizer.decode(told);
      }
      if (!signal.aborted) messages = [...asked, { role: "assistant", content: tokenizer.decode(told) }];
    } catch (error) {
      words.textContent = error.message;
    }
    running = null;
    send.disabled = false;
  }

  inside.append(log, form);
};

if (typeof module !== "undefined") module.exports = { encodeChat, fit };
