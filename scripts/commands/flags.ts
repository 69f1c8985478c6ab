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

export interface SourceFlags {
  readonly page: string;
  readonly day?: string;
}
