"""Project Gutenberg's headers and licences are cut, in every wording of fifty years."""

from __future__ import annotations

from collections import Counter

import pytest

from relab.corpora.readers import gutenberg
from relab.errors import UserError
from relab.settings.corpora import GutenbergReader

BODY = "CHAPTER I\n\nIt was the best of times.\nIt was the worst of times.\n\nCHAPTER II\n\nThe end of the project.\n"
LICENCE = "\nSection 1. General Terms of Use and Redistributing Project Gutenberg-tm electronic works\n"

START = "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\n\n"
HEADERS = {
    "today": "The Project Gutenberg eBook of X\n    \nThis ebook is for the use of anyone\n\nTitle: X\n\n" + START,
    "this": "The Project Gutenberg EBook of X\n\n*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n\n\n\n\n",
    "no blank": "x\n***START OF THE PROJECT GUTENBERG EBOOK X***\n\n\n",
    "long title": "x\n\n*** START OF THE PROJECT GUTENBERG EBOOK THE LONG AND\nWINDING TITLE\nOF A BOOK ***\n\n",
    "unclosed": "x\n\n*** START OF THE PROJECT GUTENBERG EBOOK 98\n\n",
    "credits": START + "Produced by Judith Boss and David Widger\n\n\n\n",
    "etext credits": START + "E-text prepared by A. and\nthe Project Gutenberg Online Distributed Proofreading Team\n"
    "(http://www.pgdp.net)\n\n\n\nNote: Project Gutenberg also has an HTML version\n\n\n",
    "transcribed": START + "Transcribed from the 1894 edition by David Price\n\n",
    "small print": "**The Project Gutenberg Etext of X**\n\n***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\n"
    "Why is this here? You know: lawyers.\n*END THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\n\n",
    "older small print": "News\n\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\n",
    "spaced small print": "News\n\n*END* THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\n",
    "start, then small print": START + "lawyers\n\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*\n",
    "html version": START + "E-text prepared by A. Reader\n\n\n\nNote: Project Gutenberg also has an HTML version of this\n"
    "      file which includes the original illustrations.\n      See 9-h.htm or 9-h.zip:\n"
    "      (https://www.gutenberg.org/files/9/9-h/9-h.htm)\n\n\n      Images of the original pages are available through\n"
    "      a library. See\n      https://archive.org/details/miller\n\n\n\n",
    "indented note": START
    + "E-text prepared by A. Reader\n\n\n\nTranscriber's note:\n\n      Text enclosed by underscores is in "
    "italics (_so_).\n\n      Page numbers are left out.\n\n\n\n\n",
    "headed note": START + "TRANSCRIBER'S NOTES\n\nObvious errors were mended.\n\nThe cover is in the public domain.\n\n\n\n\n",
    "bracketed note": START
    + "Produced by A.\n\n\n[Transcriber's note: errors were mended.\n\nAccents were kept as they are.]\n\n\n",
    "boxed note": START + "+-------+\n| Transcriber's Note: |\n|  |\n| Errors were mended. |\n+-------+\n\n\n\n",
    "German note": START
    + "Anmerkungen zur Transkription:\n\n    Fehler wurden berichtigt.\n\n    Sperrsatz ist _so_.\n\n\n\n\n",
    "images": START + "This file was made from images kindly provided by the Internet Archive\n\n\n\n",
    "address": START + "Scans: https://example.org/miller\n\n\n",
}
NOTES_BEHIND = ("\n\n\n\nTranscriber's Notes:\n\nErrors were mended.\n", "\n\n\n\n[Note of the transcriber: p. 3 is lost.]\n")
FOOTERS = {
    "today": "\n\n*** END OF THE PROJECT GUTENBERG EBOOK TWO CITIES ***\n",
    "this": "\n\n\n*** END OF THIS PROJECT GUTENBERG EBOOK X ***\n",
    "no blank": "\n***END OF THE PROJECT GUTENBERG EBOOK X***\n",
    "two": "\n\nEnd of Project Gutenberg's Two Cities, by Charles Dickens\n\n*** END OF THIS PROJECT GUTENBERG EBOOK X ***\n",
    "etext": "\n\nEnd of The Project Gutenberg Etext of Two Cities\n",
    "possessive": "\n\nEnd of Project Gutenberg's Etext of Two Cities\n",
    "ebook": "\n\nEnd of the Project Gutenberg EBook of Two Cities, by Charles Dickens\n",
    "german": "\n\nEnde dieses Projekt Gutenberg Etextes\n",
    "french": "\n\nFin de Project Gutenberg Etext de X\n",
    "licence": "\n\n*** START: FULL LICENSE ***\n",
}


