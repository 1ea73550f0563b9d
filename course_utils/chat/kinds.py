"""What a WhatsApp text is: typed by a person, or a stand-in that the app wrote for a photo, a poll, a call."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from course_utils.chat.messages import Report
from course_utils.chat.words import (
    ATTACHED,
    CALLS,
    CONTACTS,
    DELETED,
    DELETED_BY,
    EDITED,
    EDITED_STEMS,
    ENCRYPTED,
    LIVE,
    LOCATIONS,
    MEDIA_STEMS,
    OMITTED,
    OMITTED_ROWS,
    ONCE,
    SYSTEM,
    plainer,
    vocabularies,
)

# The marks that direct writing, and byte order marks. Not U+200C and U+200D: emoji and Persian words need those.
INVISIBLE = dict.fromkeys([0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF])
# A text with none of these is a message, unless it's a phrase from the tables. The common case must be quick.
SIGN = re.compile(r"[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff<(:：]")
# Some words. The signs for vowels in Hindi and Thai are no letters, and French puts a space before a colon.
WORD = r"[^\W\d_][^\s\d_:：<>()]*"
WORDS = rf"{WORD}(?: {WORD}){{0,4}}[ \u00a0\u202f]?"
LABEL = re.compile(rf"\W?(?:{WORD}(?: {WORD})?[ \u00a0\u202f]?[:：]|{WORDS}[:：]\n)")
EDIT_MARK = re.compile(r"<([^<>\n]{5,60}?)[.。]?>$")
OMITTED_IN_BRACKETS = re.compile(r"<\s?([^<>\n]{3,60}?)\s?>([ \n]?)(.*)", re.DOTALL)
# "name (file attached)", and the caption behind it (Web) or on the next line (Android).
ATTACHED_BEHIND = re.compile(r"([^\n]*?\S) \(([^()\n]{2,40})\)(?:([ \n])(.*))?", re.DOTALL)
ATTACHED_BEFORE = re.compile(r"<([^<>:\n]{2,30}?)[ \u00a0\u202f]?: ?([^<>\n]+)>")
SENT = re.compile(r"\S[^/\n]*\.(?:jpe?g|png|webp|gif|mp4|mov|opus|m4a|mp3|pdf|docx?|xlsx?|txt|zip|vcf)", re.IGNORECASE)
ANY_NAME = re.compile(r"[^/\n]*\.\w{1,10}")
FILE_NAME = re.compile(r"[^/\n]*\.[a-zA-Z][a-zA-Z0-9]{1,4}")
# Names that WhatsApp gives files: IMG-20250228-WA0001.jpg, 00000012-PHOTO-2025-02-28-18-05-09.jpg.
OWN_NAME = re.compile(r"(?:[A-Z]{3}-\d{8}-WA\d{4}|\d{8}-[\w-]+-\d{4}-[\d-]+)\.\w{2,5}")
COORDINATES = re.compile(r"-?\d{1,3}\.\d+, ?-?\d{1,3}\.\d+")
MAP_LINK = re.compile(
    r"https?://(?:maps\.google\.|www\.google\.\w+/maps|maps\.app\.goo\.gl|foursquare\.|maps\.apple\.)\S+"
)
LABELLED = re.compile(rf"({WORDS})[:：] ?(.+)", re.DOTALL)
POLL_HEAD = re.compile(rf"({WORDS})[:：]")
AT_TIME = re.compile(r" (?:\D{1,6} )?\d{1,2}[:.]\d\d.{0,6}$")
OPTION = re.compile(rf"({WORDS})[:：] ?(.*\(.*\d.*\))")


class Finding(NamedTuple):
    """The kind of a text, the text itself without marks, and the file that came with it."""

    kind: str
    text: str
    media: str | None = None


@dataclass
class Export:
    """What is known of a whole export when one of its texts is looked at.

    `writer` is "Android", "iOS", "Web" or "Signal". `marked` says that the app's own texts begin with U+200E here.
    """

    writer: str
    marked: bool
    report: Report
    attached: set[str] = field(default_factory=set)  # words in brackets that stood behind a name of the app's own


def without_marks(text: str) -> str:
    r"""The text without marks of direction and spaces around it.

    >>> without_marks("\u200eimage omitted ")
    'image omitted'
    """
    return text.translate(INVISIBLE).strip()


def phrase(text: str) -> str:
    """A text as it stands in the tables of phrases."""
    return plainer(text).strip(" .。\n")


def understand(text: str, export: Export) -> Finding:
    """Find out what a text with a sender is.

    >>> export = Export("Android", marked=False, report=Report())
    >>> understand("IMG-20250228-WA0001.jpg (file attached)", export)
    Finding(kind='media', text='', media='IMG-20250228-WA0001.jpg')
    >>> understand("see you at 6 <This message was edited>", export)
    Finding(kind='edited', text='see you at 6', media=None)
    """
    text = text.strip()
    sign = SIGN.search(text)
    if sign and sign[0] in ":：" and not (LABEL.match(text) or "<" in text or "(" in text or "\u200e" in text):
        sign = None
    if text and not sign and not (len(text) < 80 and is_phrase(phrase(text))):
        return Finding("message", text)
    typed, plain = text, without_marks(text)
    if plain in ("", "null") and (not plain or export.writer == "Android"):
        export.report.doubt("empty or null: a call, an event, a photo to be seen once, or typed", plain or "(empty)")
        return Finding("unknown", plain)
    edit = EDIT_MARK.search(plain)
    edited = bool(edit) and is_edit_mark(edit[1], export)
    plain = plain[: edit.start()].rstrip() if edited else plain
    found = next(filter(None, (find(typed, plain, export) for find in FINDERS)), None)
    if edited and found:
        export.report.note("an edited text that isn't a plain message keeps its kind", plain)
    return found or Finding("edited" if edited else "message", plain)


def is_edit_mark(words: str, export: Export) -> bool:
    """Whether words in angle brackets behind a text say that it was edited; in other words than ours by their stem."""
    text = plainer(words)
    if text in EDITED:
        return True
    # "<edit>" is what people type; the app writes a sentence.
    known = any(stem in text for stem in EDITED_STEMS) and (" " in text or not text.isascii())
    if known:
        export.report.doubt("words that aren't in our tables, taken as the mark of an edited message", words)
    return known


def is_phrase(text: str) -> bool:
    """Whether a text as `phrase` returns it is one of the app's, or begins like one."""
    call = text.partition(",")[0].partition(". ")[0]
    return text in PHRASES or call in CALLS or text.startswith(DELETED_STARTS)


