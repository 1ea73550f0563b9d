"""A box to chat in: what was said as cards, a line to type in, and replies that appear while they are written."""

import html
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from IPython.display import DisplayHandle, display

from course_utils.plots.cards import CODE, PAGE, in_notebook

Message = dict[str, str]
Reply = Callable[[list[Message]], Iterable[str]]
Judge = Callable[[list[Message]], str]
# What a judge may say, with its mark, never by colour alone. White on these reads well on any page: no green is dark
# enough for a white page and light enough for a black one.
MARKS = {"right": ("✓ right", "#0A7D55"), "wrong": ("✗ wrong", "#B3261E"), "refused": ("? it does say", "#A35900")}
LABEL = "color: #FFFFFF; font-weight: bold; border-radius: 4px; padding: 0.1em 0.4em; white-space: nowrap"


def show_chat(reply: Reply, said: Sequence[str] = (), judge: Judge | None = None, name: str = "assistant") -> None:
    """Show a conversation with a model, and under it a line to go on in.

    `reply(messages)` yields a reply piece by piece; `said` is said at once, one message after the other. After each
    reply `judge(messages)` may return "right", "wrong", "refused", or another word, which shows nothing. What `reply`
    refuses with a ValueError is shown, and the conversation stays as it was.
    """
    chat = Conversation(reply, judge, name)
    handle = display(chat.bundle(), raw=True, display_id=True) if in_notebook() else None
    for text in said:
        chat.say(text, handle)
    if handle is None:
        print(chat.plain())
    else:
        offer_line(chat, handle)


def offer_line(chat: "Conversation", handle: DisplayHandle) -> None:
    """Show a line to type in, and a button that begins anew; without `ipywidgets`, ask until the line is empty."""
    try:
        import ipywidgets
    except ImportError:
        while text := input(f"Say something to {chat.name}, or nothing to end: ").strip():
            chat.say(text, handle)
        return
    from course_utils.plots.widgets import show_controls

    hint = f"Say something to {chat.name}, then press Enter"
    # Sent when the line is left or Enter is pressed, not at each letter.
    line = ipywidgets.Text(placeholder=hint, continuous_update=False, layout={"width": "34em"})
    again = ipywidgets.Button(description="Start anew")

    def send(change: Any) -> None:
        if text := change["new"].strip():
            line.value = ""  # which calls this once more, with nothing to send
            chat.say(text, handle)

    def clear(_: Any) -> None:
        chat.clear()
        chat.show([], handle)

    line.observe(send, "value")
    again.on_click(clear)
    show_controls(ipywidgets.HBox([line, again]), ["the conversation"])


class Conversation:
    """What was said so far, with the verdict on each reply."""

    def __init__(self, reply: Reply, judge: Judge | None, name: str) -> None:
        self.reply, self.judge, self.name = reply, judge, name
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.messages: list[Message] = []
        self.verdicts: list[str] = []  # one for each message
        self.problem = ""

    def say(self, text: str, handle: DisplayHandle | None = None) -> None:
        """Say something, and let the model reply, shown in `handle` while it is written."""
        self.problem = ""
        asked = [*self.messages, {"role": "user", "content": text}]
        written = ""
        try:
            for piece in self.reply(asked):
                written += piece
                self.show([*asked, {"role": "assistant", "content": written}], handle)
        except ValueError as error:
            self.problem = str(error)
            self.show(self.messages, handle)
            return
        self.messages = [*asked, {"role": "assistant", "content": written}]
        self.verdicts += ["", self.judge(self.messages) if self.judge else ""]
        self.show(self.messages, handle)

    def show(self, messages: list[Message], handle: DisplayHandle | None) -> None:
        """Show these messages in `handle`, if there is one."""
        if handle is not None:
            handle.update(self.bundle(messages), raw=True)

    def bundle(self, messages: list[Message] | None = None) -> dict[str, str]:
        """Return what `display` takes: the messages as HTML, and as plain text."""
        return {"text/html": self.page(messages), "text/plain": self.plain(messages)}

    def rows(self, messages: list[Message] | None = None) -> list[tuple[str, str, str]]:
        """Return who speaks, what, and the verdict, for each message."""
        messages = self.messages if messages is None else messages
        verdicts = [*self.verdicts, *[""] * len(messages)]
        who = {"user": "you", "assistant": self.name}
        return [(who[m["role"]], m["content"], v) for m, v in zip(messages, verdicts, strict=False)]

    def plain(self, messages: list[Message] | None = None) -> str:
        """Return the conversation as text."""
        lines = [f"{who}: {text}{mark(verdict)[0]}" for who, text, verdict in self.rows(messages)]
        return "\n".join([*lines, *filter(None, [self.problem])]) or f"Nothing was said to {self.name} yet."

    def page(self, messages: list[Message] | None = None) -> str:
        """Return the conversation as HTML."""
        rows = "".join(row(*each) for each in self.rows(messages))
        empty = f"<em>Nothing was said to {html.escape(self.name)} yet.</em>" if not rows else ""
        problem = f"<div><em>{html.escape(self.problem)}</em></div>" if self.problem else ""
        return f'<div style="{PAGE}"><table style="border-collapse: collapse">{rows}</table>{empty}{problem}</div>'


def row(who: str, text: str, verdict: str) -> str:
    """Return one message as a row of a table in HTML."""
    cell = "text-align: left; vertical-align: top; padding: 0.15em 1em 0.15em 0; background: none"
    label, colour = mark(verdict)
    told = f' <span style="background-color: {colour}; {LABEL}">{html.escape(label.strip())}</span>' if label else ""
    name = f'<td style="{cell}; font-weight: bold; white-space: nowrap">{html.escape(who)}</td>'
    said = f'<td style="{cell}; {CODE}; font-family: inherit">{html.escape(text)}{told}</td>'
    return f'<tr style="background: none">{name}{said}</tr>'


def mark(verdict: str) -> tuple[str, str]:
    """Return the words and the colour of a verdict; nothing for one that isn't shown."""
    words, colour = MARKS.get(verdict, ("", ""))
    return (f"   {words}" if words else ""), colour