def read(tmp_path, text, tally=None, **settings):
    path = tmp_path / "book.txt"
    path.write_text(text, encoding="utf-8")
    counted = Counter() if tally is None else tally
    return list(gutenberg.read([path], GutenbergReader(kind="gutenberg", **settings), counted))


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_headers_are_cut(tmp_path, header):
    (text,) = read(tmp_path, header + BODY + FOOTERS["today"] + LICENCE)
    assert text.strip("\n") == BODY.strip("\n")


@pytest.mark.parametrize("header", ["credits", "html version", "indented note", "headed note", "address"])
@pytest.mark.parametrize(
    "beginning",
    [
        "      THE MILLER\n\n      A TALE\n\n", "  Nel mezzo del cammin\n  di nostra vita\n\n", "NOTE\n\nThis is a tale.\n\n",
        "[Illustration: the mill]\n\n", "The scribe transcribed.\n\n",
    ],
)  # fmt: skip
def test_the_work_begins_where_it_begins(tmp_path, header, beginning):
    (text,) = read(tmp_path, HEADERS[header].rstrip("\n") + "\n" * 5 + beginning + BODY + FOOTERS["today"])
    assert text.strip("\n") == (beginning + BODY).strip("\n")


def test_a_note_without_a_gap_behind_it_does_not_take_the_work_with_it(tmp_path):
    header = START + "TRANSCRIBER'S NOTE\n\n"
    (text,) = read(tmp_path, header + BODY + "\n\nmore\n" * 2000 + FOOTERS["today"])
    assert text.strip("\n").startswith("CHAPTER I\n\nIt was")


@pytest.mark.parametrize("note", NOTES_BEHIND)
def test_notes_behind_the_work_are_cut(tmp_path, note):
    for text in (BODY + note, BODY + note * 2, BODY):
        assert read(tmp_path, START + text + FOOTERS["today"])[0].strip("\n") == BODY.strip("\n")


@pytest.mark.parametrize("footer", FOOTERS.values(), ids=FOOTERS)
def test_footers_are_cut(tmp_path, footer):
    (text,) = read(tmp_path, HEADERS["today"] + BODY + footer + LICENCE)
    assert text.strip("\n") == BODY.strip("\n")


def test_a_byte_order_mark_and_windows_line_ends_do_not_hide_them(tmp_path):
    (text,) = read(tmp_path, "\ufeff" + (HEADERS["this"] + BODY + FOOTERS["this"]).replace("\n", "\r\n"))
    assert text.strip("\n") == BODY.strip("\n")


def test_a_shortened_header_without_marks_is_cut_and_counted(tmp_path):
    header = (
        "Project Gutenberg's La Divina Commedia di Dante, by Dante Alighieri\n\n"
        "This eBook is for the use of anyone anywhere in the United States and most\nother parts of the world\n\n"
        "Title: La Divina Commedia di Dante\n\nAuthor: Dante Alighieri\n\n"
    )
    text = "  LA DIVINA COMMEDIA\n  di Dante\n\n\n  Inferno • Canto I\n\n\n  Nel mezzo\n\n  Inferno • Canto II\n\n  Lo giorno\n"
    tally = Counter()
    (whole,) = read(tmp_path, header + text, tally)
    assert whole.strip("\n") == text.strip("\n")
    assert tally == {"Gutenberg texts with a shortened header": 1}
    cantos = read(tmp_path, header + text, document="heading", regexp="^ *(Inferno|Purgatorio|Paradiso) • Canto")
    assert [canto.split()[3] for canto in cantos] == ["I", "II"]


def test_a_text_without_header_and_footer_is_kept_whole_and_counted(tmp_path):
    tally = Counter()
    assert read(tmp_path, BODY, tally) == [BODY]
    assert tally == {"Gutenberg texts without header and footer": 1}


def test_several_works_in_one_file_are_all_kept(tmp_path):
    other = BODY.replace("best", "second")
    text = HEADERS["today"] + BODY + FOOTERS["two"] + LICENCE + HEADERS["credits"] + other + FOOTERS["today"] + LICENCE
    assert [work.strip("\n") for work in read(tmp_path, text)] == [BODY.strip("\n"), other.strip("\n")]


def test_half_of_the_marks_is_an_error(tmp_path):
    with pytest.raises(
        UserError, match=r"book\.txt, line 7: found the header of Project Gutenberg, but no footer; fetch the file again"
    ):
        read(tmp_path, HEADERS["today"] + BODY)
    with pytest.raises(
        UserError, match=r"line \d+: found the footer of Project Gutenberg, but no header.*START OF THE PROJECT"
    ):
        read(tmp_path, BODY + FOOTERS["today"] + LICENCE)


def test_paragraphs_may_be_documents(tmp_path):
    paragraphs = read(tmp_path, HEADERS["credits"] + BODY + FOOTERS["today"], document="paragraph")
    assert [paragraph.split("\n")[0] for paragraph in paragraphs] == [
        "CHAPTER I",
        "It was the best of times.",
        "CHAPTER II",
        "The end of the project.",
    ]
