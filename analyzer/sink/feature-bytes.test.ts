/** The hand-written bytes against the library: for any row they are the same. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { avroType } from '../../connectors/contracts/contract.ts';
import { framed } from '../../connectors/contracts/wire.ts';
import { decimal } from '#core/decimal.ts';
import { endOf, INTERVALS } from '#core/interval.ts';
import { epochMs } from '#core/time.ts';
import { TRIAL_PRODUCER } from '../../tests/support/analyse.ts';
import { TEST_SERIES, testCandle } from '../../tests/support/candles.ts';
import { SYNTHETIC_CONTRACTS } from '../../tests/support/told-decisions.ts';
import type { DerivedRow } from '../series-state.ts';
import { FeatureBytes } from './feature-bytes.ts';

const { schemaId, text } = SYNTHETIC_CONTRACTS['features.v1'];
const TYPE = avroType(text);
const NAMES = ['sma_20', 'a', 'Ω_ﻕ'];

const anyTime = fc.integer({ min: 631_152_000_000, max: 4_102_444_799_000 }).map(epochMs);
const anyVersion = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
const anyPrice = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 20n - 1n }), fc.bigInt({ min: 1n, max: 10n ** 18n - 1n }))
  .map(([whole, part]) => decimal(`${whole}.${String(part).padStart(18, '0')}`));
const anySeries = fc.record({
  symbol: fc.constantFrom('BTC/USDT', 'kPEPE/USDC', 'Ω/ﻕ'),
  interval: fc.constantFrom(...INTERVALS),
});
const anyValue = fc.oneof(fc.double(), fc.constant(NaN), fc.constantFrom(0, -0, Infinity));
const anyRow = fc
  .record({
    openTime: anyTime,
    close: anyPrice,
    observedAt: anyTime,
    revision: fc.nat({ max: 2 ** 31 - 1 }),
    candleVersion: anyVersion,
    version: anyVersion,
    vector: fc.array(anyValue, { minLength: 3, maxLength: 3 }),
    status: fc.constantFrom('warming' as const, 'active' as const),
    isDeleted: fc.boolean(),
  })
  .map(({ openTime, candleVersion, version, ...of }): DerivedRow => {
    const { source, openTime: _, observedAt: __, ...values } = testCandle({ close: of.close });
    const { revision, observedAt, status } = of;
    const signal = {
      decision: null,
      ruleScore: null,
      mlProb: null,
      finalScore: null,
      scoreBasis: null,
    };
    const vector = Float64Array.from(of.vector);
    return {
      openTime,
      candleVersion,
      version,
      evaluation: of.isDeleted ? null : { status, vector, signal, fired: [] },
      candle: of.isDeleted
        ? null
        : { openTime, values, revision, observedAt, source, version: candleVersion },
      before: null,
    };
  });

test('any row has the bytes that the library makes of it', () => {
  const bytes = new FeatureBytes(TRIAL_PRODUCER, NAMES, schemaId);
  fc.assert(
    fc.property(anySeries, anyRow, ({ symbol, interval }, row) => {
      const series = { ...TEST_SERIES, symbol, interval };
      const { openTime, candle, evaluation } = row;
      const value = (index: number): number | null => {
        const found = evaluation?.vector[index] ?? NaN;
        return Number.isNaN(found) ? null : found;
      };
      const expected = framed(schemaId, TYPE, {
        exchange: series.exchange,
        market_type: series.marketType,
        symbol,
        interval,
        ts_event: openTime,
        ts_close: endOf(interval, openTime),
        ts_observed: candle?.observedAt ?? null,
        close: candle?.values.close ?? null,
        revision: candle?.revision ?? null,
        feature_set: 'trial',
        feature_set_version: 1,
        feature_set_hash: '00'.repeat(32),
        status: evaluation?.status ?? 'retracted',
        values:
          evaluation === null
            ? {}
            : Object.fromEntries(NAMES.map((name, index) => [name, value(index)])),
        candle_version: row.candleVersion,
        version: row.version,
      });
      expect(bytes.encode(series, row).toString('hex')).toBe(expected.toString('hex'));
    }),
    { numRuns: 2_000, seed: 20_250_601 },
  );
});
