/**
 * Follows a Dockerfile in folders, without an image: COPY copies, RUN runs in the folder of its stage. npm and Node are what the
 * caller puts first into PATH. Instructions that the Dockerfile did not have when this was written are errors.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface Image {
  /** its root folder: what is at / in a container */
  readonly root: string;
  /** absolute, in the image */
  readonly workingDirectory: string;
  readonly entrypoint: readonly string[];
  /** like 53/udp */
  readonly exposed: readonly string[];
}

interface Stage {
  readonly root: string;
  workingDirectory: string;
  entrypoint: readonly string[];
  exposed: readonly string[];
}

/**
 * @param file  path of the Dockerfile
 * @param context  the folder that COPY copies from
 * @param to  an empty folder
 * @param env  of what RUN runs
 * @returns the last stage
 * @throws Error an instruction is unknown, or failed
 */
export function followDockerfile(
  file: string,
  context: string,
  to: string,
  env: Readonly<Record<string, string | undefined>>,
): Image {
  const ignored = readFileSync(path.join(context, '.dockerignore'), 'utf8').trim().split('\n');
  const stages = new Map<string, Stage>();
  let stage: Stage | undefined;
  const pathIn = (of: Stage, name: string): string => path.join(of.root, path.posix.resolve(of.workingDirectory, name));
  for (const line of readFileSync(file, 'utf8')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, instruction, text] = /^(\w+) (.*)$/.exec(line)!;
    if (instruction === 'FROM') {
      const name = / AS (\w+)$/.exec(text!)?.[1] ?? 'last';
      stage = { root: path.join(to, name), workingDirectory: '/', entrypoint: [], exposed: [] };
      mkdirSync(stage.root);
      stages.set(name, stage);
      continue;
    }
    if (stage === undefined) throw new Error(`${line}: before FROM`);
    if (instruction === 'WORKDIR') {
      stage.workingDirectory = text!;
      mkdirSync(pathIn(stage, '.'), { recursive: true });
    } else if (instruction === 'COPY') {
      const [, from, names] = /^(?:--from=(\w+) )?(.*)$/.exec(text!)!;
      const sources = names!.split(' ');
      const target = sources.pop()!;
      for (const source of sources) {
        if (from === undefined && ignored.includes(source)) throw new Error(`${line}: .dockerignore has ${source}`);
        const origin = from === undefined ? context : stages.get(from)!.root;
        const copy = target.endsWith('/') ? path.posix.join(target, path.basename(source)) : target;
        cpSync(path.join(origin, source), pathIn(stage, copy), { recursive: true, verbatimSymlinks: true });
      }
    } else if (instruction === 'RUN') {
      const options = { cwd: pathIn(stage, '.'), env, encoding: 'utf8' } as const;
      const { status, stdout, stderr, error } = spawnSync('sh', ['-c', text!], options);
      if (status !== 0) throw new Error(`${line}: ${error?.message ?? `exit code ${status}\n${stdout}${stderr}`}`);
    } else if (instruction === 'EXPOSE') {
      stage.exposed = text!.split(' ');
    } else if (instruction === 'ENTRYPOINT') {
      stage.entrypoint = JSON.parse(text!) as string[];
    } else {
      throw new Error(`${line}: not known here`);
    }
  }
  return stage!;
}
