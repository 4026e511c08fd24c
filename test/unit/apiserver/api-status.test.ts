/** What an answer says that is an error. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusFault } from '../../../src/apiserver/api-fault.ts';
import { readStatus } from '../../../src/apiserver/api-status.ts';
import { API_RESOURCES } from '../../../src/apiserver/resources.ts';

/** From a kube-apiserver 1.37: a watch with `resourceVersion=abc`. */
const PROTOBUF = Buffer.from(
  '6b3873000a0c0a0276311206537461747573126f0a060a0012001a0012074661696c7572651a577265736f75726365566572' +
    '73696f6e3a20496e76616c69642076616c75653a2022616263223a20737472636f6e762e506172736555696e743a20706172' +
    '73696e672022616263223a20696e76616c69642073796e746178220030f4031a002200',
  'hex',
);

test('a Status in JSON', () => {
  const body = {
    kind: 'Status',
    code: 429,
    reason: 'TooManyRequests',
    message: 'too many requests',
    details: { retryAfterSeconds: 3 },
  };
  assert.deepEqual(readStatus(Buffer.from(JSON.stringify(body)), 'application/json'), {
    code: 429,
    reason: 'TooManyRequests',
    message: 'too many requests',
    retryAfterSeconds: 3,
  });
});

test('a Status in protobuf', () => {
  const status = readStatus(PROTOBUF, 'application/vnd.kubernetes.protobuf');
  assert.equal(status.code, 500);
  assert.match(status.message, /^resourceVersion: Invalid value: "abc"/);
  assert.equal(status.retryAfterSeconds, undefined);
});

test('other texts, and what is cut, are quoted', () => {
  assert.equal(readStatus(Buffer.from('404 page\nnot found\n'), 'text/plain').message, '404 page not found');
  assert.equal(readStatus(Buffer.from('{"kind":"Sta'), 'application/json').message, '{"kind":"Sta');
  assert.match(readStatus(PROTOBUF.subarray(0, 40), 'application/vnd.kubernetes.protobuf').message, /^k8s/);
  assert.equal(readStatus(Buffer.from('[]'), 'application/json').message, '');
});

test('a page of a proxy is shortened', () => {
  const status = readStatus(Buffer.from('x'.repeat(10_000)), 'text/html');
  const { message } = statusFault({ resource: API_RESOURCES.Service, verb: 'list' }, { ...status, code: 502 });
  assert.match(message, /^cannot list services: HTTP 502: x{400}…$/);
});
