"""Dates as phones write them: the shape of a line's header, the order of day and month, and times of day."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import accumulate, pairwise, starmap

# Marks that steer the direction of writing, and a byte order mark that got into the middle of a file.
MARKS = "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff"
# At most a few of them, so that no line of thousands takes long.
MARK = f"[{MARKS}]{{0,4}}"
SPACE = f"[ \t\u00a0\u2009\u202f{MARKS}]{{0,4}}"
MARKS_AND_SPACES = re.compile(f"[ \t\u00a0\u2009\u202f{MARKS}]+")

# The words of a 12-hour clock, before the time or behind it. Spaces and full stops are ignored.
HALF_WORDS = {
    "am": """
am ص öö 오전 午前 上午 凌晨 清晨 早上 vorm vormittags morgens पूर्वाह्न قظ לפנה״צ לפנה"צ πμ sa pg eparadites de dop dopol
дп проб претпл fm fh priešpiet priekšp vm ก่อนเที่ยง dumatin dimattina damanhã damadrugada delamañana delamadrugada
'sochtends sabah
""",
    "pm": """
pm م ös 오후 午後 下午 nachm nachmittags अपराह्न بظ אחה״צ אחה"צ μμ ch ptg epasdites du odp popol pop пп слоб попл em eh
popiet pēcp nm หลังเที่ยง del’après-midi del'après-midi delpomeriggio datarde delatarde 'smiddags öğledensonra
""",
    "noon": "mittags 中午 midi mezzogiorno meio-dia delmediodía öğle",
    "evening": "abends 晚上 dusoir disera danoite delanoche 'savonds akşam",
    "night": "nachts 午夜 dinotte 'snachts gece",
}
# How they are found in a line, with _ for a space; "a.m." and its sisters are one pattern.
HALF_SPELLINGS = """
ص م ÖÖ ÖS 오전 오후 午前 午後 上午 下午 凌晨 清晨 早上 中午 晚上 午夜
vormittags vorm. nachmittags nachm. morgens mittags abends nachts
पूर्वाह्न अपराह्न ق.ظ. ب.ظ. לפנה״צ אחה״צ לפנה"צ אחה"צ π.μ. μ.μ. SA CH
PG PTG e_paradites e_pasdites de. du. dop. odp. dopol. popol. pop. дп пп пр.об. сл.об. претпл. попл.
fm em f.h. e.h. vm. nm. priešpiet popiet priekšp. pēcp. ก่อนเที่ยง หลังเที่ยง
du_matin midi de_l’après-midi de_l'après-midi du_soir di_mattina mezzogiorno del_pomeriggio di_sera di_notte
da_madrugada da_manhã meio-dia da_tarde da_noite de_la_madrugada de_la_mañana del_mediodía de_la_tarde de_la_noche
's_ochtends 's_middags 's_avonds 's_nachts sabah öğle öğleden_sonra akşam gece
"""
HALF = {word: half for half, words in HALF_WORDS.items() for word in words.split()}
# The hour of a 24-hour clock for hours 0 to 12. Noon lasts from 11 to 2, and 12 in the evening is midnight.
HOURS = {
    "am": (*range(12), 0),
    "pm": (*range(12, 24), 12),
    "noon": (12, 13, 14, 15, *range(4, 13)),
    "evening": (0, *range(13, 24), 0),
    "night": (*range(6), *range(18, 24), 0),
}
# What stands between date and time beside a comma: French, Finnish, Danish, Swedish, Indonesian, English, Croatian,
# Macedonian.
BETWEEN = "à|klo|kl\\.?|pukul|at|om|um|u|во"

WEEKDAY_NAMES = """
monday tuesday wednesday thursday friday saturday sunday
montag dienstag mittwoch donnerstag freitag samstag sonntag
lunes martes miércoles jueves viernes sábado domingo
lundi mardi mercredi jeudi vendredi samedi dimanche
lunedì martedì mercoledì giovedì venerdì sabato domenica
maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
"""
WEEKDAYS = {name: i for row in WEEKDAY_NAMES.strip().splitlines() for i, name in enumerate(row.split())}
WEEKDAY_DATE = re.compile(rf"\b({'|'.join(WEEKDAYS)})[,.]? (\d{{1,2}}[./-]\d{{1,2}}[./-](?:\d{{4}}|\d\d))\b")
# Day 0 of the two calendars, counted as Python's `date.toordinal` does.
PERSIAN_EPOCH, ISLAMIC_EPOCH = 226_894, 226_630

LATIN = f"[AaPp]\\.?{SPACE}[Mm]\\.?"
WORD = "(?:" + "|".join([LATIN, *(re.escape(word).replace("_", SPACE) for word in HALF_SPELLINGS.split())]) + ")"
# The first character of a line that may be a header.
MAY_START = re.compile(f"[{MARKS}\\[\\d]")
DATE = (
    f"(?P<date>\\d{{1,4}}(?P<sep>{SPACE}[./\\-年]{SPACE})\\d{{1,2}}(?:{SPACE}[./\\-月]{SPACE})\\d{{1,4}})"
    f"(?P<gap>(?:[.日])?{SPACE}(?:г\\.)?[,،]?{SPACE}(?:(?:{BETWEEN}){SPACE})?)"
)
# Bulgarian puts "h." behind the time.
HOURS_SIGN = f"(?:{SPACE}ч\\.)?"
TIME = (
    f"(?P<time>(?P<before>{WORD}{SPACE})?\\d{{1,2}}(?P<colon>[:.]|{SPACE}h{SPACE})\\d\\d(?P<seconds>[:.]\\d\\d)?"
    f"{HOURS_SIGN}(?P<behind>{SPACE}{WORD})?)"
)
CLOSE = f"(?P<close>{MARK}\\] ?|{SPACE}[-–](?:{SPACE}|$)|: (?=[^:\n]{{1,60}}: ))"
HEADER = re.compile(f"{MARK}(?P<open>\\[?){MARK}{DATE}{TIME}{CLOSE}")
# The time in front: in Vietnamese, and in what somebody copied from the Web's window.
TIME_FIRST = re.compile(f"{MARK}(?P<open>\\[?){MARK}{TIME}(?P<turn>[,،]?[ \u00a0\u202f]){DATE}{CLOSE}")


@dataclass(frozen=True)
class Shape:
    """How the headers of one export look, apart from their numbers: one locale of one app."""

    bracket: bool
    separator: str
    spaced: bool
    year: str  # "first" or "last" where it has four digits, "short" where it has two
    gap: str
    colon: str
    seconds: bool
    half: str  # "", or "before" or "behind" with how it's written
    old: bool = False  # iOS until 2017: no brackets, but a colon behind the seconds
    turn: str = ""  # what stands between time and date where the time is in front

    def __str__(self) -> str:
        """As a date would look, for a reader."""
        separator = self.separator + " " * self.spaced
        number = {"first": ("YYYY", "N", "N"), "last": ("N", "N", "YYYY"), "short": ("N", "N", "N")}[self.year]
        clock = f"H{self.colon}MM" + f"{self.colon}SS" * self.seconds
        word = {"": "", "before": "AM ", "behind": " AM"}[self.half.split()[0] if self.half else ""]
        clock = word + clock if self.half.startswith("before") else clock + word
        dates = separator.join(number)
        text = f"{dates}{'' if self.gap in ',،.' else ' '}{self.gap} {clock}"
        text = f"{clock}{self.turn}{dates}" if self.turn else text
        return f"[{text}]" if self.bracket else f"{text}:" if self.old else f"{text} -"

    def pattern(self) -> Callable[[str], re.Match[str] | None]:
        """A function that matches a line with a header of this shape; its groups are `date` and `time`."""
        space = SPACE if self.spaced else MARK
        first, last = {"first": ("{4}", "{1,2}"), "last": ("{1,2}", "{4}"), "short": ("{1,2}", "{2}")}[self.year]
        last = "{1,2}" if self.spaced and self.year == "short" else last
        separators = [f"{space}{re.escape(self.separator)}{SPACE if self.spaced else MARK}"] * 2
        if self.separator == "年":
            separators[1] = "月"
        dates = f"\\d{first}{separators[0]}\\d{{1,2}}{separators[1]}\\d{last}"
        gap = "".join(f"{SPACE}{re.escape(part)}" for part in re.findall(r"\w+|\W", self.gap)) + SPACE
        word = {"upper": "[AP]M", "lower": "[ap]m", "dots": LATIN, "word": WORD}.get(self.half.partition(" ")[2], "")
        clock = f"\\d{{1,2}}{SPACE}{re.escape(self.colon)}{SPACE}\\d\\d" + "[:.]\\d\\d" * self.seconds + HOURS_SIGN
        clock = word + SPACE + clock if self.half.startswith("before") else clock + (word and SPACE + word)
        close = f"{MARK}\\] ?" if self.bracket else ":(?: |$)" if self.old else f"{SPACE}[-–](?:{SPACE}|$)"
        opening = f"{MARK}\\[{MARK}" if self.bracket else MARK
        date, time = f"(?P<date>{dates})", f"(?P<time>{clock})"
        both = f"{time}[,،]?{SPACE}{date}{gap}" if self.turn else f"{date}{gap}{time}"
        return re.compile(f"{opening}{both}{close}").match


def shape_of(line: str) -> Shape | None:
    """The shape of a line's header, or None if the line doesn't begin with one.

    >>> shape_of("28.02.25, 18:05 - Mara: hi") == shape_of("3.12.24, 9:10 - Finn: yes")
    True
    >>> print(shape_of("[28/02/2025, 18:05:09] Mara: hi"), shape_of("Mara: hi"))
    [N/N/YYYY, H:MM:SS] None
    """
    match = (HEADER.match(line) or TIME_FIRST.match(line)) if MAY_START.match(line) else None
    if not match or bool(match["open"]) != ("]" in match["close"]):
        return None
    old = match["close"].startswith(":")
    if old and not match["seconds"]:
        return None
    lengths = [len(part) for part in re.findall(r"\d+", match["date"])]
    year = "first" if lengths[0] == 4 else "last" if lengths[2] == 4 else "short"
    spaced = bool(re.search(r"\s", match["sep"]))
    # Korea writes 25. 2. 3., with the year in front; elsewhere a short year has two digits and is the last.
    if 3 in lengths or lengths.count(4) > 1 or (year == "short" and 2 not in (lengths[::2] if spaced else lengths[2:])):
        return None
    bare = [MARKS_AND_SPACES.sub("", match[name]) for name in ("sep", "gap", "colon")]
    half, turn = half_style(match), match.groupdict().get("turn") or ""
    return Shape(bool(match["open"]), bare[0], spaced, year, bare[1], bare[2], bool(match["seconds"]), half, old, turn)


def half_style(match: re.Match[str]) -> str:
    """Where the word of a 12-hour clock stands and how it is written: "behind upper" for 6:05 PM."""
    word = match["before"] or match["behind"]
    if not word:
        return ""
    latin = re.fullmatch(f"{SPACE}{LATIN}{SPACE}", word)
    style = "word" if not latin else "dots" if "." in word else "upper" if "M" in word else "lower"
    return f"{'before' if match['before'] else 'behind'} {style}"


def numbers_of(text: str) -> tuple[int, int, int]:
    """The three numbers of a date as it is written, in any script's digits."""
    first, second, third = (int(part) for part in re.findall(r"\d+", text)[:3])
    return first, second, third


