/**
 * What is wrong with change capture, by one look. In: a look, the server that is known. Out: findings,
 * each with how long it may last before it is an alarm. Pure; time is somebody else's. The state that
 * Connect tells is not trusted alone: on a lost slot Debezium is RUNNING for half an hour and reads nothing.
 */
import { lsnText } from '#core/lsn.ts';
import type { KnownSource } from './known-sources.ts';
import type { ConnectLook, Look, PostgresLook, Slot, Source } from './look.ts';

export const ALARM_KINDS = [
  'postgres_silent',
  'connect_silent',
  'source_changed',
  'source_older',
  'slot_lost',
  'slot_missing',
  'slot_ahead',
  'slot_idle',
  'slot_running_out',
  'changes_lost',
  'connector_failed',
] as const;
export type AlarmKind = (typeof ALARM_KINDS)[number];

export interface Finding {
  readonly kind: AlarmKind;
  /** What is the case, with its values. */
  readonly what: string;
  readonly advice: string;
  /** It is an alarm once it has lasted so long, ms. */
  readonly graceMs: number;
}

/** Together with the time between two looks and their longest answer below the promised 60 s. */
const PATIENCE_MS = 30_000;
/** A slot may be made between the two halves of a look, so that it is looked at twice. */
const TWICE_MS = 1;

const RECOVER =
  '"npm run wick -- connector recover --yes" makes a new slot and sends all candles once more; then "npm run wick -- reconcile"';
const NEW_SOURCE =
  'if this is the Postgres that is meant, "npm run wick -- epoch begin --yes" takes it on, see docs/cdc-operations.md; else point DB_HOST back';

/** @param known the server that changes were captured from so far; null where none is known. */
export function judge(look: Look, known: KnownSource | null): readonly Finding[] {
  const { postgres, connect } = look;
  return [
    ...(postgres === null ? [silent('postgres_silent', 'Postgres', 'DB_HOST and its log')] : []),
    ...(connect === null
      ? [silent('connect_silent', 'Kafka Connect', 'CONNECT_URL and its log')]
      : []),
    ...(postgres === null ? [] : judgeSource(postgres.source, connect, known)),
    ...(postgres === null ? [] : judgeSlot(postgres, connect)),
    ...judgeLosses(known),
    ...(connect === null ? [] : judgeConnector(connect)),
  ];
}

/** What was lost stays lost, though Debezium may read on behind it as if nothing had been. */
function judgeLosses(known: KnownSource | null): Finding[] {
  if (known === null || known.lostAt <= known.recoveredAt) return [];
  return [
    {
      kind: 'changes_lost',
      what: `changes were lost, found at ${new Date(known.lostAt).toISOString()}, and not sent again since`,
      advice: RECOVER,
      graceMs: 0,
    },
  ];
}

/** Restarting a task is of no use while one of these stands. */
export function isBeyondRestart({ kind }: Finding): boolean {
  return kind.startsWith('source_') || SLOT_BROKEN.has(kind);
}

/** Changes are gone that only sending all rows once more brings back; to be remembered as such. */
export function losesChanges({ kind }: Pick<Finding, 'kind'>): boolean {
  return SLOT_BROKEN.has(kind);
}

const SLOT_BROKEN = new Set<AlarmKind>(['slot_lost', 'slot_missing', 'slot_ahead']);

function silent(kind: AlarmKind, store: string, where: string): Finding {
  return {
    kind,
    what: `${store} does not answer`,
    advice: `look at ${where}`,
    graceMs: PATIENCE_MS,
  };
}

/** Rows of a server that is behind the one before would lose against older ones, silently. */
export function judgeSource(
  source: Source,
  connect: ConnectLook | null,
  known: Source | null,
): Finding[] {
  const findings: Finding[] = [];
  if (
    known !== null &&
    (known.systemIdentifier !== source.systemIdentifier || known.timeline !== source.timeline)
  ) {
    findings.push({
      kind: 'source_changed',
      what: `Postgres is system ${name(source)}, changes were captured from ${name(known)}`,
      advice: NEW_SOURCE,
      graceMs: 0,
    });
  }
  const reached = greatest(known?.lsn, connect?.stored?.lsn);
  if (reached !== null && source.lsn < reached) {
    findings.push({
      kind: 'source_older',
      what: `the WAL of Postgres ends at ${lsnText(source.lsn)} and was at ${lsnText(reached)} before: what is written now would rank below what is stored`,
      advice: NEW_SOURCE,
      graceMs: 0,
    });
  }
  return findings;
}

