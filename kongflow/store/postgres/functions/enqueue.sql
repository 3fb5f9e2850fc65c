-- Purpose: add a job from any language, a trigger or psql, and return its id. It is unrouted until a runner that knows
-- the task has checked the payload and rendered queue, key and priority, within a poll interval. A null option is not
-- given. Caller: users, with EXECUTE and nothing else. Locks: nothing, also where it has a key.
create or replace function kongflow.enqueue(
    task text,
    payload jsonb default '{}',
    queue text default null,
    run_at timestamptz default null,
    delay interval default null,
    priority integer default null,
    max_attempts integer default null,
    job_key text default null,
    job_key_mode text default null,
    flags text[] default null,
    tags text[] default null
) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
    v_now timestamptz := clock_timestamp();
    v_start timestamptz;
    v_control constant text := '[\x01-\x1f\x7f-\x9f\u2028\u2029]';
    v_id bigint;
begin
    perform kongflow.durable();
    perform kongflow.require(task is not null and length(task) <= 128 and task ~ '^[A-Za-z][A-Za-z0-9_.:-]*$',
        format('%L is no name of a task: 1 to 128 letters, digits and _ . : -, a letter first', left(task, 128)));
    perform kongflow.require(jsonb_typeof(payload) = 'object',
        format('the payload is a JSON object, not %s', jsonb_typeof(payload)));
    perform kongflow.require(octet_length(payload::text) <= 1048576,
        format('the payload is %s bytes of JSON; at most 1048576 (1 MiB) are stored', octet_length(payload::text)));
    perform kongflow.require(length(queue) between 1 and 128,
        format('a queue name has 1 to 128 characters, this one has %s', length(queue)));
    perform kongflow.require(queue = btrim(queue), format('the queue name %L begins or ends with a space', queue));
    perform kongflow.require(queue !~ v_control and strpos(queue, '*') = 0,
        format('the queue name %L holds a control character or "*"', queue));
    perform kongflow.require(run_at is null or delay is null, 'give run_at or delay, not both');
    perform kongflow.require(isfinite(run_at) and isfinite(delay),
        'run_at and delay are finite; leave them out for a job that may start at once');
    perform kongflow.require(delay between interval '-36500 days' and interval '36500 days',
        format('a delay of %s is not within a hundred years', delay));
    -- As in Python, a delay below 0 is none: the job goes before nobody who waits already.
    v_start := coalesce(run_at, v_now + nullif(greatest(delay, interval '0'), interval '0'));
    perform kongflow.require(v_start <= v_now + interval '36500 days',
        format('%s is more than a hundred years away', v_start));
    perform kongflow.require(priority between -32768 and 32767,
        format('a priority is -32768 to 32767, not %s', priority));
    perform kongflow.require(max_attempts between 1 and 32767,
        format('max_attempts is 1 to 32767, not %s', max_attempts));
    perform kongflow.require(length(job_key) between 1 and 512,
        format('a job key has 1 to 512 characters, this one has %s', length(job_key)));
    perform kongflow.require(job_key !~ v_control, format('the job key %L holds a control character', job_key));
    perform kongflow.require(job_key_mode in ('replace', 'preserve_run_at', 'unsafe_dedupe'),
        format('job_key_mode is one of replace, preserve_run_at, unsafe_dedupe, not %L', job_key_mode));
    perform kongflow.require_labels('flags', flags);
    perform kongflow.require_labels('tags', tags);
    insert into kongflow.job (task, payload, queue, run_at, priority, max_attempts, job_key, job_key_mode, flags, tags)
    values (task, coalesce(payload, '{}')::json, queue, case when v_start < 'epoch' then 'epoch' else v_start end,
        priority, max_attempts, job_key, job_key_mode, flags, tags)
    returning id into v_id;
    return v_id;
end
$$
