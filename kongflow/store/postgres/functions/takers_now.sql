-- Purpose: compute who takes what from the live runners. Caller: roster_changed. Locks: nothing.
create or replace function kongflow.takers_now() returns setof kongflow.taker
language sql stable as $$
    select distinct t.task, r.forbidden_flags, r.serves, case when r.serves is null then '' else r.config end
    from kongflow.runner r cross join lateral unnest(r.tasks) as t (task)
    where r.alive
$$
