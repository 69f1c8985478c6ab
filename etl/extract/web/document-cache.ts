/**
 * Documents that were fetched a moment ago. In: which document. Out: its text and what it says, read
 * once. One document serves all pairs of a source, so forty series cost one request; callers that ask
 * at the same time share it. One whose time is over is asked for with what its server gave to recognise
 * it by: if it is still the same, it is good again. Bounded in number, in characters and in time.
 */
import type { Clock } from '#core/time.ts';
import type { RawPayload } from '../venue.ts';
import type { FetchedPage, PageFetcher } from './fetch-page.ts';
import type { RateSheet, WebDocument, WebSource } from './source.ts';
import type { Validators } from './validators.ts';

export interface ReadDocument {
  readonly raw: RawPayload;
  readonly sheet: RateSheet;
}

interface KeptDocument extends ReadDocument {
  readonly validators: Validators | null;
}

export interface DocumentCache {
  get(document: WebDocument, signal?: AbortSignal): Promise<ReadDocument>;
  /** Ends what is under way. */
  close(): void;
}

const DOCUMENTS_MAX = 400;
const CHARACTERS_MAX = 32 * 1024 * 1024;

export function createDocumentCache(
  source: WebSource,
  fetcher: PageFetcher,
  clock: Clock,
): DocumentCache {
  /** Oldest first. */
  const kept = new Map<string, KeptDocument>();
  const underWay = new Map<string, Promise<ReadDocument>>();
  const closed = new AbortController();
  let characters = 0;
  const drop = (key: string): void => {
    characters -= kept.get(key)?.raw.body.length ?? 0;
    kept.delete(key);
  };
  const keep = (key: string, read: KeptDocument): void => {
    drop(key);
    kept.set(key, read);
    characters += read.raw.body.length;
    for (const oldest of kept.keys()) {
      if (kept.size <= DOCUMENTS_MAX && characters <= CHARACTERS_MAX) return;
      if (oldest !== key) drop(oldest);
    }
  };
  const fetch = async (key: string, document: WebDocument): Promise<ReadDocument> => {
    try {
      const known = kept.get(key);
      const page = await fetcher.fetch(document, closed.signal, known?.validators);
      const read = page === 'unchanged' ? again(known, clock) : readPage(page, document, source);
      keep(key, read);
      return read;
    } finally {
      underWay.delete(key);
    }
  };
  return {
    get: async (document, signal) => {
      signal?.throwIfAborted();
      const key = `${document.url}#${document.entry ?? ''}`;
      const known = kept.get(key);
      if (known !== undefined && clock.now() - known.raw.fetchedAt < document.goodMs) return known;
      const shared = underWay.get(key) ?? fetch(key, document);
      underWay.set(key, shared);
      return untilAborted(shared, signal);
    },
    close: () => closed.abort(new Error(`${source.id} was closed`)),
  };
}

function readPage(
  { validators, ...raw }: FetchedPage,
  document: WebDocument,
  source: WebSource,
): KeptDocument {
  return { raw, sheet: source.read(raw.body, document), validators };
}

/** The same text, which is what the server has now. */
function again(known: KeptDocument | undefined, clock: Clock): KeptDocument {
  if (known === undefined) throw new Error('unchanged since what was never fetched');
  return { ...known, raw: { ...known.raw, fetchedAt: clock.now() } };
}

/** One caller may leave; the others still wait for what it began. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const leave = (): void => reject(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
