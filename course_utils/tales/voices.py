"""Two people of the little world who can be talked to, written down: how they answer, and what else they say.

Nothing here runs; `dialogues.py` makes conversations from these words. A voice has a manner that shows in every reply:
Hugo wants to be a pirate, and Clara counts everything.
"""

from typing import NamedTuple


class Voice(NamedTuple):
    """How somebody talks. In `answers` {S} is the answer as a sentence, {s} the same in the middle of one.

    `refusals` are for what the tale does not say. `reactions` follow a tale that was told to them, `offers` come before
    one of theirs. `openings`, `talk` and `closings` are pairs: what the other says, and the reply.
    """

    name: str
    answers: tuple[str, ...]
    refusals: tuple[str, ...]
    reactions: tuple[str, ...]
    offers: tuple[str, ...]
    openings: tuple[tuple[str, str], ...]
    talk: tuple[tuple[str, str], ...]
    closings: tuple[tuple[str, str], ...]


# What the other one says before a question; {q} begins small.
ASKING = ("{Q}", "{Q}", "{Q}", "So, {q}", "And {q}", "Tell me, {q}", "One more thing: {q}")
# Asking for a tale, and bringing one along.
WISHES = (
    "Tell me a tale.",
    "Do you know a tale?",
    "Tell me a tale, please, the shorter the better.",
    "I cannot sleep. Tell me a tale.",
    "One tale, and then I will go.",
)
BRINGING = (
    "Listen to this.",
    "I heard a tale today.",
    "Here is a tale for you.",
    "The spiders told me this one.",
    "This is what they say at the market.",
)

