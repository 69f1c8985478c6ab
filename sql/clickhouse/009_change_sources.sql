-- The Postgres servers that changes were captured from, and how far their WAL was seen to reach. Versions
-- are places in the WAL, so a server that stands before such a place must not be captured from. Kept here,
-- since a restored Postgres brings back its own memory. Several write it, and of each column the greatest
-- counts, so nobody takes back what another one said.
create table if not exists change_sources (
  -- Made by initdb; a backup has that of the server it was taken from.
  system_identifier String,
  timeline UInt32,
  lsn SimpleAggregateFunction(max, UInt64),
  seen_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
  -- When the watchdog last found that changes are lost.
  lost_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
  -- When somebody last had all rows sent once more: what was lost before is made good.
  recovered_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
engine = AggregatingMergeTree
order by (system_identifier, timeline)
settings fsync_after_insert = 1, fsync_part_directory = 1;