def clock(text: str) -> time | None:
    """A time of day from its text, with or without seconds and a word for the half of the day; None if impossible.

    >>> clock("6:05 p. m."), clock("下午6:05"), clock("12:05 AM"), clock("25:00")
    (datetime.time(18, 5), datetime.time(18, 5), datetime.time(0, 5), None)
    """
    hour, minute, second = [*(int(part) for part in re.findall(r"\d+", text)), 0][:3]
    word = re.sub(r"[\d.:]|ч\.", "", MARKS_AND_SPACES.sub("", text)).casefold()
    if word in HALF and hour <= 12:
        hour = HOURS[HALF[word]][hour]
    return time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None


def calendar_date(text: str, order: str) -> date | None:
    """A date from its text and the order of its numbers, or None if there's no such day.

    Years of the Persian, Islamic and Buddhist calendars are converted; Islamic dates may be a day off.

    >>> calendar_date("28.02.25", "DMY"), calendar_date("28.02.25", "MDY"), calendar_date("1403/12/10", "YMD")
    (datetime.date(2025, 2, 28), None, datetime.date(2025, 2, 28))
    """
    by_letter = dict(zip(order, numbers_of(text), strict=True))
    year, month, day = by_letter["Y"], by_letter["M"], by_letter["D"]
    try:
        if 1300 <= year < 1500:
            return persian(year, month, day) if year < 1425 else islamic(year, month, day)
        return date(common_year(year), month, day)
    except (ValueError, OverflowError):
        return None


