/** What `wick doctor` found out about one thing, and what to do about it. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly found: string;
  /** Null where nothing needs doing. */
  readonly advice: string | null;
}

export function good(check: string, found: string): Finding {
  return { check, ok: true, found, advice: null };
}

export function bad(check: string, found: string, advice: string): Finding {
  return { check, ok: false, found, advice };
}
