"""The little world, written down: its people, places and things, what can happen, and the shapes of its stories.

Nothing here runs. `generator` makes tales from these words, `checker` reads tales back with the very same words.
"""

from typing import NamedTuple


class Person(NamedTuple):
    """Someone in a tale; the trait and the habit belong to this name alone."""

    she: bool
    trait: str
    habit: str


class Place(NamedTuple):
    """Somewhere; the spot and the lines belong to this place alone."""

    at: str
    spot: str
    lines: tuple[str, str]


class Thing(NamedTuple):
    """Something that can be held; everything here belongs to this noun alone."""

    adjective: str
    remark: str
    use: str
    broken: str
    fixed: str


# Interchangeable words are hard to tell apart for a small model, so each has a line that nobody else has.
PEOPLE = {
    "Amina": Person(True, "who kept a button for luck", "{A} rubbed {A.his} lucky button."),
    "Clara": Person(True, "who counted everything", "{A} counted {A.his} fingers, just to be sure."),
    "Ida": Person(True, "who talked to spiders", "{A} stopped to chat with a spider."),
    "Lotte": Person(True, "who liked to hop", "{A} hopped in a circle, as nobody had said not to."),
    "Mara": Person(True, "who sang about food", "{A} sang a short song about soup."),
    "Nell": Person(True, "who was never in a hurry", "{A} stepped aside to let an ant go first."),
    "Rosa": Person(True, "who wore odd socks", "{A} admired {A.his} socks, one green, one yellow."),
    "Yuki": Person(True, "who drew on everything", "{A} drew a whale on the back of {A.his} hand."),
    "Ben": Person(False, "who was always hungry", "{A} ate the second half of a biscuit."),
    "Emil": Person(False, "who wondered about everything", "{A} wondered why noses have two holes."),
    "Finn": Person(False, "who could sleep anywhere", "{A} yawned like a cave."),
    "Hugo": Person(False, "who wanted to be a pirate", "{A} squinted at the sky, as pirates do."),
    "Kofi": Person(False, "who knew every joke", "{A} told a joke about a goose and laughed first."),
    "Otto": Person(False, "who sneezed a lot", "{A} sneezed twice and said sorry to the air."),
    "Ravi": Person(False, "who liked to walk backwards", "{A} walked backwards, to see where {A.he} had been."),
    "Tom": Person(False, "who was as tall as a door", "{A} bent {A.his} head, in case there was a branch."),
}

PLACES = {
    "mill": Place("at", "behind the wheel", ("The big wheel turned and dripped.", "Flour hung in the air like smoke.")),
    "river": Place("by", "under the willow", ("The water chuckled over the stones.", "A duck drifted past, asleep.")),
    "harbour": Place("at", "in an empty boat", ("The boats nodded to each other.", "A gull shouted at the sea.")),
    "library": Place(
        "in", "behind the tallest shelf", ("Somebody turned a page, very quietly.", "A thousand books kept silent.")
    ),
    "market": Place(
        "at", "under a cart", ("A man was shouting about cheese.", "The carrots lay in rows, like soldiers.")
    ),
    "orchard": Place("in", "in a hollow tree", ("An apple fell with a thump.", "A blackbird guarded the best pears.")),
    "bakery": Place(
        "in", "beneath the counter", ("The whole room smelled of warm bread.", "The ovens ticked and glowed.")
    ),
    "lighthouse": Place(
        "at", "below the stairs", ("The stairs went round and round and round.", "Far down, the waves clapped.")
    ),
    "meadow": Place("in", "in the long grass", ("A goat watched, chewing.", "The poppies bowed to one another.")),
    "station": Place(
        "at", "under a bench", ("A train sighed and pulled away.", "The trains were late, and proud of it.")
    ),
}

THINGS = {
    "kite": Thing(
        "red",
        "{It O} had a tail of yellow ribbons.",
        "{A} ran until the {O} stood high above the roofs.",
        "its string had snapped",
        "tied on a new string",
    ),
    "drum": Thing(
        "painted",
        "{It O} sounded like polite thunder.",
        "{A} beat the {O} until a dog joined in.",
        "its skin had split",
        "stretched a new skin over it",
    ),
    "lantern": Thing(
        "brass",
        "{It O} shone the colour of honey.",
        "{A} lifted the {O}, and the shadows stepped back.",
        "its glass had cracked",
        "put in new glass",
    ),
    "key": Thing(
        "iron",
        "Nobody knew what {it O} opened.",
        "{A} turned the {O} in the air, in case there was a door.",
        "it had bent like a banana",
        "hammered it straight",
    ),
    "map": Thing(
        "old",
        "One island on {it O} was only a tea stain.",
        "{A} held the {O} upside down and liked it better.",
        "it had torn in two",
        "glued the halves together",
    ),
    "whistle": Thing(
        "tin",
        "{It O} could be heard three streets away.",
        "{A} blew the {O}, and every dog sat down.",
        "it had lost its voice",
        "shook the dust out of it",
    ),
    "umbrella": Thing(
        "striped",
        "{It O} had room for a family of ducks.",
        "{A} opened the {O} and danced under it.",
        "one of its ribs had come loose",
        "mended the rib with wire",
    ),
    "compass": Thing(
        "silver",
        "{It O} was never in doubt about north.",
        "{A} spun round and round, but the {O} was not fooled.",
        "its needle had stuck",
        "freed the needle with a pin",
    ),
    "teapot": Thing(
        "blue",
        "{It O} had a china bird on its lid.",
        "{A} poured tea from the {O} for anybody who was thirsty.",
        "its handle had come off",
        "glued the handle back on",
    ),
    "bell": Thing(
        "copper",
        "{It O} rang as clear as cold water.",
        "{A} rang the {O} and waited politely for lunch.",
        "it had lost its tongue",
        "hung a new tongue in it",
    ),
    "scarf": Thing(
        "woollen",
        "{It O} was longer than most streets.",
        "{A} wrapped up in the {O} until only a nose was left.",
        "it had caught on a nail and ripped",
        "sewed up the rip",
    ),
    "puppet": Thing(
        "wooden",
        "{It O} had a smile that never got tired.",
        "{A} made the {O} bow to the left and to the right.",
        "one of its arms had fallen off",
        "screwed the arm back on",
    ),
    "basket": Thing(
        "round",
        "{It O} creaked like a ship.",
        "{A} wore the {O} as a hat, and it fitted.",
        "its bottom had given way",
        "wove a new bottom for it",
    ),
    "accordion": Thing(
        "wheezy",
        "{It O} sighed even when nobody played.",
        "{A} squeezed the {O} until the cat moved out.",
        "it had sprung a leak",
        "patched the leak",
    ),
    "telescope": Thing(
        "heavy",
        "{It O} could make the moon blush.",
        "{A} looked through the {O} and saw a sailor yawn.",
        "its lens had dropped out",
        "fitted the lens back in",
    ),
    "flute": Thing(
        "bamboo",
        "{It O} knew only one tune, but knew it well.",
        "{A} played the {O}, and two sparrows argued about the tune.",
        "it had a crack from end to end",
        "sealed the crack with wax",
    ),
}

