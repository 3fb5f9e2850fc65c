-- Purpose: note that a newer job of a key came while an older one runs. Caller: insert with a key, route.
-- Locks: nothing beyond the transaction; the running row is not touched.
insert into kongflow_newest (key, id) values (:key, :id) on conflict (key) do update set id = max(id, excluded.id)
