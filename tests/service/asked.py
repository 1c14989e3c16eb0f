"""Asking for variants: texts that are hard to handle, and answers checked against the schema."""

import random
from typing import Any

import pyarrow as pa
from starlette.testclient import TestClient

from xlt_augment import SynonymSet
from xlt_augment.resources import resource
from xlt_augment.service.answers import ARROW
from xlt_augment.service.schemas import AugmentAnswer

WORDS = {
    "movie": ["film", "motion picture"],
    "good": ["fine", "$(rm -rf x)"],
    "ärger": ["zorn"],
    "'tis": ['"x"'],
    "n": ["m" * 200],
}
SIGNS = "aÉß中ह\u0301\u20e3'’-\" \u00a0\u200b\u200d\u2028\x00\x1b\x7f\\$`!%\n\r\t👩𠮷\ufeff\U0010ffff"
NASTY = [
    "'; touch owned; '", "$(touch owned) `touch owned` \\u0041 \\\\ %s %n !! \\", "a\nb\r\n\tc\0d\x1b[2J\x7f", "", " ",
    'The "movie" wasn\'t good.', "👩\u200d👩 movie \u202egood\u2028 Ärger\u0301", "-n", "\ufeffgood movie",
]  # fmt: skip


def ask(client: TestClient, **request: Any) -> AugmentAnswer:
    """The answer in JSON."""
    answer = client.post("/v1/augment", json=request)
    assert answer.status_code == 200, answer.text
    return AugmentAnswer.model_validate_json(answer.content, strict=True)


def ask_arrow(client: TestClient, **request: Any) -> pa.Table:
    """The answer in Arrow."""
    answer = client.post("/v1/augment", json=request, headers={"accept": ARROW})
    assert (answer.status_code, answer.headers["content-type"]) == (200, ARROW), answer.text
    return pa.ipc.open_stream(answer.content).read_all()


def random_texts(count: int, seed: int) -> list[str]:
    """Real sentences, sentences of words that have neighbors, and random signs."""
    draw, rows = random.Random(seed), resource("samples/paraphrase/train-en.tsv").read_text().splitlines()
    sentences = [text for row in rows for text in row.split("\t")[:2]]
    known = list(SynonymSet.default().to_mapping())
    makers = (
        lambda: draw.choice(sentences),
        lambda: " ".join(draw.choice((str, str.title, str.upper))(draw.choice(known)) for _ in range(draw.randrange(12))),
        lambda: "".join(draw.choice(SIGNS) for _ in range(draw.randrange(30))),
        lambda: "".join(chr(draw.choice((draw.randrange(0xD800), draw.randrange(0xE000, 0x110000)))) for _ in range(9)),
    )
    return [draw.choice(makers)() for _ in range(count)]
