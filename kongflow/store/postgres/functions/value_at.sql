-- Purpose: return the value at a path of a JSON document; null where there is none, and for a document that no jsonb
-- can hold (a NUL in a text, a number without end: plain SQL can add such), so that one row never breaks a list.
-- Caller: list_jobs, count_jobs with a filter. Locks: nothing.
create or replace function kongflow.value_at(p_document json, p_path text[]) returns jsonb
language plpgsql immutable strict as $$
begin
    return p_document::jsonb #> p_path;
exception
    when others then
        return null;
end
$$
