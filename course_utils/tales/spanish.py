"""Sentences of the tales' world in English, with every right Spanish translation, made and judged by rule.

Spanish has to settle what English leaves open. Each noun has a gender, and articles and adjectives agree with it. Most
adjectives follow the noun. A verb's form says who acts, so a pronoun may be dropped, and `it` stands before the verb.
Within the rules of this page a translation is right or wrong, and `mistakes` says what kind of wrong.
"""

import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from course_utils.common import require
from course_utils.tales.generator import Dice, article
from course_utils.tales.words import PEOPLE, PLACES

PARTS = ("train", "sentences", "combinations")
KINDS = ("gender", "number", "order", "verb form", "word")

# Each thing's Spanish nouns, the commoner first, with their gender. Two have synonyms of the other gender.
THINGS = {
    "kite": (("cometa", "f"),),
    "drum": (("tambor", "m"),),
    "lantern": (("farol", "m"), ("linterna", "f")),
    "key": (("llave", "f"),),
    "map": (("mapa", "m"),),  # one of the masculine nouns that end in -a
    "whistle": (("silbato", "m"),),
    "umbrella": (("paraguas", "m"),),  # the same in the plural
    "compass": (("brújula", "f"),),
    "teapot": (("tetera", "f"),),
    "bell": (("campana", "f"),),
    "scarf": (("bufanda", "f"),),
    "puppet": (("títere", "m"), ("marioneta", "f")),
    "basket": (("cesta", "f"),),
    "accordion": (("acordeón", "m"),),
    "telescope": (("telescopio", "m"),),
    "flute": (("flauta", "f"),),
}
HOUSES = {
    "mill": ("molino", "m"),
    "river": ("río", "m"),
    "harbour": ("puerto", "m"),
    "library": ("biblioteca", "f"),
    "market": ("mercado", "m"),
    "orchard": ("huerto", "m"),
    "bakery": ("panadería", "f"),
    "lighthouse": ("faro", "m"),
    "meadow": ("prado", "m"),
    "station": ("estación", "f"),
}
# The masculine singular; those in FREE may stand before the noun as well as after it.
ADJECTIVES = {
    "red": "rojo",
    "blue": "azul",
    "green": "verde",
    "white": "blanco",
    "heavy": "pesado",
    "painted": "pintado",
    "round": "redondo",
    "old": "viejo",
    "new": "nuevo",
    "small": "pequeño",
}
FREE = ("old", "new", "small")
COLOURS = ("red", "blue", "green", "white")
# Determiner: its four Spanish forms (m, f, m plural, f plural), and which numbers it goes with.
DETERMINERS = {
    "the": ("el la los las", "sp"),
    "a": ("un una - -", "s"),
    "two": ("- - dos dos", "p"),
    "three": ("- - tres tres", "p"),
    "my": ("mi mi mis mis", "sp"),
    "her": ("su su sus sus", "sp"),
    "his": ("su su sus sus", "sp"),
    "our": ("nuestro nuestra nuestros nuestras", "sp"),
}
IT = {"m": ("lo", "los"), "f": ("la", "las")}
# English base, third person and past; Spanish infinitives that say the same, the commoner first.
ACTIONS = {
    "find": ("finds found", "encontrar"),
    "lose": ("loses lost", "perder"),
    "hide": ("hides hid", "esconder"),
    "mend": ("mends mended", "arreglar reparar"),
    "see": ("sees saw", "ver"),
    "buy": ("buys bought", "comprar"),
    "carry": ("carries carried", "llevar"),
    "clean": ("cleans cleaned", "limpiar"),
    "forget": ("forgets forgot", "olvidar"),
    "bring": ("brings brought", "traer"),
}
GIFTS = {"give": ("gives gave", "dar"), "show": ("shows showed", "mostrar enseñar"), "lend": ("lends lent", "prestar")}
MOVES = {"go": ("goes went", "ir"), "return": ("returns returned", "volver regresar")}
VERBS = ACTIONS | GIFTS | MOVES
TENSES = ("present", "past", "future")
# First person, third person, both singular and plural: the endings of regular verbs, and whole verbs that are not.
ENDINGS = {
    ("ar", "present"): "o a amos an",
    ("ar", "past"): "é ó amos aron",
    ("er", "present"): "o e emos en",
    ("er", "past"): "í ió imos ieron",
}
IRREGULAR = {
    ("encontrar", "present"): "encuentro encuentra encontramos encuentran",
    ("perder", "present"): "pierdo pierde perdemos pierden",
    ("mostrar", "present"): "muestro muestra mostramos muestran",
    ("volver", "present"): "vuelvo vuelve volvemos vuelven",
    ("ver", "present"): "veo ve vemos ven",
    ("ver", "past"): "vi vio vimos vieron",
    ("traer", "present"): "traigo trae traemos traen",
    ("traer", "past"): "traje trajo trajimos trajeron",
    ("dar", "present"): "doy da damos dan",
    ("dar", "past"): "di dio dimos dieron",
    ("ir", "present"): "voy va vamos van",
    ("ir", "past"): "fui fue fuimos fueron",
}
# English subject pronoun: its person in the order above, and how Spanish may say it; it may always leave it out.
PRONOUNS = {
    "I": (0, ("yo",)),
    "she": (1, ("ella",)),
    "he": (1, ("él",)),
    "we": (2, ("nosotros", "nosotras")),
    "they": (3, ("ellos", "ellas")),
}
BEING = {"is": ("es", "está"), "are": ("son", "están")}


