/** What an HTTP request asks, and which status says what is wrong with it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DOH_MESSAGE_MAX, readDohRequest } from '../../../src/resolver/doh-request.ts';

const MESSAGE = Buffer.from('abcd0100000100000000000003777777076578616d706c6503636f6d0000010001', 'hex');
const ENCODED = MESSAGE.toString('base64url');
const TYPE = 'application/dns-message';

const head = (method: string, target: string, contentType?: string, contentLength?: string) =>
  readDohRequest({ method, target, contentType, contentLength });

for (const target of [
  `/dns-query?dns=${ENCODED}`,
  `/dns-query?ct=application/dns-message&dns=${ENCODED}`,
  `/dns-query?dns=%${ENCODED.charCodeAt(0).toString(16)}${ENCODED.slice(1)}`,
]) {
  test(`GET ${target.slice(0, 40)}… has the message`, () => {
    const request = head('GET', target);
    assert.ok(request.kind === 'message');
    assert.deepEqual(Buffer.from(request.message), MESSAGE);
  });
}

for (const type of [TYPE, 'Application/DNS-Message', `${TYPE}; charset=x`]) {
  test(`POST of ${type} has it in its body`, () => {
    assert.deepEqual(head('POST', '/dns-query', type, '33'), { kind: 'body' });
    assert.deepEqual(head('POST', '/dns-query?x=1', type), { kind: 'body' });
  });
}

for (const [status, what, ...request] of [
  [404, 'the root', 'GET', `/?dns=${ENCODED}`],
  [404, 'another path', 'POST', '/dns-query/', TYPE],
  [404, 'a longer path', 'GET', '/dns-queryx'],
  [404, 'an absolute target', 'GET', 'http://a/dns-query'],
  [404, 'all of the server', 'OPTIONS', '*'],
  [405, 'PUT', 'PUT', '/dns-query', TYPE],
  [405, 'HEAD', 'HEAD', `/dns-query?dns=${ENCODED}`],
  [405, 'a method in lower case', 'get', `/dns-query?dns=${ENCODED}`],
  [415, 'no type', 'POST', '/dns-query'],
  [415, 'another type', 'POST', '/dns-query', 'application/dns-json'],
  [415, 'a type that begins alike', 'POST', '/dns-query', `${TYPE}x`],
  [413, 'a body that is announced too large', 'POST', '/dns-query', TYPE, String(DOH_MESSAGE_MAX + 1)],
  [413, 'a message that is too large', 'GET', `/dns-query?dns=${'A'.repeat(8000)}`],
  [400, 'no query', 'GET', '/dns-query'],
  [400, 'another query', 'GET', '/dns-query?name=example.com'],
  [400, 'an empty message', 'GET', '/dns-query?dns='],
  [400, 'padding characters', 'GET', `/dns-query?dns=${ENCODED}=`],
  [400, 'padding characters in disguise', 'GET', `/dns-query?dns=${ENCODED}%3D`],
  [400, 'plain base64', 'GET', '/dns-query?dns=ab%2Bc'],
  [400, 'half an octet', 'GET', '/dns-query?dns=AAAAA'],
  [400, 'two messages', 'GET', `/dns-query?dns=${ENCODED}&dns=${ENCODED}`],
] as const) {
  test(`${status} for ${what}`, () => {
    const [method, target, type, length] = request;
    const found = head(method, target, type, length);
    assert.equal(found.kind === 'fault' && found.status, status);
  });
}
