import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerCookies } from '../../../src/answer/server-cookie.ts';

/** RFC 9018 appendix A: secret, client cookie, address, time, server cookie. */
const VECTORS = [
  {
    name: 'A.1: a new client, IPv4',
    secret: 'e5e973e5a6b2a43f48e7dc849e37bfcf',
    client: '2464c4abcf10c957',
    address: 'c6336464',
    time: 1_559_731_985,
    cookie: '010000005cf79f111f8130c3eee29480',
  },
  {
    name: 'A.3: another client, renewed',
    secret: 'e5e973e5a6b2a43f48e7dc849e37bfcf',
    client: 'fc93fc62807ddb86',
    address: 'cb0071cb',
    time: 1_559_734_700,
    cookie: '010000005cf7a9acf73a7810aca2381e',
  },
];

function octets(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

for (const vector of VECTORS) {
  test(`server cookie, RFC 9018 ${vector.name}`, () => {
    const cookies = new ServerCookies(octets(vector.secret));
    const peer = octets(vector.address);
    const out = new Uint8Array(24);
    cookies.write(out, 0, octets(vector.client), peer, 0, peer.length, vector.time);
    assert.equal(Buffer.from(out).toString('hex'), vector.client + vector.cookie);
    assert.equal(cookies.isValid(out, 24, peer, 0, peer.length, vector.time), true);
  });
}

function cookieOf(cookies: ServerCookies, peer: Uint8Array, timeSeconds: number): Uint8Array {
  const out = new Uint8Array(24);
  cookies.write(out, 0, octets('0102030405060708'), peer, 0, peer.length, timeSeconds);
  return out;
}

test('a server cookie is valid for an hour, and five minutes ahead of the clock', () => {
  const cookies = new ServerCookies(octets('00112233445566778899aabbccddeeff'));
  const peer = octets('7f000001');
  const cookie = cookieOf(cookies, peer, 1_000_000);
  assert.equal(cookies.isValid(cookie, 24, peer, 0, 4, 1_003_600), true);
  assert.equal(cookies.isValid(cookie, 24, peer, 0, 4, 1_003_601), false);
  assert.equal(cookies.isValid(cookie, 24, peer, 0, 4, 999_700), true);
  assert.equal(cookies.isValid(cookie, 24, peer, 0, 4, 999_699), false);
});

test('a server cookie is bound to the address, the secret and every octet of it', () => {
  const cookies = new ServerCookies(octets('00112233445566778899aabbccddeeff'));
  const peer = octets('7f000001');
  const cookie = cookieOf(cookies, peer, 1_000_000);
  assert.equal(cookies.isValid(cookie, 24, octets('7f000002'), 0, 4, 1_000_000), false);
  const others = new ServerCookies(octets('10112233445566778899aabbccddeeff'));
  assert.equal(others.isValid(cookie, 24, peer, 0, 4, 1_000_000), false);
  for (let index = 0; index < 24; index++) {
    const changed = Uint8Array.from(cookie);
    changed[index]! ^= 1;
    assert.equal(cookies.isValid(changed, 24, peer, 0, 4, 1_000_000), false, `octet ${index}`);
  }
});

test('an IPv6 client gets a cookie of its own', () => {
  const cookies = new ServerCookies(octets('00112233445566778899aabbccddeeff'));
  const peer = octets('20010db8000000000000000000000001');
  const cookie = cookieOf(cookies, peer, 1_000_000);
  assert.equal(cookies.isValid(cookie, 24, peer, 0, 16, 1_000_000), true);
  assert.equal(cookies.isValid(cookie, 24, octets('20010db8000000000000000000000002'), 0, 16, 1_000_000), false);
});
