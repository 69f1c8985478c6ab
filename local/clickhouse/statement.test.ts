/** How statements are read: their kind, where rows may be sent, and where the data of an INSERT begin. */
import { describe, expect, it } from 'vitest';
import { findInsertData } from './insert-head.ts';
import {
  formatName,
  intoOutfile,
  parseStatement,
  replaceWord,
  substitutions,
} from './statement.ts';

function streamed(sql: string): string {
  return intoOutfile(parseStatement(sql), "'p'", 'TSV').replaceAll('\n', ' ');
}

describe('where the rows of a statement go', () => {
  it.each([
    ['SELECT 1', "SELECT 1 INTO OUTFILE 'p' APPEND FORMAT TSV"],
    ['SELECT 1 ;; -- end', "SELECT 1 INTO OUTFILE 'p' APPEND FORMAT TSV"],
    ['SELECT 1 FORMAT JSON', "SELECT 1  INTO OUTFILE 'p' APPEND FORMAT JSON"],
    [
      'SELECT 1 SETTINGS a=1 format JSON',
      "SELECT 1 SETTINGS a=1  INTO OUTFILE 'p' APPEND format JSON",
    ],
    [
      'SELECT 1 FORMAT JSON SETTINGS a=1',
      "SELECT 1  INTO OUTFILE 'p' APPEND FORMAT JSON SETTINGS a=1",
    ],
    ["SELECT 'FORMAT JSON'", "SELECT 'FORMAT JSON' INTO OUTFILE 'p' APPEND FORMAT TSV"],
    ['SELECT 1 -- FORMAT JSON', "SELECT 1 INTO OUTFILE 'p' APPEND FORMAT TSV"],
    ['SELECT 1 /* ; /* FORMAT JSON */ */', "SELECT 1 INTO OUTFILE 'p' APPEND FORMAT TSV"],
    ['SELECT format FROM t', "SELECT format FROM t INTO OUTFILE 'p' APPEND FORMAT TSV"],
    [
      'SELECT (SELECT 1 FORMAT JSON)',
      "SELECT (SELECT 1 FORMAT JSON) INTO OUTFILE 'p' APPEND FORMAT TSV",
    ],
    ['SELECT $x$ FORMAT a; $x$', "SELECT $x$ FORMAT a; $x$ INTO OUTFILE 'p' APPEND FORMAT TSV"],
    [
      "SELECT 'it''s \\' ;' AS `a;b`",
      "SELECT 'it''s \\' ;' AS `a;b` INTO OUTFILE 'p' APPEND FORMAT TSV",
    ],
  ])('%s', (sql, expected) => {
    expect(streamed(sql)).toBe(expected);
  });

  it('gives the format name as written', () => {
    expect(formatName(parseStatement('select 1 format JSONEachRow settings x=1'))).toBe(
      'JSONEachRow',
    );
    expect(formatName(parseStatement('select 1'))).toBeUndefined();
  });
});

describe('what a statement is', () => {
  it.each([
    ['select 1', 'read', true],
    ['-- c\n (select 1)', 'read', true],
    ['WITH 1 AS x SELECT x', 'read', true],
    ['with 1 as x insert into t select x', 'insert', false],
    ['INSERT INTO t SELECT 1', 'insert', false],
    ['SET a = 1', 'set', true],
    ['SET ROLE x', 'other', false],
    ['use `a b`', 'use', true],
    ['KILL QUERY WHERE 1', 'kill', false],
    ['KILL MUTATION WHERE 1', 'other', false],
    ['CREATE VIEW v AS SELECT 1', 'other', false],
  ])('%s', (sql, kind, readonly) => {
    const statement = parseStatement(sql);
    expect([statement.kind, statement.readonly]).toEqual([kind, readonly]);
  });

  it.each([
    ['select 1; drop table t', 62],
    ["select 1; select ';'", 62],
    ['  -- only a comment', 62],
    ["select 1 into outfile '/x'", 358],
    ["insert into t from infile '/x' format CSV", 78],
  ])('refuses %s', (sql, code) => {
    expect(() => parseStatement(sql)).toThrow(expect.objectContaining({ code }));
  });

  it('finds substitutions outside strings', () => {
    const names = substitutions(
      parseStatement("select {a:UInt8}, '{b:UInt8}', { c_1 : Array(String) }"),
    );
    expect([...names]).toEqual(['a', 'c_1']);
  });

  it('replaces bare words only', () => {
    const statement = parseStatement("KILL QUERY WHERE query_id = 'query_id' AND `query_id` = 1 ;");
    expect(replaceWord(statement, 'QUERY_ID', 'X')).toBe(
      "KILL QUERY WHERE X = 'query_id' AND `query_id` = 1",
    );
  });
});

