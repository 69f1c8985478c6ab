import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { clip, createScreen, textWidth, type Screen } from './screen.ts';
import { createStyle } from './style.ts';

const ESCAPE = '\u001b';
const SEQUENCES = new RegExp(`${ESCAPE}\\[[?0-9;]*[A-Za-z]|${ESCAPE}|[^${ESCAPE}]`, 'gsu');

/**
 * A terminal of fixed size that understands what a screen sends: it wraps, scrolls and obeys the cursor
 * sequences. Anything else that begins with ESC is an error.
 */
class TestTerminal extends EventEmitter {
  readonly isTTY = true;
  columns: number;
  rows: number;
  #lines: string[] = [''];
  #row = 0;
  #column = 0;
  readonly scrolledOff: string[] = [];

  constructor(columns: number, rows: number) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  readonly write = (text: string): boolean => {
    const pieces = text.match(SEQUENCES) ?? [];
    for (const piece of pieces) this.#take(piece);
    return true;
  };

  #take(piece: string): void {
    if (piece === '\n') this.#newLine();
    else if (piece === '\r') this.#column = 0;
    else if (!piece.startsWith('\u001b')) this.#put(piece);
    else this.#obey(piece);
  }

  #obey(sequence: string): void {
    const up = /^\[(\d+)A$/.exec(sequence.slice(1));
    if (up !== null) {
      if (Number(up[1]) > this.#row) throw new Error('above the top of the screen');
      this.#row -= Number(up[1]);
    } else if (sequence === '\u001b[J') {
      this.#lines = this.#lines.slice(0, this.#row + 1);
      this.#lines[this.#row] = this.#line().slice(0, this.#column);
    } else if (sequence === '\u001b[K') {
      this.#lines[this.#row] = this.#line().slice(0, this.#column);
    } else if (sequence === '\u001b[2J') {
      this.#lines = [''];
    } else if (sequence === '\u001b[H') {
      this.#row = 0;
      this.#column = 0;
    } else if (!/^\[(\?25[hl]|\?2026[hl]|\d*m)$/.test(sequence.slice(1))) {
      throw new Error(`what is ${JSON.stringify(sequence)}?`);
    }
  }

  #line(): string {
    return this.#lines[this.#row] ?? '';
  }

  #put(character: string): void {
    if (this.#column === this.columns) this.#newLine();
    const line = this.#line().padEnd(this.#column);
    this.#lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1);
    this.#column += 1;
  }

  #newLine(): void {
    this.#column = 0;
    this.#row += 1;
    if (this.#row === this.rows) {
      this.scrolledOff.push(this.#lines.shift() ?? '');
      this.#row -= 1;
    }
    while (this.#lines.length <= this.#row) this.#lines.push('');
  }

  /** Wraps anew what is on the screen, as most terminals do, and scrolls to the cursor. */
  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    const wrap = (line: string): string[] =>
      line.match(new RegExp(`.{1,${columns}}`, 'gu')) ?? [''];
    this.#row = this.#lines.slice(0, this.#row).flatMap(wrap).length;
    this.#lines = this.#lines.flatMap(wrap);
    while (this.#row >= rows) {
      this.scrolledOff.push(this.#lines.shift() ?? '');
      this.#row -= 1;
    }
    this.emit('resize');
  }

  /** What a person sees, without trailing blanks. */
  shown(): string[] {
    const lines = this.#lines.map((line) => line.trimEnd());
    while (lines.at(-1) === '') lines.pop();
    return lines;
  }
}

function open(columns = 20, rows = 8): { terminal: TestTerminal; screen: Screen } {
  const terminal = new TestTerminal(columns, rows);
  const screen = createScreen({ output: terminal, env: {}, onGone: () => undefined });
  return { terminal, screen };
}

describe('on a terminal', () => {
  test('lines scroll above the table, which stays below', () => {
    const { terminal, screen } = open();
    screen.say('one');
    screen.draw(['table 1', 'row']);
    screen.say('two');
    screen.draw(['table 2', 'row']);
    screen.say('three');
    expect(terminal.shown()).toEqual(['one', 'two', 'three', 'table 2', 'row']);
  });

  test('a line longer than the screen is wide wraps above the table without breaking it', () => {
    const { terminal, screen } = open(10, 12);
    screen.draw(['table']);
    screen.say('a line of more than ten');
    screen.draw(['again']);
    expect(terminal.shown()).toEqual(
      ['a line of ', 'more than ', 'ten', 'again'].map((l) => l.trimEnd()),
    );
  });

  test('a table line is cut, never wrapped', () => {
    const { terminal, screen } = open(10, 8);
    screen.draw(['0123456789abc', 'short']);
    screen.draw(['0123456789abc', 'short']);
    expect(terminal.shown()).toEqual(['01234567…', 'short']);
  });

  test('a table taller than the screen does not scroll it', () => {
    const { terminal, screen } = open(20, 4);
    for (let round = 0; round < 3; round += 1) {
      screen.draw(['1', '2', '3', '4', '5', '6']);
    }
    expect(terminal.shown()).toEqual(['1', '2', '3']);
    expect(terminal.scrolledOff).toEqual([]);
  });

  test('a table that gets shorter leaves nothing of the longer one', () => {
    const { terminal, screen } = open();
    screen.draw(['a long line', 'second', 'third']);
    screen.draw(['b']);
    expect(terminal.shown()).toEqual(['b']);
    screen.draw([]);
    expect(terminal.shown()).toEqual([]);
    screen.say('after');
    expect(terminal.shown()).toEqual(['after']);
  });

  test('many lines scroll off at the top while the table stays whole', () => {
    const { terminal, screen } = open(20, 5);
    screen.draw(['table', 'row']);
    for (let line = 1; line <= 9; line += 1) screen.say(`line ${line}`);
    expect(terminal.shown()).toEqual(['line 8', 'line 9', 'table', 'row']);
    expect(terminal.scrolledOff).toEqual(Array.from({ length: 7 }, (_, n) => `line ${n + 1}`));
  });

  test('after a resize the table fits, and nothing of the old one is left', () => {
    const { terminal, screen } = open(30, 10);
    screen.draw(['a line of thirty cells or less', 'row']);
    terminal.resize(12, 6);
    expect(terminal.shown()).toEqual(['a line of …', 'row']);
    screen.say('said');
    expect(terminal.shown()).toEqual(['said', 'a line of …', 'row']);
  });

  test('a table that is kept stays where it is, and lines go below it', () => {
    const { terminal, screen } = open();
    screen.draw(['table']);
    screen.keep();
    screen.say('stopping');
    screen.draw([]);
    expect(terminal.shown()).toEqual(['table', 'stopping']);
  });

  test('what others print cannot steer the terminal', () => {
    const { terminal, screen } = open(40, 8);
    screen.draw(['table']);
    screen.say('bad \u001b[2J\u0007 log\r line');
    expect(terminal.shown()).toEqual(['bad \ufffd[2J\ufffd log\ufffd line', 'table']);
  });

  test('what is typed meanwhile is written over', () => {
    const { terminal, screen } = open();
    screen.draw(['table']);
    terminal.write('^C');
    screen.say('stopping');
    expect(terminal.shown()).toEqual(['stopping', 'table']);
    screen.draw([]);
    terminal.write('^C');
    screen.say('stopped');
    expect(terminal.shown()).toEqual(['stopping', 'stopped']);
  });

  test('nothing is written once it is closed', () => {
    const { terminal, screen } = open();
    screen.draw(['table']);
    screen.close();
    screen.draw(['late']);
    screen.say('later');
    terminal.resize(5, 5);
    expect(terminal.shown()).toEqual(['table']);
    expect(terminal.listenerCount('resize')).toBe(0);
  });

  test('a reader that goes away is told of once, and nothing more is written', () => {
    const terminal = new TestTerminal(20, 8);
    let gone = 0;
    const screen = createScreen({ output: terminal, env: {}, onGone: () => (gone += 1) });
    terminal.emit('error', new Error('EIO'));
    terminal.emit('error', new Error('EIO'));
    screen.say('to nobody');
    expect(gone).toBe(1);
    expect(terminal.shown()).toEqual([]);
  });
});

describe('elsewhere', () => {
  test.each([
    ['a pipe', false, {}],
    ['a dumb terminal', true, { TERM: 'dumb' }],
  ])('%s gets the lines, without a table or any escape', (_, isTTY, env) => {
    let text = '';
    const output = Object.assign(new EventEmitter(), {
      isTTY,
      write: (piece: string) => {
        text += piece;
        return true;
      },
    });
    const screen = createScreen({ output, env, onGone: () => undefined });
    screen.draw(['table']);
    screen.say('line');
    screen.keep();
    screen.close();
    expect(screen.live).toBe(false);
    expect(text).toBe('line\n');
  });
});

describe('text', () => {
  const { bold, red } = createStyle(true);

  test('is as wide as its cells, styles apart', () => {
    expect(textWidth(`${bold('60×')} → …`)).toBe(7);
    expect(textWidth('月')).toBe(2);
    expect(textWidth('e\u0301')).toBe(1);
  });

  test('is cut with its styles ended', () => {
    expect(clip('short', 5)).toBe('short');
    expect(clip('shorter', 5)).toBe('shor…');
    expect(clip(bold('shorter'), 5)).toBe(bold('shor…'));
    expect(clip(`${red('ab')}cdef`, 4)).toBe(`${red('ab')}c…`);
    expect(clip('月月月', 4)).toBe('月…');
  });

  test('has no style where none is wanted', () => {
    expect(createStyle(false).bold('x')).toBe('x');
  });
});
