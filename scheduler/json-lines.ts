/**
 * Where in a JSON text its values stand. In: a text that JSON.parse has taken. Out: the line, from 1,
 * of each value by its JSON pointer; members of objects stand where their key does. It judges nothing.
 */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],]|[^\s{}[\],:"]+/g;

/** One object or array that is open. */
interface Level {
  readonly path: string;
  readonly isArray: boolean;
  /** Key or index of the value that comes next; null before a key. */
  next: string | null;
}

/** Line by pointer, for example `/jobs/0/cron` → 4. The root is the empty pointer. */
export function linesOfJson(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const levels: Level[] = [];
  let line = 1;
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [token] = match;
    line += countBreaks(text, at, match.index);
    at = match.index;
    const level = levels.at(-1);
    if (token === '}' || token === ']') levels.pop();
    else if (token === ',') advance(level);
    else if (level !== undefined && !level.isArray && level.next === null) {
      level.next = keyOf(token);
      lines.set(`${level.path}/${level.next}`, line);
    } else {
      const path = level === undefined ? '' : `${level.path}/${level.next ?? ''}`;
      if (!lines.has(path)) lines.set(path, line);
      if (token === '{') levels.push({ path, isArray: false, next: null });
      if (token === '[') levels.push({ path, isArray: true, next: '0' });
    }
  }
  return lines;
}

function advance(level: Level | undefined): void {
  if (level === undefined) return;
  level.next = level.isArray ? String(Number(level.next) + 1) : null;
}

/** As JSON pointers write it. */
function keyOf(token: string): string {
  const key: unknown = JSON.parse(token);
  return String(key).replaceAll('~', '~0').replaceAll('/', '~1');
}

function countBreaks(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at += 1) if (text.charCodeAt(at) === 10) count += 1;
  return count;
}
