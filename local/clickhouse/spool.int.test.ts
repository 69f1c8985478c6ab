/** The spool on real file systems: budgets, the move from memory to disk, and what is wiped. */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, type FrontLimits } from './limits.ts';
import { createSpool, type Spool, type SpooledFile } from './spool.ts';

const KIB = 1024;
let dir: string;
let spool: Spool;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wickstream-spool-'));
});
afterEach(() => {
  spool.close();
  rmSync(dir, { recursive: true, force: true });
});

async function open(limits: Partial<FrontLimits>): Promise<void> {
  spool = await createSpool(dir, { ...DEFAULT_LIMITS, runningQueriesMax: 2, ...limits });
}

async function put(bytes: number): Promise<SpooledFile> {
  const writer = spool.writer('memory');
  try {
    for (let left = bytes; left > 0; left -= 100 * KIB) {
      await writer.write(Buffer.alloc(Math.min(left, 100 * KIB), 'x'));
    }
    return await writer.finish();
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

describe('the spool', () => {
  it('moves a body that outgrows its share of memory to disk, whole', async () => {
    await open({ memorySpoolBytesPerBody: 500 * KIB });
    const small = await put(400 * KIB);
    const large = await put(1000 * KIB);
    expect(dirname(large.path)).toBe(join(dir, 'spool'));
    expect(readFileSync(large.path).equals(Buffer.alloc(1000 * KIB, 'x'))).toBe(true);
    await small.discard();
    await large.discard();
    expect([existsSync(small.path), existsSync(large.path)]).toEqual([false, false]);
  });

  it('counts what is in use, refuses more than its budgets, and takes back what is discarded', async () => {
    await open({ memorySpoolBytesMax: 500 * KIB, diskSpoolBytesMax: 500 * KIB });
    const kept = [await put(400 * KIB), await put(400 * KIB)];
    await expect(put(200 * KIB)).rejects.toMatchObject({ code: 243 });
    await expect(put(1)).resolves.toMatchObject({ bytes: 1 });
    for (const file of kept) await file.discard();
    const again = await put(400 * KIB);
    await again.discard();
  });

  it('wipes what a killed process left', async () => {
    await open({});
    const left = await put(1);
    writeFileSync(join(dir, 'spool', 'body-99'), 'left');
    await open({});
    expect(existsSync(left.path)).toBe(false);
    expect(readdirSync(join(dir, 'spool')).filter((name) => name.startsWith('body'))).toEqual([]);
  });

  it('wipes the memory of a data directory that is gone', async () => {
    const gone = mkdtempSync(join(tmpdir(), 'wickstream-spool-'));
    const limits = { ...DEFAULT_LIMITS, runningQueriesMax: 1 };
    const orphan = await createSpool(gone, limits);
    const left = orphan.takePipe();
    rmSync(gone, { recursive: true });
    await open({});
    expect(existsSync(left)).toBe(false);
  });

  it('has one pipe for every query that may run', async () => {
    await open({});
    const pipes = [spool.takePipe(), spool.takePipe()];
    expect(() => spool.takePipe()).toThrow('result pipes');
    for (const pipe of pipes) spool.givePipe(pipe);
    expect(spool.takePipe()).toBe(pipes[1]);
  });
});
