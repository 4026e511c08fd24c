/**
 * How long a start takes: from the process's start to the first right answer, what CPU time that takes, and resident memory afterwards;
 * skyshard beside CoreDNS, in turns.
 *
 * usage: node native-free-bench/compare-start.ts [--cases demo,small,large] [--rounds 7] [--services 10000] [--endpoints 15]
 *          [--kubeconfig FILE --ask NAME]
 *
 * demo: what `npm start` serves, skyshard alone. small: 100 Services of a fake API server. large: as many as the options say. With a
 * kubeconfig file it is the cluster of that file, `real`, and NAME has to have an address when everything is listed.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findCoreDns } from './contenders/coredns.ts';
import { startFakeApiServer } from './contenders/fake-api-server.ts';
import { findProgram, startServerProcess } from './contenders/server-process.ts';
import { DEFAULT_CLUSTER_SHAPE, generateCluster } from './dataset/generate-cluster.ts';
import { ask } from './measure/ask.ts';
import { findFreePort } from './measure/free-port.ts';
import { readCpuTime } from './measure/process-cpu.ts';
import { quartiles } from './measure/statistics.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const DEMO = fileURLToPath(new URL('../deploy/demo', import.meta.url));
const START_MAX_MS = 120_000;
const ASK_MS = 20;
/** When resident memory is read, ms after the first answer: what a start leaves behind is given back by then. */
const REST_MS = 3_000;
const MS_PER_TICK = 10;

const CASES = ['demo', 'small', 'large', 'real'] as const;
type Case = (typeof CASES)[number];
type Program = 'skyshard' | 'coredns';

export interface StartArguments {
  readonly cases: readonly Case[];
  readonly rounds: number;
  readonly services: number;
  readonly endpoints: number;
  readonly kubeconfig: string | undefined;
  /** a name of that cluster that is to have an address */
  readonly ask: string | undefined;
}

interface Start {
  readonly wallMs: number;
  /** of the whole process, until the answer */
  readonly cpuMs: number;
  readonly residentMib: number;
  /** without pages of files */
  readonly ownMib: number;
}

/** What a program is started with, and which name tells that it is complete. */
interface Subject {
  readonly name: string;
  readonly programs: readonly Program[];
  /** lines of `kubernetes`; undefined: the demo's manifests */
  readonly source: string | undefined;
  readonly close: () => Promise<void>;
}

/** @throws Error which argument is wrong */
export function parseStartArguments(args: readonly string[]): StartArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cases: { type: 'string' },
      rounds: { type: 'string', default: '7' },
      services: { type: 'string', default: '10000' },
      endpoints: { type: 'string', default: '15' },
      kubeconfig: { type: 'string' },
      ask: { type: 'string' },
    },
  });
  const { kubeconfig, ask: asked, cases = kubeconfig === undefined ? 'demo,small,large' : 'real' } = values;
  const chosen = cases.split(',').map((text) => {
    const found = CASES.find((name) => name === text);
    if (found === undefined) throw new Error(`no case is called ${text}: ${CASES.join(', ')}`);
    return found;
  });
  if (chosen.includes('real') && (kubeconfig === undefined || asked === undefined)) {
    throw new Error('the case real wants --kubeconfig FILE and --ask NAME');
  }
  const number = (option: 'rounds' | 'services' | 'endpoints'): number => {
    const value = Number(values[option]);
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`--${option} wants a positive number, not ${values[option]}`);
    return value;
  };
  return {
    cases: chosen,
    rounds: number('rounds'),
    services: number('services'),
    endpoints: number('endpoints'),
    kubeconfig,
    ask: asked,
  };
}

/** @returns a line a case and program: medians, quartiles in brackets */
export async function compareStarts(options: StartArguments, log: (line: string) => void): Promise<string> {
  if (!existsSync(MAIN)) throw new Error('dist/ is not built: npm run build');
  const hasCoreDns = (await findCoreDns()) !== undefined;
  if (!hasCoreDns) log('skipped: coredns is not installed');
  const lines: string[] = [];
  for (const name of options.cases) {
    const subject = await openSubject(name, options);
    try {
      const programs = subject.programs.filter((program) => program === 'skyshard' || hasCoreDns);
      const starts = new Map<Program, Start[]>(programs.map((program) => [program, []]));
      for (let round = 0; round < options.rounds; round++) {
        // Who comes first changes from round to round.
        for (const program of round % 2 === 0 ? programs : programs.toReversed()) {
          const start = await measureStart(program, subject);
          starts.get(program)!.push(start);
          log(`${name}, ${program}: ${formatStarts([start])} · load ${loadavg()[0]!.toFixed(1)}`);
        }
      }
      for (const [program, all] of starts) lines.push(`${name}, ${program}: ${formatStarts(all)}`);
    } finally {
      await subject.close();
    }
  }
  return lines.join('\n');
}

