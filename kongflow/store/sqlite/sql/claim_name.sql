-- Purpose: claim the tables for a deployment, once. Caller: check_name. Locks: nothing beyond the transaction.
insert into kongflow_meta (name, value) values ('name', :name) on conflict (name) do nothing
