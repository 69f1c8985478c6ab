/**
 * What the embedded stack needs of the machine, and how its processes are. In: the layout, the
 * environment, what the machine says (tests say it instead). Out: findings. It changes nothing.
 */
import { join } from 'node:path';
import { errorText } from '#core/errors.ts';
import { findEngines } from '../../local/engines/install.ts';
import { assertLayout, type StackLayout } from '../../local/stack/layout.ts';
import { readPidFile } from '../../local/stack/pid-file.ts';
import { describeBusy, isListening } from '../../local/stack/ports.ts';
import {
  diskFreeMib,
  DISK_FREE_MIB_MIN,
  JAVA_MAJOR_MIN,
  javaMajor,
  memoryFreeMib,
  MEMORY_FREE_MIB_MIN,
} from '../../local/stack/preflight.ts';
import { checkSecrets } from '../../local/stack/secrets.ts';
import { PORT_VARIABLES, readPorts, STACK_PORTS } from '../../local/stack/stack-ports.ts';
import { SERVICES, type ServiceName } from '../../local/stack/stack.ts';
import { bad, good, type Finding } from './finding.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the machine says of itself. */
export interface Machine {
  javaMajor(env: Environment): Promise<number | null>;
  diskFreeMib(path: string): Promise<number>;
  memoryFreeMib(): number;
}

export const THIS_MACHINE: Machine = { javaMajor, diskFreeMib, memoryFreeMib };

/** @param running whether the stack runs, and so has its memory and ports already. */
export async function checkMachine(
  layout: StackLayout,
  env: Environment,
  running: boolean,
  machine: Machine = THIS_MACHINE,
): Promise<Finding[]> {
  return [
    await checkJava(env, machine),
    await checkDisk(layout, machine),
    checkMemory(machine, running),
    await checkFolder(layout),
    await checkEngines(layout),
    ...(running ? [] : await checkPorts(layout, env)),
  ];
}

async function checkJava(env: Environment, machine: Machine): Promise<Finding> {
  const major = await machine.javaMajor(env);
  if (major !== null && major >= JAVA_MAJOR_MIN) return good('java', `version ${major}`);
  return bad(
    'java',
    major === null ? 'not found' : `version ${major}`,
    `install Java ${JAVA_MAJOR_MIN} or newer (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME`,
  );
}

async function checkDisk(layout: StackLayout, machine: Machine): Promise<Finding> {
  const free = await machine.diskFreeMib(layout.base);
  return free >= DISK_FREE_MIB_MIN
    ? good('disk', `${free} MiB free`)
    : bad(
        'disk',
        `${free} MiB free in ${layout.base}`,
        `free ${DISK_FREE_MIB_MIN - free} MiB more, or set WICKSTREAM_DATA_DIR to a folder on a larger disk`,
      );
}

function checkMemory(machine: Machine, running: boolean): Finding {
  const free = machine.memoryFreeMib();
  return running || free >= MEMORY_FREE_MIB_MIN
    ? good('memory', `${free} MiB free`)
    : bad(
        'memory',
        `${free} MiB free`,
        `the stack uses about ${MEMORY_FREE_MIB_MIN} MiB; end other programs first`,
      );
}

/** The sentences of these errors end with what to do, after the last semicolon. */
async function checkFolder(layout: StackLayout): Promise<Finding> {
  try {
    await assertLayout(layout);
    await checkSecrets(layout.secretsFile, layout.data);
    return good('folder', layout.base);
  } catch (error) {
    const text = errorText(error);
    const cut = text.lastIndexOf('; ');
    return cut < 0
      ? bad('folder', text, 'see above')
      : bad('folder', text.slice(0, cut), text.slice(cut + 2));
  }
}

async function checkEngines(layout: StackLayout): Promise<Finding> {
  const engines = await findEngines({ cacheDir: layout.engineCache });
  return engines === null
    ? good('engines', 'not fetched yet; "npm start" fetches about 250 MB once')
    : good('engines', layout.engineCache);
}

async function checkPorts(layout: StackLayout, env: Environment): Promise<Finding[]> {
  const left: Finding[] = [];
  for (const name of SERVICES) {
    const found = await readPidFile(join(layout.run, `${name}.pid`));
    if (found === null) continue;
    left.push(
      bad(
        name,
        `left over from an earlier run (pid ${found.pid})`,
        '"npm start" stops it and starts anew; "npm run wick -- down" only stops it',
      ),
    );
  }
  // What is left over has its ports, and nobody else need be blamed for it.
  if (left.length > 0) return left;
  const ports = readPorts(env);
  const findings: Finding[] = [];
  for (const name of STACK_PORTS) {
    const busy = await describeBusy(name, ports[name], PORT_VARIABLES[name].variable);
    if (busy !== null) findings.push(bad('ports', busy.found, busy.advice));
  }
  return findings.length > 0 ? findings : [good('ports', 'all free')];
}

/** Each service of a running stack: is its process there, does its port answer? */
export async function checkServices(
  layout: StackLayout,
  ports: Readonly<Record<ServiceName, number | null>>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const name of SERVICES) {
    const port = ports[name];
    if (port === null) continue;
    const log = join(layout.logs, `${name}.log`);
    const found = await readPidFile(join(layout.run, `${name}.pid`));
    if (found === null) {
      findings.push(
        bad(
          name,
          'not running',
          `see ${log}; the supervisor starts it again, or "npm run wick -- down" and "npm start"`,
        ),
      );
    } else if (await isListening(port)) {
      findings.push(good(name, `pid ${found.pid}, port ${port}`));
    } else {
      findings.push(
        bad(
          name,
          `pid ${found.pid} does not answer on port ${port}`,
          `it may still be starting; else see ${log}, then "npm run wick -- down" and "npm start"`,
        ),
      );
    }
  }
  return findings;
}
