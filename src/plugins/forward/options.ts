import type { BlockContext } from '../../config/corefile/block-context.ts';
import { quoteText } from '../../config/corefile/corefile-token.ts';
import type { CorefileLine } from '../../config/corefile/corefile-tree.ts';
import { readRcode } from '../../config/dns-words.ts';
import { readDuration } from '../../config/duration.ts';
import {
  argumentFault,
  countFault,
  readWord,
  takeArgument,
  takeArguments,
  takeNoArguments,
  type OptionReaders,
} from '../../config/corefile/line-reader.ts';
import { formatIP, readIP } from '../../config/network.ts';
import { readInteger, U32_MAX } from '../../config/number.ts';
import { readTlsFiles } from '../../config/tls-files.ts';
import { readAddressAndPort } from '../../config/upstream-address.ts';
import { readName } from '../../config/zone-name.ts';
import type { ForwardStanza, HealthCheck } from './stanza.ts';

type Draft = { -readonly [Key in keyof Omit<ForwardStanza, 'from' | 'to'>]: ForwardStanza[Key] };

/** The options of one stanza with their defaults, and the readers that change them. */
export function forwardReaders(block: BlockContext): { readonly draft: Draft; readonly readers: OptionReaders } {
  const draft: Draft = {
    except: [],
    forcesTcp: false,
    prefersUdp: false,
    expireMs: 10_000,
    maxAgeMs: 0,
    idleConnectionsMax: 0,
    readTimeoutMs: 2000,
    failsMax: 2,
    connectAttemptsMax: null,
    healthCheck: { intervalMs: 500, isRecursionDesired: true, name: '.' },
    tls: null,
    tlsServerName: null,
    policy: 'random',
    concurrentMax: 0,
    nextRcodes: [],
    asksNextOnNodata: false,
    failoverRcodes: [],
    failsFastIfAllDown: false,
    dohMethod: 'POST',
    resolvers: [],
    sourceAddress: null,
  };
  const readers: OptionReaders = {
    except: (option) => {
      const tokens = takeArguments(option, 1, Infinity, 'except NAME…');
      draft.except = [...draft.except, ...block.readZones(tokens)];
    },
    force_tcp: (option) => {
      takeNoArguments(option);
      draft.forcesTcp = true;
    },
    prefer_udp: (option) => {
      takeNoArguments(option);
      draft.prefersUdp = true;
    },
    failfast_all_unhealthy_upstreams: (option) => {
      takeNoArguments(option);
      draft.failsFastIfAllDown = true;
    },
    ...connectionReaders(draft, block),
    ...replyReaders(draft),
  };
  return { draft, readers };
}

function connectionReaders(draft: Draft, block: BlockContext): OptionReaders {
  return {
    expire: (option) => {
      draft.expireMs = readDuration(takeArgument(option, 'expire DURATION'), 'expire');
    },
    max_age: (option) => {
      draft.maxAgeMs = readDuration(takeArgument(option, 'max_age DURATION'), 'max_age');
    },
    max_idle_conns: (option) => {
      draft.idleConnectionsMax = readInteger(takeArgument(option, 'max_idle_conns N'), 'max_idle_conns');
    },
    read_timeout: (option) => {
      draft.readTimeoutMs = readDuration(takeArgument(option, 'read_timeout DURATION'), 'read_timeout', {
        minMs: 1e-6,
      });
    },
    max_fails: (option) => {
      draft.failsMax = readInteger(takeArgument(option, 'max_fails N'), 'max_fails', 0, U32_MAX);
    },
    max_connect_attempts: (option) => {
      const token = takeArgument(option, 'max_connect_attempts N');
      draft.connectAttemptsMax = readInteger(token, 'max_connect_attempts', 0, U32_MAX);
    },
    health_check: (option) => {
      draft.healthCheck = readHealthCheck(option);
    },
    tls: (option) => {
      draft.tls = readTlsFiles(takeArguments(option, 0, 3, 'tls [CERT KEY] [CA]'), block);
    },
    tls_servername: (option) => {
      draft.tlsServerName = takeArgument(option, 'tls_servername NAME').text;
    },
    doh_method: (option) => {
      draft.dohMethod = readWord(takeArgument(option, 'doh_method POST|GET'), ['POST', 'GET'], 'doh_method');
    },
    resolver: (option) => {
      const tokens = takeArguments(option, 1, Infinity, 'resolver IP[:PORT]…');
      draft.resolvers = tokens.map((token) => readAddressAndPort(token, 'resolver', 53));
    },
    source_address: (option) => {
      draft.sourceAddress = formatIP(readIP(takeArgument(option, 'source_address IP'), 'IP address'));
    },
  };
}

function replyReaders(draft: Draft): OptionReaders {
  return {
    policy: (option) => {
      const token = takeArgument(option, 'policy random|round_robin|sequential');
      draft.policy = readWord(token, ['random', 'round_robin', 'sequential'], 'unknown policy');
    },
    max_concurrent: (option) => {
      draft.concurrentMax = readInteger(takeArgument(option, 'max_concurrent N'), 'max_concurrent');
    },
    next: (option) => {
      draft.nextRcodes = [...draft.nextRcodes, ...readRcodes(option)];
    },
    next_on_nodata: (option) => {
      takeNoArguments(option);
      draft.asksNextOnNodata = true;
    },
    failover: (option) => {
      const rcodes = readRcodes(option);
      const noErrorAt = rcodes.indexOf(0);
      if (noErrorAt >= 0) throw argumentFault(option.arguments[noErrorAt]!, 'NoError cannot be used in failover');
      draft.failoverRcodes = [...draft.failoverRcodes, ...rcodes];
    },
  };
}

function readRcodes(option: CorefileLine): number[] {
  const tokens = takeArguments(option, 1, Infinity, `${option.name.text} RCODE…`);
  return tokens.map((token) => readRcode(token, token.text.toUpperCase()));
}

function readHealthCheck(option: CorefileLine): HealthCheck {
  const usage = 'health_check DURATION [no_rec] [domain NAME]';
  const [interval, ...rest] = option.arguments;
  if (interval === undefined) throw countFault(option.name, usage);
  let isRecursionDesired = true;
  let name = '.';
  for (let index = 0; index < rest.length; index++) {
    const token = rest[index]!;
    if (token.text === 'no_rec') isRecursionDesired = false;
    else if (token.text === 'domain') {
      const domain = rest[++index];
      if (domain === undefined) throw countFault(token, usage);
      name = readName(domain, 'health_check domain name');
    } else throw argumentFault(token, `health_check: unknown option ${quoteText(token.text)}, expected '${usage}'`);
  }
  return { intervalMs: readDuration(interval, 'health_check'), isRecursionDesired, name };
}
