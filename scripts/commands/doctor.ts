/** `wick doctor`: what the embedded stack needs and how it is, each finding with what to do. */
import { access, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stackEnvironment } from '../../local/stack/environment.ts';
import { connectorStatus } from '../../connectors/index.ts';
import { findEngines } from '../../local/engines/install.ts';
import type { StackLayout } from '../../local/stack/layout.ts';
import { readPidFile } from '../../local/stack/pid-file.ts';
import { isFree } from '../../local/stack/ports.ts';
import {
  diskFreeMib,
  DISK_FREE_MIB_MIN,
  JAVA_MAJOR_MIN,
  javaMajor,
  memoryFreeMib,
  MEMORY_FREE_MIB_MIN,
} from '../../local/stack/preflight.ts';
import { PORT_VARIABLES, readPorts, STACK_PORTS } from '../../local/stack/stack-ports.ts';
import { SERVICES } from '../../local/stack/stack.ts';
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { errorText } from '#core/errors.ts';
import { loadConfig } from '#platform/config.ts';
import { createLogger } from '#platform/logger.ts';
import { readCounts } from '../pipeline/counts.ts';
import { openPipelineClients } from '../pipeline/pipeline-clients.ts';
import { stackLayout, supervisorPidFile } from '../stack/start-stack.ts';
import type { JsonFlag } from '../wick.ts';

export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly found: string;
  /** Null where nothing needs doing. */
  readonly advice: string | null;
}

const CHECKOUT = join(import.meta.dirname, '..', '..');
const NODE_MAJOR = 24;
const LAG_MAX = 100_000;
const SLOT_LAG_BYTES_MAX = 256 * 1024 * 1024;