def written_by_app(typed: str, export: Export, plain: str) -> bool:
    """Whether a phrase of the app may be taken for one, though a person could type the same."""
    if export.writer != "iOS" or "\u200e" in typed:
        return True
    what = "typed" if export.marked else "written by the app"
    export.report.doubt(f"WhatsApp's own words without its mark U+200E, taken as {what}", plain)
    return not export.marked


def find_deleted(typed: str, plain: str, export: Export) -> Finding | None:
    """A message that was deleted, by its sender or by a group's administrator."""
    text = phrase(plain)
    by = text.startswith(DELETED_STARTS) and len(text) < 80
    if (text in DELETED or by) and written_by_app(typed, export, plain):
        return Finding("deleted", plain)
    return None


def find_omitted(typed: str, plain: str, export: Export) -> Finding | None:
    """A file that was left out of the export."""
    match = OMITTED_IN_BRACKETS.fullmatch(plain)
    # On a phone the caption is on the next line; behind the brackets on the same line somebody typed it all.
    if match and (match[2] != " " or export.writer == "Web") and is_omission(match[1], export):
        return Finding("media", match[3].strip(), match[1])
    head, mark, tail = typed.rpartition("\u200e")
    tail, _, below = without_marks(tail).partition("\n")
    head = "\n".join(filter(None, (without_marks(head), below)))
    if mark and (phrase(tail) in LEFT_OUT or is_made_of(OMITTED_WORDS, phrase(tail), export)):
        document = head.partition(" • ")[0] if " • " in head or re.fullmatch(r"\S+\.\w{2,5}", head) else None
        kind = "contact" if phrase(tail) in CONTACTS else "media"
        return Finding(kind, "" if document else head, document or tail)
    return find_bare(typed, plain, export)