HUGO = Voice(
    "Hugo",
    answers=(
        "Aye, {s}.",
        "Aye aye, {s}.",
        "Arr, {s}.",
        "By my hat, {s}.",
        "{S}, on my word as a pirate.",
        "{S}, or I am no pirate.",
        "{S}. I saw it with my good eye.",
    ),
    refusals=(
        "Arr, the tale does not say, and a pirate never makes things up.",
        "The tale does not say. I looked with both eyes, and one of them is very good.",
        "Aye, a fine question, but the tale does not say.",
        "No map shows that. The tale does not say.",
    ),
    reactions=(
        "Arr, a fine tale. There was no ship in it, but a fine tale.",
        "Aye, I have it all in my head now, next to the sea songs.",
        "A good tale. I would have stolen something in it, but a good tale.",
        "Arr. I could see it all, with my good eye.",
    ),
    offers=(
        "Aye, here is one, and all of it is true.",
        "Arr, sit down on a barrel and listen.",
        "Aye aye. This one I heard from a gull.",
    ),
    openings=(
        ("Good morning, Hugo.", "Ahoy, Ida. The wind is right, only the ship is missing."),
        ("Good evening, Hugo.", "Ahoy, Ida. Mind the plank. It is only a broom, but mind it."),
        ("Are you there, Hugo?", "Aye, where else? A pirate without a ship does not get far."),
        ("Hugo, it is raining.", "Aye, and not one drop of it is salty. What a waste."),
        ("Hello, Hugo. What are you doing?", "Arr, I am looking at the sky. It looks back."),
        ("How are you, Hugo?", "Fit as a gull, and nearly as loud."),
        ("I looked for you at the harbour.", "Aye, I was under a boat, for practice."),
        ("Hugo, you are late.", "Arr, pirates come with the tide, and the tide had a long breakfast."),
        ("Did you sleep well, Hugo?", "Like an anchor. I only got up because of the rust."),
        ("Hugo, have you had breakfast?", "Aye, one biscuit, hard as a plank. I was so proud."),
        ("Hello, pirate.", "Arr. Say it again, Ida, and a bit louder, so that my mother hears it."),
        ("What a fog today, Hugo.", "Aye, good fog for pirates. Nobody can see that I have no ship."),
        ("Is that a new hat, Hugo?", "It is an old basket, Ida, but thank you."),
        ("Hugo, are you busy?", "Aye, I am burying something. Ask me later where it is, I will need help."),
        ("The goose is back.", "Arr, then hide the biscuits. That bird is a better pirate than I am."),
        ("Guess what I found, Hugo.", "Is it gold? No? Then I guess a spider. With you it is always a spider."),
        ("Do you have a minute, Hugo?", "Aye, I have a whole sea of them."),
        ("Hugo, why is there an X on my door?", "Arr. Please do not dig there until I have told you why."),
        ("Why is your boot on the roof?", "Aye, that is the lookout. He does not complain, and he never sleeps."),
        ("Hugo, you smell of fish.", "Thank you, Ida. It took me all morning."),
        ("Happy birthday, Hugo.", "Arr. One year older, and still two eyes and two legs. It is going slowly."),
        ("Ahoy, Hugo.", "Ahoy, Ida. You are learning."),
        ("Where were you yesterday?", "At sea. It was a puddle, but a deep one."),
        ("I brought you an apple.", "Aye, against scurvy. You have saved a pirate, Ida."),
        ("Hugo, the mayor wants his flag back.", "Arr, which flag? Oh, that flag. Tell him it is at the washing."),
        ("You look sad, Hugo.", "Aye, my parrot has flown away. It was a sparrow, but I called it a parrot."),
    ),
    talk=(
        ("Do you have a ship by now?", "Not yet. I have a plank. You have to start with something."),
        ("Can you swim, Hugo?", "Arr, I can float, and I can shout. Together that is nearly swimming."),
        ("Why do you want to be a pirate?", "The hat, Ida. And nobody tells a pirate to go to bed."),
        ("Do pirates get homesick?", "Aye, every evening at six. It smells of soup then, even at sea."),
        ("Have you ever found gold?", "Once. It was a button, but it shone like a whole chest."),
        ("Are you afraid of anything?", "Of geese, Ida. Do not write that down."),
        ("What do pirates eat?", "Biscuits, fish, and whatever my mother puts on the table."),
        ("Would you take me along?", "Aye, you can steer. The spiders can do the ropes."),
        ("Is it true that you stole a boat?", "I borrowed it, for the length of a song. Then I rowed it back."),
        ("What is your parrot called?", "Captain. It was there before me, so I do what it says."),
        ("Can you read a map?", "Aye, but I like them better upside down. Then the sea is on top."),
        ("Who taught you to tie knots?", "My shoes, Ida. They had knots in them nobody could open."),
        ("What is two and two?", "Arr, a pirate does not count. He takes all of it."),
        ("Do you know what a whale says?", "Aye. It says what you would say if you were a whale: more water."),
        ("What would you do with a treasure?", "Bury it, Ida. And then I would draw a map and lose it."),
        ("Do you believe in sea monsters?", "Aye. I have an aunt who has seen one, and she never laughs."),
        ("Have you got a sword?", "It is a wooden spoon. But it has been in battles. Mostly with soup."),
        ("Who was the greatest pirate?", "My grandmother. She once took a whole cake, in full daylight."),
        ("What is on your flag?", "A skull. My sister says that it looks like a potato. It is a skull."),
        ("Do you never get tired of this?", "Of what, Ida? I have not even started. The ship is still missing."),
        ("What does the sea sound like?", "Like somebody turning the pages of a very large book."),
        ("Can you keep a secret?", "Aye, I have three of yours and have forgotten all of them."),
        ("Do you like spiders?", "Aye. They have ropes, eight legs and no fear. Born sailors."),
        ("What is the capital of France?", "Arr, does it lie by the sea? No? Then I never needed to know."),
        ("How far is it to the moon?", "Further than I can row, Ida. I tried until lunch."),
        ("Which way is north?", "Where my nose gets cold first."),
        ("What is the news from the harbour?", "The boats nod, the gulls shout, and nobody has asked for a captain."),
        ("Can you teach me a pirate word?", "Arr. You say it with the whole belly. No, lower. Nearly, Ida."),
    ),
    closings=(
        ("Good night, Hugo.", "Good night, Ida. I will keep one eye open. The good one."),
        ("I have to go, Hugo.", "Aye, fair winds. Take the broom, I mean the plank, to the left."),
        ("See you tomorrow.", "Aye, same tide, same barrel."),
        ("Thank you, Hugo.", "Arr, no thanks, Ida. A biscuit would do."),
        ("That was a good tale.", "Aye. The next one has a whale in it, if I find one."),
        ("You remember everything, Hugo.", "Arr, only tales. I have lost my boots three times today."),
        ("I am off to the orchard.", "Bring apples, Ida. And if anybody asks, we never spoke."),
        ("The spiders send their greetings.", "Aye, tell them that the ropes are waiting."),
        ("Sleep well, pirate.", "Like an anchor, Ida. Like an anchor."),
        ("You would make a good pirate.", "Arr. I have something in my eye now. The good one."),
        ("My soup is getting cold.", "Then run, Ida. There is no honour in cold soup."),
        ("Enough for today.", "Aye. I will lower the flag. It is a towel, and my mother wants it back."),
        ("Say goodbye like a pirate.", "Arr, until the sea runs dry, or until Tuesday."),
        ("Will you be here tomorrow?", "Aye, unless a ship comes by. So, yes."),
    ),
)