interface Found {
  readonly data: string;
  readonly sql: string;
}

function insert(text: string): Found | string {
  const head = findInsertData(text, true);
  if (head.state !== 'data') return head.state;
  return { data: text.slice(head.dataAt), sql: head.fromFile("'p'").replaceAll(/\s+/g, ' ') };
}

describe('where the data of an INSERT begin', () => {
  it.each([
    ['INSERT INTO t FORMAT CSV\n1,2', "INSERT INTO t FROM INFILE 'p' FORMAT CSV", '1,2'],
    [
      'insert into db.`t x` (a, `b)`) format RowBinary\n\n;',
      "insert into db.`t x` (a, `b)`) FROM INFILE 'p' FORMAT RowBinary",
      '\n;',
    ],
    ['INSERT INTO t VALUES (1, 2);', "INSERT INTO t FROM INFILE 'p' FORMAT Values", ' (1, 2);'],
    [
      "INSERT INTO t SETTINGS x = 'FORMAT', y=1 FORMAT CSV \r\na",
      "INSERT INTO t FROM INFILE 'p' SETTINGS x = 'FORMAT', y=1 FORMAT CSV",
      'a',
    ],
    [
      'INSERT INTO TABLE FUNCTION f(1, g(2)) VALUES (1)',
      "INSERT INTO TABLE FUNCTION f(1, g(2)) FROM INFILE 'p' FORMAT Values",
      ' (1)',
    ],
    [
      'INSERT INTO {t:Identifier} (a) FORMAT TSV\n1',
      "INSERT INTO {t:Identifier} (a) FROM INFILE 'p' FORMAT TSV",
      '1',
    ],
    [
      "INSERT INTO t SELECT a FROM input('a Int8') FORMAT CSV\n1",
      "INSERT INTO t SELECT a FROM file('p', 'CSV', 'a Int8')",
      '1',
    ],
    [
      "INSERT INTO t (a) SELECT x FROM (SELECT x FROM input('x Int8')) FORMAT CSV\n1",
      "INSERT INTO t (a) SELECT x FROM (SELECT x FROM file('p', 'CSV', 'x Int8'))",
      '1',
    ],
  ])('%s', (text, sql, data) => {
    const found = insert(text);
    expect(found).toEqual({ sql: expect.any(String), data });
    expect(typeof found === 'string' ? '' : found.sql.trim()).toBe(sql);
  });

  it.each([
    'INSERT INTO t SELECT 1',
    'INSERT INTO t (a) (SELECT 1)',
    "INSERT INTO t SELECT 'FORMAT CSV 1'",
    'INSERT INTO t WITH 1 AS x SELECT x FORMAT Null',
    'SELECT 1 FORMAT CSV\n1',
    'INSERT INTO t',
  ])('there are none in %s', (text) => {
    expect(insert(text)).toBe('none');
  });

  it('asks for more bytes at every cut before the data, and never after', () => {
    const whole = 'INSERT INTO db.t (a, b) SETTINGS x = 1 FORMAT JSONEachRow\n{"a":1}';
    const dataAt = whole.indexOf('{"a"');
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const head = findInsertData(whole.slice(0, cut), false);
      if (cut < dataAt) expect([cut, head.state]).toEqual([cut, 'more']);
      else expect(head).toMatchObject({ state: 'data', dataAt, format: 'JSONEachRow' });
    }
  });

  it('refuses a semicolon between the head and the data', () => {
    expect(() => insert('INSERT INTO t FORMAT CSV ;\n1')).toThrow(/excessive ';'/);
    expect(insert('INSERT INTO t FORMAT CSV\n;1')).toMatchObject({ data: ';1' });
  });
});
