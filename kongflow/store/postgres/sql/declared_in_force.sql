-- Purpose: read what the config in force declares; no row before any has come. Caller: Inspection.declared.
-- Locks: nothing.
select c.hash, c.declared from kongflow.meta m join kongflow.config c on c.hash = m.value where m.name = 'in_force'
