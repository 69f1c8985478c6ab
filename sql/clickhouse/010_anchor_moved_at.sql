-- When an anchor was moved, by the clock of Postgres: proofs let alone what moved a moment ago.
alter table anchors add column if not exists moved_at DateTime64(3, 'UTC') after anchor;
