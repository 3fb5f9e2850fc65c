-- Purpose: as unrouted, each job read alone, and with the reason where that is refused. Caller: unrouted, after it was
-- refused. Locks: as unrouted.
select job.* from unnest(cast(:tasks as text[])) as tasks (name)
cross join lateral (
    select id from kongflow.job
    where state = 0 and task = tasks.name and id + 0 > cast(:after as bigint)
    order by id + 0
    limit cast(:limit as integer)
    for update skip locked
) as known
cross join lateral kongflow.read_unrouted(known.id) as job
order by job.id
limit cast(:limit as integer)
