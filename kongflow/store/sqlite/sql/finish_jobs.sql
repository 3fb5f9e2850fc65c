-- Purpose: take many jobs that succeeded out of the live ones, each only if one of these leases is its own; tokens are
-- never given twice. Caller: settle. Locks: nothing beyond the transaction.
delete from kongflow_job
where id in (select value from json_each(:ids)) and lease in (select value from json_each(:leases)) and state = 4
returning lease, queue, claimed_key
