"""What should stand in MLflow, as a table and as properties of a model of the server."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from retrain_trainer.mirror.order import Answer, Order
from retrain_trainer.mirror.versions import DIGEST, POLICY, VERSION, Found, Wanted, missing, number_of, wanted_of
from retrain_trainer.spec import MLflowSpec

from tests.unit.trainer.registry.builders import draft


def _wanted(*versions: int, given_up: Collection[int] = (), champion: int = 1) -> tuple[Wanted, ...]:
    return wanted_of(
        policy="team/delays",
        manifests=[replace(draft(run=f"run-{n}", model=f"model {n}".encode()), version=n) for n in versions],
        given_up=given_up,
        champion=champion,
        source=lambda version: f"pvc://models/versions/{version}",
    )


def _found(number: int, wanted: Wanted) -> Found:
    return Found(number=number, version=str(wanted.version), digest=wanted.digest, source=wanted.source)


def test_versions_come_in_the_order_of_their_numbers() -> None:
    assert [item.version for item in _wanted(3, 1, 2)] == [1, 2, 3]
    assert [item.source for item in _wanted(7)] == ["pvc://models/versions/7"]


def test_tags_tell_policy_version_and_digest() -> None:
    [item] = _wanted(4)
    assert (item.tags[POLICY], item.tags[VERSION]) == ("team/delays", "4")
    assert item.tags[DIGEST] == item.digest
    assert all(len(value) <= 500 for value in item.tags.values())


def test_a_version_without_a_score_has_no_tag_for_it() -> None:
    manifest = replace(draft(run="r", model=b"m", score=None), version=1)
    [item] = wanted_of(policy="team/delays", manifests=[manifest], given_up=(), champion=1, source=str)
    assert "retrain.dev/score" not in item.tags
    assert "roc_auc" not in item.description


def test_a_champion_that_retention_has_given_up_is_wanted_all_the_same() -> None:
    assert [item.version for item in _wanted(1, 2, 3, given_up={1, 2}, champion=1)] == [1, 3]


def test_numbers_are_compared_as_numbers() -> None:
    [item] = _wanted(1)
    assert number_of(item, found=[_found(10, item), _found(9, item)]) == 9


def test_order_and_answer_come_back_as_they_were() -> None:
    spec = MLflowSpec(tracking_uri="http://mlflow", name="delays")
    order = Order(spec=spec, policy="team/delays", champion=2, wanted=_wanted(1, 2))
    assert Order.from_json(order.to_json()) == order
    answer = Answer(reason="NameConflict", message="é", lines=("a", "b"))
    assert Answer.from_json(answer.to_json()) == answer


_STRANGE = st.builds(
    Found,
    number=st.integers(100, 200),
    version=st.sampled_from([None, "1", "2", "x"]),
    digest=st.sampled_from([None, "x"]),
    source=st.sampled_from(["", "pvc://models/versions/1"]),
)


@given(
    versions=st.sets(st.integers(1, 6), min_size=1),
    there=st.lists(st.integers(1, 6), max_size=6),
    strange=st.lists(_STRANGE, max_size=3),
)
def test_what_is_missing_is_made_once_and_a_version_is_the_first_of_its_kind(
    versions: set[int], there: list[int], strange: list[Found]
) -> None:
    wanted = _wanted(*versions)
    every = {item.version: item for item in _wanted(1, 2, 3, 4, 5, 6)}
    found = [_found(number, every[version]) for number, version in enumerate(there, start=1)] + strange

    made = [_found(1000 + index, item) for index, item in enumerate(missing(wanted=wanted, found=found))]

    after = found + made
    assert missing(wanted=wanted, found=after) == ()
    assert {item.version for item in wanted} - set(there) == {int(str(item.version)) for item in made}
    for item in wanted:
        numbers = [number for number, version in enumerate(there, start=1) if version == item.version]
        assert number_of(item, found=after) == (numbers[0] if numbers else number_of(item, found=made))