class Sentence(NamedTuple):
    """A sentence, its right translations with the commonest first, and which pairs of words it joins to a thing."""

    english: str
    spanish: tuple[str, ...]
    pairs: frozenset[tuple[str, str]]


class Subject(NamedTuple):
    """Who acts: in English, the ways to say it in Spanish, and the person of the verb, 0 to 3."""

    english: str
    spanish: tuple[str, ...]
    person: int


class Thing(NamedTuple):
    """What it happens to: in English, how many, its name, and each way to say it in Spanish with its gender."""

    english: str
    plural: bool
    noun: str
    spanish: tuple[tuple[str, str], ...]
    adjective: str


# --- forms of words ---


def english_plural(noun: str) -> str:
    """Return the plural of a thing.

    >>> english_plural("kite"), english_plural("compass"), english_plural("scarf")
    ('kites', 'compasses', 'scarves')
    """
    if noun.endswith("f"):
        return noun[:-1] + "ves"
    return noun + ("es" if noun.endswith("s") else "s")


def spanish_plural(word: str) -> str:
    """Return the plural of a noun or adjective.

    >>> spanish_plural("cometa"), spanish_plural("acordeón"), spanish_plural("paraguas"), spanish_plural("azul")
    ('cometas', 'acordeones', 'paraguas', 'azules')
    """
    if word.endswith("as"):
        return word
    return word + "s" if word[-1] in "aeo" else word.replace("ón", "on") + "es"


def agree(adjective: str, gender: str, plural: bool) -> str:
    """Return the form of an adjective that goes with a noun of this gender and number.

    >>> agree("rojo", "f", True), agree("azul", "f", False)
    ('rojas', 'azul')
    """
    form = adjective[:-1] + "a" if gender == "f" and adjective.endswith("o") else adjective
    return spanish_plural(form) if plural else form


def conjugate(verb: str, tense: str, person: int) -> str:
    """Return a Spanish verb's form; person 0 is I, 1 she or he, 2 we, 3 they.

    >>> conjugate("encontrar", "past", 1), conjugate("volver", "present", 3), conjugate("ir", "future", 0)
    ('encontró', 'vuelven', 'iré')
    """
    if tense == "future":
        return verb + ("é", "á", "emos", "án")[person]
    forms = IRREGULAR.get((verb, tense)) or " ".join(verb[:-2] + end for end in ENDINGS[verb[-2:], tense].split())
    return forms.split()[person]


