-- Purpose: refuse an option that cannot be meant, in words; one that was not given (null) passes. Caller: enqueue.
-- Locks: nothing.
create or replace function kongflow.require(p_holds boolean, p_problem text) returns void
language plpgsql immutable as $$
begin
    if not p_holds then
        raise exception 'kongflow.enqueue: %', p_problem using errcode = 'invalid_parameter_value';
    end if;
end
$$
