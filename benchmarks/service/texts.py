"""Texts that a search engine can get its teeth into: made-up words, some of them rare."""

import random

CHARACTERS = 4_000
SYLLABLES = "ba be bi bo ca ce ci co da de di do fa fe fi fo ga ge gi go la le li lo ma me mi mo"
VOCABULARY = 20_000
POOL_CHARACTERS = 4_000_000


class Texts:
    """Pieces of one long text, always the same for the same seed."""

    def __init__(self, seed: int = 7) -> None:
        chance = random.Random(seed)
        syllables = SYLLABLES.split()
        words = {
            "".join(chance.choices(syllables, k=chance.randint(2, 4))) + chance.choice("nrstkx")
            for _ in range(VOCABULARY)
        }
        self.words = sorted(words)
        chance.shuffle(self.words)
        # As in any language: the second word is half as frequent as the first, and so on.
        weights = [1 / (rank + 1) for rank in range(len(self.words))]
        drawn = chance.choices(self.words, weights, k=POOL_CHARACTERS // 7)
        self.pool = " ".join(drawn)
        self.chance = chance

    def piece(self, characters: int) -> str:
        start = self.chance.randrange(len(self.pool) - characters)
        return self.pool[start : start + characters]

    def document(self, number: int) -> str:
        head = f"Document {number}. "
        return head + self.piece(CHARACTERS - len(head))

    def searched_words(self, count: int) -> list[str]:
        """Words that stand in roughly one of a hundred documents."""
        return self.words[5_000 : 5_000 + count]
