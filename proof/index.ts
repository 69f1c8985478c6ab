/** The edge of `proof`: what the scheduler may use of it. */
export { producerOf, readRunningRules } from '../analyzer/running-rules.ts';
export { ARRIVAL_BOUNDS } from './arrival.ts';
export { describeDamage } from './damage.ts';
export { prove, type Proof } from './prove.ts';
