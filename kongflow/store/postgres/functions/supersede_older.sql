-- Purpose: make older jobs of a key that were claimed before give way to the newest: those that wait end at once, for
-- those that run or are locked it is noted; so also where a user's transaction cannot see all that was committed
-- before. Caller: add_keyed, route_job. Locks: the waiting jobs, without waiting; the note of the key.
create or replace function kongflow.supersede_older(p_key text, p_newest bigint, p_now timestamptz) returns void
language plpgsql as $$
begin
    perform kongflow.end_older(p_key, p_newest, p_now);
    if current_setting('transaction_isolation') <> 'read committed'
        or exists (select from kongflow.job where claimed_key = p_key and id + 0 < p_newest)
    then
        insert into kongflow.newest as n (key, id) values (p_key, p_newest)
        on conflict (key) do update set id = greatest(n.id, excluded.id);
    end if;
end
$$
