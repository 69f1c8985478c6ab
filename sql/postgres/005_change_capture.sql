-- What leaves Postgres. The publication is made here and nowhere else (the connector has no right
-- to): rows of partitions appear under their parent, and truncate, which has no key and no place
-- in any partition's order, is not published.

-- Written by the connector's heartbeat query, so that a quiet market still confirms WAL.
create table market.heartbeat (
  id smallint primary key check (id = 1),
  beat_at timestamptz not null
);
insert into market.heartbeat (id, beat_at) values (1, now());

-- Debezium's signal table: column names, order and widths are its contract.
create table market.cdc_signal (
  id varchar(42) primary key,
  type varchar(32) not null,
  data varchar(2048)
);

create publication wickstream
  for table market.candles, market.heartbeat, market.cdc_signal
  with (publish = 'insert, update, delete', publish_via_partition_root = true);