CLARA = Voice(
    "Clara",
    answers=(
        "{S}. That makes one answer.",
        "One answer: {s}.",
        "I have counted, and {s}.",
        "{S}. I counted twice.",
        "{S}, as sure as I have ten fingers.",
        "Easy as one, two, three: {s}.",
    ),
    refusals=(
        "The tale does not say. That makes zero answers.",
        "Zero answers. The tale does not say, and I read all of its words.",
        "I counted every sentence, and the tale does not say.",
    ),
    reactions=(
        "Thank you. I counted the sentences while you talked.",
        "A good tale, with more words than I have fingers.",
        "One tale more. That makes four hundred and six.",
    ),
    offers=(
        "Here is tale number seven.",
        "One tale, then. Please count along.",
        "I know four hundred and six. This is one of them.",
    ),
    openings=(
        ("Good morning, Clara.", "Good morning, Ida. It is your third one this week."),
        ("Good evening, Clara.", "Good evening, Ida. Forty steps, were they not? I heard all of them."),
        ("How are you, Clara?", "Nine out of ten. One shoe is wet."),
        ("Hello, Clara. What are you doing?", "I am counting the gulls. They keep mixing themselves up."),
        ("Clara, it is raining.", "I know. I gave up at six hundred drops."),
        ("Are you busy, Clara?", "I have two minutes. Now one and a half."),
        ("I looked for you at the library.", "I was between the second shelf and the third, counting dust."),
        ("Did you sleep well, Clara?", "Eight hours. The sheep got as far as nine hundred."),
        ("Is that a new scarf, Clara?", "It is my fifth. It has two hundred and twelve stripes."),
        ("The goose is back.", "Then there are two of us who count the ducks."),
    ),
    talk=(
        ("Why do you count everything?", "Somebody has to, Ida. Things get lost so easily otherwise."),
        ("What is your favourite number?", "Four. It is never in anybody's way."),
        ("How many stairs has the lighthouse?", "One hundred and seven, and one that creaks. I count that one twice."),
        ("What is two and two?", "Four. Please ask me something harder."),
        ("Do you ever lose count?", "Once. I do not like to talk about it."),
        ("How many spiders do I have?", "Eleven. One of them is shy."),
        ("Can you count the stars?", "I am up to three thousand. It was cloudy last week."),
        ("What do you do when you are sad?", "I count backwards, until it is gone. It is mostly gone at six."),
        ("Have you counted the sea?", "It is one sea, Ida. That was the easiest of all."),
        ("What is the capital of France?", "I only know how many letters it has: five."),
    ),
    closings=(
        ("Good night, Clara.", "Good night, Ida. That makes two good nights."),
        ("I have to go, Clara.", "Forty steps to your door. Mind the ninth."),
        ("See you tomorrow.", "In nineteen hours, then."),
        ("Thank you, Clara.", "You are welcome. That was your seventh thank you this week."),
        ("That was a good tale.", "I give it nine out of ten. Ten I have never given."),
        ("Enough for today.", "Then I will write down the total."),
    ),
)

VOICES = {voice.name: voice for voice in (HUGO, CLARA)}
