-- Purpose: draw fencing tokens; the last of them is returned. Caller: claim. Locks: nothing beyond the transaction.
update kongflow_meta set value = value + :count where name = 'lease' returning value
