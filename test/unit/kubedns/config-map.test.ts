/** Every rule that kube-dns has for its ConfigMap. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigMapFault, readConfigMap, type ConfigMapData } from '../../../src/kubedns/config-map.ts';

function faultOf(data: ConfigMapData): string {
  try {
    readConfigMap(data);
  } catch (error) {
    assert.ok(error instanceof ConfigMapFault, String(error));
    assert.ok(error.message.startsWith(`${error.key}: `), error.message);
    return error.message;
  }
  return assert.fail(`accepted: ${JSON.stringify(data)}`);
}

const stubs = (value: unknown): ConfigMapData => ({ stubDomains: JSON.stringify(value) });
const upstreams = (value: unknown): ConfigMapData => ({ upstreamNameservers: JSON.stringify(value) });
const serversOf = (...servers: string[]) => readConfigMap(stubs({ corp: servers })).stubDomains[0]!.servers;

describe('ConfigMap kube-dns', () => {
  test('is nothing where it has no keys, and other keys are passed over', () => {
    assert.deepEqual(readConfigMap({}), { stubDomains: [], upstreams: [], federations: [] });
    assert.deepEqual(readConfigMap({ Corefile: '{', stubdomains: '{' }).stubDomains, []);
  });

  test('JSON has to parse, to the type that is meant', () => {
    for (const text of ['', '{', '{"a":["1.2.3.4"]} x', '["a"]', '"a"', '{"corp":"1.2.3.4"}', '{"corp":[1]}']) {
      assert.match(faultOf({ stubDomains: text }), /^stubDomains: /, text);
    }
    for (const text of ['', '{}', '"8.8.8.8"', '[8]', '8.8.8.8']) {
      assert.match(faultOf({ upstreamNameservers: text }), /^upstreamNameservers: /, text);
    }
    assert.deepEqual(readConfigMap({ stubDomains: ' null\n', upstreamNameservers: 'null' }).upstreams, []);
  });

  test('a stub domain is a DNS-1123 subdomain', () => {
    const zones = readConfigMap(stubs({ 'acme.local': [], corp: [], '10.in-addr.arpa': [] })).stubDomains;
    assert.deepEqual(
      zones.map(({ zone }) => zone),
      ['acme.local.', 'corp.', '10.in-addr.arpa.'],
    );
    for (const domain of ['Acme.local', 'acme.local.', '', 'a..b', '-a', 'a_b', '*.a', 'a b', 'a'.repeat(254)]) {
      assert.match(faultOf(stubs({ [domain]: ['1.2.3.4'] })), /^stubDomains: invalid domain name/, domain);
    }
  });

  test('a stub server is an IP, with a port or not, or a host name without one', () => {
    assert.deepEqual(serversOf('1.2.3.4', '1.2.3.4:5353', '[fd00::1]:53', 'fd00::1', '1.2.3.4:0'), [
      { kind: 'address', address: '1.2.3.4', port: 53 },
      { kind: 'address', address: '1.2.3.4', port: 5353 },
      { kind: 'address', address: 'fd00::1', port: 53 },
      { kind: 'address', address: 'fd00::1', port: 53 },
      { kind: 'address', address: '1.2.3.4', port: 0 },
    ]);
    assert.deepEqual(serversOf('ns.corp.example'), [{ kind: 'host', host: 'ns.corp.example' }]);
    assert.deepEqual(serversOf(), []);
    for (const server of ['ns.corp:53', '1.2.3.4:', '1.2.3.4:65536', '1.2.3.4:x', '[fd00::1]', 'Ns.corp', 'ns.', '']) {
      assert.match(faultOf(stubs({ corp: [server] })), /^stubDomains: invalid name server/, server);
    }
  });

  test('an upstream server is an IP, with a port from 1 on', () => {
    assert.deepEqual(readConfigMap(upstreams(['8.8.8.8', '1.1.1.1:5353', '[2001:db8::1]:53'])).upstreams, [
      { address: '8.8.8.8', port: 53 },
      { address: '1.1.1.1', port: 5353 },
      { address: '2001:db8::1', port: 53 },
    ]);
    for (const server of ['dns.google', '8.8.8.8:0', '8.8.8.8:65536', '8.8.8.8:', '']) {
      assert.match(faultOf(upstreams([server])), /^upstreamNameservers: invalid name server/, server);
    }
  });

  test('there are three upstream servers at most', () => {
    const four = ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'];
    assert.equal(readConfigMap(upstreams(four.slice(1))).upstreams.length, 3);
    assert.match(faultOf(upstreams(four)), /upstreamNameserver cannot have more than three entries/);
  });

  test('federations are pairs of a label and a domain, and no JSON', () => {
    assert.deepEqual(readConfigMap({ federations: ' prod=example.com , dev=dev.example.com ' }).federations, [
      { name: 'prod', domain: 'example.com' },
      { name: 'dev', domain: 'dev.example.com' },
    ]);
    assert.deepEqual(readConfigMap({ federations: ' ' }).federations, []);
    for (const text of ['prod', 'a=b.c,', '{"prod":"example.com"}']) {
      assert.match(faultOf({ federations: text }), /^federations: invalid format, must be key=value/, text);
    }
    for (const text of ['a.b=c', 'A=c', '=c', 'a=', 'a=C', 'a=b=c']) {
      assert.match(faultOf({ federations: text }), /^federations: .*expected a DNS-1123/, text);
    }
  });
});
