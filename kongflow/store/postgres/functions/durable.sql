-- Purpose: have this transaction wait for its commit, where the server, the database or the role says
-- `synchronous_commit = off`: what was acknowledged must not be forgotten by a crash, and a lease that was forgotten
-- would be given twice. Every other level stays as it is. Caller: what adds, leases, ends and changes jobs. Locks:
-- nothing.
create or replace function kongflow.durable() returns void
language plpgsql as $$
begin
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
end
$$
