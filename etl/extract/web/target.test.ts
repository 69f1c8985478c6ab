import { describe, expect, test } from 'vitest';
import type { FetchPolicy } from './source.ts';
import { checkAddresses, checkTarget, rangeOf } from './target.ts';

const POLICY: FetchPolicy = {
  source: 'test',
  allowedHosts: ['rates.example', 'rates.example:8443', '127.0.0.1', '[::1]'],
  allowHttp: false,
  minimumIntervalMs: 0,
};
const HTTP = { ...POLICY, allowHttp: true };
const resolveTo =
  (...addresses: string[]) =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

describe('a place', () => {
  test.each([
    'https://rates.example/a?b=c',
    'https://RATES.example/',
    'https://rates.example:8443/',
  ])('%s may be asked', (url) => {
    expect(checkTarget(url, POLICY).host).toMatch(/^rates\.example/);
  });

  test.each([
    ['http://rates.example/', 'use https, or allow http'],
    ['ftp://rates.example/', 'the scheme "ftp:"'],
    ['file:///etc/passwd', 'the scheme "file:"'],
    ['data:text/html,x', 'the scheme "data:"'],
    ['https://user:secret@rates.example/', 'it carries a user'],
    ['https://rates.example@evil.example/', 'it carries a user'],
    ['https://evil.example/', 'the host "evil.example" is not among'],
    ['https://rates.example.evil.example/', 'is not among its allowed hosts'],
    ['https://evilrates.example/', 'is not among its allowed hosts'],
    ['https://rates.example./', 'is not among its allowed hosts'],
    ['https://rates.example:444/', 'the host "rates.example:444"'],
    ['https://rates.example\\@evil.example/', 'ok'],
  ])('%s may not be asked: %s', (url, why) => {
    // A backslash ends the host, for us as for the connection.
    if (why === 'ok') expect(checkTarget(url, POLICY).hostname).toBe('rates.example');
    else {
      expect(() => checkTarget(url, POLICY)).toThrow(
        expect.objectContaining({
          code: 'WICK_ETL_SOURCE_FORBIDDEN',
          message: expect.stringContaining(why),
        }),
      );
    }
  });

  test('is never told with the password in it', () => {
    expect(() => checkTarget('https://user:secret@rates.example/', POLICY)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('secret') }),
    );
  });

  test('that is no URL is a typed error', () => {
    expect(() => checkTarget('rates', POLICY)).toThrow(
      expect.objectContaining({ code: 'WICK_ETL_SOURCE_INVALID' }),
    );
  });

  test('written as a number, in octal or in hexadecimal is the same private place', () => {
    for (const host of ['2130706433', '0x7f000001', '0177.0.0.1', '127.1', '①②⑦.0.0.1']) {
      const url = checkTarget(`http://${host}/`, HTTP);
      expect(url.hostname, host).toBe('127.0.0.1');
    }
  });
});

/** Addresses by what they are; only the last two kinds may be connected to. */
const PRIVATE = [
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['0.0.0.0', 'unspecified'],
  ['10.0.0.1', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'carrierGradeNat'],
  ['100.127.255.254', 'carrierGradeNat'],
  ['169.254.169.254', 'linkLocal'],
  ['192.0.0.8', 'reserved'],
  ['192.0.2.1', 'reserved'],
  ['198.18.0.1', 'reserved'],
  ['203.0.113.5', 'reserved'],
  ['224.0.0.1', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:10.0.0.1', 'private'],
  ['::ffff:a9fe:a9fe', 'linkLocal'],
  ['64:ff9b::a00:1', 'rfc6052'],
  ['2002:a00:1::', '6to4'],
  ['2001::1', 'teredo'],
  ['2001:db8::1', 'reserved'],
  ['fc00::1', 'uniqueLocal'],
  ['fd12:3456::1', 'uniqueLocal'],
  ['fe80::1', 'linkLocal'],
  ['fe80::1%eth0', 'linkLocal'],
  ['fec0::1', 'deprecatedSiteLocal'],
  ['ff02::1', 'multicast'],
  ['100::1', 'discard'],
  ['5f00::1', 'segmentRouting'],
  ['4000::1', 'unassigned'],
  ['not-an-address', 'no address'],
] as const;

describe('an address', () => {
  test.each(PRIVATE)('%s is not public: %s', async (address, range) => {
    expect(rangeOf(address)).toBe(range);
    const url = new URL('https://rates.example/');
    const options = { resolve: resolveTo(address), allowLoopback: false };
    await expect(checkAddresses(url, POLICY, options)).rejects.toMatchObject({
      code: 'WICK_ETL_SOURCE_FORBIDDEN',
      message: expect.stringContaining(`is at ${address}, which is not public (${range})`),
    });
  });

  test.each(['8.8.8.8', '93.184.215.14', '2606:4700::1111', '::ffff:8.8.8.8'])(
    '%s is public',
    async (address) => {
      const url = new URL('https://rates.example/');
      const options = { resolve: resolveTo(address), allowLoopback: false };
      const [checked] = await checkAddresses(url, POLICY, options);
      expect(checked?.address).toBe(address);
    },
  );

  test('that is not public spoils the public ones beside it', async () => {
    const url = new URL('https://rates.example/');
    const options = { resolve: resolveTo('8.8.8.8', '10.0.0.1'), allowLoopback: false };
    await expect(checkAddresses(url, POLICY, options)).rejects.toMatchObject({
      code: 'WICK_ETL_SOURCE_FORBIDDEN',
    });
  });

  test('in place of a name is checked without asking a name server', async () => {
    const resolve = async () => {
      throw new Error('asked');
    };
    for (const host of ['http://127.0.0.1/', 'http://[::1]/', 'http://[::ffff:7f00:1]/']) {
      await expect(
        checkAddresses(new URL(host), HTTP, { resolve, allowLoopback: false }),
      ).rejects.toMatchObject({ code: 'WICK_ETL_SOURCE_FORBIDDEN' });
    }
  });

  test('of this machine is allowed where sources may be here, and no other private one', async () => {
    const url = new URL('https://rates.example/');
    const allowing = (address: string) =>
      checkAddresses(url, POLICY, { resolve: resolveTo(address), allowLoopback: true });
    await expect(allowing('127.0.0.1')).resolves.toEqual([{ address: '127.0.0.1', family: 4 }]);
    await expect(allowing('::1')).resolves.toEqual([{ address: '::1', family: 6 }]);
    await expect(allowing('169.254.169.254')).rejects.toThrow('linkLocal');
    await expect(allowing('10.0.0.1')).rejects.toThrow('private');
  });

  test('has to be there', async () => {
    const url = new URL('https://rates.example/');
    await expect(
      checkAddresses(url, POLICY, { resolve: resolveTo(), allowLoopback: false }),
    ).rejects.toMatchObject({ code: 'WICK_ETL_VENUE_HTTP', retryable: true });
  });
});
