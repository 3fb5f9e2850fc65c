-- Purpose: read one unrouted job for which a read of many was refused; where it is to blame (a damaged payload, say),
-- its id and task alone, and why. Caller: unrouted_alone. Locks: nothing.
create or replace function kongflow.read_unrouted(p_id bigint) returns table (
    id bigint, task text, payload text, run_at timestamptz, queue text, priority smallint, max_attempts integer,
    job_key text, job_key_mode text, flags text[], tags text[], was_rendered boolean, refused text
)
language plpgsql stable as $$
begin
    select j.id, j.task, j.payload::text, j.run_at, j.queue, j.priority, j.max_attempts, j.job_key, j.job_key_mode,
        j.flags, j.tags, j.ready_at is not null
    into id, task, payload, run_at, queue, priority, max_attempts, job_key, job_key_mode, flags, tags, was_rendered
    from kongflow.job j where j.id = p_id;
    perform flags::text, tags::text;
    return next;
exception
    when others then
        return query
        select j.id, j.task, '', null::timestamptz, null::text, null::smallint, null::integer, null::text, null::text,
            null::text[], null::text[], false, sqlerrm
        from kongflow.job j where j.id = p_id;
end
$$
