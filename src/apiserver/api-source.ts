/** The API server as a source of objects: a reflector a kind, over one access. */
import type { SkyshardError } from '../base/skyshard-error.ts';
import type { ObjectKind, ObjectSink } from '../kubernetes/object-sink.ts';
import type { MetricFamily } from '../observability/counters/metric-family.ts';
import { type ApiAccess, openAccess } from './access.ts';
import { ApiClient } from './api-client.ts';
import { ApiMetrics } from './api-metrics.ts';
import type { KubernetesApiOptions } from './api-options.ts';
import { API_TIMING, type ApiTiming } from './api-timing.ts';
import { Contact } from './contact.ts';
import type { LogFunction } from './fault-log.ts';
import { type KindStatus, Reflector } from './reflector.ts';
import { API_RESOURCES } from './resources.ts';
import { TurnBudget } from './turn-budget.ts';

export interface ApiSourceOptions {
  readonly api: KubernetesApiOptions;
  /** what is read; each kind once */
  readonly kinds: readonly ObjectKind[];
  /** label selector of Services, EndpointSlices and Pods; null: all */
  readonly labels: string | null;
  /** label selector of Namespaces, and of ServiceImports as in CoreDNS; null: all */
  readonly namespaceLabels: string | null;
  readonly log: LogFunction;
  /** told of a bug on the way, here or in the sink: the kind is then no longer followed */
  readonly fail: (error: unknown) => void;
  /** the first list of a kind is complete and handed on */
  readonly onSynced?: (kind: ObjectKind) => void;
  /** those of all kinds are */
  readonly onAllSynced?: () => void;
  /** to count into, where counts shall outlive the source */
  readonly metrics?: ApiMetrics;
  readonly timing?: Partial<ApiTiming>;
}

export interface ApiSource {
  /** Begin to list and watch. */
  start(): void;
  /** Stop; resolves when the sink is called no more. */
  close(): Promise<void>;
  /** of each kind, in the order of the options */
  readonly status: readonly KindStatus[];
  families(): readonly MetricFamily[];
}

/** Shared by all sources: they take turns on one thread. */
const budget = new TurnBudget();

/** @throws SkyshardError API_ACCESS if how the server is reached cannot be made out: file and field are named */
export async function openApiSource(options: ApiSourceOptions, sink: ObjectSink): Promise<ApiSource> {
  const { api, log } = options;
  const warn = (error: SkyshardError): void => {
    log('warn', `${error.code}: ${error.message}; what was read before is used on`);
  };
  return new ReflectingSource(options, sink, await openAccess(api, warn));
}

class ReflectingSource implements ApiSource {
  readonly #options: ApiSourceOptions;
  readonly #access: ApiAccess;
  readonly #metrics: ApiMetrics;
  readonly #reflectors: readonly Reflector[];
  readonly #abort = new AbortController();
  #runs: readonly Promise<void>[] = [];

  constructor(options: ApiSourceOptions, sink: ObjectSink, access: ApiAccess) {
    this.#options = options;
    this.#access = access;
    this.#metrics = options.metrics ?? new ApiMetrics();
    const timing = { ...API_TIMING, ...options.timing };
    const { answerMs } = timing;
    const common = {
      client: new ApiClient({ access, limits: options.api, metrics: this.#metrics, answerMs }),
      sink,
      metrics: this.#metrics,
      timing,
      budget,
      contact: new Contact(),
      log: options.log,
      onSynced: (kind: ObjectKind) => this.#noteSynced(kind),
    };
    this.#reflectors = options.kinds.map((kind) => {
      const labelSelector = options[API_RESOURCES[kind].selector] ?? '';
      return new Reflector({ ...common, kind, labelSelector });
    });
  }

  get status(): readonly KindStatus[] {
    return this.#reflectors.map((reflector) => reflector.status);
  }

  start(): void {
    const { fail } = this.#options;
    this.#runs = this.#reflectors.map((reflector) => reflector.run(this.#abort.signal).catch(fail));
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#runs);
    this.#access.close();
  }

  families(): readonly MetricFamily[] {
    return this.#metrics.families(() => this.status);
  }

  #noteSynced(kind: ObjectKind): void {
    this.#options.onSynced?.(kind);
    if (this.status.every((status) => status.isSynced)) this.#options.onAllSynced?.();
  }
}
