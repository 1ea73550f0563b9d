"""Small exports as apps write them, made up for the tests: each with what must be read from it."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

EVENING = datetime(2025, 2, 28, 18, 5)
SECOND = datetime(2025, 2, 28, 18, 5, 9)
Row = tuple[str | None, datetime | None, str, str]


class Case(NamedTuple):
    """An export: its file, and of each message the sender, time, kind and text; words that the report must have."""

    name: str
    content: str | bytes
    rows: list[Row]
    file: str = "WhatsApp Chat with Finn.txt"
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    lines: dict[str, int] | None = None
    media: tuple[str | None, ...] | None = None


N, A, L, R, T = "\u202f", "\u00a0", "\u200e", "\u200f", "\u2009"

# One moment, 28 February 2025 at 18:05, as each locale writes it. A date above 12 or a year in front decides the order.
LOCALES = {
    "en-US": f"2/28/25, 6:05{N}PM",
    "en-US before 2023": "2/28/25, 6:05 PM",
    "en-GB": "28/02/2025, 18:05",
    "en-IN": f"28/02/25, 6:05{N}pm",
    "en-AU, plain space": "28/02/25, 6:05 pm",
    "en-CA": f"2025-02-28, 6:05{N}p.m.",
    "en-ZA": f"2025/02/28, 6:05{N}pm",
    "de": "28.02.25, 18:05",
    "de, 12 hours": f"28.02.25, 6:05{N}abends",
    "de, 12 hours, plain space": "28.02.25, 6:05 abends",
    "de, English words": f"28.02.25, 6:05{N}PM",
    "es": "28/2/25, 18:05",
    "es-CO": f"28/2/2025, 6:05{N}p.{A}m.",
    "es-AR, newer": f"28/2/2025, 6:05 p.{N}m.",
    "es-MX": f"28/02/25, 6:05{N}p.m.",
    "fr": "28/02/2025 à 18:05",
    "fr, space": "28/02/2025 18:05",
    "fr, comma": "28/02/2025, 18:05",
    "fr-CA": f"2025-02-28 18{A}h{A}05",
    "pt-PT": "28/02/25, 18:05",
    "nl": "28-02-2025 18:05",
    "tr": "28.02.2025 18:05",
    "tr, 12 hours": "28.02.2025 ÖS 6:05",
    "ar": f"{R}٢٨{R}/٢{R}/٢٠٢٥، ٦:٠٥ م",
    "ar, Gulf": f"{R}28{R}/2{R}/2025، 6:05 م",
    "ar, Maghreb": f"28{R}/2{R}/2025, 18:05",
    "he": "28.2.2025, 18:05",
    "he, mark": f"{R}28.2.2025, 18:05",
    "fa, common calendar": f"۲۰۲۵/۲/۲۸،{R} ۱۸:۰۵",
    "fa, Persian calendar": f"۱۴۰۳/۱۲/۱۰،{R} ۱۸:۰۵",
    "th, Buddhist calendar": "28/2/2568 18:05",
    "hi": f"28/2/25, 6:05{N}pm",
    "zh-CN": "2025/2/28 18:05",
    "zh-CN, 12 hours": "2025/2/28 下午6:05",
    "ja": "2025/02/28 18:05",
    "ja, comma": "2025/02/28, 18:05",
    "ja, 12 hours": "2025/02/28 午後6:05",
    "zh-TW": f"2025/2/28{T}下午6:05",
    "zh-TW, evening": f"2025/2/28{T}晚上6:05",
    "zh-HK": f"28/2/2025{T}下午6:05",
    "ko": "2025. 2. 28. 오후 6:05",
    "ko, short year": "25. 2. 28. 오후 6:05",
    "ru": "28.02.2025, 18:05",
    "ru, older": "28.02.25, 18:05",
    "fi": "28.2.2025 klo 18.05",
    "id": "28/02/25 18.05",
    "bg": "28.02.25 г., 18:05",
    "mk": "28.2.2025 г., во 18:05",
    "bg, with a sign for hours": f"28.02.25{N}г., 18:05{N}ч.",
    "hr": "28. 02. 2025. u 18:05",
    "ms, 12 hours": f"28/02/2025, 6:05{N}PTG",
    "sq, 12 hours": f"28.2.25, 6:05{N}e pasdites",
    "hu, 12 hours": "2025. 02. 28. du. 6:05",
    "cs, 12 hours": "28.02.25 6:05 odp.",
    "fr, 12 hours": "28/02/2025 à 6:05 du soir",
    "it, 12 hours": "28/02/25, 6:05 di sera",
    "pt-BR, 12 hours": "28/02/2025 6:05 da tarde",
    "nl, 12 hours": "28-02-2025 6:05 's avonds",
    "tr, parts of the day": "28.02.2025 akşam 6:05",
    "vi": "18:05, 28/2/2025",
}
# Headers on iOS: brackets, and seconds.
IOS_LOCALES = {
    "en-US": f"[2/28/25, 6:05:09{N}PM]",
    "en-GB": "[28/02/2025, 18:05:09]",
    "de": "[28.02.25, 18:05:09]",
    "de, 12 hours": f"[28.02.25, 6:05:09{N}PM]",
    "es": "[28/2/25, 18:05:09]",
    "es-CO": f"[28/2/2025, 6:05:09{N}p.{A}m.]",
    "fr": "[28/02/2025 18:05:09]",
    "it": "[28/02/25, 18:05:09]",
    "nl": "[28-02-2025 18:05:09]",
    "tr": "[28.02.2025 18:05:09]",
    "zh-CN": "[2025/2/28 18:05:09]",
    "zh-TW": f"[2025/2/28{T}下午6:05:09]",
    "ko": "[2025. 2. 28. 오후 6:05:09]",
    "fi": "[28.2.2025 klo 18.05.09]",
    "ar": f"[{R}٢٨{R}/٢{R}/٢٠٢٥، ٦:٠٥:٠٩ م]",
    "bg": "[28.02.25 г., 18:05:09]",
    "vi": "[18:05:09, 28/2/2025]",
    "until 2017": "28/2/25, 18:05:09:",
    "until 2017, en-US": "2/28/25, 6:05:09 PM:",
}

# Hours of a 12-hour clock, with the words for the parts of the day.
HOURS = [
    (f"12:05{N}AM", 0), (f"12:05{N}PM", 12), ("1:05 AM", 1), ("11:05 pm", 23), ("12:05 nachts", 0), ("3:05 nachts", 3),
    ("6:05 morgens", 6), ("11:05 vorm.", 11), ("12:05 mittags", 12), ("1:05 nachm.", 13), ("11:05 abends", 23),
    ("凌晨3:05", 3), ("清晨6:05", 6), ("早上8:05", 8), ("上午11:05", 11), 
    ("中午12:05", 12), ("中午1:05", 13), ("中午11:05", 11),
    ("下午6:05", 18), ("晚上9:05", 21), ("午夜12:05", 0), ("오전 12:05", 0), ("오후 12:05", 12), ("午前0:05", 0),
    ("ÖÖ 9:05", 9), ("ÖS 9:05", 21), ("9:05 ص", 9), ("12:05 م", 12),
    ("de. 6:05", 6), ("du. 6:05", 18), (f"12:05{N}PG", 0), (f"12:05{N}PTG", 12), ("6:05 du matin", 6),
    ("12:05 midi", 12), ("3:05 de l’après-midi", 15), ("9:05 de la noche", 21), ("12:05 's nachts", 0),
    ("gece 11:05", 23), ("6:05 дп", 6),
]  # fmt: skip


def said(text: str, kind: str = "message", sender: str | None = "Mara", time: datetime = EVENING) -> Row:
    """A row for one message."""
    return sender, time, kind, text


def android(*texts: str) -> str:
    """Lines of Mara's on Android, all at the same time, behind one that shows the order of day and month."""
    return "".join(f"28.02.25, 18:05 - {text}\n" for text in texts)


