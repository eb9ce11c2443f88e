"""The parts of `make bench` that need no server and no download: its sentences, rows, terms, medians and verdicts on aims."""

import itertools
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "lib"), str(ROOT / "benches")]
from cluster import Tap  # noqa: E402

import corpus  # noqa: E402
from bench import Targets  # noqa: E402
from measure import Series, Timing  # noqa: E402
from project import Failure  # noqa: E402

TEXTS = {
    "en": ["The quick brown foxes jumped over lazy dogs.", "Every sleeping tortoise dreams about lettuce.", "The quick tortoise jumped over sleeping foxes."],
    "ru": ["Быстрая лисица прыгнула через ленивую собаку.", "Каждая спящая черепаха мечтает о салате.", "Быстрая черепаха прыгнула через спящую собаку."],
}  # fmt: skip

with Tap() as tap:
    text = "Dear friend,\n  act now! Only 3 days are left for you. A 12345 67890 12345 67890. Привет, как твои дела сегодня? No end here, none at all"
    tap.equal(
        list(corpus.sentences(text, "en")),
        ["Dear friend, act now!", "Only 3 days are left for you.", "No end here, none at all."],
        "sentences of one language, with single spaces and an end",
    )
    entry = "кот~ru~кот~ru~[[домашний|домашнее]] [[животное]] из семейства '''кошачьих''' {{пример|Чёрный {{выдел|кот}} спит|Автор|1999}}~12~34"
    tap.equal(
        [" ".join(part.split()) for part in corpus.without_markup(entry)],
        ["Чёрный кот спит", "домашнее животное из семейства кошачьих"],
        "a dictionary entry without its markup: the example, then the definition",
    )

    made = corpus.Corpus(TEXTS, [])
    rows = list(made.rows(500))
    tap.equal(rows, list(made.rows(500)), "the rows are the same every time")
    tap.equal(rows[:100], list(made.rows(100)), "fewer rows are the first of more")
    tap.ok(min(len(row.encode()) for row in rows) >= corpus.ROW_BYTES[0], "no row is shorter than the shortest")
    drawn = list(itertools.islice(corpus.cycled(TEXTS["en"], 1), 9))
    tap.equal([sorted(drawn[at : at + 3]) for at in (0, 3, 6)], [sorted(TEXTS["en"])] * 3, "all sentences once before one comes again")

    # A tiny vocabulary has few words that occur twice: each sentence twice, as in another order.
    doubled = [texts * 2 for texts in TEXTS.values()]
    terms = list(itertools.islice(corpus.terms(doubled, 4), 400))
    tap.equal(terms[:50], list(itertools.islice(corpus.terms(doubled, 4), 50)), "the terms are the same, and fewer are the first of more")
    tap.equal(len({term for term, _ in terms}), len(terms), "no term comes twice")
    everything = [corpus.fold(text) for texts in TEXTS.values() for text in texts]
    tap.equal([t for t, _ in terms if any(t in text for text in everything)], [], "no term stands in the texts, not even inside a word")
    inside = [term for term, mode in terms if mode != "word"]
    tap.ok(0.1 < len(inside) / len(terms) < 0.3 and not any(" " in term for term in inside), "about a fifth may stand inside words, single words all")

    series = Series()
    for seconds in (3.0, 1.0, 2.0):
        series.add("q", Timing(seconds, seconds * 10, "7"))
    tap.equal((series.cpu("q"), series.wall("q"), series.result("q")), (2.0, 20.0, "7"), "medians of a series")
    series.add("q", Timing(1.0, 1.0, "8"))
    try:
        series.result("q")
        tap.ok(False, "different results in different rounds are a failure")
    except Failure as failure:
        tap.like(str(failure), "different results", "different results in different rounds are a failure")

    targets = Targets()
    targets.add("a", "w", 5, 4.99, " ×")
    targets.add("b", "w", 0.2, 0.2, "%")
    targets.add("c", "w", 1, 1.01, " ms", at_most=True)
    targets.add("d", "w", 5, None)
    tap.equal([row[-1] for row in targets.rows[1:]], ["**missed**", "reached", "**missed**"], "what was aimed at and reached; nothing of what was not measured")