def common_year(year: int) -> int:
    """The year of the common calendar for one that may be short, or Buddhist.

    >>> common_year(25), common_year(2568), common_year(68)
    (2025, 2025, 2025)
    """
    # No phone wrote an export before the Buddhist year 2552, nor will one in 2052 soon.
    century = 2000 if year < 52 else 2500
    year = year + century if year < 100 else year
    return year - 543 if 2500 < year < 2700 else year


def is_likely(day: date | None) -> bool:
    """Whether people may have chatted on that day: since WhatsApp began, and until tomorrow, which it is elsewhere."""
    return day is not None and date(2009, 1, 1) <= day <= date.today() + timedelta(days=1)


def foreign_calendar(text: str, order: str) -> str | None:
    """The name of the calendar that a date is from, if it isn't the common one."""
    year = numbers_of(text)[order.index("Y")]
    names = {range(1300, 1425): "Persian", range(1425, 1500): "Islamic"}
    names |= dict.fromkeys((range(2501, 2700), range(52, 100)), "Buddhist")
    return next((name for years, name in names.items() if year in years), None)


def persian(year: int, month: int, day: int) -> date | None:
    """A date of the Persian calendar: six months of 31 days, then 30, eight leap years in 33."""
    if not (1 <= month <= 12 and 1 <= day <= (31 if month < 7 else 30)):
        return None
    before = 365 * (year - 1) + (8 * year + 21) // 33 + 31 * (month - 1) - max(0, month - 7)
    return date.fromordinal(before + day + PERSIAN_EPOCH)