def ios(*texts: str) -> str:
    """The same on iOS."""
    return "".join(f"[28.02.25, 18:05:09] {text}\r\n" for text in texts)


def web(*texts: str) -> str:
    """The same on the Web."""
    return "Chat with Finn\n\n" + "".join(f"[2/28/25, 6:05:09 PM] {text}\n" for text in texts)


def on_ios(text: str, kind: str = "message", sender: str | None = "Mara") -> Row:
    """A row for one message with seconds."""
    return said(text, kind, sender, SECOND)


ANDROID = [
    Case("left out, in words that no table has",
         android(*(f"Mara: <{x}>" for x in ("Media omise", "Multimèdia omès", "hello there", "grin"))),
         [*[said("", "media")] * 2, said("<hello there>"), said("<grin>")], doubts=("as left out media", "as typed")),
    Case("edited, in words that no table has",
         android(*(f"Mara: yo <{x}>" for x in ("Detta meddelande har redigerats", "您编辑了此消息", "edited", "a b"))),
         [*[said("yo", "edited")] * 2, said("yo <edited>"), said("yo <a b>")],
         doubts=("the mark of an edited message",)),
    Case("deleted, in more languages",
         android(*(f"Mara: {x}" for x in ("Usunięto tę wiadomość", "Du raderade det här meddelandet", "此消息已删除",
                 "Αυτό το μήνυμα διαγράφηκε.", "لقد حذفت هذه الرسالة", "S’ha suprimit aquest missatge"))),
         [said(x, "deleted") for x in ("Usunięto tę wiadomość", "Du raderade det här meddelandet", "此消息已删除",
          "Αυτό το μήνυμα διαγράφηκε.", "لقد حذفت هذه الرسالة", "S’ha suprimit aquest missatge")]),
    Case("attached, in more languages", android("Mara: plan.pdf (załączony plik)", "Mara: plan.pdf (final version)"),
         [said("", "media"), said("plan.pdf (final version)")], doubts=("a file's name with words in brackets",)),
    Case("a French space before a colon", android(f"Mara: SONDAGE{A}:\nOù ?\nOPTION{A}: Ici (2 votes)",
                                                  f"Mara: localisation{A}: https://maps.google.com/?q=1.5,2.5"),
         [said("Où ?\n- Ici (2 votes)", "poll"), said("https://maps.google.com/?q=1.5,2.5", "location")]),
    Case("signs for vowels in a label", android("Mara: मतदान:\nकब?\nविकल्प: आज (2 वोट)",
                                                "Mara: लोकेशन: https://maps.google.com/?q=1.5,2.5"),
         [said("कब?\n- आज (2 वोट)", "poll"), said("https://maps.google.com/?q=1.5,2.5", "location")]),
    Case("a label of several words", android("Mara: CUỘC THĂM DÒ Ý KIẾN:\nKhi nào?\nLỰA CHỌN: Mai (2 lượt bình chọn)"),
         [said("Khi nào?\n- Mai (2 lượt bình chọn)", "poll")]),
    Case("a list that is no poll", android("Mara: TODO:\nMilk: fresh (2 litres)\nEggs: brown (12)"),
         [said("TODO:\nMilk: fresh (2 litres)\nEggs: brown (12)")]),
    Case("signs behind the name of the chat", android("Finn: : :", "Finn: hi"),
         [said(": :", sender="Finn"), said("hi", sender="Finn")]),
    Case("a question with a colon in a poll", android("Mara: POLL:\nFood: Friday (28.2.)\nOPTION: Yes (2 votes)"),
         [said("Food: Friday (28.2.)\n- Yes (2 votes)", "poll")]),
    Case("a line of the app in words that no table has", android("Mara: hi", "Mara zmieniła temat na: kino"),
         [said("hi"), said("Mara zmieniła temat na: kino", "system", None)], doubts=("taken as a line of the app",)),
    Case("no sender at all", android("lunch", "dinner with Ida"),
         [said("lunch", "system", None), said("dinner with Ida", "system", None)], doubts=("no line has a sender",)),
    Case("deleted by mistake", android("Mara: This message was deleted by mistake"),
         [said("This message was deleted by mistake")]),
    Case("wide spaces everywhere", android("Mara: hi").replace(" ", A), [said("hi")]),
    Case("a call at a time", android("Missed voice call at 6:05 PM"),
         [said("Missed voice call at 6:05 PM", "call", None)]),
    Case("a log in a text", android("Mara: look\n2025-02-28 18:06:01: x: y\n2025-02-28 18:06:02: x: z", "Mara: oh"),
         [said("look\n2025-02-28 18:06:01: x: y\n2025-02-28 18:06:02: x: z"), said("oh")],
         notes=("part of a text",)),
    Case("a text on several lines", android("Mara: one\ntwo\n\nthree", "Finn: hi"),
         [said("one\ntwo\n\nthree"), said("hi", sender="Finn")], lines={"message": 2, "continued": 3}),
    Case("a text that begins on the second line", android("Mara: \nhi"), [said("hi")]),
    Case("left out", android("Mara: <Media omitted>", "Mara: <Video note omitted>"), [said("", "media")] * 2),
    Case("left out, with a caption below", android("Mara: <Medien ausgeschlossen>\nlook"), [said("look", "media")]),
    Case("left out, in other languages",
         android(*(f"Mara: <{x}>" for x in ("Multimedia omitido", "Médias omis", "Mídia oculta", "Media omessi",
                 "Media weggelaten", "Medya dahil edilmedi", "Без медиафайлов", "忽略多媒體檔", "メディアなし",
                 "미디어 파일 제외됨", "تم استبعاد الوسائط", "המדיה לא נכללה"))), [said("", "media")] * 12),
    Case("attached", android("Mara: IMG-20250228-WA0001.jpg (file attached)\nthe sea"),
         [said("the sea", "media")], media=("IMG-20250228-WA0001.jpg",)),
    Case("attached, with the mark", android(f"Mara: {L}IMG-20250228-WA0001.jpg (file attached)"), [said("", "media")]),
    Case("attached, German", android("Mara: IMG-20250228-WA0001.jpg (Datei angehängt)"), [said("", "media")]),
    Case("attached, a language that no table has", android("Mara: VID-20250228-WA0007.mp4 (xyz abc)"),
         [said("", "media")]),
    Case("a document with spaces in its name", android("Mara: my plan (old).pdf (file attached)"),
         [said("", "media")], media=("my plan (old).pdf",)),
    Case("deleted", android("Mara: This message was deleted", "Mara: You deleted this message",
                            "Mara: Diese Nachricht wurde gelöscht.", "Mara: This message was deleted by admin Finn"),
         [said("This message was deleted", "deleted"), said("You deleted this message", "deleted"),
          said("Diese Nachricht wurde gelöscht.", "deleted"),
          said("This message was deleted by admin Finn", "deleted")]),
    Case("somebody writes about deleting", android("Mara: why? This message was deleted"),
         [said("why? This message was deleted")]),
    Case("edited", android("Mara: at six <This message was edited>", "Mara: um <Diese Nachricht wurde bearbeitet.>",
                           "Mara: oi <Mensagem editada>", "Mara: ya <Se editó este mensaje.>"),
         [said("at six", "edited"), said("um", "edited"), said("oi", "edited"), said("ya", "edited")]),
    Case("brackets that are no mark", android("Mara: a <b> c", "Mara: <3", "Mara: <what omitted>"),
         [said("a <b> c"), said("<3"), said("<what omitted>")]),
    Case("view once", android("Mara: <View once voice message omitted>"), [said("", "media")]),
    Case("null or empty", android("Mara: null", "Mara: ", "Mara:", "Mara: null and void"),
         [said("null", "unknown"), said("", "unknown"), said("", "unknown"), said("null and void")],
         doubts=("empty or null",)),
    Case("a poll", android("Mara: POLL:\nWhat colour?\nOPTION: Red (2 votes)\nOPTION: Blue (1 vote)\n"),
         [said("What colour?\n- Red (2 votes)\n- Blue (1 vote)", "poll")]),
    Case("a location", android("Mara: location: https://maps.google.com/?q=1.5,2.5", "Mara: live location shared",
                               "Mara: Standort: https://maps.google.com/?q=1.5,2.5"),
         [said("https://maps.google.com/?q=1.5,2.5", "location"), said("live location shared", "location"),
          said("https://maps.google.com/?q=1.5,2.5", "location")]),
    Case("a link is no location", android("Mara: look: https://example.org/x", "Mara: location: the old mill"),
         [said("look: https://example.org/x"), said("location: the old mill")]),
    Case("a contact", android("Mara: Ida.vcf (file attached)"), [said("Ida", "contact")], media=("Ida.vcf",)),
    Case("system lines", android("Messages and calls are end-to-end encrypted. Tap to learn more.", "Mara added Finn",
                                 "Mara: hi", "Missed voice call"),
         [said("Messages and calls are end-to-end encrypted. Tap to learn more.", "system", None),
          said("Mara added Finn", "system", None), said("hi"), said("Missed voice call", "call", None)]),
    Case("a group's name with a colon", android('Mara created group "Trip: Rome"', "Mara: hi",
                                                "Mara changed the subject from “Trip: Rome” to “Trip: Oslo”",
                                                "Mara hat die Gruppe „Bad: Ems“ erstellt."),
         [said('Mara created group "Trip: Rome"', "system", None), said("hi"),
          said("Mara changed the subject from “Trip: Rome” to “Trip: Oslo”", "system", None),
          said("Mara hat die Gruppe „Bad: Ems“ erstellt.", "system", None)]),
    Case("names with anything in them", android("Ida - gym: hi", "[Bo] 🏀: yo", "Ann (work): ok: fine"),
         [said("hi", sender="Ida - gym"), said("yo", sender="[Bo] 🏀"), said("ok: fine", sender="Ann (work)")]),
    Case("a name with a colon, repeated", android("Ida: gym: hi", "Ida: gym: are you there?", "Mara: yes"),
         [said("hi", sender="Ida: gym"), said("are you there?", sender="Ida: gym"), said("yes")],
         notes=("a name with a colon",)),
    Case("a name with a colon, or a text with one", android("Ida: gym: hi", "Ida: no"),
         [said("gym: hi", sender="Ida"), said("no", sender="Ida")]),
    Case("a name with a colon, once", android("Ida: gym: hi"), [said("gym: hi", sender="Ida")], doubts=("Ida: gym",)),
    Case("a name with a colon, in the file's name", android("Ida: gym: hi"), [said("hi", sender="Ida: gym")],
         file="WhatsApp Chat with Ida_ gym.txt"),
    Case("a number as sender", android(f"\u202a+49{A}170{A}1234567\u202c: hi"), [said("hi", sender="+49 170 1234567")]),
    Case("a header in mid-line, and lines that look like one",
         android("Mara: he said 27.02.25, 10:00 - Finn: no\n1.2.3 is the version\n12:30 - lunch\n"
                 "99.99.99, 10:00 - x: y"),
         [said("he said 27.02.25, 10:00 - Finn: no\n1.2.3 is the version\n12:30 - lunch\n99.99.99, 10:00 - x: y")],
         notes=("no possible date",)),
    Case("pasted lines of another format", android("Mara: look\n[27/02/2025, 10:00:00] Ida: hi\n[27/02/2025, 10:00:01] "
                                                   "Ida: you?", "Finn: ok"),
         [said("look\n[27/02/2025, 10:00:00] Ida: hi\n[27/02/2025, 10:00:01] Ida: you?"), said("ok", sender="Finn")],
         notes=("part of a text",)),
    Case("pasted older lines of another format at the end", android("Mara: look\n[27/02/2025, 10:00:00] Ida: hi\n"
                                                                    "[27/02/2025, 10:00:01] Ida: you?"),
         [said("look\n[27/02/2025, 10:00:00] Ida: hi\n[27/02/2025, 10:00:01] Ida: you?")], notes=("part of a text",)),
    Case("pasted lines of the same format", android("Mara: look") + "27.02.25, 10:00 - Ida: hi\n" + android("Finn: ok"),
         [said("look"), said("hi", sender="Ida", time=datetime(2025, 2, 27, 10)), said("ok", sender="Finn")],
         doubts=("time runs backwards by more than a day",)),
    # Names and files with brackets and colons, words of more languages.
    Case("(attached) behind what is no file's name",
         android("Mara: I said (file attached) in the mail", "Mara: here it is (attached)",
                 "Mara: plan.pdf (file attached) is in the mail", "Mara: plan.pdf (file attached)"),
         [said("I said (file attached) in the mail"), said("here it is (attached)"),
          said("plan.pdf (file attached) is in the mail"), said("", "media")], doubts=("doesn't look like a file's",)),
    Case("somebody with a colon in the name leaves",
         android("Work: Ida: hi", "Work: Ida: yo", "Work: Ida: bye", "Work: Ida left", "Finn: hi"),
         [said("hi", sender="Work: Ida"), said("yo", sender="Work: Ida"), said("bye", sender="Work: Ida"),
          said("Work: Ida left", "system", None), said("hi", sender="Finn")], doubts=("since most lines",)),
    Case("words in brackets that were learned from a name of the app's own",
         android("Mara: IMG-20250228-WA0001.jpg (xyz abc)", "Mara: plan.pdf (xyz abc)", "Mara: plan.pdf (final)"),
         [said("", "media"), said("", "media"), said("plan.pdf (final)")],
         media=("IMG-20250228-WA0001.jpg", "plan.pdf", None)),
    Case("a line of the app with a colon, or a long name", android("Mara: hi", "Ana Grupo Lectura: hola"),
         [said("hi"), said("Ana Grupo Lectura: hola", "system", None)], doubts=("up to its colon",)),
    Case("a name that goes on where another ends",
         android("Mara: hi", "Mara Lee von Stein: yo", "Mara Lee (from work): ok"),
         [said("hi"), said("yo", sender="Mara Lee von Stein"), said("ok", sender="Mara Lee (from work)")]),
    Case("a log, no chat", android("INFO: started", "ERROR: failed"),
         [said("started", sender="INFO"), said("failed", sender="ERROR")], doubts=("hardly a chat",)),
    Case("a time that runs backwards a little", android("Mara: hi") + "28.02.25, 17:05 - Mara: late\n",
         [said("hi"), said("late", time=datetime(2025, 2, 28, 17, 5))], notes=("time runs backwards: a late",)),
    Case("deleted, in still more languages",
         android("Mara: This message was deleted by an admin", "Mara: Ez az üzenet törlésre került",
                 "Mara: ข้อความนี้ได้ถูกลบ", "Mara: Tuto zprávu jste smazal/a", "Mara: Usunąłeś(-ęłaś) tę wiadomość"),
         [said(text, "deleted") for text in ("This message was deleted by an admin", "Ez az üzenet törlésre került",
          "ข้อความนี้ได้ถูกลบ", "Tuto zprávu jste smazal/a", "Usunąłeś(-ęłaś) tę wiadomość")]),
    Case("live places and calls in more languages",
         android("Mara: live placering delt", "Mara: vị trí hiện thời được chia sẻ", "Αναπάντητη βιντεοκλήση"),
         [said("live placering delt", "location"), said("vị trí hiện thời được chia sẻ", "location"),
          said("Αναπάντητη βιντεοκλήση", "call", None)]),
    Case("iOS's words on Android", android("Mara: image omitted", "Mara: Video call", "Mara: Video call, please"),
         [said("image omitted"), said("Video call"), said("Video call, please")], doubts=("taken as typed",)),
    Case("wide colons", android("Mara: 投票：\n颜色\n选项：红 (2 票)", "Mara: 位置：https://maps.google.com/?q=1.5,2.5"),
         [said("颜色\n- 红 (2 票)", "poll"), said("https://maps.google.com/?q=1.5,2.5", "location")]),
    Case("joiners of emoji and Persian, small signs", android("Mara: 👩\u200d🚀 می\u200cروم 5 m² ½"),
         [said("👩\u200d🚀 می\u200cروم 5 m² ½")]),
    Case("other line separators", android("Mara: a\u2028b\x0bc\x0cd\x85e"), [said("a\u2028b\x0bc\x0cd\x85e")]),
]  # fmt: skip

