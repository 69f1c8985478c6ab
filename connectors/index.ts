/** The edge of `connectors`: what other stages may use of change data capture. */
export { decodeCandleMessage, parseVersion } from './debezium/decode.ts';
export {
  applyConnector,
  connectorStatus,
  forgetConnector,
  readConnectorFile,
  removeConnector,
  restartFailed,
  type ConnectorFile,
  type ConnectorStatus,
} from './register.ts';
export type { ConnectEndpoint } from './connect-rest.ts';
export { readStoredPlace } from './stored-place.ts';
export { checkNotification } from './notifications.ts';
export { untilSnapshotEnds } from './snapshot-end.ts';
export { createWatchdog } from './watch/create-watchdog.ts';
export { createWatchMetrics } from './watch/metrics.ts';
export { knownSources } from './watch/known-sources.ts';
export { judge, type Finding as CaptureFinding } from './watch/judge.ts';
export { lookAround, lookAtPostgres, type Source } from './watch/look.ts';
export { ensureTopics } from './topics.ts';
export { createDeadLetters, refuseDeadLetters, type DeadLetters } from './dead-letters.ts';
export { indexLetters, eachLetter, type LetterEntry, type LetterFilter } from './letter-box.ts';
export { writeMarks } from './letter-marks.ts';
export { redriveLetters } from './redrive-letters.ts';
export { LETTER_ID, type Letter } from './letter.ts';
export { avroType } from './contracts/contract.ts';
export { registerContracts, type RegisteredContracts } from './contracts/register-contracts.ts';
export { createRegistry } from './contracts/registry.ts';
export { decimalBytes } from './contracts/decimal-type.ts';
export { framed } from './contracts/wire.ts';
export type { TopicAccess } from './topic-reader.ts';