WEATHER = {
    "windy": "The wind tried on everybody's hat.",
    "rainy": "The rain had no plans to stop.",
    "sunny": "The sun was in a good mood.",
    "foggy": "The fog was as thick as porridge.",
    "hot": "Even the shadows were looking for shade.",
    "grey": "The clouds could not make up their minds.",
}

TIMES = ("morning", "afternoon", "evening")

# Word classes for `lexicon`: what is not listed here belongs to a person, a place or a thing, or is "other".
CATEGORIES = {
    "pronoun she": "she her",
    "pronoun he": "he him his",
    "pronoun": "i you it its me my mine your yours we us they them their",
    "article": "a an the",
    "preposition": "about above after around at before behind below beneath by down for from in into of off on out "
    "over past round through to under until up upside with without",
    "conjunction": "and as because but if nor or since so than that though when whenever where while",
    "question": "how what which who why whole",
    "verb of movement": "came come comes danced flew go going hopped hurried move moved raced ran run stepped strolled "
    "tiptoed turned walk walked went",
    "verb of giving": "gave give given handed lend lends lent passed return returned sends",
    "verb of having": "had has have held holding kept keep keeping owned belongs carried carrying "
    "brought bring got get",
    "verb of losing": "forget forgot forgotten left lost mistook dropped miss missed snatched stole",
    "verb of finding": "find found picked rescued",
    "verb of hiding": "hid hidden hide tucked",
    "verb of saying": "asked cried said say saying says tell tells told thank thanked promise promised agreed sang",
    "verb of seeing": "look looked looking looks saw seen see sees stared searched squinted watched",
    "verb of mending": "mend mended fixed fitted freed glued hammered hung patched screwed sealed sewed stretched wove",
    "verb of breaking": "broke broken cracked ripped snapped split stuck torn",
    "verb of sharing": "borrow borrowed share shared sharing swap swapped trust",
    "verb of laughing": "giggled laugh laughed smile smiled hummed humming",
    "verb of being": "am are be been is was were",
    "helping verb": "can cannot could did do does may might must shall should will would",
    "feeling sad": "sad guilty sorry bored gloomy",
    "feeling glad": "glad happy proud nice lucky",
    "number": "one two three four seven nine ten half both second hundred thousand twice once first",
    "time": "day days week year minute minutes night spring summer today now soon later then ever always never again "
    "already last ago",
    "speech": "yes no not oh alas please",
}