IOS = [
    Case("a chat begins, in more languages",
         ios(f"Finn: {L}Meddelanden och samtal är totalsträckskrypterade.", "Finn: hi"),
         [on_ios("Meddelanden och samtal är totalsträckskrypterade.", "system", None), on_ios("hi", sender="Finn")]),
    Case("a chat begins, in words that no table has",
         ios(f"Finn: {L}Xyz abc def xyz abc def xyz abc def xyz abc.", "Finn: hi"),
         [on_ios("Xyz abc def xyz abc def xyz abc def xyz abc.", "system", None), on_ios("hi", sender="Finn")],
         doubts=("its own sentence",)),
    Case("left out, with a caption below", ios("Mara: hi", f"Mara: {L}video omitted\nthe sea"),
         [on_ios("hi"), on_ios("the sea", "media")]),
    Case("an accent of its own", ios("Zo\u00eb: hi", "Zoe\u0308: yo"),
         [on_ios("hi", sender="Zo\u00eb"), on_ios("yo", sender="Zo\u00eb")]),
    Case("a caption above and below", ios(f"Mara: above {L}<attached: 00000012-PHOTO-2025-02-28-18-05-09.jpg>\nbelow"),
         [on_ios("above\nbelow", "media")]),
    # Media in words that no table has: the mark stands before the line and before the text.
    Case("marked as media", ios("Mara: hi") + L + ios(f"Mara: {L}nichts dabei") + L + ios(f"Finn: {L}nichts dabei"),
         [on_ios("hi"), on_ios("", "media"), on_ios("", "media", "Finn")], doubts=("marked as media are",)),
    Case("marked as media, but about the sender", ios("Mara: hi") + L + ios(f"Mara: {L}Mara xyz"),
         [on_ios("hi"), on_ios("Mara xyz", "system", None)]),
    Case("left out, in more languages",
         ios("Mara: hi", *(f"Mara: {L}{x}" for x in ("Videó kihagyva", "matrica kihagyva", "ไม่มีไฟล์เสียง",
                                                     "đã bỏ sticker", "έγγραφο παραλείφθηκε", "klistremerke utelatt"))),
         [on_ios("hi"), *[on_ios("", "media")] * 6]),
    Case("contacts left out", ios("Mara: hi", f"Mara: {L}Kontaktkort udeladt", f"Mara: {L}Névjegykártya kihagyva"),
         [on_ios("hi"), on_ios("", "contact"), on_ios("", "contact")]),
    Case("in a file that is named like the Web's", ios("Mara: hi", "Finn: yo", f"Mara: {L}Mara left").replace(
            "[28.02.25, 18", "[2/28/25, 6").replace(":09]", f":09{N}PM]"),
         [on_ios("hi"), on_ios("yo", sender="Finn"), on_ios("Mara left", "system", None)], file="chat.txt"),
    Case("somebody who isn't in the contacts leaves", ios(f"~{N}Noor: hi", f"~{N}Noor: {L}~{N}Noor left"),
         [on_ios("hi", sender="Noor"), on_ios(f"~{N}Noor left", "system", None)]),
    Case("a call with other commas", ios("Mara: hi", f"Mara: {L}未接語音通話，{L}點按以回撥"),
         [on_ios("hi"), on_ios("未接語音通話，點按以回撥", "call")]),
    Case("left out, in words of a table", ios("Mara: hi", f"Mara: {L}документ не добавлен"),
         [on_ios("hi"), on_ios("", "media")], doubts=("that aren't in our tables",)),
    Case("a document with a French space", ios("Mara: hi", f"Mara: {L}<pièce jointe{A}: 00000012-Devis.pdf>"),
         [on_ios("hi"), on_ios("", "media")], media=(None, "00000012-Devis.pdf")),
    Case("no seconds, but marks", ios("Mara: hi", f"Mara: {L}Mara left").replace(":09]", "]"),
         [said("hi"), said("Mara left", "system", None)]),
    Case("marks before lines and texts",
         ios("Hiking: ‎Messages and calls are end-to-end encrypted.", "Mara: hi") + L + ios(f"Mara: {L}image omitted"),
         [on_ios("Messages and calls are end-to-end encrypted.", "system", None), on_ios("hi"), on_ios("", "media")],
         file="_chat.txt", lines={"message": 1, "media": 1, "system": 1}),
    Case("left out", ios(*(f"Mara: {L}{x} omitted" for x in ("image", "video", "audio", "GIF", "sticker"))),
         [on_ios("", "media")] * 5),
    Case("left out, German", ios(f"Mara: {L}Bild weggelassen"), [on_ios("", "media")]),
    Case("a document left out", ios(f"Mara: plan.pdf • 3 pages {L}document omitted"),
         [on_ios("", "media")], media=("plan.pdf",)),
    Case("attached", ios(f"Mara: {L}<attached: 00000012-PHOTO-2025-02-28-18-05-09.jpg>", f"Mara: {L}<Anhang: a b.pdf>",
                         f"Mara: the sea {L}<attached: 00000013-PHOTO-2025-02-28-18-05-09.jpg>"),
         [on_ios("", "media"), on_ios("", "media"), on_ios("the sea", "media")],
         media=("00000012-PHOTO-2025-02-28-18-05-09.jpg", "a b.pdf", "00000013-PHOTO-2025-02-28-18-05-09.jpg")),
    Case("pasted words without the mark", ios("Mara: image omitted", f"Mara: {L}image omitted"),
         [on_ios("image omitted"), on_ios("", "media")], doubts=("taken as typed",)),
    Case("a file whose marks an editor took",
         ios("Mara: image omitted", "Finn: ok", "Finn: Voice call, please", "Finn: Voice call, 3 min"),
         [on_ios("", "media"), on_ios("ok", sender="Finn"), on_ios("Voice call, please", sender="Finn"),
          on_ios("Voice call, 3 min", "call", "Finn")], doubts=("taken as written by the app",)),
    Case("deleted", ios(f"Mara: {L}This message was deleted.", f"Mara: {L}You deleted this message."),
         [on_ios("This message was deleted.", "deleted"), on_ios("You deleted this message.", "deleted")]),
    Case("edited", ios(f"Mara: at six {L}<This message was edited>"), [on_ios("at six", "edited")]),
    Case("calls", ios(f"Mara: {L}Missed voice call, {L}Tap to call back", f"Mara: {L}Voice call, 3 min",
                      f"Mara: {L}Verpasster Videoanruf", "Mara: voice call, please"),
         [on_ios("Missed voice call, Tap to call back", "call"), on_ios("Voice call, 3 min", "call"),
          on_ios("Verpasster Videoanruf", "call"), on_ios("voice call, please")]),
    Case("view once", ios(f"Mara: {L}You received a view once message. It can be opened on a phone only."),
         [on_ios("", "media")]),
    Case("a poll", ios(f"Mara: {L}POLL:\nWhat colour?\n{L}OPTION: Red ({L}2 votes)\n{L}OPTION: Blue ({L}1 vote)\n"),
         [on_ios("What colour?\n- Red (2 votes)\n- Blue (1 vote)", "poll")]),
    Case("location and contact", ios(f"Mara: {L}Location: https://maps.google.com/?q=1.5,2.5",
                                     f"Mara: {L}Contact card omitted", f"Mara: {L}<attached: 00000003-Ida.vcf>"),
         [on_ios("https://maps.google.com/?q=1.5,2.5", "location"), on_ios("", "contact"),
          on_ios("Ida", "contact")]),
    Case("system lines by persons", ios(f"Mara: {L}Mara added Finn", "Mara: hi", f"Finn: {L}You created this group"),
         [on_ios("Mara added Finn", "system", None), on_ios("hi"), on_ios("You created this group", "system", None)]),
    Case("a language without a table", ios(f"Hiking: {L}Xyz abc def.", "Mara: hi"),
         [on_ios("Xyz abc def.", "system", None), on_ios("hi")], doubts=("taken as its own sentence",)),
    Case("a text that begins with the mark", ios(f"Mara: {L}good evening", "Mara: hi"),
         [on_ios("good evening"), on_ios("hi")], doubts=("taken as typed",)),
    Case("not in the contacts", ios(f"~{N}Noor: hi", "~ Bo: yo", "Mara: hey"),
         [on_ios("hi", sender="Noor"), on_ios("yo", sender="Bo"), on_ios("hey")], notes=("isn't in the contacts",)),
    Case("two with one name", ios(f"~{N}Mara: hi", "Mara: hey"), [on_ios("hi", sender="~Mara"), on_ios("hey")]),
    Case("a name with a colon, shown by a mark", ios(f"Ida: gym: {L}image omitted", "Ida: gym: hi"),
         [on_ios("", "media", "Ida: gym"), on_ios("hi", sender="Ida: gym")]),
    Case("a line of text with a line feed in it", "[28.02.25, 18:05:09] Mara: one\ntwo\r\n" + ios("Mara: three"),
         [on_ios("one\ntwo"), on_ios("three")]),
    Case("system lines of which an editor took the marks",
         ios("Hiking: Messages and calls are end-to-end encrypted.", "Mara: hi", "Mara: Mara added Finn"),
         [on_ios("Messages and calls are end-to-end encrypted.", "system", None), on_ios("hi"),
          on_ios("Mara added Finn", "system", None)], doubts=("but taken as its own sentence",)),
    Case("a group with a colon in its name", ios(f"Trip: Rome: {L}Messages and calls are end-to-end encrypted."),
         [on_ios("Messages and calls are end-to-end encrypted.", "system", None)]),
    Case("a system line without a sender", ios(f"{L}Mara added you", "Mara: hi"),
         [on_ios("Mara added you", "system", None), on_ios("hi")]),
    Case("mentions", ios("Mara: ask @\u2068Ida Stein\u2069"), [on_ios("ask @Ida Stein")]),
]  # fmt: skip

