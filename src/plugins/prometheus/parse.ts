import {
  argumentFault,
  readOptions,
  takeArgument,
  takeArguments,
  takeNoArguments,
} from '../../config/corefile/line-reader.ts';
import { definePluginOnce } from '../../config/corefile/plugin-definition.ts';
import { readListenAddress, type ListenAddress } from '../../config/upstream-address.ts';

export interface PrometheusOptions {
  readonly listen: ListenAddress;
  readonly hasRuntimeMetrics: boolean;
  /** absolute path of a web configuration file for TLS */
  readonly tlsConfigFile: string | null;
}

/** `prometheus [ADDRESS] { runtime_metrics; tls FILE }` */
export default definePluginOnce('prometheus', (line, block): PrometheusOptions => {
  const [token] = takeArguments(line, 0, 1, 'prometheus [ADDRESS]');
  const listen = token === undefined ? { host: 'localhost', port: 9153 } : readListenAddress(token);
  let hasRuntimeMetrics = false;
  let tlsConfigFile: string | null = null;
  readOptions(
    line,
    {
      runtime_metrics: (option) => {
        takeNoArguments(option);
        hasRuntimeMetrics = true;
      },
      tls: (option) => {
        if (tlsConfigFile !== null) throw argumentFault(option.name, 'tls block already specified');
        tlsConfigFile = block.resolvePath(takeArgument(option, 'tls FILE').text);
      },
    },
    (name) => `unknown option: ${name}`,
  );
  return { listen, hasRuntimeMetrics, tlsConfigFile };
});
