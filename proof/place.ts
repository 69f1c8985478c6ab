/**
 * Which changes lie below a barrier. In: nothing. Out: conditions for ClickHouse, with the parameter
 * `lsn`. A version holds the commit before the change and the change's own record; it is the record that
 * tells: no transaction that wrote candles was open at the barrier, so a record below it was committed
 * before it. The commit in its upper half may lie below the barrier although the change does not.
 */

/** UInt128 is cut to its lower half. */
const RECORD = 'toUInt64(version)';
const COMMIT = 'toUInt64(bitShiftRight(version, 64))';
/** Changes that overlap a snapshot have this bit beside their record, see docs/decisions/016. */
const OVERLAP = 'toUInt64(9223372036854775807)';

/**
 * For `candle_revisions`. Rows of an initial snapshot stand for all up to its own LSN; those of an
 * incremental one have no record, but the end of the commit before them, which may be the barrier itself.
 */
export const IS_BELOW = `
  multiIf(${RECORD} = 0, ${COMMIT} <= {lsn:UInt64},
          lsn is null, ${RECORD} <= {lsn:UInt64},
          bitAnd(${RECORD}, ${OVERLAP}) < {lsn:UInt64})`;

/** For any version, where a row does not tell its kind: true as well for what may lie below. */
export const MAY_BE_ABOVE = `
  if(${RECORD} = 0, ${COMMIT} > {lsn:UInt64}, bitAnd(${RECORD}, ${OVERLAP}) >= {lsn:UInt64})`;
