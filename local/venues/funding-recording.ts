/**
 * Recorded funding rates of one perpetual. In: the bytes of a CSV with the header
 * `timestamp_ms,rate,mark_price,premium`. Out: its rows in memory, cells verbatim, an empty cell as
 * null. The time column must be sound, else the file is refused with the line.
 */
import { isEpochMs, type EpochMs } from '#core/time.ts';
import type { VenueId } from './venue-id.ts';

export const FUNDING_HEADER = 'timestamp_ms,rate,mark_price,premium';

/** Most rows of one file: over a century of hourly payments. */
const ROWS_MAX = 1_000_000;
const COLUMNS = 4;

export interface FundingRow {
  /** When it was paid, as the venue said it. */
  readonly time: EpochMs;
  readonly rate: string;
  readonly markPrice: string | null;
  readonly premium: string | null;
}

export interface FundingRecording {
  readonly venue: VenueId;
  /** Path within the folder of recordings. */
  readonly file: string;
  readonly base: string;
  readonly quote: string;
  readonly venueSymbol: string;
  /** At least one, ascending in time. */
  readonly rows: readonly FundingRow[];
}

export type FundingRowsResult =
  | { readonly ok: true; readonly rows: readonly FundingRow[] }
  | { readonly ok: false; readonly reason: string };

export function parseFundingRows(text: Buffer): FundingRowsResult {
  const [header = '', ...lines] = text.toString('utf8').trimEnd().split(/\r?\n/);
  if (header !== FUNDING_HEADER) {
    return refuse(1, `header "${header.slice(0, 60)}" instead of "${FUNDING_HEADER}"`);
  }
  if (lines.length === 0) return { ok: false, reason: 'no funding rates below the header' };
  if (lines.length > ROWS_MAX) return refuse(ROWS_MAX + 2, `more than ${ROWS_MAX} rows`);
  const rows: FundingRow[] = [];
  for (const [index, line] of lines.entries()) {
    const cells = line.split(',');
    if (cells.length !== COLUMNS) {
      return refuse(index + 2, `${cells.length} columns instead of ${COLUMNS}`);
    }
    const [stamp = '', rate = '', markPrice = '', premium = ''] = cells;
    const time = /^\d{1,15}$/.test(stamp) ? Number(stamp) : Number.NaN;
    if (!isEpochMs(time)) return refuse(index + 2, `timestamp "${stamp.slice(0, 60)}" is no time`);
    if (time <= (rows.at(-1)?.time ?? 0)) {
      return refuse(index + 2, `timestamp ${time} is not later than the line before`);
    }
    rows.push({ time, rate, markPrice: textOrNull(markPrice), premium: textOrNull(premium) });
  }
  return { ok: true, rows };
}

function textOrNull(cell: string): string | null {
  return cell === '' ? null : cell;
}

function refuse(line: number, what: string): FundingRowsResult {
  return { ok: false, reason: `line ${line}: ${what}` };
}