# What can happen. An event has a name and roles (A B C people, O Q things, P R places, W weather, T time of day);
# "if" says what must hold before, "then" what holds after, "why" the cause; then come the ways to tell it.
#   at A P      A is at P              in O X    O is with the person X, or lies at the place X
#   own O A     O belongs to A         scene P   the tale is now at P
#   near A B    both at one place      new X     X has not been in the tale yet
#   no F X      F is over for X        own {…}   each word of that kind has ways of its own
# Other facts (asked, lost, owes …) are read in `SAYS` of `checker.py`. A role that a way leaves out is found from
# the facts. Between braces: {A} the name or she/he, {A.call} always the name, {A.him}, {A.his}, {A.who} the trait;
# {O} the noun, {O.full} with its adjective, {O.a} with an article too, {it O} "it" where that is clear; {P.at}, {P.to}.
EVENTS = """
begin A P W T
  if start, new A
  then at A P, scene P, weather W, time T
  One {W} {T}, {A} was {P.at}.
  It was a {W} {T}, and {A} was {P.at}.
  One {W} {T} found {A.call} {P.at}.
  {A}, {A.who}, spent a {W} {T} {P.at}.
  On a {W} {T}, {A}, {A.who}, was {P.at}.
  Nobody was surprised to see {A.call} {P.at} on a {W} {T}.
  One {W} {T}, {A} went {P.to} for no reason at all.
  {A} had nothing to do one {W} {T} and did it {P.at}.

bring A O P W T
  if start, new A, new O
  then at A P, scene P, weather W, time T, in O A, own O A
  One {W} {T}, {A} carried {A.his} {O.full} {P.to}.
  On a {W} {T}, {A} was {P.at} with {A.his} {O.full}.
  It was a {W} {T}, and {A} was {P.at} with {A.his} {O.full}.
  {A}, {A.who}, took {A.his} {O.full} {P.to} one {W} {T}.
  One {W} {T} found {A.call} {P.at} with {A.his} {O.full}.
  {A} owned {O.a}, and one {W} {T} {A.he} took it {P.to}.
  {A} took {A.his} {O.full} {P.to} one {W} {T}.

have A O
  if at A P, new O
  then in O A, own O A
  {A} had brought {A.his} {O.full} along.
  {A} never went anywhere without {A.his} {O.full}.
  {A} was carrying {A.his} {O.full}.
  With {A.him} was {A.his} {O.full}.
  {A} had {O.a} and was proud of it.

join B P
  if scene P, new B
  then at B P
  {B} was there too.
  {B}, {B.who}, was there too.
  Before long {B} came by.
  Then {B} came along.
  Soon {B}, {B.who}, came by.
  Then {B} turned up, out of breath.

jointwo B C P
  if scene P, new B, new C
  then at B P, at C P
  {B.call} and {C.call} were there too.
  Before long {B.call} and {C.call} came by.
  Then {B.call} and {C.call} turned up, out of breath.
  Soon {B} came by, and then {C}.

joinwith B Q P
  if scene P, new B, new Q
  then at B P, in Q B, own Q B
  {B} was there too, with {B.his} {Q.full}.
  {B}, {B.who}, came along with {B.his} {Q.full}.
  Before long {B} came by with {B.his} {Q.full}.
  Then {B} turned up, carrying {B.his} {Q.full}.

elsewhere B R
  if new B, not scene R
  then at B R, scene R
  Meanwhile {B} was {R.at}.
  {B}, {B.who}, was {R.at} just then.
  {B} was {R.at} that day.
  Just then {B} was {R.at}.

arrive B P
  if new B, not scene P
  then at B P, scene P
  A little later {B} came {P.to}.
  Then {B}, {B.who}, happened to come {P.to}.
  Then who should come {P.to} but {B.call}.
  The next to come {P.to} was {B.call}.

go A P
  if at A R, not at A P
  then at A P, scene P, left A R
  {A} went {P.to}.
  {A} walked {P.to}.
  {A} hurried {P.to}.
  {A} took the short way {P.to}.
  {A} ran all the way {P.to}.
  Off {A} went {P.to}.

back A P
  if at A R, not at A P, left A P
  then at A P, scene P, left A R
  {A} went back {P.to}.
  {A} ran straight back {P.to}.
  Back {A} went {P.to}.
  {A} was soon back {P.at}.

together A B P
  if near A B, at A R, not at A P
  then at A P, at B P, scene P, left A R, left B R
  {A.call} and {B.call} went {P.to} together.
  Together {A.call} and {B.call} walked {P.to}.
  {A.call} and {B.call} raced each other {P.to}, and {B.call} won.
  Side by side {A.call} and {B.call} strolled {P.to}.

view P
  if scene P
  own {P.lines}

sky W
  if weather W
  own {W.line}

habit A
  if at A P
  own {A.habit}

remark O
  own {O.remark}

play A O
  if in O A, not state O broken
  own {O.use}

forget A O P
  if in O A, own O A, at A P
  then in O P, lost A O, careless A yes
  {A} put the {O} {P.spot} and forgot it.
  {A} left the {O} {P.spot}, and not on purpose.
  {A} forgot the {O} {P.spot}.
  {A} put the {O} {P.spot}, just for a minute.

miss A O
  if own O A, not in O A, lost A O
  then seeks A O, mood A sad
  why Why was {A} sad? | because the {O} was gone
  Then {A} saw that the {O} was gone.
  Only then did {A} miss the {O}.
  {A} looked at both hands, and the {O} was in neither.
  All at once {A} missed the {O}.

askseen A B O
  if near A B, own O A, seeks A O
  then asked B O
  "Have you seen my {O}, {B.call}?" {asked A}.
  "Oh, {B.call}, my {O} is gone," {said A}.
  "{B.call}, I cannot find my {O}," {said A}.
  {A} asked {B.him}, "Where is my {O}?"

saw B O P
  if asked B O, in O P
  then no asked B
  "I saw {it O} {P.at}," {said B}.
  "{It O} is {P.at}, {P.spot}," {said B}.
  {B} thought hard and said, "I saw {it O} {P.at}."
  "Look {P.at}, {P.spot}," {said B}.

nothing A R
  if at A R, seeks A O, not in O R
  {A} looked {R.spot}, but found only a beetle.
  {A} looked {R.spot}, and a mouse looked back.
  {A} searched {R.spot} and found nothing but dust.
  {A} looked {R.spot} and met a hedgehog.

find A O P
  if at A P, in O P, own O A
  then in O A, mood A glad, no seeks A, no lost A
  why Why was {A} happy? | because {A} had found the {O}
  {A} found the {O} {P.spot}.
  {P.Spot} lay the {O}, and {A} picked it up.
  {A} looked {P.spot}, saw the {O} and took it.
  There was the {O}, {P.spot}, and {A} picked it up.

pickup B O P
  if at B P, in O P, not own O B
  then in O B
  {B} found the {O} {P.spot}.
  {P.Spot} lay the {O}, and {B} picked it up.
  {B} looked {P.spot}, saw the {O} and took it.
  There was the {O}, {P.spot}, and {B} picked it up.

knows B A O
  if in O B, own O A
  "That is {A's} {O}," {said B}.
  {B} knew at once that {it O} was {A's}.
  {B} had seen {it O} before, in {A's} hands.
  "{A.call} will want {it O} back," {said B}.

discover A O P
  if at A P, new O
  then in O A, from O P, finder O A
  {A} found {O.a} {P.spot}.
  {P.Spot} lay {O.a}, and {A} picked it up.
  {A} looked {P.spot} and saw {O.a}, so {A.he} took it.
  Somebody had left {O.a} {P.spot}, and {A} picked it up.

askyours A B O
  if in O A, near A B, not own O A
  then asked B O
  "Is this your {O}, {B.call}?" {asked A}.
  {A} held up the {O} and asked, "{B.call}, is this yours?"
  "Look what I found, {B.call}," {said A} and held up the {O}.
  {A} showed {B.him} the {O} and asked, "Is it yours?"

nobodys B O
  if asked B O, in O A, near A B
  then own O A, no asked B, mood A glad
  "No, it is nobody's, so keep it," {said B}.
  {B} shook {B.his} head and said, "Finders keepers."
  "It belongs to nobody," {said B}, "so it is yours."
  "Not mine, so it must be yours," {said B}.

anothers B C O R
  if asked B O, new C, in O A, not at A R
  then own O C, at C R, no asked B
  "No, it belongs to {C.call}, who is {R.at}," {said B}.
  "Take it to {C.call}, who is {R.at}," {said B}.
  "{C.call} has lost {O.an} and is {R.at} now," {said B}.
  "It is {C's}, and {C.call} is {R.at}," {said B}.

recognise B A O
  if in O A, near A B, not own O A, not own O B
  then own O B
  "That is my {O}," {cried B}.
  "You have found my {O}, {A.call}," {cried B}.
  {B} stared and said, "That is my {O}."
  "My {O}, at last," {cried B}.

lostthere B O P
  if own O B, from O P
  "I lost {it O} {P.at} last spring," {said B}.
  "I looked for {it O} all summer {P.at}," {said B}.
  "I must have dropped {it O} {P.at}," {said B}.
  "I sneezed {P.at}, and {it O} was gone," {said B}.

sad A
  if mood A sad
  {A} was very sad.
  {A} could have cried.
  {A} sighed from head to toe.
  {A} felt like a pudding left out in the rain.

glad A
  if mood A glad
  {A} was very happy.
  {A} laughed out loud.
  {A} smiled from ear to ear.
  {A} felt as light as a feather.

give A B O
  if in O A, own O A, near A B
  then in O B, own O B, got O A, owes B A, mood B glad
  {A} gave the {O} to {B.him}.
  "It is yours now," {said A} and gave {B.him} the {O}.
  {A} put the {O} into {B's} hands for good.
  "I have two of these," {said A} and gave {B.him} the {O}.

return A B O
  if in O A, own O B, near A B
  then in O B, owes B A, mood B glad, no seeks B, no lost B, no begs A
  {A} gave the {O} back to {B.him}.
  {A} handed {B.him} the {O}.
  {A} returned the {O} to {B.him}.
  {A} put the {O} back into {B's} hands.

thank B A
  if owes B A, near A B
  then thanked A B, no owes B
  "Thank you, {A.call}," {said B}.
  {B} thanked {A.him} twice, to be safe.
  "What would I do without you, {A.call}?" {asked B}.
  {B} thanked {A.him} with a deep bow.

welcome A B
  if thanked A B, near A B
  then no thanked A
  "It was nothing," {said A}.
  "Any time," {said A}.
  {A} turned as red as a beetroot.
  "Do not mention it," {said A}.

birthday B
  if at B P
  then birthday B yes
  It was {B's} birthday.
  "Today is my birthday," {said B}.
  {B} had a birthday that day, and a new hat to prove it.
  "Guess who has a birthday today," {said B}.

birthgift A B O
  if in O A, own O A, near A B, birthday B yes
  then in O B, own O B, got O A, owes B A, mood B glad
  why Why did {A} give the {O} to {B}? | because it was {B's} birthday
  "Happy birthday," {said A} and gave {B.him} the {O}.
  {A} gave {B.him} the {O} as a birthday present.
  Because of the birthday, {A} gave {B.him} the {O}.
  {A} tied a ribbon round the {O} and gave it to {B.him}.

admire B A O
  if in O A, near A B
  then wants B O
  "What a fine {O}," {said B}.
  {B} could not stop looking at the {O}.
  {B} looked at the {O} with round eyes.
  "I have always wanted {O.an}," {said B}.

admiretoo C B O
  if wants B O, near B C
  then wants C O
  "I want {it O} too," {said C}.
  {C} wanted {it O} just as much.
  "Not if I get {it O} first," {said C}.
  {C} thought the {O} was finer still.

borrow B A O
  if in O A, own O A, near A B
  then begs B O
  "May I borrow {it O}, {A.call}?" {asked B}.
  {B} asked {A.him}, "May I borrow the {O}?"
  "{A.call}, will you lend me your {O}?" {asked B}.
  "Could I have the {O} for a while, {A.call}?" {asked B}.

lend A B O
  if begs B O, in O A, own O A, near A B
  then in O B, owes B A, mood B glad
  why Why did {A} lend the {O} to {B}? | because {B} had asked for it
  "Of course," {said A} and lent {B.him} the {O}.
  {A} lent {B.him} the {O}.
  {A} nodded and lent {B.him} the {O}.
  "Be nice to it," {said A} and lent {B.him} the {O}.

loan A B O
  if in O A, own O A, near A B
  then in O B, owes B A, mood B glad
  {A} lent {B.him} the {O} until supper.
  "Borrow my {O}, if you like," {said A} and gave it to {B.him}.
  {A} let {B.him} borrow the {O}.
  "Keep my {O} for the day," {said A} and gave it to {B.him}.

refuse A B O
  if begs B O, in O A, near A B
  then refused A B, mood B sad, stingy A B
  why Why was {B} sad? | because {A} had said no
  "No, it is mine," {said A}.
  "Not today," {said A}.
  {A} shook {A.his} head and held the {O} tighter.
  "I would rather not," {said A}.

relent A B O
  if refused A B, in O A, own O A, near A B
  then in O B, owes B A, mood B glad
  why Why did {A} lend the {O} to {B}? | because {A} felt sorry
  Then {A} felt sorry and lent {B.him} the {O} after all.
  "I was silly," {said A} and lent {B.him} the {O}.
  But {A} could not bear it and lent {B.him} the {O}.
  {A} counted to ten, sighed, and lent {B.him} the {O}.

turns A B O
  if in O A, near A B
  then mood B glad, shared O B
  {A.call} and {B.call} took turns with the {O}.
  First {A.call} had a turn with the {O}, then {B.call}.
  {A.call} and {B.call} shared the {O}, one minute each.
  {A} let {B.him} have every second turn with the {O}.

offer A B O Q
  if in O A, own O A, in Q B, own Q B, near A B
  then bargain A B, bargain B A
  "Shall we swap, my {O} for your {Q}?" {asked A}.
  "My {O} for your {Q}, {B.call}," {said A}.
  "{B.call}, would you take my {O} for your {Q}?" {asked A}.
  {A} asked {B.him}, "Shall we swap the {O} for the {Q}?"

swap A B O Q
  if bargain A B, in O A, in Q B, near A B
  then in O B, own O B, in Q A, own Q A, mood A glad, mood B glad, swapped A B, swapped B A, no bargain A, no bargain B
  {A} gave {B.him} the {O} and got the {Q}.
  {A.call} got the {Q}, {B.call} got the {O}, and they shook hands on it.
  {A} took the {Q} and handed {B.him} the {O}.
  {A} held out the {O} and took {B's} {Q}.

break A O
  if in O A, own O A, not state O broken
  then state O broken, mood A sad
  why Why was {A} sad? | because {O.broken}
  But the {O} was no use any more: {O.broken}.
  {A} looked at the {O} and saw that {O.broken}.
  There was a small sad noise from the {O}: {O.broken}.
  Alas, the {O} had seen better days: {O.broken}.

askmend A B O
  if in O A, state O broken, near A B
  "Can you mend {it O}, {B.call}?" {asked A}.
  {A} showed {B.him} the broken {O}.
  "Look, {B.call}, my {O} is broken," {said A}.
  {A} asked {B.him}, "Can you mend my {O}?"

mend B O
  if state O broken, own O A, near A B
  then state O whole, mood A glad, owes A B, mended O B
  {B} took a deep breath and {O.fixed}.
  In no time {B} {O.fixed}.
  {B} {O.fixed}, humming all the while.
  "Nothing simpler," {said B} and {O.fixed}.

spoil B O
  if in O B, own O A, not state O broken
  then state O broken, mood B sad, sorry B A
  why Why was {B} sad? | because {O.broken}
  {B} was careful, but {O.broken}.
  But {B} soon saw that {O.broken}.
  Suddenly {B} saw that {O.broken}.
  There was a small sad noise, and {B} saw that {O.broken}.

ownup B A O
  if state O broken, sorry B A, near A B
  "Sorry, {A.call}, I broke your {O}," {said B}.
  "{A.call}, I have bad news about your {O}," {said B}.
  {B} told {A.him} the truth about the {O}.
  {B} swallowed and said, "{A.call}, I have broken your {O}."

forgive A B
  if sorry B A, near A B
  "It can happen to anybody," {said A}.
  "Never mind," {said A}.
  {A} only laughed.
  "Now it has a story," {said A}.

wish C O
  if at C R
  then wishes C O
  "If only I had {O.an}," {said C}.
  {C} wished for {O.an} more than anything.
  "Has anybody got {O.an}?" {asked C}.
  {C} was dreaming of {O.an}.

wishgift B C O
  if in O B, own O B, near B C, wishes C O
  then in O C, own O C, got O B, owes C B, mood C glad
  why Why did {B} give the {O} to {C}? | because {C} had wished for one
  "Then this is for you," {said B} and gave {C.him} the {O}.
  {B} gave the {O} to {C.call}, who had wished for one.
  "Here is one," {said B} and gave {C.him} the {O}.
  {B} did not think twice and gave {C.him} the {O}.

prank A B O P
  if in O B, own O B, near A B, at A P
  then in O P, hid O A, lost B O
  For a joke, {A} hid {B's} {O} {P.spot}.
  As soon as {B} looked away, {A} hid the {O} {P.spot}.
  {B} blinked, and {A} had hidden the {O} {P.spot}.
  While {B} tied a shoe, {A} hid the {O} {P.spot}.

tease A
  if asked A O, hid O A
  "Perhaps it flew south," {said A}.
  "Have you tried under your hat?" {asked A}.
  {A} looked up and hummed a tune.
  "A pirate took it," {said A}.

confess A P
  if asked A O, hid O A, in O P
  then no asked A
  {A} giggled and said, "It is {P.spot}."
  "I hid it {P.spot}," {said A}.
  "All right, look {P.spot}," {said A}.
  {A} pointed and said, "Look {P.spot}."

count A B O
  if in O A, near A B
  then counts B O
  "Shut your eyes, {B.call}, and I will hide the {O}," {said A}.
  {B} shut both eyes, for {A} was going to hide the {O}.
  "Count to ten, {B.call}, while I hide the {O}," {said A}.
  {B} began to count to ten, so that {A} could hide the {O}.

hide A O P
  if counts B O, in O A, at A P
  then in O P, hid O A
  {A} hid the {O} {P.spot}.
  {A} tiptoed off and hid the {O} {P.spot}.
  Very quietly {A} hid the {O} {P.spot}.
  {A} took seven long steps and hid the {O} {P.spot}.

search B
  if counts B O, not in O B
  {B} looked left and right and up and down.
  {B} looked where not even a mouse would fit.
  {B} searched and searched.
  {B} looked everywhere but in the right place.

surprise A O P
  if in O A, own O A, at A P
  then in O P, hides A O
  {A} hid the {O} {P.spot} as a surprise.
  {A} wanted to surprise somebody and hid the {O} {P.spot}.
  {A} tucked the {O} {P.spot}, for a surprise.
  Planning a surprise, {A} put the {O} {P.spot}.

hint A B P
  if near A B, hides A O, in O P
  then own O B, got O A, owes B A, no hides A
  "Look {P.at}, {B.call}, {P.spot}," {said A}.
  "There is something for you {P.at}, {B.call}," {said A}.
  {A} told {B.him} about a present {P.at}.
  "I left you a present {P.at}, {B.call}," {said A}.

snatch A O R
  if in O A, own O A, at A P, not at A R
  then in O R, lost A O, seeks A O, mood A sad, thief O yes
  why Why was {A} sad? | because the {O} was gone
  A dog snatched the {O} and dropped it {R.at}.
  A goat mistook the {O} for lunch and left it {R.at}.
  Along came a dog, took the {O} and left it {R.at}.
  A goose stole the {O} and lost interest in it {R.at}.

rescued B O R
  if at B R, in O R
  then in O B
  {B} had just picked up the {O}.
  {B} had already rescued the {O}.
  The {O} was safe with {B.him}.
  {B} was holding the {O} and wondering.

left A O R
  if new O, at A P, not at A R
  then in O R, own O A
  {A} had left {A.his} {O.full} {R.at}.
  But {A's} {O.full} was still {R.at}.
  {A} had forgotten {A.his} {O.full} {R.at}.
  But {A's} {O.full} lay {R.at}, all alone.

askfetch A B O
  if own O A, near A B, not in O A
  then errand B A, helps B A
  "Could you fetch my {O}, {B.call}?" {asked A}.
  {A} asked {B.him}, "Will you bring my {O}?"
  "{B.call}, would you get my {O} for me?" {asked A}.
  "I miss my {O}, {B.call}," {said A}.

agree B A
  if errand B A, near A B
  "Of course, {A.call}," {said B}.
  "For you, {A.call}, anything," {said B}.
  {B} nodded like a soldier.
  "I am as good as there," {said B}.

lookafter A B O
  if in O A, own O A, near A B
  then minds B O, helps B A
  "Will you look after my {O}, {B.call}?" {asked A}.
  {A} asked {B.him}, "Can you mind my {O} for a while?"
  "{B.call}, please take care of my {O}," {said A}.
  "I trust you with my {O}, {B.call}," {said A}.

entrust A B O
  if minds B O, in O A, near A B
  then in O B
  {A} left the {O} with {B.him}.
  {A} passed the {O} to {B.him}.
  {A} put the {O} into {B's} hands.
  {A} let {B.him} hold the {O}.

guard B O
  if in O B, own O A, minds B O
  {B} guarded the {O} like a dragon.
  {B} let nobody so much as breathe on the {O}.
  {B} sat very still, with both arms round the {O}.
  {B} told a fly to keep away from the {O}.

send A C B O
  if in O A, own O A, near A C, not near A B
  then minds C O, for O B
  "Please take the {O} to {B.call}, {C.call}," {said A}.
  {A} asked {C.him}, "Will you take the {O} to {B.call}?"
  "{C.call}, can you bring this {O} to {B.call}?" {asked A}.
  "This {O} is for {B.call}," {said A} to {C.call}.

deliver C B A O
  if in O C, own O A, for O B, near C B
  then in O B, own O B, got O A, owes B C, mood B glad
  why Why did {C} give the {O} to {B}? | because {A} had sent it
  "{A.call} sends you this," {said C} and gave {B.him} the {O}.
  "This is from {A.call}," {said C} and gave {B.him} the {O}.
  {C} gave {B.him} the {O} and said, "{A.call} sends you this."
  {C} gave {B.him} the {O}, with best wishes from {A.call}.

howkind B A
  if in O B, got O A
  "How kind of {A.call}," {said B}.
  "{A.call} thinks of everything," {said B}.
  "Good old {A.call}," {said B}.
  "I must bake {A.call} a cake," {said B}.

promise A B O
  if own O A, near A B, not in O A
  then promised A B
  "I will bring you my {O}, {B.call}," {said A}.
  {A} promised to bring {B.him} the {O}.
  "You shall have my {O}, {B.call}," {said A}.
  "Wait here, {B.call}, and I will get you my {O}," {said A}.

keepword A B O
  if in O A, own O A, near A B, promised A B
  then in O B, own O B, got O A, owes B A, mood B glad
  why Why did {A} give the {O} to {B}? | because {A} had promised it
  {A} kept the promise and gave {B.him} the {O}.
  "A promise is a promise," {said A} and gave {B.him} the {O}.
  "As promised," {said A} and gave {B.him} the {O}.
  {A} had not forgotten and gave {B.him} the {O}.

mislay A O
  if in O A, own O A
  then seeks A O
  {A} looked for the {O} everywhere.
  "Where can my {O} be?" {asked A}.
  {A} could not find the {O} anywhere.
  {A} turned out every pocket, but saw no {O}.

inhand B A O
  if asked B O, in O A, near A B
  then no asked B, no seeks A, silly A B
  "You are holding {it O}, {A.call}," {said B}.
  "{A.call}, {it O} is in your hand," {said B}.
  {B} coughed and said, "{A.call}, you are holding {it O}."
  "Look at your left hand, {A.call}," {said B}.

blush A
  if silly A B
  {A} turned pink to the ears.
  "So I am," {said A}.
  {A} looked down, and there it was.
  "I was only testing you," {said A}.

gloomy A
  if at A P
  then mood A sad
  {A} was sad, for nobody had come to play.
  {A} had lost a race to a snail and was sad.
  {A} was sad, because the cake had burnt.
  {A} had a cold in the nose and was sad.

askwhy B A
  if mood A sad, near A B
  "Why so sad, {A.call}?" {asked B}.
  "What is the matter, {A.call}?" {asked B}.
  {B} asked {A.him}, "What has happened?"
  "You look like three days of rain, {A.call}," {said B}.

cheer B A O
  if mood A sad, in O B, own O B, near A B
  then in O A, own O A, got O B, owes A B, mood A glad
  why Why did {B} give the {O} to {A}? | because {A} was sad
  "This will cheer you up," {said B} and gave {A.him} the {O}.
  {B} gave {A.him} the {O}, because {A.he} looked so sad.
  {B} handed {A.him} the {O}, as a cure for sadness.
  "Nobody can be sad with {O.an}," {said B} and gave {A.him} the {O}.

still B A O
  if new O, at A R, not near A B
  then in O B, own O A
  {B} still had {A's} {O.full}.
  {B} had borrowed {A's} {O.full} long ago.
  {B} was carrying {A's} {O.full} and felt guilty.
  {B} was still keeping {A's} {O.full}.

late B A
  if near A B
  then late B A
  "Sorry, {A.call}, it took me a year," {said B}.
  "I am a little late, {A.call}," {said B}.
  "Better late than never, {A.call}," {said B}.
  {B} said sorry to {A.him} three times.

mixed A B O Q
  if near A B, new O, new Q
  then in O A, own O B, in Q B, own Q A, muddled A B
  By mistake {A} had {B's} {O.full}, and {B} had {A's} {Q.full}.
  {A} was holding {B's} {O.full}, {B} was holding {A's} {Q.full}, and neither knew why.
  Somehow {A} had {B's} {O.full}, and {B} had {A's} {Q.full}.
  {A} had taken {B's} {O.full}, and {B} had taken {A's} {Q.full}.

claim B A O
  if in O A, own O B, near A B
  "Is that not my {O}, {A.call}?" {asked B}.
  "{A.call}, you have my {O}," {said B}.
  {B} pointed at the {O} and said, "That is mine."
  "I know that {O}," {said B}, "for it is mine."

straws B C O
  if wants B O, wants C O, near B C
  then won O B, mood C sad
  {B.call} and {C.call} drew straws for the {O}, and {B.call} won.
  {B.call} and {C.call} played cards for the {O}, and {B.call} won.
  {B.call} and {C.call} tossed a coin for the {O}, and {B.call} won.
  {B.call} and {C.call} ran a race for the {O}, and {B.call} won.

prize A B O
  if in O A, own O A, near A B, won O B
  then in O B, own O B, got O A, owes B A, mood B glad
  why Why did {A} give the {O} to {B}? | because {B} had won
  So {A} gave {B.him} the {O}.
  "The winner is {B.call}," {said A} and gave {B.him} the {O}.
  {A} gave the {O} to the winner, {B.call}.
  "Well done, {B.call}," {said A} and handed over the {O}.

lendon B C O
  if in O B, own O A, near B C
  then in O C
  {B} let {C.him} have the {O} for a while.
  {B} lent {C.him} the {O} in turn.
  {B} gave {C.him} the {O} until evening.
  {B} passed the {O} on to {C.him} for the day.

askback A B O
  if own O A, near A B, not in O A
  then asked B O
  "Where is my {O}, {B.call}?" {asked A}.
  {A} asked {B.him}, "Do you still have my {O}?"
  "{B.call}, I need my {O} again," {said A}.
  "Have you finished with my {O}, {B.call}?" {asked A}.

hasit B C O
  if asked B O, in O C
  then no asked B
  "{C.call} has {it O} now," {said B}.
  {B} pointed at {C.him} and said, "Ask {C.call}."
  "I lent {it O} to {C.call}," {said B}.
  "Ask {C.call}, who has {it O}," {said B}.

keeps A O
  if in O A, not own O B
  then end
  From then on, {A} never let the {O} out of sight.
  If you ask {A.him} about the {O}, bring a chair.
  The {O} has been with {A.him} ever since.
  And that is why {A} still says good night to the {O}.

careful A
  if careless A yes
  then end
  From that day on, {A} forgot nothing, except lunch.
  {A} tied a knot in a handkerchief and promised to do better.
  After that, {A} looked behind twice before going anywhere.
  {A} meant to learn from it, but forgot what.

friends A B
  if near A B
  then end
  And that is how {A.call} and {B.call} became friends.
  {A.call} and {B.call} have been friends ever since.
  {A.call} and {B.call} agreed that it had been a fine day.
  To this day {A.call} and {B.call} smile about it.

treasure B O A
  if in O B, own O B, got O A
  then end
  Whenever {B} sees the {O}, {A.call} comes to mind.
  {B} named the {O} after {A.call}.
  And the {O} has reminded {B.him} of {A.call} ever since.
  {B} wrote {A.call} a letter about the {O}, nine pages long.

deal A B
  if swapped A B
  then end
  {A.call} and {B.call} each thought the other had made a bad bargain.
  {A.call} and {B.call} were both sure of having won.
  And neither {A.call} nor {B.call} ever asked to swap back.
  {A.call} and {B.call} never swapped again, for it could not get better.

thief O A
  if thief O yes, in O A
  then end
  The thief was never sorry, but {A} had the {O} back.
  {A} kept the {O}, and the thief kept quiet.
  {A} held the {O} tight, in case the thief had friends.
  And whenever that thief comes by, {A} sits on the {O}.

lasts O A
  if mended O B, in O A, not state O broken
  then end
  The {O} is better than new, says {A.call}, and {A.he} should know.
  {A} has been kind to the {O} ever since.
  And nobody but {A.call} can tell that the {O} was ever broken.
  And {A's} {O} has held to this day.

joked A B
  if hid O A, own O B, near A B
  then end
  The next day {B} hid {A's} shoes.
  The next day it was {A's} hat that could not be found.
  {B} is still planning what to hide in return.
  {A} laughed longest, until the hiccups came.

again A B
  if counts B O, near A B
  then end
  {A.call} and {B.call} played until nobody could find anybody.
  {A.call} and {B.call} played on until the moon came to look for them.
  {B} wanted to play again, and again, and again.
  Then it was {B's} turn to hide things, and so it went on.

kind A B
  if helps B A, near A B
  then end
  If you need help, ask {B.call}, says {A.call}.
  {A} still tells everybody how kind {B.call} was.
  Ever since, {A} has called {B.call} a hero.
  {B} said it was nothing, but grew an inch that day.

teased A B
  if silly A B, near A B
  then end
  {A} laughed about it for a week.
  Since then, {A} looks at both hands first.
  {B} promised not to tell, and told everybody.
  And nobody has let {A.him} forget it.

sharing A B O
  if stingy A B, near A B
  then end
  It is more fun, {A} found, to say yes.
  Since then, {A} says yes first and thinks later.
  {A} wondered why saying no had seemed so clever.
  Sharing, {A} found, does not make {O.an} any smaller.

both A B O
  if shared O B, in O A, near A B
  then end
  The {O} lives with {A.call} on odd days and with {B.call} on even days.
  To this day {A.call} and {B.call} share the {O}, and neither counts the minutes.
  {A.call} and {B.call} have shared everything since, even colds.
  There was never a minute when the {O} was bored.

sorted A B O Q
  if muddled A B, in Q A, in O B
  then end
  Now {A} had the {Q} and {B} had the {O}, as it should be.
  {A.call} and {B.call} wrote their names on everything after that.
  {A.call} and {B.call} blamed the weather for it.
  {A.call} and {B.call} looked twice before leaving, ever after.

waited A B O
  if late B A, in O A
  then end
  {A} had never missed the {O}, but did not say so.
  {B} borrowed nothing for a whole week after that.
  {A} said that good things are worth waiting for.
  And {B} slept well that night, for the first time in a year.

honest A C O
  if finder O A, own O C, in O C
  then end
  {A} found nothing else that day, except a friend.
  Honest people like {A.call} are hard to find, says {C.call}.
  {C} baked {A.him} a cake in the shape of {O.an}.
  {A} had empty hands after that, and a light heart.
"""

