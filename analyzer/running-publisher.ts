/**
 * The publisher that the analyzer runs. In: the configuration, the rules. Out: one that tells others, or none
 * where it is switched off. Without ids of its schemas nothing may be written: it does not start where the
 * registry refuses them or does not answer.
 */
import { createRegistry, registerContracts } from '../connectors/index.ts';
import { TOPIC_FEATURES, TOPIC_SIGNALS } from '#core/contracts/names.ts';
import type { Config } from '#platform/config.ts';
import type { Producer } from '#platform/kafka.ts';
import type { AnalyzerMetrics } from './metrics.ts';
import { producerOf } from './running-rules.ts';
import type { CompiledRuleSet } from './signals/rule-set.ts';
import { createPublisher, publishNothing, type Publisher } from './sink/publisher.ts';
import { createRowEncoder } from './sink/publish-rows.ts';

export interface PublisherNeeds {
  readonly config: Config;
  /** Connected. */
  readonly producer: Producer;
  readonly rules: CompiledRuleSet;
  readonly metrics: AnalyzerMetrics;
}

/** @throws AppError WICK_REGISTRY_REFUSED, WICK_REGISTRY_UNREACHABLE */
export async function preparePublisher(needs: PublisherNeeds): Promise<Publisher> {
  const { config, producer, rules, metrics } = needs;
  if (config.ANALYZER_PUBLISH === 'off') return publishNothing();
  const contracts = await registerContracts(createRegistry(config.SCHEMA_REGISTRY_URL));
  return createPublisher({
    producer,
    encoder: createRowEncoder(producerOf(rules), rules.features.names, contracts),
    onSent: ({ features, signals }) => {
      metrics.published.inc({ topic: TOPIC_FEATURES }, features);
      metrics.published.inc({ topic: TOPIC_SIGNALS }, signals);
    },
  });
}
