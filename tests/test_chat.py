"""Chat exports: every writer, locale and kind; archives and folders; anonymising; joining and splitting."""

import io
import json
import os
import zipfile
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from chat_exports import CASES, HOURS, Case, android, channel, chat_of, discord, ios, meta, page, telegram
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import chat
from course_utils.chat import Chat, Message, anonymise, before_and_after, conversations, files, join, read
from course_utils.chat.dates import calendar_date, clock
from course_utils.experiments import chat_exports as shipped


def write(folder: Path, name: str, content: str | bytes) -> Path:
    """Put a file into a folder, with the line ends that it has."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def archive(folder: Path, name: str, **files: str | bytes) -> Path:
    """A zip archive of these files; `__` in a name stands for a full stop."""
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as out:
        for inner, content in files.items():
            out.writestr(inner.replace("__", "."), content)
    return folder / name


def rows(chat: Chat) -> list[tuple]:
    return [(m.sender, m.time, m.kind, m.text) for m in chat.messages]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_export_is_read_as_it_was_meant(tmp_path: Path, case: Case):
    found = read(write(tmp_path, case.file, case.content))
    assert rows(found) == case.rows
    if case.media:
        assert tuple(m.media for m in found.messages) == case.media
    for wanted, told in ((case.notes, found.report.notes), (case.doubts, found.report.doubts)):
        for words in wanted:
            assert any(words in f"{sentence} {tally.first}" for sentence, tally in told.items()), (words, told)
    counts = {kind: tally.count for kind, tally in found.report.lines.items()}
    assert counts | (case.lines or {}) == counts


@pytest.mark.parametrize("case", [case for case in CASES if case.file.endswith(".txt")], ids=lambda case: case.name)
def test_every_line_of_a_text_is_counted(tmp_path: Path, case: Case):
    found = read(write(tmp_path, case.file, case.content))
    raw = case.content if isinstance(case.content, bytes) else case.content.encode()
    encoding = "utf-8" if b"\0" not in raw else "utf-16" if raw[:1] in b"\xff\xfe" else "utf-16-le"
    lines = io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, errors="replace").readlines()
    assert found.report.total == len(lines)


@pytest.mark.parametrize("case", [case for case in CASES if not case.doubts], ids=lambda case: case.name)
def test_a_doubt_about_dates_is_told_only_where_there_is_one(tmp_path: Path, case: Case):
    found = read(write(tmp_path, case.file, case.content))
    proven = "ko, short year" not in case.name
    assert not (proven and any("read as" in sentence for sentence in found.report.doubts))


def test_there_are_enough_exports():
    assert len(CASES) >= 100
    assert len({case.name for case in CASES if case.file.endswith(".txt")}) >= 80


@pytest.mark.parametrize(("text", "hour"), HOURS)
def test_words_for_the_parts_of_a_day(text: str, hour: int):
    found = clock(text)
    assert (found.hour, found.minute) == (hour, 5)


CALENDARS = [
    ("1403/7/30", (2024, 10, 21)),
    ("1403/7/31", None),
    ("1403/6/31", (2024, 9, 21)),
    ("1403/13/1", None),
    ("1404/1/1", (2025, 3, 21)),
    ("1446/9/1", (2025, 3, 1)),
    ("1446/9/31", None),
    ("2568/2/28", (2025, 2, 28)),
    ("2025/2/29", None),
    ("25/2/28", (2025, 2, 28)),
    ("68/2/28", (2025, 2, 28)),
    ("51/2/28", (2051, 2, 28)),
]


@pytest.mark.parametrize(("text", "day"), CALENDARS)
def test_other_calendars(text: str, day: tuple | None):
    assert calendar_date(text, "YMD") == (day and date(*day))


def test_an_order_that_is_given_decides(tmp_path: Path):
    path = write(tmp_path, "x.txt", "03/02/2025, 18:05 - Mara: hi\n")
    assert read(path, date_order="MDY").messages[0].time == datetime(2025, 3, 2, 18, 5)
    assert read(path, date_order="MDY").report.doubts == {}
    with pytest.raises(ValueError, match=r"28/02/2025'\] is no date in it"):
        read(write(tmp_path, "y.txt", "28/02/2025, 18:05 - Mara: hi\n"), date_order="MDY")


# --- files, folders, archives ---


def test_an_archive_of_ios(tmp_path: Path):
    path = archive(tmp_path, "WhatsApp Chat - Hiking.zip", _chat__txt=ios("Mara: hi"), a__jpg=b"x")
    found = read(path)
    assert [m.text for m in found.messages] == ["hi"]
    assert found.messages[0].chat == "Hiking"


def test_a_text_in_an_archive_may_be_a_file_that_was_sent(tmp_path: Path):
    sent = {"notes__txt": android("Ida: old"), "WhatsApp Chat with Ida__txt": android("Ida: secret")}
    main = android("Mara: notes.txt (file attached)", "Mara: WhatsApp Chat with Ida.txt (file attached)")
    path = archive(tmp_path, "WhatsApp Chat with Finn.zip", **sent, **{"WhatsApp Chat with Finn__txt": main})
    found = read(path)
    assert found.senders == {"Mara": 2}
    assert "a text beside the chat is a file that somebody sent, and was left out" in found.report.notes


def test_the_web_writes_a_chat_twice_and_it_is_read_once(tmp_path: Path):
    both = {"chat__txt": "[2/28/25, 6:05:09 PM] You: hi\n", "chat__md": "[2/28/25, 6:05:09 PM] You: hi\n"}
    assert len(read(archive(tmp_path, "Finn.zip", **both))) == 1


def test_no_path_of_an_archive_leaves_its_folder(tmp_path: Path):
    evil = {"../WhatsApp evil__txt": android("Ida: x"), "/tmp/WhatsApp evil__txt": android("Ida: x")}
    path = archive(tmp_path, "x.zip", _chat__txt=android("Mara: hi"), **evil)
    found = read(path)
    assert found.senders == {"Mara": 1}
    assert found.report.notes["a file of the archive has a path that leaves its folder, and was not read"].count == 2


def test_an_archive_that_is_a_trap_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(files, "SMALL", 100_000)
    path = archive(tmp_path, "x.zip", _chat__txt=b"0" * 100_001)
    with pytest.raises(ValueError, match="times its size"):
        read(path)


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_half_an_archive_is_told(tmp_path: Path, keep: float):
    path = archive(tmp_path, "x.zip", _chat__txt=os.urandom(5000).hex())
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(ValueError, match="end is missing"):
        read(path)


def test_a_damaged_archive_is_told(tmp_path: Path):
    path = archive(tmp_path, "x.zip", _chat__txt=android("Mara: hi") * 500)
    raw = bytearray(path.read_bytes())
    raw[40:60] = b"\xff" * 20
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="can't be read"):
        read(path)


def test_a_folder_with_pages_of_instagram(tmp_path: Path):
    late, early = meta(content="two", timestamp_ms=1740762310000), meta(content="one")
    write(tmp_path, "inbox/finn_1/message_1.json", page(late))
    write(tmp_path, "inbox/finn_1/message_2.json", page(early))
    write(tmp_path, "inbox/ida_2/message_1.json", page(meta(content="hey"), title="Ida").replace("finn_1", "ida_2"))
    write(tmp_path, "inbox/followers.json", '{"followers": [{"name": "Ida"}]}')
    found = read(tmp_path)
    assert [(m.chat, m.text) for m in found.messages] == [("Finn", "one"), ("Finn", "two"), ("Ida", "hey")]
    assert "a file beside the chat is no chat export, and was left out" in found.report.notes
    pages = [tmp_path / f"inbox/finn_1/message_{i}.json" for i in (1, 2)]
    assert [m.text for m in read(pages).messages] == ["one", "two"]


def test_chats_of_one_name_stay_apart(tmp_path: Path):
    for i in (1, 2):
        content = page(meta(content=str(i))).replace("finn_1", f"finn_{i}")
        write(tmp_path, f"inbox/finn_{i}/message_1.json", content)
    assert [(m.chat, m.text) for m in read(tmp_path).messages] == [("Finn", "1"), ("Finn (2)", "2")]


def test_parts_of_a_discord_channel_are_in_order(tmp_path: Path):
    for i in (1, 2, 10):
        part = json.loads(channel(discord(content=str(i), timestamp=f"2025-02-28T18:{i:02}:00+01:00")))
        part["channel"]["id"] = "7"
        write(tmp_path, "general [7].json" if i == 1 else f"general [7] [part {i}].json", json.dumps(part))
    found = read(tmp_path)
    assert [m.text for m in found.messages] == ["1", "2", "10"]
    assert {m.chat for m in found.messages} == {"general"}


def test_archives_inside_are_told(tmp_path: Path):
    inner = archive(tmp_path, "inner.zip", result__json=chat_of(telegram(text="hi")))
    archive(tmp_path, "outer.zip", inner__zip=inner.read_bytes())
    for path in (tmp_path, tmp_path / "outer.zip"):
        with pytest.raises(ValueError, match=r"only archives in it, such as inner\.zip"):
            read(path)


def test_a_folder_does_not_follow_links_out(tmp_path: Path):
    outside = write(tmp_path / "outside", "WhatsApp Chat with Ida.txt", android("Ida: secret"))
    write(tmp_path / "inside", "_chat.txt", android("Mara: hi"))
    (tmp_path / "inside" / "WhatsApp link.txt").symlink_to(outside)
    assert read(tmp_path / "inside").senders == {"Mara": 1}


def test_several_files_are_one_chat(tmp_path: Path):
    first = write(tmp_path, "a.txt", android("Mara: hi"))
    second = write(tmp_path, "b.json", chat_of(telegram(text="yo")))
    found = read([first, second])
    assert [m.text for m in found.messages] == ["hi", "yo"]
    assert "WhatsApp (Android)" in found.report.format
    assert "Telegram" in found.report.format


def test_two_exports_of_one_chat_are_read_without_doubles(tmp_path: Path):
    first = write(
        tmp_path, "a.txt", android("Mara: hi", "Finn: ha", "Finn: ha", "Mara: Diese Nachricht wurde gelöscht.")
    )
    second = write(tmp_path, "b.txt", ios("Finn: ha", "Finn: ha", "Mara: \u200eThis message was deleted.", "Mara: bye"))
    found = read([first, second])
    assert [(m.text, m.chat) for m in found.messages if m.kind == "message"] == [
        ("hi", "a"), ("ha", "a"), ("ha", "a"), ("bye", "a"),
    ]  # fmt: skip
    assert len(found.of_kind("deleted")) == 1
    assert found.report.notes["a message that stands in two of the exports"].count == 3


UNKNOWN = [
    ("x.txt", "It was a dark night.\nSecond line.\n", "It was a dark night"),
    ("x.txt", "", "it's empty"),
    ("x.txt", "\x00\x01\x02", "u0000"),
    ("x.json", '{"a": 1}', "a"),
    ("x.json", '{"a": ', "a"),
    ("x.json", "[1, 2]", "1, 2"),
    ("x.json", "[" * 100_000, "no chat export|nested too deeply"),
    ("x.html", "<!DOCTYPE html><html></html>", "ask the app for JSON"),
    ("x.csv", "a,b\n1,2\n", "a,b"),
    ("x.txt", "27.0\u00a0.25, 18:05 - Mara: hi\n", "x.txt has no possible date"),
    ("x.txt", "99/99/2025, 18:05 - Mara: hi\n", "x.txt has no possible date, it begins with '99/99"),
]


@pytest.mark.parametrize(("name", "content", "told"), UNKNOWN)
def test_an_unknown_file_is_shown(tmp_path: Path, name: str, content: str, told: str):
    with pytest.raises(ValueError, match=told) as error:
        read(write(tmp_path, name, content))
    assert "Telegram" in str(error.value) or "deeply" in str(error.value)


def test_wrong_arguments_are_told(tmp_path: Path):
    path = write(tmp_path, "x.txt", android("Mara: hi"))
    for arguments, told in (
        ({"date_order": "YDM"}, "date_order is 'YDM'; it takes one of DMY, MDY, YMD"),
        ({"format": "icq"}, "format is 'icq'; it takes one of whatsapp, "),
    ):
        with pytest.raises(ValueError, match=told):
            read(path, **arguments)
    for wrong in (tmp_path / "none.txt", [], "a\0b", "x" * 5000, tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(ValueError, match=r"there is no|takes paths|can't be opened|no chat export"):
            read(wrong)
    with pytest.raises(ValueError, match="no chat export"):
        read(path, format="telegram")
    assert read(path, format="whatsapp").senders == {"Mara": 1}


def test_a_report_can_be_read(tmp_path: Path):
    told = str(read(write(tmp_path, "x.txt", android("Mara: hi", "Mara: null"))).report)
    for words in ("WhatsApp (Android), 2 lines", "day, month, year", "1  message", "What the file doesn't decide"):
        assert words in told


# --- anything at all ---

HEADERS = st.sampled_from(
    ["28.02.25, 18:05 - ", "[2/28/25, 6:05:09 PM] ", "\u200e[28/02/2025, 18:05:09] ", "25. 2. 3. 오후 6:05 - "]
)
PIECES = st.one_of(
    HEADERS, st.text(max_size=12), st.sampled_from(["\n", "\r\n", ": ", "\u200e", "<", "(", "Mara", "POLL:\n"])
)
LINES = st.lists(PIECES, max_size=30).map("".join)


def test_no_line_takes_long(tmp_path: Path):
    texts = ["1.1.25" + " " * 100_000, "Mara: " + "a" * 50_000 + "@" + " " * 50_000 + "<x", "[" + "\u200e" * 50_000]
    found = read(write(tmp_path, "x.txt", android(*texts) + "\n".join(texts)))
    assert len(anonymise(found)[0]) == 3


def read_or_refuse(path: Path, format: str | None = None) -> None:
    """Either a chat with a report comes of a file, or a sentence."""
    try:
        found = read(path, format=format)
    except ValueError as error:
        found, refusal = None, str(error)
    if found is None:
        assert path.name in refusal
        return
    for message in found.messages:
        assert message.kind in chat.KINDS
        assert isinstance(message.text, str)
        assert message.sender is None or isinstance(message.sender, str)
    assert str(found.report)
    conversations(found)
    anonymise(found)
    join([found, found])


@settings(max_examples=150, deadline=None)
@given(LINES)
def test_any_text_is_read_or_refused(tmp_path_factory, text: str):
    read_or_refuse(write(tmp_path_factory.getbasetemp(), "any.txt", text.encode("utf-8", "surrogatepass")))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory, raw: bytes):
    read_or_refuse(write(tmp_path_factory.getbasetemp(), "any.txt", raw))


NAMES_IN_JSON = """
messages participants sender_name senderName timestamp_ms timestamp date date_unixtime from actor action type text
content author channel chats left_chats list poll answers photo file edited name title nickname attachments share time
role contact_information location_information forwardedMessage members from_id thread_path
"""
KEYS = st.sampled_from(NAMES_IN_JSON.split())
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from(["service", "Default"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=25,
)
ENTRIES = st.lists(st.dictionaries(KEYS, VALUES, max_size=8), max_size=4)
WHOLES = st.one_of(
    VALUES, st.fixed_dictionaries({"messages": ENTRIES}, optional={"participants": VALUES, "channel": VALUES})
)


@settings(max_examples=100, deadline=None)
@given(WHOLES, st.sampled_from([None, *chat.FORMATS]))
def test_any_json_is_read_or_refused(tmp_path_factory, value, format):
    path = write(tmp_path_factory.getbasetemp(), "any.json", json.dumps(value))
    read_or_refuse(path)
    read_or_refuse(path, format)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        [chat_of(telegram(text="hi"), telegram(text="a [{ b")), page(meta(content="ö")), channel(discord())]
    ),
    st.data(),
)
def test_any_cut_of_json_is_read_or_refused(tmp_path_factory, text: str, data):
    end = data.draw(st.integers(0, len(text)))
    read_or_refuse(write(tmp_path_factory.getbasetemp(), "any.json", text[:end]))


# --- people taken out ---


def told(*pairs: tuple[str | None, str], kind: str = "message") -> Chat:
    """A chat of these senders and texts."""
    return Chat([Message(sender, None, text, kind) for sender, text in pairs])


def hidden(chat: Chat, **more) -> list[tuple]:
    return [(m.sender, m.text) for m in anonymise(chat, **more)[0].messages]


def test_names_are_replaced_everywhere_alike():
    found = told(("Mara Stein", "hi Finn"), ("Finn", "hi MARA, mara's here, Marabel isn't"), (None, "Finn left"))
    one, two = "Person 1", "Person 2"
    assert hidden(found) == [(one, f"hi {two}"), (two, f"hi {one}, {one}'s here, Marabel isn't"), (None, f"{two} left")]


def test_numbers_addresses_links_and_mentions():
    found = told(
        ("+49 170 1234567", "mail ida@example.org or ida@example.org"),
        ("Finn", "call 0049 170 1234567 or +1 555 010 9999, see https://a.example/x?y=1 and b.com/z, ask @Finn @ida_s"),
    )
    assert hidden(found) == [
        ("Person 1", "mail <mail 1> or <mail 1>"),
        ("Person 2", "call Person 1 or <number 1>, see <link 1> and <link 2>, ask @Person 2 @Person 3"),
    ]


def test_what_is_uncertain_is_listed():
    texts = ("Ask Noor about it, will you? I will. you will.", "I hope Will will", "on 28.02.2025")
    new, done = anonymise(told(*(("Will Stein", text) for text in texts)))
    listed = " ".join(done.uncertain)
    assert "Noor: a name?" in listed
    assert "'will' is a name and also a common word" in listed
    assert "a date" in listed
    assert new.messages[2].text == "on 28.02.2025"


def test_two_people_with_one_first_name():
    found = told(("Ida Stein", "x"), ("Ida Berg", "ask Ida, or Ida Berg"))
    assert hidden(found)[1] == ("Person 2", "ask <name>, or Person 2")


def test_short_names_roles_and_signs_stay_in_texts():
    senders = {"A": "a b 🏀 you", "🏀": "user, deleted account", "You": "A", "Deleted Account 2": "my account"}
    found = told(*senders.items())
    assert [text for _, text in hidden(found)] == [*senders.values()]
    assert "'A' is too short a name to be found in texts" in anonymise(found)[1].uncertain


def test_a_name_that_is_a_word_stays_where_it_is_one():
    texts = [("Will", "I will. you will, they will"), ("Mei 小明", "小明说")]
    assert [text for _, text in hidden(told(*texts))] == ["I will. you will, they will", "小明说"]
    assert hidden(told(("小明", "小明说")))[0][1] == "Person 1说"


def test_a_name_written_small_is_still_a_name():
    texts = [
        "hi mara",
        "mara? mara. mara,",
        "Maras Rad, Maraaa, mara_stein, #mara2, @mara.stein",
        "dans Florida",
        "stein",
    ]
    one = "Person 2"
    assert [text for _, text in hidden(told(("Mara Stein", "x"), *(("Dan", text) for text in texts)))][1:] == [
        f"hi {one}",
        f"{one}? {one}. {one},",
        f"{one}s Rad, {one}, {one}, #{one}2, @{one}",
        "dans Florida",
        "stein",
    ]


def test_a_word_that_is_a_name_is_one_with_a_capital_inside_a_sentence():
    found = told(("Rose", "a rose is a rose"), ("Dan", "ask Rose. Rose is red, or rosemary"))
    assert [text for _, text in hidden(found)] == ["a rose is a rose", "ask Person 1. Rose is red, or rosemary"]
    assert "rosemary: begins like a name; left as it is" in anonymise(found)[1].uncertain


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("Strauß", "strauss STRAUSS Strauß"),
        ("İpek", "ipek İpek IPEK"),
        ("Zoë", "Zoe zoë ZOË Zoe\u0308"),
        ("Jürgen", "Juergen jurgen"),
        ("Jean-Luc Picard", "Jean Luc Jean-Luc picard"),
    ],
)
def test_a_name_is_found_however_it_is_spelled(name: str, texts: str):
    assert set(hidden(told((name, texts)))[0][1].split("Person 1")) <= {"", " "}


def test_a_number_is_one_however_it_is_written():
    texts = "+49 170 1234567, 0049 170 1234567, +49 (0)170 1234567, 0170/1234567 and bit.ly/x"
    assert hidden(told(("Mara", texts)))[0][1] == "<number 1>, <number 1>, <number 1>, <number 1> and <link 1>"


def test_dates_stay_and_numbers_of_people_that_look_like_one_do_not():
    texts = "2025-02-28 18:05, 28.02.2025 18:05, 28/2/25 and 123-45-6789"
    assert hidden(told(("Mara", texts)))[0][1] == "2025-02-28 18:05, 28.02.2025 18:05, 28/2/25 and <number 1>"


def test_stand_ins_of_your_own_and_nothing_of_the_report_left():
    found = told(("Mara", "Noor and Mara"))
    found.report.count("message", "Mara: secret")
    new, done = anonymise(found, names={"Noor": "Ann", "Mara": "Eve"})
    assert new.messages[0] == Message("Eve", None, "Ann and Eve")
    assert "secret" not in str(new.report)
    assert done.table == {"Noor": "Ann", "Mara": "Eve"}
    assert list(before_and_after(found, new)) == [(found.messages[0], new.messages[0])]
    with pytest.raises(ValueError, match="it takes a dictionary"):
        anonymise(found, names={"Mara": ""})


def test_the_name_of_a_group_is_replaced_where_the_app_says_it():
    named = Message(None, None, "Mara named the group Hiking", "system", chat="Hiking")
    said = Message("Mara", None, "Hiking is fun", chat="Hiking")
    new, _ = anonymise(Chat([named, said]))
    assert [m.text for m in new.messages] == ["Person 1 named the group <chat 1>", "Hiking is fun"]


def test_places_contacts_and_titles_are_replaced():
    contact = Message("Mara", None, "Ida +49", "contact", "Ida.vcf", "Finn")
    place = Message("Mara", None, "1.5, 2.5", "location", None, "Finn")
    new, _ = anonymise(Chat([contact, place, Message("Finn", None, "hi", chat="Finn")]))
    assert [(m.text, m.media, m.chat) for m in new.messages] == [
        ("<contact 1>", None, "Person 2"),
        ("<place 1>", None, "Person 2"),
        ("hi", None, "Person 2"),
    ]


# --- several exports, several conversations ---


def at(*hours: float, texts: str = "x", sender: str = "Mara") -> Chat:
    start = datetime(2025, 2, 28)
    return Chat([Message(sender, start + timedelta(hours=hour), texts) for hour in hours])


def test_joined_exports_have_no_doubles():
    both = join([at(1, 2, 2), at(2, 3)])
    assert [m.time.hour for m in both.messages] == [1, 2, 2, 3]
    assert both.report.notes["a message that stands in two of the exports"].count == 1
    with pytest.raises(ValueError, match="join takes chats, not list"):
        join([[]])


def test_one_chat_from_two_phones_is_joined(tmp_path: Path):
    first = read(write(tmp_path, "a.txt", android("Mara: hi", "Mara: yo")))
    second = read(write(tmp_path, "b.txt", ios("Mara: hi", "Mara: bye")))
    both = join([first, second])
    assert [(m.text, m.chat) for m in both.messages] == [("hi", "a"), ("yo", "a"), ("bye", "a")]


def test_one_chat_from_two_zones_is_joined():
    here = [Message("Mara", datetime(2025, 2, 28, 18, i, tzinfo=timezone.utc), str(i)) for i in range(3)]
    there = [replace(m, time=m.time.astimezone(timezone(timedelta(hours=9)))) for m in here]
    assert join([Chat(here), Chat(there)]).messages == here
    assert len(conversations(Chat([here[0], there[1]]))) == 1


def test_an_edited_message_is_joined_with_its_first_version():
    first, new = Message("Mara", datetime(2025, 2, 28, 18, 5, 9), "at six"), "at seven"
    edited = replace(first, text=new, kind="edited")
    for pair in ([first], [edited]), ([edited], [first]):
        both = join(map(Chat, pair))
        assert both.messages == [edited]
        assert "a message that was edited before the other export was made" in both.report.notes
    assert len(join([Chat([first, edited])])) == 2


def test_two_exports_of_one_name_and_nothing_in_common_are_doubted():
    both = join([at(1, texts="a"), at(2, texts="b")])
    assert any("no message in common" in sentence for sentence in both.report.doubts)


def test_the_same_words_in_two_chats_are_no_double():
    forwarded = Message("Mara", datetime(2025, 2, 28), "news", chat="x")
    others = [Message("Ida", datetime(2025, 3, day), "x", chat="y") for day in range(1, 9)]
    first = Chat([forwarded, *(Message("Bo", None, str(i), chat="x") for i in range(8))])
    assert len(join([first, Chat([Message("Mara", datetime(2025, 2, 28), "news", chat="y"), *others])])) == 18


def test_a_pause_ends_a_conversation():
    parts = conversations(at(0, 1, 7, 14), pause=6)
    assert [[m.time.hour for m in part] for part in parts] == [[0, 1, 7], [14]]
    assert conversations(Chat([])) == []
    for wrong in (0, -1, "6", None, float("nan")):
        with pytest.raises(ValueError, match="it takes a number of hours above 0"):
            conversations(at(0), pause=wrong)


def test_chats_and_zones_do_not_mix():
    first = Message("Mara", datetime(2025, 2, 28, 10), "a", chat="x")
    second = Message("Mara", datetime(2025, 2, 28, 10).astimezone(), "b", chat="x")
    other = Message("Mara", datetime(2025, 2, 28, 10), "c", chat="y")
    assert conversations(Chat([first, second, other])) == [[first, second], [other]]


def test_of_kind_takes_known_kinds():
    found = Chat([Message("Mara", None, "a"), Message("Mara", None, "", "media")])
    assert found.of_kind("media") == found.messages[1:]
    with pytest.raises(ValueError, match="kind is 'photo'; it takes one of message, edited"):
        found.of_kind("photo")


# --- the shipped chat ---


def test_the_shipped_chat_is_what_was_written_from_three_apps():
    written = [(e.sender, e.time, e.text, "message" if e.text else "media") for e in shipped.entries()]
    for name in (shipped.ANDROID, shipped.IOS, shipped.TELEGRAM):
        found = chat.read(shipped.FOLDER / name)
        by_people = [(m.sender, m.time.replace(tzinfo=None), m.text, m.kind) for m in found.messages if m.sender]
        assert by_people == written, name