WEB = [
    Case("copied from the window", "[18:05, 28/2/2025] Mara: hi\nyou\n[18:05, 28/2/2025] +49 170: yo\n",
         [said("hi\nyou"), said("yo", sender="+49 170")]),
    Case("copied from the window, en-US", "[6:05 PM, 2/28/2025] Mara: hi\n", [said("hi")]),
    Case("forwarded, and no text",
         web("Mara: [Forwarded] <image omitted> sea", "Mara: [Forwarded] a.pdf (file attached)"),
         [on_ios("sea", "media"), on_ios("", "media")], notes=("somebody else's words",)),
    Case("how long a call took, and a live location",
         web("- Voice call (3 min)", "Mara: Live location: 1.5, 2.5 - https://maps.google.com/?q=1.5,2.5"),
         [on_ios("Voice call (3 min)", "call", None),
          on_ios("1.5, 2.5 - https://maps.google.com/?q=1.5,2.5", "location")]),
    Case("all that the Web writes",
         web("You: hi", "- Mara created group “Trip: Rome”", "Mara: <image omitted> the sea", "- Missed voice call",
             "Mara: plan.pdf (file attached) read it", "Mara: Poll: What colour?\n    - Red\n    - Blue",
             "Mara: Location: 1.5, 2.5 - https://maps.google.com/?q=1.5,2.5", "Mara: Contact: Ida",
             "Mara: This message was deleted", "Mara: [Forwarded] a joke"),
         [on_ios("hi", sender="You"), on_ios("Mara created group “Trip: Rome”", "system", None),
          on_ios("the sea", "media"), on_ios("Missed voice call", "call", None), on_ios("read it", "media"),
          on_ios("What colour?\n- Red\n- Blue", "poll"),
          on_ios("1.5, 2.5 - https://maps.google.com/?q=1.5,2.5", "location"), on_ios("Ida", "contact"),
          on_ios("This message was deleted", "deleted"), on_ios("a joke")],
         file="chat.txt", lines={"before the first message": 2, "continued": 2}, notes=("Forwarded", "“You”")),
    Case("month first, though nothing proves it", "Chat\n[2/3/25, 6:05:09 PM] You: hi\n[2/3/25, 6:05:09 PM] - x\n",
         [("You", datetime(2025, 2, 3, 18, 5, 9), "message", "hi"),
          (None, datetime(2025, 2, 3, 18, 5, 9), "system", "x")], file="chat.txt", notes=("WhatsApp Web",)),
    Case("nothing but a line in front tells the Web", "Chat with Finn\n[2/3/25, 6:05:09 PM] Mara: hi\n",
         [said("hi", time=datetime(2025, 2, 3, 18, 5, 9))], file="saved.txt", notes=("WhatsApp Web",)),
    Case("tools for Signal", "[2025-02-28, 18:05] Mara: hi\n[2025-02-28, 18:05] Finn: yo\n",
         [said("hi"), said("yo", sender="Finn")], file="signal.txt"),
]  # fmt: skip


