/** Arguments without a subcommand, as manifests of other DNS servers have them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chooseCommand } from '../../../src/cli/choose-command.ts';

function choose(line: string): string {
  try {
    return chooseCommand(line.split(' ').filter((word) => word !== ''));
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'CLI_USAGE', String(error));
    return (error as Error).message;
  }
}

describe('flags without a subcommand', () => {
  test('of CoreDNS, and skyshard’s own, are for serve', () => {
    for (const line of [
      '',
      '-conf /etc/coredns/Corefile',
      '-conf=Corefile -dns.port=1053 -quiet',
      '-p 1053',
      '--manifests deploy/demo --bind 127.0.0.1',
      '--manifests deploy/demo',
      '--shards 2 --transport dgram --log-format json',
    ]) {
      assert.equal(choose(line), 'serve', line);
    }
  });

  test('of each container of kube-dns are for kube-dns', () => {
    for (const line of [
      '--domain=cluster.local. --dns-port=10053 --config-dir=/kube-dns-config --v=2',
      '-v=2 -logtostderr -configDir=/etc/k8s/dns/dnsmasq-nanny -restartDnsmasq=true -- -k --cache-size=1000 --server=/cluster.local/127.0.0.1#10053',
      '--v=2 --logtostderr --probe=kubedns,127.0.0.1:10053,kubernetes.default.svc.cluster.local,5,SRV',
      '-cmd nslookup -port=8080',
      '--config-map=kube-dns --manifests=deploy/demo',
      '-- --cache-size=1000',
    ]) {
      assert.equal(choose(line), 'kube-dns', line);
    }
  });

  test('that fit more than one are an error that names them', () => {
    assert.match(choose('--domain=cluster.local'), /-domain fits kube-dns, SkyDNS and kube2sky: name the subcommand/);
    assert.match(choose('--domain=cluster.local --kubecfg-file=/x'), /fits kube-dns, kube2sky: name the subcommand/);
    assert.match(choose('--v=2'), /kube-dns/);
  });

  test('of programs whose place nobody takes are an error too', () => {
    assert.match(choose('-machines=http://127.0.0.1:4001 -addr=0.0.0.0:53'), /flags of SkyDNS.*serve and kube-dns/);
    assert.match(choose('--etcd-server=http://127.0.0.1:4001 --domain=x'), /flags of kube2sky/);
  });

  test('that nobody has go to the one whose they nearly are, which says what it has', () => {
    assert.equal(choose('--frobnicate'), 'serve');
    assert.equal(choose('-conf x --frobnicate'), 'serve');
    assert.equal(choose('--dns-port=53 --frobnicate'), 'kube-dns');
  });
});
