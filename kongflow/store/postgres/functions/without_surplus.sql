-- Purpose: leave out of the picked jobs suspects beyond the number that may run, which stay as they are, and jobs that
-- a newer one of their key has superseded, which end here. Caller: claim. Locks: older jobs of the keys, without
-- waiting.
create or replace function kongflow.without_surplus(
    p_picked kongflow.picked_job[], p_suspects integer, p_terms jsonb, p_now timestamptz
) returns kongflow.picked_job[]
language plpgsql as $$
declare
    v_left kongflow.picked_job[] := p_picked;
    v_note kongflow.newest;
begin
    if exists (select from unnest(p_picked) where crashes > 0) then
        v_left := array(
            select counted.job
            from (
                select p::kongflow.picked_job as job, p.n, suspect,
                    count(*) filter (where suspect) over (order by p.n) as suspects
                from unnest(p_picked) as p, kongflow.is_suspect(p_terms, p.task, p.crashes) as suspect
            ) as counted
            where not suspect or suspects <= p_suspects
            order by n
        );
    end if;
    for v_note in
        select * from kongflow.newest
        where key in (select coalesce(job_key, claimed_key) from unnest(v_left))
    loop
        perform kongflow.end_older(v_note.key, v_note.id, p_now);
        v_left := array(
            select p::kongflow.picked_job from unnest(v_left) as p
            where p.claimed_key is distinct from v_note.key or p.id >= v_note.id
            order by n
        );
    end loop;
    return v_left;
end
$$
