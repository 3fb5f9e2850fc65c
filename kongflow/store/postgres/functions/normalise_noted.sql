-- Purpose: put noted queues right, up to `p_most`, and return how many there were. Caller: claim, repair.
-- Locks: the notes, without waiting; the lanes, in the order of their names.
create or replace function kongflow.normalise_noted(p_most integer) returns integer
language plpgsql as $$
declare
    v_queues text[];
begin
    with taken as (
        delete from kongflow.queue_check
        where ctid in (select ctid from kongflow.queue_check limit p_most for update skip locked)
        returning queue
    )
    select array_agg(distinct queue order by queue) into v_queues from taken;
    if v_queues is not null then
        perform kongflow.normalise(v_queues);
    end if;
    return coalesce(cardinality(v_queues), 0);
end
$$
