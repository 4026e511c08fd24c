/** Reads the ConfigMap where the flags say it is, and hands what it says to the keeper. */
import { SkyshardError } from '../base/skyshard-error.ts';
import type { KubernetesApiOptions } from '../apiserver/api-options.ts';
import type { LogFunction } from '../observability/log.ts';
import { readConfigDirectory } from './config-directory.ts';
import type { ConfigKeeper } from './config-keeper.ts';
import type { ConfigMapPlace } from './kube-dns-plan.ts';

export interface ConfigSource {
  close(): Promise<void>;
}

export interface ConfigSourceOptions {
  readonly place: ConfigMapPlace;
  /** how the API server is reached */
  readonly api: KubernetesApiOptions;
  readonly keeper: ConfigKeeper;
  readonly log: LogFunction;
  /** told of a bug */
  readonly fail: (error: unknown) => void;
}

/** The start goes on with defaults where the API server does not say what the ConfigMap is. */
const FIRST_STATE_MAX_MS = 5000;

/**
 * Read the ConfigMap and look after it from now on.
 *
 * @throws SkyshardError API_ACCESS
 */
export async function openConfigSource(options: ConfigSourceOptions): Promise<ConfigSource> {
  const { place } = options;
  if (place.kind === 'directory') return openDirectory(options, place);
  if (place.kind === 'object') return openObject(options, place);
  return { close: () => Promise.resolve() };
}

async function openDirectory(
  { keeper, log, fail }: ConfigSourceOptions,
  { path, periodMs, isAsked }: Extract<ConfigMapPlace, { kind: 'directory' }>,
): Promise<ConfigSource> {
  let wasThere = false;
  const look = async (): Promise<void> => {
    try {
      const content = await readConfigDirectory(path);
      if (content === undefined) {
        // kubelet never takes the directory itself away: who does has not meant an empty ConfigMap.
        if (wasThere) throw new SkyshardError('CONFIG_READ', `${path} is gone`);
        keeper.take(undefined, '');
        return;
      }
      wasThere = true;
      keeper.take(content.data, content.version);
    } catch (error) {
      if (!(error instanceof SkyshardError)) throw error;
      keeper.takeFault(error);
    }
  };
  await look();
  if (!wasThere && isAsked)
    log('warn', `kube-dns ConfigMap: there is no directory ${path}: defaults hold until there is`);
  let looking: Promise<void> = Promise.resolve();
  let isClosed = false;
  const plan = (): NodeJS.Timeout =>
    setTimeout(() => {
      looking = look()
        .then(() => {
          if (!isClosed) timer = plan();
        })
        .catch(fail);
    }, periodMs).unref();
  let timer = plan();
  return {
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

async function openObject(
  { keeper, api, log, fail }: ConfigSourceOptions,
  { namespace, name }: Extract<ConfigMapPlace, { kind: 'object' }>,
): Promise<ConfigSource> {
  const { ConfigMapWatch } = await import('../apiserver/config-map-watch.ts');
  const watch = await ConfigMapWatch.open({
    api,
    namespace,
    name,
    log,
    fail,
    onState: ({ data, version }) => keeper.take(data, version),
  });
  await watch.start(FIRST_STATE_MAX_MS);
  return watch;
}
