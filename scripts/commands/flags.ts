/** What the commands are given; `scripts/wick.ts` fills it in from the command line. */

export interface JsonFlag {
  readonly json?: boolean;
}

export interface UpFlags extends JsonFlag {
  readonly once?: boolean;
  readonly data?: string;
  readonly speed: string;
  readonly live?: boolean;
  readonly connector: boolean;
}

export interface StreamFlags extends JsonFlag {
  readonly exchange: string;
  readonly symbol: string;
  /** For example `kline_1m`. */
  readonly channel?: string;
  readonly tf?: string;
  readonly limit?: string;
}

export interface NormalizeFlags {
  readonly exchange: string;
  readonly kind: 'klines' | 'symbols' | 'stream';
  readonly symbol?: string;
  readonly tf?: string;
  readonly now?: string;
}

export interface SourceFlags {
  readonly page: string;
  readonly day?: string;
}
