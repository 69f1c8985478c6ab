-- The Postgres servers that changes were captured from, and how far their WAL was seen to reach. Versions
-- are places in the WAL, so a server that stands before such a place must not be captured from. Kept here,
-- since a restored Postgres brings back its own memory.
create table if not exists change_sources (
  -- Made by initdb; a backup has that of the server it was taken from.
  system_identifier String,
  timeline UInt32,
  lsn UInt64,
  seen_at DateTime64(3, 'UTC'),
  -- When somebody last had all rows sent once more: what was lost before is made good.
  recovered_at DateTime64(3, 'UTC')
)
engine = ReplacingMergeTree(seen_at)
order by (system_identifier, timeline)
settings fsync_after_insert = 1, fsync_part_directory = 1;
