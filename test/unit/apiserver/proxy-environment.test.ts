/** Which proxy stands between, by the environment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findProxy } from '../../../src/apiserver/proxy-environment.ts';

const find = (server: string, environment: NodeJS.ProcessEnv): string | undefined =>
  findProxy(new URL(server), environment)?.href;

test('by scheme, in large or small letters, with or without a scheme of its own', () => {
  const environment = { HTTPS_PROXY: 'http://secure:3128', http_proxy: 'plain:3128' };
  assert.equal(find('https://10.0.0.1:6443', environment), 'http://secure:3128/');
  assert.equal(find('http://10.0.0.1:8080', environment), 'http://plain:3128/');
  assert.equal(find('https://10.0.0.1', {}), undefined);
});

test('the machine itself is never behind one', () => {
  for (const host of ['localhost', '127.0.0.1', '127.8.8.8', '[::1]']) {
    assert.equal(find(`https://${host}:6443`, { HTTPS_PROXY: 'http://p:1' }), undefined, host);
  }
});

test('NO_PROXY: networks, addresses, names, ports', () => {
  const isDirect = (server: string, list: string): boolean =>
    find(server, { HTTPS_PROXY: 'http://p:1', NO_PROXY: list }) === undefined;
  const cases: [string, string, boolean][] = [
    ['https://10.96.0.1', '10.0.0.0/8', true],
    ['https://11.96.0.1', '10.0.0.0/8', false],
    ['https://10.96.0.1', 'x.y,10.96.0.1', true],
    ['https://10.96.0.1:443', '10.96.0.1:443', true],
    ['https://10.96.0.1:6443', '10.96.0.1:443', false],
    ['https://[fd00::1]', 'fd00::/16', true],
    ['https://[fd00::1]', '[fd00::1]:443', true],
    ['https://[fe00::1]', 'fd00::/16', false],
    ['https://kubernetes.default.svc', 'svc', true],
    ['https://kubernetes.default.svc', '.svc', true],
    ['https://svc', '.svc', false],
    ['https://kubernetes.default.svc', '*.default.svc', true],
    ['https://kubernetes.default.svc', 'efault.svc', false],
    ['https://api.example', ' API.example , b', true],
    ['https://api.example', '*', true],
    ['https://api.example', '10.0.0.0/99,/8,:', false],
  ];
  for (const [server, list, expected] of cases) assert.equal(isDirect(server, list), expected, `${server} ${list}`);
});

test('what is no proxy of HTTP is refused, without its password', () => {
  assert.throws(() => find('https://10.0.0.1', { HTTPS_PROXY: 'socks5://me:secret@p:1080' }), {
    code: 'API_ACCESS',
    message: 'HTTPS_PROXY "socks5://…@p:1080": expected the URL of an http or https proxy',
  });
});
