-- Purpose: delete a job that is not running: true; false where it runs, null where there is none. Caller: delete.
-- Locks: the job, for which it waits.
create or replace function kongflow.delete(p_id bigint) returns boolean
language plpgsql as $$
declare
    v_job record;
begin
    perform kongflow.durable();
    select state, queue, lane, claimed_key into v_job from kongflow.job where id = p_id for update;
    if not found then
        delete from kongflow.history where id = p_id;
        return case when found then true end;
    end if;
    if v_job.state = 4 then
        return false;
    end if;
    delete from kongflow.job where id = p_id;
    if v_job.state = 2 and v_job.queue is not null or v_job.lane <> v_job.queue then
        insert into kongflow.lane_check (lane) values (v_job.queue);
    end if;
    if v_job.claimed_key is not null then
        perform kongflow.forget_newest(array[v_job.claimed_key]);
    end if;
    return true;
end
$$
