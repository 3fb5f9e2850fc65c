-- Purpose: delete configs that no runner has, but the last that came. Caller: prune.
-- Locks: nothing beyond the transaction.
delete from kongflow_config
where came < (select max(came) from kongflow_config)
    and not exists (select 1 from kongflow_runner r where r.config = kongflow_config.hash)
