/** Signatures: what other programs sign is right here, and what is signed here is what they would sign. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { TsigKeys } from '../../../src/tsig/tsig-keys.ts';
import { verifyRequest, type TsigSession } from '../../../src/tsig/tsig-session.ts';
import { TSIG_ERROR } from '../../../src/tsig/tsig-record.ts';
import { decodeStrictly } from '../../wire/strict-message.ts';
import { clientKey, ResponseVerifier, signQuery } from '../../wire/tsig-client.ts';
import { SECRET, SIGNED_REQUESTS, SIGNED_RESPONSES } from './signed-messages.ts';

const KEYS = new TsigKeys([{ name: 'KEY.example.', secret: SECRET }]);
const QUERY = Buffer.from('1234010000010000000000000377777707457861' + '6d706c6503636f6d0000010001', 'hex');
const LATER_MS = 1_795_649_999_000;

/** Where the last record starts. */
function lastRecordAt(message: Uint8Array): number {
  const view = Buffer.from(message);
  const skip = (start: number): number => {
    let at = start;
    while (view[at]! > 0) {
      if (view[at]! >= 0xc0) return at + 2;
      at += view[at]! + 1;
    }
    return at + 1;
  };
  let at = skip(12) + 4;
  let last = 0;
  for (let left = view.readUInt16BE(6) + view.readUInt16BE(8) + view.readUInt16BE(10); left > 0; left--) {
    last = at;
    at = skip(at);
    at += 10 + view.readUInt16BE(at + 8);
  }
  return last;
}

function timeSignedOf(message: Buffer): number {
  return new ResponseVerifier(clientKey('key.example', 'sha256', SECRET), Buffer.alloc(0)).verify(message)!.timeSigned;
}

/** Verified where it does not start at the beginning of its octets, as in an arena. */
function verify(message: Uint8Array, nowSeconds: number, keys = KEYS): TsigSession | undefined {
  const octets = new Uint8Array(message.length + 64);
  octets.set(message, 40);
  const recordAt = 40 + lastRecordAt(message);
  return verifyRequest({ octets, at: 40, size: message.length, recordAt }, keys, nowSeconds);
}

for (const { by, message } of SIGNED_REQUESTS) {
  test(`what ${by} signs is right, for as long as its clock may differ, and wrong when any octet is another`, () => {
    const octets = Buffer.from(message, 'hex');
    const signedAt = timeSignedOf(octets);
    assert.equal(verify(octets, signedAt)?.error, TSIG_ERROR.NONE);
    assert.equal(verify(octets, signedAt + 300)?.error, TSIG_ERROR.NONE);
    assert.equal(verify(octets, signedAt - 301)?.error, TSIG_ERROR.BADTIME);
    assert.equal(verify(octets, signedAt + 301)?.error, TSIG_ERROR.BADTIME);
    const recordAt = lastRecordAt(octets);
    // The id may be another: what is signed is the one it had, which the record holds.
    for (let at = 2; at < recordAt; at++) {
      // Counts and label sizes decide where the record is.
      if (at >= 4 && at < 12) continue;
      const changed = Buffer.from(octets);
      changed[at]! ^= 0x20;
      const session = verifyRequest({ octets: changed, at: 0, size: changed.length, recordAt }, KEYS, signedAt);
      assert.equal(session?.error, TSIG_ERROR.BADSIG, `octet ${at}`);
    }
  });
}

test('a record that is cut or has octets too many anywhere is no record, and nothing throws', () => {
  const octets = Buffer.from(SIGNED_REQUESTS[3]!.message, 'hex');
  const recordAt = lastRecordAt(octets);
  for (let size = recordAt; size < octets.length; size++) {
    assert.equal(verifyRequest({ octets, at: 0, size, recordAt }, KEYS, 0), undefined);
  }
  const longer = Buffer.concat([octets, Buffer.alloc(1)]);
  assert.equal(verifyRequest({ octets: longer, at: 0, size: longer.length, recordAt }, KEYS, 0), undefined);
  for (let at = recordAt; at < octets.length; at++) {
    for (const value of [0, 1, 0x3f, 0x40, 0xc0, 0xff]) {
      const changed = Buffer.from(octets);
      changed[at] = value;
      if (value === octets[at]) continue;
      const session = verifyRequest(
        { octets: changed, at: 0, size: changed.length, recordAt },
        KEYS,
        timeSignedOf(octets),
      );
      // Id, TTL and letter case of names are not signed.
      if (session?.error === TSIG_ERROR.NONE) assert.ok(at - recordAt >= 17 && at - recordAt <= 20, `octet ${at}`);
    }
  }
});

test('a key or an algorithm that is not known is BADKEY, and another secret BADSIG: neither answer is signed', () => {
  const message = Buffer.from(SIGNED_REQUESTS[3]!.message, 'hex');
  const other = new TsigKeys([{ name: 'other.example', secret: SECRET }]);
  const wrong = new TsigKeys([{ name: 'key.example', secret: 'AAAA' }]);
  const unusable = new TsigKeys([{ name: 'key.example', secret: 'no base64!' }]);
  const unknownHash = Buffer.from(message);
  unknownHash.set(Buffer.from('hmac-sha255'), message.indexOf('hmac-sha256'));
  const now = timeSignedOf(message);
  assert.equal(verify(message, now, other)?.error, TSIG_ERROR.BADKEY);
  assert.equal(verify(message, now, unusable)?.error, TSIG_ERROR.BADKEY);
  assert.equal(verify(unknownHash, now)?.error, TSIG_ERROR.BADKEY);
  const session = verify(message, now, wrong)!;
  assert.equal(session.error, TSIG_ERROR.BADSIG);
  const response = Buffer.alloc(QUERY.length + session.recordSize);
  QUERY.copy(response);
  const size = session.sign(response, 0, QUERY.length);
  assert.equal(size, response.length);
  const signature = new ResponseVerifier(clientKey('key.example', 'sha256', SECRET), Buffer.alloc(0)).verify(response)!;
  assert.deepEqual([signature.error, signature.macSize], [TSIG_ERROR.BADSIG, 0]);
});