function name({ systemIdentifier, timeline }: Source): string {
  return `${systemIdentifier}, timeline ${timeline}`;
}

function greatest(...lsns: readonly (bigint | undefined)[]): bigint | null {
  let found: bigint | null = null;
  for (const lsn of lsns) if (lsn !== undefined && (found === null || lsn > found)) found = lsn;
  return found;
}

function judgeSlot({ slot }: PostgresLook, connect: ConnectLook | null): Finding[] {
  if (slot === null) return judgeAbsence(connect);
  if (slot.lost !== null) {
    return [
      {
        kind: 'slot_lost',
        what: `Postgres gave the slot up (${slot.lost}): changes that nobody had read are lost`,
        advice: RECOVER,
        graceMs: 0,
      },
    ];
  }
  return [...judgePlace(slot, connect), ...judgeReader(slot), ...judgeRoom(slot)];
}

function judgeAbsence(connect: ConnectLook | null): Finding[] {
  if (connect === null || connect.connector.connector === 'absent') return [];
  const hasPlace = connect.stored !== null;
  return [
    {
      kind: 'slot_missing',
      what: hasPlace
        ? `the slot is gone, with all changes behind ${lsnText(connect.stored?.lsn ?? 0n)}`
        : 'the connector is registered and has no slot',
      advice: hasPlace ? RECOVER : 'see the log of Kafka Connect',
      // A connector that begins makes its slot first and stores a place later.
      graceMs: hasPlace ? TWICE_MS : PATIENCE_MS,
    },
  ];
}

function judgePlace(slot: Slot, connect: ConnectLook | null): Finding[] {
  const stored = connect?.stored ?? null;
  // The rows of a first snapshot lie where it was taken, which may be before the place of its own slot.
  if (stored === null || stored.isSnapshot || !stored.isCommitted) return [];
  if (slot.confirmedLsn === null || slot.confirmedLsn <= stored.lsn) return [];
  return [
    {
      kind: 'slot_ahead',
      what: `the slot stands at ${lsnText(slot.confirmedLsn)}, but only what lies before ${lsnText(stored.lsn)} reached Kafka: somebody moved it on, or made it anew`,
      advice: RECOVER,
      // At once: when Debezium has read on, nothing of it is to be seen any more.
      graceMs: 0,
    },
  ];
}

function judgeReader(slot: Slot): Finding[] {
  if (slot.active) return [];
  return [
    {
      kind: 'slot_idle',
      what: `nobody reads the slot, ${mib(slot.lagBytes)} MiB of WAL wait`,
      advice:
        'see "npm run wick -- connector status" and the log of Kafka Connect; WAL is kept until it is read',
      graceMs: PATIENCE_MS,
    },
  ];
}

/** More than half of what Postgres keeps for it is used: a long transaction, or a reader that is too slow. */
function judgeRoom({ safeBytes, retainedBytes }: Slot): Finding[] {
  if (safeBytes === null || safeBytes > retainedBytes) return [];
  return [
    {
      kind: 'slot_running_out',
      what: `${mib(retainedBytes)} MiB of WAL are kept for the slot, and after ${mib(safeBytes)} MiB more it is lost`,
      advice:
        'end what holds it: a transaction that has been open for long (pg_stat_activity), or a connector that does not read; or raise max_slot_wal_keep_size',
      graceMs: 0,
    },
  ];
}

function mib(bytes: number): string {
  return (Math.max(0, bytes) / 1_048_576).toFixed(1);
}

function judgeConnector({ connector: { connector, tasks, failure } }: ConnectLook): Finding[] {
  if (![connector, ...tasks].includes('FAILED')) return [];
  return [
    {
      kind: 'connector_failed',
      what: `the connector failed: ${failure ?? 'no reason given'}`,
      advice:
        'it is restarted by itself; if it fails again and again, see the log of Kafka Connect',
      graceMs: PATIENCE_MS,
    },
  ];
}