def english_verb(verb: str, tense: str, person: int, negated: bool) -> str:
    """Return an English verb's form, with its helping verb.

    >>> english_verb("find", "past", 1, True), english_verb("find", "present", 1, False)
    ('did not find', 'finds')
    """
    third, past = VERBS[verb][0].split()
    helping = {"future": "will", "past": "did", "present": "does" if person == 1 else "do"}[tense]
    if negated or tense == "future":
        return f"{helping} {'not ' if negated else ''}{verb}"
    return past if tense == "past" else third if person == 1 else verb


def ways(*parts: str | tuple[str, ...] | list[str]) -> list[str]:
    """Return every sentence that takes one choice of each part.

    >>> ways(("", "ella"), "va", ("ya", "hoy"))
    ['va ya', 'va hoy', 'ella va ya', 'ella va hoy']
    """
    choices = [(part,) if isinstance(part, str) else part for part in parts]
    return [" ".join(filter(None, chosen)) for chosen in product(*choices)]


def finish(text: str) -> str:
    """Return a sentence with its capital and its full stop."""
    return f"{text[0].upper()}{text[1:]}."


# --- drawing a sentence ---


def draw_subject(dice: Dice) -> Subject:
    """Draw who acts: a name, two names, or a pronoun."""
    kind = dice.choose(("name", "name", "two", "pronoun", "pronoun", "pronoun"))
    if kind == "pronoun":
        return pronoun(dice.choose(tuple(PRONOUNS)))
    first = dice.choose(tuple(PEOPLE))
    if kind == "name":
        return Subject(first, (first,), 1)
    second = dice.choose([name for name in PEOPLE if name != first])
    # "y" would be swallowed by the vowel after it.
    return Subject(f"{first} and {second}", (f"{first} {'e' if second[0] == 'I' else 'y'} {second}",), 3)


def pronoun(word: str) -> Subject:
    """Return a pronoun as a subject; leaving it out is the commonest way in Spanish."""
    person, spanish = PRONOUNS[word]
    return Subject(word, ("", *spanish), person)


def draw_thing(dice: Dice, determiners: tuple[str, ...] = tuple(DETERMINERS)) -> Thing:
    """Draw a thing with its determiner, one or several, and perhaps an adjective."""
    noun, word = dice.choose(tuple(THINGS)), dice.choose(determiners)
    plural = dice.choose(DETERMINERS[word][1]) == "p"
    adjective = dice.choose(("", *ADJECTIVES)) if dice.chance(0.75) else ""
    english = f"{adjective} {english_plural(noun) if plural else noun}".strip()
    english = article(english) if word == "a" else f"{word} {english}"
    found = tuple(phrase for name, gender in THINGS[noun] for phrase in phrases(word, adjective, name, gender, plural))
    return Thing(english, plural, noun, found, adjective)


def phrases(determiner: str, adjective: str, noun: str, gender: str, plural: bool) -> Iterator[tuple[str, str]]:
    """Yield the right orders of a noun and its adjective, each with the gender."""
    first = DETERMINERS[determiner][0].split()[2 * plural + (gender == "f")]
    noun = spanish_plural(noun) if plural else noun
    if not adjective:
        yield f"{first} {noun}", gender
        return
    form = agree(ADJECTIVES[adjective], gender, plural)
    yield f"{first} {noun} {form}", gender
    if adjective in FREE:
        yield f"{first} {form} {noun}", gender


def place_of(noun: str, goal: bool) -> tuple[str, str]:
    """Return a place in both languages: where something is, or where somebody goes.

    >>> place_of("mill", True), place_of("library", False)
    (('to the mill', 'al molino'), ('in the library', 'en la biblioteca'))
    """
    (word, gender), english = HOUSES[noun], "to" if goal else PLACES[noun].at
    to = "al" if gender == "m" else "a la"  # "a" and "el" become one word
    there = {"to": to, "by": f"junto {to}"}.get(english, "en el" if gender == "m" else "en la")
    return f"{english} the {noun}", f"{there} {word}"


