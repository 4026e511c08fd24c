/** What is served where there is no Corefile: kubeadm's, with the addresses of the command line. */
import { parseResolvConf } from '../../config/resolv-conf.ts';
import { SYSTEM_FILES, type ConfigFiles } from '../../config/corefile/config-files.ts';

/** How messages call it. */
export const BUILT_IN_NAME = 'built-in configuration';
const RESOLV_CONF = '/etc/resolv.conf';

export interface BuiltInCorefile {
  readonly text: string;
  readonly warnings: readonly string[];
}

/**
 * @param bindAddresses  IP addresses to listen on; probes and metrics are on the first of them. Empty: all of the machine.
 */
export function builtInCorefile(bindAddresses: readonly string[], files: ConfigFiles = SYSTEM_FILES): BuiltInCorefile {
  const [first = ''] = bindAddresses;
  const host = first.includes(':') ? `[${first}]` : first;
  const bind = bindAddresses.length === 0 ? '' : `    bind ${bindAddresses.join(' ')}\n`;
  const hasUpstreams = parseResolvConf(files.read(RESOLV_CONF) ?? '').nameservers.length > 0;
  const forward = hasUpstreams ? `    forward . ${RESOLV_CONF}\n` : '';
  const text = `. {
${bind}    errors
    health ${host}:8080 {
        lameduck 5s
    }
    ready ${host}:8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus ${host}:9153
${forward}    cache 30
    loop
    reload
    loadbalance
}
`;
  const warning = `${RESOLV_CONF} names no server: names that are not of the cluster are answered with SERVFAIL`;
  return { text, warnings: hasUpstreams ? [] : [warning] };
}
