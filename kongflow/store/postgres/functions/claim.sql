-- Purpose: lease up to `p_limit` jobs to a runner, best first; at most `p_suspects` of them are jobs that their next crash
-- would fail. One round: jobs that find no free slot of their queue are blocked, and a row without a job says that there
-- was something to put right first, or that more may be claimed now: come again. `p_first`: the first round of a call.
-- Caller: claim.
-- Locks: the roster, shared; ready jobs, without waiting; then the lanes of their queues, in the order of the names.
create or replace function kongflow.claim(
    p_runner bigint, p_limit integer, p_suspects integer, p_first boolean, p_shift interval
) returns setof kongflow.claimed_job
language plpgsql set lock_timeout = '5s' as $$
declare
    v_now timestamptz := clock_timestamp() + p_shift;
    v_runner kongflow.runner;
    v_moved integer;
    v_found integer;
    v_picked kongflow.picked_job[];
    v_leased bigint[];
begin
    if exists (select from kongflow.runner where id = p_runner and not alive and not has_left) then
        perform kongflow.revive(p_runner, v_now);
    end if;
    perform kongflow.share_roster();
    select * into v_runner from kongflow.runner where id = p_runner and alive;
    if not found then
        return;
    end if;
    if v_runner.seen_at + v_runner.lease / 2 < v_now then
        -- What it takes now must not be called lost for what it missed before.
        update kongflow.runner set seen_at = v_now where id = p_runner;
    end if;
    v_moved := kongflow.promote_due(v_now);
    -- Noted queues are put right by a round of its own, a bounded number, and then jobs are claimed: lanes must be locked
    -- in one pass, and nobody should wait until a hundred thousand queues are right.
    if v_moved = 5000 or p_first and exists (select from kongflow.queue_check) and kongflow.normalise_noted(100) > 0 then
        return next null::kongflow.claimed_job;
        return;
    end if;
    v_picked := kongflow.pick(v_runner, p_limit, p_suspects);
    v_found := cardinality(v_picked);
    v_picked := kongflow.without_surplus(v_picked, p_suspects, v_runner.terms, v_now);
    if v_picked is null then
        return;
    end if;
    v_leased := kongflow.take_slots(v_picked, v_runner);
    return query select * from kongflow.lease_jobs(v_leased, p_runner, v_now);
    if cardinality(v_leased) < v_found then
        return next null::kongflow.claimed_job;
    end if;
end
$$
