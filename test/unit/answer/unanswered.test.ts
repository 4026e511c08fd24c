/** What a block says when none of its plugins answers: CoreDNS 1.15.0 was asked the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorefileServer } from './corefile-server.ts';

for (const [plugins, rcode] of [
  ['', 'REFUSED'],
  ['root /\n debug\n bind 127.0.0.1\n reload\n health\n ready\n pprof\n timeouts {\n read 3s\n }', 'REFUSED'],
  ['errors', 'SERVFAIL'],
  ['log', 'SERVFAIL'],
  ['prometheus', 'SERVFAIL'],
  ['cache', 'SERVFAIL'],
  ['minimal', 'SERVFAIL'],
  ['loadbalance', 'SERVFAIL'],
  ['nsid', 'SERVFAIL'],
  ['metadata', 'SERVFAIL'],
  ['bufsize', 'SERVFAIL'],
  ['cancel', 'SERVFAIL'],
  ['header {\n response set ra\n }', 'SERVFAIL'],
  ['acl {\n allow\n }', 'SERVFAIL'],
] as const) {
  test(`a block with ${plugins.replaceAll(/\s+/g, ' ') || 'nothing'}: ${rcode}`, () => {
    const server = new CorefileServer(`a.test {\n ${plugins}\n}\nother.test {\n whoami\n}\n`);
    assert.deepEqual(server.ask('x.a.test A'), [rcode]);
    assert.deepEqual(server.ask('b.test A'), ['REFUSED']);
  });
}
