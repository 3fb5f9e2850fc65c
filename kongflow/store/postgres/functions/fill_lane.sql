-- Purpose: make the best blocked jobs of a lane ready, beside `p_running` ones: as many as it has free slots, without
-- those that jobs hold which wait for a pattern's slot, and as its rate limit allows; and write when that is filled
-- again, where it keeps jobs waiting. Up to 4,000 at a time; the lane is noted where there may be more. Returns how
-- many it moved, and how many of them should have been ready before. Caller: normalise.
-- Locks: as promote_best; the caller has locked the lane.
create or replace function kongflow.fill_lane(
    p_limit kongflow.lane_limit, p_running integer, p_now timestamptz, out moved integer, out missed integer
)
language plpgsql as $$
declare
    v_free integer := least(greatest(p_limit.slots - p_running, 0), 1000000);
    v_tokens integer;
    v_refill_at timestamptz;
    v_may_start integer;
begin
    moved := 0;
    if p_limit.pattern is not null then
        v_free := greatest(
            v_free - (select count(*) from kongflow.job where queue = p_limit.lane and lane <> queue), 0
        );
    end if;
    if p_limit.rate_limit is not null then
        select tokens, refill_at into v_tokens, v_refill_at
        from kongflow.tokens_left(p_limit.lane, p_limit.rate_limit, p_limit.rate_per, p_now);
    end if;
    v_may_start := least(v_free, v_tokens);
    if v_may_start > 0 and kongflow.has_blocked(p_limit.lane) then
        moved := kongflow.promote_best(p_limit.lane, least(v_may_start, 2000));
    end if;
    if v_may_start > 2000 then
        moved := moved + kongflow.promote_further(
            p_limit.lane, least(v_may_start - kongflow.ready_in(p_limit.lane, v_may_start), 2000)
        );
        if moved > 0 then
            insert into kongflow.lane_check (lane) values (p_limit.lane);
        end if;
    end if;
    -- A ready job that a claim has just locked has its slot, and was passed for no more than this moment.
    missed := case
        when moved = 0 then 0
        else least(moved, greatest(v_may_start + moved - kongflow.ready_in(p_limit.lane, v_may_start + moved), 0))
    end;
    if p_limit.rate_limit is not null then
        update kongflow.lane
        set refill_at = case
            when v_tokens < v_free and kongflow.has_blocked(p_limit.lane) then v_refill_at
        end
        where name = p_limit.lane;
    end if;
end
$$
