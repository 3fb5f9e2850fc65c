-- Purpose: return a job whose outcome will stay readable for 10 minutes after its end, because somebody waits for it.
-- It writes only the first time. Caller: await_outcome. Locks: the job, the first time, and the roster, shared, so that
-- no claim passes the job meanwhile; both without waiting: who waits comes again.
create or replace function kongflow.await_outcome(p_id bigint) returns setof kongflow.job_row
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_state integer;
    v_queue text;
begin
    if exists (select from kongflow.job where id = p_id and not awaited) then
        perform pg_try_advisory_xact_lock_shared(1262898255, 'kongflow.runner'::regclass::oid::integer);
        update kongflow.job set awaited = true
        where id = (select id from kongflow.job where id = p_id and not awaited for update skip locked)
        returning state, queue into v_state, v_queue;
    end if;
    if v_state = 3 then
        -- A slot may have been freed meanwhile, which passed the job because it was locked.
        insert into kongflow.lane_check (lane) values (v_queue);
    end if;
    perform from kongflow.job where id = p_id;
    if not found then
        -- To look first is cheaper than an update that finds nothing in every partition.
        if exists (select from kongflow.history where id = p_id and purge_at < finished_at + interval '10 minutes') then
            update kongflow.history set purge_at = finished_at + interval '10 minutes'
            where id = p_id and purge_at < finished_at + interval '10 minutes';
        end if;
    end if;
    return query select * from kongflow.job_row where id = p_id;
end
$$
