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
export { checkNotification } from './notifications.ts';
export { ensureTopics } from './topics.ts';
export { createDeadLetters, refuseDeadLetters, type DeadLetters } from './dead-letters.ts';