def islamic(year: int, month: int, day: int) -> date | None:
    """A date of the Islamic calendar by its arithmetic rule; where the moon is observed it may differ by a day."""
    if not (1 <= month <= 12 and 1 <= day <= 30):
        return None
    return date.fromordinal((11 * year + 3) // 30 + 354 * year + 30 * month - (month - 1) // 2 + day + ISLAMIC_EPOCH)


@dataclass(frozen=True)
class Order:
    """The order of day, month and year, why it's this one, and whether the file proves it."""

    name: str
    reason: str
    certain: bool = True


def infer_order(shape: Shape, dates: Sequence[str]) -> Order:
    """The order of the numbers in an export's dates (each different from the one before), from all of them.

    >>> shape = shape_of("3/2/25, 6:05 PM - Mara: hi")
    >>> infer_order(shape, ["3/2/25", "3/14/25"])
    Order(name='MDY', reason='3/14/25 fits no other order', certain=True)
    >>> infer_order(shape, ["1/2/25", "2/2/25", "1/3/25"]).name, infer_order(shape, ["3/2/25"]).certain
    ('DMY', False)
    """
    if shape.year == "first":
        return Order("YMD", "the year stands first")
    candidates = candidates_for(shape, dates)
    dates = [text for text in dates if any(calendar_date(text, order) for order in candidates)]
    if not dates:
        return Order(candidates[0], "none of them is possible", certain=False)
    days = {order: [calendar_date(text, order) for text in dates] for order in candidates}
    # A few lines of another kind may look like headers, so one date in a hundred need not fit.
    fits = [order for order in candidates if days[order].count(None) * 100 <= len(dates)]
    if len(fits) == 1:
        others = [order for order in candidates if order != fits[0]]
        proof = next(text for i, text in enumerate(dates) if any(days[order][i] is None for order in others))
        return Order(fits[0], f"{proof} fits no other order")
    if not fits:
        return Order(min(candidates, key=lambda order: days[order].count(None)), "most dates fit", certain=False)
    back = {order: sum(a > b for a, b in pairwise(filter(None, days[order]))) for order in fits}
    best, second = sorted(fits, key=back.__getitem__)[:2]
    if back[second] > 3 * back[best]:
        return Order(best, "only in this order does time run forwards")
    reason = "nothing in the file proves it"
    alive = [order for order in fits if all(map(is_likely, days[order]))]
    if len(alive) == 1:
        return Order(alive[0], f"{reason}, but in another order dates lie before 2009 or in the future", certain=False)
    return Order(likely(shape, {order: days[order] for order in alive or fits}), reason, certain=False)


def candidates_for(shape: Shape, dates: Sequence[str]) -> tuple[str, ...]:
    """The orders that may be, where no year has four digits: Korean puts a short year in front, with spaces behind."""
    usual = "DMY", "MDY"
    if shape.year == "short" and not shape.spaced and not any(map(is_likely, all_readings(dates, usual))):
        return (*usual, "YMD")  # Basque; or another program
    if shape.year != "short" or not shape.spaced:
        return usual
    # A day or a month may have one digit, a year in front can't.
    no_year = any(len(re.search(r"\d+", text)[0]) == 1 for text in dates)
    return ("DMY", "MDY") if no_year else ("YMD", "DMY", "MDY")


def all_readings(dates: Sequence[str], orders: Sequence[str]) -> Iterator[date | None]:
    """Each date in each of several orders."""
    return (calendar_date(text, order) for order in orders for text in dates)


def likely(shape: Shape, days: dict[str, list[date | None]]) -> str:
    """The order that is the custom for such dates, where the dates themselves don't tell."""
    # Messages come in quick succession: the reading in which they're closer together is the better bet.
    span = {order: max(filter(None, each)) - min(filter(None, each)) for order, each in days.items()}
    if shape.spaced and "YMD" in days:
        return min(span, key=span.__getitem__)  # if they're alike the first, which is Korean
    if shape.separator != "/":
        return "DMY"
    if len(set(span.values())) > 1:
        return min(span, key=span.__getitem__)
    return "MDY" if shape.year == "short" and shape.half == "behind upper" else "DMY"


def weekday_order(lines: Iterable[str]) -> Order | None:
    """The order in which each date that stands behind the name of its weekday is right, if there is only one.

    >>> weekday_order(["Mara: see you on Sunday, 2/3/25"]).name, weekday_order(["see you on Sunday"])
    ('DMY', None)
    """
    found = [match for line in lines for match in WEEKDAY_DATE.finditer(line.casefold())]
    dates = [(WEEKDAYS[match[1]], match[2]) for match in found]

    def right(order: str) -> bool:
        days = [(weekday, calendar_date(text, order)) for weekday, text in dates]
        return all(day is not None and day.weekday() == weekday for weekday, day in days)

    orders = [order for order in ("DMY", "MDY") if dates and right(order)]
    return Order(orders[0], f"{found[0][0]} is right in no other order") if len(orders) == 1 else None


def order_switch(dates: Sequence[str]) -> int | None:
    """Where in a row of dates the order of day and month changes for good, because two exports were joined.

    >>> order_switch(["27/2/25", "28/2/25", "2/28/25", "3/14/25"]), order_switch(["27/2/25", "28/2/25"])
    (2, None)
    """
    forced = [(i, a > 12) for i, (a, b, _) in enumerate(map(numbers_of, dates)) if (a > 12) != (b > 12)]
    changes = [j for j, (one, two) in enumerate(pairwise(forced), start=1) if one[1] != two[1]]
    if len(changes) != 1 or min(changes[0], len(forced) - changes[0]) * 10 < len(forced):
        return None
    last, first = forced[changes[0] - 1][0], forced[changes[0]][0]
    orders = ("DMY", "MDY") if forced[changes[0] - 1][1] else ("MDY", "DMY")
    return last + 1 + shortest_way(dates[last : first + 1], *orders)


def shortest_way(dates: Sequence[str], before: str, after: str) -> int:
    """Where the order changes among dates that are possible in both, but for the first and the last: time hardly jumps.

    >>> shortest_way(["27/02/25", "03/10/25", "03/11/25", "03/13/25"], "DMY", "MDY")
    0
    """
    old, new = ([calendar_date(text, order) for text in dates] for order in (before, after))

    def jump(one: date | None, two: date | None) -> int:
        return abs(two - one).days if one and two else 0

    so_far = [0, *accumulate(starmap(jump, pairwise(old)))]
    to_come = [0, *accumulate(starmap(jump, pairwise(reversed(new))))][::-1]
    jumps = [so_far[i] + jump(old[i], new[i + 1]) + to_come[i + 1] for i in range(len(dates) - 1)]
    return jumps.index(min(jumps))