def days(*dates: str, between: str = ", ", end: str = "18:05") -> str:
    """A line of Mara's for each date."""
    return "".join(f"{date}{between}{end} - Mara: hi\n" for date in dates)


def on(*dates: tuple[int, int, int], hour: int = 18) -> list[Row]:
    """A row for each (year, month, day)."""
    return [said("hi", time=datetime(*date, hour, 5)) for date in dates]


DATES = [
    Case("a line that looks like a header and is none", f"27.0{A}.25, 18:05 - Ida: old\n" + android("Mara: hi"),
         [said("hi")], lines={"before the first message": 1, "message": 1}),
    Case("Slovenian, a day of one digit", days("8. 02. 25", "9. 02. 25"), on((2025, 2, 8), (2025, 2, 9)),
         doubts=("read as DMY",)),
    Case("Slovenian, by how close the days are", days("18. 02. 25", "19. 02. 25"), on((2025, 2, 18), (2025, 2, 19)),
         doubts=("read as DMY",)),
    Case("month first, by a number above 12", days("2/3/25", "2/14/25", end="6:05 PM"), on((2025, 2, 3), (2025, 2, 14)),
         notes=("2/14/25 fits no other",)),
    Case("day first, by a number above 12", days("02/03/2025", "14/03/2025"), on((2025, 3, 2), (2025, 3, 14))),
    Case("day first, by the order of time", days("1/2/25", "2/2/25", "3/2/25", "1/3/25"),
         on((2025, 2, 1), (2025, 2, 2), (2025, 2, 3), (2025, 3, 1)), notes=("time run forwards",)),
    Case("month first, by the order of time", days("2/1/25", "2/2/25", "2/3/25", "3/1/25"),
         on((2025, 2, 1), (2025, 2, 2), (2025, 2, 3), (2025, 3, 1)), notes=("time run forwards",)),
    Case("nothing decides", days("03/02/2025"), on((2025, 2, 3)), doubts=("nothing in the file proves it",)),
    Case("nothing decides, AM and PM don't either", days("3/2/25", end="6:05 pm"), on((2025, 2, 3)),
         doubts=("nothing in the file proves it",)),
    Case("nothing decides, but days follow each other", days("3/2/25", "4/2/25", "5/2/25"),
         on((2025, 2, 3), (2025, 2, 4), (2025, 2, 5)), doubts=("nothing in the file proves it",)),
    Case("Korean or German", days("25. 2. 3.", between=" "), on((2025, 2, 3)), doubts=("nothing in the file",)),
    # Which years can be: WhatsApp began in 2009, and nobody writes tomorrow.
    Case("Slovenian, since the other year is in the future", days("28. 2. 25", "27. 2. 25"),
         on((2025, 2, 28), (2025, 2, 27)), doubts=("but in another order dates lie before 2009 or in the future",)),
    Case("a short year in front, Basque", days("25/2/28", between=" "), on((2025, 2, 28)), doubts=("read as YMD",)),
    Case("a short year in front, with dashes", days("25-02-03", "25-02-28"), on((2025, 2, 3), (2025, 2, 28)),
         doubts=("before 2009",)),
    Case("a short Buddhist year", days("28/2/68"), on((2025, 2, 28)), notes=("Buddhist",)),
    Case("a year that nobody has seen", days("28.02.2047"), on((2047, 2, 28)), doubts=("in the future",)),
    Case("Korean, by the order of time", days("25. 2. 27.", "25. 2. 28.", "25. 3. 1.", between=" "),
         on((2025, 2, 27), (2025, 2, 28), (2025, 3, 1)), notes=("time run forwards",)),
    Case("two locales joined", android("Mara: hi") + "3/1/25, 6:05 PM - Mara: hi\n3/14/25, 6:05 PM - Mara: hi\n",
         on((2025, 2, 28), (2025, 3, 1), (2025, 3, 14)), notes=("the format changes",)),
    Case("a date with its weekday", "03/02/2025, 18:05 - Mara: see you on Monday, 03/02/2025\n",
         [said("see you on Monday, 03/02/2025", time=datetime(2025, 2, 3, 18, 5))], notes=("right in no other order",)),
    Case("Android and iOS joined", android("Mara: hi", "Finn: yo") + ios(f"Hiking: {L}Finn added Mara", "Mara: null"),
         [said("hi"), said("yo", sender="Finn"), on_ios("Finn added Mara", "system", None), on_ios("null")],
         notes=("the format changes",)),
    Case("the order changes", days("26/02/25", "27/02/25", "02/28/25", "03/01/25", "03/14/25"),
         on((2025, 2, 26), (2025, 2, 27), (2025, 2, 28), (2025, 3, 1), (2025, 3, 14)),
         notes=("order of day and month",)),
    Case("the order changes among dates that fit both",
         days("26/02/25", "27/02/25", "03/10/25", "03/11/25", "03/13/25"),
         on((2025, 2, 26), (2025, 2, 27), (2025, 3, 10), (2025, 3, 11), (2025, 3, 13)),
         notes=("order of day and month",)),
]  # fmt: skip

