/**
 * The configuration of the ConfigMap that holds: the last one that was in order. Whoever reads the ConfigMap hands in what it
 * says; what breaks a rule changes nothing, is said once, and counted.
 */
import type { SkyshardError } from '../base/skyshard-error.ts';
import type { LogFunction } from '../observability/log.ts';
import type { MetricFamily } from '../observability/counters/metric-family.ts';
import {
  CONFIG_MAP_KEYS,
  ConfigMapFault,
  DEFAULT_CONFIG,
  readConfigMap,
  type ConfigMapData,
  type KubeDnsConfig,
} from './config-map.ts';

export class ConfigKeeper {
  readonly #log: LogFunction;
  #config: KubeDnsConfig = DEFAULT_CONFIG;
  #onChange: () => void = () => undefined;
  /** what was handed in last, in order or not */
  #version: string | undefined;
  #isGood = true;
  #goodSeconds = 0;
  /** what was said last about one that cannot be read */
  #complaint = '';
  readonly #failures = new Map<string, number>();

  constructor(log: LogFunction) {
    this.#log = log;
  }

  get config(): KubeDnsConfig {
    return this.#config;
  }

  /** @param onChange  another configuration holds */
  start(onChange: () => void): void {
    this.#onChange = onChange;
  }

  /**
   * @param data     undefined: there is no ConfigMap, which means defaults
   * @param version  another one where something is different
   */
  take(data: ConfigMapData | undefined, version: string): void {
    this.#complaint = '';
    if (version === this.#version) return;
    const isFirst = this.#version === undefined;
    this.#version = version;
    let config: KubeDnsConfig;
    try {
      config = data === undefined ? DEFAULT_CONFIG : readConfigMap(data);
    } catch (error) {
      if (!(error instanceof ConfigMapFault)) throw error;
      this.#refuse(error.key, error.message);
      return;
    }
    this.#isGood = true;
    this.#goodSeconds = Date.now() / 1000;
    if (JSON.stringify(config) === JSON.stringify(this.#config)) return;
    this.#config = config;
    if (!isFirst) this.#log('info', `kube-dns ConfigMap: taken over: ${describe(config)}`);
    this.#onChange();
  }

  /** It could not be read. */
  takeFault(error: SkyshardError): void {
    if (error.message === this.#complaint) return;
    this.#complaint = error.message;
    this.#refuse('', error.message);
  }

  #refuse(key: string, reason: string): void {
    this.#isGood = false;
    this.#failures.set(key, (this.#failures.get(key) ?? 0) + 1);
    this.#log('error', `kube-dns ConfigMap: ${reason}; what holds stays: ${describe(this.#config)}`);
  }

  families(): readonly MetricFamily[] {
    return [
      {
        name: 'skyshard_kubedns_config_valid',
        type: 'gauge',
        help: '1 if the ConfigMap of kube-dns is in order, 0 while an earlier one holds.',
        labels: [],
        samples: () => [{ labels: {}, value: this.#isGood ? 1 : 0 }],
      },
      {
        name: 'skyshard_kubedns_config_timestamp_seconds',
        type: 'gauge',
        help: 'When a ConfigMap of kube-dns was read that is in order.',
        labels: [],
        samples: () => [{ labels: {}, value: this.#goodSeconds }],
      },
      {
        name: 'skyshard_kubedns_config_failures_total',
        type: 'counter',
        help: 'ConfigMaps of kube-dns that were not taken over, by the key that is wrong; empty where none could be read.',
        labels: ['key'],
        samples: () =>
          [...CONFIG_MAP_KEYS, ''].map((key) => ({ labels: { key }, value: this.#failures.get(key) ?? 0 })),
      },
    ];
  }
}

function describe({ stubDomains, upstreams }: KubeDnsConfig): string {
  const domains =
    stubDomains.length === 0 ? 'no stub domains' : `stub domains ${stubDomains.map(({ zone }) => zone).join(' ')}`;
  const servers =
    upstreams.length === 0
      ? 'no upstream servers of its own'
      : `upstream servers ${upstreams.map(({ address, port }) => `${address}#${port}`).join(' ')}`;
  return `${domains}, ${servers}`;
}