async function openSubject(name: Case, options: StartArguments): Promise<Subject> {
  const close = async (): Promise<void> => undefined;
  const both = ['skyshard', 'coredns'] as const;
  if (name === 'demo') {
    return { name: 'whoami.default.svc.cluster.local', programs: ['skyshard'], source: undefined, close };
  }
  if (name === 'real') {
    return { name: options.ask!, programs: both, source: `kubeconfig ${options.kubeconfig}`, close };
  }
  const services = name === 'small' ? 100 : options.services;
  const cluster = generateCluster({ ...DEFAULT_CLUSTER_SHAPE, services, endpointsPerService: options.endpoints });
  const api = await startFakeApiServer(cluster);
  const { name: service, namespace } = cluster.plan(cluster.serviceCount - 1);
  return {
    name: `${service}.${namespace}.svc.cluster.local`,
    programs: both,
    source: `endpoint http://127.0.0.1:${api.port}`,
    close: () => api.stop(),
  };
}

async function measureStart(program: Program, subject: Subject): Promise<Start> {
  const directory = mkdtempSync(join(tmpdir(), 'compare-start-'));
  const port = await findFreePort();
  const command = await commandOf(program, subject, port, directory);
  const startMs = performance.now();
  const running = await startServerProcess({ command, cpus: [0, 1], directory });
  try {
    const query = [{ name: `${subject.name}.`, type: 'A' }] as const;
    for (;;) {
      if (running.hasEnded()) throw new Error(`${program} has ended: ${command.join(' ')}`);
      if (performance.now() - startMs > START_MAX_MS) throw new Error(`${program} does not answer for ${subject.name}`);
      const [response] = await ask(query, { address: '127.0.0.1', port, edns: false, timeoutMs: ASK_MS });
      if (response !== undefined && (response[3]! & 0x0f) === 0 && response.readUInt16BE(6) > 0) break;
      await sleep(ASK_MS / 2);
    }
    const wallMs = performance.now() - startMs;
    const { userTicks, systemTicks } = readCpuTime(running.processId);
    await sleep(REST_MS);
    const status = readFileSync(`/proc/${running.processId}/status`, 'utf8');
    const mib = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)![1]) / 1024;
    return {
      wallMs,
      cpuMs: (userTicks + systemTicks) * MS_PER_TICK,
      residentMib: mib('VmRSS'),
      ownMib: mib('RssAnon') + mib('RssShmem'),
    };
  } finally {
    await running.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function commandOf(program: Program, subject: Subject, port: number, directory: string): Promise<string[]> {
  if (subject.source === undefined) {
    return [process.execPath, MAIN, 'serve', '--manifests', DEMO, '--bind', '127.0.0.1', '--dns.port', String(port)];
  }
  const file = join(directory, 'Corefile');
  writeFileSync(
    file,
    `.:${port} {
    bind 127.0.0.1
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        ${subject.source}
        pods insecure
        ttl 30
    }
    cache 30
}
`,
  );
  return program === 'skyshard'
    ? [process.execPath, MAIN, 'serve', '--conf', file]
    : [(await findCoreDns())!, '-conf', file];
}

function formatStarts(starts: readonly Start[]): string {
  const shown = (what: keyof Start): string => {
    const { median, lower, upper } = quartiles(starts.map((start) => start[what]));
    return starts.length === 1 ? median.toFixed(0) : `${median.toFixed(0)} [${lower.toFixed(0)} ${upper.toFixed(0)}]`;
  };
  return `first answer ${shown('wallMs')} ms, CPU until then ${shown('cpuMs')} ms, resident ${shown('residentMib')} MiB, own ${shown('ownMib')} MiB`;
}

/** @returns the program that the measuring itself lacks on this machine */
export function findMissingStartTool(): string | undefined {
  return ['taskset'].find((name) => findProgram(name) === undefined);
}

if (import.meta.main) {
  console.log(await compareStarts(parseStartArguments(process.argv.slice(2)), console.log));
}