def draw_place(dice: Dice) -> tuple[str, str]:
    """Draw where it happens; half of the time that is not said."""
    return place_of(dice.choose(tuple(HOUSES)), False) if dice.chance(0.5) else ("", "")


class Clause(NamedTuple):
    """What is said of a subject: a verb with its tense and whether it is denied."""

    verb: str
    tense: str
    negated: bool

    def english(self, subject: Subject) -> str:
        """Return subject and verb."""
        return f"{subject.english} {english_verb(self.verb, self.tense, subject.person, self.negated)}"

    def spanish(self, subject: Subject) -> tuple[str, ...]:
        """Return the verb's form for each Spanish verb that says it."""
        return tuple(conjugate(verb, self.tense, subject.person) for verb in VERBS[self.verb][1].split())

    @property
    def no(self) -> str:
        """The Spanish word that denies, if it does."""
        return "no" if self.negated else ""


def draw_clause(dice: Dice, verbs: dict, tenses: tuple[str, ...] = TENSES) -> Clause:
    """Draw a verb, its tense, and whether it is denied."""
    return Clause(dice.choose(tuple(verbs)), dice.choose(tenses), dice.chance(0.2))


def say_action(dice: Dice) -> Sentence:
    """Somebody does something with a thing, somewhere perhaps."""
    subject, clause, thing, place = draw_subject(dice), draw_clause(dice, ACTIONS), draw_thing(dice), draw_place(dice)
    english = f"{clause.english(subject)} {thing.english} {place[0]}".strip()
    objects = [phrase for phrase, _ in thing.spanish]
    found = ways(subject.spanish, clause.no, clause.spanish(subject), objects, place[1])
    return Sentence(finish(english), tuple(map(finish, found)), pairs_of(thing, clause))


def say_gift(dice: Dice) -> Sentence:
    """Somebody gives somebody a thing: English has two orders, Spanish too, and may announce the receiver with `le`."""
    subject, clause, thing = draw_subject(dice), draw_clause(dice, GIFTS), draw_thing(dice)
    name = dice.choose(tuple(PEOPLE))
    english = f"{clause.english(subject)} {dice.choose((f'{name} {thing.english}', f'{thing.english} to {name}'))}"
    objects = [order for phrase, _ in thing.spanish for order in (f"{phrase} a {name}", f"a {name} {phrase}")]
    found = ways(subject.spanish, clause.no, ("le", ""), clause.spanish(subject), objects)
    return Sentence(finish(english), tuple(map(finish, found)), pairs_of(thing, clause))


def say_move(dice: Dice) -> Sentence:
    """Somebody goes somewhere with a thing."""
    subject, clause = draw_subject(dice), draw_clause(dice, MOVES)
    to, thing = place_of(dice.choose(tuple(HOUSES)), True), draw_thing(dice)
    english = f"{clause.english(subject)} {to[0]} with {thing.english}"
    objects = [f"con {phrase}" for phrase, _ in thing.spanish]
    found = ways(subject.spanish, clause.no, clause.spanish(subject), to[1], objects)
    return Sentence(finish(english), tuple(map(finish, found)), pairs_of(thing))


def say_being(dice: Dice) -> Sentence:
    """A thing is of some kind, or somewhere: Spanish has a verb for each."""
    thing = draw_thing(dice, ("the", "my", "her", "our"))
    verb, at = "are" if thing.plural else "is", dice.chance(0.5)
    if at:
        english, spanish = place_of(dice.choose(tuple(HOUSES)), False)
        found = ways([phrase for phrase, _ in thing.spanish], BEING[verb][1], spanish)
        return Sentence(finish(f"{thing.english} {verb} {english}"), tuple(map(finish, found)), pairs_of(thing))
    # A red key may be heavy, but it shouldn't be blue.
    other = [word for word in ADJECTIVES if not thing.adjective or (word in COLOURS) != (thing.adjective in COLOURS)]
    word = dice.choose(other)
    found = [
        f"{phrase} {BEING[verb][0]} {agree(ADJECTIVES[word], gender, thing.plural)}" for phrase, gender in thing.spanish
    ]
    pairs = pairs_of(thing) | {(word, thing.noun)}
    return Sentence(finish(f"{thing.english} {verb} {word}"), tuple(map(finish, found)), pairs)


