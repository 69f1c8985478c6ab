/**
 * Rows of both stores, told by bucket: how many, and the sums of the halves of their hashes. In: the
 * buckets of each side. Out: those that differ, in words. Equal count and equal sums are equal rows.
 */

export interface Bucket {
  /** A series, and a UTC day where it is held by days. */
  readonly bucket: string;
  readonly rows: string;
  /** Sums of the 64-bit halves of the rows' MD5, as text. */
  readonly high: string;
  readonly low: string;
}

export interface Mismatch {
  readonly bucket: string;
  readonly what: string;
}

/** @param noun of the rows, in the plural. */
export function compareBuckets(
  postgres: readonly Bucket[],
  clickhouse: readonly Bucket[],
  noun: string,
): Mismatch[] {
  const ours = new Map(postgres.map((row) => [row.bucket, row]));
  const theirs = new Map(clickhouse.map((row) => [row.bucket, row]));
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((bucket) => {
    const what = difference(ours.get(bucket), theirs.get(bucket), noun);
    return what === null ? [] : [{ bucket, what }];
  });
}

function difference(
  postgres: Bucket | undefined,
  clickhouse: Bucket | undefined,
  noun: string,
): string | null {
  const [ours, theirs] = [postgres?.rows ?? '0', clickhouse?.rows ?? '0'];
  if (ours !== theirs) return `${ours} ${noun} in Postgres, ${theirs} in ClickHouse`;
  if (postgres?.high !== clickhouse?.high || postgres?.low !== clickhouse?.low) {
    return `${ours} ${noun} on both sides, but not with the same values`;
  }
  return null;
}
