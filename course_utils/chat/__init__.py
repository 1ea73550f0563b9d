"""Chat exports: read them, take the people out, join them, and cut them into conversations.

`words.py` holds what apps write themselves, `dates.py` how phones write dates, `kinds.py` and `whatsapp.py` read text,
`exports.py` reads JSON, `files.py` opens things, `reading.py` finds the format; this module is their face.
"""

from course_utils.chat.conversations import conversations, join
from course_utils.chat.messages import KINDS, Chat, Message, Report
from course_utils.chat.names import Replacements, anonymise, before_and_after
from course_utils.chat.reading import FORMATS, read

__all__ = [
    "FORMATS",
    "KINDS",
    "Chat",
    "Message",
    "Replacements",
    "Report",
    "anonymise",
    "before_and_after",
    "conversations",
    "join",
    "read",
]