def say_two(dice: Dice) -> Sentence:
    """Two sentences, the second with `it`: in Spanish that has the gender of the noun in the first."""
    name, thing = dice.choose(tuple(PEOPLE)), draw_thing(dice, ("a", "the", "two"))
    first, second = Clause(dice.choose(tuple(ACTIONS)), "past", False), draw_clause(dice, ACTIONS | GIFTS)
    someone, subject = Subject(name, (name,), 1), pronoun("she" if PEOPLE[name].she else "he")
    gift, given = second.verb in GIFTS, dice.choose(tuple(PEOPLE))
    end = (f"to {given}", f"a {given}") if gift else draw_place(dice)
    it = "them" if thing.plural else "it"
    english = f"{second.english(subject)} {it} {end[0]}".strip()
    found = []
    for phrase, gender in thing.spanish:
        before = f"{'se ' if gift else ''}{IT[gender][thing.plural]}"
        start = ways(name, first.spanish(someone), phrase)
        rest = ways(subject.spanish, second.no, before, second.spanish(subject), end[1])
        found += [f"{finish(one)} {finish(two)}" for one, two in product(start, rest)]
    pairs = pairs_of(thing, first) | pairs_of(thing, second)
    return Sentence(f"{finish(f'{first.english(someone)} {thing.english}')} {finish(english)}", tuple(found), pairs)


def pairs_of(thing: Thing, clause: Clause | None = None) -> frozenset[tuple[str, str]]:
    """Return the pairs (verb or adjective, thing) of a clause."""
    words = [word for word in (thing.adjective, clause and clause.verb) if word]
    return frozenset((word, thing.noun) for word in words)


SHAPES = (say_action, say_action, say_gift, say_move, say_being, say_two, say_two)


# --- what is learned from, and what is kept back ---


def kept_back() -> frozenset[tuple[str, str]]:
    """Return the combinations that no training sentence has: for each verb and adjective, two things of sixteen."""
    words, things = (*ACTIONS, *GIFTS, *ADJECTIVES), enumerate(THINGS)
    return frozenset((word, noun) for j, noun in things for i, word in enumerate(words) if (3 * i + j) % 8 == 0)


KEPT_BACK = kept_back()


def part_of(sentence: Sentence) -> str:
    """Return which of PARTS a sentence belongs to; it is decided by the sentence, so that no two parts share one."""
    if sentence.pairs & KEPT_BACK:
        return "combinations"
    return "sentences" if zlib.crc32(sentence.english.encode()) % 10 == 0 else "train"


def draw_sentence(seed: int, part: str = "train") -> Sentence:
    """Return the sentence of a seed, of one part: what is trained on, unseen sentences, or unseen combinations.

    >>> draw_sentence(9)[:2]
    ('She lost three blue compasses.', ('Perdió tres brújulas azules.', 'Ella perdió tres brújulas azules.'))
    """
    require(part in PARTS, f"part is {part!r}; it takes one of {', '.join(PARTS)}")
    dice = Dice(seed)
    while True:
        sentence = dice.choose(SHAPES)(dice)
        if part_of(sentence) == part:
            return sentence


def choose_translation(sentence: Sentence, seed: int) -> str:
    """Return one of its right translations: in half of the cases the commonest, else any."""
    dice = Dice(-1 - seed)  # not those that drew the sentence, or the choice would follow from its shape
    return sentence.spanish[0] if dice.chance(0.5) else dice.choose(sentence.spanish)


# --- judging a translation ---


class Form(NamedTuple):
    """A form of a Spanish word: of which word, its gender and number, or its tense and person."""

    word: str
    gender: str = ""
    number: str = ""
    verb: str = ""


