"""How text is found: folded, cut into words, each typed word the beginning of a stored one."""

import re
import unicodedata
from functools import lru_cache

# Letters whose accent Unicode does not take apart, and ligatures that people type as two letters.
STROKES = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ı": "i", "ŧ": "t"}
)
APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ`´"), "'")
# Canonical combining classes of accents: Latin, Greek and Cyrillic ones (200 and over), the points of
# Hebrew and Arabic. Indic vowel signs, viramas and Japanese voicing marks are not: they make another letter.
HEBREW_AND_ARABIC = range(10, 37)
LATIN = 200
ASCII_WORD = re.compile("[A-Za-z0-9]+")
DIGIT_RUN = re.compile(r"(?<![^\W_])([0-9]+(?:[ +\-/()]+[0-9]+)*)(?![^\W_])")


def fold(text: str) -> str:
    """Without case and accents: `Łukasz` becomes `lukasz`, `Straße` `strasse`, `Ελένη` `ελενη`, `٣` `3`."""
    return text.lower().replace("`", "'") if text.isascii() else fold_letters(text)


@lru_cache(maxsize=5_000)
def fold_letters(text: str) -> str:
    """Most names that come have come before."""
    plain = unicodedata.normalize("NFKC", text.translate(APOSTROPHES)).casefold().translate(STROKES)
    letters = "".join(c for c in unicodedata.normalize("NFKD", plain) if not is_accent(c))
    return "".join(str(unicodedata.decimal(c, c)) for c in unicodedata.normalize("NFC", letters))


def is_accent(character: str) -> bool:
    combining = unicodedata.combining(character)
    return combining >= LATIN or combining in HEBREW_AND_ARABIC


def cut(folded: str) -> list[str]:
    """The words of a text: runs of letters, digits and the marks that belong to them."""
    if folded.isascii():  # the same, sooner
        return ASCII_WORD.findall(folded)
    return "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in folded).split()


def without_zeros(word: str) -> str:
    return word.lstrip("0") or "0"


def stored_words(*texts: str | None) -> str:
    """The words by which these texts are found: sorted, each with a blank before it.

    A run of digits counts from each of its groups on (`+49 30 12` as 493012, 3012 and 12); what begins with zeros is
    found without them too. `O'Brien` is found as `obrien` and as `brien`.
    """
    words: set[str] = set()
    for text in filter(None, texts):
        folded = fold(text)
        if folded.isalpha():  # a word, as most names are
            words.add(folded)
            continue
        for place, part in enumerate(DIGIT_RUN.split(folded)):
            if place % 2:
                groups = cut(part)
                words.update("".join(groups[start:]) for start in range(len(groups)))
            else:
                words.update(cut(part))
                if "'" in part:
                    words.update(cut(part.replace("'", "")))
    words |= {without_zeros(word) for word in words if word[0] == "0"}
    return "".join(f" {word}" for word in sorted(words))


def typed_words(text: str) -> list[str]:
    """The words that somebody typed, in order; each must begin a stored one. Of a run of digits leading zeros fall.

    A word that begins another typed word is left out, for what begins with the longer one begins with it too; unless
    it is the first, which gives the order.
    """
    words: list[str] = []
    for place, part in enumerate(DIGIT_RUN.split(fold(text))):
        words += [without_zeros("".join(cut(part)))] if place % 2 else cut(part.replace("'", ""))
    each = list(dict.fromkeys(words))
    said = {word for word in each[1:] if any(other != word and other.startswith(word) for other in each)}
    return [word for word in each if word not in said]
