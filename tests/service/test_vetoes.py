"""Veto lists against a plain model in Python; two at once; what is left of a set."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.service.veto_cases import BEGIN, SMALL, by_hand, small_shelf, ticking
from xlt_augment import SynonymSet
from xlt_augment.service import schemas, vetoes
from xlt_augment.service.failures import Refused
from xlt_augment.service.vetoes import VetoLists, VetoRecord

WORDS = st.sampled_from(["good", "bad", "fine", "é"])
SETS = st.sampled_from(["one", "two"])
STATES = st.sampled_from(["standing", "withdrawn", "all"])


class Lists(RuleBasedStateMachine):
    """`rows`: (set, record) in the order they came; `changes`: how many each list saw."""

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        clock = ticking()  # of both services, so that times can be told in advance
        self.services = [VetoLists(Path(self.folder.name) / "v.sqlite", clock=clock) for _ in range(2)]
        self.rows: list[tuple[str, VetoRecord]] = []
        self.changes = {"one": 0, "two": 0}
        self.stamps = {""}

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def expected(self, set: str, state: str = "all", word: str | None = None) -> list[VetoRecord]:
        kept = [r for name, r in self.rows if name == set and (word is None or word in r.pair)]
        return [r for r in reversed(kept) if state == "all" or (state == "standing") == (r.withdrawn_at is None)]

    def changed(self, set: str, service: VetoLists) -> None:
        self.changes[set] += 1
        stamp = service.state(set)[1]
        assert stamp not in self.stamps
        self.stamps.add(stamp)

    @rule(set=SETS, first=WORDS, second=WORDS, who=st.sampled_from(["Ann", " Bo "]), service=st.integers(0, 1))
    def propose(self, set: str, first: str, second: str, who: str, service: int) -> None:
        lists, before = self.services[service], list(self.rows)
        if first == second:
            with pytest.raises(Refused, match="twice"):
                lists.propose(set, "ab", first, second, who, "why")
        elif known := [r for r in self.expected(set, "standing") if r.pair == (min(first, second), max(first, second))]:
            with pytest.raises(Refused, match=f"veto by {known[0].author} of {known[0].at}: why") as refused:
                lists.propose(set, "ab", first, second, who, "why")
            assert refused.value.status == 409
        else:
            made = lists.propose(set, "ab", first, second, who, "why ")
            assert made[:5] == (len(before) + 1, min(first, second), max(first, second), who.strip(), "why")
            assert made[6:] == ("ab", None, None, None)
            self.rows.append((set, made))
            self.changed(set, lists)

    @rule(set=SETS, id=st.integers(0, 12), service=st.integers(0, 1))
    def withdraw(self, set: str, id: int, service: int) -> None:
        lists = self.services[service]
        known = next((r for r in self.expected(set) if r.id == id), None)
        if known is None or known.withdrawn_at is not None:
            with pytest.raises(Refused, match="one that Cy withdrew" if known else "no such number") as refused:
                lists.withdraw(set, id, "Cy", "sorry")
            assert refused.value.status == (409 if known else 404)
        else:
            done = lists.withdraw(set, id, "Cy", "sorry")
            assert done == (*known[:7], "Cy", "sorry", done.withdrawn_at)
            assert done.withdrawn_at is not None
            assert done.withdrawn_at > done.at
            self.rows[self.rows.index((set, known))] = set, done
            self.changed(set, lists)

    @rule(set=SETS, state=STATES, word=st.none() | WORDS, limit=st.integers(1, 3))
    def page_while_rows_are_added(self, set: str, state: vetoes.State, word: str | None, limit: int) -> None:
        found, after, expected = [], None, self.expected(set, state, word)
        for number in range(20):
            part = self.services[0].listed(set, state, word, after, limit)
            found += part.records
            assert len(part.records) <= limit
            after = part.after
            if after is None:
                break
            self.propose(set, "good", f"new{len(self.rows)}-{number}", "Ann", 1)
        assert found == expected

    @invariant()
    def what_stands_is_told_alike(self) -> None:
        for set in ("one", "two"):
            for lists in self.services:
                standing = self.expected(set, "standing")[::-1]
                assert lists.standing(set) == tuple(r.pair for r in standing)
                assert lists.snapshot(set).records == standing
                assert lists.revision(set) == self.changes[set]


def test_lists_are_what_a_plain_model_says() -> None:
    run_state_machine_as_test(Lists, settings=settings(max_examples=8, stateful_step_count=14))


def test_times_are_utc_from_the_clock_and_the_bound_is_that_of_the_schema(tmp_path: Path) -> None:
    made = VetoLists(tmp_path / "v.sqlite", clock=ticking()).propose("s", "ab", "x", "y", "Ann", "why")
    assert made.at == BEGIN.strftime("%Y-%m-%dT%H:%M:%SZ") == "2026-01-02T03:04:05Z"
    bounds = schemas.VetoRequest.model_json_schema()["properties"]
    assert (bounds["reason"]["maxLength"], bounds["author"]["maxLength"]) == (vetoes.REASON, schemas.LIMITS.word)


_PROGRAM = """
import json, sys
from xlt_augment.service.failures import Refused
from xlt_augment.service.vetoes import VetoLists
print("ready", flush=True)
sys.stdin.readline()
lists, won, lost = VetoLists(sys.argv[1], busy=20), [], []
for number in range(20):
    try:
        won.append(lists.propose("s", "ab", "w", f"x{number}", sys.argv[2], "why").second)
    except Refused as error:
        assert error.status == 409, error
        lost.append(error.found.split()[3])