export async function doctor(options: JsonFlag): Promise<number> {
  const findings = await examine(stackEnvironment());
  const ok = findings.every((finding) => finding.ok);
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ ok, findings })}\n`);
  } else {
    for (const { check, ok: fine, found, advice } of findings) {
      process.stdout.write(`${fine ? 'ok  ' : 'BAD '} ${check.padEnd(12)} ${found}\n`);
      if (advice !== null) process.stdout.write(`${''.padEnd(18)}→ ${advice}\n`);
    }
  }
  return ok ? 0 : 1;
}

/** All checks; those of the running stack only when it runs. */
export async function examine(
  env: Readonly<Record<string, string | undefined>>,
): Promise<Finding[]> {
  const layout = stackLayout(CHECKOUT, env);
  const running = (await readPidFile(supervisorPidFile(layout))) !== null;
  const machine = [
    checkNode(),
    await checkJava(env),
    await checkDisk(layout),
    checkMemory(running),
    await checkEngines(layout),
  ];
  return running
    ? [...machine, ...(await checkServices(layout)), ...(await checkPipeline(layout))]
    : [...machine, ...(await checkPorts(env))];
}

function good(check: string, found: string): Finding {
  return { check, ok: true, found, advice: null };
}

function bad(check: string, found: string, advice: string): Finding {
  return { check, ok: false, found, advice };
}

function checkNode(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  return major >= NODE_MAJOR
    ? good('node', process.version)
    : bad(
        'node',
        process.version,
        `run through npm ("npm start"), which brings Node ${NODE_MAJOR}, or install Node ${NODE_MAJOR}`,
      );
}

async function checkJava(env: Readonly<Record<string, string | undefined>>): Promise<Finding> {
  const major = await javaMajor(env);
  if (major !== null && major >= JAVA_MAJOR_MIN) return good('java', `version ${major}`);
  return bad(
    'java',
    major === null ? 'not found' : `version ${major}`,
    `install Java ${JAVA_MAJOR_MIN} or newer (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME`,
  );
}

async function checkDisk(layout: StackLayout): Promise<Finding> {
  const folder = await access(layout.base).then(
    () => layout.base,
    async () => {
      const parent = dirname(layout.base);
      await mkdir(parent, { recursive: true });
      return parent;
    },
  );
  const free = await diskFreeMib(folder);
  return free >= DISK_FREE_MIB_MIN
    ? good('disk', `${free} MiB free`)
    : bad(
        'disk',
        `${free} MiB free in ${folder}`,
        `free ${DISK_FREE_MIB_MIN - free} MiB more, or set WICKSTREAM_DATA_DIR to a larger disk`,
      );
}

function checkMemory(running: boolean): Finding {
  const free = memoryFreeMib();
  return running || free >= MEMORY_FREE_MIB_MIN
    ? good('memory', `${free} MiB free`)
    : bad(
        'memory',
        `${free} MiB free`,
        `the stack uses about ${MEMORY_FREE_MIB_MIN} MiB; end other programs first`,
      );
}

async function checkEngines(layout: StackLayout): Promise<Finding> {
  const engines = await findEngines(layout.engineCache);
  return engines === null
    ? good('engines', 'not fetched yet; "npm start" fetches about 110 MB once')
    : good('engines', layout.engineCache);
}

async function checkPorts(env: Readonly<Record<string, string | undefined>>): Promise<Finding[]> {
  const findings: Finding[] = [];
  const ports = readPorts(env);
  for (const name of STACK_PORTS) {
    const port = ports[name];
    if (await isFree(port)) continue;
    const { variable } = PORT_VARIABLES[name];
    findings.push(
      bad(
        'ports',
        `port ${port} for ${name} is in use by another program`,
        `stop that program or set ${variable} to a free port`,
      ),
    );
  }
  return findings.length > 0 ? findings : [good('ports', 'all free')];
}

async function checkServices(layout: StackLayout): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const name of SERVICES) {
    const found = await readPidFile(join(layout.run, `${name}.pid`));
    findings.push(
      found === null
        ? bad(
            name,
            'not running',
            `see ${join(layout.logs, `${name}.log`)}; the supervisor starts it again, or "npm run wick -- down" and "npm start"`,
          )
        : good(name, `pid ${found.pid}`),
    );
  }
  return findings;
}

async function checkPipeline(layout: StackLayout): Promise<Finding[]> {
  const findings: Finding[] = [];
  try {
    const config = loadConfig({ env: {}, envFile: layout.envFile });
    findings.push(await checkConnector(config.CONNECT_URL));
    const clients = await openPipelineClients(config, createLogger('wick', 'fatal'));
    try {
      const { slot, lag } = await readCounts(clients);
      findings.push(
        slot === null
          ? bad(
              'slot',
              'no replication slot',
              'activate the connector: "npm run wick -- connector activate"',
            )
          : slot.active && slot.lagBytes < SLOT_LAG_BYTES_MAX
            ? good('slot', `active, ${slot.lagBytes} bytes behind`)
            : bad(
                'slot',
                `${slot.active ? 'active' : 'nobody reads it'}, ${slot.lagBytes} bytes behind`,
                'look at the connector: "npm run wick -- connector status"; WAL is kept until it is read',
              ),
        lag < LAG_MAX
          ? good('lag', `${lag} changes to analyse`)
          : bad('lag', `${lag} changes to analyse`, `see ${join(layout.logs, 'analyzer.log')}`),
      );
    } finally {
      await clients.close();
    }
  } catch (error) {
    findings.push(bad('stores', errorText(error), 'see the logs of the service named above'));
  }
  return findings;
}

async function checkConnector(url: string): Promise<Finding> {
  const { connector, tasks, failure } = await connectorStatus({ url }, CONNECTOR_NAME);
  if (connector === 'absent') {
    return bad(
      'connector',
      'not registered',
      'run "npm run wick -- connector activate" or the curl of the README',
    );
  }
  const states = [connector, ...tasks];
  return tasks.length > 0 && states.every((state) => state === 'RUNNING')
    ? good('connector', 'RUNNING')
    : bad(
        'connector',
        `${states.join(', ')}: ${failure ?? 'no reason given'}`,
        'see connect.log; "npm run wick -- connector activate" starts it again',
      );
}