# A story shape is a list of steps. "?" may be left out, "|" is a choice, "+" joins two steps in one choice.
SHAPES = """
lost and found
  bring A O P W T
  forget A O P
  go A R
  join B R
  miss A O
  askseen A B O
  saw B O P
  back A P
  find A O P
  keeps A O | careful A

in the wrong place
  bring A O P W T
  forget A O P
  go A R
  miss A O
  nothing A R
  back A P
  join B P
  rescued B O P
  return B A O
  careful A | friends A B

brought back
  bring A O P W T
  forget A O P
  go A R
  arrive B P
  pickup B O P
  knows B A O
  go B R
  return B A O
  thank A B
  friends A B | careful A | keeps A O

a joke
  bring B O P W T
  join A P
  ? view P | sky W | habit A | habit B | remark O
  prank A B O P
  miss B O
  askseen B A O
  ? tease A
  confess A P
  find B O P
  joked A B | keeps B O

hide and seek
  bring A O P W T
  join B P
  ? view P | sky W | habit A | habit B | remark O
  count A B O
  hide A O P
  search B
  ? habit A | view P
  pickup B O P
  return B A O | turns B A O
  again A B | friends A B

a birthday
  bring A O P W T | begin A P W T + have A O
  ? view P | sky W | habit A | remark O | play A O
  join B P
  birthday B
  birthgift A B O
  thank B A
  ? welcome A B | glad B
  ? play B O
  friends A B | treasure B O A | keeps B O

lent and returned
  bring A O P W T
  ? view P | sky W | habit A | remark O
  join B P
  ? admire B A O
  borrow B A O
  lend A B O
  ? play B O
  return B A O
  thank B A + welcome A B | thank B A
  friends A B | keeps A O

a swap
  bring A O P W T | begin A P W T + have A O
  ? view P | sky W | habit A
  joinwith B Q P
  admire B A O | admire A B Q | remark Q
  offer A B O Q | offer B A Q O
  swap A B O Q
  ? glad A | glad B
  play A Q | play B O
  deal A B | friends A B

mended
  bring A O P W T
  ? view P | sky W | habit A | remark O
  break A O
  ? sad A
  join B P | go A R + join B R
  askmend A B O
  mend B O
  thank A B
  ? play A O | welcome B A
  lasts O A | friends A B

broken and mended
  bring A O P W T
  join B P
  borrow B A O
  lend A B O
  spoil B O
  ownup B A O
  forgive A B
  mend B O
  return B A O
  lasts O A | friends A B

passed on
  bring A O P W T
  join B P
  give A B O
  ? thank B A | glad B | view P
  go B R
  join C R
  wish C O
  wishgift B C O
  thank C B | glad C | play C O
  treasure C O B | keeps C O | friends B C

turn and turn about
  bring A O P W T | begin A P W T + have A O
  ? view P | sky W | habit A | remark O
  join B P
  admire B A O
  ? habit B
  turns A B O
  ? play A O | glad B | view P
  both A B O | friends A B

whose is it
  begin A P W T
  ? view P | sky W | habit A
  discover A O P
  join B P
  askyours A B O
  anothers B C O R
  go A R
  return A C O
  thank C A
  ? welcome A C | glad C
  honest A C O | friends A C

fetched
  begin A P W T
  left A O R
  join B P
  askfetch A B O
  ? agree B A
  go B R
  pickup B O R
  back B P
  return B A O
  thank A B | glad A
  kind A B | keeps A O

looked after
  bring A O P W T
  join B P
  lookafter A B O
  entrust A B O
  go A R
  ? view R
  guard B O
  back A P
  return B A O
  thank A B
  kind A B

a surprise
  bring A O P W T
  ? view P | sky W | habit A | remark O
  surprise A O P
  go A R
  join B R
  hint A B P
  go B P
  find B O P
  ? glad B | play B O
  treasure B O A | keeps B O

known again
  begin A P W T
  ? view P | sky W | habit A
  discover A O P
  go A R
  join B R
  recognise B A O
  lostthere B O P
  return A B O
  thank B A
  ? welcome A B | glad B | play B O
  honest A B O | keeps B O

mixed up
  begin A P W T
  join B P
  ? view P | sky W | habit A | habit B
  mixed A B O Q
  claim B A O
  return A B O
  claim A B Q
  return B A Q
  ? glad A | play A Q | play B O
  sorted A B O Q

long borrowed
  begin B P W T
  ? view P | sky W | habit B
  elsewhere A R
  still B A O
  ? remark O
  go B R
  return B A O
  late B A
  thank A B | glad A | play A O
  waited A B O

the thief
  bring A O P W T
  ? view P | sky W | habit A | remark O | play A O
  snatch A O R
  ? sad A
  go A R
  join B R
  rescued B O R
  return B A O
  thank A B | glad A
  thief O A | friends A B

finders keepers
  begin A P W T
  ? view P | sky W | habit A
  discover A O P
  ? remark O
  join B P
  ? habit B
  askyours A B O
  nobodys B O
  glad A | play A O
  keeps A O

a promise
  begin A P W T
  left A O R
  join B P
  promise A B O
  go A R
  find A O R
  back A P
  keepword A B O
  ? thank B A | glad B | play B O
  treasure B O A | friends A B

sent with a friend
  bring A O P W T
  join C P
  elsewhere B R
  send A C B O
  entrust A C O
  ? habit C
  go C R
  deliver C B A O
  howkind B A | thank B C | glad B
  treasure B O A | friends C B

in your hand
  bring A O P W T | begin A P W T + have A O
  ? view P | sky W | habit A | remark O
  mislay A O
  join B P
  ? habit B
  askseen A B O
  inhand B A O
  blush A
  teased A B | keeps A O

no, and then yes
  bring A O P W T | begin A P W T + have A O
  ? sky W | remark O
  join B P
  borrow B A O
  refuse A B O
  sad B | habit A | view P
  relent A B O
  play B O | glad B
  thank B A
  sharing A B O | friends A B

cheered up
  begin A P W T
  gloomy A
  ? view P | sky W
  joinwith B O P
  ? habit B | remark O
  askwhy B A
  cheer B A O
  play A O | glad A
  treasure A O B | keeps A O

two who want it
  bring A O P W T
  jointwo B C P
  admire B A O
  admiretoo C B O
  straws B C O
  prize A B O
  ? play B O
  turns B C O
  both B C O

found together
  begin A P W T
  join B P
  ? view P | sky W | habit A | habit B
  together A B R
  ? view R
  discover A O R
  ? remark O
  turns A B O
  ? play A O | habit B
  both A B O

lent on
  bring A O P W T
  join B P
  loan A B O
  go B R
  join C R
  lendon B C O
  go A R
  askback A B O
  hasit B C O
  return C A O
  keeps A O
"""