print(json.dumps([won, lost]))
"""


def test_two_processes_at_once_strike_each_pair_once_and_the_loser_is_told_who(tmp_path: Path) -> None:
    path, pipe = tmp_path / "new" / "v.sqlite", subprocess.PIPE  # which both make, too
    words = [[sys.executable, "-c", _PROGRAM, str(path), who] for who in ("Ann", "Bo")]
    running = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for command in words]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    (ann, ann_lost), (bo, bo_lost) = (json.loads(process.communicate(timeout=60)[0]) for process in running)
    assert sorted(ann + bo) == sorted(f"x{number}" for number in range(20))
    assert ann_lost == ["Bo"] * len(bo)
    assert bo_lost == ["Ann"] * len(ann)
    found = VetoLists(path).snapshot("s")
    assert (found.revision, len(found.records)) == (20, 20)
    assert {r.second for r in found.records if r.author == "Ann"} == {*ann}


def test_threads_make_the_file_once_and_write_without_loss(tmp_path: Path) -> None:
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            lists = VetoLists(tmp_path / "v.sqlite", busy=20)
            for other in range(5):
                lists.withdraw("s", lists.propose("s", "ab", f"a{number}", f"b{other}", "Ann", "why").id, "Bo", "sorry")
                lists.listed("s")
        except BaseException as problem:  # noqa: BLE001  told below
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert VetoLists(tmp_path / "v.sqlite").revision("s") == 60


def test_a_set_without_its_vetoed_pairs_is_made_once_for_each_state(tmp_path: Path) -> None:
    shelf, lists = small_shelf(tmp_path, "small", "other"), VetoLists(tmp_path / "v.sqlite")
    small = shelf.get("small")
    first = lists.vetoed.of(small)
    assert first.sha256 == small.synonyms.sha256
    id = lists.propose("small", "ab", "good", "bad", "Ann", "why").id
    second = lists.vetoed.of(small)
    assert second.to_mapping() == SynonymSet.from_mapping(SMALL).veto([("good", "bad")]).to_mapping()
    assert lists.vetoed.of(small) is second
    assert lists.vetoed.of(shelf.get("other")).vetoes == ()  # a list of another name
    with by_hand(tmp_path / "v.sqlite") as other:  # nobody told us
        other.execute("UPDATE vetoes SET withdrawn_by = 'x', withdrawn_reason = 'y', withdrawn_at = 'z' WHERE id = ?", (id,))
    assert lists.vetoed.of(small).vetoes == ()
    lists.propose("small", "ab", "good", "bad", "Ann", "why")
    for _ in range(20):
        lists.propose("small", "ab", "x", f"y{lists.revision('small')}", "Ann", "why")
        lists.vetoed.of(small)
    assert len(lists.vetoed._made) == 8
    assert len(lists.vetoed.of(small).vetoes) == 21


def test_of_many_who_ask_at_once_one_makes_the_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelved, lists = small_shelf(tmp_path, "small").get("small"), VetoLists(tmp_path / "v.sqlite")
    lists.propose("small", "ab", "good", "bad", "Ann", "why")
    begun, all_asked, go_on, real, state = [], threading.Barrier(5), threading.Event(), SynonymSet.veto, lists.state

    def slow(synonyms: SynonymSet, pairs: tuple[tuple[str, str], ...]) -> SynonymSet:
        begun.append(pairs)
        assert go_on.wait(20)
        return real(synonyms, pairs)

    def asked(set: str) -> tuple[int, str]:
        found = state(set)
        all_asked.wait(20)
        return found

    monkeypatch.setattr(SynonymSet, "veto", slow)
    monkeypatch.setattr(lists, "state", asked)
    found: list[SynonymSet] = []
    threads = [threading.Thread(target=lambda: found.append(lists.vetoed.of(shelved))) for _ in range(4)]
    for thread in threads:
        thread.start()
    all_asked.wait(20)
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(begun) == 1
    assert len(found) == 4
    assert len({id(synonyms) for synonyms in found}) == 1


def test_a_copy_put_back_is_not_taken_for_the_state_with_the_same_revision(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"
    shelved, lists = small_shelf(tmp_path, "small").get("small"), VetoLists(path)
    lists.propose("small", "ab", "good", "bad", "Ann", "why")
    kept = path.read_bytes()
    lists.propose("small", "ab", "good", "fine", "Ann", "why")
    assert lists.vetoed.of(shelved).vetoes == (("bad", "good"), ("fine", "good"))
    path.write_bytes(kept)
    lists.propose("small", "ab", "bad", "poor", "Ann", "why")
    assert lists.revision("small") == 2
    assert lists.vetoed.of(shelved).vetoes == (("bad", "good"), ("bad", "poor"))
