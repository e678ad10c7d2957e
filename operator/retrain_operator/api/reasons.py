"""Reasons of conditions and Events that the operator itself gives; each stands in docs/reasons.md with its remedy.

Reasons that a run gives (ColumnMissing, DataMissing, …) come with its message and are passed on as they are.
"""

from __future__ import annotations

# --- Ready, Stalled, Reconciling --------------------
#: The spec is accepted and what follows from it exists.
RECONCILED = "Reconciled"
#: The schedule cannot be read, or never comes.
INVALID_SCHEDULE = "InvalidSchedule"
#: The time zone is not in the IANA database.
INVALID_TIME_ZONE = "InvalidTimeZone"
#: The time between two slots is shorter than the administrator allows.
SCHEDULE_TOO_FREQUENT = "ScheduleTooFrequent"
#: A URI of the spec cannot be read.
INVALID_URI = "InvalidURI"
#: The run's description would be larger than an environment variable may be.
SPEC_TOO_LARGE = "SpecTooLarge"
#: The API server refuses what follows from the spec.
REFUSED_BY_API = "RefusedByAPI"
#: An object of the name we need belongs to somebody else; it is never overwritten.
NAME_CONFLICT = "NameConflict"
#: Somebody else changes the CronJob again and again.
CRONJOB_CONTESTED = "CronJobContested"
#: The API server cannot do it now (quota, conflict, outage); it is tried again.
RETRYING = "Retrying"

# --- ModelAvailable, AccuracyMet, DataValid, RunsHealthy --------------------
#: No run has told yet.
NO_RUN_YET = "NoRunYet"
#: A champion is recorded.
CHAMPION_RECORDED = "ChampionRecorded"
#: Runs ended, and none made a champion.
NO_CHAMPION = "NoChampion"
#: The spec sets no threshold.
NO_THRESHOLD = "NoThreshold"
#: The champion's newest score is on the right side of the threshold.
THRESHOLD_MET = "ThresholdMet"
#: … on the wrong side.
BELOW_THRESHOLD = "BelowThreshold"
#: The newest data passed every check.
DATA_PASSED = "DataPassed"
#: The newest data did not pass; used where the run gave no reason of its own.
DATA_REJECTED = "DataRejected"
#: The last run reached an outcome.
OUTCOME_REACHED = "OutcomeReached"

# --- LeakSuspected, NoSkill --------------------
#: The newest challenger's score looks too good; also the reason that the run gives.
LEAK_SUSPECTED = "LeakSuspected"
#: It does not.
NO_LEAK_SEEN = "NoLeakSeen"
#: The newest challenger is no better than a constant model; also the reason that the run gives.
NO_SKILL = "NoSkill"
#: It is.
SKILL_SHOWN = "SkillShown"
# --- Drifted --------------------
#: New rows are unlike those that the champion was trained on.
FEATURES_DRIFTED = "FeaturesDrifted"
#: They are not.
NO_DRIFT = "NoDrift"

# --- ApprovalRequired --------------------
#: A version passed the gate and waits for a person.
VERSION_WAITS = "VersionWaits"
#: None does.
NOTHING_WAITS = "NothingWaits"

# --- why a run failed, as the operator sees it --------------------
#: The container ended well but left no whole message for this Job.
METRICS_MISSING = "MetricsMissing"
#: The container was killed for memory.
OUT_OF_MEMORY = "OutOfMemory"
#: The Job ran into `job.activeDeadlineSeconds`.
DEADLINE_EXCEEDED = "DeadlineExceeded"
#: The container ended with an error that no message explains.
CONTAINER_FAILED = "ContainerFailed"
#: The Job vanished before its result was read.
JOB_LOST = "JobLost"

# --- why a Job waits --------------------
CLAIM_MISSING = "ClaimMissing"
CLAIM_NOT_BOUND = "ClaimNotBound"
SECRET_MISSING = "SecretMissing"  # noqa: S105 - a reason, not a password
SERVICE_ACCOUNT_MISSING = "ServiceAccountMissing"
IMAGE_UNAVAILABLE = "ImageUnavailable"
QUOTA_EXCEEDED = "QuotaExceeded"
POD_REFUSED = "PodRefused"
UNSCHEDULABLE = "Unschedulable"
MOUNT_FAILED = "MountFailed"
POD_NOT_STARTED = "PodNotStarted"
#: The administrator lets so many first runs start at once (`initialRuns`).
INITIAL_RUNS = "InitialRuns"
#: The Job that waited has started; its end will tell.
RUN_IN_PROGRESS = "RunInProgress"

# --- Suspended, ScheduleAmbiguous --------------------
SUSPENDED_BY_SPEC = "SuspendedBySpec"
NOT_SUSPENDED = "NotSuspended"
CLOCK_CHANGE = "ClockChange"
NO_CLOCK_CHANGE = "NoClockChange"

# --- TriggersHealthy --------------------
#: Prometheus answers the query of the policy.
QUERY_ANSWERED = "QueryAnswered"
#: It has not been asked since the policy named it.
NOT_ASKED_YET = "NotAskedYet"
#: The administrator has set no Prometheus.
PROMETHEUS_NOT_CONFIGURED = "PrometheusNotConfigured"
#: Several times in a row there was no answer.
PROMETHEUS_UNREACHABLE = "PrometheusUnreachable"
#: Prometheus does not understand the query, or its answer is neither true nor false.
QUERY_REFUSED = "QueryRefused"

# --- Published --------------------
#: Everything that the policy publishes to names the champion.
CHAMPION_PUBLISHED = "ChampionPublished"
#: There is no champion, or it was not tried yet.
NOTHING_TO_PUBLISH = "NothingToPublish"
#: The operator lacks the right.
PUBLISHING_NOT_ALLOWED = "PublishingNotAllowed"
#: There is no InferenceService of this name.
INFERENCE_SERVICE_MISSING = "InferenceServiceMissing"
#: It does not carry the annotation that lets this policy in.
NOT_OPTED_IN = "NotOptedIn"
#: Somebody else has set the field.
FIELD_CONFLICT = "FieldConflict"
#: MLflow is given the champion by the next run: none has told of it yet.
MIRROR_PENDING = "MirrorPending"

# --- Events only --------------------
RUN_STARTED = "RunStarted"
RUN_WAITING = "RunWaiting"
#: A request that a run has answered before was made again in the same words: nothing starts.
REQUEST_REPEATED = "RequestRepeated"
CHAMPION_ADOPTED = "ChampionAdopted"
#: The champion stands where the policy publishes it; or it could not be put there.
PUBLISHED = "Published"
NOT_PUBLISHED = "NotPublished"
