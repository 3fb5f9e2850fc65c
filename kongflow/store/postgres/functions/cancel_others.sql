-- Purpose: cancel the jobs of a schedule that a slot does not run beside, or ask for it, up to a hundred. One that
-- somebody's transaction holds for longer than `lock_timeout` is not cancelled: the slot waits for its end. Caller:
-- decide_slot. Locks: the jobs, for which it waits; those that wait for a retry, without waiting.
create or replace function kongflow.cancel_others(p_schedule text, p_shift interval) returns void
language plpgsql as $$
declare
    v_id bigint;
begin
    foreach v_id in array kongflow.unfinished_but(p_schedule, kongflow.waiting_for_retry(p_schedule), true) loop
        begin
            perform kongflow.cancel(v_id, p_shift);
        exception
            when lock_not_available then
                return;
        end;
    end loop;
end
$$
