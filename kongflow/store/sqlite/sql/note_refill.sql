-- Purpose: note when a lane whose jobs wait for its rate limit must be looked at again. Caller: normalise.
-- Locks: nothing beyond the transaction.
insert into kongflow_refill (lane, refill_at) values (:lane, :refill_at)
on conflict (lane) do update set refill_at = excluded.refill_at
