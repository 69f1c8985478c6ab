-- Months are made by the loader for what it is about to write. There is no default partition:
-- it would swallow rows of a missing month and then forbid making that month.
--
-- "create table … partition of" would lock out all readers and writers of the parent; a table made
-- beside it and then attached takes only a lock that reads and writes pass.

create function market.ensure_month_partitions(parent text, times timestamptz[])
returns integer
language plpgsql
-- Month arithmetic on timestamptz follows the session's zone.
set timezone = 'UTC'
set search_path = pg_catalog, pg_temp
as $$
declare
  month_start timestamptz;
  child text;
  made integer := 0;
  locked boolean := false;
begin
  if parent not in ('candles', 'raw_payloads') then
    raise exception 'market.% is not partitioned by month', parent;
  end if;
  for month_start in
    select distinct date_trunc('month', t) as m from unnest(times) as t order by m
  loop
    child := format('%s_%s', parent, to_char(month_start, 'YYYY_MM'));
    continue when market.is_attached_partition(child);
    if not locked then
      -- One lock for all months: two makers with overlapping lists cannot wait for each other.
      perform pg_advisory_xact_lock(hashtextextended('market.' || parent, 0));
      locked := true;
      continue when market.is_attached_partition(child);
    end if;
    execute format(
      'create table market.%I (like market.%I including all excluding identity)', child, parent);
    execute format(
      'alter table market.%I attach partition market.%I for values from (%L) to (%L)',
      parent, child, month_start, month_start + interval '1 month');
    made := made + 1;
  end loop;
  return made;
end
$$;

create function market.is_attached_partition(child text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select c.relispartition
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = 'market' and c.relname = child
  ), false)
$$;

revoke execute on function market.ensure_month_partitions(text, timestamptz[]) from public;
revoke execute on function market.is_attached_partition(text) from public;