def is_omission(words: str, export: Export) -> bool:
    """Whether words in angle brackets stand for a file; what they could be is reported."""
    text = phrase(words)
    if text in OMITTED:
        return True
    if export.writer == "iOS" or (" " not in text and text.isascii()):
        return False
    known = any(stem in text for stem in MEDIA_STEMS)
    taken = "as left out media" if known else "as typed"
    export.report.doubt(f"words in angle brackets that aren't in our tables, taken {taken}", words)
    return known


def is_made_of(languages: dict[str, set[str]], text: str, export: Export) -> bool:
    """Whether a text of the app's has only words that one language's phrases have, though it isn't one of them."""
    words = set(text.split())
    known = 1 < len(words) < 6 and any(words <= language for language in languages.values())
    if known:
        export.report.doubt("words of WhatsApp that aren't in our tables, taken as left out media", text)
    return known


def find_bare(typed: str, plain: str, export: Export) -> Finding | None:
    """The words for a file left out without the mark in front of them: in iOS's form, or pasted."""
    name, dot, rest = plain.partition(" • ")
    words = phrase(plain)
    if dot:
        words = next((words for words in OMITTED if phrase(rest).endswith(words)), words)
    if words not in LEFT_OUT:
        return None
    if export.writer != "iOS":
        export.report.doubt(f"words of WhatsApp on iOS in an export from {export.writer}, taken as typed", plain)
        return None
    if not written_by_app(typed, export, plain):
        return None
    return Finding("contact" if words in CONTACTS else "media", "", name if dot else plain)


def find_attached(typed: str, plain: str, export: Export) -> Finding | None:
    """A file that lies beside the export; its name and its caption."""
    match = ATTACHED_BEHIND.fullmatch(plain)
    # On the same line there's a caption on the Web only; elsewhere somebody typed "I said (attached) in my mail".
    if match and (match[3] != " " or export.writer == "Web") and is_name(match[1], match[2], typed, export):
        return attachment(match[1], (match[4] or "").strip())
    match = ATTACHED_BEFORE.search(plain)
    ours = match and "\u200e<" in typed and FILE_NAME.fullmatch(match[2])
    if match and (ours or phrase(match[1]) in ATTACHED or OWN_NAME.fullmatch(match[2])):
        return attachment(match[2], (plain[: match.start()].rstrip(" ") + plain[match.end() :]).strip())
    return None


def is_name(name: str, words: str, typed: str, export: Export) -> bool:
    """Whether what stands before words in brackets is the name of a file that was sent; a doubt is reported."""
    if OWN_NAME.fullmatch(name):
        export.attached.add(phrase(words))
        return True
    known = phrase(words) in ATTACHED or phrase(words) in export.attached
    if known and (ANY_NAME.fullmatch(name) or "\u200e" in typed):
        return True
    if known:
        export.report.doubt("what stands before “(attached)” doesn't look like a file's name, taken as typed", name)
    elif SENT.fullmatch(name):
        sentence = "a file's name with words in brackets that aren't in our tables, taken as typed"
        export.report.doubt(sentence, f"{name} ({words})")
    return False


def attachment(name: str, caption: str) -> Finding:
    """A file by its name: a business card is a contact, all else is media."""
    if name.lower().endswith(".vcf"):
        return Finding("contact", caption or re.sub(r"^\d{8}-", "", name[:-4]), name)
    return Finding("media", caption, name)


def find_once(typed: str, plain: str, export: Export) -> Finding | None:
    """A photo or video that could be opened once, of which iOS only says that it was there."""
    text = plain.casefold()
    if "\u200e" in typed[:2] and len(text) < 200 and any(words in text for words in ONCE):
        return Finding("media", "", plain)
    return None


