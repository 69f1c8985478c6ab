/** Gap and funding rows as ClickHouse will read them, out of captured changes. */
import { describe, expect, test } from 'vitest';
import type { FundingChange, GapChange } from '#core/contracts/ledger-change.ts';
import { decodeCandleMessage } from '../../connectors/index.ts';
import { readNative } from '../../tests/support/binary-reader.ts';
import { captured } from '../../tests/support/captured-messages.ts';
import { LedgerRows } from './ledger-rows.ts';

function taken(rows: LedgerRows) {
  const { gaps, fundingRates } = rows.take();
  return { gaps: readNative(gaps).rows, fundingRates: readNative(fundingRates).rows };
}

function gapChange(name: string): GapChange {
  const decoded = decodeCandleMessage(captured(name));
  if (decoded.kind !== 'gap') throw new Error(`"${name}" is no gap`);
  return decoded.change;
}

function fundingChange(name: string): FundingChange {
  const decoded = decodeCandleMessage(captured(name));
  if (decoded.kind !== 'funding') throw new Error(`"${name}" is no funding payment`);
  return decoded.change;
}

describe('what travels with the candles', () => {
  const place = { exchange: 'binance-futures', market_type: 'perp', symbol: 'SOL/USDT' };
  const from = String(Date.parse('2025-06-01T00:05:00Z'));

  test('becomes a row of its own table', () => {
    const rows = new LedgerRows();
    rows.addGap(gapChange('gap, update'));
    rows.addFunding(fundingChange('funding, insert'));
    expect(rows.rows).toBe(1);
    const { gaps, fundingRates } = taken(rows);
    expect(gaps).toEqual([
      {
        ...place,
        interval: '1m',
        gap_from: from,
        gap_to: String(Date.parse('2025-06-01T04:05:00Z')),
        candles: '240',
        cause: 'venue_empty',
        attempts: '2',
        empty_answers: '2',
        first_seen_at: String(Date.parse('2025-06-01T05:00:00.123Z')),
        last_checked_at: String(Date.parse('2025-06-01T05:00:01Z')),
        resolved_at: String(Date.parse('2025-06-01T06:00:00Z')),
        detail: 'asked 2 times',
        last_run_id: '9007199254740991',
        version: String((33897712n << 64n) + 33897712n),
        is_deleted: '0',
      },
    ]);
    expect(fundingRates).toMatchObject([
      {
        ...place,
        interval: '8h',
        rate: '-0.000012345678901234',
        mark_price: '104500.5',
        premium: null,
        ingest_run_id: '7',
        raw_id: '17',
        is_deleted: '0',
      },
    ]);
    expect(rows.rows).toBe(0);
    expect(Object.values(taken(rows)).flat()).toEqual([]);
  });

  test('and is deleted keeps its key alone', () => {
    const rows = new LedgerRows();
    rows.addGap(gapChange('gap, delete'));
    rows.addFunding(fundingChange('funding, delete'));
    const { gaps, fundingRates } = taken(rows);
    expect(gaps).toMatchObject([{ ...place, gap_from: from, candles: '0', is_deleted: '1' }]);
    expect(fundingRates).toMatchObject([{ ...place, interval: '8h', rate: '0', is_deleted: '1' }]);
  });
});
