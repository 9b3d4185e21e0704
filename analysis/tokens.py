"""How many tokens a text is, without asking any tokenizer."""


def tokens_in(text: str) -> int:
    """Return an upper estimate: a token for every three bytes of UTF-8.

    English has four to five bytes to a token and Chinese about three, so what fits by this
    estimate fits, and what it costs by this estimate is no less than what it will cost.
    """
    return -(-len(text.encode("utf-8", "replace")) // 3)
