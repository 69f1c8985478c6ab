/** Talks to the keeper of this run's engines over its socket. In: the path. Out: what it answers. */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { Type, type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import type { EngineName } from './engine-set.ts';

const Port = Type.Integer({ minimum: 1 });
const EngineSetView = Type.Object({
  folder: Type.String(),
  logs: Type.String(),
  run: Type.String(),
  ports: Type.Object({
    postgres: Port,
    redis: Port,
    clickhouse: Port,
    kafka: Port,
    kafkaController: Port,
    connect: Port,
    registry: Port,
    venue: Port,
    analyzer: Port,
    scheduler: Port,
    watchdog: Port,
  }),
  env: Type.Record(Type.String(), Type.String()),
});
export type EngineSetView = Static<typeof EngineSetView>;

const Identity = Type.Object({
  systemIdentifier: Type.Union([Type.String(), Type.Null()]),
  kafkaClusterId: Type.String(),
});
const Failure = Type.Object({ error: Type.String() });

/** An engine that hangs is given up by the keeper itself long before. */
const TIMEOUT_MS = 240_000;

export interface KeeperClient {
  readSet(): Promise<EngineSetView>;
  identity(): Promise<Static<typeof Identity>>;
  start(engine: EngineName): Promise<void>;
  stop(engine: EngineName): Promise<void>;
  /** SIGKILL; resolves once the engine is gone. */
  kill(engine: EngineName): Promise<void>;
}

export function createKeeperClient(socketPath: string): KeeperClient {
  const act = (verb: string) => async (engine: EngineName) => {
    await call(socketPath, `/${verb}/${engine}`, Type.Object({}));
  };
  return {
    readSet: () => call(socketPath, '/set', EngineSetView),
    identity: () => call(socketPath, '/identity', Identity),
    start: act('start'),
    stop: act('stop'),
    kill: act('kill'),
  };
}

async function call<T extends TSchema>(
  socketPath: string,
  path: string,
  schema: T,
): Promise<Static<T>> {
  const body = await new Promise<string>((resolve, reject) => {
    const sent = request({ socketPath, path, method: 'POST', agent: false }, (response) => {
      text(response).then(resolve, reject);
    });
    sent.setTimeout(TIMEOUT_MS, () =>
      sent.destroy(new Error(`the keeper did not answer "${path}"`)),
    );
    sent.once('error', reject);
    sent.end();
  });
  const json: unknown = JSON.parse(body);
  if (Value.Check(Failure, json)) throw new Error(`the keeper: ${json.error}`);
  return Value.Parse(schema, json);
}
