"""The cache holds the newest of each object, and no ghosts."""

from __future__ import annotations

import pytest
from retrain_operator.api.policy import PolicyKey
from retrain_operator.cache import Cache
from retrain_operator.news import Turn

from tests.builders import CRONJOB_UID, JOB_UID, POLICY_UID, a_cronjob, a_job, a_policy, an_owner

KEY = PolicyKey(namespace="team-a", name="flight-delays")


def filled() -> Cache:
    cache = Cache()
    cache.put_policy(a_policy(resource_version="10"))
    cache.put_cronjob(a_cronjob(resource_version="11"))
    cache.put_job(a_job(resource_version="12"))
    return cache


def test_an_older_version_does_not_replace_a_newer_one() -> None:
    cache = filled()
    cache.put_policy(a_policy(resource_version="9", generation=7))
    cache.put_job(a_job(resource_version="9", ready=1))
    cache.put_cronjob(a_cronjob(resource_version="9", spec={"suspend": True}))
    policy = cache.policies[KEY]
    assert policy.generation == 1
    assert cache.jobs(policy)[0].ready == 0
    assert (found := cache.cronjob(policy)) is not None
    assert found.spec["suspend"] is False


def test_versions_are_numbers_not_texts() -> None:
    cache = filled()
    cache.put_policy(a_policy(resource_version="100", generation=7))
    cache.put_policy(a_policy(resource_version="99", generation=8))
    assert cache.policies[KEY].generation == 7


def test_a_policy_made_anew_replaces_the_old_one_and_has_none_of_its_children() -> None:
    cache = filled()
    cache.put_policy(a_policy(uid="new", resource_version="20"))
    assert cache.policies[KEY].uid == "new"
    assert cache.jobs(cache.policies[KEY]) == ()
    assert cache.cronjob(cache.policies[KEY]) is None


def test_the_end_of_an_old_policy_told_late_leaves_the_new_one_of_its_name() -> None:
    cache = filled()
    cache.put_policy(a_policy(uid="new", resource_version="20"))
    cache.hear_policy(a_policy(resource_version="15", deleting=True), deleted=True)
    assert cache.policies[KEY].uid == "new"
    assert cache.key_of(policy_uid="new") == KEY
    assert cache.key_of(policy_uid=POLICY_UID) is None


def test_a_dropped_policy_takes_its_children_along() -> None:
    cache = filled()
    cache.drop_policy(key=KEY, uid=POLICY_UID)
    assert cache.policies == {}
    assert list(cache.jobs_of_policies()) == []


STRANGERS = {
    "no owner": {"owned": False},
    "another owner": {"owner": an_owner(uid="somebody")},
    "another namespace": {"namespace": "team-b"},
    "an owner that does not control": {"owner": {**an_owner(), "controller": False}},
}


@pytest.mark.parametrize("fields", STRANGERS.values(), ids=STRANGERS)
def test_a_job_with_our_labels_is_ours_only_by_its_controller(fields: dict[str, object]) -> None:
    cache = Cache()
    cache.put_policy(a_policy())
    cache.put_job(a_job(**fields))  # type: ignore[arg-type]
    assert cache.jobs(cache.policies[KEY]) == ()


@pytest.mark.parametrize("fields", STRANGERS.values(), ids=STRANGERS)
def test_jobs_of_strangers_are_no_jobs_of_policies(fields: dict[str, object]) -> None:
    cache = Cache()
    cache.put_policy(a_policy())
    cache.put_job(a_job(uid="ours", name="ours"))
    cache.put_job(a_job(**fields))  # type: ignore[arg-type]
    assert [job.uid for job in cache.jobs_of_policies()] == ["ours"]


def test_a_job_of_the_policys_cronjob_is_the_policys() -> None:
    cache = filled()
    cache.put_job(a_job(uid="slot", name="slot", owner=an_owner(kind="CronJob", uid=CRONJOB_UID)))
    assert {job.uid for job in cache.jobs(cache.policies[KEY])} == {JOB_UID, "slot"}


def test_a_job_of_somebodys_cronjob_with_our_labels_is_not() -> None:
    cache = Cache()
    cache.put_policy(a_policy())
    cache.put_cronjob(a_cronjob(owned=False))
    cache.put_job(a_job(owner=an_owner(kind="CronJob", uid=CRONJOB_UID)))
    assert cache.cronjob(cache.policies[KEY]) is None
    assert cache.jobs(cache.policies[KEY]) == ()


def test_a_full_list_drops_what_it_lacks() -> None:
    cache = filled()
    cache.replace_jobs(bodies=[], as_of="50")
    cache.replace_cronjobs(bodies=[], as_of="50")
    assert cache.jobs(cache.policies[KEY]) == ()
    assert cache.cronjob(cache.policies[KEY]) is None
    cache.replace_policies(bodies=[], as_of="50")
    assert cache.policies == {}
    assert cache.key_of(policy_uid=POLICY_UID) is None


def test_a_full_list_keeps_what_was_seen_after_it() -> None:
    cache = filled()
    cache.replace_policies(bodies=[], as_of="5")
    cache.replace_cronjobs(bodies=[], as_of="5")
    cache.replace_jobs(bodies=[], as_of="5")
    policy = cache.policies[KEY]
    assert cache.cronjob(policy) is not None
    assert len(cache.jobs(policy)) == 1


def test_a_full_list_does_not_take_an_object_back_in_time() -> None:
    cache = filled()
    cache.replace_jobs(bodies=[a_job(resource_version="4", ready=1)], as_of="5")
    assert cache.jobs(cache.policies[KEY])[0].ready == 0


