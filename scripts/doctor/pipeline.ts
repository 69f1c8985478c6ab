/**
 * How the pipeline is, seen through its stores, wherever they run. In: the configuration, or what was
 * read with it. Out: findings about stores, connector, slot, lag, dead letters, candles and ledger.
 */
import {
  connectorStatus,
  indexLetters,
  judge,
  knownSources,
  lookAround,
  type CaptureFinding,
  type ConnectorStatus,
} from '../../connectors/index.ts';
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { errorText } from '#core/errors.ts';
import type { Config } from '#platform/config.ts';
import { systemClock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import { describeBytes } from '../commands/amounts.ts';
import { readCounts, type PipelineCounts } from '../pipeline/counts.ts';
import { withLetterAccess } from '../pipeline/letter-access.ts';
import { openPipelineClients, type PipelineClients } from '../pipeline/pipeline-clients.ts';
import { findDivergence, type Divergence } from '../pipeline/divergence.ts';
import { findSilent } from '../pipeline/reachable.ts';
import { bad, good, type Finding } from './finding.ts';

/** More unread changes than this and the analyzer is behind. */
export const LAG_MAX = 100_000;
/** More unread WAL than this and the connector is behind. */
export const SLOT_LAG_BYTES_MAX = 256 * 1024 * 1024;
const CONNECT_MS_MAX = 5_000;

export async function checkPipeline(config: Config): Promise<Finding[]> {
  const silent = await findSilent(config);
  const findings = silent.map(({ store, address }) =>
    bad('stores', `${store} does not answer at ${address}`, `start it, or look at its log`),
  );
  const answers = (store: string): boolean => !silent.some((each) => each.store === store);
  if (answers('Kafka Connect')) findings.push(await checkConnector(config.CONNECT_URL));
  if (answers('Postgres') && answers('Kafka') && answers('ClickHouse')) {
    findings.push(...(await checkCounts(config)));
  }
  return findings;
}

async function checkConnector(url: string): Promise<Finding> {
  try {
    return judgeConnector(await connectorStatus({ url }, CONNECTOR_NAME));
  } catch (error) {
    return bad('connector', errorText(error), 'see the log of Kafka Connect');
  }
}

async function checkCounts(config: Config): Promise<Finding[]> {
  try {
    const clients = await openPipelineClients(config, createLogger('wick', 'silent'));
    try {
      const counts = await readCounts(clients);
      const deadLetters = counts.deadLetters === 0 ? 0 : await countWaiting(config);
      return [
        ...judgeCounts({ ...counts, deadLetters }),
        ...(await checkCapture(config, clients)),
        ...judgeStores(await findDivergence(clients), counts.slot),
      ];
    } finally {
      await clients.close();
    }
  } catch (error) {
    return [
      bad(
        'stores',
        errorText(error),
        'run "npm run wick -- migrate", or see the logs of the stores',
      ),
    ];
  }
}

/** What neither the connector's state nor the slot tells by itself. */
const TELLING = new Set<CaptureFinding['kind']>([
  'source_changed',
  'source_older',
  'slot_missing',
  'slot_ahead',
  'slot_running_out',
  'changes_lost',
]);

/** One look of the watchdog's, which is here whether one runs or not. */
export async function checkCapture(
  config: Pick<Config, 'CONNECT_URL'>,
  { pool, clickhouse }: Pick<PipelineClients, 'pool' | 'clickhouse'>,
): Promise<Finding[]> {
  const endpoint = { url: config.CONNECT_URL, timeoutMs: CONNECT_MS_MAX };
  // Who does not answer is said elsewhere.
  const look = await lookAround(pool, endpoint, () => undefined);
  const found = judge(look, await knownSources(clickhouse, systemClock).read());
  // One that is read may be ahead of what Connect stored, by what Kafka has acknowledged since.
  const isAtWork = look.postgres?.slot?.active === true;
  return found
    .filter(({ kind }) => TELLING.has(kind) && !(isAtWork && kind === 'slot_ahead'))
    .map(({ what, advice }) => bad('capture', what, advice));
}

/** Dead letters that nobody has redriven or dropped. */
async function countWaiting(config: Config): Promise<number> {
  const { entries } = await withLetterAccess(config, ({ topics }) => indexLetters(topics));
  return entries.filter(({ status }) => status === 'waiting').length;
}

export function judgeConnector({ connector, tasks, failure }: ConnectorStatus): Finding {
  if (connector === 'absent') {
    return bad(
      'connector',
      'not registered',
      'run "npm run wick -- connector activate" or the curl of the README',
    );
  }
  const states = [connector, ...tasks];
  if (tasks.length > 0 && states.every((state) => state === 'RUNNING')) {
    return good('connector', 'RUNNING');
  }
  return bad(
    'connector',
    `${states.join(', ')}${tasks.length === 0 ? ' without a task' : ''}: ${failure ?? 'no reason given'}`,
    'see the log of Kafka Connect; "npm run wick -- connector activate" starts it again',
  );
}

export function judgeCounts({
  slot,
  lag,
  deadLetters,
}: Pick<PipelineCounts, 'slot' | 'lag' | 'deadLetters'>): Finding[] {
  return [
    judgeSlot(slot),
    lag < LAG_MAX
      ? good('lag', `${lag} changes to analyse`)
      : bad('lag', `${lag} changes to analyse`, 'if it does not fall, see the log of the analyzer'),
    deadLetters === 0
      ? good('dead letters', 'none')
      : bad(
          'dead letters',
          `${deadLetters} records could not be read; what they said is in no table`,
          '"npm run wick -- dlq list" says why; "dlq redrive" sends them once more, "dlq drop" leaves them',
        ),
  ];
}

/** Sends all rows of tables through once more; the analyzer passes over what it knows. */
const sendAgain = (...tables: readonly string[]): string =>
  `insert into market.cdc_signal (id, type, data) values (gen_random_uuid()::text, 'execute-snapshot', '{"type": "incremental", "data-collections": [${tables.map((table) => `"${table}"`).join(', ')}]}')`;
const NOT_CAPTURED = 'nobody captures changes: see to the slot and the connector first';

/** Whether both stores hold the same: candles by their number, gaps and funding payments in every column. */
export function judgeStores(
  divergence: Divergence | null,
  slot: PipelineCounts['slot'],
): readonly [candles: Finding, ledger: Finding] {
  const isCaptured = slot !== null && slot.active && slot.lost === null;
  return [judgeCandles(divergence, isCaptured), judgeLedger(divergence, isCaptured)];
}

function judgeCandles(divergence: Divergence | null, isCaptured: boolean): Finding {
  if (divergence === null || divergence.postgres === divergence.clickhouse) {
    return good('candles', 'as many in both stores, or on their way');
  }
  const { postgres, clickhouse, buckets } = divergence;
  const where = buckets.length === 0 ? '' : `; ${buckets.join('; ')}`;
  const found = `${postgres} closed in Postgres, ${clickhouse} in ClickHouse, and nothing is on its way${where}`;
  if (!isCaptured) return bad('candles', found, NOT_CAPTURED);
  return postgres > clickhouse
    ? bad(
        'candles',
        found,
        `send them through again, by this statement in Postgres: ${sendAgain('market.candles')}`,
      )
    : bad(
        'candles',
        found,
        'deletes were not captured (a truncate, or the connector was away and forgotten); the embedded stack is built anew by "npm run wick -- reset" and "npm start"',
      );
}

function judgeLedger(divergence: Divergence | null, isCaptured: boolean): Finding {
  if (divergence === null || divergence.ledger.length === 0) {
    return good('ledger', 'the same gaps and funding payments in both stores, or on their way');
  }
  const found = `gaps or funding payments differ, and nothing is on its way; ${divergence.ledger.join('; ')}`;
  if (!isCaptured) return bad('ledger', found, NOT_CAPTURED);
  return bad(
    'ledger',
    found,
    `send them through again, by this statement in Postgres: ${sendAgain('market.gaps', 'market.funding_rates', 'market.anchors')}; what only ClickHouse has was deleted while nobody captured, and stays until the embedded stack is built anew`,
  );
}

function judgeSlot(slot: PipelineCounts['slot']): Finding {
  if (slot === null) {
    return bad(
      'slot',
      'no replication slot',
      'activate the connector: "npm run wick -- connector activate"',
    );
  }
  if (slot.lost !== null) {
    return bad(
      'slot',
      `given up by Postgres (${slot.lost}): changes that nobody had read are lost`,
      'run "npm run wick -- connector recover --yes", which makes a new slot and sends all rows once more; or "npm run wick -- connector remove --forget", then "npm run wick -- connector activate", which takes a new snapshot',
    );
  }
  const behind = `${describeBytes(slot.lagBytes)} behind`;
  if (slot.active && slot.lagBytes < SLOT_LAG_BYTES_MAX) return good('slot', `active, ${behind}`);
  return bad(
    'slot',
    `${slot.active ? 'active' : 'nobody reads it'}, ${behind}`,
    'look at the connector: "npm run wick -- connector status"; WAL is kept until it is read',
  );
}