ENCODINGS = [
    Case("byte order mark", "\ufeff" + android("Mara: hi"), [said("hi")], notes=("byte order mark: removed",)),
    Case("UTF-16", android("Mara: schön 👋").encode("utf-16"), [said("schön 👋")], notes=("UTF-16",)),
    Case("UTF-16, big end first", b"\xfe\xff" + android("Mara: hi").encode("utf-16-be"), [said("hi")],
         notes=("UTF-16",)),
    Case("UTF-16, cut in a character", android("Mara: hi", "Mara: yo").rstrip("\n").encode("utf-16")[:-1],
         [said("hi"), said("y\ufffd")], doubts=("stands as U+FFFD",)),
    Case("a mark, and a wrong byte",
         b"\xef\xbb\xbf" + android("Mara: hi").encode() + b"28.02.25, 18:05 - Mara: \xff!\n",
         [said("hi"), said("\ufffd!")], doubts=("stands as U+FFFD",)),
    Case("UTF-16 without a mark", android("Mara: hi").encode("utf-16-le"), [said("hi")], notes=("UTF-16-LE",)),
    Case("Windows-1252", android("Mara: schön").encode("cp1252"), [said("schön")], notes=("Windows-1252",)),
    Case("a few wrong bytes", android("Mara: schön", "Mara: größer").encode() + b"28.02.25, 18:05 - Mara: \xff!\n",
         [said("schön"), said("größer"), said("\ufffd!")], doubts=("U+FFFD",)),
    Case("returns alone", android("Mara: hi", "Finn: yo").replace("\n", "\r"), [said("hi"), said("yo", sender="Finn")]),
    Case("cut in a character", android("Mara: hi", "Mara: schö").encode()[:-2], [said("hi"), said("sch")],
         notes=("middle of a character",)),
    Case("cut in a header", android("Mara: hi") + "28.02.25, 18:0", [said("hi")], notes=("in the middle of a line",),
         lines={"message": 1, "cut off": 1}),
    Case("cut in a name", android("Mara: hi") + "28.02.25, 18:05 - Ma", [said("hi")],
         lines={"message": 1, "cut off": 1}),
    Case("the beginning is missing", "the rest of a text\n" + android("Mara: hi"), [said("hi")],
         lines={"before the first message": 1}),
    Case("numbers at the end are no cut", android("Mara: 1.5\n2.50")[:-1], [said("1.5\n2.50")]),
]  # fmt: skip

PLUS_ONE = timezone(timedelta(hours=1))
LOCAL = datetime(2025, 2, 28, 18, 5, 9, tzinfo=PLUS_ONE)
UTC = LOCAL.astimezone(timezone.utc)


def telegram(**more: Any) -> dict[str, Any]:
    """One message of Telegram's."""
    entry = {"id": 1, "type": "message", "date": "2025-02-28T18:05:09", "date_unixtime": "1740762309", "from": "Mara"}
    return entry | {"from_id": "user1", "text": ""} | more


def chat_of(*entries: dict[str, Any], **more: Any) -> str:
    """A Telegram export of one chat."""
    return json.dumps({"name": "Finn", "type": "personal_chat", "id": 7, "messages": entries} | more)


