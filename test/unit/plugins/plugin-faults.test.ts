/** What is wrong with a directive is said with the plugin's name and at the word that is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SkyshardError } from '../../../src/base/skyshard-error.ts';
import { PLUGIN_NAMES } from '../../../src/plugins/order.ts';
import { faultOf, read } from './corefile-fixture.ts';

/** The directive starts at 2:3; options of a block are the lines from 3 on, from column 1. */
const CASES: readonly (readonly [lines: string, place: string, says: RegExp])[] = [
  ['root', '2:3', /plugin\/root: Wrong argument count or unexpected line ending after 'root', expected 'root PATH'/],
  ['metadata {\na\n}', '3:1', /plugin\/metadata: unknown property 'a'/],
  ['metadata\nmetadata', '3:1', /plugin\/metadata: Wrong argument count/],
  ['cancel 0', '2:10', /plugin\/cancel: duration '0'/],
  ['cancel 5', '2:10', /invalid duration '5'/],
  ['proxyproto {\nfoo\n}', '3:1', /plugin\/proxyproto: unknown option 'foo'/],
  ['proxyproto {\nallow 10.0.0.1\n}', '3:7', /invalid network '10\.0\.0\.1', expected ADDRESS\/LENGTH/],
  ['proxyproto {\ndefault maybe\n}', '3:9', /policy 'maybe' not supported/],
  ['proxyproto {\nudp_session_tracking 1s 0\n}', '3:25', /max sessions 0 is out of range/],
  ['https {\nmax_streams 1\nmax_streams 1\n}', '4:1', /max_streams already defined/],
  ['https {\nmax_connections -1\n}', '3:17', /max_connections -1 is out of range/],
  ['timeouts', '2:3', /timeouts block with no timeouts specified/],
  ['timeouts {\nfoo 1s\n}', '3:1', /unknown option: 'foo'/],
  ['timeouts {\nread 25h\n}', '3:6', /out of range, expected 1s to 24h/],
  ['timeouts {\nmaxtcpqueries 0\n}', '3:15', /-1 \(unlimited\) or a positive/],
  ['multisocket 0', '2:15', /num sockets 0 is out of range, expected a number from 1 to 1024/],
  ['multisocket 1\nmultisocket 2', '3:1', /once per server block/],
  ['reload 0', '2:10', /out of range, expected at least 2s/],
  ['reload 3s 0.5s', '2:13', /jitter value must be 0 or greater or equal to 1s/],
  ['nsid\nnsid', '3:1', /plugin\/nsid: this plugin can only be used once per Server Block.*Corefile:2:3/],
  ['bufsize 511', '2:11', /bufsize 511 is out of range/],
  ['bind', '2:3', /at least one address or interface name is expected/],
  ['bind eth7', '2:8', /not a valid IP address or interface name: 'eth7', there are lo, eth0/],
  ['bind lo {\nfoo\n}', '3:1', /invalid option "foo"/],
  ['bind lo {\nexcept lo\n}', '2:3', /no address is left/],
  ['debug yes', '2:9', /Wrong argument count or unexpected line ending after 'yes'/],
  ['ready bla', '2:9', /missing or bad port/],
  ['ready {\nmonitor never\n}', '3:9', /monitor type 'never' not supported, expected one of until-ready, continuously/],
  ['health :8080 {\nlameduck 5\n}', '3:10', /invalid duration '5' for lameduck/],
  ['health {\nlameduck\n}', '3:1', /expected 'lameduck DURATION'/],
  ['prometheus 9153', '2:14', /expected HOST:PORT or :PORT/],
  ['prometheus {\nfoo\n}', '3:1', /unknown option: foo/],
  ['errors file', '2:10', /invalid log file: 'file', expected stdout/],
  ['errors {\nfoo\n}', '3:1', /Unexpected token 'foo', expecting 'Unknown field foo'/],
  ['errors {\nconsolidate 1m a show_first error\n}', '3:29', /log level must come before show_first/],
  ['errors {\nconsolidate 1m a error info\n}', '3:24', /multiple log levels/],
  ['errors {\nconsolidate 1m [\n}', '3:16', /invalid regex '\['/],
  ['errors {\nconsolidate 1m ' + 'a'.repeat(10_001) + '\n}', '3:16', /too long: 10001 > 10000/],
  ['log . {\nclass most\n}', '3:7', /class 'most' not supported/],
  ['log . {\nfoo\n}', '3:1', /unknown property 'foo', expected one of class/],
  ['local {\nlocalhost_prefix maybe\n}', '3:18', /'maybe' not supported, expected one of on, off/],
  ['dns64 64:ff9b::/97', '2:9', /invalid prefix length/],
  ['dns64 10.0.0.0/8', '2:9', /expected an IPv6 network/],
  ['siit {\neam ::1 192.0.2.1\n}', '3:5', /invalid IPv4 address: '::1'/],
  ['siit {\nipv6_prefix 2001:db8:0:0:100::/96\n}', '3:13', /reserved octet/],
  ['any {\nfoo\n}', '3:1', /unknown property 'foo'/],
  ...['any', 'debug', 'loop', 'minimal', 'multisocket', 'nsid', 'whoami'].map(
    (name) => [`${name} {\n}`, '2:3', new RegExp(`plugin/${name}: unexpected token '\\{' after '${name}'`)] as const,
  ),
  ['root / {\n}', '2:8', /unexpected token '\{' after '\/': 'root' takes no block/],
  ['autopath @kubernetes {\n}', '2:12', /unexpected token '\{' after '@kubernetes'/],
  ['rewrite name a b {\n}', '2:18', /unexpected token '\{' after 'b'/],
  ['whoami x', '2:10', /expected 'whoami'/],
  ['loadbalance fastest', '2:15', /unknown policy: 'fastest'/],
  ['loadbalance weighted', '2:15', /missing weight file/],
  ['loadbalance weighted none {\nreload 0\n}', '2:24', /weight file not found/],
  ['loadbalance weighted w {\nprefer 10.0.0.0/8\n}', '3:1', /unknown property 'prefer'/],
  ['loadbalance weighted bad', '2:24', /line 1: expected a domain name before/],
  ['loop x', '2:8', /expected 'loop'/],
  ['header', '2:3', /no rule/],
  ['header {\nresponse set ad\n}', '3:14', /unknown\/unsupported flag='ad'/],
  ['tsig {\nsecret a AQID\nsecret A. AQID\n}', '4:8', /key 'a\.' redefined/],
  ['tsig {\nrequire X\n}', '3:9', /'X' is not a valid record type/],
  ['tsig {\nsecrets none\n}', '3:9', /key file not found/],
  ['autopath', '2:3', /no resolv-conf specified/],
  ['autopath @hosts\nhosts', '2:12', /does not implement the AutoPather interface/],
  ['acl {\npermit\n}', '3:1', /unexpected token "permit"; expect 'allow', 'block', 'filter' or 'drop'/],
  ['acl {\nblock A\n}', '3:7', /unexpected token 'A'; expect 'type \| net'/],
  ['acl {\nblock type net 10.0.0.0/8\n}', '3:7', /no token specified in "type" section/],
  ['acl {\nblock type a\n}', '3:12', /in capitals/],
  ['cache {\nsuccess\n}', '3:1', /expected 'success CAPACITY \[TTL \[MINTTL\]\]'/],
  ['cache {\nsuccess 1 0\n}', '3:11', /cache TTL 0 is out of range/],
  ['cache {\nprefetch 1 1m 5%\n}', '3:15', /percentage 5 is out of range, expected a number from 10 to 90/],
  ['cache {\nprefetch 1 1m 50\n}', '3:15', /last character of percentage/],
  ['cache {\nserve_stale 1h immediate 1s 1s 1s\n}', '3:32', /Wrong argument count/],
  ['cache {\nserve_stale 1h verify 1s 1.5s\n}', '3:26', /whole number of seconds/],
  ['cache {\nserve_stale 1h immediate 1s 6m\n}', '3:29', /out of range, expected 0 to 5m/],
  ['cache {\nserve_stale_policy prefer_positive\n}', '3:20', /requires serve_stale/],
  ['cache {\nservfail 6m\n}', '3:10', /out of range, expected 0 to 5m/],
  ['cache {\ndisable all\n}', '3:9', /must be "success" or "denial"/],
  ['cache\ncache', '3:1', /once per Server Block/],
  ['dnssec {\nkey file none\n}', '3:10', /key file not found: '\/etc\/coredns\/none\.key'/],
  ['tls cert.pem', '2:7', /expected 'tls CERT KEY \[CA\]'/],
  ['tls none.pem key.pem', '2:7', /certificate file not found/],
  ['tls cert.pem cert.pem', '2:16', /holds no private key in PEM/],
  ['tls {\nacme a\nacme b\n}', '4:1', /ACME option "acme" can only be specified once/],
  ['tls {\nfoo a\n}', '3:1', /unknown ACME option "foo"/],
  ['transfer', '2:3', /'to' is required/],
  ['transfer {\nto a.test\n}', '3:4', /must specify an IP address/],
  ['transfer {\nto 10.0.0.0/33\n}', '3:4', /invalid to .10\.0\.0\.0\/33./],
  ['hosts {\nreload -1s\n}', '3:8', /out of range/],
  ['hosts {\nfallthrough_unsupported\n}', '2:3', /requires fallthrough/],
  ['k8s_external', '2:3', /kubernetes plugin not loaded/],
  ['kubernetes\nk8s_external {\nttl 3601\n}', '4:5', /ttl 3601 is out of range, expected a number from 0 to 3600/],
  [
    'kubernetes {\npods some\n}',
    '3:6',
    /wrong value for pods: 'some' not supported, expected one of disabled, insecure, verified/,
  ],
  ['kubernetes {\nlabels a b\n}', '3:8', /unable to parse label selector/],
  ['kubernetes {\nkubeconfig none\n}', '3:12', /kubeconfig not found/],
  ['kubernetes {\nzonal\nnoendpoints\n}', '2:3', /zonal requires the endpoint cache/],
  ['kubernetes {\nbogus\n}', '3:1', /unknown property 'bogus', expected one of endpoint/],
  ['file', '2:3', /expected 'file DB \[ZONES…\]'/],
  ['file none {\nreload 0\n}', '2:8', /zone file not found/],
  ['file broken', '2:8', /does not parse: \/etc\/coredns\/broken:1:6: expected a record type/],
  ['auto {\ndirectory zones x.* {1}\n}', '3:17', /at least one sub expression/],
  ['auto {\ndirectory zones (x)\n}', '3:17', /Wrong argument count/],
  ['secondary', '2:3', /transfer from property/],
  ['secondary {\ntransfer from *\n}', '3:15', /can't use '\*'/],
  ['etcd {\ncredentials a\n}', '3:13', /expected 'credentials USER PASSWORD'/],
  ['etcd {\nfoo\n}', '3:1', /unknown property 'foo'/],
  ['forward', '2:3', /expected 'forward FROM TO…'/],
  ['forward .', '2:11', /expected 'forward FROM TO…'/],
  ['forward a..b 192.0.2.1', '2:11', /unable to normalize 'a\.\.b'/],
  ['forward . https://192.0.2.1/x', '2:13', /paths are not allowed/],
  ['forward . 192.0.2.1:99999', '2:13', /not an IP address, file, or valid domain/],
  ['forward . grpc://192.0.2.1', '2:13', /'grpc' is not supported as a destination protocol/],
  [
    `forward . ${Array.from({ length: 16 }, (_, index) => `192.0.2.${index}`).join(' ')}`,
    '2:168',
    /more than 15 TOs configured: 16/,
  ],
  ['forward . tls://192.0.2.1%a {\ntls_servername b\n}', '2:13', /both forward \('b'\) and proxy level \('a'\)/],
  ['forward . 192.0.2.1 {\nmax_age 5s\n}', '2:3', /max_age \(5000ms\) must not be less than expire/],
  ['forward . 192.0.2.1 {\npolicy best\n}', '3:8', /unknown policy 'best' not supported/],
  ['forward . 192.0.2.1 {\nfailover NOERROR\n}', '3:10', /NoError cannot be used/],
  ['forward . 192.0.2.1 {\nread_timeout 0\n}', '3:14', /out of range/],
  ['forward . empty', '2:13', /no valid upstream addresses found/],
  ['rewrite', '2:3', /no rule type specified/],
  ['rewrite stop', '2:11', /must begin with a rule type/],
  ['rewrite answer name a b', '2:11', /must begin with a name rule/],
  ['rewrite foo a b', '2:11', /invalid rule type 'foo'/],
  ['rewrite name fuzzy a b', '2:16', /unknown kind of match 'fuzzy'/],
  ['rewrite name regex (a) {1}{2}', '2:26', /uses more subexpressions/],
  ['rewrite name regex a {0}', '2:24', /uses more subexpressions/],
  ['rewrite name prefix a b metadata', '2:27', /only supported for regex/],
  ['rewrite name regex a {x} metadata', '2:24', /invalid metadata label 'x'/],
  ['rewrite name regex a b} metadata', '2:24', /unmatched closing brace/],
  ['rewrite name regex a b answer auto answer name c d', '2:26', /cannot be combined/],
  ['rewrite ttl a -', '2:17', /invalid TTL '-'/],
  ['rewrite rcode a NOERROR 24', '2:27', /'24' is not a valid rcode/],
  ['rewrite cname regex [ a', '2:23', /invalid regex/],
  ['rewrite edns0 local set 0x1ffff a', '2:27', /invalid option code/],
  ['rewrite edns0 local set 1 0xabc', '2:29', /invalid hexadecimal/],
  ['rewrite edns0 local set 1 {foo}', '2:29', /unsupported variable name '\{foo\}'/],
  ['rewrite edns0 local unset 1 a', '2:31', /Wrong argument count/],
  ['rewrite edns0 subnet set 33 0', '2:28', /invalid IPv4 bit mask length/],
  ['template in A', '2:12', /'in' is not a valid class.*in capitals/],
  ['template IN a', '2:15', /'a' is not a valid record type/],
  ['template IN A {\nanswer "{{ .Name"\n}', '3:8', /could not compile template: unclosed action.*character 1/],
  ['template IN A {\nmatch (\n}', '3:7', /invalid regex/],
  ['template IN A {\nrcode NOPE\n}', '3:7', /'NOPE' is not a valid rcode/],
  ['template IN A {\nederror 65536\n}', '3:9', /out of range/],
  ['template IN A {\nvar type 1\n}', '3:5', /variable name "type" is reserved/],
  ['template IN A {\nvar a 1\nvar a 2\n}', '4:5', /variable name "a" is reserved/],
  ['template IN A {\nexpr b\n}', '3:6', /unknown name b/],
  ['template IN A {\nfoo\n}', '3:1', /Wrong argument count or unexpected line ending after 'foo'/],
  ['view v {\nexpr type(\n}', '3:6', /could not compile expression: unexpected the end/],
  ['view a b', '2:10', /expected 'view NAME'/],
];

const FILES = { bad: '192.0.2.1 3\n', w: 'a\n', broken: 'this is no zone file at all\n', empty: '' };

for (const [lines, place, says] of CASES) {
  test(`refuse ${lines.slice(0, 60)}`, () => {
    const fault = faultOf(lines, FILES);
    assert.match(fault, says);
    assert.match(fault, /^CONFIG_(?:ARGUMENT|CONFLICT) /);
    const plugin = /^\w+/.exec(lines)![0];
    const named = fault.split(' ')[2]!;
    assert.equal(`${fault.split(' ')[1]}`, `${place}:`, fault);
    assert.ok(named === `plugin/${plugin}:` || lines.includes('k8s_external'), fault);
  });
}

test('an unknown option of any plugin with options is refused with plugin, line and column', () => {
  for (const name of PLUGIN_NAMES) {
    const heads: Readonly<Record<string, string>> = {
      cache: 'cache 30',
      bind: 'bind lo',
      file: 'file db.example.org',
      forward: 'forward . 192.0.2.1',
      template: 'template IN A',
      view: 'view v',
      tls: 'tls cert.pem key.pem',
      hosts: 'hosts {\nfallthrough\n}\nhosts',
      rewrite: 'rewrite',
      root: 'root a',
      autopath: 'autopath @kubernetes',
    };
    const fault = faultOf(`${heads[name] ?? name} {\nbogus_option\n}`);
    assert.match(fault, new RegExp(`^CONFIG_\\w+ \\d+:\\d+: plugin/${name}: `), name);
  }
});

const REFUSED = [
  'geoip',
  'quic',
  'grpc_server',
  'https3',
  'trace',
  'dnstap',
  'dynupdate',
  'route53',
  'azure',
  'clouddns',
  'grpc',
  'erratic',
  'on',
  'sign',
  'nomad',
];

test('what skyshard will not have is refused by name and place', () => {
  for (const name of REFUSED) {
    assert.match(
      faultOf(`${name} a b {\nc\n}`),
      new RegExp(`^CONFIG_UNSUPPORTED 2:3: plugin/${name}: skyshard does not have it: `),
    );
  }
  assert.match(faultOf('forward . quic://192.0.2.1'), /^CONFIG_UNSUPPORTED 2:13: plugin\/forward: 'quic'/);
});

test('names that are no plugins', () => {
  assert.match(
    faultOf('kubernets'),
    /^CONFIG_UNKNOWN_DIRECTIVE 2:3: Unknown directive 'kubernets', expected 'kubernetes'\?/,
  );
  assert.match(faultOf('proxy . 1.1.1.1'), /Unknown directive 'proxy', gone since CoreDNS 1\.5, use forward/);
  assert.match(faultOf('xyzzy'), /expected the name of a plugin/);
  assert.match(faultOf('Errors'), /Unknown directive 'Errors', expected 'errors'/);
  assert.match(faultOf('constructor'), /^CONFIG_UNKNOWN_DIRECTIVE/);
});

test('the first fault of the text is the one that is told', () => {
  assert.throws(() => read('a {\n errors x\n}\nb {\n bogus\n}'), { message: /^Corefile:5:2: Unknown directive/ });
  assert.throws(() => read('a {\n cache x {\n foo\n}\n errors x\n}'), SkyshardError);
});
