import { readDuration } from '../../config/duration.ts';
import {
  argumentFault,
  readOptions,
  readWord,
  takeArgument,
  takeArguments,
  takeNoArguments,
} from '../../config/corefile/line-reader.ts';
import { readNetwork, type Network } from '../../config/network.ts';
import { readInteger } from '../../config/number.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface ProxyprotoOptions {
  /** headers of these peers are used */
  readonly allow: readonly Network[];
  /** what is done with a header of anybody else */
  readonly otherwise: 'use' | 'ignore' | 'reject' | 'skip';
  /** how long a UDP peer keeps the address of its first header; 0: not at all */
  readonly udpSessionMs: number;
  readonly udpSessionsMax: number;
  readonly hasTlvMetadata: boolean;
}

/** `proxyproto { allow CIDR…; default POLICY; udp_session_tracking DURATION [MAX]; tlv_metadata }` */
export default definePlugin('proxyproto', (lines): ProxyprotoOptions => {
  const allow: Network[] = [];
  let policy: ProxyprotoOptions['otherwise'] | undefined;
  let udpSessionMs = 0;
  let udpSessionsMax = 10_240;
  let hasTlvMetadata = false;
  for (const line of lines) {
    takeNoArguments(line);
    readOptions(
      line,
      {
        allow: (option) => allow.push(...option.arguments.map((token) => readNetwork(token, 'network'))),
        default: (option) => {
          const token = takeArgument(option, 'default use|ignore|reject|skip');
          const lowered = { ...token, text: token.text.toLowerCase() };
          policy = readWord(lowered, ['use', 'ignore', 'reject', 'skip'], 'policy');
        },
        udp_session_tracking: (option) => {
          const [duration, max] = takeArguments(option, 1, 2, 'udp_session_tracking DURATION [MAX]');
          udpSessionMs = readDuration(duration!, 'udp_session_tracking');
          if (max !== undefined) udpSessionsMax = readInteger(max, 'udp_session_tracking: max sessions', 1);
        },
        tlv_metadata: (option) => {
          takeNoArguments(option);
          hasTlvMetadata = true;
        },
      },
      (name) => `unknown option '${name}'`,
    );
  }
  if (lines.length > 1) throw argumentFault(lines[1]!.name, 'proxy protocol already configured for this server block');
  const otherwise = policy ?? (allow.length === 0 ? 'use' : 'ignore');
  return { allow, otherwise, udpSessionMs, udpSessionsMax, hasTlvMetadata };
});