def old(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry as files of before 2022 have it."""
    return {key: value for key, value in entry.items() if key != "date_unixtime"} | {"edited": "1970-01-01T01:00:00"}


def meta(**more: Any) -> dict[str, Any]:
    """One message of Instagram's."""
    return {"sender_name": "Mara", "timestamp_ms": 1740762309000} | more


def page(*entries: dict[str, Any], **more: Any) -> str:
    """A page of Instagram's, with its broken UTF-8."""
    whole = {"participants": [{"name": "Mara"}, {"name": "Finn"}], "messages": entries, "title": "Finn"} | more
    return json.dumps(broken(whole | {"thread_path": "inbox/finn_1"}))


def broken(value: Any) -> Any:
    """UTF-8 bytes taken for characters, as Facebook does."""
    if isinstance(value, str):
        return value.encode().decode("latin-1")
    if isinstance(value, dict):
        return {key: broken(inner) for key, inner in value.items()}
    return [broken(inner) for inner in value] if isinstance(value, list | tuple) else value


def discord(**more: Any) -> dict[str, Any]:
    """One message of Discord's."""
    entry = {"id": "1", "type": "Default", "timestamp": "2025-02-28T18:05:09.12+01:00", "timestampEdited": None}
    return entry | {"content": "hi", "author": {"name": "mara1", "nickname": "Mara"}, "attachments": []} | more


def channel(*entries: dict[str, Any]) -> str:
    """An export of a Discord channel."""
    return json.dumps({"guild": {"name": "Hiking"}, "channel": {"name": "general"}, "messages": entries})


def local(text: str, kind: str = "message", sender: str | None = "Mara") -> Row:
    """A row with Telegram's time."""
    return said(text, kind, sender, LOCAL)


def exact(text: str, kind: str = "message", sender: str | None = "Mara") -> Row:
    """A row with a time in UTC."""
    return said(text, kind, sender, UTC)


TELEGRAM = [
    Case("text in parts", chat_of(telegram(text=["see ", {"type": "link", "text": "a.example"}, "!"])),
         [local("see a.example!")]),
    Case("kinds", chat_of(telegram(text="hi", edited="2025-02-28T19:00:00"), telegram(photo="photos/1.jpg", text="sea"),
                          telegram(file="(File not included.)", media_type="sticker", sticker_emoji="😀"),
                          telegram(poll={"question": "Colour?", "answers": [{"text": "Red", "voters": 2}]}),
                          telegram(contact_information={"first_name": "Ida", "last_name": "", "phone_number": "+1"}),
                          telegram(location_information={"latitude": 1.5, "longitude": 2.5})),
         [local("hi", "edited"), local("sea", "media"), local("", "media"), local("Colour?\n- Red (2)", "poll"),
          local("Ida +1", "contact"), local("1.5, 2.5", "location")],
         media=(None, "photos/1.jpg", "sticker", None, None, None)),
    Case("service", chat_of(
            telegram(type="service", actor="Mara", action="phone_call", discard_reason="missed", duration_seconds=0),
            telegram(type="service", actor="Mara", action="invite_members", members=["Finn", None])),
         [local("phone call missed 0", "call"), local("Mara invite members Finn", "system", None)]),
    Case("deleted accounts", chat_of(telegram(**{"from": None}, text="hi"), telegram(**{"from": None}, text="yo",
                                     from_id="user2"), telegram(**{"from": None}, text="ok")),
         [local("hi", sender="Deleted Account"), local("yo", sender="Deleted Account 2"),
          local("ok", sender="Deleted Account")], notes=("account of a sender was deleted",)),
    Case("unsupported", chat_of({"id": 2, "type": "unsupported"}, telegram(text="hi")),
         [(None, None, "unknown", ""), local("hi")], notes=("without a time",), doubts=("without text",)),
    Case("two people of one name", chat_of(telegram(text="hi"), telegram(text="yo", from_id="user2")),
         [local("hi"), local("yo")], doubts=("two people have the same name",)),
    Case("a photo that is gone, and what is no file", chat_of(
            telegram(photo="", self_destruct_period_seconds=10), telegram(game_title="Chess", game_description="x"),
            telegram(giveaway_information={"quantity": 3}), telegram(invoice_information={"title": "Hat"}),
            telegram(todo_list={"title": "Buy", "answers": [{"text": "milk"}]})),
         [*[local("", "media")] * 4, local("Buy\n- milk")], media=("photo", "game", "giveaway", "invoice", None)),
    Case("chats of one name", json.dumps({"chats": {"list": [json.loads(chat_of(telegram(text=str(i)), id=i))
                                                             for i in (1, 2)]}}),
         [local("1"), local("2")], notes=("a chat with the name of another: numbered",)),
    Case("files without numbers of people", chat_of({"type": "message", "date": "2025-02-28T18:05:09", "from": "Mara",
                                                     "text": "hi", "edited": "2025-02-28T18:06:00"}),
         [said("hi", "edited", time=SECOND)]),
    Case("old files", chat_of(old(telegram(text="hi"))), [on_ios("hi")]),
    Case("forwarded", chat_of(telegram(text="hi", forwarded_from="Ida")), [local("hi")], notes=("forwarded",)),
    Case("everything", json.dumps({"about": "x", "chats": {"list": [json.loads(chat_of(telegram(text="hi"))),
                                   {"type": "saved_messages", "id": 1, "messages": [telegram(text="note")]}]},
                                   "left_chats": {"list": [json.loads(chat_of(telegram(text="bye"), name="Ida"))]}}),
         [local("hi"), local("note"), local("bye")]),
    Case("cut", chat_of(telegram(text="hi"), telegram(text="[{yo"), telegram(text="no"))[:-30],
         [local("hi"), local("[{yo")], notes=("the file is cut",)),
    Case("one entry broken",
         chat_of(telegram(text="hi"), telegram(text="!"), telegram(text="yo")).replace('"!"', "oops"),
         [local("hi"), local("yo")], notes=("an entry that is no JSON was left out",), lines={"not a message": 1}),
    Case("a new line as it is", chat_of(telegram(text="a!b")).replace("!", "\n"), [local("a\nb")]),
    Case("half a pair of surrogates", chat_of(telegram(text="hi \ud83d")), [local("hi \ufffd")]),
]  # fmt: skip

OTHERS = [
    Case("Instagram, newest first, broken UTF-8",
         page(meta(content="schön 👋", timestamp_ms=1740762310000), meta(content="hi")),
         [exact("hi"), said("schön 👋", time=UTC + timedelta(seconds=1))],
         notes=("written as Latin-1 was mended",)),
    Case("Instagram, sound UTF-8", json.dumps({"participants": [{"name": "Mara"}], "title": "Finn 👋",
            "messages": [meta(content="\u00c3\u00b6")]}), [exact("\u00c3\u00b6")]),
    Case("Instagram, broken and cut", json.dumps({"participants": [{"name": "Mara"}], "title": "Finn",
            "messages": [meta(content=broken("ö schö")[:-1])]}), [exact("ö sch")]),
    Case("Instagram, broken names", page(meta(sender_name="Zoë", content="hi")), [exact("hi", sender="Zoë")]),
    Case("Instagram, sentences of the app", page(
            meta(content="Liked a message"), meta(content="Mara sent an attachment.", share={"link": "https://a.example"}),
            meta(content="Reacted ❤ to your message"), meta(photos=[{"uri": "a/b.jpg"}], content="sea"), meta(),
            meta(is_unsent=True), meta(content="Mara started a video chat.", call_duration=0)),
         [exact("Mara started a video chat.", "call"), exact("", "deleted"), exact("", "unknown"),
          exact("sea", "media"), exact("Reacted ❤ to your message", "system", None), exact("", "media"),
          exact("Liked a message", "system", None)],
         media=(None, None, None, "a/b.jpg", None, "https://a.example", None)),
    Case("Instagram, edited", page(meta(content="at six (edited)"), meta(content="at six"), meta(content="ok")),
         [exact("ok"), exact("at six", "edited")], notes=("there twice",), lines={"double": 1}),
    Case("Messenger, encrypted", json.dumps({"participants": ["Mara", "Finn"], "threadName": "Finn_1", "messages": [
            {"isUnsent": False, "media": [], "senderName": "Mara", "text": "schön", "timestamp": 1740762309000,
             "type": "text"},
            {"isUnsent": False, "media": [{"uri": "./media/a.jpg"}], "senderName": "Mara", "text": "",
             "timestamp": 1740762309000, "type": "media"},
            {"isUnsent": True, "media": [], "senderName": "Mara", "text": "", "timestamp": 1740762309000,
             "type": "text"}]}),
         [exact("schön"), exact("", "media"), exact("", "deleted")]),
    Case("Discord", channel(discord(), discord(type="Reply", content="yes", reference={"messageId": "1"}),
                            discord(type="GuildMemberJoin", content="Joined."), discord(type="Call", content="A call."),
                            discord(timestampEdited="2025-02-28T19:05:09+01:00"),
                            discord(content="", attachments=[{"fileName": "a.png"}]),
                            discord(content="", forwardedMessage={"content": "old", "attachments": []})),
         [(sender, LOCAL.replace(microsecond=120_000), kind, text) for sender, kind, text in (
            ("Mara", "message", "hi"), ("Mara", "message", "yes"), (None, "system", "Joined."),
            ("Mara", "call", "A call."), ("Mara", "edited", "hi"), ("Mara", "media", ""), ("Mara", "message", "old"))]),
    Case("JSON Lines", '{"sender": "Mara", "time": "2025-02-28T18:05:09", "text": "hi"}\n\nnonsense\n'
                       '{"from": "Finn", "timestamp": 1740762309, "content": "yo"}\n{"x": 1}\n',
         [on_ios("hi"), exact("yo", sender="Finn")], lines={"message": 2, "unreadable": 1, "not a message": 1}),
    Case("Instagram, more sentences of the app", page(
            meta(content="Mara created a poll."), meta(content="You missed a video chat with Finn."),
            meta(content="Mara sent a live location."), meta(content="Mara unsent a message")),
         [exact("Mara unsent a message", "deleted"), exact("Mara sent a live location.", "location"),
          exact("You missed a video chat with Finn.", "call"), exact("Mara created a poll.", "poll")]),
    Case("Messenger, what else it says", page(
            meta(content="You and Finn waved at each other!"), meta(content="Mara made Finn an admin."),
            meta(content="Mara changed their vote to Tea."), meta(content="Mara started sharing video."),
            meta(content="This poll is no longer available."),
            meta(content="Messages and calls are secured with end-to-end encryption. Learn more."),
            meta(content="He waved at each of them")),
         [exact("He waved at each of them"),
          exact("Messages and calls are secured with end-to-end encryption. Learn more.", "system", None),
          exact("This poll is no longer available.", "poll"), exact("Mara started sharing video.", "call"),
          exact("Mara changed their vote to Tea.", "poll"), exact("Mara made Finn an admin.", "system", None),
          exact("You and Finn waved at each other!", "system", None)]),
    Case("Instagram, more sentences yet", page(
            meta(content="Mara created a poll: Tea?"), meta(content="You sent a GIF."),
            meta(content="I left the group"), meta(content="Ida.b left the group"),
            meta(content="Mara Stein counted the boats.", sender_name="Mara Stein"),
            meta(content="Then I sent a photo")),
         [exact("Then I sent a photo"), exact("Mara Stein counted the boats.", "system", None),
          exact("Ida.b left the group", "system", None), exact("I left the group"), exact("", "media"),
          exact("Mara created a poll: Tea?", "poll")],
         doubts=("a sentence that begins with its sender's full name", "about somebody who isn't its sender")),
    Case("Messenger, encrypted, what the app says", json.dumps({"threadName": "Finn_1", "messages": [
            {"senderName": "Mara", "text": text, "timestamp": 1740762309000, "type": "text"}
            for text in ("Mara sent an attachment.", "Mara called you.")]}),
         [exact("", "media"), exact("Mara called you.", "call")]),
    Case("Discord, what a program sent",
         channel(discord(content="", embeds=[{"title": "Rain", "fields": [{"name": "At", "value": "six"}]}],
                         timestamp="2025-02-28T18:05:09+01:00", type="ChatInputCommand"),
                 discord(content="", embeds=[{"image": {}}], timestamp="2025-02-28T18:05:09+01:00")),
         [local("Rain\nAt: six"), local("", "media")], notes=("the text of a box that a program sent",)),
    Case("Discord, two people of one name, the newest first", channel(
            discord(author={"id": "1", "nickname": "Mara"}, timestamp="2025-02-28T18:05:10+01:00", content="b"),
            discord(author={"id": "2", "nickname": "Mara"}, timestamp="2025-02-28T18:05:09+01:00", content="a")),
         [local("a"), said("b", time=LOCAL + timedelta(seconds=1))], notes=("the newest message stands first",),
         doubts=("two people have the same name",)),
    *[Case(f"messages of an unknown program, {i}", json.dumps({**more, "messages": [entry]}), [exact("hi")])
      for i, (more, entry) in enumerate((
          ({}, {"author": "Mara", "content": "hi", "timestamp": "2025-02-28T17:05:09Z"}),
          ({"participants": ["Mara"]}, {"sender": "Mara", "text": "hi", "time": "2025-02-28T17:05:09Z"}),
          ({"participants": [{"name": "Mara"}]}, {"sender": "Mara", "text": "hi", "time": 1740762309}),
          ({"name": "x"}, {"from": "Mara", "body": "hi", "date": "2025-02-28T17:05:09Z"}),
          ({}, {"sender_name": "Mara", "timestamp": "2025-02-28T17:05:09Z", "text": "hi"}),
          ({}, {"senderName": "Mara", "timestamp": "2025-02-28T17:05:09Z", "content": "hi"}),
          ({"type": "chat"}, {"sender": "Mara", "message": "hi", "time": "2025-02-28T17:05:09Z"})))],
    Case("JSON Lines with numbers that are no date", '{"sender": "Mara", "text": "hi", "time": 12.5}\n',
         [("Mara", None, "message", "hi")], notes=("an entry without a time",)),
    Case("JSON Lines with a date of digits", '{"sender": "Mara", "text": "hi", "time": "20250228180509"}\n',
         [on_ios("hi")]),
    Case("JSON Lines with other names inside", '{"author": {"id": 7, "displayName": "Mara"}, "text": "hi"}\n',
         [("Mara", None, "message", "hi")]),
    Case("JSON Lines behind two byte order marks", '\ufeff\ufeff{"sender": "Mara", "text": "hi"}\n',
         [("Mara", None, "message", "hi")]),
    Case("JSON Lines with kinds", "\n".join(json.dumps({"sender": "Mara", "text": "", **more}) for more in (
            {"text": "hi", "edited": True}, {"deleted": True}, {"type": "image", "text": "sea"}, {"media": "a.jpg"},
            {"attachments": [{"fileName": "b.pdf"}]}, {"text": "yo", "type": "text", "edited": False})),
         [("Mara", None, kind, text) for kind, text in (
            ("edited", "hi"), ("deleted", ""), ("media", "sea"), ("media", ""), ("media", ""), ("message", "yo"))],
         media=(None, None, "image", "a.jpg", "b.pdf", None)),
    Case("JSON Lines, the newest first", "\n".join(json.dumps({"sender": "Mara", "text": text, "time": 1740762309 + i})
                                                   for i, text in ((1, "yo"), (0, "hi"))),
         [exact("hi"), said("yo", time=UTC + timedelta(seconds=1))], notes=("the newest message stands first",)),
    Case("Discord, the answer to a command",
         channel(discord(type="20", timestamp="2025-02-28T18:05:09+01:00")), [local("hi")]),
    Case("JSON Lines with names written otherwise",
         '{"From_Name": "Mara", "Body": "hi", "createdAt": "2025/02/28 18:05:09"}\n',
         [on_ios("hi")]),
    Case("JSON Lines with date and time apart",
         '{"speaker": "Mara", "utterance": "hi", "date": "2025-02-28", "time": "18:05"}\n',
         [said("hi")]),
    Case("JSON Lines of what people and models said", '{"conversations": [{"from": "human", "value": "hi"}]}\n',
         [("human", None, "message", "hi")]),
    Case("JSON Lines with a user's name inside",
         '{"channel": {"name": "x"}, "author": {"username": "Mara"}, "content": "hi", '
         '"timestamp": "2025-02-28T18:05:09"}\n',
         [on_ios("hi")]),
    Case("JSON Lines with time in millionths of a second", '{"sender": "Mara", "text": "hi", "ts": 1740762309000000}\n',
         [exact("hi")]),
    Case("JSON Lines of one dialogue", '{"type": "conversation", "messages": [{"role": "user", "content": "hi"}]}\n',
         [("user", None, "message", "hi")]),
    Case("Lines of several chats", "\n".join(chat_of(telegram(text=text), name=text) for text in ("hi", "yo")),
         [local("hi"), local("yo")], lines={"message": 2}),
    Case("no message, no type", chat_of(type=[]), [], doubts=("there is no message in it",)),
    Case("no message", chat_of(), [], doubts=("there is no message in it",)),
    Case("JSON Lines of dialogues", '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", '
                                    '"content": "yo"}]}\n' * 2,
         [("user", None, "message", "hi"), ("assistant", None, "message", "yo")] * 2),
]  # fmt: skip

LOCALE_CASES = [
    Case(f"Android, {name}", f"{header} - Mara: hi\n{header} - Finn: <3\n", [said("hi"), said("<3", sender="Finn")])
    for name, header in LOCALES.items()
]
LOCALE_CASES += [
    Case(
        f"iOS, {name}",
        f"{header} Mara: hi\r\n{L}{header} Mara: {L}image omitted\r\n",
        [on_ios("hi"), on_ios("", "media")],
    )
    for name, header in IOS_LOCALES.items()
]
JSON_CASES = [case._replace(file="result.json") for case in TELEGRAM]
JSON_CASES += [case._replace(file="x.jsonl" if "Lines" in case.name else "message_1.json") for case in OTHERS]
CASES = [*LOCALE_CASES, *ANDROID, *IOS, *WEB, *DATES, *ENCODINGS, *JSON_CASES]
