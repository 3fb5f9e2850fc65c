-- Purpose: lease up to `p_limit` jobs to a runner, best first; at most `p_suspects` of them are jobs that their next
-- crash would fail. One round: jobs that find no free slot of their queue are blocked. The last row has no job and says
-- how things stand; `more`: there was something to put right first, or more may be claimed now. `p_first`: the first
-- round of a call; `p_after`: where it looks for queues by name, as the last claim has `reached`. Caller: claim.
-- Locks: the roster, shared; the runner, where its last renewal is not fresh; jobs, without waiting; then the lanes of
-- their queues, in the order of the names.
create or replace function kongflow.claim(
    p_runner bigint, p_limit integer, p_suspects integer, p_first boolean, p_after text[], p_shift interval
) returns setof kongflow.claimed_job
language plpgsql as $$
declare
    v_now timestamptz := clock_timestamp() + p_shift;
    v_runner kongflow.runner;
    v_picked kongflow.picked_job[];
    v_done integer;
    v_found integer;
    v_taken kongflow.taken_slots;
    v_more boolean := false;
    v_reached text[];
    v_stand kongflow.claimed_job;
begin
    perform kongflow.durable();
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
    -- The first round makes a bounded number of jobs ready that are due, and puts a bounded number of noted lanes
    -- right. Jobs are claimed by the next: lanes must be locked in one pass, nobody should wait until a hundred
    -- thousand jobs or lanes are right, and what is ready must be seen by all who claim before one of them takes worse
    -- ones.
    if p_first then
        v_done := kongflow.promote_due(v_now);
        if exists (select from kongflow.lane_check) or exists (select from kongflow.lane where refill_at <= v_now) then
            v_done := v_done + kongflow.put_right(100, v_now);
        end if;
        if v_done > 0 then
            return next kongflow.how_things_stand(true, null, v_now);
            return;
        end if;
    end if;
    if v_runner.by_kind or v_runner.serves is not null then
        select picked, not exhausted, reached into v_picked, v_more, v_reached
        from kongflow.pick_by_kind(v_runner, p_limit, p_suspects, p_after);
    else
        v_picked := kongflow.pick(v_runner, p_limit, p_suspects);
    end if;
    v_found := coalesce(cardinality(v_picked), 0);
    if v_found > 0 then
        v_taken := kongflow.take_slots(
            kongflow.without_surplus(v_picked, p_suspects, v_runner.terms, v_now), v_runner, p_shift
        );
        return query select * from kongflow.lease_jobs(v_taken.ids, p_runner, v_now);
    end if;
    v_more := v_more and v_found > 0 or coalesce(cardinality(v_taken.ids), 0) < v_found;
    if not v_more and v_found < p_limit then
        v_stand := kongflow.how_things_stand(false, v_runner, v_now);
        if kongflow.look_by_kind(p_runner, p_suspects) then
            -- Jobs of its own are ready, and it did not get them: somebody has locked them, most likely for a moment.
            v_stand.next_due := least(v_stand.next_due, 0.1);
        end if;
        if kongflow.is_behind(v_now) then
            v_stand.next_due := 0;
        end if;
    else
        v_stand := kongflow.how_things_stand(v_more, null, v_now);
        v_stand.contended := v_taken.contended;
    end if;
    v_stand.reached := v_reached;
    return next v_stand;
end
$$
