/** What a range of days becomes, document by document, against a server of this machine. */
import { afterEach, describe, expect, test } from 'vitest';
import { zipSync } from 'fflate';
import { epochMs, type EpochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import {
  capturedBytes,
  capturedText,
  dailyOfRecent,
} from '../../../tests/support/web-documents.ts';
import { startWebServer, type Answer, type WebServer } from '../../../tests/support/web-server.ts';
import { createCnbSource } from './cnb/source.ts';
import { DAY_MS } from './day-format.ts';
import { createEcbSource } from './ecb/source.ts';
import type { WebSource } from './source.ts';
import { createWebVenue, type WebVenue } from './web-venue.ts';

const day = (year: number, month: number, date: number): EpochMs =>
  epochMs(Date.UTC(year, month - 1, date));

const open: { server: WebServer; venue: WebVenue }[] = [];
afterEach(async () => {
  for (const { server, venue } of open.splice(0)) {
    venue.close();
    await server.close();
  }
});

async function start(
  now: EpochMs,
  answer: (path: string) => Answer | undefined,
  source: (root: string) => WebSource,
): Promise<{
  server: WebServer;
  tell: (symbol: string, from: EpochMs, to: EpochMs) => Promise<Told>;
}> {
  const clock = createManualClock(now);
  const server = await startWebServer(answer, clock);
  const sleep = async (ms: number): Promise<void> => clock.set(epochMs(clock.now() + ms));
  const venue = createWebVenue(source(server.url), { clock, allowLoopback: true, sleep });
  open.push({ server, venue });
  return {
    server,
    tell: async (symbol, from, to) => {
      const told: Told = { days: [], refused: [], pages: 0 };
      for await (const page of venue.fetchCandles({ symbol, interval: '1d', from, to })) {
        told.pages += 1;
        told.days.push(...page.candles.map(({ candle }) => candle.openTime));
        told.refused.push(...page.rejects.map(({ reason }) => reason));
      }
      return told;
    },
  };
}

interface Told {
  days: EpochMs[];
  refused: string[];
  pages: number;
}

describe('a source of one day a document', () => {
  const text = capturedText('cnb-today.txt', 'text');
  const tuesday = day(2016, 4, 5);
  const bank = (answerOf: (date: string) => string, now = day(2016, 4, 8)) =>
    start(
      now,
      (path) => ({
        headers: { 'content-type': 'text/plain' },
        body: answerOf(path.replace(/.*=/, '')),
      }),
      createCnbSource,
    );

  test('that answers an earlier day has no rate for the day asked for, and tells none twice', async () => {
    const { tell } = await bank(() => text);
    const told = await tell('USD/CZK', tuesday, epochMs(tuesday + 3 * DAY_MS));
    expect(told).toEqual({ days: [tuesday], refused: [], pages: 3 });
  });

  test('that answers a later day than was asked for is not believed', async () => {
    const { tell } = await bank(() => text);
    const told = await tell('USD/CZK', epochMs(tuesday - 2 * DAY_MS), tuesday);
    expect(told).toEqual({ days: [], refused: ['not_asked_for', 'not_asked_for'], pages: 2 });
  });

  test('that tells a pair twice is believed once, and the second is refused', async () => {
    const twice = text.replace('USA|dolar|1|USD|23,774', '$&\nUSA|dolar|1|USD|23,775');
    const { tell } = await bank(() => twice);
    const told = await tell('USD/CZK', tuesday, epochMs(tuesday + DAY_MS));
    expect(told).toEqual({ days: [tuesday], refused: ['duplicate'], pages: 1 });
  });

  test('is asked for each day in turn', async () => {
    const { tell, server } = await bank((date) => text.replace('05.04.2016', date));
    const told = await tell('USD/CZK', day(2016, 4, 1), day(2016, 4, 4));
    expect(told.days).toEqual([day(2016, 4, 1), day(2016, 4, 2), day(2016, 4, 3)]);
    const dates = server.paths().map((path) => path.replace(/.*=/, ''));
    // The first is the newest sheet, which lists the pairs.
    expect(dates).toEqual(['08.04.2016', '01.04.2016', '02.04.2016', '03.04.2016']);
  });
});

describe('a source of documents of growing reach', () => {
  const csv = capturedBytes('ecb-eurofxref-hist.11-lines.csv');
  const answers: ReadonlyMap<string, Answer> = new Map([
    ['daily.xml', { headers: { 'content-type': 'text/xml' }, body: dailyOfRecent() }],
    [
      'hist-90d.xml',
      {
        headers: { 'content-type': 'text/xml' },
        body: capturedBytes('ecb-eurofxref-hist-90d.xml'),
      },
    ],
    [
      'hist.zip',
      {
        headers: { 'content-type': 'application/zip' },
        body: zipSync({ 'eurofxref-hist.csv': csv }),
      },
    ],
  ]);
  const bank = () =>
    start(
      epochMs(day(2019, 11, 30) + DAY_MS / 2),
      (path) => answers.get(path.replace(/.*eurofxref-/, '')),
      createEcbSource,
    );
  const asked = (server: WebServer): string[] =>
    server.paths().map((path) => path.replace(/.*eurofxref-/, ''));

  test('is asked for the smallest that covers the range', async () => {
    const { tell, server } = await bank();
    const told = await tell('EUR/USD', day(2019, 11, 29), day(2019, 12, 1));
    expect(told).toEqual({ days: [day(2019, 11, 29)], refused: [], pages: 1 });
    // The history comes first, since it lists the pairs.
    expect(asked(server)).toEqual(['hist.zip', 'daily.xml']);
  });

  test('is asked for the next larger where that turns out not to cover it', async () => {
    const { tell, server } = await bank();
    const told = await tell('EUR/USD', day(2019, 11, 28), day(2019, 12, 1));
    expect(told).toEqual({ days: [day(2019, 11, 28), day(2019, 11, 29)], refused: [], pages: 1 });
    expect(asked(server)).toEqual(['hist.zip', 'daily.xml', 'hist-90d.xml']);
  });

  test('is read out of the largest where none reaches back far enough', async () => {
    const { tell } = await bank();
    const told = await tell('EUR/USD', day(1998, 12, 1), day(1999, 1, 6));
    expect(told).toEqual({ days: [day(1999, 1, 4), day(1999, 1, 5)], refused: [], pages: 1 });
  });
});
