/** What the figures were measured on. In: nothing. Out: facts of machine and versions to print. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { javaCommand } from '../local/stack/services/service.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly freeMb: number;
  /** One-minute load when the bench began: above 0.5 a core somebody else was at work. */
  readonly load: number;
  readonly system: string;
  readonly node: string;
  readonly java: string;
  readonly versions: Readonly<Record<string, string>>;
}

const MIB = 1024 * 1024;
const PACKAGES = ['kafkajs', 'pg', '@clickhouse/client', 'chdb'];
const CHECKOUT = join(import.meta.dirname, '..');

export async function readMachine(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryMb: Math.round(totalmem() / MIB),
    freeMb: Math.round(freemem() / MIB),
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    system: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    java: await javaVersion(),
    versions: { ...(await packageVersions()), ...(await engineVersions()) },
  };
}

export function machineText(machine: Machine): string {
  const { cpu, cores, memoryMb, freeMb, load, system, node, java, versions } = machine;
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${cpu}, ${cores} cores, ${memoryMb} MiB (${freeMb} free), load ${load}, ${system}`,
    `Node ${node}, Java ${java}, ${list.join(', ')}`,
  ].join('\n');
}

async function javaVersion(): Promise<string> {
  const { stderr } = await promisify(execFile)(javaCommand(process.env), ['-version']);
  return /"([^"]+)"/.exec(stderr)?.[1] ?? stderr.trim();
}

async function packageVersions(): Promise<Record<string, string>> {
  const text = await readFile(join(CHECKOUT, 'package.json'), 'utf8');
  return Object.fromEntries(
    PACKAGES.map((name) => [name, new RegExp(`"${name}": "([^"]+)"`).exec(text)?.[1] ?? '?']),
  );
}

/** The engines as the Maven file pins them. */
async function engineVersions(): Promise<Record<string, string>> {
  const pom = await readFile(join(CHECKOUT, 'local', 'engines', 'pom.xml'), 'utf8');
  const versions: Record<string, string> = {};
  for (const match of pom.matchAll(/<(\w+)\.version>([^<]+)</g)) {
    const [, name = '', version = ''] = match;
    versions[name] = version;
  }
  return versions;
}
