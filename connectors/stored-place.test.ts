import { expect, test } from 'vitest';
import { parseStoredPlace } from './stored-place.ts';

const answer = (offset: string): string =>
  `{"offsets":[{"partition":{"server":"wickstream"},"offset":${offset}}]}`;

test('the place of a stream is read to its last digit', () => {
  const text = answer(
    '{"lsn_proc":1,"messageType":"COMMIT","lsn_commit":5,"lsn":9223372036854775807}',
  );
  expect(parseStoredPlace(text)).toEqual({
    lsn: 9_223_372_036_854_775_807n,
    isSnapshot: false,
    isCommitted: true,
  });
});

test('a first snapshot that is being taken is told apart', () => {
  const text = answer('{"last_snapshot_record":false,"lsn":34323504,"snapshot":"INITIAL"}');
  expect(parseStoredPlace(text)).toEqual({
    lsn: 34_323_504n,
    isSnapshot: true,
    isCommitted: false,
  });
});

test.each(['{"offsets":[]}', answer('null'), answer('{"txId":1}')])(
  'nothing is remembered in %s',
  (text) => {
    expect(parseStoredPlace(text)).toBeNull();
  },
);

test('numbers and braces inside of texts stay what they are', () => {
  const text = answer(String.raw`{"collections":"[{\"id\":12,\"x\":null}]","ts":1.5e3,"lsn":7}`);
  expect(parseStoredPlace(text)).toMatchObject({ lsn: 7n, isSnapshot: false });
});

test.each(['', '<html>', '{}', '{"offsets":[{"offset":{"lsn":-1}}]}'])(
  '"%s" is no answer of Connect',
  (text) => {
    expect(parseStoredPlace(text)).toBeUndefined();
  },
);

test('behind the last record lies the end of its transaction, which Debezium confirms', () => {
  const text = answer('{"lsn_proc":30853048,"lsn_commit":30854912,"lsn":30853048,"txId":7}');
  expect(parseStoredPlace(text)).toEqual({
    lsn: 30_854_912n,
    isSnapshot: false,
    isCommitted: true,
  });
});
