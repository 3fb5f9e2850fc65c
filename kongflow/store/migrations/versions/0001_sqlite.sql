-- Purpose: create every table of the SQLite dialect. Caller: revision 0001, inside BEGIN IMMEDIATE.
-- Locks: the file, for some milliseconds. Times are milliseconds since 1970, wall clock; `*_mono` are the host's
-- monotonic clock. States: 0 unrouted, 1 scheduled, 2 ready, 3 blocked, 4 running, 5 succeeded, 6 failed, 7 cancelled.

-- Live jobs only. A plain `insert into kongflow_job (task, payload) values (…)` is enough to add one: state 0.
create table kongflow_job (
    id integer primary key autoincrement,
    task text not null check (length(task) between 1 and 128),
    state integer not null default 0 check (state between 0 and 4),
    queue text check (length(queue) between 1 and 128),
    -- The declared queue or pattern that `queue` belongs to, by the catalog that looked last.
    rule text,
    -- Of a blocked job: the lane that it waits for, its queue or a pattern whose `max_active` its queues share.
    lane text,
    priority integer check (priority between -32768 and 32767),
    run_at integer check (run_at between 0 and 253402300799999),
    ready_at integer,
    created_at integer not null default (cast((julianday('now') - 2440587.5) * 86400000 as integer))
        check (created_at between 0 and 253402300799999),
    max_attempts integer check (max_attempts between 1 and 1000000),
    job_key text check (length(job_key) between 1 and 512),
    job_key_mode text check (job_key_mode in ('replace', 'preserve_run_at', 'unsafe_dedupe')),
    claimed_key text,
    flags text check (json_type(flags) = 'array'),
    tags text check (json_type(tags) = 'array'),
    attempt integer not null default 0,
    claims integer not null default 0,
    crashes integer not null default 0,
    awaited integer not null default 0,
    cancel_requested integer not null default 0,
    overrunning integer not null default 0,
    runner integer,
    lease integer,
    claimed_at integer,
    claimed_mono integer,
    terms text,
    progress text,
    payload text not null default '{}',
    -- Of its attempts that have ended: see store/attempts.py.
    attempts text check (json_type(attempts) = 'array'),
    -- The schedule that added it.
    schedule text,
    -- Jobs of one kind are for the same runners, but for what a change of the declared queues makes of single names.
    kind text generated always as (
        task || char(31) || coalesce(flags, '') || char(31)
            || case when queue is null then '' else coalesce(rule, '?') end
    ) virtual,
    check ((state = 3) = (lane is not null)),
    check (state = 0 or (priority is not null and run_at is not null and ready_at is not null))
) strict;

create index kongflow_job_ready on kongflow_job (priority, run_at) where state = 2;
create index kongflow_job_ready_kind on kongflow_job (kind, priority, run_at) where state = 2;
create index kongflow_job_ready_queue on kongflow_job (queue, kind, priority, run_at)
    where state = 2 and queue is not null;
create index kongflow_job_blocked on kongflow_job (lane, kind, priority, run_at) where state = 3;
create index kongflow_job_blocked_by_pattern on kongflow_job (queue, lane) where state = 3 and lane <> queue;
create index kongflow_job_running_queue on kongflow_job (queue) where state = 4 and queue is not null;
create index kongflow_job_due on kongflow_job (run_at) where state = 1;
create index kongflow_job_unrouted on kongflow_job (task) where state = 0;
create index kongflow_job_task on kongflow_job (task) where state in (1, 3);
create index kongflow_job_running on kongflow_job (runner) where state = 4;
create index kongflow_job_unrouted_key on kongflow_job (job_key) where job_key is not null and state = 0;
create unique index kongflow_job_key on kongflow_job (job_key) where job_key is not null and state > 0;
create index kongflow_job_schedule on kongflow_job (schedule) where schedule is not null;
create index kongflow_job_claimed_key on kongflow_job (claimed_key) where claimed_key is not null;

