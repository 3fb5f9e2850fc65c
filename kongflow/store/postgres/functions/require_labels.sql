-- Purpose: refuse flags or tags that cannot be meant; null passes. Caller: enqueue. Locks: nothing.
create or replace function kongflow.require_labels(p_noun text, p_labels text[]) returns void
language plpgsql immutable as $$
declare
    v_label text;
begin
    perform kongflow.require(cardinality(p_labels) <= 32, format('a job has at most 32 %s, this one has %s', p_noun,
        cardinality(p_labels)));
    foreach v_label in array coalesce(p_labels, '{}') loop
        perform kongflow.require(v_label is not null, format('one of the %s is null', p_noun));
        perform kongflow.require(length(v_label) between 1 and 128,
            format('each of the %s has 1 to 128 characters, one here has %s', p_noun, length(v_label)));
        perform kongflow.require(v_label !~ '[\x01-\x1f\x7f-\x9f\u2028\u2029]',
            format('one of the %s holds a control character', p_noun));
    end loop;
end
$$
