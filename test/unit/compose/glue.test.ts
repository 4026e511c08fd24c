/** Addresses of the host name of a load balancer, which SRV records point at: asked upstream, and told in the same response. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterIp, namespace, reachable } from '../../cases/objects.ts';
import { ComposedServer, type UpstreamData } from './composed-server.ts';

const COREFILE = `.:53 {
 bind 127.0.0.1
 kubernetes cluster.local
 k8s_external out.test
 forward . 192.0.2.53
}`;
const OBJECTS = [namespace('shop'), reachable(clusterIp('shop/web', '10.96.0.5', 'http:80/TCP'), '', 'lb.example')];
const SRV = ['NOERROR aa', 'web.shop.out.test. 5 SRV 0 100 80 lb.example.'];

function askServer(upstream: UpstreamData, edns?: { readonly udpSize: number }) {
  const server = new ComposedServer({ corefile: COREFILE, upstream, objects: OBJECTS });
  const client = server.send('web.shop.out.test SRV', edns === undefined ? {} : { edns });
  server.settle();
  return { server, message: server.responseTo(client), lines: server.ask('web.shop.out.test SRV', edns && { edns }) };
}

test('of both families, with the CNAME records that lead to them once', () => {
  const { server, lines } = askServer({
    'lb.example. A': ['lb.example 60 CNAME a.lb.example', 'a.lb.example 30 A 198.51.100.1'],
    'lb.example. AAAA': ['lb.example 60 CNAME a.lb.example', 'a.lb.example 30 AAAA 2001:db8::1'],
  });
  assert.deepEqual(lines, [
    ...SRV,
    'additional lb.example. 60 CNAME a.lb.example.',
    'additional a.lb.example. 30 A 198.51.100.1',
    'additional a.lb.example. 30 AAAA 2001:db8::1',
  ]);
  assert.deepEqual(server.asked.slice(0, 2), ['lb.example. A', 'lb.example. AAAA']);
});

test('without an address, or where nobody knows, the response is whole all the same', () => {
  assert.deepEqual(askServer({}).lines, SRV);
  assert.deepEqual(askServer({ 'lb.example. A': 'NODATA', 'lb.example. AAAA': ['lb.example 9 AAAA ::1'] }).lines, [
    ...SRV,
    'additional lb.example. 9 AAAA ::1',
  ]);
  const failing = askServer({ 'lb.example. A': 'SERVFAIL' });
  assert.deepEqual(failing.lines, SRV);
  assert.equal(failing.server.asked.includes('lb.example. AAAA'), false);
});

test('all addresses of a family that fits, none of one that does not', () => {
  const many = (count: number, type: string, address: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => `lb.example 30 ${type} ${address(index + 1)}`);
  const { lines } = askServer({
    'lb.example. A': many(12, 'A', (index) => `198.51.100.${index}`),
    'lb.example. AAAA': many(12, 'AAAA', (index) => `2001:db8::${index}`),
  });
  assert.deepEqual(lines.slice(0, 2), SRV);
  assert.equal(lines.length, 2 + 12);
});