test('a MAC may be cut to half of it and to ten octets; shorter or longer is no signature', () => {
  const key = clientKey('key.example', 'sha256', SECRET);
  const now = 1_700_000_000;
  for (const [macSize, isTaken] of [
    [32, true],
    [31, true],
    [16, true],
    [15, false],
    [0, false],
  ] as const) {
    const { message } = signQuery(QUERY, key, now, macSize);
    assert.equal(verify(message, now)?.error, isTaken ? TSIG_ERROR.NONE : undefined, `${macSize} octets`);
  }
  const md5 = clientKey('key.example', 'md5', SECRET);
  assert.equal(verify(signQuery(QUERY, md5, now, 10).message, now)?.error, TSIG_ERROR.NONE);
  assert.equal(verify(signQuery(QUERY, md5, now, 9).message, now), undefined);
  const { message } = signQuery(QUERY, md5, now);
  const longer = Buffer.concat([message.subarray(0, -6), Buffer.alloc(1), message.subarray(-6)]);
  const recordAt = lastRecordAt(message);
  const macSizeAt = message.length - 6 - 16 - 2;
  longer.writeUInt16BE(17, macSizeAt);
  longer.writeUInt16BE(longer.readUInt16BE(recordAt + 13 + 8) + 1, recordAt + 13 + 8);
  assert.equal(verifyRequest({ octets: longer, at: 0, size: longer.length, recordAt }, KEYS, now), undefined);
});

test('a response with an empty padding option is filled before it is signed, so that the whole has 468 octets', () => {
  const key = clientKey('key.example', 'sha256', SECRET);
  const { message, mac } = signQuery(QUERY, key, 1_700_000_000);
  const session = verify(message, 1_700_000_000)!;
  const response = Buffer.alloc(2000);
  const unsigned = Buffer.concat([QUERY, Buffer.of(0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 12, 0, 0)]);
  unsigned[2]! |= 0x80;
  unsigned[11] = 1;
  unsigned.copy(response, 40);
  const size = session.sign(response, 40, unsigned.length);
  assert.equal(size, 468);
  const signed = response.subarray(40, 40 + size);
  assert.equal(new ResponseVerifier(key, mac).verify(signed)?.isRight, true);
  assert.deepEqual(
    decodeStrictly(signed).opt!.options.map(({ code }) => code),
    [12],
  );
});

for (const { what, request, response } of SIGNED_RESPONSES) {
  test(`the answer to a request (${what}) is signed octet by octet as CoreDNS does`, () => {
    const expected = Buffer.from(response, 'hex');
    const signedAt = what === 'badsig' || what === 'late' ? 1_795_649_401 : timeSignedOf(expected);
    const isLate = what === 'late';
    const other = isLate ? expected.readUIntBE(expected.length - 6, 6) : signedAt;
    mock.timers.enable({ apis: ['Date'], now: other * 1000 });
    try {
      const session = verify(Buffer.from(request, 'hex'), other)!;
      const recordAt = lastRecordAt(expected);
      const octets = Buffer.alloc(recordAt + session.recordSize);
      expected.copy(octets, 0, 0, recordAt);
      octets[11]! -= 1;
      assert.equal(session.sign(octets, 0, recordAt), octets.length);
      assert.equal(octets.toString('hex'), response);
    } finally {
      mock.timers.reset();
    }
  });
}

test('each message of a response is signed with the one before it', () => {
  const key = clientKey('key.example', 'sha384', SECRET);
  const { message, mac } = signQuery(QUERY, key);
  const session = verify(message, Math.floor(Date.now() / 1000))!;
  const verifier = new ResponseVerifier(key, mac);
  for (let index = 0; index < 4; index++) {
    const octets = Buffer.alloc(QUERY.length + session.recordSize);
    QUERY.copy(octets);
    octets[2] = 0x85;
    session.sign(octets, 0, QUERY.length);
    assert.equal(verifier.verify(octets)?.isRight, true, `message ${index}`);
  }
});

test('a truncated response is its question and OPT, without rcode, and signed', () => {
  mock.timers.enable({ apis: ['Date'], now: LATER_MS });
  try {
    const key = clientKey('key.example', 'sha256', SECRET);
    const { message, mac } = signQuery(QUERY, key);
    const session = verify(message, LATER_MS / 1000)!;
    const address = Buffer.from('c00c000100010000012c0004c0000201', 'hex');
    const opt = Buffer.from('00002904d000000000000c000a00085cf9b994b0efc253', 'hex');
    const response = Buffer.concat([QUERY, address, address, opt, Buffer.alloc(session.recordSize)]);
    response.writeUInt16BE(0x8703, 2);
    response.writeUInt16BE(1, 6);
    response.writeUInt16BE(1, 8);
    response.writeUInt16BE(1, 10);
    const size = session.sign(response, 0, response.length - session.recordSize);
    const signed = response.subarray(0, size);
    assert.equal(size, QUERY.length + opt.length + session.recordSize);
    assert.deepEqual(signed.subarray(QUERY.length, QUERY.length + opt.length), opt);
    assert.equal(signed.readUInt16BE(2), 0x8700);
    assert.deepEqual(
      [6, 8, 10].map((at) => signed.readUInt16BE(at)),
      [0, 0, 2],
    );
    assert.equal(new ResponseVerifier(key, mac).verify(signed)?.isRight, true);
  } finally {
    mock.timers.reset();
  }
});