-- Finished jobs, until purge_at.
create table kongflow_history (
    id integer primary key,
    task text not null,
    state integer not null check (state between 5 and 7),
    reason text,
    detail text,
    queue text,
    priority integer not null,
    run_at integer not null,
    created_at integer not null,
    claimed_at integer,
    finished_at integer not null,
    purge_at integer not null,
    max_attempts integer,
    key text,
    flags text,
    tags text,
    attempt integer not null,
    claims integer not null,
    crashes integer not null,
    runner text,
    progress text,
    payload text not null,
    result text,
    attempts text,
    schedule text
) strict;

create index kongflow_history_purge on kongflow_history (purge_at);
create index kongflow_history_ended on kongflow_history (state, id) where state > 5;
create index kongflow_history_key on kongflow_history (key) where key is not null;

-- Processes that want work. `seen_mono` counts only in the boot that it was written in.
create table kongflow_runner (
    id integer primary key,
    host text not null,
    pid integer not null,
    config text not null,
    queues text not null,
    tasks text not null,
    forbidden_flags text not null,
    lease integer not null,
    boot text not null,
    seen_mono integer not null,
    seen_at integer not null,
    alive integer not null,
    has_left integer not null default 0,
    -- It fires schedules.
    ticks integer not null
) strict;

create index kongflow_runner_alive on kongflow_runner (id) where alive;

-- What runners published. The one with the highest `came` that has a live runner is in force.
create table kongflow_config (
    hash text primary key,
    came integer not null,
    queues text not null,
    retention text not null,
    -- All that it says of tasks, queues and schedules, for `plan`: see core/declaration.py.
    declared text not null
) strict, without rowid;

-- Single values: the deployment's name, the generation of runners and configs, the oldest release.
create table kongflow_meta (
    name text primary key,
    value any
) strict, without rowid;

-- Lanes whose blocked jobs must be looked at by the next claims, in the order of the ids. Noted again, one keeps its
-- place.
create table kongflow_lane_check (
    id integer primary key,
    lane text not null unique
) strict;

-- Who takes what, or a limit, has changed: all lanes with blocked jobs whose names come after `place`, and not after
-- `up_to`, must be looked at by the next claims; they may be a million.
create table kongflow_sweep (
    place text primary key,
    up_to text
) strict, without rowid;

-- Lanes whose rate limit is used up while jobs wait, until it is filled again.
create table kongflow_refill (
    lane text primary key,
    refill_at integer not null
) strict, without rowid;

create index kongflow_refill_at on kongflow_refill (refill_at);

-- The starts that a rate limit counts, for as long as its window.
create table kongflow_start (
    queue text not null,
    at integer not null,
    forget_at integer not null
) strict;

create index kongflow_start_window on kongflow_start (queue, at);
create index kongflow_start_forget on kongflow_start (forget_at);

-- Queues and patterns that somebody has paused: nothing of them starts.
create table kongflow_pause (
    name text primary key,
    reason text not null,
    author text not null,
    paused_at integer not null
) strict, without rowid;

-- Schedules that a config in force has seen. Slots up to `decided_up_to` are decided about, by `timing`; another timing
-- begins anew. `waiting_slot`: the slot whose job is added when those of earlier ones have ended.
create table kongflow_schedule (
    name text primary key,
    timing text not null,
    decided_up_to integer not null,
    waiting_slot integer,
    waiting_backfilled integer
) strict, without rowid;

-- What became of each slot: one row, whoever decides about it. Kept for a day, the last one of a schedule for ever.
create table kongflow_slot (
    schedule text not null,
    at integer not null,
    backfilled integer not null,
    outcome text not null check (outcome in ('added', 'skipped', 'waiting', 'failed')),
    job integer,
    note text,
    decided_at integer not null,
    primary key (schedule, at)
) strict, without rowid;

create index kongflow_slot_decided on kongflow_slot (decided_at);

-- Schedules that somebody has paused: their slots add nothing.
create table kongflow_schedule_pause (
    name text primary key,
    reason text not null,
    author text not null,
    paused_at integer not null
) strict, without rowid;

-- The newest job of a key that an older job, still running, has to give way to when its attempt ends.
create table kongflow_newest (
    key text primary key,
    id integer not null
) strict, without rowid;

insert into kongflow_meta (name, value) values ('generation', 0), ('oldest_release', '0.1.0');