def test_a_marked_job_is_kept_until_the_watch_drops_it() -> None:
    cache = filled()
    cache.mark_recorded(policy_uid=POLICY_UID, job_uid=JOB_UID)
    cache.mark_recorded(policy_uid=POLICY_UID, job_uid="unknown")
    assert cache.jobs(cache.policies[KEY])[0].recorded
    cache.hear_job(a_job(resource_version="13"), deleted=True)
    cache.hear_job(a_job(resource_version="13", uid="unknown"), deleted=True)
    assert cache.jobs(cache.policies[KEY]) == ()


def test_who_waits_for_whom_follows_every_edit() -> None:
    cache, prices = Cache(), PolicyKey(namespace="team-a", name="prices")
    follows = {"triggers": {"upstream": {"policy": "prices"}}}
    cache.put_policy(a_policy(resource_version="10", spec=follows))
    assert cache.downstream(prices) == (KEY,)
    assert cache.upstream(cache.policies[KEY]) is None
    cache.put_policy(a_policy(name="prices", uid="p", resource_version="11"))
    assert (found := cache.upstream(cache.policies[KEY])) is not None
    assert found.key == prices
    cache.put_policy(a_policy(resource_version="12"))
    assert cache.downstream(prices) == ()
    cache.put_policy(a_policy(resource_version="13", spec=follows))
    cache.drop_policy(key=KEY, uid=POLICY_UID)
    assert cache.downstream(prices) == ()


def held(cache: Cache) -> tuple[bool, bool, bool]:
    """Are the policy, its CronJob and its Job known?"""
    policy = cache.policies.get(KEY)
    if policy is None:
        return False, False, False
    return True, cache.cronjob(policy) is not None, bool(cache.jobs(policy))


def test_a_watch_that_tells_old_news_again_raises_no_ghosts() -> None:
    cache = filled()
    cache.hear_job(a_job(resource_version="21"), deleted=True)
    cache.hear_cronjob(a_cronjob(resource_version="22"), deleted=True)
    cache.hear_job(a_job(resource_version="20"), deleted=False)
    cache.hear_cronjob(a_cronjob(resource_version="20"), deleted=False)
    assert held(cache) == (True, False, False)
    cache.hear_policy(a_policy(resource_version="23"), deleted=True)
    cache.hear_policy(a_policy(resource_version="19"), deleted=False)
    assert held(cache) == (False, False, False)


def test_what_a_full_list_lacked_is_not_brought_back_by_older_news() -> None:
    cache = Cache()
    cache.replace_policies(bodies=[], as_of="50")
    cache.replace_cronjobs(bodies=[], as_of="50")
    cache.replace_jobs(bodies=[], as_of="50")
    for version, known in (("49", False), ("50", False), ("51", True)):
        cache.hear_policy(a_policy(resource_version=version), deleted=False)
        cache.hear_cronjob(a_cronjob(resource_version=version), deleted=False)
        cache.hear_job(a_job(resource_version=version), deleted=False)
        assert held(cache) == (known, known, known), version


def test_an_answer_that_comes_after_the_end_of_its_object_is_not_kept() -> None:
    cache = filled()
    cache.hear_policy(a_policy(resource_version="30"), deleted=True)
    cache.put_policy(a_policy(resource_version="29"))
    cache.replace_policies(bodies=[a_policy(resource_version="28")], as_of="29")
    assert cache.policies == {}


def test_a_job_that_was_read_live_is_kept_though_the_list_leaves_it_out() -> None:
    cache = filled()
    cache.replace_jobs(bodies=[], as_of="50")
    cache.put_job(a_job(resource_version="40"))  # recorded Jobs are not listed
    assert held(cache) == (True, True, True)


def test_a_job_that_came_back_into_the_watch_outlives_old_news_of_its_leaving() -> None:
    cache = filled()
    cache.hear_job(a_job(resource_version="40"), deleted=False)
    cache.hear_job(a_job(resource_version="30"), deleted=True)
    assert held(cache) == (True, True, True)


def test_a_list_older_than_the_one_before_it_is_left_alone() -> None:
    cache = filled()
    cache.replace_jobs(bodies=[], as_of="50")
    assert cache.replace_jobs(bodies=[a_job(resource_version="12")], as_of="20") is Turn.BEHIND
    assert held(cache) == (True, True, False)


def test_the_third_list_in_a_row_that_is_older_is_that_of_a_restored_backup() -> None:
    cache = filled()
    cache.replace_policies(bodies=[a_policy(resource_version="60", generation=9)], as_of="70")
    cache.replace_cronjobs(bodies=[a_cronjob(resource_version="61")], as_of="70")
    cache.replace_jobs(bodies=[], as_of="70")
    for turn in (Turn.BEHIND, Turn.BEHIND, Turn.BACK):
        assert cache.replace_policies(bodies=[a_policy(resource_version="10")], as_of="20") is turn
        assert cache.replace_cronjobs(bodies=[], as_of="20") is turn
        assert cache.replace_jobs(bodies=[a_job(resource_version="12")], as_of="20") is turn
    assert held(cache) == (True, False, True)
    assert cache.policies[KEY].generation == 1
    cache.hear_policy(a_policy(resource_version="21", generation=2), deleted=False)
    assert cache.policies[KEY].generation == 2


def test_a_newer_list_in_between_begins_the_count_anew() -> None:
    cache = filled()
    on, behind, back = Turn.ON, Turn.BEHIND, Turn.BACK
    told = [("70", on), ("20", behind), ("20", behind), ("71", on), ("20", behind), ("20", behind), ("20", back)]
    assert [cache.replace_jobs(bodies=[], as_of=as_of) for as_of, _ in told] == [turn for _, turn in told]
