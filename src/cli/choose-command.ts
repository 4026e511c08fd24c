/**
 * Which subcommand is meant where none is named: a manifest of another DNS server keeps its arguments and changes the image.
 */
import { SkyshardError } from '../base/skyshard-error.ts';
import { KUBE_DNS_FLAGS } from '../kubedns/flag-table.ts';
import { SERVE_FLAGS } from './serve-options.ts';

export type ServingCommand = 'serve' | 'kube-dns';

/** Flags of programs whose place is not taken, to tell them from a slip of the pen. */
const STRANGERS: Readonly<Record<string, ReadonlySet<string>>> = {
  SkyDNS: new Set(
    'machines addr domain nameservers path-prefix local no-rec dnssec tls-key tls-pem ca-cert username password rtimeout round-robin ns-rotate stubzones verbose systemd hostmaster scache rcache rcache-ttl ndots etcd3'.split(
      ' ',
    ),
  ),
  kube2sky: new Set(
    'domain etcd-mutation-timeout etcd-server kubecfg-file kube-master-url healthz-port v logtostderr log-dir'.split(
      ' ',
    ),
  ),
};

/** @throws SkyshardError CLI_USAGE if the flags are of both, or of neither */
export function chooseCommand(args: readonly string[]): ServingCommand {
  const end = args.indexOf('--');
  const names = (end < 0 ? args : args.slice(0, end))
    .filter((argument) => /^--?[^-]/.test(argument))
    .map((argument) => argument.replace(/^--?/, '').replace(/=.*/s, ''));
  if (names.length === 0 && end < 0) return 'serve';
  const isServe = end < 0 && names.every((name) => SERVE_FLAGS.some((flag) => flag.name === name));
  // Flags that kube-dns got from skyshard are of serve.
  if (isServe) return 'serve';
  const isKubeDns = names.every(isOfKubeDns);
  const strangers = Object.entries(STRANGERS).flatMap(([program, flags]) =>
    end < 0 && names.every((name) => flags.has(name.replaceAll('_', '-'))) ? [program] : [],
  );
  const asked = names.map((name) => `-${name}`).join(' ');
  if (isKubeDns && strangers.length === 0) return 'kube-dns';
  if (isKubeDns) {
    const text = `${asked} fits kube-dns, ${strangers.join(' and ')}: name the subcommand, as in skyshard kube-dns ${args.join(' ')}; whose place is not taken is that of ${strangers.join(' and ')}`;
    throw new SkyshardError('CLI_USAGE', text);
  }
  if (strangers.length > 0) {
    const text = `${asked}: flags of ${strangers.join(' and ')}, whose place skyshard does not take; there are the subcommands serve and kube-dns`;
    throw new SkyshardError('CLI_USAGE', text);
  }
  // Whose flags they nearly are says what is wrong with them.
  const isNearlyServe = names.some((name) => SERVE_FLAGS.some((flag) => flag.name === name));
  return end >= 0 || (names.some(isOfKubeDns) && !isNearlyServe) ? 'kube-dns' : 'serve';
}

function isOfKubeDns(name: string): boolean {
  return Object.hasOwn(KUBE_DNS_FLAGS, name) || Object.hasOwn(KUBE_DNS_FLAGS, name.replaceAll('_', '-'));
}