def inflected(forms: str) -> dict[str, Form]:
    """Return the four forms of a word (m, f, m plural, f plural); where two are alike, that is left open."""
    m, f, ms, fs = forms.split()
    word = ms if m == "-" else m
    table = {m: Form(word, "m", "s"), f: Form(word, "f", "s"), ms: Form(word, "m", "p"), fs: Form(word, "f", "p")}
    return table | {one: Form(word, "", number) for one, two, number in ((m, f, "s"), (ms, fs, "p")) if one == two}


def word_forms() -> dict[str, Form]:
    """Return every Spanish word of this page that has other forms, with the form that it is."""
    table: dict[str, Form] = {}
    for forms in (*(forms for forms, _ in DETERMINERS.values()), "él ella ellos ellas", "- - nosotros nosotras"):
        table |= inflected(forms)
    table["lo"] = Form("el", "m", "s")  # la, los and las are the article's
    for noun, _ in (pair for pairs in THINGS.values() for pair in pairs):
        table |= {noun: Form(noun, "", "s"), spanish_plural(noun): Form(noun, "", "p")}
    for word in ADJECTIVES.values():
        table |= inflected(" ".join(agree(word, g, plural) for plural in (False, True) for g in "mf"))
    for verb in (verb for _, verbs in VERBS.values() for verb in verbs.split()):
        for tense, person in product(TENSES, range(4)):
            table[conjugate(verb, tense, person)] = Form(verb, verb=f"{tense} {person}")
    table |= {word: Form("ser", verb=word) for words in BEING.values() for word in words}
    return {word: form for word, form in table.items() if word != "-"}


FORMS = word_forms()


def spanish_words(text: str) -> list[str]:
    """Return the words of a translation, small, `al` as the two that it is.

    >>> spanish_words("Fue al molino.")
    ['fue', 'a', 'el', 'molino', '.']
    """
    return text.lower().replace(".", " .").replace(" al ", " a el ").split()


def mistakes(translation: str, sentence: Sentence) -> list[str]:
    """Return the kinds of mistakes in a translation, one for each word that is wrong; none if it is right.

    It is compared with the right translation that it comes nearest to. "word" is any word too many, missing or another.
    """
    if translation in sentence.spanish:
        return []
    got = spanish_words(translation)
    return min((differences(got, spanish_words(right)) for right in sentence.spanish), key=len) or ["word"]


def differences(got: list[str], right: list[str]) -> list[str]:
    """Return the kinds of mistakes in `got`, in the order of KINDS."""
    found: list[str] = []
    # What stands in both is right. What's left over may be another form of the same word.
    extra, missing = list((Counter(got) - Counter(right)).elements()), list((Counter(right) - Counter(got)).elements())
    for word in missing[:]:
        twin = next((other for other in extra if base(other) == base(word)), None)
        if twin:
            found += other_form(FORMS[twin], FORMS[word])
            extra.remove(twin)
            missing.remove(word)
    found += ["word"] * max(len(extra), len(missing))
    # Without what only one of the two has, the words should come in the same order.
    if without(got, extra) != without(right, missing):
        found.append("order")
    return sorted(found, key=KINDS.index)


def base(word: str) -> str:
    """Return what a word is a form of."""
    return FORMS[word].word if word in FORMS else word


def without(words: list[str], left_out: list[str]) -> list[str]:
    """Return what the words are forms of, in their order, without some of them."""
    left_out = list(left_out)
    return [base(word) for word in words if word not in left_out or left_out.remove(word)]


def other_form(got: Form, right: Form) -> list[str]:
    """Return in what two forms of one word differ.

    >>> other_form(FORMS["rojos"], FORMS["roja"]), other_form(FORMS["voy"], FORMS["va"])
    (['gender', 'number'], ['verb form'])
    """
    found = [] if got.verb == right.verb else ["verb form"]
    found += [kind for kind in ("gender", "number") if getattr(got, kind) != getattr(right, kind) != ""]
    return found or ["word"]
