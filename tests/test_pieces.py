"""JSON in pieces is JSON: the same values and the same refusals as Python's own reader, however small the pieces."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.chat.pieces import read_json

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@settings(deadline=None)
@given(VALUES, st.integers(1, 40), st.sampled_from([None, 1]), st.booleans())
def test_any_value_comes_back_however_it_is_cut(value, piece, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert read_json(io.StringIO(f" \n{text}\t"), piece) == value


@settings(deadline=None)
@given(VALUES, st.data(), st.integers(1, 40))
def test_what_python_refuses_is_refused_and_what_it_reads_is_read(value, data, piece):
    """A text with one character left out, put in, or the end cut away."""
    text = json.dumps(value)
    place = data.draw(st.integers(0, len(text)))
    changed = (
        text[:place] + data.draw(st.sampled_from(["", *'"[]{},:1x \\'])) + text[place + data.draw(st.integers(0, 1)) :]
    )
    try:
        wanted = json.loads(changed)
    except ValueError:
        with pytest.raises(ValueError):
            read_json(io.StringIO(changed), piece)
    else:
        assert read_json(io.StringIO(changed), piece) == wanted


class Counted(io.StringIO):
    """A file that knows how much of it was read."""

    taken = 0

    def read(self, size=-1):
        found = super().read(size)
        self.taken += len(found)
        return found


def test_a_text_that_is_no_json_is_left_early():
    wrong = '{"text": oops, "more": "and a good deal of text after it, as much as a number could ever need"}'
    file = Counted('{"messages": [' + '{"text": "hi"}, ' * 10_000 + wrong + ', {"text": "hi"}' * 100_000)
    with pytest.raises(ValueError, match="Expecting value"):
        read_json(file, 1000)
    assert file.taken < 200_000


def test_a_long_list_never_lies_in_memory_as_one_text(monkeypatch):
    longest = 0

    class Watched(io.StringIO):
        def read(self, size=-1):
            nonlocal longest
            longest = max(longest, size)
            return super().read(size)

    entries = [{"text": "x" * 50, "place": place} for place in range(5000)]
    assert read_json(Watched(json.dumps({"messages": entries})), 1000) == {"messages": entries}
    assert longest == 1000


def test_entries_share_what_they_have_in_common_and_plain_text_stands_once():
    entry = {"type": "message", "from": "Ida Sommer", "text": "hi", "text_entities": [{"type": "plain", "text": "hi"}]}
    linked = entry | {"text": "", "text_entities": [{"type": "link", "text": "a.example"}]}
    for piece in (30, 1 << 20):
        one, other = read_json(io.StringIO(json.dumps([entry, linked])), piece)
        assert "text_entities" not in one
        assert other == linked
        assert one["from"] is other["from"]