def find_poll(typed: str, plain: str, export: Export) -> Finding | None:
    """A poll: its question and its options, each on a line."""
    head, *lines = plain.split("\n")
    if (
        export.writer == "Web"
        and head.startswith("Poll: ")
        and lines
        and all(x.lstrip().startswith("- ") for x in lines)
    ):
        return Finding("poll", "\n".join([head[6:], *map(str.strip, lines)]))
    word = POLL_HEAD.fullmatch(head.strip())
    # The app writes the same word before each option, in capitals as the first one.
    options = [match for match in map(OPTION.fullmatch, map(str.strip, lines)) if match and is_capital(match[1])]
    if not word or not is_capital(word[1]) or not options:
        return None
    options = [option for option in options if option[1] == options[-1][1]]
    question = [line.strip() for line in lines if line.strip() and line.strip() not in {x[0] for x in options}]
    return Finding("poll", "\n".join([*question, *(f"- {option[2]}" for option in options)]))


def is_capital(word: str) -> bool:
    """Whether a word is in capitals, or in a script that has none."""
    return word == word.upper()


def find_location(typed: str, plain: str, export: Export) -> Finding | None:
    """A place, or that somebody began to share where they are."""
    if phrase(plain) in LIVE:
        return Finding("location", plain) if written_by_app(typed, export, plain) else None
    match = LABELLED.fullmatch(plain)
    if not match:
        return None
    named, rest = phrase(match[1]) in PLACES, match[2].strip()
    pin = MAP_LINK.fullmatch(rest) and COORDINATES.search(rest.replace("%2C", ", "))
    if MAP_LINK.search(rest) and (named or pin):
        return Finding("location", rest)
    if named and ("\u200e" in typed[:2] or COORDINATES.match(rest)):
        return Finding("location", rest)
    return None


def find_contact(typed: str, plain: str, export: Export) -> Finding | None:
    """A contact as the Web writes one."""
    web = export.writer == "Web" and plain.startswith("Contact: ") and "\n" not in plain
    return Finding("contact", plain[9:]) if web else None


def find_call(typed: str, plain: str, export: Export) -> Finding | None:
    """A call, made or missed. On Android and the Web it's a line of the app, which has no sender."""
    words, mark, rest = re.match(r"([^,.•，،。(\n]*)([,.•，،。(\n]?)(.*)", plain, re.DOTALL).groups()
    marked = "\u200e" in typed
    # "Missed voice call at 6:05 PM", from years ago.
    words = AT_TIME.sub("", words) if marked else words
    if phrase(words) not in CALLS or len(plain) > 120:
        return None
    # "Video call, please" is somebody asking for one.
    if mark and rest.strip() and not (marked or re.search(r"\d", rest) or phrase(rest) in CALL_TAILS):
        return None
    if export.writer != "iOS" and not marked:
        export.report.doubt(f"words of WhatsApp on iOS in an export from {export.writer}, taken as typed", plain)
        return None
    return Finding("call", plain) if written_by_app(typed, export, plain) else None


LEFT_OUT, PLACES = OMITTED | CONTACTS, LOCATIONS | LIVE
OMITTED_WORDS = vocabularies(OMITTED_ROWS)
CALL_TAILS = {"tap to call back", "no answer", "click to call back", "focus mode", "tippe, um zurückzurufen"}
CALL_TAILS |= {"tippen, um zurückzurufen", "keine antwort", "answered on other device"}
DELETED_STARTS = tuple(DELETED_BY)
PHRASES = DELETED | LIVE | CALLS | OMITTED | CONTACTS | {"null", ""}
Finder = Callable[[str, str, Export], Finding | None]
FINDERS: tuple[Finder, ...] = (find_omitted, find_deleted, find_attached, find_once, find_poll)
FINDERS += (find_location, find_contact, find_call)


def sounds_like_system(text: str) -> bool:
    """Whether a line is likely the app's own: about the group, its members, or encryption.

    >>> sounds_like_system('Mara created group "Trip: Rome"'), sounds_like_system("Mara")
    (True, False)
    """
    text = plainer(text)
    return any(words in text for words in SYSTEM)


def is_welcome(text: str) -> bool:
    """Whether a text is the app's sentence about encryption, with which a chat begins."""
    text = plainer(text)
    return len(text) > 40 and any(words in text for words in ENCRYPTED)
