/** Loaded before the program (`node --import`): SIGUSR2 ends the thread of the resolver, as a bug in it would. */
import { syncBuiltinESMExports } from 'node:module';
import threads, { isMainThread, type WorkerOptions } from 'node:worker_threads';

if (isMainThread) {
  let resolver: threads.Worker | undefined;
  threads.Worker = new Proxy(threads.Worker, {
    construct(target, args: [string | URL, WorkerOptions?]) {
      const worker = new target(...args);
      if (args[1]?.name?.startsWith('resolver ') === true) resolver = worker;
      return worker;
    },
  });
  syncBuiltinESMExports();
  process.on('SIGUSR2', () => void resolver?.terminate());
}
