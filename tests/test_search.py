"""Every word of a text finds it by its beginning."""

import unicodedata

import pytest
from fastapi.testclient import TestClient
from hypothesis import example, given, settings
from hypothesis import strategies as some

from clinic_api.search import cut, fold, stored_words, typed_words
from tests.factories import make_patient
from tests.models.test_fields import quick

LETTERS = "aZéÅñłøßŒİıςΣΐελжЙאבمحकिখো日本가ﬁ１٣"
texts = some.one_of(
    some.text(LETTERS + "09 +-/().,'’@_‏", min_size=1, max_size=40),
    some.text(some.characters(categories=["Lu", "Ll", "Lo", "Nd", "Zs", "Po"]), min_size=1, max_size=20),
    some.from_regex(r"\+?0{0,3}[0-9]{1,4}([ \-/][0-9]{1,4}){0,4}", fullmatch=True),
).map(lambda text: unicodedata.normalize("NFC", text).strip())


def beginnings(text: str) -> list[str]:
    return [word[:length] for word in text.split() for length in range(1, len(word) + 1)]


def is_found(text: str, typed: str) -> bool:
    stored = stored_words(text)
    return all(f" {word}" in stored for word in typed_words(typed))


@settings(quick, max_examples=300)
@given(text=texts)
@example(text="9'0")
@example(text="a'1")
@example(text="1'a")
def test_a_text_is_found_by_itself_and_by_the_beginning_of_each_of_its_words(text: str) -> None:
    for typed in [text, *beginnings(text)]:
        assert is_found(text, typed), typed


@settings(quick, max_examples=300)
@given(text=texts, other=texts)
def test_more_words_that_are_typed_find_less(text: str, other: str) -> None:
    if is_found(text, f"{text} {other}"):
        assert is_found(text, other)


@settings(quick, max_examples=300)
@given(text=texts)
def test_words_are_stored_the_same_however_they_are_written(text: str) -> None:
    for spelling in (text.upper(), text.casefold(), unicodedata.normalize("NFD", text)):
        assert is_found(text, spelling), spelling


def test_what_begins_with_zeros_is_found_with_them_and_without() -> None:
    for typed in ["0030abc", "30abc", "00", "030", "30", "3"]:
        assert is_found("0030abc", typed), typed
    assert is_found("000", "0")
    assert not is_found("10", "0")


ASCII = some.text(some.characters(codec="ascii"))


@settings(quick, max_examples=300)
@given(text=ASCII)
@example(text="O`Brien's 1+2")
def test_plain_letters_are_folded_and_cut_like_all_others(text: str) -> None:
    assert f"{fold(text)}日" == fold(f"{text}日")
    assert [*cut(fold(text)), "日"] == cut(f"{fold(text)} 日")


@pytest.mark.parametrize(
    ("typed", "words"),
    [("ann anna a ann", ["ann", "anna"]), ("anna smith ann", ["anna", "smith"]), ("a a", ["a"])],
)
def test_a_typed_word_that_another_says_too_is_not_looked_for(typed: str, words: list[str]) -> None:
    assert typed_words(typed) == words


def test_a_sign_that_stands_for_words_adds_them_once() -> None:
    assert len(typed_words("ﷺ " * 30)) == 4


@settings(quick, max_examples=15)
@given(text=texts.filter(lambda text: typed_words(text) != []))
def test_a_patient_is_found_by_what_their_name_begins_with(text: str, admin: TestClient) -> None:
    patient = make_patient(admin, given_name=text, family_name="")
    for typed in [text, *beginnings(text)[:10]]:
        found = admin.get("/patients", params={"q": typed, "limit": 500, "sort": "-id"}).json()
        assert not typed_words(typed) or patient["id"] in {one["id"] for one in found}, typed
