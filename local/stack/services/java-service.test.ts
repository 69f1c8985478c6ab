import { expect, test } from 'vitest';
import { propertiesText } from './java-service.ts';

test('a properties file is Latin-1, with the escapes that Java reads', () => {
  expect(
    propertiesText({ port: 9092, 'log.dirs': ' /home/علی/C:\\x', pattern: '%d{ISO8601} %m%n' }),
  ).toBe(
    'port=9092\n' +
      'log.dirs=\\ /home/\\u0639\\u0644\\u06cc/C:\\\\x\n' +
      'pattern=%d{ISO8601} %m%n\n',
  );
});
