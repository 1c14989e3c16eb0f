"""Answers with variants: in JSON with their spans and the command that gives the same, or in Arrow."""

from starlette.responses import Response

from xlt_augment.service import schemas
from xlt_augment.service.answers import arrow_answer, json_list
from xlt_augment.service.commands import command
from xlt_augment.service.failures import Refused
from xlt_augment.service.shelf import Shelved
from xlt_augment.service.state import Service
from xlt_augment.service.variants import Operators, Variants, check_work
from xlt_augment.synonyms.synonym_set import SynonymSet


class Maker:
    """Makes answers, in whatever thread; what was prepared for one serves the next."""

    def __init__(self, service: Service) -> None:
        self._service, self._operators = service, Operators()

    def answer(self, asked: schemas.AugmentRequest, arrow: bool) -> Response:
        """The whole answer. Raises Refused."""
        limits = self._service.settings.limits
        check_work(asked, limits)
        shelved = None if asked.method == "swap" else self._service.shelf.get(asked.set)
        synonyms = None if shelved is None else self._synonyms(asked, shelved)
        variants = Variants.of(asked, self._operators.make(asked, synonyms), limits)
        if arrow:
            return arrow_answer(variants.to_arrow())
        facts = {"set": None, "sha256": None, "vetoed": 0, "command": command(asked, None, None)}
        if shelved is not None and synonyms is not None:
            struck = sorted({*synonyms.vetoes} - {*shelved.synonyms.vetoes})
            line = command(asked, shelved.name, shelved.source, struck)
            facts = {"set": shelved.name, "sha256": synonyms.sha256, "vetoed": len(struck), "command": line}
        return json_list(facts, "results", variants.to_json(limits))

    def _synonyms(self, asked: schemas.AugmentRequest, shelved: Shelved) -> SynonymSet:
        if not asked.vetoes:
            return shelved.synonyms
        if self._service.vetoes is None:
            raise Refused(
                422, doing="leaving out vetoes", found="a service without veto lists", expected="one that keeps them",
                remedy="Ask without vetoes, or have it started without --no-vetoes",
            )  # fmt: skip
        return self._service.vetoes.vetoed.of(shelved)
