"""The little world, written down: its people, places and things, what can happen, and the shapes of its stories.

Nothing here runs. `telling.py` makes tales from these words, `checking.py` reads tales back with the very same words.
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
    "market": Place("at", "under a cart", ("A man was shouting about cheese.", "The carrots lay in rows, like soldiers.")),
    "orchard": Place("in", "in a hollow tree", ("An apple fell with a thump.", "A blackbird guarded the best pears.")),
    "bakery": Place("in", "beneath the counter", ("The whole room smelled of warm bread.", "The ovens ticked and glowed.")),
    "lighthouse": Place(
        "at", "below the stairs", ("The stairs went round and round and round.", "Far down, the waves clapped.")
    ),
    "meadow": Place("in", "in the long grass", ("A goat watched, chewing.", "The poppies bowed to one another.")),
    "station": Place("at", "under a bench", ("A train sighed and pulled away.", "The trains were late, and proud of it.")),
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

# What can happen. An event has a name and roles (A B C people, O Q things, P R places, W weather, T time of day);
# "if" says what must hold before, "then" what holds after, "why" the cause; then come the ways to tell it.
#   at A P      A is at P              in O X    O is with the person X, or lies at the place X
#   own O A     O belongs to A         scene P   the tale is now at P
#   near A B    both at one place      new X     X has not been in the tale yet
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

bring A O P W T
  if start, new A, new O
  then at A P, scene P, weather W, time T, in O A, own O A
  One {W} {T}, {A} carried {A.his} {O.full} {P.to}.
  On a {W} {T}, {A} was {P.at} with {A.his} {O.full}.
  It was a {W} {T}, and {A} was {P.at} with {A.his} {O.full}.
  {A}, {A.who}, took {A.his} {O.full} {P.to} one {W} {T}.
  One {W} {T} found {A.call}, {A.who}, {P.at} with {A.his} {O.full}.
  {A} owned {O.a}, and on a {W} {T} {A.he} took it {P.to}.

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
  {B}, {B.who}, was there as well.
  Before long {B} came by.
  Soon {B}, {B.who}, came along.
  Then {B} turned up, out of breath.

joinwith B Q P
  if scene P, new B, new Q
  then at B P, in Q B, own Q B
  {B} was there too, with {B.his} {Q.full}.
  {B}, {B.who}, came along with {B.his} {Q.full}.
  Before long {B} came by with {B.his} {Q.full}.
  Then {B} turned up, carrying {Q.a}.

elsewhere B R
  if new B, not scene R
  then at B R, scene R
  Meanwhile {B} was {R.at}.
  {B}, {B.who}, was {R.at} just then.
  {B} was not there but {R.at}.
  At that very moment {B}, {B.who}, was {R.at}.

arrive B P
  if new B, not scene P
  then at B P, scene P
  A little later {B} came {P.to}.
  Then {B}, {B.who}, happened to come {P.to}.
  After that, who should come {P.to} but {B.call}.
  It was {B.call}, {B.who}, who came {P.to} next.

go A P
  if not at A P
  then at A P, scene P
  {A} went {P.to}.
  So {A} walked {P.to}.
  {A} hurried {P.to}.
  {A} took the short way {P.to}.
  {A} ran all the way {P.to}.

together A B P
  if near A B, not at A P
  then at A P, at B P, scene P
  {A} and {B} went {P.to} together.
  Together {A} and {B} walked {P.to}.
  {A} and {B} raced each other {P.to}, and {B} won.
  Side by side, {A} and {B} strolled {P.to}.

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
  if in O A, at A P
  then in O P, lost A O
  {A} put the {O} down {P.spot} and forgot it.
  {A} left the {O} {P.spot}, and not on purpose.
  {A} laid the {O} {P.spot} and began to think of other things.
  Without a sound the {O} slipped away from {A.him} and lay {P.spot}.

miss A O
  if own O A, not in O A, lost A O
  then seeks A O, mood A sad
  There {A} noticed that the {O} was gone.
  Only then did {A} miss the {O}.
  {A} looked at two empty hands, and the {O} was in neither.
  All at once {A} knew that the {O} was missing.

askseen A B O
  if near A B, own O A, seeks A O
  then asked B O
  "Have you seen my {O}, {B.call}?" {asked A}.
  "Oh, {B.call}, my {O} is gone," {said A}.
  "{B.call}, I cannot find my {O}," {said A}.
  {A} asked {B.him}, "Where is my {O}?"

saw B O P
  if asked B O, in O P
  then told O P, no asked B
  "I saw {it O} {P.at}," {said B}.
  "It is {P.at}, {P.spot}," {said B}.
  "Have you looked {P.at}?" {asked B}.
  {B} thought hard and said, "I saw {it O} {P.at}."

find A O P
  if at A P, in O P
  then in O A, mood A glad, no seeks A, no lost A
  {A} found the {O} {P.spot}.
  {P.Spot} lay the {O}, and {A} picked it up.
  {A} looked {P.spot}, saw the {O} and took it.
  There was the {O}, {P.spot}, and {A} picked it up.

discover A O P
  if at A P, new O
  then in O A, from O P
  {A} found {O.a} {P.spot}.
  {P.Spot} lay {O.a}, and {A} picked it up.
  {A} looked {P.spot} and there was {O.a}, so {A.he} took it.
  Somebody had left {O.a} {P.spot}, and {A} picked it up.

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
  then in O B, own O B, owes B A, mood B glad
  {A} gave the {O} to {B.him}.
  "It is yours now," {said A} and gave {B.him} the {O}.
  {A} put the {O} into {B's} hands.
  {A} handed the {O} to {B.him} for good.

return A B O
  if in O A, own O B, near A B
  then in O B, owes B A, mood B glad, no seeks B, no lost B, no asked A
  {A} gave the {O} back to {B.him}.
  {A} handed {B.him} the {O}.
  {A} returned the {O} to {B.him}.
  {B} got the {O} back from {A.him}.

thank B A
  if owes B A, near A B
  then thanked A B, no owes B
  "Thank you, {A.call}," {said B}.
  {B} thanked {A} twice, to be safe.
  "What would I do without you, {A.call}?" {asked B}.
  {B} thanked {A.him} with a bow.

welcome A B
  if thanked A B, near A B
  then no thanked A
  "It was nothing," {said A}.
  "Any time," {said A}.
  {A} turned as red as a beetroot.
  "Do not mention it," {said A}.

keeps A O
  if in O A, own O A
  then end
  From then on, {A} never let the {O} out of sight.
  And if you ask {A.him} about the {O}, bring a chair, for it is a long story.
  The {O} has been with {A.him} ever since.
  And that is why {A} still says good night to the {O}.

friends A B
  if near A B
  then end
  And that is how {A} and {B} became friends.
  {A} and {B} have been friends ever since.
  {A} and {B} shook hands, and it was a fine day after all.
  To this day {A} and {B} laugh about it.
"""

# A story shape is a list of steps. "?" may be left out, "|" is a choice, "+" joins two steps in one choice.
SHAPES = """
lost and found
  bring A O P W T | begin A P W T + have A O
  ? view P | sky W | habit A | remark O | play A O
  forget A O P
  go A R
  ? view R
  join B R
  miss A O
  ? sad A
  askseen A B O
  saw B O P
  go A P
  find A O P
  ? glad A
  keeps A O

brought back
  bring A O P W T | begin A P W T + have A O
  ? view P | sky W | habit A | remark O | play A O
  forget A O P
  go A R
  arrive B P
  ? habit B | view P
  find B O P
  go B R
  return B A O
  thank A B
  ? welcome B A
  friends A B | keeps A O
"""
