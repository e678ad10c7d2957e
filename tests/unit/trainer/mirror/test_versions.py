"""What should stand in MLflow, as a table and as properties of a model of the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from retrain_trainer.mirror.versions import DIGEST, POLICY, REMOVED, VERSION, Found, Wanted, steps, wanted_of

from tests.unit.trainer.registry.builders import draft


def _wanted(*versions: int) -> list[Wanted]:
    manifests = [replace(draft(run=f"run-{n}", model=f"model {n}".encode()), version=n) for n in versions]
    return list(wanted_of(policy="team/delays", manifests=manifests, source=lambda n: f"pvc://models/versions/{n}"))


def _found(number: int, wanted: Wanted) -> Found:
    return Found(number=str(number), tags=wanted.tags)


def test_versions_come_in_the_order_of_their_numbers() -> None:
    assert [item.version for item in _wanted(3, 1, 2)] == [1, 2, 3]
    assert [item.source for item in _wanted(7)] == ["pvc://models/versions/7"]


def test_tags_tell_policy_version_and_digest() -> None:
    [item] = _wanted(4)
    assert (item.tags[POLICY], item.tags[VERSION]) == ("team/delays", "4")
    assert item.tags[DIGEST] == item.digest
    assert all(len(value) <= 500 for value in item.tags.values())  # what MLflow allows


def test_a_version_without_a_score_has_no_tag_for_it() -> None:
    manifest = replace(draft(run="r", model=b"m", score=None), version=1)
    [item] = wanted_of(policy="team/delays", manifests=[manifest], source=str)
    assert "retrain.dev/score" not in item.tags
    assert "roc_auc" not in item.description


def test_numbers_are_compared_as_numbers() -> None:
    [item] = _wanted(1)
    todo = steps(wanted=[item], champion=1, found=[_found(10, item), _found(9, item)], removed=())
    assert todo.alias == "9"


def test_a_champion_that_retention_has_given_up_is_made_all_the_same() -> None:
    todo = steps(wanted=_wanted(1, 2), champion=1, found=[], removed={1, 2})
    assert [item.version for item in todo.create] == [1]


def _applied(found: list[Found], wanted: Sequence[Wanted], champion: int, removed: set[int]) -> list[Found]:
    """What the server has after the steps."""
    todo = steps(wanted=wanted, champion=champion, found=found, removed=removed)
    number = max((int(item.number) for item in found), default=0)
    marked = [
        replace(item, tags={**item.tags, REMOVED: "true"}) if item.number in todo.mark_removed else item
        for item in found
    ]
    return marked + [_found(number + 1 + index, item) for index, item in enumerate(todo.create)]


_STRANGE = st.dictionaries(st.sampled_from([VERSION, DIGEST, POLICY, "mine"]), st.sampled_from(["1", "2", "x"]))


@given(
    versions=st.sets(st.integers(1, 6), min_size=1),
    there=st.lists(st.integers(1, 6), max_size=6),
    strange=st.lists(_STRANGE, max_size=3),
    removed=st.sets(st.integers(1, 6)),
    data=st.data(),
)
def test_levelling_once_is_enough_and_the_alias_goes_to_the_first_of_the_champion(
    versions: set[int], there: list[int], strange: list[dict[str, str]], removed: set[int], data: st.DataObject
) -> None:
    champion = data.draw(st.sampled_from(sorted(versions)))
    wanted, others = _wanted(*versions), {item.version: item for item in _wanted(1, 2, 3, 4, 5, 6)}
    tags = [others[version].tags for version in there] + strange
    found = [Found(number=str(number), tags=each) for number, each in enumerate(tags, start=1)]

    after = _applied(found, wanted, champion, removed)

    again = steps(wanted=wanted, champion=champion, found=after, removed=removed)
    assert (again.create, again.mark_removed) == ((), ())
    first = min(int(item.number) for item in after if item.tags.get(DIGEST) == others[champion].digest)
    assert again.alias == str(first)
    made = [item for item in after if item.number not in {each.number for each in found}]
    assert not {int(item.tags[VERSION]) for item in made} & (removed - {champion})
    assert len({item.tags[VERSION] for item in made}) == len(made)
