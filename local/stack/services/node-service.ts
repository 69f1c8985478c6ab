/** One of our own processes as a child of the embedded stack, ready when its HTTP says so. */
import { join } from 'node:path';
import { startProcess, type ManagedProcess } from '../managed-process.ts';
import type { ServicePlace } from './service.ts';

export interface NodeServiceOptions {
  readonly name: string;
  /** Entry file, relative to the checkout. */
  readonly entry: string;
  /** Arguments of Node itself. */
  readonly nodeArgs?: readonly string[] | undefined;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly place: ServicePlace;
  /** Answers 200 when the process is up. */
  readonly readyUrl: string;
  readonly signal?: AbortSignal | undefined;
}

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 25_000;

export async function startNodeService(options: NodeServiceOptions): Promise<ManagedProcess> {
  return startProcess({
    name: options.name,
    command: process.execPath,
    args: [...(options.nodeArgs ?? []), join(CHECKOUT, options.entry), ...(options.args ?? [])],
    cwd: CHECKOUT,
    env: options.env,
    logFile: options.place.logFile,
    pidFile: options.place.pidFile,
    ready: () => answers(options.readyUrl),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: STOP_TIMEOUT_MS,
    signal: options.signal,
  });
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer();
  return response.ok;
}
